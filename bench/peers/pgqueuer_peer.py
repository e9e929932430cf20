"""PgQueuer, as its own benchmark drives it: asyncpg on uvloop, jobs in batches, a consumer for each connection.

Durable: all its tables are logged (its default). Its tables have the autovacuum settings that it recommends.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import asyncpg
import queue_peer
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

PAYLOAD = json.dumps(queue_peer.PAYLOAD).encode()


class Counting(Queries):
    """Tells when finished jobs have been recorded."""

    work: queue_peer.Work

    async def log_jobs(self, job_status):
        await super().log_jobs(job_status)
        self.work.count(len(job_status))


async def prepare(url: str):
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    if await queries.schema_is_installed():
        await queries.uninstall()
    await queries.install()
    await queries.optimize_autovacuum()
    await connection.close()


async def put_in(work: queue_peer.Work):
    all_queries = [Queries(AsyncpgDriver(await asyncpg.connect(work.url))) for _ in range(work.connections)]

    async def put(queries: Queries, batches: list[int]):
        for batch in batches:
            await queries.enqueue(["noop"] * batch, [PAYLOAD] * batch, [0] * batch)
            work.count(batch)

    await work.start()
    await asyncio.gather(*(put(q, b) for q, b in zip(all_queries, work.shares(), strict=True)))


async def work_off(work: queue_peer.Work):
    consumers = []
    for _ in range(work.connections):
        driver = AsyncpgDriver(await asyncpg.connect(work.url))
        queries = Counting(driver)
        queries.work = work
        consumer = PgQueuer(driver, queries=queries)

        @consumer.entrypoint("noop")
        async def noop(job: Job) -> None:
            pass

        consumers.append(consumer)
    await work.start()
    await asyncio.gather(
        *(
            consumer.run(
                batch_size=work.batch,
                mode=QueueExecutionMode.drain,
                # How soon an empty queue is looked at again: what is left is with another consumer.
                dequeue_timeout=timedelta(milliseconds=50),
            )
            for consumer in consumers
        )
    )


if __name__ == "__main__":
    queue_peer.main(prepare, put_in, work_off)
