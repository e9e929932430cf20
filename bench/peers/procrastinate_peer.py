"""Procrastinate: its psycopg connector with a pool, jobs handed in by batch_defer, a worker for each connection.

It takes and finishes jobs one by one, whatever the batch. Finished jobs are kept (its default), as ours are.
"""

from __future__ import annotations

import asyncio
import logging

import procrastinate
import queue_peer
from procrastinate import schema

CONCURRENCY = 4


def make_app(url: str, size: int) -> procrastinate.App:
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=url, min_size=size, max_size=size, timeout=120)
    )
    app.task(name="noop", queue="bench")(noop)
    return app


async def noop(**payload):
    pass


async def prepare(url: str):
    app = make_app(url, 1)
    async with app.open_async():
        await app.connector.execute_query_async("drop schema public cascade")
        await app.connector.execute_query_async("create schema public")
        await schema.SchemaManager(app.connector).apply_schema_async()


async def put_in(work: queue_peer.Work):
    app = make_app(work.url, work.connections)
    async with app.open_async():
        deferrer = app.configure_task("noop", queue="bench")

        async def put(batches: list[int]):
            for batch in batches:
                if batch == 1:
                    await deferrer.defer_async(**queue_peer.PAYLOAD)
                else:
                    await deferrer.batch_defer_async(*[queue_peer.PAYLOAD] * batch)
                work.count(batch)

        await work.start()
        await asyncio.gather(*(put(batches) for batches in work.shares()))


async def work_off(work: queue_peer.Work):
    logging.disable(logging.INFO)
    app = make_app(work.url, work.connections * CONCURRENCY)
    async with app.open_async():
        finish = app.job_manager.finish_job

        async def finish_job(*arguments, **named):
            await finish(*arguments, **named)
            work.count(1)

        app.job_manager.finish_job = finish_job
        await work.start()
        await asyncio.gather(
            *(
                app.run_worker_async(
                    queues=["bench"],
                    name=f"bench-{number}",
                    concurrency=CONCURRENCY,
                    wait=False,
                    listen_notify=False,
                    install_signal_handlers=False,
                )
                for number in range(work.connections)
            )
        )


if __name__ == "__main__":
    queue_peer.main(prepare, put_in, work_off)
