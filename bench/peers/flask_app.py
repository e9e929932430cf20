"""Flask behind gunicorn, 2 workers of 4 threads, psycopg with a pool: bench.baseline_intake over HTTP.

gunicorn --workers 2 --threads 4 flask_app:app
"""

import json
import os

from flask import Flask, Response, request
from intake import STATUSES, Intake
from psycopg_pool import ConnectionPool
from pydantic import ValidationError
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)
# As many connections a worker as it has threads; as the role that the server works as.
pool = ConnectionPool(
    os.environ["BENCH_DATABASE_URL"],
    min_size=4,
    max_size=4,
    kwargs={"autocommit": True, "options": "-c role=levqor_server", "application_name": "bench-flask"},
)
CALL = "select job_id, refusal from bench.baseline_intake(%s, %s, %s, %s)"


@app.post("/api/v1/intake")
def intake() -> Response | tuple[dict, int] | tuple[dict, int, dict]:
    try:
        body = Intake.model_validate_json(request.get_data())
    except ValidationError as error:
        return Response(error.json(), 422, content_type="application/json")
    with pool.connection() as connection:
        job_id, refusal = connection.execute(
            CALL,
            (request.headers.get("X-Api-Key", ""), request.remote_addr, body.workflow, json.dumps(body.payload)),
            prepare=True,
        ).fetchone()
    if refusal is not None:
        return {"detail": refusal}, STATUSES[refusal]
    shown = "job_" + job_id.hex
    return {"job_id": shown, "status": "queued"}, 202, {"Location": "/api/v1/jobs/" + shown}


@app.get("/health")
def health() -> dict:
    return {"ok": True}
