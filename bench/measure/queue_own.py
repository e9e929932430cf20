"""Our queue through SQL, as a program would use it: arrays over asyncpg, on uvloop. Beside the peers of bench/peers.

    python queue_own.py in|out URL --batch B --connections C [--jobs N]

`in` needs the account in BENCH_ACCOUNT. The session is an operator's, as a program beside the database would have it:
what is handed in is told by a NOTIFY in its own transaction.
"""

from __future__ import annotations

import asyncio
import json
import os

import asyncpg
import queue_peer

SUBMIT = "select array_agg(j.id) from jobs.submit_jobs($1, $2::jsonb) as j"
CLAIM = """
select array_agg(j.id), array_agg(j.lease_token), array_agg(j.payload::text)
from jobs.claim_jobs('bench', null, $1) as j
"""
COMPLETE = "select count(*) filter (where j.outcome = 'done') from jobs.complete_jobs($1::uuid[], $2::bigint[]) as j"


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url, server_settings={"application_name": "bench-queue"})


async def noop(payload: str):
    pass


async def put_in(work: queue_peer.Work):
    connections = [await connect(work.url) for _ in range(work.connections)]
    account, job = os.environ["BENCH_ACCOUNT"], {"workflow": "noop", "payload": queue_peer.PAYLOAD}

    async def put(connection: asyncpg.Connection, batches: list[int]):
        for batch in batches:
            ids = await connection.fetchval(SUBMIT, account, json.dumps([job] * batch))
            work.count(len(ids))

    await work.start()
    await asyncio.gather(*(put(c, b) for c, b in zip(connections, work.shares(), strict=True)))


async def work_off(work: queue_peer.Work):
    connections = [await connect(work.url) for _ in range(work.connections)]

    async def take(connection: asyncpg.Connection):
        while True:
            ids, tokens, payloads = await connection.fetchrow(CLAIM, work.batch)
            if ids is None:
                return
            for payload in payloads:
                await noop(payload)
            work.count(await connection.fetchval(COMPLETE, ids, tokens))

    await work.start()
    await asyncio.gather(*(take(connection) for connection in connections))


async def prepare(url: str):
    """Nothing: the bench empties our queue itself."""


if __name__ == "__main__":
    queue_peer.main(prepare, put_in, work_off)
