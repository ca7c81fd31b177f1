"""CloudEvents 1.0 in binary Kafka mode: attributes in `ce_` headers, JSON data in the value.

See https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md. `correlationid` and `traceparent` are extensions.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from kafka_ml_common.errors import InvalidError

MAX_VALUE_BYTES = 4 << 20
"""A larger message than this is none of ours; it is refused before it is parsed."""


class Message(BaseModel):
    """Base of every message: immutable, and strict about fields that it does not know when it is a command.

    Class attributes:
        type: the CloudEvents `type`.
        topic: where it is published.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")

    type: ClassVar[str]
    topic: ClassVar[str]

    @property
    def key(self) -> str:
        """The Kafka key: what messages that must stay in order have in common."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """The CloudEvents `subject`: the resource that the message is about, as `results/7`."""
        return self.key


M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Envelope(Generic[M]):
    """A message with its CloudEvents attributes."""

    data: M
    source: str
    id: str = field(default_factory=lambda: str(uuid7()))
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    correlation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What goes into, or came out of, Kafka."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = -1
    offset: int = -1


def uuid7() -> UUID:
    """A UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then randomness, so that ids sort by time."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def encode(envelope: Envelope[Message]) -> Record:
    """The Kafka record of a message."""
    data = envelope.data
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": envelope.id,
        "ce_type": data.type,
        "ce_source": envelope.source,
        "ce_time": envelope.time.isoformat(),
        "ce_subject": data.subject,
        "ce_correlationid": envelope.correlation_id,
        "traceparent": envelope.traceparent,
        "content-type": "application/json",
    }
    headers = tuple((name, text.encode()) for name, text in attributes.items() if text is not None)
    return Record(data.topic, data.key.encode(), data.model_dump_json().encode(), headers)


def decode(record: Record, types: Mapping[str, type[M]]) -> Envelope[M]:
    """The message in a Kafka record.

    Args:
        types: the messages that are expected, by CloudEvents type.

    Raises:
        InvalidError: the record is no CloudEvent, of no expected type, or its data does not fit the type's schema.
    """
    attributes = headers_of(record)
    type_name = attributes.get("ce_type")
    if type_name is None or "ce_id" not in attributes:
        raise InvalidError(
            "The message is no CloudEvent in binary mode: it has no ce_type or no ce_id header.",
            advice="Send the attributes as Kafka headers that start with ce_.",
        )
    if type_name not in types:
        raise InvalidError(f"Messages of type {type_name[:200]} are not known here.")
    if record.value is None or len(record.value) > MAX_VALUE_BYTES:
        raise InvalidError(f"The message's data is missing or longer than {MAX_VALUE_BYTES} bytes.")
    try:
        data = types[type_name].model_validate_json(record.value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        raise InvalidError(f"The data does not fit {type_name}: {first['msg']}.", pointer=pointer) from error
    return Envelope(
        data=data,
        source=attributes.get("ce_source", ""),
        id=attributes["ce_id"],
        time=_time_of(attributes.get("ce_time")),
        correlation_id=attributes.get("ce_correlationid"),
        traceparent=attributes.get("traceparent"),
    )


def headers_of(record: Record) -> dict[str, str]:
    """The record's headers as text; what is no UTF-8 is replaced, and the last of a repeated header counts."""
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}


def by_type(messages: Iterable[type[M]]) -> dict[str, type[M]]:
    """A mapping from CloudEvents type to message class."""
    return {message.type: message for message in messages}


def _time_of(text: str | None) -> datetime:
    try:
        parsed = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError:
        return datetime.now(UTC)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
