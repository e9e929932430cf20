"""The peers: web applications in Python that call the baseline."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import ROOT, Client, HarnessError, free_port, wait_for


@dataclass
class Peer:
    url: str
    pid: int
    log: Path


@contextlib.contextmanager
def start(name: str, command: list[str], port: int, environment: dict[str, str], log: Path) -> Iterator[Peer]:
    """Runs a peer, waits until it answers, and ends it."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT / "bench" / "peers",
            env=environment,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
        )
    peer = Peer(f"http://127.0.0.1:{port}", process.pid, log)

    def answers() -> bool:
        if process.poll() is not None:
            raise HarnessError(f"{name} ended: {log.read_text(errors='replace')[-2000:]}")
        client = Client(peer.url, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            return client.call("GET", "/health").status == 200
        client.close()
        return False

    try:
        wait_for(name, 60, answers, pause=0.2)
        yield peer
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def flask(url: str, work: Path, environment: dict[str, str]):
    """gunicorn with 2 workers of 4 threads, as the replaced system ran; its access log goes to a file."""
    port, log = free_port(), work / "flask.log"
    command = ["gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4", "--keep-alive", "75"]
    command += ["--access-logfile", "-", "flask_app:app"]
    return start("gunicorn", command, port, environment | {"BENCH_DATABASE_URL": url}, log)


def fastapi(url: str, work: Path, environment: dict[str, str]):
    """uvicorn with 2 workers on uvloop and httptools; its access log goes to a file."""
    port, log = free_port(), work / "fastapi.log"
    command = ["uvicorn", "--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--loop", "uvloop"]
    command += ["--http", "httptools", "--proxy-headers", "--forwarded-allow-ips", "127.0.0.1", "--no-use-colors"]
    command += ["--timeout-keep-alive", "75", "fastapi_app:app"]
    return start("uvicorn", command, port, environment | {"BENCH_DATABASE_URL": url}, log)
