"""Logs: what the runs of trainings, validations and inferences have printed. They are where the runs are, so the scheduler is asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Literal

import httpx
import structlog
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field, SecretStr
from sse_starlette import EventSourceResponse, ServerSentEvent

from kafka_ml_common.errors import NotFoundError, UnavailableError

log = structlog.get_logger(__name__)

_TIMEOUT = httpx.Timeout(15.0, connect=3.0)
_MOST_LINES = 10_000  # as the scheduler has it
_FOLLOW_SECONDS = 0.7
_CHECK_SECONDS = 2.0
_CHECK_CACHE_SECONDS = 1.0
_OVERLAP = 4096
PLAIN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The log, as it was printed. Followed: events whose data is text that came, in JSON; one named "
        "`anew` when the log begins again, and at last one named `end` that says why.",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "event": {"enum": ["message", "anew", "end"]},
                        "data": {"type": "string"},
                    },
                }
            },
        },
    }
}
"""How an endpoint that shows a log documents it."""


class LogQuery(BaseModel):
    """Which log, and how much of it."""

    replica: int = Field(0, ge=0, le=999, description="of an inference; others have one only")
    part: Literal["host", "model"] = Field(
        "host", description="host: what Kafka-ML says of the run; model: what the model's code and its libraries print"
    )
    lines: int = Field(1000, ge=1, le=_MOST_LINES, description="the last lines, at most")
    follow: bool = Field(False, description="whether to send what comes, too, as server-sent events")


class RunLogs:
    """Asks the scheduler.

    Args:
        url: where it answers over HTTP; None if it doesn't.
        token: what it wants to hear, if anything.
    """

    def __init__(self, url: str | None, token: SecretStr | None) -> None:
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._url = (url or "").rstrip("/")
        # No proxy, whatever the environment says: the scheduler is next door, and its token is for it alone.
        self._http = httpx.AsyncClient(headers=headers, timeout=_TIMEOUT, trust_env=False)
        self._answer, self._asked_at = "ok", float("-inf")

    @property
    def known(self) -> bool:
        """Whether it is known where the scheduler answers."""
        return bool(self._url)

    async def check(self) -> str:
        """How the scheduler is: `ok`, or what is wrong with it. Asked at most once a second."""
        if not self._url:
            return "ok"
        if time.monotonic() - self._asked_at > _CHECK_CACHE_SECONDS:
            self._answer, self._asked_at = await self._ask_ready(), time.monotonic()
        return self._answer

    async def _ask_ready(self) -> str:
        try:
            answer = await self._http.get(f"{self._url}/readyz", timeout=_CHECK_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL):
            return "It can't be reached: nothing new is started, what runs goes on."
        return "ok" if answer.status_code == httpx.codes.OK else "It is not ready: what is asked for waits."

    async def read(self, workload_id: str, query: LogQuery, of: str, ended: Callable[[], Awaitable[bool]]) -> Response:
        """The log of a workload's last run, as the answer to a request.

        Args:
            of: what it is the log of, for people.
            ended: tells whether the work has ended, so that a log that is followed ends, too.

        Raises:
            NotFoundError: there is none, or no longer one.
            UnavailableError: the scheduler can't be reached, or can't read it just now.
        """
        text = await self._read(workload_id, query, of)
        # What a model prints is no page, whatever it looks like.
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        if not query.follow:
            return Response(text, headers=headers, media_type="text/plain")
        parts = self._followed(text, lambda: self._read(workload_id, query, of), ended)
        return EventSourceResponse(parts, headers=headers, ping=15, send_timeout=30, sep="\n")

    async def _followed(
        self, text: str, read: Callable[[], Awaitable[str]], ended: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[ServerSentEvent]:
        yield _text_event(text)
        while True:
            over = await ended()
            try:
                now = await read()
            except (NotFoundError, UnavailableError) as error:
                yield ServerSentEvent(error.message, event="end")
                return
            if (new := appended(text, now)) is None:
                yield ServerSentEvent("", event="anew")  # another attempt, whose log begins anew
                yield _text_event(now)
            elif new:
                yield _text_event(new)
            text = now
            if over:
                yield ServerSentEvent("The work has ended.", event="end")
                return
            await asyncio.sleep(_FOLLOW_SECONDS)

    async def _read(self, workload_id: str, query: LogQuery, of: str) -> str:
        if not self._url:
            raise UnavailableError(
                "Logs can't be shown here, as the API does not know where the scheduler is.",
                advice="Set KAFKA_ML_SCHEDULER_URL.",
            )
        which = query.model_dump(exclude={"follow"})
        try:
            answer = await self._http.get(f"{self._url}/workloads/{workload_id}/log", params=which)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the scheduler can't be reached", url=self._url, error=repr(error))
            raise UnavailableError(
                "The scheduler, which has the logs, can't be reached.", advice="Try again in a moment."
            ) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFoundError(
                f"There is no log of {of}, or no longer one.",
                advice="A log begins when the work is started, and is kept for a while after its end.",
            )
        if answer.status_code != httpx.codes.OK:
            log.warning("the scheduler shows no log", status=answer.status_code, text=answer.text[:500])
            raise UnavailableError(
                f"The scheduler shows no log just now (status {answer.status_code}).",
                advice="Try again in a moment. With 401, it wants another KAFKA_ML_SCHEDULER_TOKEN than the API has.",
            )
        return answer.text

    async def close(self) -> None:
        await self._http.aclose()


def appended(before: str, now: str) -> str | None:
    """What has come to a log of which only the last lines are known each time; None where nothing of the earlier text is left.

    The earlier text's end is looked for from the back, so that a line that comes again and again is not taken for the first of its kind
    unless nothing else fits.
    """
    if not before:
        return now
    if now.startswith(before):
        return now[len(before) :]
    tail = before[-_OVERLAP:]
    place = now.rfind(tail)
    return None if place < 0 else now[place + len(tail) :]


def _text_event(text: str) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(text))


def _run_logs(request: Request) -> RunLogs:
    found: RunLogs = request.app.state.run_logs
    return found


Logs = Annotated[RunLogs, Depends(_run_logs)]
Which = Annotated[LogQuery, Query()]
