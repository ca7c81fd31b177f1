"""Launch: start a guest's process on this machine, under bubblewrap where it allows that."""

import json
import logging
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

from kafka_ml_sandbox import bubblewrap
from kafka_ml_sandbox.family import Descendants, Namespace
from kafka_ml_sandbox.folder import environment as environment_of
from kafka_ml_sandbox.process import GuestProcess
from kafka_ml_sandbox.seccomp import open_program

logger = logging.getLogger(__name__)

Isolation = Literal["bubblewrap", "limits only", "container"]


def launch(
    module: str,
    folder: Path,
    *,
    preload: Sequence[str],
    readable: Sequence[Path],
    python_path: Sequence[Path],
    environment: Mapping[str, str],
    threads: int | None,
    timeout: float,
    on_output: Callable[[bytes], None] | None,
) -> tuple[GuestProcess, Isolation]:
    """Start `python -m kafka_ml_sandbox.guest <module>` for the host that listens in `folder`. See `Guest.start`.

    Raises:
        OSError: it could not be started.
        RuntimeError: bubblewrap could not; the message is what it said.
    """
    obstacle = bubblewrap.obstacle()
    own_code = bubblewrap.code_of([__package__, module])
    paths = [*(str(path.absolute()) for path in python_path), *(str(path.parent) for path in own_code)]
    seen = folder if obstacle else bubblewrap.GUEST_FOLDER
    variables = environment_of(seen, paths, threads) | dict(environment)
    inner = guest_command(module, seen, preload)
    scratch = folder / "scratch"
    if obstacle:
        logger.warning("guests run with limits alone, they can read what this user can read: %s", obstacle)
        spawned = spawn([*inner, "--child"], variables, scratch)
        return GuestProcess(spawned, Descendants(spawned.pid), scratch, on_output), "limits only"
    spawned, init = _spawn_isolated(inner, folder, variables, [*own_code, *readable, *python_path], timeout)
    family = Descendants(spawned.pid) if init is None else Namespace(spawned.pid, init)
    process = GuestProcess(spawned, family, scratch, on_output)
    if init is None:
        process.bury()
        raise RuntimeError(process.printed().strip())
    return process, "bubblewrap"


def guest_command(module: str, folder: Path, preload: Sequence[str], socket_name: str = "socket") -> list[str]:
    """The command of a guest that sees the common folder as `folder`."""
    command = [sys.executable, "-s", "-P", "-m", f"{__package__}.guest", module, "--folder", str(folder)]
    command += ["--socket", socket_name]
    for name in preload:
        command += ["--preload", name]
    return command


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


def _spawn_isolated(
    inner: Sequence[str], folder: Path, variables: Mapping[str, str], visible: Sequence[Path], timeout: float
) -> "tuple[subprocess.Popen[bytes], int | None]":
    """Start `inner` under bubblewrap; with the first process of its pid namespace, None when it failed. Raises OSError."""
    told, tell = os.pipe()
    try:
        refused = open_program()
        passed = [tell] if refused is None else [tell, refused]
        try:
            command = bubblewrap.command([*inner, "--own-namespace"], folder, variables, visible, tell, refused)
            spawned = spawn(command, {}, folder, passed)
        finally:
            for descriptor in passed:
                os.close(descriptor)
        return spawned, read_init(told, timeout)
    finally:
        os.close(told)
