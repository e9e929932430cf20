"""Alerts through a live server: each channel gets its wire format, once a cool-down, also over a network that was away.

What arrives is judged by others: Slack's messages by slack_sdk's block models, webhooks by the standardwebhooks
package, mails by aiosmtpd and Python's e-mail package, Telegram's HTML by the list of what sendMessage takes.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import RAISE_LIMITS, Client, HarnessError, Server, end_on_signals, free_port, wait_for
from mail_server import MailServer
from slack_sdk.models.blocks import Block
from standardwebhooks import Webhook

SLACK_PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
TOKEN = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"
# Everything that one of the receivers could take for its own.
NASTY = (
    "<!channel> <!here|x> <@U123> <https://evil.example|click> @channel @everyone & &amp; *bold* _it_ `x` "
    "</pre></b><b> \"quoted\" 'single' {{mustache}} {credential} naïve ☃ 😀"
)


class Sink:
    """An HTTP server that keeps what it gets and answers as the service that it stands for."""

    def __init__(self, answer: bytes, port: int | None = None):
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.arrived = threading.Condition()
        self.port = port or free_port()
        self.answer = answer
        # While it is set, what arrives is kept, and not answered.
        self.is_mute = False
        self.muted = threading.Event()
        self.server: ThreadingHTTPServer | None = None
        self.open()

    def open(self):
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with sink.arrived:
                    sink.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                    sink.arrived.notify_all()
                if sink.is_mute:
                    self.close_connection = True
                    sink.muted.wait(60)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(sink.answer)))
                # No connection outlives its request: a closed sink is a network that is away.
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(sink.answer)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None

    def wait(self, count: int, what: str, seconds: float = 30) -> list[tuple[str, dict[str, str], bytes]]:
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.requests) >= count, seconds):
                raise HarnessError(f"waited {seconds:.0f} s for {what}: {len(self.requests)} of {count} are there")
            return list(self.requests)


def check(holds: bool, text: str):
    if not holds:
        raise HarnessError(text)


def check_slack(path: str, headers: dict[str, str], body: bytes, *texts: str):
    """By slack_sdk: every block is one that Slack knows, within its limits."""
    check(path == SLACK_PATH, f"Slack: the path is {path}")
    check(headers["content-type"].startswith("application/json"), f"Slack: the type is {headers['content-type']}")
    message = json.loads(body)
    known = {"text", "blocks", "mrkdwn", "link_names", "parse", "unfurl_links", "unfurl_media"}
    check(set(message) <= known, f"Slack: unknown members {set(message) - known}")
    blocks = Block.parse_all(message["blocks"])
    check(len(blocks) == len(message["blocks"]), "Slack: a block is none that slack_sdk knows")
    for block, sent in zip(blocks, message["blocks"], strict=True):
        block.validate_json()
        check(block.to_dict()["type"] == sent["type"], f"Slack: {sent['type']} is read as {block.to_dict()['type']}")
    check("<" not in body.decode() and ">" not in body.decode(), "Slack: a < or > is left")
    check("@channel" not in body.decode() and "@everyone" not in body.decode(), "Slack: everybody is called")
    whole = json.dumps(message, ensure_ascii=False).replace("\u200b", "")
    for text in texts:
        escaped = json.dumps(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), ensure_ascii=False)[
            1:-1
        ]
        check(escaped in whole, f"Slack: {text!r} is not in it")


class TelegramHTML(HTMLParser):
    """Takes the tags of sendMessage's HTML and no others, closed in their order."""

    ALLOWED = frozenset({"b", "i", "u", "s", "a", "code", "pre", "blockquote", "tg-spoiler"})

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        check(tag in self.ALLOWED, f"Telegram: it knows no <{tag}>")
        check(not attributes or tag == "a", f"Telegram: <{tag}> has attributes")
        self.open.append(tag)

    def handle_endtag(self, tag):
        check(self.open and self.open.pop() == tag, f"Telegram: </{tag}> closes nothing")

    def handle_data(self, data):
        self.text += data


def check_telegram(path: str, headers: dict[str, str], body: bytes, *texts: str):
    check(path == f"/bot{TOKEN}/sendMessage", f"Telegram: the path is {path}")
    check(headers["content-type"].startswith("application/json"), f"Telegram: the type is {headers['content-type']}")
    message = json.loads(body)
    check(message["chat_id"] == -1001234567890 and message["parse_mode"] == "HTML", f"Telegram: {message}")
    check(len(message["text"].encode("utf-16-le")) // 2 <= 4096, "Telegram: the text is too long")
    parser = TelegramHTML()
    parser.feed(message["text"])
    parser.close()
    check(not parser.open, f"Telegram: {parser.open} stay open")
    for text in texts:
        check(text in parser.text, f"Telegram: {text!r} is not in {parser.text!r}")


def check_webhook(secret: str, headers: dict[str, str], body: bytes, kind: str, **members):
    event = Webhook(secret).verify(body, headers)
    check(event["type"] == f"alert.{kind}", f"the webhook's type is {event['type']}")
    for name, value in members.items():
        check(event["data"][name] == value, f"the webhook's {name} is {event['data'][name]!r}")


def mail_text(mail: dict) -> str:
    check(not mail["defects"], f"mail: {mail['defects']}")
    return next(part["text"] for part in mail["parts"] if part["type"] == "text/plain")


class Run:
    def __init__(self, server: Server, slack: Sink, telegram: Sink, hook: Sink, mails: MailServer):
        self.server, self.slack, self.telegram, self.hook, self.mails = server, slack, telegram, hook, mails
        self.client = Client(server.url, server.make_operator_key())

    def counts(self) -> tuple[int, int, int, int]:
        return len(self.slack.requests), len(self.telegram.requests), len(self.hook.requests), len(self.mails.mails)

    def find(self, fingerprint: str) -> dict:
        found = self.client.call("GET", "/api/admin/alerts?limit=200").expect(200).json["alerts"]
        return next(alert for alert in found if alert["fingerprint"] == fingerprint)

    def raise_alert(self, level: str, message: str, fingerprint: str, facts: dict | None = None):
        text, details = message.replace("'", "''"), json.dumps(facts or {}).replace("'", "''")
        self.server.sql(
            f"select alerts.raise('{level}', 'test.source', '{text}', '{details}', p_fingerprint => '{fingerprint}')",
            machinery=False,
        )

    def set_channels(self):
        base = "/api/admin/alerts/channels/"
        self.client.call("PUT", base + "team", {"kind": "slack", "settings": {"credential": "SLACK_TEAM"}}).expect(200)
        telegram = {
            "credential": "TELEGRAM_BOT",
            "chat_id": -1001234567890,
            "base_url": f"http://127.0.0.1:{self.telegram.port}",
        }
        self.client.call("PUT", base + "bot", {"kind": "telegram", "settings": telegram}).expect(200)
        self.client.call("PUT", base + "people", {"kind": "mail", "settings": {"to": ["ops@example.com"]}}).expect(200)
        webhook = {
            "kind": "webhook",
            "settings": {"url": f"http://127.0.0.1:{self.hook.port}/hook"},
            "tells_resolve": True,
        }
        self.client.call("PUT", base + "pager", webhook).expect(200)
        secret = {"kind": "slack", "settings": {"url": f"https://hooks.slack.com{SLACK_PATH}"}}
        self.client.call("PUT", base + "secret", secret).expect(422)
        self.secret = self.client.call("POST", "/api/v1/signing-secret").expect(201).json["secret"]

    def try_channels(self):
        for name in ("team", "bot", "people", "pager"):
            self.client.call("POST", "/api/admin/alerts/test", {"channel": name, "message": f"Hello {name}"}).expect(
                202
            )
        check_slack(*self.slack.wait(1, "Slack's test")[0], "[TEST] alerts.test", "Hello team")
        check_telegram(*self.telegram.wait(1, "Telegram's test")[0], "[TEST] alerts.test", "Hello bot")
        _, headers, body = self.hook.wait(1, "the webhook's test")[0]
        check_webhook(self.secret, headers, body, "test", message="Hello pager")
        check("Hello people" in mail_text(self.mails.wait_for(1)[0]), "the mail's test does not say what it should")

    def raise_all(self):
        self.raise_alert("critical", NASTY, "nasty", {"who": NASTY, "n": 12, "none": None})
        check_slack(*self.slack.wait(2, "Slack")[1], "[CRITICAL] test.source", NASTY, "who: " + NASTY, "n: 12")
        check_telegram(*self.telegram.wait(2, "Telegram")[1], "[CRITICAL] test.source", NASTY, "who: " + NASTY)
        _, headers, body = self.hook.wait(2, "the webhook")[1]
        facts = {"who": NASTY, "n": 12, "none": None}
        check_webhook(self.secret, headers, body, "raised", message=NASTY, level="critical", facts=facts)
        mail = self.mails.wait_for(2)[1]
        check(NASTY in mail_text(mail), "the mail does not say what it should")
        check(mail["to"] == [["", "ops@example.com"]], f"the mail goes to {mail['to']}")
        html = next(part["text"] for part in mail["parts"] if part["type"] == "text/html")
        check("<!channel>" not in html and "&lt;!channel&gt;" in html, "the mail's HTML is not escaped")

    def raise_at_once(self):
        """Many sessions raise one alert: one message a channel."""
        before = self.counts()
        sessions = [
            threading.Thread(target=self.raise_alert, args=("critical", f"number {n}", "together")) for n in range(8)
        ]
        for session in sessions:
            session.start()
        for session in sessions:
            session.join()
        wait_for("all to be counted", 30, lambda: self.find("together")["occurrences"] == 8)
        # What comes behind has arrived when nothing more can.
        self.raise_alert("critical", "the next", "next")
        self.slack.wait(before[0] + 2, "Slack")
        self.telegram.wait(before[1] + 2, "Telegram")
        self.hook.wait(before[2] + 2, "the webhook")
        self.mails.wait_for(before[3] + 2)
        self.wait_until_sent()
        check(self.counts() == tuple(n + 2 for n in before), f"of {before} came {self.counts()}")

    def wait_until_sent(self):
        wait_for("everything to be sent", 30, lambda: self.server.sql("select count(*) from outbox.delivery") == "0")

    def network_away(self):
        before = self.counts()
        self.slack.close()
        self.raise_alert("error", "while the network is away", "away")
        self.telegram.wait(before[1] + 1, "Telegram, which is there")
        alert = self.find("away")
        path = f"/api/admin/alerts/{alert['id']}"

        def tries() -> int:
            deliveries = self.client.call("GET", path).expect(200).json["deliveries"]
            return max((len(d["attempts"]) for d in deliveries if d["state"] == "pending"), default=0)

        wait_for("a try that fails", 30, lambda: tries() >= 1)
        self.slack.open()
        check_slack(*self.slack.wait(before[0] + 1, "what was raised meanwhile")[-1], "while the network is away")

    def resolve(self):
        before = len(self.hook.requests)
        path = f"/api/admin/alerts/{self.find('nasty')['id']}"
        self.client.call("POST", path + "/acknowledge", {"comment": "I look"}).expect(200)
        self.raise_alert("critical", "again", "nasty")
        done = self.client.call("POST", path + "/resolve", {"comment": "done"}).expect(200).json
        check(done["state"] == "resolved" and done["occurrences"] == 2, f"it is {done}")
        _, headers, body = self.hook.wait(before + 1, "the resolve")[-1]
        check_webhook(self.secret, headers, body, "resolved", state="resolved")
        kinds = [event["kind"] for event in self.client.call("GET", path).expect(200).json["events"]]
        check(kinds == ["raised", *["sent"] * 4, "acknowledged", "resolved", "sent"], f"its events are {kinds}")

    def dead_channel(self):
        """A message that is refused for good is an alert to the others, and the next that gets through ends it."""
        self.server.sql("update outbox.retry_step set wait_seconds = 0")
        before = self.counts()
        self.slack.close()
        self.raise_alert("error", "nobody takes this", "dead")
        wait_for(
            "the alert about the channel",
            60,
            lambda: (
                self.server.sql("select state from alerts.alert where fingerprint = 'alerts.channel/team'") == "open"
            ),
        )
        check_telegram(*self.telegram.wait(before[1] + 2, "Telegram")[-1], "the channel team does not take alerts")
        self.slack.open()
        self.client.call("POST", "/api/admin/alerts/test", {"channel": "team"}).expect(202)
        wait_for("its end", 30, lambda: self.find("alerts.channel/team")["state"] == "resolved")

    def crash(self):
        """A server that dies between sending and writing that down: the message comes again, and says so."""
        before = len(self.slack.requests)
        self.slack.is_mute = True
        self.raise_alert("warning", "sent before the crash", "crash")
        first = self.slack.wait(before + 1, "the first try")[before]
        self.server.kill()
        self.slack.is_mute = False
        self.slack.muted.set()
        # The lease of the dead server's claim would end within a minute.
        self.server.start()
        self.server.sql("update outbox.delivery set wake_at = now() where lease_token is not null")
        second = self.slack.wait(before + 2, "the second try")[before + 1]
        check_slack(*first, "[WARNING] test.source", "sent before the crash")
        check(b"(repeated)" not in first[2], "the first try says that it is repeated")
        check_slack(*second, "(repeated) [WARNING] test.source", "sent before the crash")
        self.wait_until_sent()

    def no_secrets(self):
        for secret in (SLACK_PATH.rsplit("/", 1)[1], TOKEN):
            check(secret not in self.server.log.read_text(errors="replace"), "a secret is in the log")
            dump = self.server.sql(
                "select string_agg(m::text, '') from outbox.message as m union all "
                "select string_agg(a::text, '') from outbox.attempt as a union all "
                "select string_agg(e::text, '') from alerts.event as e"
            )
            check(secret not in dump, "a secret is in the database")


STEPS = (
    Run.set_channels,
    Run.try_channels,
    Run.raise_all,
    Run.raise_at_once,
    Run.network_away,
    Run.resolve,
    Run.dead_channel,
    Run.crash,
    Run.no_secrets,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--psql", required=True)
    arguments = parser.parse_args()
    end_on_signals()
    slack, hook = Sink(b"ok"), Sink(b"")
    telegram = Sink(b'{"ok": true, "result": {"message_id": 1}}')
    mails = MailServer()
    environment = {
        "LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8",
        "LEVQOR_CREDENTIAL_SLACK_TEAM": f"http://127.0.0.1:{slack.port}{SLACK_PATH}",
        "LEVQOR_CREDENTIAL_TELEGRAM_BOT": TOKEN,
        "LEVQOR_MAIL_URL": f"smtp://127.0.0.1:{mails.port}",
        "LEVQOR_MAIL_TLS": "off",
        "LEVQOR_MAIL_FROM": "Levqor <alerts@example.com>",
    }
    try:
        with Server(arguments.server, arguments.psql, environment, name="alerts") as server:
            server.start()
            server.sql(RAISE_LIMITS)
            server.sql("update outbox.retry_step set wait_seconds = 1 where failures <= 3")
            run = Run(server, slack, telegram, hook, mails)
            for step in STEPS:
                start = time.monotonic()
                step(run)
                print(f"  ok    {step.__name__.replace('_', ' ')} ({time.monotonic() - start:.1f} s)", flush=True)
            return 0
    except HarnessError as error:
        print(f"  FAIL  {error}")
        return 1
    finally:
        for sink in (slack, telegram, hook):
            sink.close()
        mails.close()


if __name__ == "__main__":
    sys.exit(main())
