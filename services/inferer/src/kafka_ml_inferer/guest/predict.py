"""Predict: rebuild a trained model from its code and weights, warm it up, and answer batches in shared memory.

    load     code, weights file, shape and type of a sample   -> shape of a sample, width and type of an output row
    warm     sizes of the batches to come                     -> traces each once
    predict  slot, count                                      -> rows in `output-<slot>`; what could not be predicted, and why

A batch is padded with zeros to the next size that was traced: tracing again takes longer than predicting the padding.
"""

from __future__ import annotations

import json
import math
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kafka_ml_sandbox import keras_model
from kafka_ml_sandbox.channel import Channel

_SLOW_TRACE_SECONDS = 0.5
_REASON_CHARACTERS = 500


class Predictor:
    """A model that predicts rows of one shape, in batches of a few sizes.

    Attributes:
        shape: of a sample, without the batch dimension.
        dtype: of a sample.
        fixed: the only batch size that the model takes, or None if it takes any.
    """

    def __init__(self, model: keras.Model, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.model = model
        self.shape = shape
        self.dtype = dtype
        self.fixed = keras_model.fixed_batch(model)
        self._traced: dict[int, Any] = {}
        row = self.predict(np.zeros((1, *shape), dtype))
        self.width = int(row.shape[1])
        self.output_dtype = row.dtype

    def warm(self, most: int) -> list[int]:
        """Trace and run each batch size up to `most`; the sizes. Few sizes where a trace takes long."""
        started = time.monotonic()
        self._run(np.zeros((1, *self.shape), self.dtype))
        factor = 2 if time.monotonic() - started < _SLOW_TRACE_SECONDS else 8
        sizes = [self.fixed] if self.fixed else buckets(most, factor)
        for size in sizes:
            self._run(np.zeros((size, *self.shape), self.dtype))
        return sizes

    def predict(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The model's output for `rows` [n, *shape], each sample's outputs flattened into one row [n, width]."""
        if self.fixed is None:
            return self._run(rows)
        pieces = [self._run(rows[start : start + self.fixed]) for start in range(0, len(rows), self.fixed)]
        return np.concatenate(pieces)

    def predict_what_can_be(self, rows: NDArray[Any], output: NDArray[Any]) -> Iterator[tuple[int, str]]:
        """Fill `output` [n, width] for `rows`; yield index and reason of each row that the model fails on.

        A batch that fails is halved until the rows at fault are found, so that one bad sample costs no other its prediction.
        """
        try:
            output[:] = self.predict(rows)
        except (MemoryError, tf.errors.ResourceExhaustedError):
            raise
        except Exception as error:  # a model may raise anything; the rows at fault are put aside with the reason
            if len(rows) == 1:
                yield 0, _reason(error)
                return
            middle = len(rows) // 2
            yield from self.predict_what_can_be(rows[:middle], output[:middle])
            for index, reason in self.predict_what_can_be(rows[middle:], output[middle:]):
                yield middle + index, reason

    def _run(self, rows: NDArray[Any]) -> NDArray[Any]:
        count = len(rows)
        size = self.fixed or next((size for size in sorted(self._traced) if size >= count), count)
        if size > count:
            padded = np.zeros((size, *self.shape), self.dtype)
            padded[:count] = rows
            rows = padded
        if size not in self._traced:
            self._traced[size] = self._trace(size)
        result: NDArray[Any] = self._traced[size](tf.constant(rows)).numpy()
        return result[:count]

    def _trace(self, size: int) -> Any:
        def rows_of(batch: tf.Tensor) -> tf.Tensor:
            outputs = tf.nest.flatten(self.model(batch, training=False))
            rows = [tf.reshape(output, (size, -1)) for output in outputs]
            if len({row.dtype for row in rows}) > 1:
                rows = [tf.cast(row, tf.float32) for row in rows]
            return rows[0] if len(rows) == 1 else tf.concat(rows, axis=1)

        signature = tf.TensorSpec((size, *self.shape), tf.as_dtype(self.dtype))
        return tf.function(rows_of, autograph=False).get_concrete_function(signature)


def buckets(most: int, factor: int = 2) -> list[int]:
    """Batch sizes to pad to: powers of `factor`, and `most` itself."""
    powers = [factor**exponent for exponent in range(int(math.log(most, factor)) + 2)]
    return [size for size in powers if size < most] + [most]


def load(channel: Channel, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Handler `load`: build the model, and give it its weights.

    Payload: `code`; `file`, a name in the shared folder; `dtype`; `shape` of a sample, or None where only the model tells.
    """
    global _predictor
    file = channel.folder / "shared" / payload["file"]
    model = keras_model.run(payload["code"])
    dtype = np.dtype(payload["dtype"])
    given = payload["shape"]
    shape = tuple(given) if given is not None else sample_shape(model, file)
    if not model.built:
        model(np.zeros((1, *shape), dtype))
    model.load_weights(file)
    _predictor = Predictor(model, shape, dtype)
    return {"shape": list(shape), "width": _predictor.width, "dtype": _predictor.output_dtype.str}


def warm(channel: Channel, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Handler `warm`: trace the batch sizes up to `most`."""
    return {"sizes": _the_predictor().warm(payload["most"])}


def predict(channel: Channel, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Handler `predict`: predict the first `count` rows of a slot's input into its output."""
    slot, count = payload["slot"], payload["count"]
    rows = channel.array(f"input-{slot}")[:count]
    output = channel.array(f"output-{slot}")[:count]
    return {"failed": list(_the_predictor().predict_what_can_be(rows, output))}


def sample_shape(model: keras.Model, file: Path) -> tuple[int, ...]:
    """The shape of a sample as the model's Input or the stored model tells it.

    Raises:
        ValueError: neither does.
    """
    shapes = [keras_model.input_shape(model), _stored_shape(file)]
    for shape in shapes:
        if shape is not None and None not in shape:
            return tuple(int(size) for size in shape if size is not None)
    raise ValueError(
        "the shape of a sample is not known: begin the model with an Input, or give data_reshape in the input's configuration"
    )


def _stored_shape(file: Path) -> tuple[int | None, ...] | None:
    """The input shape that Keras noted when the model was built by its data."""
    with zipfile.ZipFile(file) as archive:
        config = json.loads(archive.read("config.json"))
    shape = (config.get("build_config") or {}).get("input_shape")
    return tuple(shape[1:]) if isinstance(shape, list) and all(isinstance(size, int | None) for size in shape) else None


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:_REASON_CHARACTERS]


def _the_predictor() -> Predictor:
    if _predictor is None:
        raise RuntimeError("no model is loaded")
    return _predictor


_predictor: Predictor | None = None

HANDLERS = {"load": load, "warm": warm, "predict": predict}
