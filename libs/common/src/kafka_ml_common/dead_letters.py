"""Dead letters: how a message that can't be processed is kept for operators. Pure.

Headers say who gave up, on what (`topic:partition:offset`), and why. A long value is cut: the dead-letter topic need not allow what the
input's topic does, the message itself is still where the header says, and one that can't be written would hold everything up.
"""

MAX_VALUE_BYTES = 512 << 10
_MESSAGE_CHARACTERS = 2000

Headers = list[tuple[str, bytes]]


def dead_letter(
    value: bytes | None, *, source: str, position: str, code: str, message: str
) -> tuple[bytes | None, Headers]:
    """Value and additional headers of the dead letter for a message.

    Args:
        position: where the message is, `topic:partition:offset`.
        code: kind of the reason, such as `invalid`.
        message: the reason, for people.
    """
    headers: Headers = [
        ("kafka-ml-source", source.encode()),
        ("kafka-ml-input", position.encode()),
        ("kafka-ml-reason", code.encode()),
        ("kafka-ml-message", message[:_MESSAGE_CHARACTERS].encode(errors="replace")),
    ]
    if value is not None and len(value) > MAX_VALUE_BYTES:
        headers.append(("kafka-ml-cut-from-bytes", b"%d" % len(value)))
        value = value[:MAX_VALUE_BYTES]
    return value, headers
