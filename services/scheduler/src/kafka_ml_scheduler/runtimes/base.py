"""What a runtime is: it starts, stops and shows replicas of workloads. What should run is decided elsewhere (plan.py).

A runtime remembers its runs across a restart of the scheduler: the scheduler itself stores nothing.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from kafka_ml_common.messages import Failure
from kafka_ml_common.workloads import InferenceSpec, TrainingSpec, ValidationSpec

Spec = TrainingSpec | ValidationSpec | InferenceSpec
RuntimeKind = Literal["process", "kubernetes"]
Part = Literal["host", "model"]
"""Of a run: our own process, or the one in which the model's code runs."""
LOG_ANSWER_BYTES = 2 << 20
"""More of a log is never asked for at once."""


class Phase(StrEnum):
    """Where a run is. `pending`: asked for, but not at work yet. Only `ended` runs can be replaced or forgotten."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class Ending(StrEnum):
    """How a run ended.

    `done`: it reported its outcome. `crashed`: it could not. `temporary`: something it needs was away; that is no fault of its own.
    `stopped`: the scheduler asked for it. `overdue`: the scheduler stopped it for good, because it took too long.
    """

    DONE = "done"
    CRASHED = "crashed"
    TEMPORARY = "temporary"
    STOPPED = "stopped"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Run:
    """One replica of a workload, as the runtime sees it.

    Attributes:
        attempt: the spec's attempts that are used up, this one included.
        tries: starts in a row that did not go well, this one included; pauses grow with it.
        started_at, ended_at: Unix time in seconds.
        ending: how it ended; None while it hasn't.
        failure: why it ended, unless it was done or was asked to stop; before that, what keeps it from working.
        replicas_running: how many are at work, where the phase alone doesn't say.
        replicas_wanted: of an inference whose replicas the runtime itself keeps; then there is one run for all of them.
        scales_itself: something else says how many that are; the spec's own number only says whether it is paused (0).
    """

    spec: Spec
    replica: int
    attempt: int
    tries: int
    phase: Phase
    started_at: float
    ended_at: float | None = None
    ending: Ending | None = None
    failure: Failure | None = None
    replicas_running: int | None = None
    replicas_wanted: int | None = None
    scales_itself: bool = False

    @property
    def workload_id(self) -> str:
        return self.spec.workload_id

    @property
    def at_work(self) -> int:
        """How many replicas are at work."""
        if self.replicas_running is not None:
            return self.replicas_running
        return int(self.phase in (Phase.RUNNING, Phase.STOPPING))


class Runtime(Protocol):
    """Runs replicas. Asking twice for the same is harmless."""

    changed: asyncio.Event
    """Set when `observe` may show something new."""
    kind: RuntimeKind
    """Where replicas run."""
    keeps_replicas: bool
    """Whether the runtime itself keeps an inference's replicas: starts them again, and renews them one after another."""

    async def open(self) -> None:
        """Take over what an earlier scheduler left running."""

    async def tend(self) -> None:
        """Look after what runs, until cancelled. Of several schedulers only the one that works does so."""

    async def close(self, *, stop: bool) -> None:
        """Let go of everything; `stop` ends all runs first, such that the next scheduler starts them again."""

    def observe(self) -> list[Run]:
        """All runs that have not been forgotten."""

    async def start(self, spec: Spec, *, replica: int, attempt: int, tries: int) -> None:
        """Start a replica, in place of its ended run if there is one.

        Where the runtime keeps an inference's replicas, have them all be as `spec` says.

        Raises:
            UnavailableError: it can't be started just now.
        """

    async def stop(self, workload_id: str, replica: int, *, overdue: Failure | None = None) -> None:
        """Ask a run to stop, and have it killed if it doesn't within a deadline. `overdue` says why it is stopped for good."""

    async def forget(self, workload_id: str, replica: int) -> None:
        """Show an ended run no more. Its log may be kept for a while."""

    async def log(self, workload_id: str, replica: int, *, part: Part, lines: int) -> str:
        """The last lines of what a part of a run printed, at most `LOG_ANSWER_BYTES` of UTF-8; of the last run, if it has ended.

        Raises:
            NotFoundError: there is no such run, or no longer a log of it.
            UnavailableError: it can't be read just now.
        """
