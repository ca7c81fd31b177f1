"""Pool: hosts that were started ahead of their work, have imported what takes long, and wait for an assignment on standard input."""

import errno
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog
from prometheus_client import Counter, Gauge

from kafka_ml_scheduler import exits
from kafka_ml_scheduler.runtimes.hosts import Host
from kafka_ml_scheduler.runtimes.runs import MODEL_LOG, RunFolder, remove

log = structlog.get_logger(__name__)

HostKind = Literal["trainer", "inferer"]

COMMANDS: Mapping[HostKind, Sequence[str]] = {
    "trainer": (sys.executable, "-m", "kafka_ml_trainer"),
    "inferer": (sys.executable, "-m", "kafka_ml_inferer"),
}

REFILL_AFTER_SECONDS = 3.0
"""How long the pool leaves the processor to what was just started, and to the last spare, before it starts another."""
_LONGEST_PAUSE_SECONDS = 60.0
_SETTLED_SECONDS = 20.0

STARTED = Counter("kafka_ml_hosts_started", "Hosts given to a workload", ["host", "warm"])
WAITING = Gauge("kafka_ml_hosts_waiting", "Hosts that wait for work", ["host"])

_PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE"),
    *("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
)
_OURS = tuple(f"KAFKA_ML_{part}_" for part in ("KAFKA", "S3", "TRAINER", "INFERER", "LOG"))
"""Settings that hosts read themselves (settings.py of each). Others may hold what is none of theirs, as the database's address."""


def environment_for_hosts(own: Mapping[str, str]) -> dict[str, str]:
    """What of the scheduler's environment its hosts get: how to reach Kafka and the object store, and what any process needs."""
    ours = {name: text for name, text in own.items() if name.startswith(_OURS)}
    return {name: own[name] for name in _PASSED_ON if name in own} | ours | {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class Spare:
    """A host that waits, its folder, its folder for large files, and when it was started (monotonic seconds)."""

    host: Host
    folder: RunFolder
    work_folder: Path
    started_at: float


@dataclass(slots=True)
class _Shelf:
    size: int
    spares: list[Spare] = field(default_factory=list)
    crashes: int = 0
    not_before: float = 0.0
    closed_until: float = 0.0


class Pool:
    """The spares.

    Args:
        folder: for the spares' folders; on one file system with the run folders that they become.
        work_folders: where each kind of host gets a folder of its own for large files.
        sizes: how many of each kind wait.
    """

    def __init__(
        self,
        folder: Path,
        work_folders: Mapping[HostKind, Path],
        *,
        commands: Mapping[HostKind, Sequence[str]],
        sizes: Mapping[HostKind, int],
        refill_after: float = REFILL_AFTER_SECONDS,
    ) -> None:
        self._folder = folder
        self._work_folders = work_folders
        self._commands = commands
        self._environment = environment_for_hosts(os.environ)
        self._refill_after = refill_after
        self._shelves: dict[HostKind, _Shelf] = {kind: _Shelf(size) for kind, size in sizes.items()}

    def open(self) -> None:
        """Clear away what an earlier scheduler left. Its spares end by themselves, as their standard input did."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for work_folder in self._work_folders.values():
            work_folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            for work_folder in self._work_folders.values():
                remove(work_folder / path.name)
            remove(path)

    def take(self, kind: HostKind) -> Spare:
        """The spare that has waited longest, or a new one.

        Raises:
            OSError: none can be started, or the last one could not be used and it is too early for another.
        """
        shelf = self._shelves[kind]
        if time.monotonic() < shelf.closed_until:
            raise OSError(errno.EAGAIN, "the last host could not be used, another is started later")
        self._check(kind, shelf, time.monotonic())
        spare, warm = (shelf.spares.pop(0), True) if shelf.spares else (self._spawn(kind), False)
        shelf.not_before = max(shelf.not_before, time.monotonic() + self._refill_after)
        STARTED.labels(kind, str(warm).lower()).inc()
        return spare

    def reject(self, kind: HostKind, spare: Spare, reason: str) -> None:
        """Take back a spare that could not be given its work, and start none for a while: the next would fare no better."""
        shelf = self._shelves[kind]
        spare.host.hang_up()
        spare.host.kill()
        self._discard(spare)
        self._back_off(kind, shelf, time.monotonic(), reason)
        shelf.closed_until = shelf.not_before

    def refill(self) -> None:
        """Start a spare where one is missing and it is time for it, one at a time."""
        now = time.monotonic()
        for kind, shelf in self._shelves.items():
            self._check(kind, shelf, now)
            if len(shelf.spares) < shelf.size and now >= shelf.not_before:
                try:
                    shelf.spares.append(self._spawn(kind))
                except OSError as error:
                    self._back_off(kind, shelf, now, f"it can't be started: {error}")
                else:
                    shelf.not_before = now + self._refill_after
            WAITING.labels(kind).set(len(shelf.spares))

    def close(self) -> None:
        """End all spares."""
        for shelf in self._shelves.values():
            for spare in shelf.spares:
                spare.host.hang_up()
                spare.host.kill()
                self._discard(spare)
            shelf.spares.clear()

    def _spawn(self, kind: HostKind) -> Spare:
        name = f"kafka-ml-{secrets.token_hex(6)}"
        folder, work_folder = self._folder / name, self._work_folders[kind] / name
        folder.mkdir()
        work_folder.mkdir(mode=0o700)
        environment = self._environment | {"KAFKA_ML_WORK_FOLDER": str(work_folder), "KAFKA_ML_MODEL_LOG": MODEL_LOG}
        try:
            host = Host.spawn(self._commands[kind], folder, environment)
        except OSError:
            remove(work_folder)
            remove(folder)
            raise
        return Spare(host, RunFolder(folder), work_folder, time.monotonic())

    def _check(self, kind: HostKind, shelf: _Shelf, now: float) -> None:
        for spare in list(shelf.spares):
            if spare.host.is_alive:
                if now - spare.started_at > _SETTLED_SECONDS:
                    shelf.crashes = 0
                continue
            shelf.spares.remove(spare)
            end = spare.folder.exit()
            reason = exits.explain(end[0] if end else spare.host.code, spare.folder.log_tail())
            self._discard(spare)
            self._back_off(kind, shelf, now, reason.message, reason.log)

    def _back_off(self, kind: HostKind, shelf: _Shelf, now: float, reason: str, printed: str | None = None) -> None:
        shelf.crashes += 1
        pause = min(_LONGEST_PAUSE_SECONDS, 2.0 ** min(shelf.crashes, 10))
        shelf.not_before = now + pause
        log.error("a waiting host ended", host=kind, reason=reason, printed=printed, next_in_seconds=pause)

    def _discard(self, spare: Spare) -> None:
        spare.host.sweep()
        remove(spare.work_folder)
        remove(spare.folder.path)
