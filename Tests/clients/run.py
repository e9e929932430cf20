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
from mail_server import MailServer

CHECKS = [
    "headers",
    "webhook",
    "signers",
    "inbox",
    "mail",
    "openapi",
    "metrics",
    "bi",
    "funnel",
    "cohorts",
    "schemathesis",
]
ORIGIN = "https://app.example.com"
MAIL_PASSWORD = "Zm9yIHRoZSB0ZXN0"
# Secrets of senders outside, by the name of the credential.
INBOX_SECRETS = {
    "CLIENTS_PAY": "whsec_5JUh7x8Nq0Zr2Lw4Tt6Yc9Vb",
    "CLIENTS_PAY_OLD": "whsec_b7GfS2mKd9Qe4Xr1Ty6Uw3Pz",
    "CLIENTS_CODE": "It's a Secret to Everybody",
}


@dataclass
class Context:
    """What a check is given."""

    server: Server
    receiver: Receiver
    key: str
    promtool: str
    dbt: str
    mail: MailServer
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
    parser.add_argument("--dbt", required=True)
    parser.add_argument("checks", nargs="*", default=CHECKS, help=" ".join(CHECKS))
    arguments = parser.parse_args()
    end_on_signals()
    mail = MailServer("starttls", "levqor", MAIL_PASSWORD)
    environment = {
        "LEVQOR_MAIL_URL": f"smtp://levqor@127.0.0.1:{mail.port}",
        "LEVQOR_MAIL_PASSWORD": MAIL_PASSWORD,
        "LEVQOR_MAIL_FROM": "Levqor Prüfung <noreply@example.com>",
        "LEVQOR_CA_FILE": mail.certificate,
        "LEVQOR_ENVIRONMENT": "development",
        "LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8",
        "LEVQOR_CORS_ORIGINS": ORIGIN,
        **{f"LEVQOR_CREDENTIAL_{name}": secret for name, secret in INBOX_SECRETS.items()},
    }
    receiver = Receiver()
    try:
        with Server(arguments.server, arguments.psql, environment, name="clients") as server:
            credentials = server.directory / "credentials"
            credentials.mkdir()
            server.environment["LEVQOR_CREDENTIALS_DIRECTORY"] = str(credentials)
            server.start()
            server.sql(RAISE_LIMITS)
            context = Context(server, receiver, server.make_operator_key(), arguments.promtool, arguments.dbt, mail)
            failed = run_checks(context, arguments.checks)
            return 1 if failed + run_shutdown(server) else 0
    except HarnessError as error:
        print(f"  FAIL  {error}")
        return 1
    finally:
        receiver.close()
        mail.close()


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]
    sys.exit(main())
