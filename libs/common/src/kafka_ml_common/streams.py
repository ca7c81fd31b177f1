"""Data streams: where they lie in the log, how their messages are encoded, how they are announced and divided. Pure.

A stream is never copied: it is a list of offset ranges, announced by a control message whose format is shared with the
producers of the earlier Kafka-ML, which must go on working unchanged.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kafka_ml_common.formats import (
    AvroConfig,
    InputConfig,
    InputFormat,
    JsonConfig,
    RawConfig,
    StreamError,
    as_stream_error,
    parse_config,
    shown,
)

__all__ = [
    "CONTROL_KEY_HEADER",
    "DEFAULT_CONTROL_TOPIC",
    "AvroConfig",
    "ControlMessage",
    "InputConfig",
    "InputFormat",
    "JsonConfig",
    "RawConfig",
    "SplitSizes",
    "StreamError",
    "StreamRange",
    "format_ranges",
    "parse_config",
    "parse_ranges",
    "split_sizes",
]

DEFAULT_CONTROL_TOPIC = "KAFKA_ML_CONTROL_TOPIC"
CONTROL_KEY_HEADER = "kafka-ml-key"
"""With the value `text`, a control message's key is decimal text; without it, a big-endian number."""

MAX_CONTROL_BYTES = 1 << 20
MAX_RANGES = 10_000
_MAX_OFFSET = (1 << 63) - 1
_MAX_PARTITION = (1 << 31) - 1
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True, order=True)
class StreamRange:
    """A piece of one partition: offsets from `start` up to and without `end`. Empty when they are equal."""

    topic: str
    partition: int
    start: int
    end: int

    def __post_init__(self) -> None:
        if not _TOPIC.fullmatch(self.topic) or self.topic in (".", ".."):
            raise StreamError(
                f"{shown(self.topic)} is no name of a Kafka topic.",
                advice="Names have 1 to 249 letters, digits, dots, dashes and underscores.",
            )
        if not 0 <= self.partition <= _MAX_PARTITION:
            raise StreamError(f"Partition {self.partition} of topic {self.topic} is out of bounds.")
        if not 0 <= self.start <= self.end <= _MAX_OFFSET:
            raise StreamError(
                f"Offsets {self.start} to {self.end} of {self.topic}:{self.partition} are no range: "
                "both must be at least 0, and the start not after the end."
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `topic:partition:start:end`.

        Raises:
            StreamError: the text has another form; says which part is wrong.
        """
        parts = text.strip().split(":")
        if len(parts) != 4:
            raise StreamError(
                f"{shown(text)} has {len(parts)} parts, but a range has four.",
                advice="Write topic:partition:start:end.",
            )
        numbers = []
        for name, part in zip(("partition", "start", "end"), parts[1:], strict=True):
            if not _NUMBER.fullmatch(part):
                raise StreamError(f"The {name} in {shown(text)} is no number from 0: {shown(part)}.")
            numbers.append(int(part))
        return cls(parts[0], *numbers)

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.start}:{self.end}"

    @property
    def size(self) -> int:
        """Offsets in the range; the number of messages, unless transactions or compaction took some."""
        return self.end - self.start


def parse_ranges(text: str) -> tuple[StreamRange, ...]:
    """Read ranges that are separated by commas, as in `a:0:0:10,a:1:0:5`.

    Raises:
        StreamError: one of them has another form, there are none or too many, or two of them overlap.
    """
    parts = text.split(",")
    if len(parts) > MAX_RANGES:
        raise StreamError(f"The stream has {len(parts)} ranges; at most {MAX_RANGES} are allowed.")
    ranges = tuple(StreamRange.parse(part) for part in parts)
    ordered = sorted(piece for piece in ranges if piece.size)
    for before, after in itertools.pairwise(ordered):
        if (before.topic, before.partition) == (after.topic, after.partition) and before.end > after.start:
            raise StreamError(f"The ranges {before} and {after} overlap.", advice="Each message may be listed once.")
    return ranges


def format_ranges(ranges: Iterable[StreamRange]) -> str:
    """The text that `parse_ranges` reads."""
    return ",".join(map(str, ranges))


def _null_as(default: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None else value)


Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _null_as(0.0)]


class ControlMessage(BaseModel):
    """The announcement that a data stream is there for a deployment. What was optional or null for earlier producers still is."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")

    topic: str = Field(description="ranges: topic:partition:start:end,...; for incremental streams a topic's name")
    input_format: InputFormat
    input_config: Annotated[dict[str, Any], _null_as({})] = Field(default_factory=dict)
    validation_rate: Rate = 0.0
    test_rate: Rate = 0.0
    total_msg: int | None = None
    description: Annotated[str, _null_as("")] = Field("", max_length=10_000)
    unsupervised_topic: str | None = None
    dataset_restrictions: Annotated[dict[str, Any], _null_as({})] = Field(default_factory=dict)
    incremental: Annotated[bool, _null_as(False)] = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        # 0.7 + 0.3 may come out a rounding error above 1.
        if self.validation_rate + self.test_rate > 1 + 1e-9:
            raise StreamError("validation_rate and test_rate add up to more than 1.")
        _ = self.ranges, self.unsupervised_ranges, self.config
        if self.live_topic is not None:
            StreamRange(self.live_topic, 0, 0, 0)
        return self

    @property
    def live_topic(self) -> str | None:
        """The topic that an incremental stream is read from as it grows; None for a stream that has been sent in full."""
        return self.topic if self.incremental and ":" not in self.topic else None

    @property
    def ranges(self) -> tuple[StreamRange, ...]:
        """Where the labelled messages lie; nothing for a live topic."""
        return () if self.live_topic is not None else parse_ranges(self.topic)

    @property
    def unsupervised_ranges(self) -> tuple[StreamRange, ...]:
        """Where the unlabelled messages lie."""
        return parse_ranges(self.unsupervised_topic) if self.unsupervised_topic else ()

    @property
    def size(self) -> int:
        """Offsets in the labelled ranges; the number of messages, unless transactions or compaction took some."""
        return sum(piece.size for piece in self.ranges)

    @property
    def config(self) -> InputConfig:
        """The input configuration, typed."""
        return parse_config(self.input_format, self.input_config)

    def fingerprint(self) -> str:
        """Hash (sha256, hex) of what the stream is and how it is used: the same for each announcement of it.

        The description is left out, and `total_msg`, which follows from the ranges.
        """
        content = self.model_dump(mode="json", exclude={"description", "total_msg"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()

    @classmethod
    def from_bytes(cls, value: bytes | None) -> Self:
        """Read a control message's value.

        Raises:
            StreamError: it is no JSON, too large, or does not fit together.
        """
        if value is None or len(value) > MAX_CONTROL_BYTES:
            raise StreamError(f"A control message's value is JSON of at most {MAX_CONTROL_BYTES} bytes.")
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            raise as_stream_error("The control message can't be used", error) from error

    def to_bytes(self) -> bytes:
        """The value to send."""
        return self.model_dump_json().encode()

    @staticmethod
    def encode_key(deployment_id: int) -> tuple[bytes, list[tuple[str, bytes]]]:
        """Key and headers of a control message: decimal text, and the header that says so."""
        return str(deployment_id).encode(), [(CONTROL_KEY_HEADER, b"text")]

    @staticmethod
    def decode_key(key: bytes | None, headers: Iterable[tuple[str, bytes | None]] | None = None) -> int:
        """The deployment id in a control message's key: text if a header says so, else a big-endian number.

        Raises:
            StreamError: the key has neither form, or is no id.
        """
        if not key:
            raise StreamError("The control message has no key.", advice="The key names the deployment.")
        if any(name == CONTROL_KEY_HEADER and value == b"text" for name, value in headers or ()):
            if not _NUMBER.fullmatch(key.decode(errors="replace")):
                raise StreamError(f"The control message's key {shown(key)} is no decimal number.")
            deployment_id = int(key)
        else:
            deployment_id = int.from_bytes(key, "big") if len(key) <= 8 else _MAX_OFFSET + 1
        if deployment_id > _MAX_OFFSET:
            raise StreamError(f"The control message's key {shown(key)} is no id of a deployment.")
        return deployment_id


@dataclass(frozen=True, slots=True)
class SplitSizes:
    """Numbers of samples of each part, in the order in which they follow each other in the stream."""

    training: int
    test: int
    validation: int


def split_sizes(total: int, validation_rate: float, test_rate: float) -> SplitSizes:
    """Divide `total` samples, without shuffling: training first, then test, then validation.

    Test and validation round down; what rounding leaves over joins the training part.
    """
    if total < 0 or min(validation_rate, test_rate) < 0 or validation_rate + test_rate > 1 + 1e-9:
        raise StreamError(f"{total} samples can't be divided with rates {validation_rate} and {test_rate}.")
    validation = min(int(validation_rate * total), total)
    test = min(int(test_rate * total), total - validation)
    return SplitSizes(training=total - validation - test, test=test, validation=validation)
