"""Container: the guest's container of this pod as its host sees it, by way of the keeper there (keeper.py)."""

import contextlib
import itertools
import logging
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kafka_ml_sandbox.connection import ClosedError, Connection, ProtocolError
from kafka_ml_sandbox.folder import empty, listen, prepare_volumes
from kafka_ml_sandbox.limits import Limits

logger = logging.getLogger(__name__)

CONTROL = "control"
"""The name of the socket, in the folder's `run`, on which keeper and host talk."""

_CAUSES = frozenset(
    {
        "absent",
        "closed",
        "cpu_limit",
        "disk_full",
        "out_of_memory",
        "protocol",
        "timeout",
        "too_many_processes",
        "unwatched",
    }
)
_SEND_SECONDS = 10.0
_ANSWER_SECONDS = 10.0
_BURY_SECONDS = 20.0
_KILLED = -9


class Keeper:
    """Has guests started in the other container, one after another. If that container ends, another may take its place."""

    def __init__(self, folder: Path, *, patience: float = 600) -> None:
        """Listen for the keeper, without waiting for it.

        Args:
            folder: with the volumes `run`, `shared` and `scratch`, which both containers see under the same path.
            patience: seconds until the container must be there: its image may have to be fetched first.
        """
        self.folder = folder.absolute()
        self.patience = patience
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._current: KeptProcess | None = None
        self._closed = False
        prepare_volumes(self.folder)
        self._listener = self._listen()
        self._thread = threading.Thread(target=self._serve, name="keeper", daemon=True)
        self._thread.start()

    def start(self, module: str, preload: Sequence[str], threads: int | None, socket_name: str) -> "KeptProcess":
        """Have a guest started as soon as the container is there. Raises RuntimeError: there is one that has not ended."""
        with self._lock:
            if self._current is not None and self._current.status is None:
                raise RuntimeError("a container has one guest at a time")
            with contextlib.suppress(OSError):
                empty(self.folder / "shared")
            number = next(self._numbers)
            order = {
                "kind": "start",
                "number": number,
                "module": module,
                "preload": list(preload),
                "threads": threads,
                "socket": socket_name,
            }
            self._current = KeptProcess(self, number, order)
            if self._connection is not None:
                self._current.begin()
            return self._current

    def send(self, message: dict[str, Any]) -> bool:
        """Tell the keeper; whether there is one that can have heard it."""
        with self._lock:
            connection = self._connection
        if connection is None:
            return False
        try:
            connection.send(message, timeout=_SEND_SECONDS)
        except ClosedError:
            return False
        except TimeoutError:
            self.hang_up()
            return False
        return True

    def hang_up(self) -> None:
        """End the conversation: the container then ends too, and the guest with it."""
        with self._lock:
            if self._connection is not None:
                self._connection.hang_up()

    def close(self) -> None:
        """Let the container end. Harmless when repeated."""
        with self._lock:
            self._closed = True
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self.hang_up()
        self._thread.join(_BURY_SECONDS)
        (self.folder / "run" / CONTROL).unlink(missing_ok=True)

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> socket.socket:
        path = self.folder / "run" / CONTROL
        path.unlink(missing_ok=True)
        return listen(path, other_user=True)

    def _serve(self) -> None:
        """Talk to one keeper, and when it is gone to the next."""
        while (connection := self._accept()) is not None:
            with self._lock:
                self._connection = connection
                if self._closed:
                    connection.hang_up()
                if self._current is not None:
                    self._current.begin()
            try:
                while True:
                    self._hear(connection.receive())
            except ClosedError:
                pass
            except ProtocolError as error:
                logger.warning("the keeper broke the protocol: %s", error)
            with self._lock:
                self._connection = None
                connection.close()
                if self._current is not None:
                    self._current.lose()
                if self._closed:
                    return
                self._listener = self._listen()

    def _accept(self) -> Connection | None:
        """The next connection, after which nobody else can connect; None when closed."""
        try:
            connected, _ = self._listener.accept()
        except OSError:
            return None
        finally:
            self._listener.close()
        (self.folder / "run" / CONTROL).unlink(missing_ok=True)
        return Connection(connected)

    def _hear(self, message: dict[str, Any]) -> None:
        with self._lock:
            process = self._current
        if process is not None and message.get("number") == process.number:
            process.hear(message)


class KeptProcess:
    """One guest in the other container. A Process."""

    pid = None

    def __init__(self, keeper: Keeper, number: int, order: dict[str, Any]) -> None:
        """Use `Keeper.start`."""
        self.number = number
        self.status: int | None = None
        self.cause: str | None = None
        self.lost = False
        self.kernel_out_of_memory = False
        self._keeper = keeper
        self._order = order
        self._printed = ""
        self._shared_bytes = 0
        self._begun = False
        self._state = threading.Lock()
        self._launched = threading.Event()
        self._ended = threading.Event()
        self._asking = threading.Lock()
        self._answered = threading.Event()

    def begin(self) -> None:
        """Have it started, if it wasn't yet. Called by the Keeper."""
        with self._state:
            if self._begun or self._ended.is_set():
                return
            self._begun = True
        self._keeper.send(self._order)

    def hear(self, message: dict[str, Any]) -> None:
        """What the keeper says of this guest. Called by the Keeper. Raises ProtocolError."""
        match message:
            case {"kind": "started"}:
                self._launched.set()
                self._tell("share", bytes=self._shared_bytes)
            case {"kind": "limited"}:
                self._answered.set()
            case {"kind": "output", "text": str(text)}:
                self._printed = text
                self._answered.set()
            case {
                "kind": "ended",
                "status": int(status),
                "cause": str() | None as cause,
                "output": str(text),
                "out_of_memory": bool(out_of_memory),
            } if cause is None or cause in _CAUSES:
                self._printed, self.kernel_out_of_memory = text, out_of_memory
                self._end(status, cause)
            case _:
                raise ProtocolError("an unexpected message")

    def lose(self) -> None:
        """The container ended. Called by the Keeper."""
        if self._begun and self.status is None:
            self.lost = True
            self._end(_KILLED, self.cause)

    def printed(self) -> str:
        if self.status is None and self._launched.is_set():
            self._ask("output")
        return self._printed

    def launched(self) -> bool:
        return self._launched.wait(self._keeper.patience)

    def limit(self, limits: Limits) -> None:
        self._ask("limit", limits=limits.to_message())

    def share(self, memory_bytes: int) -> None:
        self._shared_bytes = memory_bytes
        if self._launched.is_set():
            self._tell("share", bytes=memory_bytes)

    def stop(self, cause: str) -> None:
        with self._state:
            begun = self._begun
            if self.cause is None and self.status is None:
                self.cause = cause
            if not begun:
                self._end(_KILLED, self.cause)
        if begun and self.status is None:
            self._tell("stop", cause=cause)

    def wait(self, timeout: float = 15) -> int | None:
        self._ended.wait(timeout)
        return self.status

    def bury(self) -> None:
        self.stop("closed")
        if self.wait(_BURY_SECONDS) is None:
            logger.warning("the keeper does not say that the guest ended, hanging up")
            self._keeper.hang_up()
            self.wait()

    def _end(self, status: int, cause: str | None) -> None:
        self.cause, self.status = cause, status
        self._ended.set()
        self._launched.set()
        self._answered.set()

    def _tell(self, kind: str, **values: object) -> bool:
        return self._keeper.send({"kind": kind, "number": self.number, **values})

    def _ask(self, kind: str, **values: object) -> None:
        """Tell the keeper, and wait for its answer or for the guest's end."""
        with self._asking:
            self._answered.clear()
            if self.status is None and self._tell(kind, **values):
                self._answered.wait(_ANSWER_SECONDS)
