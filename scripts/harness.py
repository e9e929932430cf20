"""Starts a server with a database of its own, talks HTTP to it, ends it: what the demo, the bench and the tests share.

Only Python's standard library is used.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
ALL_SCOPES = "platform,admin,jobs:submit,jobs:read,jobs:work,events:write,analytics:read,keys:manage"
# Policies are rows: these let a load or a fuzzer through without switching the limiter off. Kept below what would make
# the interval between two calls vanish.
RAISE_LIMITS = "update limits.policy set quota = 100000, burst = 1000000, window_seconds = 1"


class HarnessError(Exception):
    """A part did not do what it must; the text is for a person."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what: str, seconds: float, condition, pause: float = 0.05):
    """Calls condition until it gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise HarnessError(f"waited {seconds:.0f} s for {what}")
        time.sleep(pause)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self):
        return json.loads(self.text)

    def expect(self, *statuses: int) -> Answer:
        if self.status not in statuses:
            raise HarnessError(f"expected {' or '.join(map(str, statuses))}, got {self.status}: {self.text[:500]}")
        return self


class Client:
    """One kept-alive HTTP connection; not for use by several threads at once."""

    def __init__(self, url: str, key: str | None = None, timeout: float = 30):
        self.url, self.key, self.timeout = urlsplit(url), key, timeout
        self.connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body=None, headers: dict[str, str] | None = None) -> Answer:
        """Sends once. A connection that breaks raises OSError or HTTPException: whether it was done is then unknown."""
        sent = {"Accept": "application/json", **({"X-Api-Key": self.key} if self.key else {}), **(headers or {})}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=self.timeout)
        try:
            self.connection.request(method, path, body=data, headers=sent)
            answer = self.connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Server:
    """levqor-server with an embedded PostgreSQL in a folder of its own, removed at the end."""

    def __init__(self, binary: str, psql: str, environment: dict[str, str] | None = None, name: str = "server"):
        self.binary, self.psql = binary, psql
        base = ROOT / ".levqor" / "tmp"
        base.mkdir(parents=True, exist_ok=True)
        self.directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
        self.directory.chmod(0o755 if os.geteuid() == 0 else 0o700)
        # Nothing of the caller's own configuration may reach this server.
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("LEVQOR_", "PG"))}
        self.environment |= {
            "LEVQOR_SQL_DIRECTORY": str(ROOT / "sql"),
            "LEVQOR_LOG_LEVEL": "warning",
            **(environment or {}),
        }
        self.port, self.admin_port = free_port(), free_port()
        self.url, self.admin_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.admin_port}"
        self.log = self.directory / "server.log"
        self.process: subprocess.Popen | None = None
        # Further options of `serve`.
        self.options: tuple[str, ...] = ()

    def run(self, *arguments: str, timeout: float = 120) -> str:
        """Runs a command of the binary for this folder and gives its stdout."""
        done = subprocess.run(
            [self.binary, *arguments, "--directory", str(self.directory)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode != 0:
            raise HarnessError(f"levqor-server {' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout.strip()

    def start(self, seconds: float = 120):
        (self.directory / "server.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--directory", str(self.directory)]
                + ["--port", str(self.port), "--admin-port", str(self.admin_port), *self.options],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        try:
            wait_for("the server to be ready", seconds, self.is_ready)
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self.tail()}") from None

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise HarnessError(f"the server ended with {self.process.returncode} while it started")
        client = Client(self.url, timeout=5)
        try:
            return client.call("GET", "/ready").status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()

    def tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def kill(self):
        """kill -9: no chance to clean up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def postmaster(self) -> int:
        return int((self.directory / "pg" / "postmaster.pid").read_text().split("\n", 1)[0])

    def stop(self, seconds: float = 30) -> bool:
        """Asks it to end, as an operator does; gives whether it did so in time and in good order."""
        if self.process is None:
            return True
        self.process.terminate()
        try:
            is_good = self.process.wait(timeout=seconds) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            is_good = False
        self.process = None
        return is_good

    def clean_up(self):
        """Ends the server and its PostgreSQL and removes both."""
        self.stop()
        with contextlib.suppress(HarnessError, subprocess.TimeoutExpired, OSError):
            self.run("cluster", "stop", timeout=60)
        # As root the data lives elsewhere, and `pg` is a link to it.
        link = self.directory / "pg"
        if link.is_symlink():
            home = Path(os.readlink(link)).parent
            if home.parent == Path("/var/lib/levqor"):
                shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def database_url(self) -> str:
        return self.run("cluster", "url").splitlines()[-1]

    def sql(self, text: str, *options: str, machinery: bool = True) -> str:
        """Runs SQL as the owner of the product's objects, and gives psql's output."""
        settings = "-c role=levqor_owner -c levqor.machinery=on" if machinery else ""
        done = subprocess.run(
            [
                self.psql,
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                *(options or ("-At",)),
                "-d",
                self.database_url(),
                "-f",
                "-",
            ],
            input=text,
            env=self.environment | {"PGOPTIONS": settings},
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode != 0:
            raise HarnessError(f"SQL failed: {done.stderr.strip()[-2000:]}")
        return done.stdout.rstrip("\n")

    def make_operator_key(self) -> str:
        """A platform key, made as ./dev run makes the first one."""
        text = self.run("key", "create", "--name", "tests", "--account", "operator", "--scopes", ALL_SCOPES)
        return next(word for word in text.split() if word.startswith("lvk_"))

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and not isinstance(error, KeyboardInterrupt) and (tail := self.tail()):
            print(f"--- the server's log ends with:\n{tail}\n---", file=sys.stderr)
        self.clean_up()


class Receiver:
    """An HTTP server on a free port of 127.0.0.1 that keeps every request it gets and answers 204."""

    def __init__(self):
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with receiver.arrived:
                    receiver.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                    receiver.arrived.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A connection that breaks is no news here: the sender may have been killed."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_until(self, what: str, seconds: float, condition):
        with self.arrived:
            if not self.arrived.wait_for(condition, timeout=seconds):
                raise HarnessError(f"waited {seconds:.0f} s for {what}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def end_on_signals():
    """Lets SIGTERM end a script like Ctrl-C does: through its `with` blocks, which clean up."""

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
