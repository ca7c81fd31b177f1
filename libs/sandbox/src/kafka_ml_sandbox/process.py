"""Process: the guest's process tree as the host holds it: spawned, watched, its output kept, and killed as a whole."""

import json
import logging
import os
import queue
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import psutil

from kafka_ml_sandbox.limits import Limits, thread_allowance
from kafka_ml_sandbox.usage import folder_bytes, hidden_bytes, kernel_kills, measure, tree

logger = logging.getLogger(__name__)

_TICK = 0.1


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
    """One spawned guest and all its descendants."""

    def __init__(
        self,
        spawned: "subprocess.Popen[bytes]",
        init: int | None,
        scratch: Path,
        on_output: Callable[[bytes], None] | None = None,
    ) -> None:
        """Hold `spawned`. `init` is the first process of its pid namespace if it has one: with it, all in it die.

        `on_output` is called with each piece of what it prints, from the thread that watches it.
        """
        self.pid = spawned.pid
        self.output = Output()
        self._on_output = on_output
        self.cause: str | None = None
        """Why the host stopped it, if it did: set once, before the kill."""
        self._spawned = spawned
        self._scratch = scratch
        self._init = os.pidfd_open(init) if init is not None else None
        self._kills_before = kernel_kills()
        self._watched: tuple[Limits, int, float, int] | None = None
        self._seen: dict[int, psutil.Process] = {}
        self._shared_bytes: Callable[[], int] = int
        self._deciding = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name=f"guest-{self.pid}", daemon=True)
        self._thread.start()

    @property
    def status(self) -> int | None:
        """As Popen.returncode; None while it lives."""
        return self._spawned.poll()

    @property
    def kernel_out_of_memory(self) -> bool:
        return kernel_kills() > self._kills_before

    def limit(self, limits: Limits, shared_bytes: Callable[[], int]) -> None:
        """Watch the tree from now on, and kill it at the first limit that it passes."""
        self.output.limit(limits.output_bytes)
        now = measure(self.pid)
        self._shared_bytes = shared_bytes
        self._watched = (limits, now.threads + limits.processes + thread_allowance(), now.cpu_seconds, 0)

    def stop(self, cause: str) -> None:
        """Kill the whole tree because of `cause`, unless it is stopped or dead already."""
        with self._deciding:
            if self.cause is None and self.status is None:
                self.cause = cause
        self._kill()

    def wait(self, timeout: float = 5) -> int | None:
        """Wait until it and what it printed have ended; its status."""
        try:
            status: int | None = self._spawned.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return status

    def bury(self) -> None:
        """Kill what is left and release everything. Raises RuntimeError when something survives."""
        self.stop("closed")
        if self.wait() is None:
            raise RuntimeError(f"the guest process {self.pid} cannot be killed")
        self._kill()
        if self._init is not None:
            # The init of a pid namespace ends only after every process in it has.
            if not select.select([self._init], [], [], 10)[0]:
                raise RuntimeError(f"processes of guest {self.pid} cannot be killed")
            os.close(self._init)
            self._init = None
        else:
            _, alive = psutil.wait_procs(list(self._seen.values()), timeout=10)
            if alive:
                raise RuntimeError(
                    f"processes of guest {self.pid} cannot be killed: {[process.pid for process in alive]}"
                )

    def _kill(self) -> None:
        if self._init is not None:
            try:
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
            except ProcessLookupError:
                return
            return
        self._remember()
        for process in self._seen.values():
            try:
                process.kill()  # psutil compares start times: a reused pid is left alone
            except psutil.NoSuchProcess:
                continue

    def _remember(self) -> None:
        """Note the tree: without a pid namespace an orphan can't be found again later."""
        for process in tree(self.pid):
            self._seen.setdefault(process.pid, process)

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
        if self._init is None:
            self._kill()  # what outlived its parent
        while open_:
            open_ = self._read(readable, descriptor, 0.0)
        stream.close()

    def _read(self, readable: select.poll, descriptor: int, timeout: float) -> bool:
        """Read what was printed; False at the end, or once the process is dead and nothing more is there."""
        if not readable.poll(int(timeout * 1000)):
            return self._spawned.returncode is None
        data = os.read(descriptor, 1 << 18)
        self.output.add(data)
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
        if self._init is None:
            self._remember()
        if self._watched is None:
            return
        limits, threads, cpu_before, ticks = self._watched
        self._watched = (limits, threads, cpu_before, ticks + 1)
        used = measure(self.pid)
        if used.threads > threads:
            self.stop("too_many_processes")
        elif limits.cpu_seconds is not None and used.cpu_seconds - cpu_before > limits.cpu_seconds:
            self.stop("cpu_limit")
        elif used.memory_bytes - self._shared_bytes() > limits.memory_bytes:
            precise = measure(self.pid, precise=True).memory_bytes
            if precise - self._shared_bytes() > limits.memory_bytes:
                self.stop("out_of_memory")
        elif ticks % 5 == 0:
            memory, files = hidden_bytes(used.pids)
            if memory > limits.memory_bytes:
                self.stop("out_of_memory")
            elif files + folder_bytes(self._scratch) > limits.file_bytes:
                self.stop("disk_full")


_orders: "queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]" = (
    queue.SimpleQueue()
)
_spawner_lock = threading.Lock()
_spawner: threading.Thread | None = None


def spawn(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path, pass_fds: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    """Start a child from the one thread that lives as long as this process.

    "Die with the parent" (PR_SET_PDEATHSIG) means the parent *thread* on Linux: started from a worker thread, a guest would be
    killed when that worker ends.
    """
    global _spawner
    with _spawner_lock:
        if _spawner is None or not _spawner.is_alive():
            _spawner = threading.Thread(target=_spawn_forever, name="guest-spawner", daemon=True)
            _spawner.start()
    future: Future[subprocess.Popen[bytes]] = Future()

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            bufsize=0,
        )

    _orders.put((start, future))
    return future.result()


def read_init(descriptor: int, timeout: float) -> int | None:
    """The pid of a namespace's first process, as bubblewrap tells it on `descriptor`; None when it failed."""
    deadline = time.monotonic() + timeout
    told = b""
    while (remaining := deadline - time.monotonic()) > 0 and select.select([descriptor], [], [], remaining)[0]:
        data = os.read(descriptor, 4096)
        told += data
        if not data or b"}" in data:
            break
    try:
        return int(json.loads(told)["child-pid"])
    except (ValueError, KeyError):
        return None


def _spawn_forever() -> None:
    while True:
        start, future = _orders.get()
        try:
            future.set_result(start())
        except BaseException as error:  # the task's outermost frame: the caller gets it
            future.set_exception(error)
