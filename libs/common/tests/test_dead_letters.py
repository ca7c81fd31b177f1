"""A dead letter holds what it can of the message, and always fits into a record."""

from kafka_ml_common.dead_letters import dead_letter

WHY = {"source": "/tests", "position": "in:0:7", "code": "invalid", "message": "It is no JSON."}
REASON = [
    ("kafka-ml-source", b"/tests"),
    ("kafka-ml-input", b"in:0:7"),
    ("kafka-ml-reason", b"invalid"),
    ("kafka-ml-message", b"It is no JSON."),
]


def test_a_small_message_is_kept_whole():
    assert dead_letter(b"k", b"v", [("trace", b"1"), ("none", None)], **WHY) == (
        b"k",
        b"v",
        [("trace", b"1"), ("none", None), *REASON],
    )
    assert dead_letter(None, None, [], **WHY) == (None, None, REASON)


def test_a_message_whose_every_part_is_too_long_fits_after_it_is_cut():
    long = bytes(2 << 20)
    headers = [("first", b"1"), ("long", long), ("last", b"2"), *[("many", bytes(1000))] * 1000]
    letter = dead_letter(long, long, headers, **WHY)
    told = dict(letter.headers)
    assert told["kafka-ml-cut-from-bytes"] == told["kafka-ml-key-cut-from-bytes"] == str(2 << 20).encode()
    assert told["first"] + told["last"] == b"12"
    assert int(told["kafka-ml-headers-left-out"]) > 500
    size = len(letter.key) + len(letter.value) + sum(len(name) + len(value) + 10 for name, value in letter.headers)
    assert size < 1_000_000
