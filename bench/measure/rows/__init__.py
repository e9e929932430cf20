"""One module a row of the table of bars, or a few rows that share their runs."""
