"""The states of what the API keeps, and the moves between them. Pure; the projector and the use cases apply them.

Events come late, twice, or from a part that did not know better. So a move that a table does not allow is no error: the state stays as it
is. States without a way out are final.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class StateMachine(Generic[S]):
    """Which states may follow which."""

    moves: Mapping[S, frozenset[S]]

    def advance(self, current: S, wanted: S) -> S:
        """The state after something asked for `wanted`: that one where the table allows it, else `current`."""
        return wanted if wanted in self.moves[current] else current

    def is_final(self, state: S) -> bool:
        """Whether nothing follows on this state."""
        return not self.moves[state]


class VersionState(StrEnum):
    """Where a version of a model's code is."""

    VALIDATING = "validating"
    VALID = "valid"
    INVALID = "invalid"


class ResultState(StrEnum):
    """Where the training of one model of a deployment is."""

    AWAITING = "awaiting"
    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


class DeploymentState(StrEnum):
    """Where a deployment is; it follows from its results."""

    AWAITING = "awaiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


class InferenceState(StrEnum):
    """Where an inference is. `pending` also when a replica crashed and none runs."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


_NOTHING: frozenset[ResultState] = frozenset()
_RESULT_ENDS = frozenset({ResultState.FINISHED, ResultState.FAILED, ResultState.STOPPED})
_INFERENCE_ENDS = frozenset({InferenceState.STOPPED, InferenceState.FAILED})

# Checking a version again is a use case that sets `validating` itself; no event leads back there.
VERSION: StateMachine[VersionState] = StateMachine(
    {
        VersionState.VALIDATING: frozenset({VersionState.VALID, VersionState.INVALID}),
        VersionState.VALID: frozenset(),
        VersionState.INVALID: frozenset(),
    }
)

# States may be skipped: a trainer's own event can say "running" before the scheduler's status is read.
RESULT: StateMachine[ResultState] = StateMachine(
    {
        ResultState.AWAITING: frozenset({ResultState.PENDING, ResultState.RUNNING}) | _RESULT_ENDS,
        ResultState.PENDING: frozenset({ResultState.RUNNING, ResultState.STOPPING}) | _RESULT_ENDS,
        ResultState.RUNNING: frozenset({ResultState.STOPPING}) | _RESULT_ENDS,
        ResultState.STOPPING: _RESULT_ENDS,
        ResultState.FINISHED: _NOTHING,
        ResultState.FAILED: _NOTHING,
        ResultState.STOPPED: _NOTHING,
    }
)

DEPLOYMENT: StateMachine[DeploymentState] = StateMachine(
    {
        DeploymentState.AWAITING: frozenset(DeploymentState) - {DeploymentState.AWAITING},
        DeploymentState.RUNNING: frozenset({DeploymentState.FINISHED, DeploymentState.FAILED, DeploymentState.STOPPED}),
        DeploymentState.FINISHED: frozenset(),
        DeploymentState.FAILED: frozenset(),
        DeploymentState.STOPPED: frozenset(),
    }
)

INFERENCE: StateMachine[InferenceState] = StateMachine(
    {
        InferenceState.PENDING: frozenset({InferenceState.RUNNING, InferenceState.STOPPING}) | _INFERENCE_ENDS,
        InferenceState.RUNNING: frozenset({InferenceState.PENDING, InferenceState.STOPPING}) | _INFERENCE_ENDS,
        InferenceState.STOPPING: _INFERENCE_ENDS,
        InferenceState.STOPPED: frozenset(),
        InferenceState.FAILED: frozenset(),
    }
)


def deployment_state(current: DeploymentState, results: Iterable[ResultState]) -> DeploymentState:
    """The state of a deployment whose results are in the given states.

    Once all have ended it is finished if any training was, else failed if any failed, else stopped. Until then it runs as soon as one
    result no longer awaits its stream. Without results it stays as it is.
    """
    states = set(results)
    if not states:
        return current
    if states <= _RESULT_ENDS:
        if ResultState.FINISHED in states:
            wanted = DeploymentState.FINISHED
        elif ResultState.FAILED in states:
            wanted = DeploymentState.FAILED
        else:
            wanted = DeploymentState.STOPPED
    elif states == {ResultState.AWAITING}:
        wanted = DeploymentState.AWAITING
    else:
        wanted = DeploymentState.RUNNING
    return DEPLOYMENT.advance(current, wanted)
