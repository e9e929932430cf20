"""A real mail server (aiosmtpd) on a free port of 127.0.0.1, and what it got, read by Python's own e-mail package.

As a program it prints its port, then a line of JSON for each mail, and ends with its standard input.
In the mode silent it takes connections and says nothing.
"""

import argparse
import base64
import email
import email.policy
import email.utils
import json
import logging
import os
import queue
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from email.header import decode_header, make_header
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

# aiosmtpd warns of itself at every login.
logging.getLogger("mail.log").setLevel(logging.ERROR)

# What is answered to RCPT or to the content, by the part of an address before the at sign.
RCPT_REPLIES = {
    "unknown": "550 5.1.1 No such user here",
    "policy": "550 5.7.1 Your network is not welcome here",
    "busy": "450 4.2.1 Mailbox busy, try again later",
}
DATA_REPLIES = {"content": "554 5.6.0 We do not like what you write", "later": "451 4.3.0 Try again later"}


def read_part(part) -> dict:
    content = part.get_content()
    return {
        "type": part.get_content_type(),
        "disposition": part.get_content_disposition(),
        "filename": part.get_filename(),
        "encoding": part["content-transfer-encoding"],
        "text": content.replace("\r\n", "\n") if isinstance(content, str) else None,
        "bytes": base64.b64encode(content).decode() if isinstance(content, bytes) else None,
    }


def read_mail(raw: bytes, sender: str, recipients: list[str], is_tls: bool, user: str | None) -> dict:
    mail = email.message_from_bytes(raw, policy=email.policy.default)

    plain = email.message_from_bytes(raw)

    def addresses(name: str) -> list:
        # Not by policy.default: it puts a space between two encoded words of a name, which RFC 2047 (6.2) forbids.
        found = email.utils.getaddresses([str(value) for value in plain.get_all(name, [])])
        return [[str(make_header(decode_header(person))), address] for person, address in found]

    lines = raw.split(b"\r\n")
    defects = [str(d) for d in mail.defects] + [str(d) for part in mail.walk() for d in part.defects]
    defects += [f"{name}: {d}" for name, value in mail.items() for d in getattr(value, "defects", [])]
    return {
        "sender": sender,
        "recipients": recipients,
        "tls": is_tls,
        "user": user,
        "headers": [[name.lower(), str(value)] for name, value in mail.items()],
        "subject": mail["subject"],
        "from": addresses("from"),
        "to": addresses("to"),
        "reply_to": addresses("reply-to"),
        "date": mail["date"].datetime.isoformat() if mail["date"] else None,
        "message_id": mail["message-id"],
        "type": mail.get_content_type(),
        "parts": [read_part(part) for part in mail.walk() if not part.is_multipart()],
        "structure": [part.get_content_type() for part in mail.walk()],
        "defects": defects,
        "longest_line": max(len(line) for line in lines),
        "bare_line_ends": sum(line.count(b"\n") + line.count(b"\r") for line in lines),
        "is_ascii": raw.isascii(),
    }


class Handler:
    def __init__(self, on_mail):
        self.on_mail = on_mail

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = RCPT_REPLIES.get(address.split("@")[0])
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        for address in envelope.rcpt_tos:
            if reply := DATA_REPLIES.get(address.split("@")[0]):
                return reply
        user = session.auth_data.login.decode() if session.auth_data else None
        is_tls = server.transport.get_extra_info("sslcontext") is not None
        self.on_mail(read_mail(envelope.original_content, envelope.mail_from, list(envelope.rcpt_tos), is_tls, user))
        return "250 2.0.0 Taken"


class MailServer:
    """mode: plain, starttls or smtps. With a user, nobody may send without a login."""

    def __init__(self, mode: str = "plain", user: str | None = None, password: str | None = None, name="IP:127.0.0.1"):
        self.mails: list[dict] = []
        self.arrived = threading.Condition()
        self.folder = tempfile.TemporaryDirectory(prefix="levqor-mail-")
        self.certificate = str(Path(self.folder.name) / "cert.pem")
        context = None if mode == "plain" else self.make_context(name)

        def authenticate(server, session, envelope, mechanism, data):
            is_right = (data.login, data.password) == ((user or "").encode(), (password or "").encode())
            return AuthResult(success=is_right, auth_data=data, handled=False)

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.controller = Controller(
            Handler(self.note),
            hostname="127.0.0.1",
            port=self.port,
            ssl_context=context if mode == "smtps" else None,
            tls_context=context if mode == "starttls" else None,
            require_starttls=mode == "starttls",
            auth_required=user is not None,
            auth_require_tls=mode == "starttls",
            authenticator=authenticate,
            data_size_limit=50_000_000,
        )
        self.controller.start()

    def make_context(self, name: str) -> ssl.SSLContext:
        key = str(Path(self.folder.name) / "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-days", "2", "-subj", "/CN=levqor test", "-addext", f"subjectAltName={name}"]
            + ["-keyout", key, "-out", self.certificate],
            check=True,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        return context

    def note(self, mail: dict):
        with self.arrived:
            self.mails.append(mail)
            self.arrived.notify_all()

    def wait_for(self, count: int, seconds: float = 30) -> list[dict]:
        """The first mails, once there are as many."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.mails) >= count, seconds):
                raise TimeoutError(f"waited {seconds:.0f} s for {count} mails; there are {len(self.mails)}")
            return self.mails[:count]

    def close(self):
        self.controller.stop()
        self.folder.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=["plain", "starttls", "smtps", "silent"], default="plain")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--name", default="IP:127.0.0.1", help="what the certificate is for")
    arguments = parser.parse_args()
    if arguments.mode == "silent":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            print(listener.getsockname()[1], "none", flush=True)
            sys.stdin.read()
        return
    server = MailServer(arguments.mode, arguments.user, arguments.password, arguments.name)
    # From a thread of its own: whoever reads may wait for the server's answer first, and a pipe holds little.
    lines = queue.SimpleQueue()

    def print_lines():
        while True:
            print(json.dumps(lines.get()), flush=True)

    threading.Thread(target=print_lines, daemon=True).start()
    server.controller.handler.on_mail = lines.put
    print(server.port, server.certificate, flush=True)
    sys.stdin.read()
    server.close()
    os._exit(0)


if __name__ == "__main__":
    main()
