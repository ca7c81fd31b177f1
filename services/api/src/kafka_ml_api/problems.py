"""Errors as problem details (RFC 9457), for REST and for the answers to commands."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from kafka_ml_api.db import storable_text, to_json
from kafka_ml_api.errors import (
    InUseError,
    MalformedError,
    MediaTypeError,
    MisdirectedError,
    RefusedError,
    StaleError,
    TooLargeError,
)
from kafka_ml_common.errors import ConflictError, InvalidError, KafkaMLError, NotFoundError, UnavailableError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
_LONGEST_DETAIL = 2000

# The first kind that fits counts, so subclasses come before their bases.
_STATUSES: tuple[tuple[type[KafkaMLError], HTTPStatus], ...] = (
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (StaleError, HTTPStatus.PRECONDITION_FAILED),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (RefusedError, HTTPStatus.FORBIDDEN),
    (MalformedError, HTTPStatus.BAD_REQUEST),
    (MediaTypeError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (MisdirectedError, HTTPStatus.MISDIRECTED_REQUEST),
    (InvalidError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


class FieldError(BaseModel):
    """What is wrong with one part of a request."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the part that `in` names", examples=["/name"])
    in_: str = Field("body", alias="in", description="body, query, path or header", examples=["body"])
    detail: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(description="kind of the problem, a URN", examples=["urn:kafka-ml:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="what happened, for people", examples=["There is no model 7."])
    advice: str | None = Field(None, description="what to do about it")
    errors: list[FieldError] | None = Field(None, description="the parts of the request that are at fault")
    users: list[str] | None = Field(
        None, description="what uses the resource that was to be deleted", examples=[["configurations/1"]]
    )


def document(error: KafkaMLError) -> dict[str, Any]:
    """The problem details of an error, as a JSON object."""
    found: dict[str, Any] = {"advice": error.advice}
    if error.pointer is not None:
        found["errors"] = [{"pointer": error.pointer, "in": "body", "detail": error.message}]
    if isinstance(error, InUseError):
        found["users"] = error.users
    return _document(status_of(error), error.code, error.message, **found)


def status_of(error: KafkaMLError) -> HTTPStatus:
    """The HTTP status of an error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def response(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """An HTTP response with problem details."""
    return Response(to_json(document), document["status"], headers=headers, media_type=MEDIA_TYPE)


def of_error(error: KafkaMLError) -> Response:
    """The HTTP response to an error."""
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if isinstance(error, UnavailableError) else None
    return response(document(error), retry)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that may answer with these statuses, besides those that each may."""
    meanings = {
        400: "The body is no JSON that can be read.",
        403: "The request comes from another site.",
        404: "There is no such resource.",
        409: "The resource's state does not allow it, or it is in use; or the same Idempotency-Key is being used.",
        412: "The resource has changed since.",
        413: "The body is too long.",
        415: "The body is not JSON.",
        421: "The service does not answer for that host.",
        422: "The request can't be accepted as it is.",
        503: "A part that is needed can't be reached just now.",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": meanings[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, 421, 422, 503})
    }


WRITE_STATUSES = (400, 403, 413, 415)
"""What each request that changes something may be answered with."""


def install(app: FastAPI) -> None:
    """Have the application answer all errors with problem details."""
    app.add_exception_handler(KafkaMLError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, KafkaMLError)  # noqa: S101 - what Starlette's typing can't say
    return of_error(error)


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what Starlette's typing can't say
    errors = [_field_error(part) for part in error.errors()]
    if any(part["type"] == "json_invalid" for part in error.errors()):
        return of_error(MalformedError("The body is no valid JSON."))
    first = errors[0]
    detail = f"{first['in']} {first['pointer']}: {first['detail']}."
    if len(errors) > 1:
        detail += f" ({len(errors) - 1} more in errors.)"
    found = _document(HTTPStatus.UNPROCESSABLE_ENTITY, InvalidError.code, detail, errors=errors[:100])
    return response(found)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what Starlette's typing can't say
    status = HTTPStatus(error.status_code)
    detail, headers = str(error.detail), dict(error.headers or {})
    if status is HTTPStatus.NOT_FOUND and detail == status.phrase:
        detail = f"There is nothing at {request.url.path}."
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible at {request.url.path}."
        headers["Allow"] = ", ".join(_methods_of(request))
    code = status.phrase.lower().replace(" ", "-")
    return response(_document(status, code, detail), headers)


def _methods_of(request: Request) -> list[str]:
    """The methods of every route at the request's path; Starlette itself tells those of the first route alone."""
    found: set[str] = set()
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        scope = dict(request.scope) | {"method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            found.add(method)
    return sorted(found)


async def _on_bug(request: Request, error: Exception) -> Response:
    log.error("a request failed", method=request.method, path=request.url.path, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return response(_document(status, "internal", "This is a bug of Kafka-ML. Its log says more."))


def _field_error(part: Any) -> dict[str, str]:
    place, *path = part["loc"] or ("body",)
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return {"pointer": pointer[:500], "in": str(place), "detail": str(part["msg"])[:_LONGEST_DETAIL]}


def _document(status: HTTPStatus, code: str, detail: str, **more: Any) -> dict[str, Any]:
    found = {
        "type": f"urn:kafka-ml:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": storable_text(detail[:_LONGEST_DETAIL]),
    }
    return found | {name: value for name, value in more.items() if value is not None}
