"""Patience: what to do after a failure. What passes by itself is tried again for ever; what lasts ends the inference; and what another
process of the same replica may do better ends this one. Pure but for the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from kafka_ml_common.failures import failure_of, passes
from kafka_ml_common.messages import Failure
from kafka_ml_inferer.delivery import DeliveryError
from kafka_ml_sandbox.deaths import GuestError

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_FAST_SECONDS = 120.0
"""Failures within this time make the pauses longer."""

_MEMORY_SECONDS = 900.0
"""Four time-outs of a batch, each after two minutes, and the model loaded anew each time, must fall into this."""

_MOST = 4
_MOST_FENCED = 2


class InferenceFailedError(Exception):
    """The inference can't go on and will not recover by itself."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ReplicaEndedError(Exception):
    """This process can't go on, but another one of the same replica may."""


class Patience:
    """Counts a replica's failures of late, by kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all: list[float] = []
        self._lasting: list[float] = []
        self._passing: list[float] = []
        self._fenced: list[float] = []

    def pause_after(self, error: Exception) -> float:
        """Seconds to wait before the next try, longer with each failure of late.

        Raises:
            InferenceFailedError: the model, or Kafka's refusal, was at fault several times.
            ReplicaEndedError: the model's process was ended from outside several times; or another process uses this replica's
                transactional id, and going on would only end its transactions, too.
        """
        failures = self._note(self._all, _FAST_SECONDS)
        if isinstance(error, GuestError) and passes(error):
            if self._note(self._passing, _MEMORY_SECONDS) >= _MOST:
                raise ReplicaEndedError(error.message) from error
        elif isinstance(error, GuestError):
            if self._note(self._lasting, _MEMORY_SECONDS) >= _MOST:
                raise InferenceFailedError(failure_of(error)) from error
        elif isinstance(error, DeliveryError) and error.hopeless:
            if self._note(self._lasting, _MEMORY_SECONDS) >= _MOST:
                failure = Failure(code="delivery", message=f"Kafka refuses the predictions: {error}.")
                raise InferenceFailedError(failure) from error
        # Once is what the broker also answers when a transaction of ours took too long.
        elif (
            isinstance(error, DeliveryError)
            and error.fenced
            and self._note(self._fenced, _FAST_SECONDS) >= _MOST_FENCED
        ):
            raise ReplicaEndedError(
                "Another process of this replica seems to have taken its place in Kafka."
            ) from error
        return float(min(_FIRST_PAUSE_SECONDS * 2 ** (failures - 1), _LONGEST_PAUSE_SECONDS))

    def _note(self, times: list[float], seconds: float) -> int:
        """Note a failure; how many there were within so many seconds."""
        now = self._clock()
        times[:] = [*(at for at in times if now - at < seconds), now]
        return len(times)
