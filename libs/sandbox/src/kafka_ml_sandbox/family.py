"""Family: all processes of one guest: measured, killed and seen to be gone, however the guest is kept apart."""

import os
import select
import signal
import time
from typing import Protocol

import psutil

from kafka_ml_sandbox.usage import Usage, measure, tree

_GONE_SECONDS = 10.0


class Family(Protocol):
    """The guest's first process and whatever it has started."""

    def look(self) -> None:
        """Called at every tick while the guest lives."""

    def measure(self, *, precise: bool = False) -> Usage:
        """What all of them use. Raises PermissionError: one hides it."""

    def kill(self) -> None:
        """Kill all of them. Harmless when repeated."""

    def bury(self) -> None:
        """See that all of them are gone. Raises RuntimeError when one can't be killed."""


class Namespace:
    """A guest in a pid namespace of its own, as bubblewrap makes one: all in it die with its first process."""

    def __init__(self, root: int, init: int) -> None:
        """`root` is the process that this one started, `init` the first one of the namespace."""
        self._root = root
        self._init: int | None = os.pidfd_open(init)

    def look(self) -> None:
        pass

    def measure(self, *, precise: bool = False) -> Usage:
        return measure(self._root, precise=precise)

    def kill(self) -> None:
        if self._init is not None:
            try:
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
            except ProcessLookupError:
                return

    def bury(self) -> None:
        if self._init is None:
            return
        # The first process of a namespace ends only after every other in it has.
        if not select.select([self._init], [], [], _GONE_SECONDS)[0]:
            raise RuntimeError(f"processes of guest {self._root} cannot be killed")
        os.close(self._init)
        self._init = None


class Descendants:
    """A guest among all the others of this machine. What it leaves behind can be found only if it was seen before."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._seen: dict[int, psutil.Process] = {}

    def look(self) -> None:
        for process in tree(self._root):
            self._seen.setdefault(process.pid, process)

    def measure(self, *, precise: bool = False) -> Usage:
        return measure(self._root, precise=precise)

    def kill(self) -> None:
        self.look()
        for process in self._seen.values():
            try:
                process.kill()  # psutil compares start times: a reused pid is left alone
            except psutil.NoSuchProcess:
                continue

    def bury(self) -> None:
        _, alive = psutil.wait_procs(list(self._seen.values()), timeout=_GONE_SECONDS)
        if alive:
            pids = [process.pid for process in alive]
            raise RuntimeError(f"processes of guest {self._root} cannot be killed: {pids}")


class Container:
    """A guest in a container whose first process (pid 1) is this one: everything else there is the guest's."""

    def __init__(self, root: int) -> None:
        self._root = root
        if os.getpid() != 1:
            raise RuntimeError("only the first process of a container may take all others for its guest's")

    def look(self) -> None:
        """Reap orphans. The guest's own first process is left to whoever started it."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid == self._root:
                return
            os.waitpid(ended.si_pid, 0)

    def measure(self, *, precise: bool = False) -> Usage:
        return measure(1, precise=precise, without_root=True)

    def kill(self) -> None:
        if os.getpid() == 1:  # for any other process, -1 means all that its user may kill on the machine
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                return

    def bury(self) -> None:
        deadline = time.monotonic() + _GONE_SECONDS
        while True:
            self.kill()
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return  # whoever loses its parent becomes a child of the first process: nobody is left
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes of guest {self._root} cannot be killed")
            time.sleep(0.01)
