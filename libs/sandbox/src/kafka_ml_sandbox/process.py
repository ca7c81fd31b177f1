"""Process: the guest's process as its host holds it: watched, its output kept, and killed with all that it has started."""

import logging
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kafka_ml_sandbox.family import Family
from kafka_ml_sandbox.limits import Limits, thread_allowance
from kafka_ml_sandbox.usage import folder_bytes, hidden_bytes, kernel_kills

logger = logging.getLogger(__name__)

_TICK = 0.1


class Process(Protocol):
    """A guest's process, wherever it runs: started here (GuestProcess), or kept in a container (KeptProcess)."""

    @property
    def pid(self) -> int | None:
        """Of the process that this one started; None in another container."""

    @property
    def status(self) -> int | None:
        """As Popen.returncode; None while it lives."""

    @property
    def cause(self) -> str | None:
        """Why the host stopped it, if it did: set once, before the kill."""

    @property
    def lost(self) -> bool:
        """Whether the container that it ran in ended."""

    @property
    def kernel_out_of_memory(self) -> bool:
        """Whether the kernel killed processes for memory meanwhile."""

    def printed(self) -> str:
        """The beginning and the end of what it printed so far."""

    def launched(self) -> bool:
        """Wait until it runs, or has ended; False when there was nothing to run it in time."""

    def limit(self, limits: Limits) -> None:
        """Watch it from now on, and kill it at the first limit that it passes."""

    def share(self, memory_bytes: int) -> None:
        """So much of its memory is its host's arrays, and counts for no limit."""

    def stop(self, cause: str) -> None:
        """Kill it and all that it started because of `cause`, unless it is stopped or dead already."""

    def wait(self, timeout: float = 5) -> int | None:
        """Wait until it and what it printed have ended; its status."""

    def bury(self) -> None:
        """Kill what is left and release everything. Raises RuntimeError when something survives."""


class Output:
    """What a process printed: the first and the last bytes of it, whatever it prints in between. Safe between threads."""

    def __init__(self, limit: int = 256 << 10) -> None:
        self._lock = threading.Lock()
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def limit(self, limit: int) -> None:
        with self._lock:
            self._half = limit // 2

    def add(self, data: bytes) -> None:
        with self._lock:
            room = max(0, self._half - len(self._head))
            self._head += data[:room]
            self._tail += data[room:]
            if (excess := len(self._tail) - self._half) > 0:
                del self._tail[:excess]
                self._dropped += excess

    def text(self) -> str:
        with self._lock:
            head, tail = self._head.decode(errors="replace"), self._tail.decode(errors="replace")
            return f"{head}\n[... {self._dropped:,} bytes left out ...]\n{tail}" if self._dropped else head + tail


class GuestProcess:
    """One guest that was spawned here, and all its descendants. A Process."""

    lost = False

    def __init__(
        self,
        spawned: "subprocess.Popen[bytes]",
        family: Family,
        scratch: Path,
        on_output: Callable[[bytes], None] | None = None,
    ) -> None:
        """Hold `spawned`. `on_output` is called with each piece of what it prints, from the thread that watches it."""
        self.pid: int = spawned.pid
        self.cause: str | None = None
        self._output = Output()
        self._on_output = on_output
        self._spawned = spawned
        self._family = family
        self._scratch = scratch
        self._kills_before = kernel_kills()
        self._watched: tuple[Limits, int, float, int] | None = None
        self._shared_bytes = 0
        self._deciding = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name=f"guest-{self.pid}", daemon=True)
        self._thread.start()

    @property
    def status(self) -> int | None:
        return self._spawned.poll()

    @property
    def kernel_out_of_memory(self) -> bool:
        return kernel_kills() > self._kills_before

    def printed(self) -> str:
        return self._output.text()

    def launched(self) -> bool:
        return True

    def limit(self, limits: Limits) -> None:
        self._output.limit(limits.output_bytes)
        now = self._family.measure()
        self._watched = (limits, now.threads + limits.processes + thread_allowance(), now.cpu_seconds, 0)

    def share(self, memory_bytes: int) -> None:
        self._shared_bytes = memory_bytes

    def stop(self, cause: str) -> None:
        with self._deciding:
            if self.cause is None and self.status is None:
                self.cause = cause
        self._family.kill()

    def wait(self, timeout: float | None = 5) -> int | None:
        try:
            status: int | None = self._spawned.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return status

    def bury(self) -> None:
        self.stop("closed")
        if self.wait() is None:
            raise RuntimeError(f"the guest process {self.pid} cannot be killed")
        self._family.kill()
        self._family.bury()

    def _watch(self) -> None:
        stream = self._spawned.stdout
        assert stream is not None  # noqa: S101 - spawned with a pipe
        descriptor = stream.fileno()
        readable = select.poll()
        readable.register(descriptor, select.POLLIN)
        next_tick = time.monotonic() + _TICK
        open_ = True
        while self._spawned.poll() is None:
            if open_:
                open_ = self._read(readable, descriptor, max(0.0, next_tick - time.monotonic()))
            else:
                time.sleep(_TICK)
            if time.monotonic() >= next_tick:
                self._check_or_stop()
                next_tick = time.monotonic() + _TICK
        self._family.kill()  # what outlived its parent
        while open_:
            open_ = self._read(readable, descriptor, 0.0)
        stream.close()

    def _read(self, readable: select.poll, descriptor: int, timeout: float) -> bool:
        """Read what was printed; False at the end, or once the process is dead and nothing more is there."""
        if not readable.poll(int(timeout * 1000)):
            return self._spawned.returncode is None
        data = os.read(descriptor, 1 << 18)
        self._output.add(data)
        if data and self._on_output is not None:
            self._on_output(data)
        return bool(data)

    def _check_or_stop(self) -> None:
        """Check the limits; a guest that can't be watched has none, so it is stopped."""
        try:
            self._check()
        except Exception:  # the watch's outermost frame: a guest may do what nobody thought of
            logger.exception("the guest %s can't be watched and is stopped", self.pid)
            self.stop("unwatched")

    def _check(self) -> None:
        self._family.look()
        if self._watched is None:
            return
        limits, threads, cpu_before, ticks = self._watched
        self._watched = (limits, threads, cpu_before, ticks + 1)
        used = self._family.measure()
        if used.threads > threads:
            self.stop("too_many_processes")
        elif limits.cpu_seconds is not None and used.cpu_seconds - cpu_before > limits.cpu_seconds:
            self.stop("cpu_limit")
        elif used.memory_bytes - self._shared_bytes > limits.memory_bytes:
            precise = self._family.measure(precise=True).memory_bytes
            if precise - self._shared_bytes > limits.memory_bytes:
                self.stop("out_of_memory")
        elif ticks % 5 == 0:
            memory, files = hidden_bytes(used.pids)
            if memory > limits.memory_bytes:
                self.stop("out_of_memory")
            elif files + folder_bytes(self._scratch) > limits.file_bytes:
                self.stop("disk_full")
