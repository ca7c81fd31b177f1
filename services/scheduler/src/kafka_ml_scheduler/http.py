"""What the scheduler answers over HTTP: whether it lives, whether it is ready, and what runs have printed. For the cluster and the API."""

from __future__ import annotations

import contextlib
import hmac
import re
from collections.abc import AsyncIterator, Callable

import structlog
from aiohttp import web
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafka_ml_common.errors import NotFoundError, UnavailableError
from kafka_ml_scheduler.runtimes.base import LOG_ANSWER_BYTES, Part, Runtime

log = structlog.get_logger(__name__)

RUNTIME_HEADER = "X-Kafka-ML-Runtime"
"""Says with `/readyz` where workloads run: `process` or `kubernetes`."""
MOST_LINES = 10_000
_LINES = 1000
_MOST_REPLICAS = 100_000
_WORKLOAD = re.compile(r"(?:training|inference)-\d{1,10}|validation-\d{1,10}-\d{1,10}", re.ASCII)


class HttpSettings(BaseSettings):
    """Where the scheduler answers: `KAFKA_ML_SCHEDULER_HOST` and friends."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_SCHEDULER_", extra="ignore", env_ignore_empty=True)

    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=0, le=65_535, description="none answers when unset; 0 takes a free one")
    token: SecretStr | None = Field(
        None, description="who asks for logs must send it as `Authorization: Bearer`; anybody may when unset"
    )


@contextlib.asynccontextmanager
async def serve_http(
    settings: HttpSettings, runtime: Runtime, *, ready: Callable[[], bool]
) -> AsyncIterator[int | None]:
    """Answer as long as the block lasts; gives the port, None if nothing is to be answered.

    Args:
        ready: whether `/readyz` says yes. `/livez` does as long as the event loop gets to it.

    Raises:
        UnavailableError: the port can't be had.
    """
    if settings.port is None:
        yield None
        return
    runner = web.AppRunner(_application(settings, runtime, ready), access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            raise UnavailableError(
                f"Port {settings.port} of {settings.host} can't be had: {error}.",
                advice="Choose another with KAFKA_ML_SCHEDULER_PORT.",
            ) from error
        port: int = runner.addresses[0][1]
        log.info("answers over HTTP", host=settings.host, port=port, with_token=settings.token is not None)
        yield port
    finally:
        await runner.cleanup()


def _application(settings: HttpSettings, runtime: Runtime, ready: Callable[[], bool]) -> web.Application:
    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(_: web.Request) -> web.Response:
        headers = {RUNTIME_HEADER: runtime.kind}
        if ready():
            return web.Response(text="ready\n", headers=headers)
        return web.Response(text="not ready\n", status=503, headers=headers)

    async def read_log(request: web.Request) -> web.Response:
        _check_token(request, settings.token)
        workload_id = request.match_info["id"]
        if not _WORKLOAD.fullmatch(workload_id):
            raise web.HTTPNotFound(text=f"There is no workload {workload_id[:100]}.")
        replica, lines = (
            _number(request, "replica", 0, 0, _MOST_REPLICAS),
            _number(request, "lines", _LINES, 1, MOST_LINES),
        )
        try:
            text = await runtime.log(workload_id, replica, part=_part(request), lines=lines)
        except NotFoundError as error:
            raise web.HTTPNotFound(text=str(error)) from error
        except UnavailableError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        # What a model prints is no page, whatever it looks like.
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        body = text.encode(errors="replace")[-LOG_ANSWER_BYTES:]
        return web.Response(body=body, content_type="text/plain", charset="utf-8", headers=headers)

    application = web.Application(client_max_size=1 << 16)
    application.add_routes(
        [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/workloads/{id}/log", read_log)]
    )
    return application


def _check_token(request: web.Request, token: SecretStr | None) -> None:
    if token is None:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    wanted = token.get_secret_value().encode()
    if not (hmac.compare_digest(given.strip().encode(errors="replace"), wanted) and scheme.lower() == "bearer"):
        raise web.HTTPUnauthorized(text="A token is needed.", headers={"WWW-Authenticate": "Bearer"})


def _number(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise web.HTTPBadRequest(text=f"{name} must be a number from {least} to {most}.")
    return int(text)


def _part(request: web.Request) -> Part:
    match request.query.get("part", "host"):
        case "host":
            return "host"
        case "model":
            return "model"
    raise web.HTTPBadRequest(text="part must be host or model.")
