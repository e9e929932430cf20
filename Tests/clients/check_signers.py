"""Requests that the server signs, checked by Python's hmac and by google-auth, Google's own client."""

import base64
import hashlib
import hmac
import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.oauth2 import service_account
from harness import Client, wait_for
from run import check

DOORS = """
create function api.try_signed(p_request jsonb) returns http.response
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select http.call_out(p_request, 'api.tell_signed')
$$;
create function api.tell_signed(p_state jsonb, p_outcome jsonb) returns http.response
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select http.json(200, p_outcome)
$$;
select http.register_route(
    'POST', '/try/signed', 'api.try_signed', p_domain => 'http', p_request_schema => '{"type": "object"}'
);
"""
NO_DOORS = """
delete from http.route where path = '/try/signed';
drop function api.try_signed, api.tell_signed;
"""
SCOPES = ["https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive.file"]


class Outside:
    """Gives tokens at /token and takes everything else."""

    def __init__(self):
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        outside = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outside.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = json.dumps({"access_token": f"token-{len(outside.requests)}", "expires_in": 3599}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def run(context) -> str:
    outside = Outside()
    context.server.sql(DOORS, machinery=True)
    try:
        return check_all(context, outside)
    finally:
        context.server.sql(NO_DOORS, machinery=True)
        outside.close()


def check_all(context, outside: Outside) -> str:
    folder = Path(context.server.environment["LEVQOR_CREDENTIALS_DIRECTORY"])
    client = Client(context.url, context.key)

    def send(signer: dict, path: str = "/api", body: str = '{"text":"naïve – ☃"}') -> tuple[str, dict[str, str], bytes]:
        wanted = {"request": {"url": outside.url + path, "body": body, "signer": signer}}
        wait_for("the route", 20, lambda: client.call("POST", "/try/signed", {"request": 1}).status != 404)
        answer = client.call("POST", "/try/signed", wanted).expect(200).json
        check(answer["status"] == 200, f"{signer['scheme']}: {answer}")
        return outside.requests[-1]

    # Changed while the server runs, a file holds at once.
    for secret in ["first", "second"]:
        (folder / "plain").write_text(secret + "\n")
        headers = send({"scheme": "bearer", "credential": "plain"})[1]
        check(headers["authorization"] == f"Bearer {secret}", headers["authorization"])
    headers = send({"scheme": "basic", "credential": "plain", "user": "user"})[1]
    check(base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"user:second", headers["authorization"])
    path = send({"scheme": "url-part", "credential": "plain"}, "/bot{credential}/x?y=1")[0]
    check(path == "/botsecond/x?y=1", path)

    # HMAC, by Python's own.
    for encoding, content in itertools.product(["hex", "base64"], ["body", "timestamp.body"]):
        signer = {"scheme": "hmac-sha256", "credential": "plain", "header": "X-Signature", "prefix": "sha256="}
        signer |= {"encoding": encoding, "content": content, "timestamp_header": "X-Timestamp"}
        _, headers, body = send(signer)
        signed = body if content == "body" else headers["x-timestamp"].encode() + b"." + body
        code = hmac.new(b"second", signed, hashlib.sha256).digest()
        wanted = "sha256=" + (code.hex() if encoding == "hex" else base64.b64encode(code).decode())
        found = headers["x-signature"]
        check(hmac.compare_digest(found, wanted), f"{encoding} over {content}: {found}")
        check(abs(int(headers["x-timestamp"]) - time.time()) < 60, headers["x-timestamp"])

    return f"bearer, basic, url-part and HMAC are right; {check_google(folder, outside, send)}"


def check_google(folder: Path, outside: Outside, send) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    account = {
        "type": "service_account",
        "client_email": "robot@project.iam.gserviceaccount.com",
        "private_key_id": "0123456789abcdef",
        "private_key": private,
        "token_uri": outside.url + "/token",
    }
    (folder / "robot.json").write_text(json.dumps(account))
    signer = {"scheme": "google-service-account", "credential": "robot.json", "scopes": SCOPES}
    before = len(outside.requests)
    first = send(signer)[1]["authorization"]
    second = send(signer)[1]["authorization"]
    exchanges = [request for request in outside.requests[before:] if request[0] == "/token"]
    check(len(exchanges) == 1, f"{len(exchanges)} exchanges for two requests")
    check(first == second == f"Bearer token-{before + 1}", f"{first}, then {second}")

    form = parse_qs(exchanges[0][2].decode(), strict_parsing=True)
    check(form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"], str(form["grant_type"]))
    assertion = form["assertion"][0]
    # Checks the signature, the audience and the times.
    ours = jwt.decode(assertion, certs=public, audience=account["token_uri"])
    theirs_text = service_account.Credentials.from_service_account_info(
        account, scopes=SCOPES
    )._make_authorization_grant_assertion()
    theirs = jwt.decode(theirs_text, certs=public)
    # Its audience is always the address of Google's own token service, which is the token_uri of every real key file.
    for name in ["iss", "scope"]:
        check(ours[name] == theirs[name], f"{name} is {ours[name]}, Google's is {theirs[name]}")
    check(ours["exp"] - ours["iat"] == theirs["exp"] - theirs["iat"] == 3600, f"{ours}, Google's {theirs}")
    check(set(ours) == set(theirs), f"claims {sorted(ours)}, Google's {sorted(theirs)}")
    check(jwt.decode_header(assertion) == jwt.decode_header(theirs_text), str(jwt.decode_header(assertion)))
    return "the service account's claim is Google's own, and its token is kept"
