"""Channel: what the guest's code sees: messages to and from its host, and numpy arrays in shared memory beside them.

Arrays never travel: the host creates each one and passes a descriptor of its memory (or, on disk, its name), so the guest cannot
lie about a size.
"""

import mmap
import os
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafka_ml_sandbox.connection import Connection, ProtocolError


def map_array(descriptor: int, shape: Sequence[int], dtype: str, *, writable: bool) -> NDArray[Any]:
    """View the memory behind `descriptor` as an array of `shape` and `dtype`; the descriptor may be closed afterwards."""
    count = int(np.prod(shape, dtype=np.int64))
    kind = np.dtype(dtype)
    if count == 0:
        return np.zeros(tuple(shape), kind)
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    memory = mmap.mmap(descriptor, count * kind.itemsize, access=access)
    return np.frombuffer(memory, kind, count).reshape(tuple(shape))


class Channel:
    """The guest's end: what a handler uses to report, to hear one-way messages and to reach the shared arrays."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self.folder = folder
        """The folder as the guest sees it; `scratch` in it is the guest's to write."""
        self._connection = connection
        self._arrays: dict[str, NDArray[Any]] = {}
        self._told: deque[tuple[str, dict[str, Any]]] = deque()
        self._requests: deque[dict[str, Any]] = deque()

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def shared(self) -> Path:
        """Files from the host, read-only."""
        return self.folder / "shared"

    def send(self, name: str, payload: Mapping[str, object]) -> None:
        """Report something during a request, e.g. "epoch"; the host's `on_message` gets it."""
        self._connection.send({"kind": "message", "name": name, "payload": payload})

    def poll(self) -> list[tuple[str, dict[str, Any]]]:
        """The one-way messages (name, payload) that came since the last call, e.g. "stop"; does not wait."""
        while (message := self._connection.receive_now()) is not None:
            self._dispatch(message)
        told = list(self._told)
        self._told.clear()
        return told

    def array(self, name: str) -> NDArray[Any]:
        """The array that the host shared as `name`: the same memory, read-only unless shared as writable. Raises KeyError."""
        if name not in self._arrays:
            while (message := self._connection.receive_now()) is not None:
                self._dispatch(message)
        try:
            return self._arrays[name]
        except KeyError:
            raise KeyError(f"no array named {name!r}; shared are: {', '.join(self._arrays) or 'none'}") from None

    def receive(self) -> dict[str, Any]:
        """The next request, for the runner: {"id", "name", "payload", "limits"}. Raises ClosedError, ProtocolError."""
        while not self._requests:
            self._dispatch(self._connection.receive())
        self._told.clear()  # what was said during an earlier request is not about the next one
        return self._requests.popleft()

    def _dispatch(self, message: dict[str, Any]) -> None:
        match message["kind"]:
            case "request":
                self._requests.append(message)
            case "tell":
                self._told.append((message["name"], message["payload"]))
            case "array":
                self._arrays[message["name"]] = self._open(message)
            case "drop":
                self._arrays.pop(message["name"], None)
            case kind:
                raise ProtocolError(f"unknown message {kind!r}")

    def _open(self, message: dict[str, Any]) -> NDArray[Any]:
        file = message["file"]
        writable = bool(message["writable"])
        flags = os.O_RDWR if writable else os.O_RDONLY
        descriptor = os.open(self.folder / "shared" / file, flags) if file else self._connection.take_descriptor()
        try:
            return map_array(descriptor, message["shape"], message["dtype"], writable=writable)
        finally:
            os.close(descriptor)
