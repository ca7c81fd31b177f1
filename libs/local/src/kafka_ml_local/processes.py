"""Child processes that outlive who started them, and can be found, judged and stopped by anybody who knows their folder.

A service writes `<folder>/run/<name>.json` (pid and creation time, so that a pid used again by another program is never mistaken for
it) and appends to `<folder>/logs/<name>.log`. It runs in a session of its own: a terminal's Ctrl-C doesn't reach it, and it doesn't
end with the thread or the process that started it.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from filelock import FileLock

from kafka_ml_common.errors import UnavailableError

LOG_LIMIT = 16 * 1024 * 1024
"""A log that is longer than this many bytes is put aside (one older log is kept)."""
TAIL_BYTES = 8192
POLL_SECONDS = 0.05
CREATION_TOLERANCE = 1.5
"""Seconds; creation times are computed from the clock's boot time, which moves when the clock is set."""


@dataclass
class Service:
    """One long-running program.

    Attributes:
        name: names its log and its record.
        command: program and arguments, the first a path; or what prepares a start and returns them.
        folder: where its `run/` and `logs/` are.
        environment: the whole environment; None: the one of this process.
        ready: says whether it serves; a callable, or an HTTP URL that must answer below 400. None: ready once started.
        start_within: seconds until it must be ready.
        stop_within: seconds from `stop_signal` until it is killed.
    """

    name: str
    command: Sequence[str] | Callable[[], Sequence[str]]
    folder: Path
    environment: Mapping[str, str] | None = None
    ready: Callable[[], bool] | str | None = None
    start_within: float = 60
    stop_within: float = 15
    stop_signal: signal.Signals = signal.SIGTERM
    working_folder: Path | None = None
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def log(self) -> Path:
        """Standard output and error of the program, appended over restarts."""
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """The file that says which process it is."""
        return self.folder / "run" / f"{self.name}.json"

    @property
    def process(self) -> psutil.Process | None:
        """The running process, whoever started it; None if there is none."""
        if self._child is not None:
            self._child.poll()  # reaps it, so that an ended child isn't taken for a running one
        try:
            record = json.loads(self.record.read_text())
            process = psutil.Process(record["pid"])
            same = abs(process.create_time() - record["created"]) < CREATION_TOLERANCE
            return process if same and _lives(process) else None
        except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
            return None

    @property
    def running(self) -> bool:
        """Whether the process is there; it may not be ready yet."""
        return self.process is not None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the process that this object started (negative: a signal); None while it runs or if unknown."""
        return self._child.poll() if self._child is not None else None

    def start(self) -> None:
        """Start the program and wait until it is ready. One that runs and is ready already is left as it is.

        Raises:
            UnavailableError: it ended or wasn't ready in time (it is stopped then); names the log and its last lines.
        """
        with self.locked():
            if self.running:
                with contextlib.suppress(UnavailableError):
                    self._wait_until_ready()
                    return
                self._stop()
            self._launch()
            try:
                self._wait_until_ready()
            except BaseException:  # KeyboardInterrupt too: what isn't ready is not left running
                self._stop()
                raise

    def stop(self) -> None:
        """Stop the program and what it started, gracefully, then by force. Does nothing if it doesn't run."""
        with self.locked():
            self._stop()

    def is_ready(self) -> bool:
        """Ask the program once whether it serves."""
        if self.ready is None:
            return self.running
        if callable(self.ready):
            return self.ready()
        return _answers(self.ready)

    def last_lines(self, count: int = 15) -> str:
        """The last lines of the log."""
        return last_lines(self.log, count)

    def rotate_log(self) -> None:
        """Put a log that grew long aside as `<name>.log.1`. The program appends, so it may go on writing meanwhile."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Start and stop exclude each other over threads and processes."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.record.with_suffix(".lock")):
            yield

    def _launch(self) -> None:
        command = self.command() if callable(self.command) else self.command
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.rotate_log()
        with self.log.open("ab") as log:
            try:
                child = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=None if self.environment is None else dict(self.environment),
                    cwd=self.working_folder,
                    start_new_session=True,
                )
            except OSError as error:
                raise UnavailableError(f"{self.name} could not be started: {error}.") from error
        self._child = child
        write_atomically(
            self.record, json.dumps({"pid": child.pid, "created": psutil.Process(child.pid).create_time()})
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_within
        while time.monotonic() < deadline:
            if not self.running:
                raise self._failure(f"{self.name} ended before it was ready: {explain_exit(self.exit_code)}")
            if self.is_ready():
                return
            threading.Event().wait(POLL_SECONDS)
        raise self._failure(f"{self.name} was not ready within {self.start_within:g} seconds.")

    def _failure(self, sentence: str) -> UnavailableError:
        return UnavailableError(f"{sentence} Its log is {self.log}; it ends with:\n{self.last_lines()}")

    def _stop(self) -> None:
        if process := self.process:
            terminate(process, self.stop_signal, self.stop_within)
        if self._child is not None:
            self._child.wait()
        self.record.unlink(missing_ok=True)


def terminate(process: psutil.Process, stop_signal: signal.Signals, within: float) -> None:
    """End a process and its descendants: the signal first, and after `within` seconds SIGKILL."""
    try:
        descendants = process.children(recursive=True)
        process.send_signal(stop_signal)
    except psutil.NoSuchProcess:
        return
    if not _over([process], within):
        with contextlib.suppress(psutil.NoSuchProcess):
            descendants += process.children(recursive=True)
    for straggler in [process, *descendants]:
        with contextlib.suppress(psutil.NoSuchProcess):
            straggler.kill()
    _over([process, *descendants], 5)


def _over(processes: Sequence[psutil.Process], within: float) -> bool:
    """Wait until all have ended. Not psutil's own wait: that reaps a child, whose exit code is lost to who started it then."""
    deadline = time.monotonic() + within
    while any(_lives(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(POLL_SECONDS)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def explain_exit(code: int | None) -> str:
    """What an exit code tells, in a sentence."""
    if code is None:
        return "its exit code isn't known, as another process had started it."
    if code >= 0:
        return f"it exited with code {code}."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint: dict[int, str] = {
        signal.SIGKILL: ": somebody killed it, or the system did for want of memory.",
        signal.SIGSEGV: ": it crashed in native code.",
        signal.SIGABRT: ": it gave up on an error of its own.",
    }
    return f"it was ended by {name}{hint.get(-code, '.')}"


def last_lines(log: Path, count: int = 15) -> str:
    """The last `count` lines of a text file, reading no more than its last few kilobytes; "" if it doesn't exist."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a reader, or a start after a crash, finds all of it or the one before."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    new.replace(path)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - the address of a service of ours
            return bool(response.status < 400)
    except (urllib.error.URLError, OSError):
        return False
