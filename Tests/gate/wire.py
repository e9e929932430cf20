"""HTTP/1.1 as bytes on a socket: what the fuzzer needs and no client library lets it do."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field


class WireError(Exception):
    """What came back is no HTTP."""


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    reason: str = ""
    repeated: list[str] = field(default_factory=list)

    @property
    def closes(self) -> bool:
        return "close" in self.headers.get("connection", "").lower()


class Wire:
    """One connection. Every wait has a deadline."""

    def __init__(self, port: int, seconds: float = 20):
        self.seconds = seconds
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.is_ended = False

    def send(self, data: bytes) -> bool:
        """Sends; false when the server has closed already."""
        try:
            self.socket.sendall(data)
            return True
        except TimeoutError:
            raise WireError(f"the server did not read {len(data)} bytes within {self.seconds:.0f} s") from None
        except OSError:
            return False

    def end_sending(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _more(self, deadline: float) -> bool:
        """Reads on; false at the end of the stream."""
        if self.is_ended:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(262144)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        if not data:
            self.is_ended = True
            return False
        self.buffer += data
        return True

    def read(self, is_head: bool = False) -> Response | None:
        """The next final response; None when the stream ends before it begins. Raises TimeoutError."""
        deadline = time.monotonic() + self.seconds
        while True:
            response = self._read_one(deadline, is_head)
            if response is None or response.status >= 200:
                return response

    def _read_one(self, deadline: float, is_head: bool) -> Response | None:
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if not self._more(deadline):
                if self.buffer.strip():
                    raise WireError(f"the stream ended within a head: {self.buffer[:200]!r}")
                return None
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        self.buffer = self.buffer[end + 4 :]
        parts = lines[0].split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
            raise WireError(f"no status line: {lines[0][:200]!r}")
        headers: dict[str, str] = {}
        repeated = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise WireError(f"no header line: {line[:200]!r}")
            name = name.lower()
            if name in headers:
                repeated.append(name)
            headers[name] = value.strip()
        response = Response(int(parts[1]), headers, b"", parts[2] if len(parts) > 2 else "", repeated)
        if is_head or response.status < 200 or response.status in (204, 304):
            return response
        if headers.get("transfer-encoding", "").lower() == "chunked":
            response.body = self._read_chunks(deadline)
        elif "content-length" in headers:
            length = int(headers["content-length"])
            while len(self.buffer) < length:
                if not self._more(deadline):
                    raise WireError(f"the stream ended within a body: {len(self.buffer)} of {length} bytes")
            response.body, self.buffer = self.buffer[:length], self.buffer[length:]
        else:
            while self._more(deadline):
                pass
            response.body, self.buffer = self.buffer, b""
        return response

    def _read_chunks(self, deadline: float) -> bytes:
        body = b""
        while True:
            while (end := self.buffer.find(b"\r\n")) < 0:
                if not self._more(deadline):
                    raise WireError("the stream ended within a chunk's head")
            size = int(self.buffer[:end].split(b";")[0], 16)
            while len(self.buffer) < end + 2 + size + 2:
                if not self._more(deadline):
                    raise WireError("the stream ended within a chunk")
            body += self.buffer[end + 2 : end + 2 + size]
            self.buffer = self.buffer[end + 2 + size + 2 :]
            if size == 0:
                return body

    def close(self):
        self.socket.close()
