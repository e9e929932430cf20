"""Clients that nobody here wrote, against the live server.

Starts one server in development mode with raised rate policies and runs each check_*.py against it.
"""

import argparse
import importlib
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import RAISE_LIMITS, HarnessError, Receiver, Server, end_on_signals

CHECKS = ["headers", "webhook", "openapi", "metrics", "schemathesis"]
ORIGIN = "https://app.example.com"


@dataclass
class Context:
    """What a check is given."""

    server: Server
    receiver: Receiver
    key: str
    promtool: str
    origin: str = ORIGIN

    @property
    def url(self) -> str:
        return self.server.url


class CheckError(Exception):
    """What was found wrong."""


def check(condition: bool, message: str):
    if not condition:
        raise CheckError(message)


def run_checks(context: Context, names: list[str]) -> int:
    failed = 0
    for name in names:
        start = time.monotonic()
        try:
            found = importlib.import_module(f"check_{name}").run(context)
            print(f"  ok    {name}: {found} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception as error:
            failed += 1
            known = type(error).__name__ == "CheckError" or isinstance(error, HarnessError)
            print(f"  FAIL  {name}: {error if known else traceback.format_exc()}", flush=True)
    return failed


def run_shutdown(server: Server) -> int:
    """SIGTERM drains and ends the server within 20 seconds, with exit status 0."""
    start = time.monotonic()
    is_good = server.stop(seconds=21)
    print(f"  {'ok   ' if is_good else 'FAIL '} shutdown: on SIGTERM ({time.monotonic() - start:.1f} s)", flush=True)
    return 0 if is_good else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--psql", required=True)
    parser.add_argument("--promtool", required=True)
    parser.add_argument("checks", nargs="*", default=CHECKS, help=" ".join(CHECKS))
    arguments = parser.parse_args()
    end_on_signals()
    environment = {
        "LEVQOR_ENVIRONMENT": "development",
        "LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8",
        "LEVQOR_CORS_ORIGINS": ORIGIN,
    }
    receiver = Receiver()
    try:
        with Server(arguments.server, arguments.psql, environment, name="clients") as server:
            server.start()
            server.sql(RAISE_LIMITS)
            context = Context(server, receiver, server.make_operator_key(), arguments.promtool)
            failed = run_checks(context, arguments.checks)
            return 1 if failed + run_shutdown(server) else 0
    except HarnessError as error:
        print(f"  FAIL  {error}")
        return 1
    finally:
        receiver.close()


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]
    sys.exit(main())
