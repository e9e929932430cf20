"""Compares the calls of Resend's API that LevqorPG makes with those of the official `resend` package.

A receiver on a free port of 127.0.0.1 takes both. As a program: prints its port; then for each call of ours prints a
line of JSON: the call, and what differs from the official client's call for the same mail. Ends with its standard
input.
"""

import base64
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import resend

KEY = "re_test_123"
ID = "msg_0123456789abcdef0123456789abcdef"

# The mail of the test, as a user of the official package would write it.
MAIL: resend.Emails.SendParams = {
    "from": "Levqor Prüfung <noreply@example.com>",
    "to": ["Jörg Müller <joerg@example.org>"],
    "subject": "Größe: 3 < 5",
    "html": "<p>3 &lt; 5</p>\n",
    "text": "3 < 5\n",
    "reply_to": "help@example.com",
    "headers": {
        "List-Unsubscribe": "<https://example.com/u/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    "attachments": [
        {
            "filename": "Übersicht.csv",
            "content": base64.b64encode("a;b\n1;ü\n".encode()).decode(),
            "content_type": "text/csv",
        }
    ],
    "tags": [{"name": "class", "value": "newsletter"}],
}
# Headers that say what a call is. The others (User-Agent, Accept-Encoding, Connection …) belong to the HTTP library.
TELLING = ["authorization", "content-type", "accept", "idempotency-key"]


class Receiver:
    """Answers as Resend does, by the key: re_wrong is refused, re_busy is told to come back."""

    def __init__(self, on_call):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {k.lower(): v for k, v in self.headers.items()}
                key = headers.get("authorization", "").removeprefix("Bearer ")
                status, answer = {
                    "re_wrong": (401, {"name": "invalid_api_key", "message": "API key is invalid"}),
                    "re_busy": (429, {"name": "rate_limit_exceeded", "message": "Too many requests"}),
                    "re_strict": (422, {"name": "validation_error", "message": "Invalid `to` field"}),
                }.get(key, (200, {"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}))
                text = json.dumps(answer).encode()
                call = {"method": self.command, "path": self.path, "headers": headers, "body": json.loads(body)}
                on_call(call)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                if status == 429:
                    self.send_header("Retry-After", "7")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def call_officially() -> dict:
    """What the official package sends for the mail of the test."""
    calls = []
    receiver = Receiver(calls.append)
    resend.api_key = KEY
    resend.api_url = f"http://127.0.0.1:{receiver.port}"
    resend.Emails.send(MAIL, {"idempotency_key": ID})
    receiver.server.shutdown()
    return calls[0]


def compare(ours: dict, official: dict) -> list[str]:
    """What differs, in words; the empty list is good."""
    found = [f"{n}: {ours[n]} is not {official[n]}" for n in ("method", "path") if ours[n] != official[n]]
    for name in TELLING:
        if ours["headers"].get(name) != official["headers"].get(name):
            found.append(f"{name}: {ours['headers'].get(name)} is not {official['headers'].get(name)}")
    for name in sorted(set(ours["body"]) | set(official["body"])):
        if ours["body"].get(name) != official["body"].get(name):
            found.append(f"{name}: {ours['body'].get(name)} is not {official['body'].get(name)}")
    return found


def main():
    official = call_officially()

    def on_call(call: dict):
        print(json.dumps({"call": call, "differences": compare(call, official)}), flush=True)

    print(Receiver(on_call).port, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
