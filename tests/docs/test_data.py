"""Every program of the guide's page on data runs, and what it sends can be read as it announces it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from kafka_ml_common.codecs import codec_for
from kafka_ml_common.streams import ControlMessage, StreamRange, split_sizes
from kafka_ml_sinks import sink

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "data.md"
SECONDS = 15.0


def programs() -> list[tuple[str, str]]:
    """The page's programs, each with the heading that it stands below."""
    text = PAGE.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S):
        heading = re.findall(r"^## (.+)$", text[: match.start()], re.M)[-1]
        found.append((heading, match[1]))
    return found


def read(kafka: str, ranges: Sequence[StreamRange]) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "guide", "enable.auto.commit": False})
    messages: list[Message] = []
    try:
        for piece in ranges:
            consumer.assign([TopicPartition(piece.topic, piece.partition, piece.start)])
            found = consumer.consume(piece.size, timeout=SECONDS)
            assert len(found) == piece.size
            messages += found
    finally:
        consumer.close()
    return messages


def test_programs_send_what_they_announce(kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "DEFAULT_CONTROL_TOPIC", topic)
    found = programs()
    names: dict[str, Any] = {}
    for _, program in found:
        there = program.replace("localhost:9092", kafka).replace("KAFKA_ML_CONTROL_TOPIC", topic)
        exec(compile(there, PAGE.name, "exec"), names)

    announcements = read(kafka, [StreamRange(topic, 0, 0, len(found))])
    assert len({message.value() for message in announcements}) == len(found)
    for (heading, _), message in zip(found, announcements, strict=True):
        assert ControlMessage.decode_key(message.key(), message.headers()) == 7
        control = ControlMessage.from_bytes(message.value())
        codec = codec_for(control.input_format, control.input_config)
        sent = read(kafka, control.ranges)
        values, keys = [part.value() for part in sent], [part.key() for part in sent]
        if heading == "Unlabelled data":
            assert not codec.labelled
            assert set(keys) == {None}
            assert not codec.decode(values).errors
        else:
            samples = codec.decode_samples(values, keys)
            assert not samples.errors, heading
            assert len(samples.x) == control.size


def test_the_split_is_as_the_page_says() -> None:
    sizes = split_sizes(199, 0.1, 0.1)
    assert f"{sizes.training}, {sizes.test} and {sizes.validation}" in PAGE.read_text(encoding="utf-8")
