"""Previews: a few messages of a topic, decoded for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from aiokafka.structs import ConsumerRecord
from pydantic import BaseModel, Field

from kafka_ml_common.arrays import Array, Arrays
from kafka_ml_common.codecs import codec_for, is_unlabelled
from kafka_ml_common.streams import InputFormat

Value = float | int | bool | str | None

_MAX_VALUES = 262_144
_LONGEST_TEXT = 1000
_LONGEST_TRUTH = 100


class PreviewQuery(BaseModel):
    """How many messages."""

    limit: int = Field(10, ge=1, le=100, description="messages at most")


class Sample(BaseModel):
    """A message of a data stream, decoded; or why it can't be."""

    topic: str
    partition: int
    offset: int
    time: datetime | None
    shape: list[int] | None = Field(description="of the sample")
    values: list[Value] | None = Field(description="the sample's values, the last dimension first; null for no number")
    truncated: bool = Field(description="whether the sample has more values than are shown")
    label: Any = Field(description="the label, in its shape; null without one")
    error: str | None = Field(description="why sample or label can't be decoded")


class SamplesPreview(BaseModel):
    """The first messages of a data stream."""

    input_format: InputFormat
    samples: list[Sample]
    deleted: int = Field(description="offsets of the stream that the log's retention has deleted")


class Prediction(BaseModel):
    """A prediction of an inference, and the message that it was made for."""

    partition: int
    offset: int
    time: datetime | None
    input: str | None = Field(description="`topic:partition:offset` of the message that it was made for")
    model_version: str | None
    key: str | None = Field(description="the input's key, where it is text")
    values: Any = Field(description="the model's output for the message; null if the message is no prediction")
    truth: Any = Field(None, description="the label in the input's key, where it has one as the training's messages do")


class PredictionsPreview(BaseModel):
    """The last predictions of an inference, the newest first."""

    topic: str
    predictions: list[Prediction]


def samples_of(
    records: Sequence[ConsumerRecord], input_format: InputFormat, input_config: dict[str, Any]
) -> list[Sample]:
    """Decode messages of a data stream.

    Raises:
        StreamError: the configuration does not fit the format.
    """
    codec = codec_for(input_format, input_config)
    values = [record.value for record in records]
    samples, errors = _decoded(codec.data, values, list(range(len(records))))
    labels: dict[int, Array] = {}
    if codec.labels is not None:
        labelled = _labelled(records, codec.labels)
        labels, wrong = _decoded(codec.labels, [records[index].key for index in labelled], labelled)
        errors = {index: f"The key {reason}." for index, reason in wrong.items()} | errors
    shown = _MAX_VALUES // max(len(records), 1)
    return [
        Sample(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            time=time_of(record),
            shape=list(sample.shape) if sample is not None else None,
            values=plain(sample.reshape(-1)[:shown]) if sample is not None else None,
            truncated=sample is not None and sample.size > shown,
            label=plain(labels[index]) if index in labels and labels[index].size <= shown else None,
            error=errors.get(index),
        )
        for index, record in enumerate(records)
        for sample in (samples.get(index),)
    ]


def predictions_of(records: Sequence[ConsumerRecord], labels: Arrays | None) -> list[Prediction]:
    """Messages of an output topic, with the truth where keys have it.

    Args:
        labels: how keys of the training's messages are decoded; None if they have no labels.
    """
    found = [prediction_of(record) for record in records]
    if labels is not None:
        keyed = _labelled(records, labels)
        truths, _ = _decoded(labels, [records[index].key for index in keyed], keyed)
        for index, truth in truths.items():
            if truth.size <= _LONGEST_TRUTH:
                found[index].truth = plain(truth)
    return found


def prediction_of(record: ConsumerRecord) -> Prediction:
    """A message of an output topic."""
    headers = headers_of(record)
    try:
        document = orjson.loads(record.value or b"null")
    except orjson.JSONDecodeError:
        document = None
    return Prediction(
        partition=record.partition,
        offset=record.offset,
        time=time_of(record),
        input=headers.get("kafka-ml-input"),
        model_version=headers.get("kafka-ml-model-version"),
        key=_text_of(record.key),
        values=document.get("values") if isinstance(document, dict) else None,
    )


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    """The headers as text."""
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}


def plain(array: Array) -> Any:
    """An array as JSON has it: lists, or a single value; what is no number is null."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        values = array.astype(object)
        values[~np.isfinite(array)] = None
        return values.tolist()
    return array.tolist()


def _labelled(records: Sequence[ConsumerRecord], labels: Arrays) -> list[int]:
    """Places of the messages whose key is a label. A single zero byte is what unlabelled messages have, but also a label of one byte."""
    one_byte = labels.dtype.itemsize == 1
    return [i for i, r in enumerate(records) if r.key is not None and (one_byte or not is_unlabelled(r.key))]


def _decoded(
    side: Arrays, messages: Sequence[bytes | None], indices: Sequence[int]
) -> tuple[dict[int, Array], dict[int, str]]:
    """Rows and errors by the index of their record."""
    if not messages:
        return {}, {}
    decoded = side.decode(messages)
    rows = {indices[int(good)]: np.asarray(decoded.array[row]) for row, good in enumerate(decoded.good)}
    return rows, {indices[error.index]: error.reason for error in decoded.errors}


def time_of(record: ConsumerRecord) -> datetime | None:
    """When a message was sent, as its producer or the broker says."""
    try:
        return datetime.fromtimestamp(record.timestamp / 1000, UTC) if record.timestamp >= 0 else None
    except (OverflowError, OSError, ValueError):  # producers choose the time
        return None


def _text_of(key: bytes | None) -> str | None:
    try:
        text = key.decode() if key is not None else None
    except UnicodeDecodeError:
        return None
    return text[:_LONGEST_TEXT] if text is not None and text.isprintable() else None
