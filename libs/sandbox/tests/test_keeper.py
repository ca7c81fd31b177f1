"""A guest in a container of its own, kept by that container's first process: what works, and how every end is told."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kafka_ml_sandbox.connection import connect
from kafka_ml_sandbox.container import Keeper
from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.limits import Limits

from .conftest import GUESTS
from .pod import DEADLINE, HOST_USER, GuestContainer, Pod, become, code_of, view, volumes
from .test_guest_deaths import SMALL, fail
from .test_guest_isolation import tried
from .test_guest_tensorflow import FIT


@pytest.fixture
def own_pod(tmp_path: Path) -> Iterator[Pod]:
    """A pod for one test alone."""
    pod = Pod(tmp_path, [GUESTS])
    yield pod
    pod.close()


def run(guest: Guest, code: str, **options: Any) -> Any:
    return guest.request("run", {"code": code}, timeout=20, **options)["result"]


def test_requests_messages_arrays_and_files_pass_between_the_containers(kept: Guest) -> None:
    assert kept.isolation == "container"
    x = kept.share("x", (4, 3), "float32")
    y = kept.share("y", (4, 3), "float32", writable=True)
    on_disk = kept.share("on_disk", (5,), "int32", on_disk=True)
    x[:], on_disk[:] = 3, 2
    kept.request("double", {"rows": 4})
    assert (y == 6).all()
    assert run(kept, "result = int(channel.array('on_disk').sum())") == 10
    (kept.shared / "model").write_text("weights")
    run(kept, "(channel.scratch / 'copy').write_text((channel.shared / 'model').read_text())")
    with kept.open("copy") as copy:
        assert copy.read() == b"weights"
    heard = threading.Event()
    tell = threading.Thread(target=lambda: heard.wait(DEADLINE) and kept.tell("stop", {}))
    tell.start()
    assert kept.request("count_until_told", {}, on_message=lambda *_: heard.set()) == {"told": [["stop", {}]]}
    tell.join(DEADLINE)


def test_a_model_is_fitted_saved_and_predicts_behind_the_filter(pod: Pod) -> None:
    with Guest.attach("code_guest", pod.keeper, preload=["tensorflow", "keras"], start_timeout=120) as guest:
        for name, width in (("x", 16), ("y", 1)):
            guest.share(name, (512, width), "float32")[:] = 1
        reply = guest.request("run", {"code": FIT}, limits=Limits(), timeout=60, on_message=lambda *_: None)
        assert reply == {"result": [4, 1]}
        with guest.open("model.keras") as model:
            assert model.read(2) == b"PK"
        error = fail(guest, "import tensorflow as tf; x = [tf.ones((1 << 22,)) for _ in range(1000)]", limits=Limits())
        assert error.reason == "out_of_memory"


def test_arrays_of_the_host_count_for_no_limit(kept: Guest) -> None:
    kept.share("large", (400 << 20,), "uint8")[:] = 1
    # Long enough to be looked at several times.
    code = "import time\nuntil = time.monotonic() + 1.5\nwhile time.monotonic() < until: result = int(channel.array('large').sum())"
    assert run(kept, code, limits=SMALL) == 400 << 20


ORPHAN = """
import os, time
if not os.fork():
    os.setsid()
    if os.fork(): os._exit(0)
    x = os.urandom(1 << 20) * 400
    time.sleep(60)
time.sleep(60)
"""
"""Takes memory in a process that is no descendant of the guest's first one any more."""


@pytest.mark.parametrize(
    ("code", "limits", "reason", "sentence"),
    [
        ("1 / 0", SMALL, "raised", "ZeroDivisionError in line 1"),
        ("x = bytearray(1 << 40)", SMALL, "out_of_memory", "its limit of 300 MiB"),
        (
            "import mmap\nx = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 22); m.write(bytes(1 << 22)); x.append(m)",
            SMALL,
            "out_of_memory",
            "its limit of 300 MiB",
        ),
        (
            ORPHAN,
            SMALL,
            "out_of_memory",
            "its limit of 300 MiB",
        ),
        ("import os; print('last words'); os._exit(7)", SMALL, "exited", "exit status 7"),
        ("while True: pass", SMALL, "timeout", "within 1 seconds"),
        (
            "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
            Limits(cpu_seconds=1),
            "cpu_limit",
            "1 seconds of processor time",
        ),
        ("import os; os.abort()", SMALL, "crashed", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", SMALL, "killed", "SIGKILL"),
        ("import os, time\nfor _ in range(2000): os.fork() or time.sleep(60)", SMALL, "too_many_processes", "than 20"),
        (
            "import itertools\nfor n in itertools.count(): open(f'file-{n}', 'wb').write(bytes(1 << 20))",
            replace(SMALL, memory_bytes=8 << 30),
            "disk_full",
            "more than 8 MiB",
        ),
        (
            "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); time.sleep(60)",  # PR_SET_DUMPABLE
            SMALL,
            "unwatched",
            "could not be measured",
        ),
    ],
)
def test_every_end_is_told_as_for_a_guest_of_the_same_container(
    kept: Guest, code: str, limits: Limits, reason: str, sentence: str
) -> None:
    error = fail(kept, code, limits=limits, timeout=1 if reason == "timeout" else 20)
    assert (error.reason, sentence in error.message) == (reason, True), error
    if "last words" in code:
        assert "last words" in error.output
    assert kept.alive == (reason == "raised" or "1 << 40" in code)


def test_endless_output_is_bounded_and_passed_on(pod: Pod, kept: Guest) -> None:
    code = "print('the beginning')\nfor _ in range(300): print('x' * 100_000)\nprint('the end'); import os; os._exit(1)"
    error = fail(kept, code)
    assert "the beginning" in error.output
    assert error.output.rstrip().endswith("the end")
    assert len(error.output) < 11_000
    assert "the beginning" in pod.log.read_text()


def test_what_an_idle_guest_printed_can_be_asked_for(kept: Guest) -> None:
    run(kept, "print('hello'); result = None")
    assert kept.output() == "hello\n"


def test_a_guest_finds_nothing_of_the_one_before(pod: Pod) -> None:
    with Guest.attach("code_guest", pod.keeper) as guest:
        run(
            guest,
            "import os, subprocess\nopen('file', 'w').close(); os.mkdir('locked'); open('locked/file', 'w').close(); os.chmod('locked', 0)\n"
            "os.symlink('/guest/shared', 'link')\nfor _ in range(1500): os.mkdir('deep'); os.chdir('deep')\n"
            "subprocess.Popen(['sleep', '600'], start_new_session=True); result = None",
        )
        (guest.shared / "mine").write_text("of the first")
        with pytest.raises(RuntimeError, match="one guest at a time"):
            Guest.attach("code_guest", pod.keeper)
        assert (guest.shared / "mine").exists()
    assert list((pod.folder / "shared").iterdir()) == []
    with Guest.attach("code_guest", pod.keeper) as guest:
        assert run(guest, "import os; result = os.listdir('.')") == []
        assert run(guest, "import os; result = [n for n in os.listdir('/proc') if n.isdigit()][2:]") == []
    assert list((pod.folder / "run").iterdir()) == []


def test_a_container_that_ends_is_told_and_the_next_one_takes_its_place(own_pod: Pod) -> None:
    guest = Guest.attach("code_guest", own_pod.keeper)
    killed: list[int] = []

    def kill(*_: Any) -> None:
        if not killed:
            killed.append(1)
            own_pod.container.kill()

    with (
        guest,
        pytest.raises(GuestError, match="container ended, most likely because it passed its memory limit") as raised,
    ):
        guest.request("count_until_told", {}, on_message=kill)
    assert raised.value.reason == "killed"
    assert not guest.alive
    with Guest.attach("code_guest", own_pod.keeper) as another:
        own_pod.start_container()
        assert another.request("echo", {"n": 1}) == {"n": 1}


def test_a_container_that_does_not_come_is_told(tmp_path: Path) -> None:
    with Keeper(volumes(tmp_path), patience=0.1) as keeper, Guest.attach("code_guest", keeper) as guest:
        with pytest.raises(GuestError, match="did not start in time") as raised:
            guest.request("echo", {})
        assert raised.value.reason == "start"


def test_closing_frees_a_thread_that_waits_for_the_container(tmp_path: Path) -> None:
    errors: list[GuestError] = []
    with Keeper(volumes(tmp_path), patience=DEADLINE) as keeper:
        guest = Guest.attach("code_guest", keeper)

        def wait() -> None:
            try:
                guest.request("echo", {})
            except GuestError as error:
                errors.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        guest.close()
        thread.join(DEADLINE)
    assert [error.reason for error in errors] == ["closed"]


def test_a_module_that_the_image_lacks_is_told_at_the_start(pod: Pod) -> None:
    with (
        Guest.attach("no_such_module", pod.keeper) as guest,
        pytest.raises(GuestError, match="no_such_module") as raised,
    ):
        guest.ready()
    assert raised.value.reason == "start"


def test_the_container_ends_well_with_its_host_whatever_its_guest_does(own_pod: Pod) -> None:
    with Guest.attach("code_guest", own_pod.keeper) as guest:
        guest.request("echo", {})
        own_pod.container.signal(signal.SIGTERM)  # Kubernetes tells both containers: the host decides
        errors: list[GuestError] = []

        def loop() -> None:
            # The expression holds the interpreter lock for ages: no thread of the guest can notice anything.
            with pytest.raises(GuestError) as raised:
                run(guest, "import re; re.match('(a+)+b', 'a' * 100)")
            errors.append(raised.value)

        looping = threading.Thread(target=loop)
        assert guest.request("echo", {"still": "there"}) == {"still": "there"}
        looping.start()
        own_pod.keeper.close()
        assert own_pod.container.wait() == 0
        looping.join(DEADLINE)
    assert [error.reason for error in errors] == ["killed"]


def test_a_keeper_whose_host_has_not_come_leaves_when_it_is_told_to(tmp_path: Path) -> None:
    folder, log = volumes(tmp_path / "volumes"), tmp_path / "log"
    ready = tmp_path / "import"
    ready.mkdir()
    # Says when it would connect for the first time: then its handlers are there.
    (ready / "sitecustomize.py").write_text(
        "import socket\nclass Socket(socket.socket):\n"
        "    def connect(self, path):\n        print('connects', flush=True)\n        super().connect(path)\nsocket.socket = Socket\n"
    )
    container = GuestContainer(folder, log, [*code_of("kafka_ml_sandbox"), ready], {"PYTHONPATH": str(ready)})
    try:
        pause = threading.Event()
        for _ in range(int(DEADLINE / 0.02)):
            if "connects" in log.read_text():
                break
            pause.wait(0.02)
        container.signal(signal.SIGTERM)
        assert container.wait() == 0
    finally:
        container.kill()


def test_without_its_filter_no_guest_is_started(tmp_path: Path) -> None:
    folder, log = volumes(tmp_path / "volumes"), tmp_path / "log"
    machine = tmp_path / "import"
    machine.mkdir()
    (machine / "sitecustomize.py").write_text("import platform\nplatform.machine = lambda: 'sparc'\n")
    code = [*code_of("kafka_ml_sandbox"), machine, GUESTS]
    container = GuestContainer(folder, log, code, {"PYTHONPATH": f"{machine}:{GUESTS}"})
    try:
        with Keeper(folder, patience=DEADLINE) as keeper, Guest.attach("code_guest", keeper) as guest:
            with pytest.raises(GuestError, match=r"not started without its protection.*known for sparc") as raised:
                guest.ready()
            assert raised.value.reason == "start"
    finally:
        container.kill()
    assert "no guest will be started" in log.read_text()


def test_a_keeper_that_is_not_the_first_process_refuses(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kafka_ml_sandbox.keeper", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == os.EX_USAGE
    assert "pid 1" in done.stderr


@pytest.mark.parametrize(
    "junk",
    [
        b"not a message",
        len(b := b'{"kind": "ended", "number": 1, "status": "x"}').to_bytes(4, "big") + b,
        len(
            b
            := b'{"kind": "ended", "number": 1, "status": 0, "cause": "made up", "output": "", "out_of_memory": false}'
        ).to_bytes(4, "big")
        + b,
    ],
)
def test_a_stranger_in_the_keepers_place_is_turned_away(tmp_path: Path, junk: bytes) -> None:
    folder = volumes(tmp_path / "volumes")
    with Keeper(folder, patience=DEADLINE) as keeper:
        with Guest.attach("code_guest", keeper) as guest, connect(folder / "run" / "control", DEADLINE) as stranger:
            stranger.settimeout(DEADLINE)
            stranger.sendall(junk)
            while stranger.recv(1 << 16):
                pass
            with pytest.raises(GuestError, match="container ended"):
                guest.request("echo", {})
        container = GuestContainer(
            folder, tmp_path / "log", [*code_of("kafka_ml_sandbox"), GUESTS], {"PYTHONPATH": str(GUESTS)}
        )
        try:
            with Guest.attach("code_guest", keeper) as guest:
                assert guest.request("echo", {"n": 1}) == {"n": 1}
                with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is looked at
                    connect(folder / "run" / "control", 0)
                assert refused.value.errno in {errno.ENOENT, errno.ECONNREFUSED}
        finally:
            keeper.close()
            container.kill()


HOST = """
import sys
from pathlib import Path
from kafka_ml_sandbox.container import Keeper
from kafka_ml_sandbox.host import Guest
with Keeper(Path("/guest"), patience=30) as keeper, Guest.attach("code_guest", keeper) as guest:
    guest.share("x", (3,), "int32", on_disk=True)[:] = 5
    code = "result = int(channel.array('x').sum()); open('out', 'w').write('by the guest')"
    print(guest.request("run", {"code": code}))
    print(guest.open("out").read())
"""


def test_host_and_guest_are_two_users_of_one_group(tmp_path: Path) -> None:
    folder = volumes(tmp_path / "volumes")
    code = [*code_of("kafka_ml_sandbox"), GUESTS]
    container = GuestContainer(folder, tmp_path / "log", code, {"PYTHONPATH": str(GUESTS)})
    try:
        binds = ["--bind", str(folder), "/guest"]
        command = [*view(code, binds), *become(HOST_USER), sys.executable, "-s", "-P", "-c", HOST]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.defpath}
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "{'result': 15}\nb'by the guest'\n"
        assert container.wait() == 0
    finally:
        container.kill()


def test_a_socket_of_the_pods_network_can_be_listened_at_by_the_host_alone(kept: Guest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = tried(f"socket.create_connection(('127.0.0.1', {port}), 2)")
        assert run(kept, code) == "PermissionError"
