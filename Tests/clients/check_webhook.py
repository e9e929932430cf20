"""A job's webhook, verified by the official standardwebhooks package; also while two secrets sign."""

from harness import Client
from run import CheckError, check
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError


def refuses(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


def run(context) -> str:
    operator = Client(context.url, context.key)
    account = operator.call("POST", "/api/v1/accounts", {"name": "Webhook test"}).expect(201).json
    acting = {"Levqor-Account": account.get("id") or account["account"]["id"]}
    wanted = {"name": "hooks", "scopes": ["jobs:submit", "jobs:read", "jobs:work", "keys:manage"]}
    client = Client(context.url, operator.call("POST", "/api/v1/keys", wanted, acting).expect(201).json["key"])

    first = client.call("POST", "/api/v1/signing-secret").expect(201).json["secret"]
    client.call("POST", "/api/v1/signing-secret").expect(409)

    def next_webhook() -> tuple[dict[str, str], bytes]:
        before = len(context.receiver.requests)
        job = {"workflow": "hook", "payload": {"text": "naïve – ☃"}, "callback_url": context.receiver.url}
        job_id = client.call("POST", "/api/v1/intake", job).expect(202).json["job_id"]
        result = {"result": {"echo": "naïve – ☃ \U0001f600"}}
        client.call("POST", f"/api/v1/_dev/complete/{job_id}", result).expect(200)
        context.receiver.wait_until("the webhook", 30, lambda: len(context.receiver.requests) > before)
        headers, body = context.receiver.requests[-1]
        event = Webhook(first).verify(body, headers)
        check(event["type"] == "job.succeeded", f"the type is {event['type']}")
        check(event["data"]["job_id"] == job_id, f"the webhook is about {event['data']['job_id']}")
        check(event["data"]["result"] == result["result"], f"the result is {event['data']['result']}")
        return headers, body

    headers, body = next_webhook()
    check(refuses(first, body + b" ", headers), "one more byte in the body was accepted")
    check(refuses(first, body, {**headers, "webhook-id": "msg_other"}), "another id was accepted")
    check(refuses(first, body, {**headers, "webhook-timestamp": "1"}), "another time was accepted")

    second = client.call("POST", "/api/v1/signing-secret/rotate", {}).expect(200, 201).json["secret"]
    check(second != first, "the rotation gave the same secret")
    check(refuses(second, body, headers), "the new secret verifies what the old one signed")
    headers, body = next_webhook()
    try:
        Webhook(second).verify(body, headers)
    except WebhookVerificationError as error:
        raise CheckError(f"the new secret does not verify after the rotation: {error}") from None
    return "verified with the first secret, and with both during a rotation; changed ones refused"
