"""Keeper: the first process of a guest's container. `python -m kafka_ml_sandbox.keeper --folder /guest`.

It waits for the host in the pod's other container, starts guests for it, one after another, watches their limits, tells how they
ended, and ends with its host. What guests print it passes on to its own output.

Guests run as its user and may be hostile. As the first process (pid 1) of its pid namespace it can't be killed from within; the
kernel drops every signal that it has no handler for. It can't be looked into (PR_SET_DUMPABLE), and the filter of system calls
that it puts itself under before anything else holds for all that it starts.
"""

import argparse
import contextlib
import ctypes
import logging
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from kafka_ml_sandbox.connection import ClosedError, Connection, connect
from kafka_ml_sandbox.container import CONTROL
from kafka_ml_sandbox.family import Container
from kafka_ml_sandbox.folder import empty, environment
from kafka_ml_sandbox.launch import guest_command, spawn
from kafka_ml_sandbox.limits import Limits
from kafka_ml_sandbox.process import GuestProcess
from kafka_ml_sandbox.seccomp import confine

logger = logging.getLogger(__name__)

_HOST_SECONDS = 600.0
"""The host's image may have to be fetched first."""

_LAST_WORDS_SECONDS = 2.0
_PR_SET_DUMPABLE = 4
_MOST_PRINTED = 1 << 20
_PASSED_ON = ("PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "XLA_FLAGS")
"""Variables of this container that guests see as well. It is given no secret; all the same, no more than what is of use."""

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def main() -> int:
    """Keep guests until the host goes; the exit status."""
    arguments = argparse.ArgumentParser(prog="kafka_ml_sandbox.keeper", description="Keep guests for the pod's host.")
    arguments.add_argument("--folder", type=Path, required=True, help="with the volumes run, shared and scratch")
    arguments.add_argument("--wait", type=float, default=_HOST_SECONDS, help="seconds to wait for the host")
    options = arguments.parse_args()
    logging.basicConfig(format="keeper: %(message)s", level=logging.INFO)
    if os.getpid() != 1:
        logger.error("this must be the first process of its container (pid 1): only there can no guest kill it")
        return os.EX_USAGE
    obstacle = shut()
    if obstacle:
        logger.error("no guest will be started: %s", obstacle)
    signal.signal(signal.SIGTERM, _leave)
    try:
        connection = Connection(connect(options.folder / "run" / CONTROL, options.wait))
    except OSError as error:
        logger.error("no host came within %g seconds: %s", options.wait, error)
        return 1
    # From now on guests may send signals too. Kubernetes tells both containers to end: this one does when its host has.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    Keeping(options.folder, connection, obstacle).run()
    return 0


def shut() -> str | None:
    """Shut this process to what it will start: the reason if that can't be done, in which case nothing may be started."""
    os.umask(0o022)
    try:
        confine()
    except OSError as error:
        return str(error)
    if ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        return "this process can't be made unreadable"
    return None


class Keeping:
    """The conversation with one host, and its guests."""

    def __init__(self, folder: Path, connection: Connection, obstacle: str | None) -> None:
        self._folder = folder
        self._connection = connection
        self._obstacle = obstacle
        self._number = 0
        self._process: GuestProcess | None = None
        self._echo = Echo()

    def run(self) -> None:
        """Do what the host says until it goes."""
        try:
            while True:
                self._hear(self._connection.receive())
        except ClosedError:
            if self._process is not None:
                self._process.stop("closed")
                self._process.wait()
        self._echo.close()

    def _hear(self, message: dict[str, Any]) -> None:
        if message["kind"] == "start":
            self._start(message)
            return
        process = self._process
        if process is None or message["number"] != self._number:
            return
        match message["kind"]:
            case "limit":
                self._limit(process, Limits.from_message(message["limits"]))
                self._tell("limited")
            case "share":
                process.share(message["bytes"])
            case "output":
                self._tell("output", text=process.printed()[-_MOST_PRINTED:])
            case "stop":
                process.stop(message["cause"])

    def _start(self, order: dict[str, Any]) -> None:
        self._number = order["number"]
        try:
            if self._process is not None:
                self._process.bury()
                self._process = None
            self._process = self._launch(order)
        except (OSError, RuntimeError) as error:
            logger.error("the guest can't be started: %s", error)
            self._tell("ended", status=1, cause=None, output=str(error), out_of_memory=False)
            return
        self._tell("started")
        threading.Thread(target=self._tell_the_end, args=(self._number, self._process), daemon=True).start()

    def _launch(self, order: dict[str, Any]) -> GuestProcess:
        """Raises OSError, RuntimeError."""
        if self._obstacle:
            raise RuntimeError(f"The model's process is not started without its protection: {self._obstacle}")
        scratch = self._folder / "scratch"
        empty(scratch)
        command = guest_command(order["module"], self._folder, order["preload"], order["socket"])
        threads = _processors() if order["threads"] is None else order["threads"]
        spawned = spawn([*command, "--child"], self._environment(threads), scratch)
        return GuestProcess(spawned, Container(spawned.pid), scratch, self._echo.add)

    def _environment(self, threads: int | None) -> dict[str, str]:
        variables = environment(self._folder, [], threads)
        if any(Path(device).exists() for device in _GPU_DEVICES):
            del variables["CUDA_VISIBLE_DEVICES"]  # it hides them, where they are not this guest's
        return variables | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}

    @staticmethod
    def _limit(process: GuestProcess, limits: Limits) -> None:
        try:
            process.limit(limits)
        except OSError:
            logger.exception("the guest can't be watched and is stopped")
            process.stop("unwatched")

    def _tell_the_end(self, number: int, process: GuestProcess) -> None:
        status = process.wait(None)
        self._tell(
            "ended",
            number=number,
            status=status,
            cause=process.cause,
            output=process.printed()[-_MOST_PRINTED:],
            out_of_memory=process.kernel_out_of_memory,
        )

    def _tell(self, kind: str, **values: object) -> None:
        with contextlib.suppress(ClosedError):  # `run` notices too
            self._connection.send({"kind": kind, "number": self._number, **values})


class Echo:
    """Passes on what guests print, from a thread of its own: a reader that is slow loses some of it, and holds up nothing."""

    def __init__(self, descriptor: int = 1, pieces: int = 64) -> None:
        self._descriptor = descriptor
        self._pieces: queue.Queue[bytes] = queue.Queue(pieces)
        self._thread = threading.Thread(target=self._write, name="echo", daemon=True)
        self._thread.start()

    def add(self, data: bytes) -> None:
        """Pass on `data` if there is room."""
        with contextlib.suppress(queue.Full):
            self._pieces.put_nowait(data)

    def close(self) -> None:
        """Pass on what is left, if somebody reads it."""
        with contextlib.suppress(queue.Full):
            self._pieces.put(b"", timeout=_LAST_WORDS_SECONDS)
            self._thread.join(_LAST_WORDS_SECONDS)

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more
            while data := self._pieces.get():
                while data:
                    data = data[os.write(self._descriptor, data) :]


def _processors() -> int | None:
    """How many processors this container may use; None where nothing limits it."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        return None


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
