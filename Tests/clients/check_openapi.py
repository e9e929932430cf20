"""The OpenAPI document, validated by openapi-spec-validator."""

from harness import Client
from openapi_spec_validator import OpenAPIV31SpecValidator
from run import check


def run(context) -> str:
    answer = Client(context.url).call("GET", "/public/openapi.json").expect(200)
    document = answer.json
    check(document["openapi"].startswith("3.1."), f"it says openapi {document['openapi']}")
    faults = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in OpenAPIV31SpecValidator(document).iter_errors()
    ]
    check(not faults, "\n        ".join(faults[:20]))
    operations = [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    silent = [f"{method.upper()} {path}" for path, method, operation in operations if not operation.get("summary")]
    check(not silent, f"without a summary: {', '.join(silent)}")
    for path in (
        "/api/v1/intake",
        "/api/v1/status/{job_id}",
        "/api/v1/jobs",
        "/api/v1/users/upsert",
        "/health",
        "/ready",
    ):
        check(path in document["paths"], f"{path} is missing")
    page = Client(context.url).call("GET", "/docs", headers={"Accept": "text/html"}).expect(200).text
    check("/api/v1/intake" in page, "/docs does not show the intake")
    return f"OpenAPI {document['openapi']} with {len(operations)} operations is valid, and /docs shows it"
