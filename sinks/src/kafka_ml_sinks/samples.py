"""What users hand over, as arrays that agree with each other in shape and type."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sized
from typing import Any

import numpy as np

from kafka_ml_common.arrays import Array, CodecError, Shape, cast, dtype_of
from kafka_ml_common.formats import TYPES, parse_shape

CHUNK = 4096
"""Samples that are encoded and queued at once."""


class Agreement:
    """What all samples (or labels) of a stream have in common: given by the user, or learnt from the first one.

    Args:
        what: "Sample" or "Label", for errors.
        type_name: numpy name of the element type, None to take the first sample's.
        shape: shape of one sample in any form that control messages know, None to take the first sample's.
        scalar: whether "1" means the shape () (labels).
    """

    def __init__(self, what: str, type_name: str | None, shape: Any, *, scalar: bool = False) -> None:
        self._what = what
        if type_name is not None and type_name not in TYPES:
            raise CodecError(f"{type_name!r} is no known type.", advice=f"Known types are: {', '.join(TYPES)}.")
        self._given = type_name
        self._dtype: np.dtype[Any] | None = dtype_of(type_name, "") if type_name else None
        self._first: np.dtype[Any] | None = None
        self._shape: Shape | None = parse_shape(shape)
        self._reshape = self._shape is not None
        if scalar and self._shape == (1,):
            self._shape = ()

    @property
    def known(self) -> bool:
        """Whether any sample was seen, or all was given."""
        return self._dtype is not None and self._shape is not None

    @property
    def type_name(self) -> str | None:
        """The element type's name for the control message."""
        if self._given or self._dtype is None:
            return self._given
        return "string" if self._dtype.kind == "U" else self._dtype.name

    @property
    def reshape(self) -> str:
        """The shape for the control message: "28 28", "1" for a scalar, "" while unknown."""
        if self._shape is None:
            return ""
        return " ".join(map(str, self._shape)) or "1"

    def check(self, chunk: Any, first_index: int) -> Array:
        """The chunk, anything that numpy takes with samples along the first axis, as an array of shape (n, *shape).

        Args:
            first_index: position in the stream of the chunk's first sample, for errors.

        Raises:
            CodecError: a sample disagrees with the first, or is no array; names its position.
        """
        array = self._as_array(chunk, first_index)
        if self._dtype is None:
            self._dtype = np.dtype("U") if array.dtype.kind == "U" else array.dtype.newbyteorder("<")
            if array.dtype.kind != "U" and self._dtype.name not in TYPES:
                raise CodecError(
                    f"{self._what}s of type {array.dtype} can't be sent.", advice="Convert them to numbers."
                )
            self._first = array.dtype
        if self._shape is None:
            self._shape = array.shape[1:]
        if array.shape[1:] != self._shape:
            array = self._reshaped(array, first_index)
        return self._typed(array, first_index)

    def _as_array(self, chunk: Any, first_index: int) -> Array:
        if hasattr(chunk, "to_numpy"):
            chunk = chunk.to_numpy()
        try:
            array = np.asarray(chunk)
        except ValueError:
            array = np.empty(0, object)
        if array.dtype.kind in "biufU" and array.ndim:
            return array
        # Look for the culprit, one by one.
        one_by_one = list(chunk) if isinstance(chunk, Iterable) else [chunk]
        shape, kind = self._shape, None
        for offset, sample in enumerate(one_by_one):
            index = first_index + offset
            try:
                single = np.asarray(sample)
            except ValueError as error:
                raise CodecError(f"{self._what} {index} is ragged: its parts differ in length.") from error
            if single.dtype.kind not in "biufU":
                raise CodecError(f"{self._what} {index} holds something else than numbers: {str(sample)[:80]}.")
            shape = single.shape if shape is None else shape
            kind = kind or single.dtype
            if single.shape != shape and not self._reshape:
                raise CodecError(f"{self._what} {index} has shape {single.shape}, but the first had {shape}.")
        return np.stack([np.asarray(sample) for sample in one_by_one])

    def _reshaped(self, array: Array, first_index: int) -> Array:
        if self._reshape and self._shape is not None:
            try:
                array = array.reshape(len(array), *self._shape)
            except ValueError:
                raise CodecError(
                    f"{self._what} {first_index} has shape {array.shape[1:]}, which can't be given the shape {self._shape}."
                ) from None
            self._shape = array.shape[1:]
            return array
        raise CodecError(f"{self._what} {first_index} has shape {array.shape[1:]}, but the first had {self._shape}.")

    def _typed(self, array: Array, first_index: int) -> Array:
        dtype = self._dtype
        if dtype is None or array.dtype == dtype or (dtype.kind == array.dtype.kind == "U"):
            return array
        if self._given is None and not np.can_cast(array.dtype, dtype, "safe"):
            raise CodecError(
                f"{self._what} {first_index} has type {array.dtype}, but the first had {self._first}.",
                advice="Convert it, or say with data_type (or label_type) how all are to be sent.",
            )
        try:
            return cast(array, dtype)
        except ValueError as error:
            raise CodecError(f"{self._what} {first_index} or one after it {error}.") from error


def chunks(x: Any, y: Any | None) -> Iterator[tuple[Any, Any | None]]:
    """Samples and labels in pieces of at most CHUNK. Arrays are sliced without a copy, iterables are read as they come.

    Raises:
        CodecError: there are more samples than labels, or fewer.
    """
    x, y = (_sliceable(data) for data in (x, y))
    if isinstance(x, Iterator) or isinstance(y, Iterator):
        yield from _pairs(iter(x), None if y is None else iter(y))
        return
    if y is not None and len(x) != len(y):
        raise CodecError(f"There are {len(x)} samples, but {len(y)} labels.")
    for start in range(0, len(x), CHUNK):
        yield x[start : start + CHUNK], None if y is None else y[start : start + CHUNK]


def _sliceable(data: Any) -> Any:
    if data is None or isinstance(data, np.ndarray):
        return data
    if hasattr(data, "to_numpy") and not hasattr(data, "columns"):
        return data.to_numpy()
    if hasattr(data, "iloc"):
        return data
    return data if isinstance(data, Sized) and hasattr(data, "__getitem__") else iter(data)


def _pairs(x: Iterator[Any], y: Iterator[Any] | None) -> Iterator[tuple[Any, Any | None]]:
    while True:
        samples = list(itertools.islice(x, CHUNK))
        labels = None if y is None else list(itertools.islice(y, max(len(samples), 1)))
        if labels is not None and len(labels) != len(samples):
            raise CodecError("There are more samples than labels, or fewer: one of the two ended first.")
        if not samples:
            return
        yield samples, labels
