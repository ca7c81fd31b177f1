"""RAW messages: the bytes of arrays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafka_ml_common.arrays import (
    MAX_TEXT,
    Array,
    CodecError,
    Decoded,
    Shape,
    cast,
    collect,
    dtype_of,
    join,
    lengths,
    resolve,
    split,
)


class RawArrays:
    """RAW: the bytes of arrays, C order, little-endian.

    Args:
        type_name: numpy name of the element type; `string` is UTF-8 text, one a message.
        shape: of one sample, with at most one -1; None for a vector as long as most messages of the first batch are.
        scalar: whether a lone number has shape () (labels) rather than (1,).
    """

    def __init__(self, type_name: str, shape: Shape | None, *, scalar: bool = False) -> None:
        self._dtype = dtype_of(type_name, type_name)
        self._text = self._dtype.kind == "U"
        self._wanted = shape
        self._scalar = scalar
        self._shape: Shape | None = None
        if self._text:
            self._shape = () if scalar or shape is None else shape
        elif shape is not None and -1 not in shape:
            self._shape = shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""
        return self._dtype

    @property
    def shape(self) -> Shape | None:
        """Shape of one sample, None until known."""
        return self._shape

    def decode(self, messages: Sequence[bytes | None]) -> Decoded:
        """Decode a batch. The array is a read-only view of the joined messages."""
        if self._text:
            return self._decode_text(messages)
        sizes = lengths(messages)
        if self._shape is None:
            self._learn(sizes)
        size = -1 if self._shape is None else math.prod(self._shape) * self._dtype.itemsize
        fits = (sizes == size) & (sizes >= 0)
        good = np.flatnonzero(fits)
        joined = join(messages, good)
        # Any byte but 0 and 1 would make an invalid numpy boolean.
        flat = np.frombuffer(joined, np.uint8) != 0 if self._dtype.kind == "b" else np.frombuffer(joined, self._dtype)
        array = flat.reshape(len(good), *((0,) if self._shape is None else self._shape))
        return collect(array, good, [(int(i), self._complaint(int(sizes[i]), size)) for i in np.flatnonzero(~fits)])

    def encode(self, array: Array) -> list[bytes]:
        """One message a row of `array`, shape (n, *shape)."""
        if self._text:
            return [str(text).encode() for text in np.asarray(array).reshape(len(array)).tolist()]
        try:
            rows = np.ascontiguousarray(cast(np.asarray(array), self._dtype)).reshape(len(array), -1)
        except ValueError as error:
            raise CodecError(f"The array {error}.") from error
        if self._shape is not None and rows.shape[1] != math.prod(self._shape):
            raise CodecError(f"Samples have {rows.shape[1]} numbers, but the shape {self._shape} says otherwise.")
        if not rows.size:
            return [b""] * len(rows)
        return split(rows)

    def _learn(self, sizes: NDArray[np.int64]) -> None:
        for size, _ in Counter(sizes[sizes > 0].tolist()).most_common():
            items, rest = divmod(size, self._dtype.itemsize)
            shape = None if rest else resolve(self._wanted, items, scalar=self._scalar)
            if shape is not None:
                self._shape = shape
                return

    def _complaint(self, size: int, wanted: int) -> str:
        if size < 0:
            return "is null"
        if wanted < 0:
            return f"has {size} bytes, which are no array of {self._dtype.name} of the shape that is asked for"
        return f"has {size} bytes instead of {wanted}"

    def _decode_text(self, messages: Sequence[bytes | None]) -> Decoded:
        texts: list[str] = []
        good: list[int] = []
        errors: list[tuple[int, str]] = []
        for index, message in enumerate(messages):
            try:
                text = None if message is None else message.decode()
            except UnicodeDecodeError:
                errors.append((index, "is no UTF-8 text"))
                continue
            if text is None or len(text) > MAX_TEXT:
                errors.append((index, "is null" if text is None else f"has more than {MAX_TEXT} characters"))
                continue
            texts.append(text)
            good.append(index)
        return collect(np.array(texts, np.dtype("U")).reshape(len(texts), *(self._shape or ())), good, errors)
