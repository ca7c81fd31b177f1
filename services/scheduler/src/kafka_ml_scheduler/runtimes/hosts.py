"""Hosts: a workload's process, in a session of its own, whose exit code is not lost when the scheduler isn't there to hear it.

A shell leads the session. It waits for the host and leaves the host's exit code in its working directory, the run folder. A process is
recognised by pid and working directory: pids are used again, but no other process works in that folder.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

OPEN_FILES = 4096
_NAME = "kafka-ml-host"
"""What the shell is called, so that it is told from an operator's who looks at the folder."""

# Signals are trapped, not ignored, as what is ignored would stay so in the host. What sends one means the host, and the shell goes on
# waiting for it. Memory and processor time of model code are limited by the sandbox; these limits are for the host itself.
_WAIT_AND_NOTE = """
trap : TERM INT HUP
ulimit -c 0
ulimit -n "$1" 2>/dev/null
shift
"$@"
status=$?
echo $status >exit.part && mv exit.part exit
exit $status
"""


class Host:
    """A host process, spawned by us or by an earlier scheduler."""

    def __init__(self, pid: int, folder: Path, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.pid = pid
        self._inode = folder.stat().st_ino
        self._child = child
        self._signalled = False

    @classmethod
    def spawn(cls, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> "Host":
        """Start `command` in `folder`, printing to its `log`.

        Raises:
            OSError: the machine can't.
        """
        with (folder / "log").open("ab") as log:
            child = subprocess.Popen(
                ["/bin/sh", "-c", _WAIT_AND_NOTE, _NAME, str(OPEN_FILES), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
                bufsize=0,
            )
        return cls(child.pid, folder, child)

    @property
    def is_alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        try:
            process = psutil.Process(self.pid)
            return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).stat().st_ino == self._inode
        except (psutil.Error, OSError):
            return False

    @property
    def code(self) -> int | None:
        """The exit code, if the process was our child and exited."""
        code = self._child.returncode if self._child is not None else None
        return code if code is not None and code >= 0 else None

    def on_end(self, call: Callable[[], None]) -> None:
        """Have `call` called in the running loop when the process ends, where the system can tell (Linux)."""
        loop = asyncio.get_running_loop()
        if not hasattr(os, "pidfd_open"):
            return
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return

        def ended() -> None:
            loop.remove_reader(handle)
            os.close(handle)
            call()

        loop.add_reader(handle, ended)

    async def tell(self, line: bytes) -> bool:
        """Write to the host's standard input and close it. False: the host did not take it, as it is gone."""
        if self._child is None or self._child.stdin is None:
            return False
        pipe = self._child.stdin.fileno()
        os.set_blocking(pipe, False)
        try:
            while line:
                try:
                    line = line[os.write(pipe, line) :]
                except BlockingIOError:
                    await _writable(pipe)
        except BrokenPipeError:
            return False
        finally:
            self.hang_up()
        return True

    def hang_up(self) -> None:
        """Close the host's standard input."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()

    def terminate(self) -> None:
        """Ask the host, not what it has started, to stop; once. The shell may not have started it yet: then ask again later."""
        if self._signalled or not self.is_alive:
            return
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self.pid).children():
                process.terminate()
                self._signalled = True

    def kill(self) -> None:
        """End the whole session at once."""
        if self.is_alive:
            self._kill_group()

    def sweep(self) -> None:
        """Kill what an ended host left of its session.

        While a process group has members its number is given to no new process, so it is ours unless such a process exists.
        """
        if not psutil.pid_exists(self.pid):
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def kill_hosts_in(folder: Path) -> int:
    """Kill the sessions of hosts that work in `folder`, whose pids nobody noted; how many there were."""
    inode, killed = folder.stat().st_ino, 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if _NAME in process.cmdline() and Path(process.cwd()).stat().st_ino == inode:
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
    return killed


async def _writable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)
