"""Codecs: batches of Kafka messages <-> numpy arrays, a whole batch at a time.

A codec has two sides, the values with the samples and the keys with the labels. A message that can't be decoded is reported with
its index and the reason, and never takes its neighbours with it. Where the format leaves the shape open, the first batch decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from kafka_ml_common.arrays import Array, Arrays, CodecError, Decoded, Shape, Undecodable
from kafka_ml_common.avro import AvroVectors
from kafka_ml_common.formats import AvroConfig, InputFormat, RawConfig, parse_config
from kafka_ml_common.json_arrays import JsonArrays, dump_rows
from kafka_ml_common.raw import RawArrays

__all__ = [
    "Array",
    "Arrays",
    "AvroVectors",
    "Codec",
    "CodecError",
    "Decoded",
    "JsonArrays",
    "RawArrays",
    "Samples",
    "Undecodable",
    "codec_for",
    "encode_predictions",
    "is_unlabelled",
]


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples with their labels: row i of both belongs to message `good[i]` of the batch.

    Attributes:
        x: shape (len(good), *sample_shape).
        y: shape (len(good), *label_shape).
        errors: messages whose value or key can't be decoded.
    """

    x: Array
    y: Array
    good: NDArray[np.intp]
    errors: tuple[Undecodable, ...]


@dataclass(frozen=True, slots=True)
class Codec:
    """Decodes and encodes a stream's messages. `labels` is None for a stream without labels."""

    input_format: InputFormat
    data: Arrays
    labels: Arrays | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of samples."""
        return self.data.dtype

    @property
    def sample_shape(self) -> Shape | None:
        """Shape of one sample; None until the first batch tells."""
        return self.data.shape

    @property
    def labelled(self) -> bool:
        """Whether the stream has labels."""
        return self.labels is not None

    @property
    def label_dtype(self) -> np.dtype[Any] | None:
        """Element type of labels."""
        return self.labels.dtype if self.labels else None

    @property
    def label_shape(self) -> Shape | None:
        """Shape of one label, () for a scalar; None until the first batch tells, or without labels."""
        return self.labels.shape if self.labels else None

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """The samples in the messages' values."""
        return self.data.decode(values)

    def decode_labels(self, keys: Sequence[bytes | None]) -> Decoded:
        """The labels in the messages' keys.

        Raises:
            CodecError: the stream has no labels.
        """
        if self.labels is None:
            raise CodecError("The stream has no labels.", advice="Say in input_config how the keys hold them.")
        return self.labels.decode(keys)

    def decode_samples(self, values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> Samples:
        """Samples and labels of the messages where both can be decoded.

        Raises:
            CodecError: the stream has no labels.
        """
        x, y = self.decode(values), self.decode_labels(keys)
        errors = list(x.errors) + [Undecodable(error.index, f"has a key that {error.reason}") for error in y.errors]
        if not errors:
            return Samples(x.array, y.array, x.good, ())
        both = np.intersect1d(x.good, y.good, assume_unique=True)
        return Samples(x.array[np.isin(x.good, both)], y.array[np.isin(y.good, both)], both, tuple(sorted(errors)))

    def encode(self, array: Array) -> list[bytes]:
        """Values for samples of shape (n, *sample_shape)."""
        return self.data.encode(array)

    def encode_labels(self, array: Array) -> list[bytes]:
        """Keys for labels of shape (n, *label_shape)."""
        if self.labels is None:
            raise CodecError("The stream has no labels.", advice="Say in input_config how the keys hold them.")
        return self.labels.encode(array)


def codec_for(
    input_format: InputFormat | str, input_config: Mapping[str, Any], *, sample_shape: Shape | None = None
) -> Codec:
    """The codec for a stream.

    Args:
        sample_shape: the shape of a sample where it is known from elsewhere (what a model was trained on) and the
            configuration leaves it open.

    Raises:
        StreamError: the configuration does not fit the format.
    """
    form = InputFormat(input_format)
    config = parse_config(form, dict(input_config))
    if isinstance(config, AvroConfig):
        label = config.label_scheme
        return Codec(
            form,
            AvroVectors(config.data_scheme, type_name=config.data_type),
            AvroVectors(label, label=True, type_name=config.label_type) if label else None,
        )
    shape = config.data_shape
    if sample_shape is not None and (shape is None or -1 in shape):
        shape = sample_shape
    if isinstance(config, RawConfig):
        data = RawArrays(str(config.data_type), shape)
        label_type = config.label_type
        return Codec(form, data, RawArrays(label_type, config.label_shape, scalar=True) if label_type else None)
    telegraf = form is InputFormat.TELEGRAF_STR_JSON
    labelled = config.label_type is not None or config.label_shape is not None
    return Codec(
        form,
        JsonArrays(config.data_type, shape, telegraf=telegraf),
        JsonArrays(config.label_type, config.label_shape, scalar=True) if labelled else None,
    )


def is_unlabelled(key: bytes | None) -> bool:
    """Whether a key is one that unlabelled messages have. (In a stream of uint8 labels, 0x00 is the label 0.)"""
    return key is None or key == b"\x00"


def encode_predictions(rows: Array) -> list[bytes]:
    """`{"values": [...]}` for each row of `rows`, shape (n, k) or (n, ...). float32 is written with the fewest digits that
    give it back; NaN and infinities become null, as JSON has no words for them."""
    rows = np.asarray(rows)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim == 2 and rows.shape[1]:
        return dump_rows(rows, b'{"values":[', b"]}")
    rows = np.ascontiguousarray(rows)
    return [b'{"values":' + orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + b"}" for row in rows]
