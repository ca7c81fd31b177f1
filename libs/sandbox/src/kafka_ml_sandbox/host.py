"""Host: start a guest, give it arrays and requests, learn how it ended.

    with Guest.start("kafka_ml_trainer.guest.fit", folder, preload=["tensorflow"]) as guest:
        x = guest.share("x", (60_000, 28, 28), "float32")
        x[:] = ...
        reply = guest.request("fit", {"epochs": 3}, limits=Limits(), timeout=600, on_message=report)

Everything that the guest says is checked; it gives neither shapes nor sizes nor file names.
"""

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

from numpy.typing import DTypeLike, NDArray

from kafka_ml_sandbox.connection import ClosedError, Connection, ProtocolError
from kafka_ml_sandbox.container import Keeper
from kafka_ml_sandbox.deaths import GuestError, death, reported, stopped
from kafka_ml_sandbox.folder import empty, listen, open_result, prepare, remove
from kafka_ml_sandbox.launch import Isolation, launch
from kafka_ml_sandbox.limits import Limits
from kafka_ml_sandbox.memory import Arrays
from kafka_ml_sandbox.process import Process

OnMessage = Callable[[str, dict[str, Any]], None]

_SEND_TIMEOUT = 30.0


class Guest:
    """One guest process, started ahead of use. One request at a time; `tell` and `close` from any thread."""

    def __init__(
        self, folder: Path, listener: socket.socket, name: str, process: Process, isolation: Isolation, timeout: float
    ) -> None:
        """Use `start` or `attach`. `listener` is the socket `name` that the guest connects to."""
        self.folder = folder
        self.isolation: Isolation = isolation
        self._listener = listener
        self._socket = folder / "run" / name
        self._start_timeout = timeout
        self._process = process
        self._connection: Connection | None = None
        self._ready = False
        self._closed = False
        self._limits: Limits | None = None
        self._requests = 0
        self._turn = threading.RLock()  # re-entrant: `on_message` may close
        self._closing = threading.Lock()
        self._arrays = Arrays(self.shared, process.share)

    @classmethod
    def start(
        cls,
        module: str,
        folder: Path,
        *,
        preload: Sequence[str] = (),
        readable: Sequence[Path] = (),
        python_path: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        threads: int | None = None,
        start_timeout: float = 60,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Self:
        """Start `python -m kafka_ml_sandbox.guest <module>`, under bubblewrap where the machine allows it. Does not wait.

        Args:
            module: a module with HANDLERS, see guest.py.
            folder: a new folder for the two, best on a tmpfs; removed at close.
            preload: modules that it imports before it is ready.
            readable: more files and folders that it may read, where they are.
            python_path: folders that it may read and import from.
            environment: more variables; the host's own environment is never passed.
            threads: how many threads TensorFlow and OpenMP use; all cores by default.
            start_timeout: seconds until it must be ready, for a request that comes before.
            on_output: called with each piece of what it prints (a Transcript); must be quick, and not raise.

        Raises:
            GuestError: it could not be started ("start").
            FileExistsError: the folder exists and is not empty.
        """
        folder = folder.absolute()
        prepare(folder)
        listener = listen(folder / "run" / "socket")
        try:
            process, isolation = launch(
                module,
                folder,
                preload=preload,
                readable=readable,
                python_path=python_path,
                environment=environment or {},
                threads=threads,
                timeout=start_timeout,
                on_output=on_output,
            )
        except (OSError, RuntimeError) as error:
            listener.close()
            remove(folder)
            raise GuestError("start", f"The machine can't start the model's process: {error}.") from error
        return cls(folder, listener, "socket", process, isolation, start_timeout)

    @classmethod
    def attach(
        cls,
        module: str,
        keeper: Keeper,
        *,
        preload: Sequence[str] = (),
        threads: int | None = None,
        start_timeout: float = 120,
    ) -> Self:
        """Have the guest started by the keeper, in the other container of this pod. Does not wait.

        Args:
            module: as for `start`; it is part of the other container's image.
            keeper: which keeps no other guest at the moment. Its folder stays when the guest is closed.
            preload: as for `start`.
            threads: as for `start`; by default as many as the container has processors.
            start_timeout: seconds until it must be ready, from the moment when the container is there.

        Raises:
            RuntimeError: the keeper has a guest that is not closed.
        """
        folder, name = keeper.folder, f"guest-{secrets.token_hex(8)}"
        listener = listen(folder / "run" / name, other_user=True)
        try:
            process = keeper.start(module, preload, threads, name)
        except BaseException:
            listener.close()
            (folder / "run" / name).unlink(missing_ok=True)
            raise
        return cls(folder, listener, name, process, "container", start_timeout)

    @property
    def shared(self) -> Path:
        """The host's folder of files that the guest reads (`Channel.shared`): put a stored model here."""
        return self.folder / "shared"

    @property
    def pid(self) -> int | None:
        """The process that this host started (bubblewrap's, if it is used); None for a guest in another container."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be given a request."""
        return not self._closed and self._process.cause is None and self._process.status is None

    def ready(self, timeout: float | None = None) -> None:
        """Wait until it has imported what it was asked to. Raises GuestError: "timeout" (and it is killed), "start"."""
        with self._turn:
            self._be_ready(self._start_timeout if timeout is None else timeout)

    def request(
        self,
        name: str,
        payload: Mapping[str, object],
        *,
        limits: Limits | None = None,
        timeout: float | None = None,
        on_message: OnMessage | None = None,
    ) -> dict[str, Any]:
        """Have the guest's handler `name` answer `payload`.

        Args:
            name: of the handler.
            payload: JSON, 8 MiB at most; arrays are shared, not sent.
            limits: applied before the handler runs, for the rest of the guest's life; they can't be changed later.
            timeout: seconds; then the guest is killed.
            on_message: called in this thread with what the guest reports meanwhile.

        Raises:
            GuestError: the handler failed, or the guest ended; afterwards `alive` says which.
            ValueError: other limits than those that apply already, or a payload that is too long.
        """
        with self._turn:
            self._be_ready(self._start_timeout)
            if limits is not None:
                if self._limits not in (None, limits):
                    raise ValueError("this guest already has other limits; start another guest")
                if self._limits == limits:
                    limits = None
                else:
                    self._process.limit(limits)
                self._limits = self._limits or limits
            self._requests += 1
            message: dict[str, object] = {"kind": "request", "id": self._requests, "name": name, "payload": payload}
            if limits is not None:
                message["limits"] = limits.to_message()
            deadline = None if timeout is None else time.monotonic() + timeout
            return self._exchange(message, deadline, timeout, on_message)

    def tell(self, name: str, payload: Mapping[str, object]) -> None:
        """Say something to a handler that is at work (`Channel.poll` gives it). Raises GuestError when the guest is gone."""
        connection = self._connection
        if connection is None:
            raise GuestError("closed", "The guest is not ready yet, or closed.")
        try:
            connection.send({"kind": "tell", "name": name, "payload": payload}, timeout=_SEND_TIMEOUT)
        except (ClosedError, TimeoutError) as error:
            raise GuestError("closed", "The guest no longer listens.", output=self.output()) from error

    def share(
        self, name: str, shape: Sequence[int], dtype: DTypeLike, *, on_disk: bool = False, writable: bool = False
    ) -> NDArray[Any]:
        """Make an array of zeros that both see: this side writes it, the guest reads it as `channel.array(name)`.

        Args:
            name: under which the guest finds it; a name used before is replaced there.
            shape: of the array.
            dtype: without objects.
            on_disk: a file in `shared`, for more than fits into memory; read-only for the guest.
            writable: the guest may write it as well; what it wrote is to be checked like any input.

        Raises:
            ValueError: objects in `dtype`, or both `on_disk` and `writable`.
            OSError: no space on the disk.
        """
        return self._arrays.add(name, shape, dtype, on_disk=on_disk, writable=writable)

    def open(self, name: str) -> BinaryIO:
        """Open the file `name` that the guest wrote to its scratch folder; links and pipes are refused (ValueError)."""
        return open_result(self.folder / "scratch", name)

    def output(self) -> str:
        """What it printed so far: the beginning and the end of it."""
        return self._process.printed()

    def close(self) -> None:
        """Kill whatever is left of the guest and remove its folder, or what is in it if it is a pod's. Harmless when repeated."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        try:
            self._process.bury()
        finally:
            # A request in another thread notices that the guest is gone; only then may its socket go.
            with self._turn:
                self._listener.close()
                if self._connection:
                    self._connection.close()
            self._arrays.close()
            self._clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _clear(self) -> None:
        if self.isolation != "container":
            remove(self.folder)
            return
        self._socket.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            empty(self.shared)

    def _be_ready(self, timeout: float) -> None:
        if self._closed:
            raise GuestError("closed", "This guest has been closed.")
        if self._ready:
            return
        if not self._process.launched():
            raise self._stopped("absent", None)
        deadline = time.monotonic() + timeout
        if self._connection is None:
            self._connection = Connection(self._accept(deadline, timeout))
            self._arrays.connect(self._connection)
        message = self._receive(self._connection, deadline, timeout)
        if message.get("kind") == "error":
            error = self._reported(message)
            raise GuestError("start", f"The model's process could not start. {error.message}", output=self.output())
        if message.get("kind") != "ready":
            raise self._broken("a message before it was ready")
        self._ready = True

    def _accept(self, deadline: float, timeout: float) -> socket.socket:
        """Take the one connection that this socket is for, and remove the socket."""
        while True:
            self._listener.settimeout(0.05)
            try:
                connected, _ = self._listener.accept()
                break
            except TimeoutError:
                if self._process.status is not None:
                    raise self._death() from None
                if time.monotonic() > deadline:
                    raise self._stopped("timeout", timeout) from None
            except OSError as error:
                raise GuestError("closed", "This guest has been closed.") from error
        self._listener.close()
        self._socket.unlink(missing_ok=True)
        return connected

    def _exchange(
        self, message: dict[str, object], deadline: float | None, timeout: float | None, on_message: OnMessage | None
    ) -> dict[str, Any]:
        connection = self._connection
        assert connection is not None  # noqa: S101 - _be_ready has seen to it
        try:
            connection.send(message, timeout=timeout)
        except TimeoutError:
            raise self._stopped("timeout", timeout) from None
        except ClosedError:
            raise self._death() from None
        while True:
            answer = self._receive(connection, deadline, timeout)
            match answer:
                case {"kind": "reply", "id": number, "payload": dict(payload)} if number == message["id"]:
                    return payload
                case {"kind": "message", "name": str(name), "payload": dict(payload)}:
                    self._pass_on(on_message, name, payload)
                case {"kind": "error", "id": number} if number == message["id"]:
                    raise self._reported(answer)
                case _:
                    raise self._broken("an unexpected message")

    def _pass_on(self, on_message: OnMessage | None, name: str, payload: dict[str, Any]) -> None:
        """Call the listener; if it raises, the request is abandoned, and a guest in the middle of one is of no use."""
        if on_message is None:
            return
        try:
            on_message(name, payload)
        except BaseException:
            self._stopped("closed", None)
            raise

    def _receive(self, connection: Connection, deadline: float | None, timeout: float | None) -> dict[str, Any]:
        try:
            return connection.receive(deadline)
        except TimeoutError:
            raise self._stopped("timeout", timeout) from None
        except ClosedError:
            raise self._death() from None
        except ProtocolError as error:
            raise self._broken(str(error)) from None

    def _reported(self, message: Mapping[str, Any]) -> GuestError:
        """The error that the guest reported."""
        return reported(message, self._limits, self.output()) or self._broken("an unexpected message")

    def _broken(self, detail: str) -> GuestError:
        return self._stopped("protocol", None, detail)

    def _stopped(self, cause: str, timeout: float | None, detail: str = "") -> GuestError:
        """Kill the guest because of `cause`, and say so."""
        self._process.stop(cause)
        self._process.wait()
        return stopped(
            self._process.cause or cause, self._limits, timeout, detail, ready=self._ready, output=self.output()
        )

    def _death(self) -> GuestError:
        """Say how it ended, now that it hung up."""
        process = self._process
        status = process.wait()
        if status is None:
            return self._broken("it closed its connection and went on")
        if process.cause is not None:
            return self._stopped(process.cause, None)
        return death(
            status,
            self.output(),
            self._limits,
            ready=self._ready,
            lost=process.lost,
            kernel_out_of_memory=process.kernel_out_of_memory,
        )
