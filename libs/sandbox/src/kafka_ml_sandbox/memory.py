"""Memory: arrays that host and guest share, allocated by the host alone.

In memory they are sealed (memfd): the guest gets a descriptor that can't be shrunk, so the host can never fault on an array that
the guest cut short, and can't be written unless that was asked for. On disk they lie in `shared`, which the guest sees read-only.
"""

import fcntl
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kafka_ml_sandbox.channel import map_array
from kafka_ml_sandbox.connection import ClosedError, Connection

# linux/fcntl.h; Python names the last of them only since 3.13.
_F_ADD_SEALS = 1033
_ANNOUNCE_SECONDS = 30.0
_SEAL_SEAL, _SEAL_SHRINK, _SEAL_GROW, _SEAL_FUTURE_WRITE = 0x1, 0x2, 0x4, 0x10


@dataclass(frozen=True, slots=True)
class SharedArray:
    """An array of zeros, mapped here, and what the guest needs to map it too."""

    array: NDArray[Any]
    memory_bytes: int
    """What it takes of memory: nothing on disk."""
    announcement: dict[str, object]
    descriptor: int | None
    """To be sent with the announcement and then closed; None when the guest opens the file itself."""


class Arrays:
    """All arrays of one guest. Those made before it has connected are announced once it has. Safe between threads."""

    def __init__(self, folder: Path, on_memory: Callable[[int], None]) -> None:
        """`folder`: where files go. `on_memory` is told how many bytes of memory all arrays take, before the guest hears of another."""
        self._folder = folder
        self._on_memory = on_memory
        self._lock = threading.Lock()
        self._files = 0
        self._memory: dict[str, int] = {}
        self._unsent: list[SharedArray] = []
        self._connection: Connection | None = None

    def add(self, name: str, shape: Sequence[int], dtype: DTypeLike, *, on_disk: bool, writable: bool) -> NDArray[Any]:
        """Make an array; see `allocate`."""
        with self._lock:
            self._files += 1
            file = f"array-{self._files}"
        made = allocate(name, shape, dtype, self._folder, file, on_disk=on_disk, writable=writable)
        with self._lock:
            self._memory[name] = made.memory_bytes
            self._on_memory(sum(self._memory.values()))
            connection = self._connection
            if connection is None:
                self._unsent.append(made)
        if connection is not None:
            _announce(connection, made)
        return made.array

    def connect(self, connection: Connection) -> None:
        """The guest is there."""
        with self._lock:
            self._connection = connection
            unsent, self._unsent = self._unsent, []
        for made in unsent:
            _announce(connection, made)

    def close(self) -> None:
        """Release what no guest came for."""
        with self._lock:
            unsent, self._unsent = self._unsent, []
        for made in unsent:
            if made.descriptor is not None:
                os.close(made.descriptor)


def _announce(connection: Connection, made: SharedArray) -> None:
    try:
        connection.send(
            made.announcement, [] if made.descriptor is None else [made.descriptor], timeout=_ANNOUNCE_SECONDS
        )
    except (ClosedError, TimeoutError):
        pass  # the next request finds out how it ended
    finally:
        if made.descriptor is not None:
            os.close(made.descriptor)


def allocate(
    name: str, shape: Sequence[int], dtype: DTypeLike, folder: Path, file: str, *, on_disk: bool, writable: bool
) -> SharedArray:
    """Make an array of zeros.

    Args:
        name: that the guest knows it by.
        shape: of the array.
        dtype: without objects.
        folder: where files go.
        file: the name of the file, if it becomes one: on disk, or where memory has no seals (not Linux).
        on_disk: not in memory.
        writable: the guest may write it.

    Raises:
        ValueError: objects in `dtype`, or both `on_disk` and `writable`.
        OSError: no space.
    """
    kind = np.dtype(dtype)
    if kind.hasobject:
        raise ValueError("objects can't be shared; use a numeric or fixed-length dtype")
    if on_disk and writable:
        raise ValueError("an array on disk is read-only for the guest")
    length = max(1, int(np.prod(shape, dtype=np.int64)) * kind.itemsize)
    sealed = sys.platform == "linux" and not on_disk
    descriptor = _memory(length) if sealed else _file(folder / file, length)
    try:
        array = map_array(descriptor, shape, kind.str, writable=True)
        if sealed:
            # This mapping stays writable; FUTURE_WRITE forbids new ones. It has to come after the mapping.
            seals = _SEAL_SEAL | _SEAL_SHRINK | _SEAL_GROW | (0 if writable else _SEAL_FUTURE_WRITE)
            fcntl.fcntl(descriptor, _F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    announcement: dict[str, object] = {
        "kind": "array",
        "name": name,
        "shape": [int(extent) for extent in shape],
        "dtype": kind.str,
        "file": "" if sealed else file,
        "writable": writable,
    }
    if not sealed:
        os.close(descriptor)
    return SharedArray(array, 0 if on_disk else length, announcement, descriptor if sealed else None)


def _memory(length: int) -> int:
    descriptor = os.memfd_create("array", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, length)
    return descriptor


def _file(path: Path, length: int) -> int:
    """A new file with its space reserved: a full disk is an error here, and not a fatal signal at some later write."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, length)
        else:
            os.ftruncate(descriptor, length)
    except BaseException:
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor
