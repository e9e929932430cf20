"""Mails through a real mail server (aiosmtpd, STARTTLS, a login), read by Python's e-mail package."""

import base64
import json

from harness import Client, wait_for
from run import MAIL_PASSWORD, check

CONTENT = bytes(range(256)) * 20


def quote(value) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "'" + text.replace("'", "''") + "'"


def run(context) -> str:
    operator = Client(context.url, context.key)

    def mails_to(address: str) -> list[dict]:
        return [mail for mail in context.mail.mails if mail["recipients"] == [address]]

    def mail_to(address: str) -> dict:
        return wait_for(f"a mail to {address}", 30, lambda: mails_to(address))[0]

    def send(to: str, template: str, data: dict, *more: str) -> str:
        arguments = ", ".join(
            ["identity.operator_account()", f"array[{quote(to)}]", quote(template), quote(data), *more]
        )
        # The shown id, as in the Message-ID.
        return context.server.sql(f"select core.show_id('mail', mail.send({arguments}))", machinery=False)

    def state_of(mail_id: str, wanted: str) -> dict:
        def ended():
            found = operator.call("GET", f"/api/admin/mail/messages/{mail_id}").expect(200).json
            return found if found["state"] != "queued" else None

        found = wait_for(f"{mail_id} to end", 30, ended)
        check(found["state"] == wanted, f"{mail_id} is {found}")
        return found

    # What an operator tries first.
    answer = operator.call("POST", "/api/admin/mail/test", {"to": "Jörg Müller <Joerg@example.org>"}).expect(202).json
    mail = mail_to("Joerg@example.org")
    check(mail["tls"] and mail["user"] == "levqor", "it came without TLS or without a login")
    check(mail["to"] == [["Jörg Müller", "Joerg@example.org"]], f"it is to {mail['to']}")
    check(mail["from"] == [["Levqor Prüfung", "noreply@example.com"]], f"it is from {mail['from']}")
    check(mail["message_id"] == f"<{answer['mail_id']}@example.com>", f"its id is {mail['message_id']}")
    check(mail["subject"] == "Mail works", f"its subject is {mail['subject']}")
    state_of(answer["mail_id"], "sent")

    # Escaping, long lines, an attachment; a subject that tries to add a header.
    title, message = "Größe: 3 < 5\r\nBcc: eve@example.org", ".\n..\n<b>" + "ü & " * 300 + "</b>"
    attachment = [
        {"name": "Übersicht.bin", "content_type": "application/x-test", "content": base64.b64encode(CONTENT).decode()}
    ]
    data = {"title": title, "message": message, "url": "https://example.com/?a=1&b=2"}
    mail_id = send("o'brien@example.org", "notice", data, f"p_attachments => {quote(attachment)}")
    mail = mail_to("o'brien@example.org")
    check(mail["subject"] == "Größe: 3 < 5 Bcc: eve@example.org", f"its subject is {mail['subject']}")
    check(not any(name == "bcc" for name, _ in mail["headers"]), "a header was added")
    text, html, file = mail["parts"]
    check(message in text["text"] and data["url"] in text["text"], "the text is another")
    escaped = "&lt;b&gt;" + "ü &amp; " * 300 + "&lt;/b&gt;"
    check(escaped in html["text"] and "<b>" not in html["text"], "the HTML is not escaped")
    check(file["filename"] == "Übersicht.bin" and base64.b64decode(file["bytes"]) == CONTENT, "the file is another")
    check(mail["defects"] == [] and mail["is_ascii"] and mail["bare_line_ends"] == 0, f"it has {mail['defects']}")
    check(mail["longest_line"] <= 78, f"a line has {mail['longest_line']} characters")
    state_of(mail_id, "sent")

    # Every template of the product, filled.
    facts = {"has_facts": True, "facts": [{"name": "queue", "value": "<7>"}], "level": "error", "source": "jobs"}
    for template, filled in {
        "alert": {**facts, "message": "It stands still"},
        "endpoint-disabled": {"url": "https://example.com/hook", "reason": "410 Gone"},
        "quota-reached": {"percent": 80, "used": 800, "limit": 1000, "month": "2031-01", "resets_at": "2031-02-01"},
    }.items():
        send(f"{template}@example.org", template, filled)
        mail = mail_to(f"{template}@example.org")
        both = mail["parts"][0]["text"] + mail["parts"][1]["text"] + mail["subject"]
        check("{{" not in both and mail["defects"] == [], f"{template} is not filled: {both}")
    check("&lt;7&gt;" in mails_to("alert@example.org")[0]["parts"][1]["text"], "the facts are not in the alert")

    # Marketing: a way out that works.
    context.server.sql(
        "update core.setting set value = '\"https://example.com/u/{token}\"' where name = 'mail.unsubscribe_url'"
    )
    news = {"title": "News", "message": "Much is new."}
    send("reader@example.org", "notice", news, "'newsletter'")
    headers = dict(mail_to("reader@example.org")["headers"])
    check(headers.get("list-unsubscribe-post") == "List-Unsubscribe=One-Click", "there is no one-click unsubscribing")
    token = headers["list-unsubscribe"].removeprefix("<https://example.com/u/").removesuffix(">")
    operator.call("POST", "/api/admin/mail/unsubscribe", {"token": token}).expect(204)
    state_of(send("reader@example.org", "notice", news, "'newsletter'"), "left-out")

    # An address that does not exist is not written to again; one that is busy is tried later.
    check("5.1.1" in state_of(send("unknown@example.org", "notice", news), "bounced")["error"], "it does not say why")
    found = operator.call("GET", "/api/admin/mail/suppressions?reason=bounce").expect(200).json["suppressions"]
    check([row["address"] for row in found] == ["unknown@example.org"], f"the list is {found}")
    state_of(send("unknown@example.org", "notice", news), "left-out")
    operator.call("DELETE", "/api/admin/mail/suppressions/unknown%40example.org").expect(204)
    state_of(send("policy@example.org", "notice", news), "failed")
    state_of(send("content@example.org", "notice", news), "failed")

    check(MAIL_PASSWORD not in context.server.log.read_text(errors="replace"), "the password is in the log")
    return f"{len(context.mail.mails)} mails read: names, parts, files, headers, bounces, unsubscribing"
