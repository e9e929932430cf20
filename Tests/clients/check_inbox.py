"""Webhooks that come in: signed by the packages stripe and standardwebhooks, and in GitHub's documented form."""

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from datetime import datetime, timedelta, timezone

import stripe
from harness import Client, wait_for
from run import INBOX_SECRETS, check
from standardwebhooks import Webhook

HANDLER = """
create schema inbox_check;
create table inbox_check.taken (event_id text, type text, is_replay boolean, attempt integer);
create table inbox_check.broken (event_id text primary key);
create function inbox_check.take(p_event inbox.event) returns void language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    insert into inbox_check.taken values (p_event.event_id, p_event.event_type, p_event.is_replay, p_event.attempt);
    if exists (select from inbox_check.broken as b where b.event_id = p_event.event_id) then
        raise exception 'broken';
    end if;
end $$;
update core.setting set value = '[1]' where name = 'inbox.retry_plan';
"""


class Sender:
    """Sends the bytes it is given, as a service outside would: without a key."""

    def __init__(self, url: str, source: str):
        self.client, self.path = Client(url), f"/api/v1/inbox/{source}"

    def send(self, body: bytes, headers: dict[str, str]) -> int:
        sent = {"Content-Type": "application/json; charset=utf-8", **headers}
        return self.client.call("POST", self.path, body, sent).status

    def announce(self, size: int) -> int:
        """What is said to a body of that size before a byte of it is sent."""
        connection = http.client.HTTPConnection(self.client.url.hostname, self.client.url.port, timeout=30)
        connection.putrequest("POST", self.path)
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        try:
            return connection.getresponse().status
        finally:
            connection.close()


def stripe_event(event_id: str) -> bytes:
    event = {
        "id": event_id,
        "object": "event",
        "type": "invoice.paid",
        "created": int(time.time()) - 5,
        "data": {"object": {"object": "invoice", "customer_name": "Größe – ☃ \U0001f600"}},
    }
    return json.dumps(event, ensure_ascii=False, indent=2).encode()


def stripe_headers(body: bytes, secret: str, age: int = 0) -> dict[str, str]:
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=int(time.time()) - age)
    return {"Stripe-Signature": header}


def standard_headers(body: bytes, secret: str, event_id: str, age: int = 0) -> dict[str, str]:
    at = datetime.now(tz=timezone.utc) - timedelta(seconds=age)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body.decode()),
    }


def github_headers(body: bytes, secret: str, event_id: str) -> dict[str, str]:
    code = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Delivery": event_id, "X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={code}"}


def expect(status: int, found: int, what: str):
    check(found == status, f"{what}: {found} instead of {status}")


def run(context) -> str:
    operator = Client(context.url, context.key)
    context.server.sql(HANDLER)

    def make(name: str, scheme: str, *secrets: str):
        wanted = {"name": name, "scheme": scheme, "secrets": secrets, "handler": "inbox_check.take"}
        operator.call("POST", "/api/admin/inbox/sources", wanted).expect(201)
        return Sender(context.url, name)

    def delivery(event_id: str) -> dict:
        page = operator.call("GET", f"/api/admin/inbox/deliveries?event_id={event_id}").expect(200).json
        check(len(page["deliveries"]) == 1, f"{event_id} is there {len(page['deliveries'])} times")
        return page["deliveries"][0]

    def wait_until(event_id: str, state: str):
        wait_for(f"{event_id} to be {state}", 30, lambda: delivery(event_id)["state"] == state)

    def taken(event_id: str) -> str:
        return context.server.sql(f"select is_replay, attempt from inbox_check.taken where event_id = '{event_id}'")

    # Stripe's form, with a secret and the one before it.
    new, old = INBOX_SECRETS["CLIENTS_PAY"], INBOX_SECRETS["CLIENTS_PAY_OLD"]
    payments = make("check-payments", "stripe", "CLIENTS_PAY", "CLIENTS_PAY_OLD")
    body = stripe_event("evt_clients_1")
    headers = stripe_headers(body, new)
    stripe.Webhook.construct_event(body, headers["Stripe-Signature"], new)
    expect(202, payments.send(body, headers), "an event of stripe's")
    expect(200, payments.send(body, headers), "the same again")
    expect(200, payments.send(body, stripe_headers(body, old)), "the same, signed with the secret before")
    expect(401, payments.send(body + b" ", headers), "one more byte")
    expect(401, payments.send(body, stripe_headers(body, "whsec_wrong")), "a wrong secret")
    expect(401, payments.send(body, stripe_headers(body, new, age=310)), "one of more than five minutes ago")
    expect(401, payments.send(body, stripe_headers(body, new, age=-310)), "one of the future")
    expect(401, payments.send(body, {}), "no signature")
    other = stripe_event("evt_clients_2")
    expect(202, payments.send(other, stripe_headers(other, new, age=290)), "one of nearly five minutes ago")
    wait_until("evt_clients_1", "done")
    check(taken("evt_clients_1") == "f|1", f"the handler saw {taken('evt_clients_1')!r}")
    shown = operator.call("GET", f"/api/admin/inbox/deliveries/{delivery('evt_clients_1')['id']}").expect(200).json
    check(base64.b64decode(shown["body"]) == body, "the bytes that were kept are others")

    # Many at once, each several times.
    statuses, sender_count = [], 6
    events = [stripe_event(f"evt_many_{n}") for n in range(10)]

    def send_all():
        sender = Sender(context.url, "check-payments")
        for event in events:
            statuses.append(sender.send(event, stripe_headers(event, new)))

    threads = [threading.Thread(target=send_all) for _ in range(sender_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = (statuses.count(202), statuses.count(200))
    check(found == (10, 10 * (sender_count - 1)), f"{found[0]} were new and {found[1]} repeats, of {statuses}")

    # Standard Webhooks, with a secret that the server makes, and the next one.
    mail = make("check-mail", "standard-webhooks")
    first = operator.call("POST", "/api/admin/inbox/sources/check-mail/secret", {}).expect(201).json["secret"]
    body = json.dumps({"type": "email.bounced", "timestamp": "2026-01-02T03:04:05Z", "data": {}}).encode()
    expect(202, mail.send(body, standard_headers(body, first, "msg_1")), "an event by Standard Webhooks")
    expect(401, mail.send(body, standard_headers(body, first, "msg_2", age=310)), "an old one")
    expect(401, mail.send(body, {**standard_headers(body, first, "msg_3"), "webhook-id": "msg_4"}), "with another's id")
    second = operator.call("POST", "/api/admin/inbox/sources/check-mail/secret", {}).expect(201).json["secret"]
    check(first != second, "the second secret is the first")
    both = standard_headers(body, second, "msg_5")
    unfit = Webhook(first).sign("msg_5", datetime.now(tz=timezone.utc), "something else")
    both["webhook-signature"] = f"{unfit} {both['webhook-signature']}"
    expect(202, mail.send(body, both), "with the next secret, and a code that does not fit")
    expect(202, mail.send(body, standard_headers(body, first, "msg_6")), "with the first, which still counts")
    check(delivery("msg_1")["event_at"].startswith("2026-01-02T03:04:05"), "the time of the event is not the sender's")

    # GitHub's form, with bytes that are no text.
    code = make("check-code", "github", "CLIENTS_CODE")
    body = bytes(range(256))
    headers = github_headers(body, INBOX_SECRETS["CLIENTS_CODE"], "guid-1")
    expect(202, code.send(body, headers), "an event in GitHub's form")
    shown = operator.call("GET", f"/api/admin/inbox/deliveries/{delivery('guid-1')['id']}").expect(200).json
    check(base64.b64decode(shown["body"]) == body, "bytes that are no text were changed")
    expect(401, code.send(body[:-1], headers), "a byte less")
    expect(413, Sender(context.url, "check-code").announce(1024 * 1024 + 1), "more than 1 MiB")

    # A handler that fails: tried again, given up, replayed.
    context.server.sql("insert into inbox_check.broken values ('evt_broken')")
    body = stripe_event("evt_broken")
    expect(202, payments.send(body, stripe_headers(body, new)), "an event that cannot be handled")
    wait_until("evt_broken", "dead")
    check(delivery("evt_broken")["attempts"] == 2, "it was not tried as often as the plan says")
    context.server.sql("delete from inbox_check.broken")
    operator.call("POST", "/api/admin/inbox/replays", {"source": "check-payments"}).expect(202)
    wait_until("evt_broken", "done")
    check(taken("evt_broken") == "t|3", f"the handler saw {taken('evt_broken')!r} at the replay")

    # What is not there.
    expect(404, Sender(context.url, "check-nobody").send(b"{}", {}), "an unknown source")
    operator.call("PATCH", "/api/admin/inbox/sources/check-code", {"state": "disabled"}).expect(200)
    expect(410, code.send(b"{}", {}), "a disabled source")
    make("check-unset", "github", "CLIENTS_UNSET")
    unset = Sender(context.url, "check-unset")
    expect(503, unset.send(b"{}", github_headers(b"{}", "x", "guid-3")), "a secret that is not set")
    log = context.server.log.read_text(errors="replace")
    check("LEVQOR_CREDENTIAL_CLIENTS_UNSET" in log, "the log does not name the variable that is not set")
    for secret in [*INBOX_SECRETS.values(), first, second]:
        check(secret not in log, "a secret stands in the server's log")
        quoted = secret.replace("'", "''")
        stored = context.server.sql(
            f"select count(*) from inbox.source as o where strpos(o::text, '{quoted}') > 0"
            f" union all select count(*) from inbox.delivery as d where strpos(d::text, '{quoted}') > 0"
        )
        check(stored == "0\n0", "a secret is stored")
    return "taken from stripe, standardwebhooks and in GitHub's form, each once; wrong and old ones refused; replayed"
