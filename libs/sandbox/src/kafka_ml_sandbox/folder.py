"""Folder: what host and guest have in common on disk, and how the host treats the part that isn't its own.

`run` (sockets, each until its guest has connected), `shared` (the host writes, the guest reads) and `scratch` (the guest writes).
"""

import contextlib
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO


def prepare(folder: Path) -> None:
    """Make the folder with its parts, for a guest that this user starts. Raises FileExistsError: it is in use."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "shared").mkdir(mode=0o755)
    (folder / "run").mkdir(mode=0o755)
    (folder / "scratch").mkdir(mode=0o700)


def prepare_volumes(folder: Path) -> None:
    """Take over a folder whose parts are volumes of a pod: they are there, belong to somebody else, and an earlier host may have used them."""
    for name in ("run", "shared", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("run", "shared"):
        with contextlib.suppress(OSError):
            empty(folder / name)


def listen(path: Path, *, other_user: bool = False) -> socket.socket:
    """Listen at `path` for one connection; for one of `other_user` if the guest is one."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A socket's path has 108 bytes at most; by way of a descriptor its folder's path may be longer.
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        near = Path(f"/proc/self/fd/{handle}")
        listener.bind(str((near if near.exists() else path.parent) / path.name))
    finally:
        os.close(handle)
    if other_user:
        path.chmod(0o666)
    listener.listen(1)
    return listener


def open_result(scratch: Path, name: str) -> BinaryIO:
    """Open a file that the guest wrote, for reading.

    The guest may have planted a link to a file that only the host can read, or a pipe that blocks: neither is followed.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not a regular file, or `name` is a path.
    """
    if not name or "/" in name or name in {".", ".."}:
        raise ValueError(f"{name!r} is not the plain name of a file")
    try:
        descriptor = os.open(scratch / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:  # a link (ELOOP), a socket (ENXIO)
        raise ValueError(f"{name!r} is not a regular file: {error.strerror}") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise ValueError(f"{name!r} is not a regular file with a single name")
    return os.fdopen(descriptor, "rb")


def environment(folder: Path, python_path: Sequence[str], threads: int | None) -> dict[str, str]:
    """All variables of a guest that sees the common folder as `folder`. Nothing comes from the host's own."""
    scratch = str(folder / "scratch")
    variables = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": scratch,
        "TMPDIR": scratch,
        "USER": "guest",
        "LOGNAME": "guest",
        "KERAS_HOME": scratch,
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(python_path)),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "",
        # Else an allocation that fails is tried again for ten seconds, and freed memory is kept; measured as fast or faster.
        "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
    }
    if threads is not None:
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        variables |= dict.fromkeys(names, str(threads))
    return variables


def empty(folder: Path) -> None:
    """Remove what is in the folder, not the folder itself. Raises OSError when something stays."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                remove(Path(entry.path))
            else:
                Path(entry.path).unlink()
    if left := os.listdir(folder):  # noqa: PTH208 - only names are wanted
        raise OSError(f"{left[0]!r} in {folder} can't be removed")


def remove(folder: Path) -> None:
    """Remove the folder, whatever the guest left in it: unreadable folders, or a nesting too deep for recursion."""
    with contextlib.suppress(FileNotFoundError):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except (OSError, RecursionError):
            subprocess.run(["/bin/chmod", "-R", "u+rwX", "--", str(folder)], check=False, capture_output=True)
            subprocess.run(["/bin/rm", "-rf", "--", str(folder)], check=False, capture_output=True)
