"""Dead letters: how a message that can't be processed is kept for operators. Pure.

Headers say who gave up, on what (`topic:partition:offset`), and why. Long values, keys and headers are cut: the dead-letter topic
need not allow what the input's topic does, the message itself is still where the header says, and one that can't be written would
hold everything up. All of it fits into the 1 MiB that Kafka allows by default.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MAX_VALUE_BYTES = 512 << 10
MAX_KEY_BYTES = 64 << 10
MAX_HEADERS_BYTES = 256 << 10
_HEADER_OVERHEAD_BYTES = 16
_MESSAGE_CHARACTERS = 2000

Headers = list[tuple[str, bytes | None]]


class DeadLetter(NamedTuple):
    """A record for the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
    *,
    source: str,
    position: str,
    code: str,
    message: str,
) -> DeadLetter:
    """The dead letter for a message of that key, value and headers.

    Args:
        position: where the message is, `topic:partition:offset`.
        code: kind of the reason, such as `invalid`.
        message: the reason, for people.
    """
    kept, left_out = _that_fit(headers)
    kept += [
        ("kafka-ml-source", source.encode()),
        ("kafka-ml-input", position.encode()),
        ("kafka-ml-reason", code.encode()),
        ("kafka-ml-message", message[:_MESSAGE_CHARACTERS].encode(errors="replace")),
    ]
    if value is not None and len(value) > MAX_VALUE_BYTES:
        kept.append(("kafka-ml-cut-from-bytes", b"%d" % len(value)))
        value = value[:MAX_VALUE_BYTES]
    if key is not None and len(key) > MAX_KEY_BYTES:
        kept.append(("kafka-ml-key-cut-from-bytes", b"%d" % len(key)))
        key = key[:MAX_KEY_BYTES]
    if left_out:
        kept.append(("kafka-ml-headers-left-out", b"%d" % left_out))
    return DeadLetter(key, value, kept)


def _that_fit(headers: Iterable[tuple[str, bytes | None]]) -> tuple[Headers, int]:
    """The headers that have room, in order, and how many have none."""
    room, left_out = MAX_HEADERS_BYTES, 0
    kept: Headers = []
    for name, value in headers:
        needed = 4 * len(name) + len(value or b"") + _HEADER_OVERHEAD_BYTES  # a character has 4 bytes in UTF-8 at most
        if needed <= room:
            room -= needed
            kept.append((name, value))
        else:
            left_out += 1
    return kept, left_out
