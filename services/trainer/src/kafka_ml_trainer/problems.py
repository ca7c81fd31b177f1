"""Problems: how a training or validation can end early, as the host knows it."""

from __future__ import annotations

from kafka_ml_common.errors import KafkaMLError
from kafka_ml_common.failures import failure_of, passes, tail
from kafka_ml_common.messages import Failure
from kafka_ml_sandbox.deaths import GuestError


class TrainingError(KafkaMLError):
    """The stream or the model can't be used; the same again will fail again."""

    def __init__(self, code: str, message: str, *, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.code = code

    def failure(self, output: str = "") -> Failure:
        """As it is reported."""
        return Failure(code=self.code, message=str(self), log=tail(output))


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """The work was asked to stop, and did, before it had anything to keep."""


def failure_after(error: GuestError, attempt: int, attempts: int) -> Failure | None:
    """What to report of a guest's end, or None when another attempt may go better and there is one left."""
    failure = failure_of(error)
    if not passes(error):
        return failure
    if attempt < attempts:
        return None
    if attempt == 1:
        return failure
    return failure.model_copy(update={"message": f"{failure.message} It was tried {attempt} times."})
