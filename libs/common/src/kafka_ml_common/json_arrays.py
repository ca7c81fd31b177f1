"""JSON messages: arrays, objects or numbers, also inside Telegraf documents."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from kafka_ml_common.arrays import (
    MAX_TEXT,
    Array,
    Decoded,
    Shape,
    cast,
    collect,
    dtype_of,
    number_array,
    resolve,
    whole,
)


class JsonArrays:
    """JSON arrays (nested arrays have more dimensions), objects (their values in order), or lone numbers.

    Args:
        type_name: element type; float32 when None.
        shape: to give each sample; None for the shape that most messages of the first batch have.
        scalar: whether a lone number, also `[7]`, has shape () (labels) rather than (1,).
        telegraf: whether each message is a Telegraf document around the array.
    """

    def __init__(
        self, type_name: str | None, shape: Shape | None, *, scalar: bool = False, telegraf: bool = False
    ) -> None:
        self._dtype = dtype_of(type_name, "float32")
        self._text = self._dtype.kind == "U"
        self._wanted = shape
        self._scalar = scalar
        self._parse: Callable[[bytes | None], Any] = _telegraf if telegraf else _json
        self._shape: Shape | None = () if self._text else shape if shape is None or -1 not in shape else None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""
        return self._dtype

    @property
    def shape(self) -> Shape | None:
        """Shape of one sample, None until known."""
        return self._shape

    def decode(self, messages: Sequence[bytes | None]) -> Decoded:
        """Decode a batch: in one go when every message is as it should be, else message by message."""
        try:
            values = list(map(self._parse, messages))
        except ValueError:
            return self._decode_each(messages)
        if values and not self._text:
            try:
                return whole(self._at_once(values))
            except (ValueError, AttributeError):
                pass
        return self._decode_each(messages)

    def encode(self, array: Array) -> list[bytes]:
        """One JSON array (or number, or text) a row of `array`."""
        rows = np.asarray(array)
        if self._text or rows.dtype.kind not in "biuf":
            return [orjson.dumps(value) for value in rows.tolist()]
        if rows.ndim == 2 and rows.shape[1]:
            return dump_rows(rows, b"[", b"]")
        rows = np.ascontiguousarray(rows)
        if rows.ndim == 1:
            return [orjson.dumps(value) for value in rows.tolist()]
        return [orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in rows]

    def _at_once(self, values: list[Any]) -> Array:
        if type(values[0]) is dict:
            values = [list(value.values()) for value in values]
        array = number_array(values)
        shape = self._natural(array.shape[1:]) if self._shape is None else self._shape
        if shape is None or array[0].size != math.prod(shape):
            raise ValueError("has another shape")
        array = cast(array, self._dtype).reshape(len(array), *shape)
        self._shape = shape
        return array

    def _decode_each(self, messages: Sequence[bytes | None]) -> Decoded:
        found: list[tuple[int, Any]] = []
        errors: list[tuple[int, str]] = []
        for index, message in enumerate(messages):
            try:
                value = self._parse(message)
                found.append((index, self._one(value)))
            except ValueError as error:
                errors.append((index, str(error)))
        if self._text:
            texts = np.array([text for _, text in found], np.dtype("U"))
            return collect(texts.reshape(len(found)), [i for i, _ in found], errors)
        if self._shape is None and found:
            self._shape = Counter(self._natural(array.shape) for _, array in found).most_common(1)[0][0]
        shape = self._shape
        size = -1 if shape is None else math.prod(shape)
        errors += [(i, f"has shape {a.shape} instead of {shape}") for i, a in found if a.size != size]
        kept = [(i, a.reshape(shape)) for i, a in found if a.size == size]
        array = (
            np.stack([a for _, a in kept]) if kept else np.empty((0, *((0,) if shape is None else shape)), self._dtype)
        )
        return collect(array, [i for i, _ in kept], errors)

    def _natural(self, shape: Shape) -> Shape | None:
        """The shape that a sample gets whose JSON has `shape`."""
        if self._wanted is None and len(shape) > 1:
            return shape
        return resolve(self._wanted, math.prod(shape), scalar=self._scalar)

    def _one(self, value: Any) -> Any:
        if self._text:
            if not isinstance(value, str) or len(value) > MAX_TEXT:
                raise ValueError(f"is no text of at most {MAX_TEXT} characters")
            return value
        return cast(number_array(list(value.values()) if isinstance(value, dict) else value), self._dtype)


def dump_rows(array: Array, before: bytes, after: bytes) -> list[bytes]:
    """JSON of each row, in one call for the batch: array of shape (n, k), k > 0."""
    if not len(array):
        return []
    body = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    # Numbers and null hold no brackets.
    return [before + row + after for row in body[2:-2].split(b"],[")]


def _json(message: bytes | None) -> Any:
    if message is None:
        raise ValueError("is null")
    try:
        return orjson.loads(message)
    except orjson.JSONDecodeError as error:
        # Python's own producers write NaN and Infinity, which are no JSON.
        if b"NaN" in message or b"Infinity" in message:
            try:
                return json.loads(message)
            except (ValueError, RecursionError):
                pass
        raise ValueError(f"is no JSON: {error.msg}") from error


def _telegraf(message: bytes | None) -> Any:
    document = _json(message)
    if isinstance(document, str):
        document = _json(document.encode(errors="replace"))
    try:
        text = document["fields"]["value"]
    except (TypeError, LookupError):
        text = None
    if not isinstance(text, str):
        raise ValueError("is no Telegraf document with a text in fields.value")
    return _json(text.encode(errors="replace"))
