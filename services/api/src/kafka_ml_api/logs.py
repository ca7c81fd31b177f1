"""Logs: what the runs of trainings, validations and inferences have printed. They are where the runs are, so the scheduler is asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
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
_PATIENCE_SECONDS = 30.0
_LITTLE_LINES = 500
_CUT_CHARACTERS = 500_000  # The scheduler cuts at 2 MiB of UTF-8, which has at least so many characters.
PLAIN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The log, as it was printed. Followed: events whose data is text that came, in JSON; one named "
        "`anew` when the log begins again, and at last one named `end` that says why. A stream that ends without it can be asked for again.",
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
        self.runtime: str | None = None
        """Where workloads run, as the scheduler said when it was last checked; None if it didn't."""

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
        self.runtime = answer.headers.get("X-Kafka-ML-Runtime")
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
        parts = self._followed(text, query, lambda which: self._read(workload_id, which, of), ended)
        return EventSourceResponse(parts, headers=headers, ping=15, send_timeout=30, sep="\n")

    async def _followed(
        self,
        text: str,
        query: LogQuery,
        read: Callable[[LogQuery], Awaitable[str]],
        ended: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[ServerSentEvent]:
        # Mostly little comes within a second, so only a little is asked for, and all only where that doesn't meet what is known.
        little = query.model_copy(update={"lines": min(query.lines, _LITTLE_LINES)})
        yield _text_event(text)
        answered_at = time.monotonic()
        while True:
            await asyncio.sleep(_FOLLOW_SECONDS)
            over = False
            try:
                over = await ended()
                now, which = await read(little), little
                if appended(text, now, which.lines) is None and query.lines > which.lines:
                    now, which = await read(query), query
            except NotFoundError:
                if over or await _is_gone(ended):
                    yield ServerSentEvent("There is no log any more.", event="end")
                    return
                continue  # between two attempts, or the run is not kept and the next one not yet begun
            except UnavailableError:
                if time.monotonic() - answered_at > _PATIENCE_SECONDS:
                    return  # without an `end`: it is not known that there is one, so the client asks again, and is told
                continue
            answered_at = time.monotonic()
            if (new := appended(text, now, which.lines)) is None:
                yield ServerSentEvent("", event="anew")  # another attempt, whose log begins anew
                yield _text_event(now)
            elif new:
                yield _text_event(new)
            text = now
            if over:
                yield ServerSentEvent("The work has ended.", event="end")
                return

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


def appended(before: str, now: str, lines: int) -> str | None:
    """What has come to a log of which only the last lines are known each time; None where `now` does not go on from `before`.

    Where lines repeat it may be that more of them came than can be told; then the fewest are taken.

    Args:
        lines: how many were asked for the second time. With fewer, `now` is the whole log.
    """
    if now.startswith(before):
        return now[len(before) :]
    found = now.splitlines(keepends=True)
    if len(found) < lines and len(now) < _CUT_CHARACTERS:
        return None
    if (place := max(now.rfind("\n" + before), now.rfind("\r" + before))) >= 0:
        return now[place + 1 + len(before) :]
    *known, last = before.splitlines(keepends=True)
    for skipped in (0, 1):  # the first line may have been cut
        for count in (*_overlaps(known, found[skipped:]), 0):
            rest = "".join(found[skipped + count :])
            if rest.startswith(last):  # it may have been incomplete
                return rest[len(last) :]
    return None


def _overlaps(before: list[str], now: list[str]) -> Iterator[int]:
    """With how many of its last lines `before` is how `now` begins: the most first, at least one. Linear in time."""
    both = [*now, None, *before]
    longest = [0] * len(both)
    for place in range(1, len(both)):
        count = longest[place - 1]
        while count and both[place] != both[count]:
            count = longest[count - 1]
        longest[place] = count + (both[place] == both[count])
    count = longest[-1]
    while count:
        yield count
        count = longest[count - 1]


async def _is_gone(ended: Callable[[], Awaitable[bool]]) -> bool:
    """Whether what the log is of was deleted."""
    try:
        await ended()
    except NotFoundError:
        return True
    except UnavailableError:
        pass
    return False


def _text_event(text: str) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(text))


def _run_logs(request: Request) -> RunLogs:
    found: RunLogs = request.app.state.run_logs
    return found


Logs = Annotated[RunLogs, Depends(_run_logs)]
Which = Annotated[LogQuery, Query()]
