"""Sinks for arrays: RAW (their bytes) and JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from kafka_ml_common.arrays import CodecError
from kafka_ml_common.codecs import Codec, codec_for
from kafka_ml_common.streams import InputFormat
from kafka_ml_sinks.samples import Agreement
from kafka_ml_sinks.sink import Sink, SinkOptions


class _ArraySink(Sink):
    """Samples are arrays of one shape and type, given here or taken from the first sample.

    Args:
        data_type, label_type: numpy names of the element types, such as uint8 or float32; `string` for text.
        data_reshape, label_reshape: shape of one sample or label, "28 28" or (28, 28); "1" is a scalar label.
    """

    def __init__(
        self,
        bootstrap_servers: str | None = None,
        topic: str = "",
        deployment_id: int | str = 0,
        *,
        data_type: str | None = None,
        label_type: str | None = None,
        data_reshape: str | tuple[int, ...] | None = None,
        label_reshape: str | tuple[int, ...] | None = None,
        **options: Unpack[SinkOptions],
    ) -> None:
        super().__init__(bootstrap_servers, topic, deployment_id, **options)
        self._data = Agreement("Sample", data_type or None, data_reshape)
        self._label = Agreement("Label", label_type or None, label_reshape, scalar=True)
        self._labelled: bool | None = None
        self._codec: Codec | None = None

    def _encode(self, x: Any, y: Any | None, first_index: int) -> tuple[list[bytes], list[bytes] | None]:
        if self._labelled is None:
            self._labelled = y is not None
        if self._labelled != (y is not None):
            missing = "no label" if y is None else "a label"
            raise CodecError(f"Sample {first_index} has {missing}, unlike those before it.")
        samples = self._data.check(x, first_index)
        labels = None if y is None else self._label.check(y, first_index)
        if labels is not None and len(labels) != len(samples):
            raise CodecError(f"There are {len(samples)} samples, but {len(labels)} labels.")
        if self._codec is None:
            self._codec = codec_for(self.input_format, self._input_config())
        return self._codec.encode(samples), None if labels is None else self._codec.encode_labels(labels)

    def _input_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"data_type": self._data.type_name, "data_reshape": self._data.reshape}
        if self._labelled:
            config |= {"label_type": self._label.type_name, "label_reshape": self._label.reshape}
        else:
            config |= {"label_type": None, "label_reshape": None}
        return config


class RawSink(_ArraySink):
    """Sends arrays as their bytes: the fastest format, and the most compact for numbers of one type."""

    input_format: ClassVar[InputFormat] = InputFormat.RAW


class JsonSink(_ArraySink):
    """Sends arrays as JSON, for streams that people or other programs read as well."""

    input_format: ClassVar[InputFormat] = InputFormat.JSON
