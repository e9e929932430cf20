"""FastAPI behind uvicorn, 2 workers, asyncpg with a pool: bench.baseline_intake over HTTP.

uvicorn --workers 2 fastapi_app:app
"""

import json
import os
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
from fastapi import FastAPI, Header, HTTPException, Request, Response
from intake import STATUSES, Intake

CALL = "select job_id, refusal from bench.baseline_intake($1, $2, $3, $4)"
CONNECTIONS = 8


async def keep(connection: asyncpg.Connection):
    """In place of asyncpg's reset of a session that comes back to the pool: a statement more for each request."""


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(
        os.environ["BENCH_DATABASE_URL"],
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        reset=keep,
        server_settings={"role": "levqor_server", "application_name": "bench-fastapi"},
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/api/v1/intake", status_code=202)
async def intake(body: Intake, request: Request, response: Response, x_api_key: Annotated[str, Header()] = "") -> dict:
    row = await app.state.pool.fetchrow(CALL, x_api_key, request.client.host, body.workflow, json.dumps(body.payload))
    if row["refusal"] is not None:
        raise HTTPException(STATUSES[row["refusal"]], row["refusal"])
    shown = "job_" + row["job_id"].hex
    response.headers["Location"] = "/api/v1/jobs/" + shown
    return {"job_id": shown, "status": "queued"}


@app.get("/health")
async def health() -> dict:
    return {"ok": True}
