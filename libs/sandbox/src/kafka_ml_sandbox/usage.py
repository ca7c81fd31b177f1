"""Usage: what a guest and all of its descendants use, as the host sees it."""

import stat
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


def hidden_bytes(pids: Iterable[int], arrays: str = "/memfd:array") -> tuple[int, int]:
    """Bytes of memory and of files that neither resident sizes nor the scratch folder show.

    A shared anonymous page can be given back (MADV_DONTNEED) and yet be kept; a removed file lives as long as it is open or mapped.
    Mappings count in full, each once however many processes have it. The host's own `arrays` don't count.
    """
    memory: dict[tuple[str, ...], int] = {}
    mapped: dict[tuple[str, ...], int] = {}
    opened: dict[tuple[int, int], int] = {}
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
            descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            continue
        for line in lines:
            if line.endswith(" (deleted)") and arrays not in line:
                span, _, offset, device, inode, *_ = line.split()
                start, end = (int(address, 16) for address in span.split("-"))
                kind = memory if line.endswith("/dev/zero (deleted)") else mapped
                kind[device, inode, offset, span] = end - start
        for descriptor in descriptors:
            try:
                found = descriptor.stat()
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                opened[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(memory.values()), sum(mapped.values()) + sum(opened.values())


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
