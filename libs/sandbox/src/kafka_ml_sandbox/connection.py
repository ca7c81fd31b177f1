"""Connection: length-prefixed JSON over a Unix socket, the same on both sides. Everything that comes is bounded and checked."""

import array
import contextlib
import json
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def connect(path: Path, timeout: float) -> socket.socket:
    """Connect to the Unix socket at `path`, waiting for it for `timeout` seconds. Raises OSError."""
    deadline = time.monotonic() + timeout
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    while True:
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                sock.close()
                raise
            time.sleep(0.05)
        else:
            return sock
