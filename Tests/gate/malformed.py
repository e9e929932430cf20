"""Makes malformed requests, by a seed: each as bytes, with what may be said of its answer."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from dataclasses import dataclass

INTAKE = b'{"workflow": "fuzz", "payload": {"n": 1}}'
# fmt: off
# Paths with a part that names something: by what a part may be replaced is below.
ROUTES = [
    ("POST", "/api/v1/intake", {"workflow": "fuzz", "payload": {"n": 1}, "priority": "low"}),
    ("GET", "/api/v1/status/{id}", None),
    ("GET", "/api/v1/jobs/{id}", None),
    ("GET", "/api/v1/jobs", None),
    ("POST", "/api/v1/jobs/{id}/cancel", {}),
    ("POST", "/api/v1/worker/jobs/{id}/complete", {"lease_token": "x", "result": {}}),
    ("POST", "/api/v1/worker/jobs/{id}/fail", {"lease_token": "x", "error": "no"}),
    ("POST", "/api/v1/worker/jobs/{id}/heartbeat", {"lease_token": "x"}),
    ("POST", "/api/v1/users/upsert", {"email": "fuzz@example.com", "name": "Fuzz"}),
    ("GET", "/api/v1/users", None),
    ("PATCH", "/api/v1/users/{id}", {"name": "Fuzz"}),
    ("GET", "/api/v1/users/{id}", None),
    ("GET", "/api/v1/accounts/{id}", None),
    ("POST", "/api/v1/keys/{id}/rotate", {"overlap_seconds": 1}),
    ("DELETE", "/api/v1/keys/{id}", None),
    ("GET", "/problems/{id}", None),
    ("GET", "/api/v1/decisions/{id}", None),
    ("GET", "/api/developer/usage", None),
    ("GET", "/health", None),
    ("GET", "/status", None),
]
PARTS = [
    "job_0", "job_" + "f" * 32, "job_" + "F" * 32, "job_" + "0" * 31 + "g", "%00", "%", "%z1", "%c0%af", "%ff",
    "%ed%a0%80", "..", ".", "%2e%2e", "%2f", "a%2Fb", "%0d%0aX:1", "'", "''--", "1", "-1", "NaN", "null", "{}", "[]",
    "%F0%9F%98%80", "x" * 300, "%20", "+", "job_%30" + "0" * 31, "acct_" + "0" * 32, "key_" + "0" * 32,
    "user_" + "1" * 32, "~", "%25", "00000000-0000-0000-0000-000000000000", "not-found", "%E2%80%AE", "a;b=c", "a,b",
    "@", "%7f", "\\",
]
QUERIES = [
    "limit=abc", "limit=1e3", "limit=-1", "limit=0", "limit=99999999999999999999", "limit=1.5", "limit=", "limit",
    "=", "&&&", "limit=5&limit=6", "cursor=x", "cursor=%00", "cursor=" + "A" * 2000, "workflow=%ff",
    "workflow=%c0%80", "%=1", "a=%", "email=", "email=%00@x", "email=a@b&x=1", "unknown=1", "p_limit=1", "limit=%31",
    "status=nothing", "limit=NaN", "limit=Infinity", "limit=0x10", "limit=1_000", "workflow=" + "w" * 129,
    "&".join(f"a{n}=1" for n in range(101)), "limit=%EF%BC%91", "limit=+1", "limit=1%20", "body=%7B%7D",
    "workflow='--", "a[]=1", "a.b=1", "\u00e9=1".encode().decode("latin-1"),
]
BAD_UTF8 = [
    b"\xff", b"\xfe", b"\x80", b"\xbf\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xed\xa0\x80",
    b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98",
    b"\xc3", b"\xc3\x28",
]
BAD_NUMBERS = [
    b"1e400", b"-1e400", b"1e-400", b"1E+999999999", b"1e99999999999999999999", b"9" * 140_000, b"01", b"+1", b".5",
    b"1.", b"-", b"1e", b"NaN", b"Infinity", b"-Infinity", b"0x10", b"1_000", b"1,5", b"--1", b"1e1.5",
]
BAD_TYPES = [
    b"text/plain", b"", b"application/xml", b"application/json; charset=latin1", b"application/json; charset=utf-16",
    b"multipart/form-data", b"application/x-www-form-urlencoded", b"application/jsonx", b"application", b";",
    b"application/json/json", b"text/json", b"*/*", b"\xff\xfe",
]
FORWARDED = [
    b"unknown", b"999.1.1.1", b"1.2.3", b"::1", b"fe80::1%eth0", b"::ffff:192.0.2.1", b"[2001:db8::1]:443",
    b"192.0.2.1:99999", b",,,", b"", b"127.0.0.1, 127.0.0.1, 127.0.0.1", b", ".join([b"127.0.0.1"] * 400),
    b"\xff\xff", b"'; --", b"192.0.2.7\t", b"_hidden", b"0x7f.1", b"2001:db8:::1", b"1.2.3.4, \xe2\x80\xae",
    b"-1.0.0.0", b"00000192.0.2.1", b"192.0.2.0/24", b"a" * 3000, b"\"192.0.2.1\"", b"for=192.0.2.1",
]
IDEMPOTENCY = [
    b"", b" ", b"\"quoted\"", b"a" * 256, b"a" * 5000, b"\xff\xfe", "schlüssel".encode(), b"a\tb", b"a,b", b"'--",
    b"\xc0\x80", b"\"", b"{}", "\U0001f600".encode() * 63, b"null", b"%00",
]
REQUEST_IDS = [
    b"", b"short", b"a" * 65, b"a" * 5000, b"has space", b"tab\there", b"\xff\xff\xff\xff\xff\xff\xff\xff",
    "ünïcödé-id".encode(), b"'; --aaaa", b"<script>alert(1)</script>", b"%0d%0aSet-Cookie:a=b", b"${jndi:x}",
    b"\"quoted-id\"", b"id\x7fid\x7fid", b"id\x01id\x02id", b"id\x1b[31mid",
]
ACCOUNTS = [
    b"", b"acct_", b"acct_" + b"0" * 32, b"acct_" + b"f" * 33, b"operator", b"'--", b"\xff", b"a" * 4000, b"null",
    b"%00", b"{}",
]
BAD_METHODS = [
    b"FOO", b"get", b"Post", b"TRACE", b"CONNECT", b"PROPFIND", b"M-SEARCH", b"LOCK", b"PURGE", b"G" * 40,
    b"G" * 4000, b"GET\t", b"", b"G T", b"\x00", b"\xff", b"G\x00T", b"QUERY", b"BREW", b"DELETE", b"PUT", b"PATCH",
    b"OPTIONS",
]
TARGETS = [
    b"", b"*", b"health", b"//", b"///health", b"/health/", b"/health/..", b"/./health", b"/%2e/health",
    b"http://example.com/health", b"https://user:pw@example.com/health", b"HTTP://EXAMPLE.COM", b"example.com:443",
    b"/health#part", b"/health?", b"/health?#", b"/he alth", b"/he\talth", b"/\xff", b"/\xc3\xa9", b"/\x00", b"/\x7f",
    b"\\health", b"/health\\", b"?", b"#", b"/api/v1/jobs?limit=\xff", b"ftp://x/", b"://", b"http:///",
    b"http://[::1/health", b"http://[::1]:99999/health", b"/" + b"a" * 3000, b"/" + b"a/" * 2000, b"/%", b"/%f",
    b"/%gg", b"/%00", b"javascript:alert(1)", b"/api//v1//jobs", b"/API/V1/JOBS", b"/api/v1/jobs;x=y", b"data:,x",
    b"/health HTTP/1.1 /status", b"[", b"http://",
]
VERSIONS = [
    b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/2", b"HTTP/3", b"HTTP/1.2", b"HTTP/9.9", b"HTP/1.1", b"http/1.1",
    b"HTTP/1.1 ", b"HTTP/", b"HTTP/1", b"HTTP/-1.1", b"HTTP/1.1.1", b"HTTP/11", b"ICY", b"RTSP/1.0", b"",
]
BAD_LINES = [
    b"NoColon", b": empty name", b"Spa ce: 1", b"Space : 1", b" Leading: 1", b"Na\x00me: 1", b"Value: a\x00b",
    b"Bad\xffName: 1", b"Tab\tName: 1", b"X-Fold: a\r\n b", b"X-Fold: a\r\n\tb", b"Bare: a\nInjected: b",
    b"Bare: a\rInjected: b", b"Par(en): 1", b"X: \x01\x02", b"\"Quoted\": 1", b"=", b"\xef\xbb\xbfX: 1",
    b"X-" + b"n" * 70000 + b": 1",
]
HOSTS = [
    b"", b"a b", b"a,b", b"exa\xffmple", b"[::1", b"host:port", b"user@host", b"http://host", b"h" * 3000, b"../..",
    b"host/path", b"\x7f", b"'",
]
CHUNK_SIZES = [
    b"g", b"-1", b"+5", b"0x5", b" 5", b"5 ", b"ffffffffffffffff", b"10000000000000000", b"7fffffffffffffff", b"",
    b"5;" + b"e" * 20000, b"5;a=\x00", b"\xff", b"5\n", b"5\r", b"5, 5", b"00000000000000000000005",
]
LENGTHS = [
    b"-1", b"abc", b"1 1", b"+5", b"5,5", b"5, 6", b"0x5", b"", b"1e1", b"9223372036854775807",
    b"9223372036854775808", b"18446744073709551616", b"99999999999999999999999", b"5.0", b"\xff", b" ", b"0\x00",
    b"4294967296",
]
CODINGS = [
    [b"Transfer-Encoding: chunked"], [b"Transfer-Encoding: xchunked"], [b"Transfer-Encoding: chunked, identity"],
    [b"Transfer-Encoding: gzip, chunked"], [b"Transfer-Encoding : chunked"], [b"Transfer-Encoding:\x0bchunked"],
    [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], [b"Transfer-Encoding: identity"],
    [b"Transfer-Encoding: Chunked"], [b"transfer-encoding: chunked", b"Transfer-Encoding: x"],
    [b"X: y\nTransfer-Encoding: chunked"], [b"Transfer-Encoding: \"chunked\""], [b"Transfer-Encoding:\r\n chunked"],
    [b"Transfer-Encoding: chunked\x00"], [b"Transfer_Encoding: chunked"],
]
NOISE = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x07" * 64, b"GET /health\r\n", b"GET /health\n\n",
    b"\r\n\r\n\r\n", b"\x00" * 64, b"\x05\x01\x00", b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HELO example.com\r\n", b"{}\r\n\r\n", b"GET", b"GET /",
    b"GET / HTTP/1.1\r\nHost", b"POST / HTTP/1.1\r\nHost: a\r\n", b"\xff\xf4\xff\xfd\x06",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n",
]
# fmt: on


@dataclass
class Item:
    """A request. is_last: nothing may be sent behind it, and it may be answered once or not at all."""

    kind: str
    data: bytes
    is_last: bool = False
    # Must not be answered with 2xx.
    is_wrong: bool = False
    is_head: bool = False
    # Set where the answer must name it.
    request_id: str | None = None
    # Statuses it may have; None: any that is no 5xx.
    statuses: tuple[int, ...] | None = None
    # An id that no answer may name: it stands within the body of another request.
    smuggled: str | None = None


def make_keys(key: str, revoked: str) -> list[bytes]:
    """Keys that must be refused, from a live one."""
    prefix, rest = key[:9], key[9:]
    swapped = rest[:40] + ("A" if rest[40] != "A" else "B") + rest[41:]
    raw = base64.urlsafe_b64decode(rest)
    # Well formed, with a right checksum: another account, another key, another secret.
    forged = []
    for start, end in ((0, 16), (16, 32), (32, 56)):
        body = raw[:start] + bytes(255 - b for b in raw[start:end]) + raw[end:56]
        check = hashlib.sha256(prefix.encode() + body).digest()[:4]
        forged.append(prefix.encode() + base64.urlsafe_b64encode(body + check))
    return [
        *forged,
        revoked.encode(),
        (prefix + swapped).encode(),
        key[:-1].encode(),
        key.encode() + b"A",
        key.upper().encode(),
        b"",
        b" ",
        b"lvk_live_",
        b"lvk_test_" + rest.encode(),
        b"lvk_live_" + b"A" * 80,
        b"lvk_live_" + b"\xff" * 80,
        b"lvk_live_" + b"A" * 5000,
        b"Bearer " + key.encode(),
        b"'--",
        b"\xf0\x9f\x94\x91",
        b"null",
        key.encode() + b", " + key.encode(),
        b"x" * 3000,
        b"lvk_live_" + b"=" * 80,
    ]


class Maker:
    """Makes items, one after the other. The same seed makes the same."""

    def __init__(self, seed: int, key: str, revoked: str):
        self.random = random.Random(seed)
        self.seed, self.count = seed, 0
        self.key, self.bad_keys = key.encode(), make_keys(key, revoked)
        self.deep = {
            (mark, depth): self._nest(mark, depth) for mark in (b"[", b'{"a":') for depth in (65, 66, 100, 1000, 20000)
        }
        # Weights: what opens a new connection costs most, and is rarer.
        self.kinds = [
            (self.bad_utf8, 8),
            (self.nul, 5),
            (self.duplicate_keys, 7),
            (self.depth, 5),
            (self.numbers, 7),
            (self.wrong_types, 9),
            (self.cut_json, 7),
            (self.odd_json, 6),
            (self.content_type, 5),
            (self.any_route, 12),
            (self.api_key, 7),
            (self.forwarded, 5),
            (self.idempotency_key, 5),
            (self.request_id, 5),
            (self.account, 4),
            (self.parts, 7),
            (self.queries, 6),
            (self.chunked_json, 4),
            (self.body_of_get, 2),
            (self.header_flood, 1),
            (self.bad_line, 2),
            (self.host, 2),
            (self.target, 3),
            (self.method, 3),
            (self.version, 2),
            (self.chunks, 2),
            (self.length, 2),
            (self.smuggle, 3),
            (self.noise, 2),
            (self.cut_body, 2),
            (self.large_body, 0.05),
            (self.large_header, 0.5),
        ]
        self.makers = [maker for maker, _ in self.kinds]
        self.weights = [weight for _, weight in self.kinds]

    def next(self) -> Item:
        self.count += 1
        maker = self.random.choices(self.makers, self.weights)[0]
        return maker()

    # ---- parts

    def _id(self) -> str:
        return f"fuzz-{self.seed}-{self.count}"

    def _request(
        self,
        kind: str,
        method: bytes,
        target: bytes,
        body: bytes | None,
        lines: tuple | list = (),
        version: bytes = b"HTTP/1.1",
        key: bytes | None = b"",
        host: bytes | None = b"fuzz.example",
        type: bytes | None = b"application/json",
        has_id: bool = True,
        **more,
    ) -> Item:
        head = [method + b" " + target + (b" " + version if version else b"")]
        if host is not None:
            head.append(b"Host: " + host)
        if key is not None:
            head.append(b"X-Api-Key: " + (key or self.key))
        identity = self._id() if has_id else None
        if identity:
            head.append(b"X-Request-Id: " + identity.encode())
        if body is not None:
            if type is not None:
                head.append(b"Content-Type: " + type)
            head.append(b"Content-Length: %d" % len(body))
        head.extend(lines)
        data = b"\r\n".join(head) + b"\r\n\r\n" + (body or b"")
        return Item(kind, data, is_head=method == b"HEAD", request_id=identity, **more)

    def _intake(self, kind: str, body: bytes, lines: tuple | list = (), **more) -> Item:
        return self._request(kind, b"POST", b"/api/v1/intake", body, lines, **more)

    def _json(self, depth: int = 0):
        """Any JSON value, mostly small."""
        r = self.random
        roll = r.random()
        if depth > 3 or roll < 0.5:
            return r.choice(
                [
                    None,
                    True,
                    False,
                    0,
                    -1,
                    1.5,
                    2**31,
                    2**63,
                    1e308,
                    -(2**70),
                    "",
                    "x",
                    "x" * 2000,
                    "\u00e9",
                    "\U0001f600",
                    "\ufffe",
                    "2026-13-45T99:99:99Z",
                    "00000000-0000-0000-0000-000000000000",
                    "\x7f",
                    "\u202e",
                    "a@b",
                    "'--",
                    "%s%n",
                    "http://[::1",
                    "../../x",
                    "NaN",
                    "{}",
                    [],
                    {},
                ]
            )
        if roll < 0.75:
            return [self._json(depth + 1) for _ in range(r.randrange(5))]
        return {
            r.choice(["a", "b", "workflow", "", "\u00e9", "__proto__", "x" * 200, "p_account_id"]): self._json(
                depth + 1
            )
            for _ in range(r.randrange(5))
        }

    @staticmethod
    def _nest(mark: bytes, depth: int) -> bytes:
        close = b"]" if mark == b"[" else b"}"
        return mark * depth + (b"1" if mark != b"[" else b"") + close * depth

    def _path(self, path: str) -> bytes:
        return path.replace("{id}", self.random.choice(PARTS)).encode("latin-1", "replace")

    # ---- bodies

    def bad_utf8(self) -> Item:
        bad = self.random.choice(BAD_UTF8)
        body = self.random.choice(
            [
                b'{"workflow": "%s", "payload": {}}',
                b'{"workflow": "w", "payload": {"%s": 1}}',
                b'{"workflow": "w", "payload": {"a": "b%sc"}}',
                b'{"workflow": "w", "payload": {}}%s',
                b'%s{"workflow": "w", "payload": {}}',
            ]
        )
        return self._intake("bad UTF-8", body % bad, is_wrong=True, statuses=(400,))

    def nul(self) -> Item:
        nul = self.random.choice([b"\\u0000", b"\x00", b"a\\u0000b", b"\x00" * 50])
        body = self.random.choice(
            [
                b'{"workflow": "%s", "payload": {}}',
                b'{"workflow": "w", "payload": {"%s": 1}}',
                b'{"workflow": "w", "payload": {"a": ["%s"]}}',
            ]
        )
        return self._intake("U+0000", body % nul, is_wrong=True, statuses=(400, 422))

    def duplicate_keys(self) -> Item:
        body = self.random.choice(
            [
                b'{"workflow": "w", "workflow": "x", "payload": {}}',
                b'{"workflow": "w", "payload": {"a": 1, "a": 2}}',
                b'{"workflow": "w", "payload": {"a": 1, "\\u0061": 2}}',
                b'{"workflow": "w", "payload": {}, "payload": {}}',
                b'{"workflow": "w", "payload": {"a": [{"": 1, "": 2}]}}',
                b'{"workflow": "w", "p\\u0061yload": {}, "payload": {}}',
                b'{"workflow": "w", "payload": {"\\ud83d\\ude00": 1, "\xf0\x9f\x98\x80": 2}}',
                b'{"workflow": "w", "payload": {' + b", ".join(b'"k%d": 1' % n for n in range(200)) + b', "k7": 2}}',
            ]
        )
        return self._intake("duplicate keys", body, is_wrong=True, statuses=(400,))

    def depth(self) -> Item:
        nested = self.random.choice(list(self.deep.values()))
        if self.random.random() < 0.2:
            return self._intake("depth", nested, is_wrong=True, statuses=(400,))
        return self._intake(
            "depth", b'{"workflow": "w", "payload": {"a": %s}}' % nested, is_wrong=True, statuses=(400,)
        )

    def numbers(self) -> Item:
        body = b'{"workflow": "w", "payload": {"n": %s}}' % self.random.choice(BAD_NUMBERS)
        return self._intake("numbers", body, is_wrong=True, statuses=(400,))

    def wrong_types(self) -> Item:
        body = {"workflow": "w", "payload": {}}
        name = self.random.choice(
            ["workflow", "payload", "callback_url", "priority", "unknown", "p_workflow", "body", ""]
        )
        value = self._json()
        right = {"workflow": str, "payload": dict, "callback_url": (str, type(None)), "priority": str}.get(name, ())
        body[name] = value
        is_wrong = not isinstance(value, right) or (name == "priority" and value not in ("low", "normal", "high"))
        return self._intake(
            "wrong types", json.dumps(body, ensure_ascii=self.random.random() < 0.5).encode(), is_wrong=is_wrong
        )

    def cut_json(self) -> Item:
        body = json.dumps({"workflow": "w", "payload": {"a": [1, 2.5e3, "x\u00e9", None, True, {"b": {}}]}}).encode()
        return self._intake("cut JSON", body[: self.random.randrange(1, len(body))], is_wrong=True, statuses=(400, 422))

    def odd_json(self) -> Item:
        body = self.random.choice(
            [
                INTAKE + b" x",
                INTAKE + INTAKE,
                b"\xef\xbb\xbf" + INTAKE,
                INTAKE.decode().encode("utf-16"),
                b"// c\n" + INTAKE,
                INTAKE.replace(b'"', b"'"),
                b'{"workflow": "w", "payload": {},}',
                b'{"workflow": "\\ud800", "payload": {}}',
                b'{"workflow": "w", "payload": {"\\udc00\\ud800": 1}}',
                b'{"workflow": "a\nb", "payload": {}}',
                b'{"workflow": "\\x41", "payload": {}}',
                b'{"workflow": "\\u12", "payload": {}}',
                b"null",
                b"[]",
                b'""',
                b"0",
                b"true",
                b"TRUE",
                b"undefined",
                b" ",
                b"\r\n",
                b"workflow=w&payload=x",
                bytes(self.random.randrange(256) for _ in range(self.random.randrange(1, 200))),
                b"{" * 1000,
                b"\x1f\x8b\x08\x00" + b"\x07" * 20,
            ]
        )
        return self._intake("odd JSON", body, is_wrong=True)

    def content_type(self) -> Item:
        kind = self.random.choice(BAD_TYPES + [None])
        if self.random.random() < 0.3:
            coding = self.random.choice([b"gzip", b"br", b"identity, gzip", b"x", b"\xff"])
            return self._intake(
                "content coding", INTAKE, [b"Content-Encoding: " + coding], is_wrong=True, statuses=(415,)
            )
        return self._intake("content type", INTAKE, type=kind, is_wrong=True, statuses=(415,))

    def any_route(self) -> Item:
        """A real route with a body of any shape."""
        method, path, body = self.random.choice(ROUTES)
        target = self._path(path)
        if body is None:
            return self._request("any route", method.encode(), target, None)
        changed = dict(body)
        for _ in range(self.random.randrange(1, 3)):
            changed[self.random.choice([*body, "unknown", "status", "id"])] = self._json()
        data = json.dumps(changed if self.random.random() < 0.8 else self._json()).encode()
        return self._request("any route", method.encode(), target, data)

    def chunked_json(self) -> Item:
        """Well chunked, badly written."""
        body, data = self.random.choice([INTAKE[:-1], b"[" * 70, INTAKE + b"\xff", b"\x00"]), b""
        while body:
            size = self.random.randrange(1, 9)
            data += b"%x\r\n%s\r\n" % (len(body[:size]), body[:size])
            body = body[size:]
        item = self._request(
            "chunked JSON",
            b"POST",
            b"/api/v1/intake",
            None,
            [b"Content-Type: application/json", b"Transfer-Encoding: chunked"],
        )
        item.data += data + b"0\r\n\r\n"
        item.is_wrong, item.statuses = True, (400, 422)
        return item

    def body_of_get(self) -> Item:
        return self._request(
            "GET with a body", b"GET", b"/api/v1/jobs", self.random.choice([b"{}", b"x" * 2000, b"\xff"]), is_wrong=True
        )

    def large_body(self) -> Item:
        body = b'{"workflow": "w", "payload": {"a": "' + b"x" * self.random.choice([210_000, 530_000]) + b'"}}'
        return self._intake("large body", body, is_last=True, is_wrong=True, statuses=(413,))

    # ---- headers

    def api_key(self) -> Item:
        target = self.random.choice([b"/api/v1/jobs", b"/api/v1/status/job_" + b"0" * 32])
        if self.random.random() < 0.1:
            return self._request("no key", b"GET", target, None, key=None, is_wrong=True, statuses=(401,))
        key = self.random.choice(self.bad_keys)
        item = self._request("bad key", b"GET", target, None, key=None, is_wrong=True, statuses=(401, 400))
        item.data = item.data.replace(b"\r\n\r\n", b"\r\nX-Api-Key: " + key + b"\r\n\r\n", 1)
        return item

    def forwarded(self) -> Item:
        lines = [
            b"X-Forwarded-For: " + self.random.choice(FORWARDED) for _ in range(self.random.choice([1, 1, 1, 2, 30]))
        ]
        if self.random.random() < 0.3:
            lines.append(b'Forwarded: for="_x";proto=\xff')
        return self._intake("X-Forwarded-For", INTAKE[:-1] if self.random.random() < 0.5 else INTAKE, lines)

    def idempotency_key(self) -> Item:
        lines = [b"Idempotency-Key: " + self.random.choice(IDEMPOTENCY) for _ in range(self.random.choice([1, 1, 2]))]
        return self._intake("Idempotency-Key", INTAKE, lines)

    def request_id(self) -> Item:
        line = b"X-Request-Id: " + self.random.choice(REQUEST_IDS)
        is_last = any((c < 32 and c != 9) or c == 127 for c in line)
        lines = [line] * self.random.choice([1, 1, 2])
        return self._request(
            "X-Request-Id", b"GET", b"/api/v1/jobs?limit=1", None, lines, has_id=False, is_last=is_last
        )

    def account(self) -> Item:
        lines = [b"Levqor-Account: " + self.random.choice(ACCOUNTS)] * self.random.choice([1, 1, 2])
        return self._request("Levqor-Account", b"GET", b"/api/v1/jobs?limit=1", None, lines, is_wrong=True)

    def header_flood(self) -> Item:
        count = self.random.choice([90, 200, 1000, 3000])
        lines = [b"X-Flood-%d: %d" % (n, n) for n in range(count)]
        return self._request("header flood", b"GET", b"/health", None, lines, is_last=True)

    def large_header(self) -> Item:
        size = self.random.choice([8_000, 20_000, 70_000, 100_000, 300_000])
        return self._request("large header", b"GET", b"/health", None, [b"X-Large: " + b"x" * size], is_last=True)

    def bad_line(self) -> Item:
        return self._request("bad header line", b"GET", b"/health", None, [self.random.choice(BAD_LINES)], is_last=True)

    def host(self) -> Item:
        roll = self.random.random()
        if roll < 0.3:
            return self._request("no Host", b"GET", b"/health", None, host=None, is_last=True, is_wrong=True)
        if roll < 0.6:
            lines = [b"Host: " + self.random.choice([b"fuzz.example", b"other.example", b""])]
            return self._request("two Hosts", b"GET", b"/health", None, lines, is_last=True, is_wrong=True)
        return self._request("odd Host", b"GET", b"/health", None, host=self.random.choice(HOSTS), is_last=True)

    # ---- request lines

    def parts(self) -> Item:
        method, path, body = self.random.choice([route for route in ROUTES if "{id}" in route[1]])
        return self._request(
            "odd path part", method.encode(), self._path(path), json.dumps(body).encode() if body is not None else None
        )

    def queries(self) -> Item:
        _, path, _ = self.random.choice([route for route in ROUTES if route[0] == "GET"])
        target = self._path(path) + b"?" + self.random.choice(QUERIES).encode("latin-1")
        is_last = any(c > 126 for c in target)
        return self._request("odd query", b"GET", target, None, is_last=is_last)

    def target(self) -> Item:
        return self._request("odd target", b"GET", self.random.choice(TARGETS), None, is_last=True)

    def method(self) -> Item:
        method = self.random.choice(BAD_METHODS)
        return self._request(
            "odd method",
            method,
            self.random.choice([b"/health", b"/api/v1/intake", b"/api/v1/jobs"]),
            None,
            is_last=True,
        )

    def version(self) -> Item:
        lines = [b"Connection: keep-alive"] if self.random.random() < 0.3 else []
        return self._request(
            "odd version", b"GET", b"/health", None, lines, version=self.random.choice(VERSIONS), is_last=True
        )

    # ---- framing

    def chunks(self) -> Item:
        item = self._request(
            "bad chunks",
            b"POST",
            b"/api/v1/intake",
            None,
            [b"Content-Type: application/json", b"Transfer-Encoding: chunked"],
        )
        size, ending = self.random.choice(CHUNK_SIZES), self.random.choice([b"\r\n", b"\n", b"", b"\r\n\r\n"])
        tail = self.random.choice(
            [b"0\r\n\r\n", b"0\r\n", b"", b"0\r\nBad Trailer\r\n\r\n", b"0\r\nX-Api-Key: x\r\n\r\n"]
        )
        item.data += size + b"\r\nhello" + ending + tail
        item.is_last, item.is_wrong = True, True
        return item

    def length(self) -> Item:
        item = self._request(
            "bad Content-Length", b"POST", b"/api/v1/intake", None, [b"Content-Type: application/json"]
        )
        lines = [self.random.choice(LENGTHS)]
        if self.random.random() < 0.3:
            lines.append(b"%d" % len(INTAKE))
            self.random.shuffle(lines)
        item.data = item.data[:-2] + b"".join(b"Content-Length: %s\r\n" % line for line in lines) + b"\r\n" + INTAKE
        item.is_last = True
        # An empty one may be read as none, and then there is no body: also refused.
        item.is_wrong = True
        return item

    def smuggle(self) -> Item:
        """Both lengths, with a second request where the two readings differ."""
        marker = f"smuggled-{self.seed}-{self.count}"
        inner = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + marker.encode() + b"\r\n\r\n"
        coding = self.random.choice(CODINGS)
        body = b"0\r\n\r\n" + inner if self.random.random() < 0.7 else b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)
        lines = [b"Content-Type: application/json", *coding]
        lines.insert(self.random.randrange(len(lines) + 1), b"Content-Length: %d" % len(body))
        item = self._request("both lengths", b"POST", b"/api/v1/intake", None, lines, is_last=True, is_wrong=True)
        item.data += body
        item.smuggled = marker
        return item

    def noise(self) -> Item:
        if self.random.random() < 0.3:
            data = bytes(self.random.randrange(256) for _ in range(self.random.randrange(1, 400)))
        else:
            data = self.random.choice(NOISE)
        return Item("noise", data, is_last=True)

    def cut_body(self) -> Item:
        """The body ends before its length: the client leaves."""
        body = INTAKE[: self.random.randrange(len(INTAKE))]
        item = self._request(
            "cut body",
            b"POST",
            b"/api/v1/intake",
            None,
            [b"Content-Type: application/json", b"Content-Length: %d" % len(INTAKE)],
        )
        item.data += body
        item.is_last, item.is_wrong = True, True
        return item
