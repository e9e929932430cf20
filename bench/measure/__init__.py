"""The parts of bench/gate.py: a stage (server, database, callers), contenders, load generators, one module a row."""
