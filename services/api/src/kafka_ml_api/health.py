"""Health and metrics: is the process alive, can it do its work, and how is it doing?"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Request, Response
from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kafka_ml_api import problems
from kafka_ml_api.db import Database
from kafka_ml_api.supervision import Part
from kafka_ml_common.errors import KafkaMLError, UnavailableError
from kafka_ml_common.objects import ObjectStore
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.telemetry import traceparent

router = APIRouter(tags=["operations"])

REQUESTS = Counter("kafka_ml_http_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("kafka_ml_http_seconds", "Time from a request to the start of its answer", ["method", "route"])
UNDER_WAY = Gauge("kafka_ml_http_requests_under_way", "Requests that are being answered, streams included")

_CHECK_SECONDS = 3.0
_CACHE_SECONDS = 1.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Readiness(BaseModel):
    """What the service needs, and whether each part is there: `ok`, or what is wrong with it."""

    ready: bool
    checks: dict[str, str] = Field(
        examples=[{"database": "ok", "kafka": "ok", "object store": "ok", "consumers": "ok"}]
    )


class Health:
    """Asks each dependency and each part of the service. Answers are kept for a second, so that asking often costs nothing."""

    def __init__(self, database: Database, kafka: KafkaSettings, objects: ObjectStore, parts: Sequence[Part]) -> None:
        self._dependencies: dict[str, Callable[[], Awaitable[None]]] = {
            "database": database.check,
            "kafka": lambda: _check_kafka(kafka),
            "object store": lambda: asyncio.to_thread(objects.check),
        }
        self._parts = parts
        self._lock = asyncio.Lock()
        self._known: Readiness | None = None
        self._asked_at = 0.0

    async def readiness(self) -> Readiness:
        """Whether the service can do its work just now, and what is missing."""
        async with self._lock:
            if self._known is None or time.monotonic() - self._asked_at > _CACHE_SECONDS:
                self._known = await self._ask()
                self._asked_at = time.monotonic()
            return self._known

    async def _ask(self) -> Readiness:
        answers = await asyncio.gather(*(_asked(check) for check in self._dependencies.values()))
        checks = dict(zip(self._dependencies, answers, strict=True))
        for part in self._parts:
            checks[part.name] = "ok" if part.ready else part.problem or "does not reach what it needs"
        return Readiness(ready=all(answer == "ok" for answer in checks.values()), checks=checks)


async def _asked(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:.0f} seconds"
    except KafkaMLError as error:
        return error.message
    return "ok"


async def _check_kafka(settings: KafkaSettings) -> None:
    client = AIOKafkaClient(**settings.aiokafka(), request_timeout_ms=int(_CHECK_SECONDS * 1000))
    try:
        await client.bootstrap()
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"Kafka at {settings.bootstrap_servers} can't be reached.") from error
    finally:
        await client.close()


@router.get("/livez", summary="Whether the process is alive")
async def livez() -> Alive:
    """Answer as long as the process works at all. Dependencies that are down are no reason to restart it; see `/readyz`."""
    return Alive()


@router.get(
    "/readyz",
    response_model=Readiness,
    summary="Whether the service can do its work",
    responses=problems.documented(),
)
async def readyz(request: Request) -> Response:
    """Tell of each dependency and part whether it is well; 503 with what is missing if one isn't."""
    health: Health = request.app.state.health
    readiness = await health.readiness()
    if readiness.ready:
        return Response(readiness.model_dump_json(), media_type="application/json")
    missing = "; ".join(f"{name}: {answer}" for name, answer in readiness.checks.items() if answer != "ok")
    problem = problems.document(UnavailableError(f"Not ready: {missing}"))
    return problems.response(problem | {"checks": readiness.checks}, {"Retry-After": str(problems.RETRY_AFTER_SECONDS)})


@router.get(
    "/metrics",
    response_class=Response,
    summary="Metrics for Prometheus",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Show the metrics of this process in Prometheus's text format."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), headers={"Content-Type": content_type})


class RequestTelemetry:
    """Counts and times requests by route, and takes up the client's trace context, which the messages that follow carry on.

    Pure ASGI, so that streams pass through untouched; they are timed up to their beginning.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _route_of(scope)
                REQUESTS.labels(method, route, str(message["status"])).inc()
                SECONDS.labels(method, route).observe(time.perf_counter() - began)
            await send(message)

        token = traceparent.set(_trace_of(scope))
        UNDER_WAY.inc()
        try:
            await self._app(scope, receive, counted)
        finally:
            UNDER_WAY.dec()
            traceparent.reset(token)


def _route_of(scope: Scope) -> str:
    """The path with the names of its parameters instead of their values; routes are few, but paths are whatever clients make up.

    (FastAPI's `route` knows its path only from the router on that it was declared with.)
    """
    if "route" not in scope:
        return "none"
    segments = scope["path"].split("/")
    for name, value in scope.get("path_params", {}).items():
        if str(value) in segments:
            segments[len(segments) - 1 - segments[::-1].index(str(value))] = f"{{{name}}}"
    return "/".join(segments)


def _trace_of(scope: Scope) -> str | None:
    text = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
    return text if _TRACEPARENT.fullmatch(text) else None
