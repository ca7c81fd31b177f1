"""What decoding a batch of messages gives: one array of the good ones, and the reason for each of the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kafka_ml_common.errors import InvalidError
from kafka_ml_common.formats import MAX_DIMENSIONS, MAX_SAMPLE_ITEMS, TYPES

MAX_TEXT = 8_192
"""Characters of a text sample or label at most; batches of text are as wide as their longest."""

Array = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]


class CodecError(InvalidError):
    """Arrays or messages that don't fit the stream's format."""

    code = "invalid-data"


@dataclass(frozen=True, slots=True, order=True)
class Undecodable:
    """A message that can't be decoded: its index in the batch, and why, as the rest of the sentence "message 7 ..."."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded batch. A bad message never takes its neighbours with it.

    Attributes:
        array: the good messages, shape (len(good), *sample_shape); may be read-only. NaN and infinities pass as they are.
        good: index in the batch of each row of `array`, ascending.
        errors: the other messages, ascending by index.
    """

    array: Array
    good: NDArray[np.intp]
    errors: tuple[Undecodable, ...] = ()


class Arrays(Protocol):
    """Decodes and encodes one side of a stream's messages: the values, or the keys with the labels."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of decoded arrays; for text `<U0`, and each batch is as wide as its longest text."""
        ...

    @property
    def shape(self) -> Shape | None:
        """Shape of one sample; None until the first batch tells."""
        ...

    def decode(self, messages: Sequence[bytes | None]) -> Decoded:
        """Decode a batch; never raises for what is in a message."""
        ...

    def encode(self, array: Array) -> list[bytes]:
        """One message a row of `array`, shape (n, *shape).

        Raises:
            CodecError: the array's rows don't fit the format.
        """
        ...


def dtype_of(name: str | None, default: str) -> np.dtype[Any]:
    """The numpy type that an input configuration names."""
    return np.dtype(TYPES[name or default])


def resolve(shape: Shape | None, items: int, *, scalar: bool) -> Shape | None:
    """The shape of a sample of `items` numbers: as given (one dimension may be -1), else a vector; None if it doesn't fit.

    Args:
        scalar: whether a lone number has shape () rather than (1,).
    """
    if shape is None:
        if not 0 < items <= MAX_SAMPLE_ITEMS:
            return None
        return () if scalar and items == 1 else (items,)
    if -1 in shape:
        known = -math.prod(shape)
        if not items or items % known:
            return None
        return tuple(items // known if size == -1 else size for size in shape)
    return shape if math.prod(shape) == items else None


def cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """The numbers of `array` as `dtype`.

    Raises:
        ValueError: there are no numbers in it, or whole numbers or booleans are asked for and a value would change.
    """
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in "biuf":
        raise ValueError("holds something else than numbers")
    with np.errstate(invalid="ignore", over="ignore"):
        out = array.astype(dtype)
    if dtype.kind in "biu" and not np.array_equal(out, array):
        raise ValueError(f"holds a number that {dtype.name} can't")
    return out


def number_array(value: Any) -> Array:
    """The array in a (nested) list of numbers, or in a number.

    Raises:
        ValueError: it is ragged, empty, nested too deeply, or holds something else.
    """
    try:
        array = np.array(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError("is no array: its parts differ in length or kind") from error
    if array.dtype.kind not in "biuf":
        raise ValueError("holds something else than numbers")
    if not array.size:
        raise ValueError("is empty")
    if array.ndim > MAX_DIMENSIONS:
        raise ValueError(f"has more than {MAX_DIMENSIONS} dimensions")
    return array


def join(messages: Sequence[bytes | None], chosen: NDArray[np.intp]) -> bytes:
    """The chosen messages, one after the other."""
    if len(chosen) != len(messages):
        messages = [messages[i] for i in chosen.tolist()]
    return b"".join(message for message in messages if message is not None)


def split(rows: Array) -> list[bytes]:
    """The bytes of each row of a C-contiguous array of shape (n, k), k > 0."""
    # One element as long as a row: then tolist, which runs in C, makes the bytes objects.
    messages: list[bytes] = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0].tolist()
    return messages


def whole(array: Array) -> Decoded:
    """A batch in which everything was good."""
    return Decoded(array, np.arange(len(array)))


def collect(array: Array, good: Iterable[int] | NDArray[np.intp], errors: Iterable[tuple[int, str]]) -> Decoded:
    """A batch from its rows, their indices, and the errors in any order."""
    indices = np.fromiter(good, np.intp) if not isinstance(good, np.ndarray) else good.astype(np.intp, copy=False)
    return Decoded(array, indices, tuple(sorted(Undecodable(index, reason) for index, reason in errors)))


def lengths(messages: Sequence[bytes | None]) -> NDArray[np.int64]:
    """Length of each message in bytes, -1 for null."""
    return np.fromiter((-1 if m is None else len(m) for m in messages), np.int64, len(messages))
