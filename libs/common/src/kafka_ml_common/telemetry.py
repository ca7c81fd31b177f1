"""Logs (structlog), metrics (prometheus-client) and the trace context that messages carry."""

import logging
import secrets
import sys
from contextvars import ContextVar

import structlog
from prometheus_client import start_http_server

from kafka_ml_common.settings import TelemetrySettings

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The W3C trace context of the work at hand; messages that are published carry it on."""


def current_traceparent() -> str:
    """The trace context of the work at hand, or a new one where nothing began it."""
    return traceparent.get() or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def configure(service: str, settings: TelemetrySettings | None = None) -> None:
    """Set up structured logs for this process and, where a port is set, its metrics endpoint.

    Logs go to standard error: coloured on a terminal, JSON lines elsewhere. Libraries that use `logging` come out the same way.
    """
    settings = settings or TelemetrySettings()
    pretty = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    structlog.contextvars.bind_contextvars(service=service)
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, addr="127.0.0.1" if pretty else "0.0.0.0")  # noqa: S104 - scraped from outside the pod
