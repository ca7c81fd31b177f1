"""Every way in which model code fails, and the sentence that its author gets."""

import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from kafka_ml_sandbox.deaths import GuestError, why_died
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.limits import Limits
from kafka_ml_sandbox.usage import folder_bytes

SMALL = Limits(
    memory_bytes=300 << 20, cpu_seconds=20, processes=20, open_files=64, file_bytes=8 << 20, output_bytes=10_000
)


def fail(guest: Guest, code: str, *, limits: Limits = SMALL, timeout: float = 20) -> GuestError:
    with pytest.raises(GuestError) as raised:
        guest.request("run", {"code": code}, limits=limits, timeout=timeout)
    return raised.value


def test_an_exception_is_told_with_its_line_and_the_users_frames_only(guest: Guest) -> None:
    error = fail(guest, "def build():\n    return 1 / 0\n\nbuild()\n")
    assert (error.reason, error.line) == ("raised", 2)
    assert "ZeroDivisionError in line 2" in error.message
    assert error.traceback is not None
    assert "return 1 / 0" in error.traceback
    assert "kafka_ml_sandbox" not in error.traceback
    assert guest.request("echo", {"still": "alive"}) == {"still": "alive"}


def test_a_syntax_error_is_told_with_its_line(guest: Guest) -> None:
    error = fail(guest, "import os\nmodel = (\n")
    assert (error.reason, error.line) == ("raised", 2)
    assert "syntax error in line 2" in error.message


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def f(): f()\nf()", "calls itself without end"),
        ("import no_such_library", "not installed where models run"),
        ("open('big', 'wb').write(bytes(9 << 20))", "file limit"),
        ("raise SystemExit(3)", r"called exit\(3\)"),
        ("x = [open('/dev/null') for _ in range(100)]", "Too many open files"),
    ],
)
def test_an_exception_comes_with_advice(guest: Guest, code: str, sentence: str) -> None:
    error = fail(guest, code)
    assert error.line is not None
    assert re.search(sentence, error.message)


@pytest.mark.parametrize(
    "code",
    [
        "x = bytearray(1 << 40)",
        "import numpy as np; x = np.ones((1 << 37,))",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        # Shared memory is not "data" to the kernel's limit: only the host's watch sees it.
        "import mmap\nx = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 22); m.write(bytes(1 << 22)); x.append(m)",
        # Given back, and yet kept: not resident any more.
        "import mmap\nx = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 22); m.write(bytes(1 << 22)); m.madvise(mmap.MADV_DONTNEED); x.append(m)",
    ],
)
def test_too_much_memory_is_told_as_such(guest: Guest, code: str) -> None:
    error = fail(guest, code)
    assert error.reason == "out_of_memory"
    assert "more memory than its limit of 300 MiB" in error.message


def test_memory_is_counted_over_all_processes(guest: Guest) -> None:
    code = "import os, time\nfor _ in range(4):\n    if not os.fork():\n        x = os.urandom(1 << 20) * 120\n        time.sleep(60)\nos.wait()"
    assert fail(guest, code).reason == "out_of_memory"


def test_a_guest_that_exits_is_told_with_its_status(guest: Guest) -> None:
    error = fail(guest, "import os; print('my last words'); os._exit(7)")
    assert error.reason == "exited"
    assert "exit status 7" in error.message
    assert "my last words" in error.output
    assert not guest.alive


def test_an_endless_loop_ends_at_the_timeout(guest: Guest) -> None:
    error = fail(guest, "while True: pass", timeout=0.5)
    assert error.reason == "timeout"
    assert "within 0.5 seconds" in error.message


def test_processor_time_is_limited(guest: Guest) -> None:
    code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    error = fail(guest, code, limits=Limits(cpu_seconds=1))
    assert error.reason == "cpu_limit"
    assert "1 seconds of processor time" in error.message


def test_a_kill_from_outside_is_told(guest: Guest) -> None:
    guest.ready()
    assert guest.pid is not None
    victim = psutil.Process(guest.pid).children(recursive=True)[-1]
    killed: list[int] = []

    def kill(*_: Any) -> None:
        if not killed:
            killed.append(1)
            victim.kill()

    with pytest.raises(GuestError) as raised:
        guest.request("count_until_told", {}, on_message=kill)
    assert raised.value.reason == "killed"


@pytest.mark.parametrize(
    ("code", "name"), [("import os; os.abort()", "SIGABRT"), ("import ctypes; ctypes.string_at(0)", "SIGSEGV")]
)
def test_a_crash_in_native_code_is_told(guest: Guest, code: str, name: str) -> None:
    error = fail(guest, code)
    assert error.reason == "crashed"
    assert name in error.message


def test_a_crash_that_speaks_of_memory_is_one_of_memory() -> None:
    output = "terminate called after throwing an instance of 'std::bad_alloc'\n"
    reason, message = why_died(-signal.SIGABRT, output, Limits(), kernel_out_of_memory=False)
    assert reason == "out_of_memory"
    assert "its limit of 2 GiB" in message


def test_endless_output_is_bounded_and_does_not_stop_the_guest(guest: Guest) -> None:
    code = "print('the beginning')\nfor _ in range(300): print('x' * 100_000)\nprint('the end'); import os; os._exit(1)"
    error = fail(guest, code)
    assert error.reason == "exited"
    assert "the beginning" in error.output
    assert error.output.rstrip().endswith("the end")
    assert "bytes left out" in error.output
    assert len(error.output) < 11_000


def test_a_fork_bomb_is_stopped(guest: Guest) -> None:
    # Under an ordinary user the kernel refuses the forks (an exception), under root the watch kills.
    error = fail(guest, "import os, time\nfor _ in range(2000): os.fork() or time.sleep(60)")
    assert error.reason in {"too_many_processes", "raised"}
    guest.close()


@pytest.mark.parametrize(
    "then", ["", "; os.remove(f.name)", "; m = mmap.mmap(f.fileno(), 0); os.remove(f.name); f.close()"]
)
def test_a_full_scratch_folder_is_stopped(guest: Guest, then: str) -> None:
    code = (
        "import itertools, mmap, os\nkept = []\nfor n in itertools.count():\n"
        f"    m = None; f = open(f'file-{{n}}', 'wb+'); f.write(bytes(1 << 20)); f.flush(){then}; kept.append((f, m))"
    )
    error = fail(guest, code, limits=replace(SMALL, open_files=1000, memory_bytes=8 << 30))
    assert error.reason == "disk_full"
    assert "more than 8 MiB" in error.message


def test_a_removed_file_is_counted_whatever_its_folder_is_called(guest: Guest) -> None:
    code = (
        "import mmap, os, time\nos.mkdir('memfd:array'); kept = []\nfor n in range(40):\n"
        "    f = open(f'memfd:array/{n} (deleted)', 'wb+'); f.write(bytes(1 << 20)); f.flush()\n"
        "    m = mmap.mmap(f.fileno(), 0); os.remove(f.name); f.close(); kept.append(m)\n"
        "time.sleep(60)"
    )
    assert fail(guest, code, limits=replace(SMALL, memory_bytes=8 << 30)).reason == "disk_full"


TAKE_MEMORY = "\nx = []\nwhile True: x.append(bytearray(1 << 20))"
RENAME = "import ctypes; ctypes.CDLL(None).prctl(15, ctypes.c_char_p({name!r}), 0, 0, 0)"


@pytest.mark.parametrize(
    "hide",
    [
        RENAME.format(name=b"\xff\xfe"),
        RENAME.format(name=b"\rRssAnon: -99999"),
        "import mmap, os\nf = open(b'\\xff\\r (deleted)', 'wb+'); f.write(b'x'); f.flush(); m = mmap.mmap(f.fileno(), 0); os.remove(f.name)",
    ],
)
def test_names_of_a_guests_own_choosing_do_not_blind_the_watch(guest: Guest, hide: str) -> None:
    error = fail(guest, hide + "\nimport time; time.sleep(0.8)" + TAKE_MEMORY)
    assert error.reason == "out_of_memory"


@pytest.mark.usefixtures("without_bubblewrap")
def test_a_guest_that_forbids_to_be_looked_at_is_stopped(start_guest: Any) -> None:
    if os.getuid() == 0:
        code = "import time; time.sleep(60)"  # nothing is hidden from root
        assert fail(start_guest(), code, timeout=0.5).reason == "timeout"
        return
    code = "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); time.sleep(60)"  # PR_SET_DUMPABLE
    assert fail(start_guest(), code).reason == "unwatched"


def test_a_guest_that_cant_be_watched_is_stopped(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(*_: object, **__: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "as an unknown trick might")

    monkeypatch.setattr("kafka_ml_sandbox.process.hidden_bytes", blind)
    error = fail(guest, "while True: pass")
    assert error.reason == "unwatched"
    assert "could not be measured" in error.message


def test_a_folder_that_cant_be_listed_counts_as_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").write_bytes(bytes(5000))
    (tmp_path / "link").symlink_to("/usr")
    assert 0 < folder_bytes(tmp_path) < 30_000
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("locked"):
            raise PermissionError(path)
        return scandir(path)

    (tmp_path / "locked").mkdir(mode=0o300)
    monkeypatch.setattr(os, "scandir", refuse)  # as for any user but root
    assert folder_bytes(tmp_path) == 1 << 62


def test_folders_nested_deeper_than_the_kernel_can_name_count_as_full(guest: Guest) -> None:
    error = fail(guest, "import os, time\nfor _ in range(1500): os.mkdir('deep'); os.chdir('deep')\ntime.sleep(60)")
    assert error.reason == "disk_full"
    assert "can't be measured" in error.message


@pytest.mark.parametrize(
    "junk",
    [
        "b'not a message'",
        "(1 << 31).to_bytes(4, 'big')",
        "len(b := b'[' * 200_000).to_bytes(4, 'big') + b",
        "len(b := b'[]').to_bytes(4, 'big') + b",
        'len(b := b\'{"kind": "reply", "id": 99, "payload": {}}\').to_bytes(4, \'big\') + b',
        'len(b := b\'{"kind": "message", "name": 1, "payload": {}}\').to_bytes(4, \'big\') + b',
    ],
)
def test_a_guest_that_breaks_the_protocol_is_killed(guest: Guest, junk: str) -> None:
    error = fail(guest, f"import os\nos.write(channel._connection.fileno(), {junk})\nwhile True: pass")
    assert error.reason == "protocol"
    assert not guest.alive


def test_a_guest_that_closes_its_connection_is_killed(guest: Guest) -> None:
    error = fail(guest, "channel._connection.hang_up()\nimport threading; threading.Event().wait()")
    assert error.reason in {"protocol", "exited"}
    assert not guest.alive


def test_a_guest_that_removes_its_folder_harms_only_itself(guest: Guest) -> None:
    guest.request("run", {"code": "import shutil; shutil.rmtree(channel.folder, ignore_errors=True)"}, limits=SMALL)
    assert (guest.folder / "shared").is_dir()
    assert guest.request("echo", {"n": 1}) == {"n": 1}


def test_what_a_guest_leaves_in_its_folder_can_be_removed(guest: Guest) -> None:
    code = (
        "import os\nos.mkdir('locked'); open('locked/file', 'w').close(); os.chmod('locked', 0)\n"
        "for _ in range(1500): os.mkdir('deep'); os.chdir('deep')"
    )
    guest.request("run", {"code": code})
    guest.close()
    assert not guest.folder.exists()
