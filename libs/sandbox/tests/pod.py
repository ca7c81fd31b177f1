"""A guest's container as a pod has it, made with bubblewrap: the keeper is its first process, another user, in the host's network."""

import contextlib
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kafka_ml_sandbox import bubblewrap
from kafka_ml_sandbox.container import Keeper
from kafka_ml_sandbox.launch import read_init

GUEST_USER, HOST_USER, GROUP = 10002, 10001, 10000
DEADLINE = 30.0


def volumes(folder: Path) -> Path:
    """The pod's volumes in `folder`, as Kubernetes makes them: of root and of the pod's group, which all may write."""
    for name in ("run", "shared", "scratch"):
        (folder / name).mkdir(parents=True)
        if os.getuid() == 0:
            os.chown(folder / name, 0, GROUP)
        (folder / name).chmod(0o2777)
    return folder


def become(user: int) -> list[str]:
    """What to put before a command that is to run as `user` of the pod; root alone can become another."""
    if os.getuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    assert setpriv
    return [setpriv, f"--reuid={user}", f"--regid={user}", f"--groups={GROUP}", "--no-new-privs"]


def view(code: Sequence[Path], binds: Sequence[str]) -> list[str]:
    """Bubblewrap's command up to the program's: interpreter, packages and `code`, read-only, and `binds`."""
    roots = bubblewrap._outermost([Path(sys.base_prefix), Path(sys.prefix), *code])
    # Parents that bubblewrap makes by itself are open only to root.
    parents = {parent for root in roots for parent in root.parents if parent != Path("/")}
    arguments = [bubblewrap._binary(), "--new-session", *bubblewrap._system(), "--dev", "/dev", "--proc", "/proc"]
    for parent in sorted(parents):
        arguments += ["--perms", "0755", "--dir", str(parent)]
    for root in roots:
        arguments += ["--ro-bind", str(root), str(root)]
    arguments += ["--perms", "0755", "--dir", "/guest", *binds]
    if os.getuid() == 0:
        arguments += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return arguments


class GuestContainer:
    """The container `guest`. It ends with its host, or by `kill`."""

    def __init__(
        self,
        folder: Path,
        log: Path,
        code: Sequence[Path],
        environment: Mapping[str, str] | None = None,
        *,
        run_is_writable: bool = False,
    ) -> None:
        """Start it on the pod's volumes in `folder`; what it prints goes to `log`."""
        told, tell = os.pipe()
        bind_run = "--bind" if run_is_writable else "--ro-bind"
        mounts = [bind_run, str(folder / "run"), "/guest/run", "--ro-bind", str(folder / "shared"), "/guest/shared"]
        mounts += ["--bind", str(folder / "scratch"), "/guest/scratch", "--remount-ro", "/", "--chdir", "/"]
        namespaces = ["--unshare-pid", "--as-pid-1", "--info-fd", str(tell)]
        keeper = [sys.executable, "-s", "-P", "-m", "kafka_ml_sandbox.keeper", "--folder", "/guest"]
        variables = {"PATH": os.defpath, "SECRET_OF_THE_CONTAINER": "secret", **(environment or {})}
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*view(code, mounts), *namespaces, *become(GUEST_USER), *keeper],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=variables,
                pass_fds=[tell],
            )
        os.close(tell)
        init = read_init(told, DEADLINE)
        os.close(told)
        assert init is not None, log.read_text()
        self._init = os.pidfd_open(init)

    def signal(self, number: int) -> None:
        """Signal its first process, as the container runtime does."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._init, number)

    def wait(self) -> int:
        """Its exit status, once all in it have ended."""
        assert select.select([self._init], [], [], DEADLINE)[0], "the container does not end"
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        """Kill everything in it, as the kernel does when it passes its memory limit."""
        self.signal(signal.SIGKILL)
        self.wait()


def code_of(*modules: str) -> list[Path]:
    """The folders that hold the code of our packages."""
    found = [path.parent for path in bubblewrap.code_of(modules)]
    assert all(path.stat().st_mode & stat.S_IROTH for path in found)
    return found


class Pod:
    """A host's `keeper`, and the container with it."""

    def __init__(self, folder: Path, code: Sequence[Path], **options: bool) -> None:
        """Start it in `folder`. `code`: folders to import guest modules from, besides our own packages."""
        self.log = folder / "log"
        self.folder = volumes(folder / "volumes")
        self._code = [*code_of("kafka_ml_sandbox"), *code]
        self._environment = {"PYTHONPATH": os.pathsep.join(map(str, code))}
        self._options = options
        self.keeper = Keeper(self.folder, patience=DEADLINE)
        self.container = self.start_container()

    def start_container(self) -> GuestContainer:
        """Start the container, again when it has ended."""
        self.container = GuestContainer(self.folder, self.log, self._code, self._environment, **self._options)
        return self.container

    def close(self) -> None:
        """End both."""
        self.keeper.close()
        self.container.kill()
