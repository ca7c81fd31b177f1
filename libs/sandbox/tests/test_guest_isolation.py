"""What hostile model code can't reach, and what is left when its host is killed."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from kafka_ml_sandbox import bubblewrap
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.seccomp import program

GUESTS = Path(__file__).parent / "guests"


@pytest.fixture
def isolated(guest: Guest) -> Guest:
    assert guest.isolation == "bubblewrap", bubblewrap.obstacle()
    return guest


def run(guest: Guest, code: str) -> Any:
    return guest.request("run", {"code": code}, timeout=20)["result"]


def tried(expression: str) -> str:
    """Code whose result is what `expression` gives, or the name of the error."""
    return f"import os, socket, pathlib\ntry:\n    result = {expression}\nexcept Exception as error:\n    result = type(error).__name__"


def test_the_environment_of_the_host_is_not_passed_on(start_guest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "secret" not in run(start_guest(), "import os; result = str(dict(os.environ))")


def test_the_home_folder_and_the_temporary_files_of_others_are_not_visible(isolated: Guest, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    assert run(isolated, tried(f"open({str(secret)!r}).read()")) == "FileNotFoundError"
    assert run(isolated, tried(f"os.listdir({str(Path.home() / '.ssh')!r})")) == "FileNotFoundError"
    assert run(isolated, tried("open('/etc/shadow').read()")) == "FileNotFoundError"


def test_other_processes_are_not_visible(isolated: Guest) -> None:
    names = run(isolated, "import os; result = [name for name in os.listdir('/proc') if name.isdigit()]")
    assert len(names) == 2
    assert run(isolated, tried(f"os.kill({os.getpid()}, 9)")) == "ProcessLookupError"
    assert run(isolated, tried("os.kill(os.getppid(), 9)")) is None
    assert isolated.request("echo", {}) == {}


def test_there_is_no_network(isolated: Guest) -> None:
    with pytest.MonkeyPatch.context():
        import socket

        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert (
                run(isolated, tried(f"socket.create_connection(('127.0.0.1', {port}), 2)")) == "ConnectionRefusedError"
            )
    assert run(isolated, tried("socket.create_connection(('10.0.0.1', 443), 2)")) == "OSError"


@pytest.mark.parametrize("path", ["/", "/usr", "/guest", "/guest/shared", "/dev", sys.prefix, sys.base_prefix])
def test_nothing_but_scratch_can_be_written(isolated: Guest, path: str) -> None:
    assert run(isolated, tried(f"open({path!r} + '/planted', 'w')")) in {"OSError", "PermissionError"}
    assert run(isolated, tried("open('mine', 'w').write('x')")) == 1


def test_it_has_no_privileges_and_gets_none(isolated: Guest) -> None:
    status = run(isolated, "result = open('/proc/self/status').read()")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == 0
    assert lines["NoNewPrivs"] == "1"
    assert run(isolated, "import os; result = os.getuid()") == 65534
    new_namespace = "__import__('ctypes').CDLL(None).unshare(0x10000000)"  # CLONE_NEWUSER
    assert run(isolated, tried(new_namespace)) == -1


def test_memory_that_no_limit_counts_is_refused(isolated: Guest) -> None:
    assert run(isolated, tried("os.memfd_create('hidden')")) == "OSError"
    assert run(isolated, tried("open('/dev/shm/hidden', 'wb').write(bytes(65 << 20))")) == "OSError"


def test_a_filter_is_known_for_the_usual_machines() -> None:
    assert program("aarch64") != program("x86_64")
    assert program("sparc") is None


def test_shared_memory_cannot_be_cut_short_under_the_host(isolated: Guest) -> None:
    isolated.ready()
    # The runner closes the descriptor once it has mapped it; hostile code can get at it before.
    code = (
        "import os\nfrom kafka_ml_sandbox import channel as module\n"
        "kept, real = [], module.map_array\n"
        "module.map_array = lambda fd, *a, **k: (kept.append(os.dup(fd)), real(fd, *a, **k))[1]\n"
        "while not kept: channel.poll()\nresult = []\n"
        "for length in (0, 1 << 30):\n"
        "    try: os.ftruncate(kept[0], length); result.append('done')\n"
        "    except OSError as error: result.append(type(error).__name__)"
    )
    arrays = []

    def share(*_: object) -> None:
        arrays.append(isolated.share("x", (1 << 16,), "float64", writable=True))

    reply = isolated.request("run", {"code": f"channel.send('share', {{}})\n{code}"}, timeout=20, on_message=share)
    assert reply["result"] == ["PermissionError", "PermissionError"]
    (x,) = arrays
    x[:] = 1
    assert x.sum() == 1 << 16


@pytest.mark.parametrize(
    "plant",
    [
        "os.symlink('/etc/passwd', 'model')",
        "os.mkfifo('model')",
        "os.mkdir('model')",
        "socket.socket(socket.AF_UNIX).bind('model')",
    ],
)
def test_a_result_that_is_not_a_plain_file_is_refused(guest: Guest, plant: str) -> None:
    run(guest, tried(plant))
    with pytest.raises(ValueError, match="regular file"):
        guest.open("model")


@pytest.mark.parametrize("name", ["../run/socket", "/etc/passwd", "..", ""])
def test_a_result_outside_scratch_is_refused(guest: Guest, name: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        guest.open(name)


HOST = """
import sys
from pathlib import Path
from kafka_ml_sandbox import bubblewrap
from kafka_ml_sandbox.host import Guest
if sys.argv[3] == "limits only":
    bubblewrap.obstacle = lambda: "not wanted"
guest = Guest.start("code_guest", Path(sys.argv[1]), python_path=[Path(sys.argv[2])])
assert guest.isolation == sys.argv[3], guest.isolation
print(guest.request("run", {"code": "import os; result = os.getuid()"}), flush=True)
print(guest.pid, flush=True)
if sys.argv[4] == "loop":
    guest.request("run", {"code": "import re; re.match('(a+)+b', 'a' * 100)"})
guest.close()
"""


@pytest.mark.parametrize("isolation", ["bubblewrap", "limits only"])
def test_a_host_that_is_killed_leaves_no_guest_behind(tmp_path: Path, isolation: str) -> None:
    # The expression holds the interpreter lock for ages: no thread of the guest can notice anything.
    arguments = [sys.executable, "-c", HOST, str(tmp_path / "guest"), str(GUESTS), isolation, "loop"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        host.stdout.readline()
        pid = int(host.stdout.readline())
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        host.send_signal(signal.SIGKILL)
        host.wait(10)
        _, alive = psutil.wait_procs(processes, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_an_ordinary_user_can_isolate_guests_too(tmp_path: Path) -> None:
    if os.getuid() != 0:
        assert bubblewrap.obstacle() is None
        return
    # Interpreter and code may lie where only root may enter: show an ordinary user only them, then become one.
    user, folder = 12345, tmp_path / "of-the-user"
    folder.mkdir()
    os.chown(folder, user, user)
    setpriv = shutil.which("setpriv")
    assert setpriv
    roots = {sys.prefix, sys.base_prefix, str(GUESTS.parents[1])}
    closed = {parent for root in roots for parent in Path(root).parents if not parent.stat().st_mode & stat.S_IXOTH}
    covers = [folder for folder in {Path.home(), *closed} if not any(other in folder.parents for other in closed)]
    view = [part for cover in covers for part in ("--tmpfs", str(cover), "--chmod", "0755", str(cover))]
    # Parents that bubblewrap makes by itself are open only to root.
    parents = {parent for root in roots for parent in Path(root).parents if any(c in parent.parents for c in covers)}
    view += [part for parent in sorted(parents) for part in ("--perms", "0755", "--dir", str(parent))]
    view += [part for root in sorted(roots) for part in ("--ro-bind", root, root)]
    view += ["--tmpfs", "/mnt", "--bind", str(folder), "/mnt/user", "--chmod", "0755", "/mnt"]
    become = [setpriv, f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    outer = [bubblewrap._binary(), "--dev-bind", "/", "/", "--cap-add", "ALL", *view]
    inner = [sys.executable, "-c", HOST, "/mnt/user/guest", str(GUESTS), "bubblewrap", "end"]
    done = subprocess.run([*outer, *become, *inner], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{'result': 65534}")
