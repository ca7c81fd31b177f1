"""The OpenAPI document, and Swagger UI without anything from outside: its files come with the package `fastapi-offline`."""

from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse

from kafka_ml_api.problems import FieldError, Problem

DESCRIPTION = """
Kafka-ML joins data streams in Apache Kafka with machine learning: models learn from a stream, and predict on another.

* Errors are [problem details](https://www.rfc-editor.org/rfc/rfc9457), `application/problem+json`, with a `pointer` to what is at fault.
* Lists come in pages: pass `next_cursor` on as `cursor`.
* `POST` takes an `Idempotency-Key`: the same request again has no second effect, and gets the same answer.
* `PATCH` takes `If-Match` with the `ETag` that you have seen.
* Everything here can also be asked for by messages in `kafka-ml.commands`; see `/asyncapi.json`.
"""

_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}


def install(app: FastAPI) -> None:
    """Add `/docs`, and complete `/openapi.json`."""
    folder = files("fastapi_offline") / "static"

    @app.get("/docs", include_in_schema=False)
    async def swagger() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Kafka-ML API",
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon.png",
        )

    async def asset(request: Request) -> FileResponse:
        name = request.url.path.rsplit("/", 1)[1]
        return FileResponse(str(folder / name), media_type=_FILES[name], headers={"Cache-Control": "max-age=3600"})

    for name in _FILES:
        app.add_api_route(f"/docs/{name}", asset, include_in_schema=False)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's way to replace the document


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    """Say what errors look like, and link the resources that a creation leads to."""
    schemas = document["components"]["schemas"]
    definition = Problem.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    definition.pop("$defs")
    schemas["Problem"] = definition
    schemas["FieldError"] = FieldError.model_json_schema(by_alias=True)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _link(path, operation, document["paths"])
    return document


def _link(path: str, operation: dict[str, Any], paths: dict[str, Any]) -> None:
    """OpenAPI links from a creation to what can be done with the new resource."""
    responses = operation["responses"]
    # What is accepted is a new resource only where it is asked of a collection.
    created = responses.get("201") or (responses.get("202") if f"{path}/{{id}}" in paths else None)
    if created is None:
        return
    collection = "/api/v1/" + path.rstrip("/").rsplit("/", 1)[1]
    links = {}
    for target, operations in paths.items():
        if not target.startswith(f"{collection}/{{id}}"):
            continue
        for other in operations.values():
            if [p["name"] for p in other.get("parameters", []) if p["in"] == "path"] == ["id"]:
                links[other["operationId"]] = {
                    "operationId": other["operationId"],
                    "parameters": {"id": "$response.body#/id"},
                }
    created["links"] = links
    created["headers"] = {"Location": {"description": "the new resource", "schema": {"type": "string"}}}
