"""HTTP requests as bytes, and files of them for the load generators."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

BODY = '{"workflow":"bench","payload":{"order":4711,"items":["a","b","c"],"note":"a payload of usual size"}}'


def make_request(method: str, path: str, key: str, address: str, body: str | None = None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: gate", "Accept: application/json"]
    lines += [f"X-Api-Key: {key}", f"X-Forwarded-For: {address}"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()


def write_requests(path: Path, requests: Iterable[bytes]) -> Path:
    """For each its length in decimal, a newline, its bytes."""
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%d\n%b" % (len(request), request))
    return path


def read_requests(path: Path) -> list[bytes]:
    data, place, requests = path.read_bytes(), 0, []
    while place < len(data):
        end = data.index(b"\n", place)
        length = int(data[place:end])
        requests.append(data[end + 1 : end + 1 + length])
        place = end + 1 + length
    return requests
