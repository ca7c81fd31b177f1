"""Messages of topics as people see them: text, JSON, bytes, and decoded as a data stream's samples. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from aiokafka.structs import ConsumerRecord
from pydantic import BaseModel, Field

from kafka_ml_api.previews import Sample, samples_of, time_of
from kafka_ml_common.streams import InputFormat

_MOST_BYTES = 64 << 10
_MOST_TEXT = 20_000


class Header(BaseModel):
    """A header; its value where it is text."""

    name: str
    value: str | None


class TopicMessage(BaseModel):
    """A message of a topic. What is long is cut."""

    partition: int
    offset: int
    time: datetime | None
    key: str | None = Field(description="where it is text")
    key_base64: str | None
    value: str | None = Field(description="where it is text")
    value_base64: str | None
    document: Any = Field(description="the value, where it is JSON")
    size: int = Field(description="of the value, in bytes")
    truncated: bool = Field(description="whether the value is longer than what is shown")
    headers: list[Header]
    sample: Sample | None = Field(description="decoded as a data stream's message, where that was asked for")


def shown(
    records: Sequence[ConsumerRecord],
    input_format: InputFormat | None = None,
    input_config: dict[str, Any] | None = None,
) -> list[TopicMessage]:
    """Messages, decoded also as samples of a format if one is given.

    Raises:
        StreamError: the configuration does not fit the format.
    """
    samples: Sequence[Sample | None] = [None] * len(records)
    if input_format is not None:
        samples = samples_of(records, input_format, input_config or {})
    return [_shown(record, sample) for record, sample in zip(records, samples, strict=True)]


def _shown(record: ConsumerRecord, sample: Sample | None) -> TopicMessage:
    value = record.value
    return TopicMessage(
        partition=record.partition,
        offset=record.offset,
        time=time_of(record),
        key=text_of(record.key),
        key_base64=base64_of(record.key),
        value=text_of(value),
        value_base64=base64_of(value),
        document=document_of(value),
        size=len(value or b""),
        truncated=len(value or b"") > _MOST_BYTES,
        headers=[Header(name=name, value=text_of(content)) for name, content in record.headers],
        sample=sample,
    )


def text_of(content: bytes | None) -> str | None:
    """Bytes as text, where that is what they are; cut when long."""
    if content is None:
        return None
    try:
        text = content[: 4 * _MOST_TEXT].decode()
    except UnicodeDecodeError as error:
        if error.start < len(content[: 4 * _MOST_TEXT]) - 4 or len(content) <= 4 * _MOST_TEXT:
            return None
        text = content[: error.start].decode()
    text = text[:_MOST_TEXT]
    return text if all(character.isprintable() or character in "\n\r\t" for character in text) else None


def base64_of(content: bytes | None) -> str | None:
    """Bytes in base64; cut when long."""
    return base64.b64encode(content[:_MOST_BYTES]).decode() if content is not None else None


def document_of(content: bytes | None) -> Any:
    """The JSON object or list that bytes are; None for everything else."""
    if content is None or len(content) > _MOST_BYTES or content[:1] not in (b"{", b"["):
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
