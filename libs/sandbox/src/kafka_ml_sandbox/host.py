"""Host: start a guest, give it arrays and requests, learn how it ended.

    with Guest.start("kafka_ml_trainer.guest.fit", folder, preload=["tensorflow"]) as guest:
        x = guest.share("x", (60_000, 28, 28), "float32")
        x[:] = ...
        reply = guest.request("fit", {"epochs": 3}, limits=Limits(), timeout=600, on_message=report)

Everything that the guest says is checked; it gives neither shapes nor sizes nor file names.
"""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

from numpy.typing import DTypeLike, NDArray

from kafka_ml_sandbox import bubblewrap
from kafka_ml_sandbox.channel import ClosedError, Connection, ProtocolError
from kafka_ml_sandbox.deaths import GuestError, out_of_memory, why_died, why_stopped
from kafka_ml_sandbox.folder import environment as environment_of
from kafka_ml_sandbox.folder import open_result, prepare, remove
from kafka_ml_sandbox.limits import Limits
from kafka_ml_sandbox.memory import SharedArray, allocate
from kafka_ml_sandbox.process import GuestProcess, read_init, spawn
from kafka_ml_sandbox.seccomp import open_program

logger = logging.getLogger(__name__)

Isolation = Literal["bubblewrap", "limits only", "container"]
OnMessage = Callable[[str, dict[str, Any]], None]

_SEND_TIMEOUT = 30.0


class Guest:
    """One guest process, started ahead of use. One request at a time; `tell` and `close` from any thread."""

    def __init__(self, folder: Path, listener: socket.socket, isolation: Isolation, start_timeout: float) -> None:
        """Use `start` or `attach`."""
        self.folder = folder
        self.isolation: Isolation = isolation
        self._listener = listener
        self._start_timeout = start_timeout
        self._process: GuestProcess | None = None
        self._on_output: Callable[[bytes], None] | None = None
        self._connection: Connection | None = None
        self._ready = False
        self._closed = False
        self._limits: Limits | None = None
        self._requests = 0
        self._turn = threading.RLock()  # re-entrant: `on_message` may close
        self._state = threading.Lock()
        self._files = 0
        self._arrays: dict[str, int] = {}
        self._unsent: list[SharedArray] = []

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
        obstacle = bubblewrap.obstacle()
        guest = cls(folder, prepare(folder), "limits only" if obstacle else "bubblewrap", start_timeout)
        guest._on_output = on_output
        seen = folder if obstacle else bubblewrap.GUEST_FOLDER
        own_code = bubblewrap.code_of([__package__, module])
        inner = [sys.executable, "-s", "-P", "-m", f"{__package__}.guest", module, "--folder", str(seen)]
        for name in preload:
            inner += ["--preload", name]
        paths = [*(str(path.absolute()) for path in python_path), *(str(path.parent) for path in own_code)]
        variables = environment_of(seen, paths, threads) | dict(environment or {})
        try:
            if obstacle:
                logger.warning("guests run with limits alone, they can read what this user can read: %s", obstacle)
                spawned, init = spawn([*inner, "--child"], variables, folder / "scratch"), None
            else:
                visible = [*own_code, *readable, *python_path]
                spawned, init = _spawn_isolated(inner, folder, variables, visible, start_timeout)
        except OSError as error:
            guest.close()
            raise GuestError("start", f"The machine can't start the model's process: {error}.") from error
        guest._hold(spawned, init)
        return guest

    @classmethod
    def attach(cls, folder: Path, *, start_timeout: float = 120) -> Self:
        """Listen in `folder` for a guest that somebody else starts: another container that shares the folder's volume."""
        folder = folder.absolute()
        return cls(folder, prepare(folder, other_user=True), "container", start_timeout)

    @property
    def shared(self) -> Path:
        """The host's folder of files that the guest reads (`Channel.shared`): put a stored model here."""
        return self.folder / "shared"

    @property
    def pid(self) -> int | None:
        """The process that this host started (bubblewrap's, if it is used); None for a guest in another container."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether it can be given a request."""
        return not self._closed and (
            self._process is None or (self._process.cause is None and self._process.status is None)
        )

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
                elif self._process:
                    self._process.limit(limits, self._shared_bytes)
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
        with self._state:
            self._files += 1
            file = f"array-{self._files}"
        made = allocate(name, shape, dtype, self.shared, file, on_disk=on_disk, writable=writable)
        with self._state:
            self._arrays[name] = made.memory_bytes
            connection = self._connection
            if connection is None:
                self._unsent.append(made)
        if connection is not None:
            self._announce(connection, made)
        return made.array

    def open(self, name: str) -> BinaryIO:
        """Open the file `name` that the guest wrote to its scratch folder; links and pipes are refused (ValueError)."""
        return open_result(self.folder / "scratch", name)

    def output(self) -> str:
        """What it printed so far: the beginning and the end of it."""
        return self._process.output.text() if self._process else ""

    def close(self) -> None:
        """Kill whatever is left of the guest and remove its folder. Harmless when repeated."""
        with self._state:
            if self._closed:
                return
            self._closed = True
        try:
            if self._process:
                self._process.bury()
            elif self._connection:
                self._connection.hang_up()
        finally:
            # A request in another thread notices that the guest is gone; only then may its socket go.
            with self._turn:
                self._listener.close()
                if self._connection:
                    self._connection.close()
            for made in self._unsent:
                if made.descriptor is not None:
                    os.close(made.descriptor)
            self._unsent.clear()
            remove(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hold(self, spawned: "subprocess.Popen[bytes]", init: int | None) -> None:
        self._process = GuestProcess(spawned, init, self.folder / "scratch", self._on_output)
        if self.isolation == "bubblewrap" and init is None:
            self._process.stop("closed")
            self._process.wait()
            output = self.output()
            self.close()
            raise GuestError("start", f"The model's process could not be started: {output.strip()}", output=output)

    def _shared_bytes(self) -> int:
        return sum(list(self._arrays.values()))

    def _be_ready(self, timeout: float) -> None:
        if self._closed:
            raise GuestError("closed", "This guest has been closed.")
        if self._ready:
            return
        deadline = time.monotonic() + timeout
        if self._connection is None:
            connection = Connection(self._accept(deadline, timeout))
            with self._state:
                self._connection = connection
                unsent, self._unsent = self._unsent, []
            for made in unsent:
                self._announce(connection, made)
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
                if self._process is not None and self._process.status is not None:
                    raise self._death() from None
                if time.monotonic() > deadline:
                    raise self._stopped("timeout", timeout) from None
            except OSError as error:
                raise GuestError("closed", "This guest has been closed.") from error
        self._listener.close()
        (self.folder / "socket").unlink(missing_ok=True)
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
        """The error that the guest reported, in the types that it should have."""
        match message:
            case {"reason": "raised" | "exited" | "out_of_memory" as reason, "message": str(text)}:
                pass
            case _:
                return self._broken("an unexpected message")
        shown, line = message.get("traceback"), message.get("line")
        return GuestError(
            reason,
            out_of_memory(self._limits) if reason == "out_of_memory" else text,
            traceback=shown if isinstance(shown, str) else None,
            line=line if isinstance(line, int) else None,
            output=self.output(),
        )

    def _broken(self, detail: str) -> GuestError:
        return self._stopped("protocol", None, detail)

    def _stopped(self, cause: str, timeout: float | None, detail: str = "") -> GuestError:
        """Kill the guest because of `cause`, and say so."""
        if self._process:
            self._process.stop(cause)
            self._process.wait()
            cause = self._process.cause or cause
        elif self._connection:
            self._connection.hang_up()
        if cause == "timeout" and not self._ready:
            message = f"The model's process was not ready within {timeout:g} seconds: the machine is too busy, or the time too short."
            return GuestError("timeout", message, output=self.output())
        return GuestError(cause, why_stopped(cause, self._limits, timeout, detail), output=self.output())

    def _death(self) -> GuestError:
        """Say how it ended, now that it hung up."""
        if self._process is None:
            return GuestError("exited", "The model's container ended; its state in the pod says why.")
        status = self._process.wait()
        if status is None:
            return self._broken("it closed its connection and went on")
        if self._process.cause is not None:
            return self._stopped(self._process.cause, None)
        output = self.output()
        if not self._ready:
            ending = (output.strip().splitlines() or [f"it ended with {status} and printed nothing"])[-1]
            return GuestError("start", f"The model's process could not start: {ending}", output=output)
        reason, message = why_died(
            status, output, self._limits, kernel_out_of_memory=self._process.kernel_out_of_memory
        )
        return GuestError(reason, message, output=output)

    def _announce(self, connection: Connection, made: SharedArray) -> None:
        try:
            connection.send(
                made.announcement, [] if made.descriptor is None else [made.descriptor], timeout=_SEND_TIMEOUT
            )
        except (ClosedError, TimeoutError):
            pass  # the next request finds out how it ended
        finally:
            if made.descriptor is not None:
                os.close(made.descriptor)


def _spawn_isolated(
    inner: Sequence[str], folder: Path, variables: Mapping[str, str], visible: Sequence[Path], timeout: float
) -> "tuple[subprocess.Popen[bytes], int | None]":
    """Start `inner` under bubblewrap; with the first process of its pid namespace, None when it failed. Raises OSError."""
    told, tell = os.pipe()
    try:
        refused = open_program()
        passed = [tell] if refused is None else [tell, refused]
        try:
            command = bubblewrap.command([*inner, "--own-namespace"], folder, variables, visible, tell, refused)
            spawned = spawn(command, {}, folder, passed)
        finally:
            for descriptor in passed:
                os.close(descriptor)
        return spawned, read_init(told, timeout)
    finally:
        os.close(told)
