"""Background tasks that are kept going: what fails is told, shown in the readiness, and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter

from kafka_ml_common.errors import KafkaMLError

log = structlog.get_logger(__name__)

RESTARTS = Counter("kafka_ml_part_restarts", "Times that a background part ended and was started again", ["part"])

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0


class Part:
    """A background task of the service, or a step of its start.

    Args:
        name: as the readiness shows it.
        run: a step ends when it is done; anything else runs until cancelled.
        healthy: whether it is well, besides running.
    """

    def __init__(
        self, name: str, run: Callable[[], Awaitable[None]], *, healthy: Callable[[], bool] | None = None
    ) -> None:
        self.name = name
        self._run = run
        self._healthy = healthy
        self.done = asyncio.Event()
        """Set once a step has been carried out."""
        self.problem: str | None = "not started yet"
        """Why it is not well; None when it is."""

    @property
    def ready(self) -> bool:
        """Whether it does its work just now."""
        return self.problem is None and (self._healthy is None or self._healthy())

    async def step(self) -> None:
        """Carry out a step, trying again until it succeeds."""
        await self._keep_trying(self._run)
        self.done.set()

    async def keep(self, *after: Part) -> None:
        """Run once the steps `after` are done, for ever; one that ends is started again."""
        for step in after:
            await step.done.wait()
        while True:
            await self._keep_trying(self._run_on)
            RESTARTS.labels(self.name).inc()
            log.error("a part ended and is started again", part=self.name)
            await asyncio.sleep(_FIRST_PAUSE_SECONDS)

    async def _run_on(self) -> None:
        """Run what does not end. It is well from its start on, and its last failure over; what `healthy` says holds besides."""
        self.problem = None
        await self._run()

    async def _keep_trying(self, run: Callable[[], Awaitable[None]]) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await run()
            except KafkaMLError as error:
                self.problem = str(error)
                log.warning("will try again", part=self.name, error=self.problem, pause=pause)
            except (
                Exception
            ) as error:  # the task's outermost frame: the service goes on without this part until it is back
                self.problem = f"{type(error).__name__}: {error}"[:500]
                RESTARTS.labels(self.name).inc()
                log.exception("a part failed and is started again", part=self.name, pause=pause)
            else:
                self.problem = None
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
