"""Batching: take what is there, and wait only while more keeps coming. Pure but for the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

M = TypeVar("M")

_GAP_SECONDS = 0.001
"""A burst is over when nothing came for this long."""


def collect(
    consume: Callable[[int, float], list[M]], *, most: int, idle_seconds: float, wait_seconds: float
) -> list[M]:
    """The next messages: at most `most`, perhaps none.

    A message that comes alone goes on at once, so that at a low rate nothing waits. When several are there, more are waited
    for as long as they keep coming, until the batch is full or has waited for `wait_seconds`.

    Args:
        consume: takes up to so many messages, and waits for so many seconds at most until it has them.
        most: size of a full batch.
        idle_seconds: how long to wait for the first message.
        wait_seconds: how long a batch that is not full may wait.
    """
    messages = consume(1, idle_seconds)
    if not messages or most == 1:
        return messages
    deadline = time.monotonic() + wait_seconds
    messages += consume(most - 1, 0)
    while 1 < len(messages) < most:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        more = consume(most - len(messages), min(left, _GAP_SECONDS))
        if not more:
            break
        messages += more
    return messages
