"""What this product replaces, at its best: Flask behind gunicorn, psycopg with a pool, and the same SQL.

Each request is one statement: http.handle_many with one call. It does less than our server: no schema check, no access
record, no security headers.

    gunicorn --workers 2 --threads 4 flask_app:app
"""

import json
import os
import uuid

from flask import Flask, Response, request
from psycopg_pool import ConnectionPool

app = Flask(__name__)
# As many connections a worker as it has threads; as the role that the server works as.
pool = ConnectionPool(
    os.environ["BENCH_DATABASE_URL"],
    min_size=4,
    max_size=4,
    kwargs={"autocommit": True, "options": "-c role=levqor_server", "application_name": "bench-flask"},
)
CALL = """
    select h.status, h.headers, h.body
    from http.handle_many(
        array[%s], array[%s], array[%s], array[%s]::text[], array[%s], array[%s], array[%s], array[%s]::text[],
        array['{}']::jsonb[]
    ) as h
"""


def load_routes() -> dict[tuple[str, str], tuple[int, int]]:
    with pool.connection() as connection:
        rows = connection.execute("select method, path, id, version from http.load_routes()").fetchall()
    return {(method, path): (number, version) for method, path, number, version in rows}


routes = load_routes()


def handle(path: str, parameters: dict[str, str]) -> Response:
    number, version = routes[request.method, path]
    with pool.connection() as connection:
        status, headers, body = connection.execute(
            CALL,
            (
                uuid.uuid4().hex,
                number,
                version,
                request.headers.get("X-Api-Key"),
                request.headers.get("X-Forwarded-For", request.remote_addr),
                request.headers.get("User-Agent"),
                json.dumps(parameters),
                request.get_data(as_text=True) or None,
            ),
            prepare=True,
        ).fetchone()
    return Response(body, status, {"Content-Type": "application/json", **json.loads(headers)})


@app.post("/api/v1/intake")
def intake() -> Response:
    return handle("/api/v1/intake", {})


@app.get("/api/v1/status/<job_id>")
def status(job_id: str) -> Response:
    return handle("/api/v1/status/{job_id}", {"job_id": job_id})


@app.get("/health")
def health() -> dict:
    return {"ok": True}
