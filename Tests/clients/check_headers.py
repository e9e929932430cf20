"""Security headers, CORS and request ids on answers of every kind."""

from harness import Client
from run import check

WANTED = {
    "Strict-Transport-Security": "max-age=",
    "Content-Security-Policy": "default-src",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "",
    "Permissions-Policy": "",
}


def run(context) -> str:
    client = Client(context.url, context.key)
    answers = {
        "health": client.call("GET", "/health").expect(200),
        "unknown path": client.call("GET", "/no/such/path").expect(404),
        "wrong method": client.call("DELETE", "/health").expect(404, 405),
        "no key": Client(context.url).call("GET", "/api/v1/jobs").expect(401),
        "broken JSON": client.call("POST", "/api/v1/intake", b"{").expect(400),
        "wrong body": client.call("POST", "/api/v1/intake", {"workflow": 1}).expect(400, 422),
        "large body": Client(context.url, context.key)
        .call("POST", "/api/v1/intake", b" " * (512 * 1024 + 1))
        .expect(413),
        "page": client.call("GET", "/docs").expect(200),
    }
    for name, answer in answers.items():
        for header, start in WANTED.items():
            value = answer.headers[header]
            check(value is not None and value.startswith(start), f"{name}: {header} is {value!r}")
        check(bool(answer.headers["X-Request-Id"]), f"{name}: no X-Request-Id")
        if answer.status >= 400:
            check(
                answer.headers["Content-Type"] == "application/problem+json",
                f"{name}: {answer.headers['Content-Type']}",
            )
            check(answer.json["status"] == answer.status, f"{name}: the problem says {answer.json['status']}")

    allowed = client.call("GET", "/health", headers={"Origin": context.origin})
    check(allowed.headers["Access-Control-Allow-Origin"] == context.origin, "the allowed origin is not let in")
    check("Origin" in (allowed.headers["Vary"] or ""), "no Vary: Origin")
    foreign = client.call("GET", "/health", headers={"Origin": "https://evil.example"})
    check(foreign.headers["Access-Control-Allow-Origin"] is None, "a foreign origin is let in")
    asked = {
        "Origin": context.origin,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "x-api-key, content-type",
    }
    preflight = Client(context.url).call("OPTIONS", "/api/v1/keys/key_1", headers=asked).expect(200, 204)
    check(preflight.headers["Access-Control-Allow-Origin"] == context.origin, "the preflight does not name the origin")
    check("DELETE" in (preflight.headers["Access-Control-Allow-Methods"] or ""), "the preflight does not allow DELETE")
    names = (preflight.headers["Access-Control-Allow-Headers"] or "").lower()
    check("x-api-key" in names and "content-type" in names, f"the preflight allows the headers {names!r}")
    return f"{len(WANTED)} headers on {len(answers)} kinds of answers; CORS lets in the listed origin only"
