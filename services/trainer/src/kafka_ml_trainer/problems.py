"""Problems: how a training or validation can end early, as the host knows it."""

from __future__ import annotations

from kafka_ml_common.errors import KafkaMLError
from kafka_ml_common.messages import Failure
from kafka_ml_sandbox.deaths import GuestError

_LOG_CHARACTERS = 4_000
_HOST_TROUBLE = frozenset({"killed", "start", "closed"})
"""Ends of a guest that say nothing about the model: the same again may succeed."""


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


def failure_of(error: GuestError) -> Failure | None:
    """What to report of a guest's end, or None when it is no fault of the model's and the work is to be tried again."""
    if error.reason in _HOST_TROUBLE:
        return None
    code = "model_error" if error.reason == "raised" else error.reason
    return Failure(
        code=code,
        message=error.message[:2_000],
        traceback=error.traceback[:20_000] if error.traceback else None,
        line=error.line,
        log=tail(error.output),
    )


def tail(output: str) -> str | None:
    """The last lines of what was printed."""
    text = output.strip()
    if len(text) > _LOG_CHARACTERS:
        text = text[-_LOG_CHARACTERS:].partition("\n")[2] or text[-_LOG_CHARACTERS:]
    return text or None
