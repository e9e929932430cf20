"""Constant routes that look on the wire like another route's answer, to compare the work behind them."""

from __future__ import annotations

from harness import Answer, HarnessError

from ..stage import Stage

BARE = "/gate/bare"
# What differs from answer to answer, in length too.
VOLATILE = {"date", "x-request-id", "retry-after", "content-length"}


def add_twin(stage: Stage, method: str, path: str, answer: Answer) -> Answer:
    """A constant route that gives this answer. What the middleware adds to any answer is left to the middleware."""
    if stage.sql(f"select 1 from http.route as r where r.path = '{BARE}'") == "":
        add_constant(stage, "GET", BARE, {"status": 200, "headers": {}, "body": "{}"})
    common = {name.lower() for name in stage.call("GET", BARE).headers} - {"retry-after"}
    own = {name: value for name, value in answer.headers.items() if name.lower() not in common}
    own.pop("Content-Length", None)
    own["Content-Type"] = answer.headers["Content-Type"]
    add_constant(stage, method, path, {"status": answer.status, "headers": own, "body": answer.text})
    return stage.call(method, path, body=None if method == "GET" else "{}")


def add_constant(stage: Stage, method: str, path: str, constant: dict):
    stage.add_route(
        {
            "method": method,
            "path": path,
            "domain": "gate",
            "access": "public",
            "constant": constant,
            # A public route that is no GET must have one. The server looks at it for routes with a function only.
            "limit_class": None if method == "GET" else "gate-constant",
            "lane": "gathered",
            "scopes": [],
            "timeout_ms": 5000,
            "body_cap": 524288,
            "mode": "any",
            "is_sensitive": False,
            "is_enabled": True,
            "parameters": {},
            "responses": {},
            "version": 1,
            "origin": "local",
            "local_columns": [],
            "when_limiter_fails": "closed",
            "is_metered": False,
            "reads_replica": False,
        }
    )


def check_alike(answer: Answer, twin: Answer) -> dict:
    """Same status, same header fields, same size but for the digits of a few numbers."""
    names = [sorted(name.lower() for name in a.headers) for a in (answer, twin)]
    if answer.status != twin.status or names[0] != names[1]:
        raise HarnessError(
            f"the constant route's answer differs: {answer.status} {names[0]} against {twin.status} {names[1]}"
        )
    sizes = [size_of(a) for a in (answer, twin)]
    if abs(sizes[0] - sizes[1]) > 16:
        raise HarnessError(f"the constant route's answer has {sizes[1]} bytes, the other one {sizes[0]}")
    return {"answer_bytes": sizes[0], "constant_answer_bytes": sizes[1]}


def size_of(answer: Answer) -> int:
    return len(answer.text.encode()) + sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
