"""Failures: how the end of a process that ran a model is told to people, in bounds, and whether it says anything of the model. Pure.

What such a process prints or raises may be of any length, as anybody may have written the model's code; a Failure goes into events.
"""

from __future__ import annotations

from typing import Protocol

from kafka_ml_common.messages import Failure

MESSAGE_CHARACTERS = 2_000
TRACEBACK_CHARACTERS = 20_000
LOG_CHARACTERS = 4_000

PASSING = frozenset({"killed", "start", "closed"})
"""Reasons that say nothing about the model: something outside ended it, so the same again may succeed."""


class Ending(Protocol):
    """Why a model's process ended, or a request to it failed: a GuestError."""

    reason: str
    message: str
    traceback: str | None
    line: int | None
    output: str


def passes(ending: Ending) -> bool:
    """Whether trying again may help, because the model is not at fault."""
    return ending.reason in PASSING


def failure_of(ending: Ending) -> Failure:
    """What people are told."""
    return Failure(
        code="model_error" if ending.reason == "raised" else ending.reason,
        message=ending.message[:MESSAGE_CHARACTERS],
        traceback=ending.traceback[:TRACEBACK_CHARACTERS] if ending.traceback else None,
        line=ending.line,
        log=tail(ending.output),
    )


def tail(output: str) -> str | None:
    """The last lines of what was printed; None when that is nothing."""
    text = output.strip()
    if len(text) > LOG_CHARACTERS:
        text = text[-LOG_CHARACTERS:].partition("\n")[2] or text[-LOG_CHARACTERS:]
    return text or None
