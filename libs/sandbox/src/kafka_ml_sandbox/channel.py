"""Channel: length-prefixed JSON over a Unix socket, and numpy arrays in shared memory beside it.

`Connection` is the framing, the same on both sides. `Channel` is what the guest's code sees. Arrays never travel: the host
creates each one and passes a descriptor of its memory (or, on disk, its name), so the guest cannot lie about a size.
"""

import array
import contextlib
import json
import mmap
import os
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_MESSAGE = 8 << 20
"""Bytes of the longest message either side accepts; more belongs in an array."""

_encode = json.JSONEncoder(separators=(",", ":")).encode
_HEADER = struct.Struct("!I")
_CHUNK = 1 << 16
_MAX_DESCRIPTORS = 16


class ProtocolError(Exception):
    """The other side sent something that is not a message of this protocol."""


class ClosedError(Exception):
    """The other side has gone."""


class Connection:
    """Messages over a connected Unix stream socket. `send` may be called from any thread, `receive` from one at a time."""

    def __init__(self, sock: socket.socket, *, descriptors: bool = False) -> None:
        """Take over `sock`. Descriptors that come with messages are kept only if `descriptors`, else the kernel drops them."""
        sock.setblocking(False)
        self._socket = sock
        self._incoming = bytearray()
        self._keep_descriptors = descriptors
        self._descriptors: deque[int] = deque()
        self._sending = threading.Lock()
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sock, select.POLLOUT)

    def send(
        self, message: Mapping[str, object], descriptors: Sequence[int] = (), timeout: float | None = None
    ) -> None:
        """Send one message. Raises ClosedError, TimeoutError, ValueError when it is longer than `MAX_MESSAGE`."""
        body = _encode(message).encode()
        if len(body) > MAX_MESSAGE:
            raise ValueError(f"a message of {len(body):,} bytes is longer than {MAX_MESSAGE:,}; share an array instead")
        data = memoryview(_HEADER.pack(len(body)) + body)
        deadline = None if timeout is None else time.monotonic() + timeout
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        with self._sending:
            while data:
                try:
                    data = data[self._socket.sendmsg([data], ancillary) :]
                    ancillary = []
                except BlockingIOError:
                    self._wait(self._writable, deadline)
                except OSError as error:
                    raise ClosedError(str(error)) from error

    def receive(self, deadline: float | None = None) -> dict[str, Any]:
        """The next message. `deadline` is on the monotonic clock. Raises ClosedError, ProtocolError, TimeoutError."""
        while (message := self._take()) is None:
            self._wait(self._readable, deadline)
            self._fill()
        return message

    def receive_now(self) -> dict[str, Any] | None:
        """The next message if it has already come. Raises ClosedError, ProtocolError."""
        while (message := self._take()) is None:
            if not self._fill():
                return None
        return message

    def take_descriptor(self) -> int:
        """The oldest descriptor that came with a message. Raises ProtocolError."""
        if not self._descriptors:
            raise ProtocolError("an array was announced without its memory")
        return self._descriptors.popleft()

    def fileno(self) -> int:
        return self._socket.fileno()

    def hang_up(self) -> None:
        """End the conversation, also for threads that are waiting in it."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    def _fill(self) -> bool:
        """Read what is there; False when nothing is."""
        try:
            if self._keep_descriptors:
                data, ancillary, _, _ = self._socket.recvmsg(_CHUNK, socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4))
                for level, kind, content in ancillary:
                    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                        self._descriptors.extend(array.array("i", content[: len(content) // 4 * 4]))
            else:
                data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError as error:
            raise ClosedError(str(error)) from error
        if not data:
            raise ClosedError("the other side closed the connection")
        self._incoming += data
        return True

    def _take(self) -> dict[str, Any] | None:
        """Cut one whole message from what was read."""
        if len(self._incoming) < _HEADER.size:
            return None
        (length,) = _HEADER.unpack_from(self._incoming)
        if length > MAX_MESSAGE:
            raise ProtocolError(f"a message of {length:,} bytes, longer than {MAX_MESSAGE:,}")
        end = _HEADER.size + length
        if len(self._incoming) < end:
            return None
        body = bytes(self._incoming[_HEADER.size : end])
        del self._incoming[:end]
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"a message that is not JSON: {error}") from error
        if not isinstance(message, dict):
            raise ProtocolError("a message that is not an object")
        return message

    @staticmethod
    def _wait(poll: select.poll, deadline: float | None) -> None:
        if deadline is None:
            poll.poll()
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not poll.poll(max(1, int(remaining * 1000))):
            raise TimeoutError


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
