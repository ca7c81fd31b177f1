"""Logs: what the runs of trainings, validations and inferences have printed. They are where the runs are, so the scheduler is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import httpx
import structlog
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field, SecretStr

from kafka_ml_common.errors import NotFoundError, UnavailableError

log = structlog.get_logger(__name__)

_TIMEOUT = httpx.Timeout(15.0, connect=3.0)
_MOST_LINES = 10_000  # as the scheduler has it
PLAIN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The log, as it was printed.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
"""How an endpoint that shows a log documents it."""


class LogQuery(BaseModel):
    """Which log, and how much of it."""

    replica: int = Field(0, ge=0, le=999, description="of an inference; others have one only")
    part: Literal["host", "model"] = Field(
        "host", description="host: what Kafka-ML says of the run; model: what the model's code and its libraries print"
    )
    lines: int = Field(1000, ge=1, le=_MOST_LINES, description="the last lines, at most")


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

    async def read(self, workload_id: str, query: LogQuery, of: str) -> Response:
        """The log of a workload's last run, as the answer to a request.

        Args:
            of: what it is the log of, for people.

        Raises:
            NotFoundError: there is none, or no longer one.
            UnavailableError: the scheduler can't be reached, or can't read it just now.
        """
        if not self._url:
            raise UnavailableError(
                "Logs can't be shown here, as the API does not know where the scheduler is.",
                advice="Set KAFKA_ML_SCHEDULER_URL.",
            )
        try:
            answer = await self._http.get(f"{self._url}/workloads/{workload_id}/log", params=query.model_dump())
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
        # What a model prints is no page, whatever it looks like.
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return Response(answer.content, headers=headers, media_type="text/plain")

    async def close(self) -> None:
        await self._http.aclose()


def _run_logs(request: Request) -> RunLogs:
    found: RunLogs = request.app.state.run_logs
    return found


Logs = Annotated[RunLogs, Depends(_run_logs)]
Which = Annotated[LogQuery, Query()]
