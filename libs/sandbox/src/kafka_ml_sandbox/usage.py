"""Usage: what a guest and all of its descendants use, as the host sees it."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_PAGE_KIB = 1024
_UNMEASURABLE = 1 << 62
_OUR_ARRAY = b"/memfd:array (deleted)"
"""How the kernel shows an array that memory.py made. Nothing else has this path: a guest's files lie in folders."""


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


def measure(root: int, *, precise: bool = False, without_root: bool = False) -> Usage:
    """What the tree under `root` uses, `root` itself included unless `without_root`.

    Memory is anonymous and shared memory, not file pages. Unless `precise`, pages that forked processes share count once for
    each: cheap, and never too low. Precise is the proportional set size, which takes the kernel milliseconds a gigabyte.

    Raises:
        PermissionError: a process that lives hides what it uses.
    """
    memory, cpu, threads, pids = 0, 0.0, 0, []
    for process in tree(root):
        if without_root and process.pid == root:
            continue
        try:
            with process.oneshot():
                times = process.cpu_times()
                count = process.num_threads()
            memory += _memory(process, precise=precise)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            _see_that_it_ended(process.pid)
            continue
        cpu += times.user + times.system
        threads += count
        pids.append(process.pid)
    return Usage(memory, cpu, threads, tuple(pids))


def hidden_bytes(pids: Iterable[int]) -> tuple[int, int]:
    """Bytes of memory and of files that neither resident sizes nor the scratch folder show.

    A shared anonymous page can be given back (MADV_DONTNEED) and yet be kept; a removed file lives as long as it is open or mapped.
    Mappings count in full, each once however many processes have it. The host's own arrays don't count.

    Raises:
        PermissionError: a process that lives hides what it has mapped or opened.
    """
    memory: dict[tuple[bytes, ...], int] = {}
    mapped: dict[tuple[bytes, ...], int] = {}
    opened: dict[tuple[int, int], int] = {}
    for pid in pids:
        try:
            lines = _lines(Path(f"/proc/{pid}/maps"))
            descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            _see_that_it_ended(pid)
            continue
        for line in lines:
            if line.endswith(b" (deleted)"):
                span, _, offset, device, inode, path = line.split(None, 5)
                if path == _OUR_ARRAY:
                    continue
                start, end = (int(address, 16) for address in span.split(b"-"))
                kind = memory if path == b"/dev/zero (deleted)" else mapped
                kind[device, inode, offset, span] = end - start
        for descriptor in descriptors:
            try:
                found = descriptor.stat()
                ours = found.st_nlink == 0 and os.readlink(bytes(descriptor)) == _OUR_ARRAY  # noqa: PTH115 - bytes, of any kind
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 0 and not ours:
                opened[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(memory.values()), sum(mapped.values()) + sum(opened.values())


def folder_bytes(folder: Path, entries: int = 20_000) -> int:
    """The space that the files under `folder` take, without following links; at least one page each, so many files count too.

    A folder with more than `entries` counts as too large to measure, 2**62, and so does one that hides what is in it: by its
    permissions, or by paths that are too long for the kernel.
    """
    total = 0
    try:
        for index, blocks in enumerate(_blocks_in(folder)):
            if index >= entries:
                return _UNMEASURABLE
            total += 4096 + blocks * 512
    except OSError:
        return _UNMEASURABLE
    return total


def kernel_kills() -> int:
    """How many processes the kernel has killed for memory: in this container, else on this machine; 0 where it doesn't tell."""
    for path in (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat")):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    return 0


def _memory(process: psutil.Process, *, precise: bool) -> int:
    proc = Path(f"/proc/{process.pid}")
    if not proc.exists():
        return int(process.memory_info().rss)
    names = (b"Pss_Anon:", b"Pss_Shmem:") if precise else (b"RssAnon:", b"RssShmem:")
    lines = _lines(proc / ("smaps_rollup" if precise else "status"))
    return sum(int(line.split()[1]) * _PAGE_KIB for line in lines if line.startswith(names))


def _lines(path: Path) -> list[bytes]:
    """The lines of a file of /proc. Names in it are the guest's to choose: any bytes but a line's end, which the kernel escapes."""
    return path.read_bytes().split(b"\n")


def _see_that_it_ended(pid: int) -> None:
    """Raise PermissionError when a process of which something could not be read has memory: it is no zombie, it hides."""
    try:
        lines = _lines(Path(f"/proc/{pid}/status"))
    except OSError:
        return
    if any(line.startswith(b"RssAnon:") for line in lines):
        raise PermissionError(f"process {pid} does not let its use of memory be read")


def _blocks_in(folder: Path) -> Iterator[int]:
    """The blocks of 512 bytes that each entry below `folder` takes. What is removed meanwhile is passed over."""
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    try:
                        yield entry.stat(follow_symlinks=False).st_blocks
                    except FileNotFoundError:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except FileNotFoundError:
            continue
