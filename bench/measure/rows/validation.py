"""Validation of the intake body: our server's validator beside Python's jsonschema, same schema, same body."""

from __future__ import annotations

import json
import subprocess
import time

from harness import HarnessError
from jsonschema import Draft202012Validator

from ..report import Figure, Report, median, ratios, spread
from ..requests import BODY
from ..stage import INTAKE, Stage

OURS, THEIRS = 200_000, 5_000


def time_ours(stage: Stage, schema, body) -> dict:
    """The server's own measuring mode: one JSON object with parse_us and validate_us, both per repetition."""
    command = [stage.server.binary, "bench-validate", str(schema), str(body), str(OURS)]
    done = subprocess.run(command, env=stage.server.environment, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise HarnessError(f"levqor-server bench-validate failed: {done.stderr.strip()[-500:]}")
    result = json.loads(done.stdout)
    if result["violations"] != 0:
        raise HarnessError(f"our validator finds {result['violations']} violations in the body of the bench")
    return result


def time_theirs(schema: dict, body: dict) -> float:
    """Microseconds a validation, the validator made once, as a server would."""
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    validator.validate(body)
    began = time.perf_counter()
    for _ in range(THEIRS):
        validator.validate(body)
    return (time.perf_counter() - began) / THEIRS * 1e6


def measure(report: Report, stage: Stage, plan: dict):
    schema_text = stage.sql(
        f"select http.resolve_schema(r.request_schema) from http.route as r where (method, path) = ('POST', '{INTAKE}')"
    )
    schema, body = stage.work / "schema.json", stage.work / "body.json"
    schema.write_text(schema_text)
    body.write_text(BODY)
    ours, theirs = [], []
    for _ in range(plan["turns"]):
        ours.append(time_ours(stage, schema, body))
        theirs.append(time_theirs(json.loads(schema_text), json.loads(BODY)))
    times = [run["validate_us"] for run in ours]
    details = {"parse_us": [round(run["parse_us"], 3) for run in ours], "body_bytes": len(BODY)}
    report.add(
        Figure("validation: of the intake body", median(times), "us", 20.0, True, spread=spread(times), details=details)
    )
    report.add(Figure("validation: the same in Python's jsonschema", median(theirs), "us", spread=spread(theirs)))
    compared = ratios(theirs, times)
    report.add(
        Figure("validation: times faster than jsonschema", median(compared), "ratio", 20.0, spread=spread(compared))
    )
