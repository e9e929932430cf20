"""The full path of jobs with webhooks, as fast as it goes: in, claimed, done through SQL; the server's reactor sends.

    python queue_path.py URL RECEIVER-PORT --connections C --batch B --bound N

Needs the account in BENCH_ACCOUNT. Runs until its standard input ends. No more than --bound webhooks are outstanding:
what the receiver has counted is asked of it. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
from collections import Counter

import asyncpg
import queue_peer
import uvloop

from measure.queue_own import CLAIM, COMPLETE, SUBMIT


class FullPath:
    def __init__(self, arguments: argparse.Namespace):
        self.arguments, self.counts = arguments, Counter()
        self.over = asyncio.Event()
        self.go_on = asyncio.Event()
        job = {"workflow": "path", "payload": queue_peer.PAYLOAD}
        job["callback_url"] = f"http://127.0.0.1:{arguments.receiver}/hook"
        self.jobs = json.dumps([job] * arguments.batch)

    async def watch(self):
        """Lets the drivers go on while not too many webhooks are outstanding."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.arguments.receiver)
        while not self.over.is_set():
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            received = json.loads((await reader.readuntil(b"}")).decode())["count"]
            if self.counts["done"] - received < self.arguments.bound:
                self.go_on.set()
            else:
                self.go_on.clear()
                self.counts["waits"] += 1
            await asyncio.sleep(0.02)
        self.go_on.set()
        writer.close()

    async def drive(self, connection: asyncpg.Connection):
        account = os.environ["BENCH_ACCOUNT"]
        while not self.over.is_set():
            await self.go_on.wait()
            ids = await connection.fetchval(SUBMIT, account, self.jobs)
            self.counts["in"] += len(ids)
            ids, tokens, _ = await connection.fetchrow(CLAIM, self.arguments.batch)
            if ids:
                done = await connection.fetchval(COMPLETE, ids, tokens)
                self.counts["done"] += done

    async def run(self):
        connections = [
            await asyncpg.connect(self.arguments.url, server_settings={"application_name": "bench-path"})
            for _ in range(self.arguments.connections)
        ]
        tasks = [asyncio.create_task(self.watch())]
        tasks += [asyncio.create_task(self.drive(connection)) for connection in connections]
        # A thread that nobody waits for: what fails here must not wait for the end of the input.
        loop = asyncio.get_running_loop()

        def wait_for_end():
            sys.stdin.read()
            loop.call_soon_threadsafe(self.over.set)

        threading.Thread(target=wait_for_end, daemon=True).start()
        await asyncio.wait([asyncio.create_task(self.over.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED)
        self.over.set()
        await asyncio.gather(*tasks)
        print(json.dumps(dict(self.counts) | {"busy": queue_peer.processor_seconds()}), flush=True)


async def main(arguments: argparse.Namespace):
    await FullPath(arguments).run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("receiver", type=int)
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--bound", type=int, default=2000)
    uvloop.run(main(parser.parse_args()))
