"""A lean HTTP client for the queue's load: kept-alive connections on uvloop, requests as ready bytes."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit


class Wire:
    """One connection to a server; one request at a time."""

    def __init__(self, url: str, key: str):
        place = urlsplit(url)
        self.host, self.port, self.key = place.hostname, place.port, key
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def connect(self) -> Wire:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 22)
        return self

    def make(self, path: str, body: str) -> bytes:
        """A POST as bytes."""
        data = body.encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if status == 204:
            return status, b""
        place = head.index(b"content-length:") + 15
        length = int(head[place : head.index(b"\r\n", place)])
        return status, await self.reader.readexactly(length)

    async def call(self, path: str, body: dict) -> tuple[int, dict | None]:
        status, data = await self.send(self.make(path, json.dumps(body)))
        return status, json.loads(data) if data else None

    def close(self):
        self.writer.close()
