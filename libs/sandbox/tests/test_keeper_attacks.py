"""What hostile code in a guest's container tries against its keeper, its host and the guests after it."""

import os
from pathlib import Path

import pytest

from kafka_ml_sandbox.folder import empty
from kafka_ml_sandbox.host import Guest

from .conftest import GUESTS
from .pod import Pod
from .test_guest_deaths import fail
from .test_guest_isolation import run, tried


def called(expression: str) -> str:
    """Code whose result is what a function of the C library gives, and the error's name."""
    return (
        "import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"value = {expression}\nresult = [value, errno.errorcode.get(ctypes.get_errno(), '')]"
    )


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("AF_INET", "SOCK_STREAM"),
        ("AF_INET6", "SOCK_DGRAM"),
        ("AF_NETLINK", "SOCK_RAW"),
        ("AF_PACKET", "SOCK_RAW"),
        ("AF_VSOCK", "SOCK_STREAM"),
    ],
)
def test_no_socket_but_a_unix_one(kept: Guest, family: str, kind: str) -> None:
    assert run(kept, tried(f"str(socket.socket(socket.{family}, socket.{kind}))")) == "PermissionError"
    assert run(kept, tried("len(socket.socketpair())")) == 2


def test_no_way_round_the_filter(kept: Guest) -> None:
    assert run(kept, called("libc.socketpair(2, 1, 0, (ctypes.c_int * 2)())")) == [-1, "EPERM"]
    assert run(kept, called("libc.unshare(0x10000000)")) == [-1, "EPERM"]  # CLONE_NEWUSER
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    assert run(kept, called(f"libc.syscall({number}, 0x10000000 | 17, 0, 0, 0, 0)")) == [-1, "EPERM"]  # clone
    assert run(kept, called("libc.syscall(435, 0, 0)")) == [-1, "ENOSYS"]  # clone3
    assert run(kept, called("libc.memfd_create(b'hidden', 0)")) == [-1, "ENOSYS"]
    status = run(kept, "result = open('/proc/self/status').read()")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (lines["NoNewPrivs"], lines["Seccomp"], int(lines["CapEff"], 16)) == ("1", "2", 0)
    # A program that it starts is under it as well.
    code = (
        "import subprocess, sys\nopens_a_socket = [sys.executable, '-c', 'import socket; socket.socket()']\n"
        "result = subprocess.run(opens_a_socket, capture_output=True, text=True).stderr"
    )
    assert "PermissionError" in run(kept, code)


@pytest.mark.parametrize("name", ["environ", "mem", "maps", "auxv", "stack", "oom_score_adj"])
def test_the_keepers_memory_and_environment_cant_be_read(kept: Guest, name: str) -> None:
    if name == "oom_score_adj":
        assert run(kept, tried("open('/proc/1/oom_score_adj', 'w').write('1000')")) == "PermissionError"
    else:
        assert run(kept, tried(f"open('/proc/1/{name}', 'rb').read(1)")) == "PermissionError"


def test_the_keepers_descriptors_cant_be_taken(kept: Guest) -> None:
    assert run(kept, tried("os.listdir('/proc/1/fd')")) == "PermissionError"
    assert run(kept, tried("os.readlink('/proc/1/cwd')")) == "PermissionError"
    assert run(kept, called("libc.syscall(438, libc.syscall(434, 1, 0), 3, 0)"))[0] == -1  # pidfd_getfd, pidfd_open
    assert run(kept, called("libc.ptrace(16, 1, 0, 0)")) == [-1, "EPERM"]  # PTRACE_ATTACH
    assert run(kept, tried("__import__('resource').prlimit(1, 7, (0, 0))")) == "PermissionError"


def test_the_keeper_outlives_every_signal(kept: Guest) -> None:
    code = "import os, signal\nfor number in signal.valid_signals() - {32, 33}:\n    os.kill(1, number)\nresult = None"
    assert run(kept, code) is None
    assert kept.request("echo", {"still": "there"}) == {"still": "there"}
    assert kept.output() == ""


def test_a_guest_that_stops_itself_is_ended_all_the_same(pod: Pod, kept: Guest) -> None:
    assert fail(kept, "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", timeout=1).reason == "timeout"
    kept.close()
    with Guest.attach("code_guest", pod.keeper) as another:
        assert another.request("echo", {}) == {}


def test_there_is_no_socket_to_connect_to(kept: Guest) -> None:
    assert run(kept, tried("os.listdir('/guest/run')")) == []
    assert run(kept, tried("socket.socket(socket.AF_UNIX).connect('/guest/run/control')")) == "FileNotFoundError"


@pytest.mark.parametrize("path", ["/", "/guest", "/guest/run", "/guest/shared", "/usr", "/tmp"])
def test_nothing_but_scratch_can_be_written_in_the_container(kept: Guest, path: str) -> None:
    assert run(kept, tried(f"open({path!r} + '/planted', 'w')")) in {"OSError", "PermissionError", "FileNotFoundError"}
    assert run(kept, tried("open('mine', 'w').write('x')")) == 1


def test_the_environment_of_the_container_is_not_passed_on(kept: Guest) -> None:
    assert "secret" not in run(kept, "import os; result = str(dict(os.environ))")


@pytest.mark.parametrize(
    "plant",
    [
        "os.symlink('/etc/passwd', 'model')",
        "os.mkfifo('model')",
        "socket.socket(socket.AF_UNIX).bind('model')",
        "os.open('model', os.O_CREAT, 0)",
    ],
)
def test_what_is_planted_in_scratch_is_not_followed_and_goes(pod: Pod, kept: Guest, plant: str) -> None:
    run(kept, tried(plant) + "\nresult = None")
    if "O_CREAT" not in plant:  # a file that only root may read
        with pytest.raises(ValueError, match="regular file"):
            kept.open("model")
    kept.close()
    with Guest.attach("code_guest", pod.keeper) as another:
        assert run(another, "import os; result = os.listdir('.')") == []


def test_links_are_not_followed_when_a_folder_is_emptied(tmp_path: Path) -> None:
    outside, scratch = tmp_path / "outside", tmp_path / "scratch"
    outside.mkdir()
    (outside / "kept").write_text("of somebody else")
    (scratch / "folder").mkdir(parents=True)
    for link in (scratch / "link", scratch / "folder" / "link"):
        link.symlink_to(outside)
    (scratch / "folder").chmod(0)
    empty(scratch)
    assert list(scratch.iterdir()) == []
    assert (outside / "kept").read_text() == "of somebody else"


def test_a_guest_that_may_write_where_the_sockets_are_harms_no_other(tmp_path: Path) -> None:
    pod = Pod(tmp_path, [GUESTS], run_is_writable=True)
    try:
        with Guest.attach("code_guest", pod.keeper) as guest:
            code = (
                "import os, socket\nfor name in os.listdir('/guest/run'): os.remove('/guest/run/' + name)\n"
                "socket.socket(socket.AF_UNIX).bind('/guest/run/control')\n"
                "os.mkdir('/guest/run/guest-1'); os.mkdir('/guest/run/socket', 0o700)\nresult = None"
            )
            run(guest, code)
            assert guest.request("echo", {"n": 1}) == {"n": 1}
        with Guest.attach("code_guest", pod.keeper) as guest:
            assert guest.request("echo", {"n": 2}) == {"n": 2}
        pod.container.kill()
        pod.start_container()
        with Guest.attach("code_guest", pod.keeper) as guest:
            assert guest.request("echo", {"n": 3}) == {"n": 3}
    finally:
        pod.close()
