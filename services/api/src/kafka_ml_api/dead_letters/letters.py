"""Dead letters as people see them, and the messages that they came from. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Any

from aiokafka.structs import ConsumerRecord
from pydantic import BaseModel, ConfigDict, Field

from kafka_ml_api.previews import Sample, headers_of, time_of
from kafka_ml_api.topics.messages import Header, base64_of, document_of, text_of
from kafka_ml_common import topics
from kafka_ml_common.errors import ConflictError, InvalidError

RESENT_HEADER = "kafka-ml-resent-from"
_ADDED = frozenset(
    {
        *("kafka-ml-source", "kafka-ml-input", "kafka-ml-reason", "kafka-ml-message"),
        *("kafka-ml-cut-from-bytes", "kafka-ml-key-cut-from-bytes", "kafka-ml-headers-left-out"),
        *("kafka-ml-inference", "kafka-ml-model-version"),
    }
)
"""Headers that say why a message is a dead letter, and are not its own."""
_NUMBER = re.compile(r"[0-9]{1,19}")
_LONGEST_BASE64 = 2 << 20
_OURS_THAT_TAKE_MESSAGES = frozenset({topics.COMMANDS, topics.CONTROL})


class Origin(BaseModel):
    """Where a message was."""

    topic: str
    partition: int
    offset: int


class DeadLetterView(BaseModel):
    """A message that could not be processed."""

    partition: int = Field(description="of the dead letter itself")
    offset: int = Field(description="of the dead letter itself")
    time: datetime | None
    origin: Origin | None = Field(description="where the message was")
    reason: str = Field(examples=["undecodable"])
    message: str = Field(description="the reason, for people")
    service: str = Field(description="who could not process it", examples=["kafka-ml/inferer/inferences/1/0"])
    key: str | None = Field(description="where it is text")
    key_base64: str | None
    value: str | None = Field(description="where it is text")
    value_base64: str | None
    document: Any = Field(description="the value, where it is JSON")
    size: int = Field(description="of the original value, in bytes")
    cut: bool = Field(description="whether value, key or headers are not all there")
    headers: list[Header] = Field(description="the message's own")
    resent: int = Field(0, description="how often it was sent again")
    attempt: Sample | None = Field(
        None,
        description="decoded as its inference decodes messages, or why it can't be; only where one whole letter is asked for",
    )


class Resend(BaseModel):
    """What to send: the message as it was, or with what is given in its place."""

    model_config = ConfigDict(extra="forbid")

    value_base64: str | None = Field(None, max_length=_LONGEST_BASE64, description="the corrected value")
    key_base64: str | None = Field(None, max_length=_LONGEST_BASE64, description="the corrected key")


class Resent(BaseModel):
    """A message that was sent again."""

    topic: str
    partition: int
    offset: int


def letter_of(record: ConsumerRecord, resent: int) -> DeadLetterView:
    """A dead letter."""
    headers = headers_of(record)
    value_cut, key_cut = headers.get("kafka-ml-cut-from-bytes"), headers.get("kafka-ml-key-cut-from-bytes")
    value = record.value
    return DeadLetterView(
        partition=record.partition,
        offset=record.offset,
        time=time_of(record),
        origin=origin_of(headers.get("kafka-ml-input", "")),
        reason=headers.get("kafka-ml-reason", "unknown"),
        message=headers.get("kafka-ml-message", "It does not say why."),
        service=headers.get("kafka-ml-source", "unknown"),
        key=text_of(record.key),
        key_base64=base64_of(record.key),
        value=text_of(value),
        value_base64=base64_of(value),
        document=document_of(value),
        size=int(value_cut) if _NUMBER.fullmatch(value_cut or "") and value_cut else len(value or b""),
        cut=value_cut is not None or key_cut is not None or "kafka-ml-headers-left-out" in headers,
        headers=[Header(name=name, value=text_of(content)) for name, content in own_headers(record)],
        resent=resent,
    )


def origin_of(position: str) -> Origin | None:
    """Where `topic:partition:offset` is; None where the text says nothing of that kind."""
    topic, _, rest = position.partition(":")
    partition, _, offset = rest.partition(":")
    if not (topic and _NUMBER.fullmatch(partition) and _NUMBER.fullmatch(offset)):
        return None
    return Origin(topic=topic, partition=int(partition), offset=int(offset))


def own_headers(record: ConsumerRecord) -> list[tuple[str, bytes | None]]:
    """The headers that the message had before it became a dead letter, as it was first sent."""
    return [(name, value) for name, value in record.headers if name not in _ADDED and name != RESENT_HEADER]


def may_be_sent_to(topic: str) -> bool:
    """Whether messages may be sent again to a topic: the users', and those of ours that take what anybody sends."""
    return topic in _OURS_THAT_TAKE_MESSAGES or not topic.startswith(("__", "kafka-ml.", "kafka-ml-control-"))


def corrected(record: ConsumerRecord, request: Resend) -> tuple[bytes | None, bytes | None]:
    """Key and value to send.

    Raises:
        InvalidError: what is given is no base64.
        ConflictError: the letter has not all of the message, and what is missing is not given.
    """
    headers = headers_of(record)
    for given, name, header in (
        (request.value_base64, "value", "kafka-ml-cut-from-bytes"),
        (request.key_base64, "key", "kafka-ml-key-cut-from-bytes"),
    ):
        if given is None and header in headers:
            raise ConflictError(
                f"Of the {name}'s {headers[header]} bytes the dead letter has only the first.",
                advice=f"Give the whole as {name}_base64. The message may still be where it was.",
            )
    key = record.key if request.key_base64 is None else _bytes(request.key_base64, "/key_base64")
    value = record.value if request.value_base64 is None else _bytes(request.value_base64, "/value_base64")
    return key, value


def _bytes(text: str, pointer: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError("This is no base64.", pointer=pointer) from error
