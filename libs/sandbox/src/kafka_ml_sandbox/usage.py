"""Usage: what a guest and all of its descendants use, as the host sees it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_PAGE_KIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a whole tree of processes, at one moment."""

    memory_bytes: int
    cpu_seconds: float
    threads: int
    pids: tuple[int, ...]


def tree(root: int) -> list[psutil.Process]:
    """The process `root` and its descendants that still live."""
    if not Path("/proc/thread-self/children").exists():
        try:
            process = psutil.Process(root)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
    # Asks only the tree, where psutil would read the status of every process of the machine, ten times a second.
    found, pending = [], [root]
    while pending:
        pid = pending.pop()
        try:
            found.append(psutil.Process(pid))
            for task in Path(f"/proc/{pid}/task").iterdir():
                pending += map(int, (task / "children").read_text().split())
        except (psutil.NoSuchProcess, OSError):
            continue
    return found


def measure(root: int, *, precise: bool = False) -> Usage:
    """What the tree under `root` uses.

    Memory is anonymous and shared memory, not file pages. Unless `precise`, pages that forked processes share count once for
    each: cheap, and never too low. Precise is the proportional set size, which takes the kernel milliseconds a gigabyte.
    """
    memory, cpu, threads, pids = 0, 0.0, 0, []
    for process in tree(root):
        try:
            with process.oneshot():
                times = process.cpu_times()
                count = process.num_threads()
            memory += _memory(process, precise=precise)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
        cpu += times.user + times.system
        threads += count
        pids.append(process.pid)
    return Usage(memory, cpu, threads, tuple(pids))


def shared_anonymous(pids: Iterable[int]) -> int:
    """Bytes of shared anonymous mappings: pages that a process can give back (MADV_DONTNEED) and yet keep, so that its resident
    size doesn't show them. Each mapping counts once, in full."""
    sizes: dict[str, int] = {}
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.endswith("/dev/zero (deleted)"):
                span, _, _, _, inode, *_ = line.split()
                start, end = (int(address, 16) for address in span.split("-"))
                sizes[inode] = max(sizes.get(inode, 0), end - start)
    return sum(sizes.values())


def folder_bytes(folder: Path, entries: int = 20_000) -> int:
    """The space that the files under `folder` take, without following links; at least one page each, so many files count too.

    Looks at `entries` at most, and counts a folder with more as too large to measure: 2**62.
    """
    total = 0
    for index, path in enumerate(_walk(folder)):
        if index >= entries:
            return 1 << 62
        try:
            total += 4096 + path.lstat().st_blocks * 512
        except OSError:
            continue
    return total


def kernel_kills() -> int:
    """How many processes the kernel has killed for memory since it started; 0 where it doesn't tell."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _memory(process: psutil.Process, *, precise: bool) -> int:
    proc = Path(f"/proc/{process.pid}")
    if not proc.exists():
        return int(process.memory_info().rss)
    if precise:
        names = ("Pss_Anon:", "Pss_Shmem:")
        text = (proc / "smaps_rollup").read_text()
    else:
        names = ("RssAnon:", "RssShmem:")
        text = (proc / "status").read_text()
    return sum(int(line.split()[1]) * _PAGE_KIB for line in text.splitlines() if line.startswith(names))


def _walk(folder: Path) -> Iterator[Path]:
    pending = [folder]
    while pending:
        try:
            entries = list(pending.pop().iterdir())
        except OSError:
            continue
        for entry in entries:
            yield entry
            if entry.is_dir() and not entry.is_symlink():
                pending.append(entry)
