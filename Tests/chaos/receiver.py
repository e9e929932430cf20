"""A receiver of webhooks that hangs, answers 500, 429 with Retry-After, closes early, streams without end.

    python receiver.py SEED SECRET

What it does follows from the seed, the webhook-id and how often that id came; from the third time on it is good. Prints
its port, and ends with its standard input. GET /count tells how many ids came; GET /report tells of each id what it was
answered, the job it tells of, and how often something was wrong with it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import random
import sys
import threading

SEED, SECRET = sys.argv[1], base64.b64decode(sys.argv[2].removeprefix("whsec_"))
GOOD, BAD = 0.75, ("hang", "500", "429", "close", "cut", "stream")
BAD_TIMES = 2
ANSWERS = {
    "good": b"HTTP/1.1 204 No Content\r\n\r\n",
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\nbad\n",
    "429": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    # Half a head, and then nothing.
    "cut": b"HTTP/1.1 200 OK\r\nContent-Len",
    "stream": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
}
CHUNK = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"

report: dict[str, dict] = {}


def choose(webhook_id: str, times: int) -> str:
    dice = random.Random(f"{SEED} {webhook_id} {times}")
    return "good" if times > BAD_TIMES or dice.random() < GOOD else dice.choice(BAD)


def is_signed_right(fields: dict[str, str], body: bytes) -> bool:
    signed = f"{fields.get('webhook-id')}.{fields.get('webhook-timestamp')}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    return wanted in fields.get("webhook-signature", "").split()


def take(fields: dict[str, str], body: bytes) -> str:
    webhook_id = fields["webhook-id"]
    seen = report.setdefault(webhook_id, {"job": None, "type": None, "answers": [], "wrong": 0})
    told = json.loads(body)
    job = told["data"]["job_id"]
    if seen["job"] not in (None, job):
        seen["wrong"] += 1
    seen["job"], seen["type"] = job, told["type"]
    seen["wrong"] += not is_signed_right(fields, body)
    answer = choose(webhook_id, len(seen["answers"]) + 1)
    seen["answers"].append(answer)
    return answer


async def stream(writer: asyncio.StreamWriter):
    writer.write(ANSWERS["stream"])
    while True:
        writer.write(CHUNK)
        await writer.drain()
        await asyncio.sleep(0.005)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
            if head[0].startswith("GET "):
                text = json.dumps(report if "/report" in head[0] else {"count": len(report)}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
                continue
            body = await reader.readexactly(int(fields["content-length"]))
            answer = take(fields, body)
            if answer == "hang":
                # Until the sender has had enough.
                await reader.read(1)
                return
            if answer == "close":
                return
            if answer == "stream":
                await stream(writer)
            writer.write(ANSWERS[answer])
            if answer == "cut":
                return
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        # The sender has closed, or was killed.
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    over, loop = asyncio.Event(), asyncio.get_running_loop()

    def wait_for_end():
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await over.wait()
    # Connections that hang or stream have no end of their own.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
