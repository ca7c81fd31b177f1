"""Limits: what a guest may use, and how the guest's runner binds itself to them before it loads anybody's code."""

import os
import resource
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one guest may use, over all of its processes. Bytes and seconds."""

    memory_bytes: int = 2 << 30
    """Resident memory, without the arrays that the host shares."""
    cpu_seconds: int | None = None
    """Processor time from the moment the limits apply."""
    processes: int = 256
    """Processes and threads beyond those of the waiting guest and of TensorFlow's own pools."""
    open_files: int = 512
    file_bytes: int = 2 << 30
    """The longest file, and all that the scratch folder may hold."""
    output_bytes: int = 256 << 10
    """What is kept of its output: the first and the last half of this."""

    def to_message(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> "Limits":
        return cls(**message)


def thread_allowance() -> int:
    """Threads that TensorFlow starts by itself at the first graph: several pools of one thread a core."""
    return 6 * (os.cpu_count() or 1) + 16


def memory_slack() -> int:
    """Reserved but never touched memory that a run needs besides: stacks (8 MiB each) and arenas of new threads."""
    return 256 * _MIB + 10 * _MIB * thread_allowance()


def apply(limits: Limits, *, own_namespace: bool) -> None:
    """Bind this process and its future children to `limits`, irrevocably (hard limits).

    The exact memory limit is the host's watch; this one makes a single absurd allocation fail at once, as a MemoryError.
    RLIMIT_DATA and not RLIMIT_AS, because TensorFlow maps much address space that it never uses. RLIMIT_NPROC counts all
    processes of the user, so it is set only where the guest has a user namespace of its own (`own_namespace`).
    """
    status = _own_status()
    if "VmData" in status:
        growth = max(limits.memory_bytes - status.get("RssAnon", 0), 64 * _MIB)
        _bind(resource.RLIMIT_DATA, status["VmData"] + growth + memory_slack())
    if limits.cpu_seconds is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + max(1, limits.cpu_seconds)
        # The soft limit is the signal that says why (SIGXCPU); the hard one, for code that ignores it, a plain kill.
        _bind(resource.RLIMIT_CPU, seconds, margin=2)
    if own_namespace:
        _bind(resource.RLIMIT_NPROC, limits.processes + thread_allowance() + _own_threads())
    _bind(resource.RLIMIT_NOFILE, limits.open_files)
    _bind(resource.RLIMIT_FSIZE, limits.file_bytes)
    _bind(resource.RLIMIT_CORE, 0)


def _bind(kind: int, value: int, margin: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
        margin = min(margin, hard - value)
    resource.setrlimit(kind, (value, value + margin))


def _own_status() -> dict[str, int]:
    """Sizes in bytes from /proc/self/status; empty where there is no /proc."""
    path = Path("/proc/self/status")
    if not path.exists():
        return {}
    fields = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if len(words) == 3 and words[2] == "kB"}


def _own_threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1
