"""What a guest is for: requests, messages, arrays, results."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.limits import Limits


def test_a_guest_answers_requests(guest: Guest) -> None:
    assert guest.request("echo", {"rows": 3, "text": "é"}) == {"rows": 3, "text": "é"}


def test_arrays_are_the_same_memory_on_both_sides(guest: Guest) -> None:
    x = guest.share("x", (4, 3), "float32")
    guest.ready()
    y = guest.share("y", (4, 3), np.float32, writable=True)
    for value in (1, 2):
        x[:] = value
        guest.request("double", {"rows": 4})
        assert (y == 2 * value).all()


@pytest.mark.parametrize("on_disk", [False, True])
def test_an_array_is_read_only_for_the_guest_unless_it_is_shared_as_writable(guest: Guest, on_disk: bool) -> None:
    x = guest.share("x", (4,), "int64", on_disk=on_disk)
    x[:] = 7
    assert guest.request("run", {"code": "result = int(channel.array('x').sum())"}) == {"result": 28}
    with pytest.raises(GuestError, match="read-only"):
        guest.request("run", {"code": "channel.array('x')[0] = 1"})


def test_an_empty_array_can_be_shared(guest: Guest) -> None:
    guest.share("x", (0, 5), "float32")
    assert guest.request("run", {"code": "result = list(channel.array('x').shape)"}) == {"result": [0, 5]}


def test_an_array_shared_again_replaces_the_first(guest: Guest) -> None:
    guest.share("x", (2,), "int8")
    guest.ready()
    guest.share("x", (3,), "int8")
    assert guest.request("run", {"code": "result = len(channel.array('x'))"}) == {"result": 3}


def test_an_array_of_objects_is_refused(guest: Guest) -> None:
    with pytest.raises(ValueError, match="objects"):
        guest.share("x", (2,), "object")


def test_messages_come_while_the_guest_works_and_it_hears_what_it_is_told(guest: Guest) -> None:
    numbers: list[int] = []

    def hear(name: str, payload: dict[str, Any]) -> None:
        numbers.append(payload["number"])
        if len(numbers) == 3:
            threading.Thread(target=guest.tell, args=("stop", {"why": "enough"})).start()

    assert guest.request("count_until_told", {}, on_message=hear) == {"told": [["stop", {"why": "enough"}]]}
    assert numbers[:3] == [1, 2, 3]


def test_a_listener_that_raises_ends_the_guest(guest: Guest) -> None:
    def refuse(name: str, payload: dict[str, Any]) -> None:
        raise LookupError(name)

    with pytest.raises(LookupError):
        guest.request("count_until_told", {}, on_message=refuse)
    assert not guest.alive


def test_files_go_in_by_the_shared_folder_and_come_out_of_scratch(guest: Guest) -> None:
    (guest.shared / "model").write_text("weights")
    guest.request("run", {"code": "(channel.scratch / 'copy').write_text((channel.shared / 'model').read_text())"})
    with guest.open("copy") as copy:
        assert copy.read() == b"weights"


def test_a_guest_started_by_a_thread_outlives_the_thread(start_guest: Any) -> None:
    started: list[Guest] = []
    thread = threading.Thread(target=lambda: started.append(start_guest()))
    thread.start()
    thread.join()
    assert started[0].request("echo", {"n": 1}) == {"n": 1}


def test_limits_are_final(guest: Guest) -> None:
    guest.request("echo", {}, limits=Limits())
    guest.request("echo", {}, limits=Limits())
    with pytest.raises(ValueError, match="other limits"):
        guest.request("echo", {}, limits=Limits(memory_bytes=1 << 40))


def test_closing_leaves_neither_process_nor_folder(guest: Guest) -> None:
    guest.request("run", {"code": "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True)"})
    assert guest.pid is not None
    processes = psutil.Process(guest.pid).children(recursive=True)
    assert "sleep" in {process.name() for process in processes}
    guest.close()
    guest.close()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert not guest.folder.exists()
    with pytest.raises(GuestError, match="closed"):
        guest.request("echo", {})


def test_closing_frees_a_thread_that_waits_for_the_guest(guest: Guest) -> None:
    guest.ready()
    heard = threading.Event()
    errors: list[GuestError] = []

    def wait() -> None:
        try:
            guest.request("count_until_told", {}, on_message=lambda *_: heard.set())
        except GuestError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert heard.wait(10)
    guest.close()
    thread.join(10)
    assert [error.reason for error in errors] == ["closed"]


def test_a_module_that_does_not_exist_is_told_at_the_start(tmp_path: Path) -> None:
    guest = Guest.start("no_such_module", tmp_path / "guest")
    with guest, pytest.raises(GuestError, match="no_such_module") as raised:
        guest.ready()
    assert raised.value.reason == "start"


def test_a_guest_that_the_machine_cant_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr("kafka_ml_sandbox.launch.spawn", refuse)
    with pytest.raises(GuestError, match="Resource temporarily unavailable") as raised:
        Guest.start("code_guest", tmp_path / "guest")
    assert raised.value.reason == "start"
    assert not (tmp_path / "guest").exists()


def test_a_guest_that_is_not_ready_in_time_is_killed(guest: Guest) -> None:
    with pytest.raises(GuestError, match="not ready within"):
        guest.ready(timeout=0.001)
    assert not guest.alive


def test_a_folder_in_use_is_refused(guest: Guest) -> None:
    with pytest.raises(FileExistsError):
        Guest.start("code_guest", guest.folder)


def test_a_folder_with_a_long_path_will_do(tmp_path: Path) -> None:
    guests = Path(__file__).parent / "guests"
    with Guest.start("code_guest", tmp_path / ("long" * 40), python_path=[guests]) as guest:
        assert guest.request("echo", {}) == {}


@pytest.mark.usefixtures("without_bubblewrap")
def test_without_bubblewrap_a_guest_works_with_limits_alone_and_says_so(
    start_guest: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        guest = start_guest()
    assert guest.isolation == "limits only"
    assert "limits alone" in caplog.text
    os.environ["A_SECRET"] = "secret"
    assert guest.request("run", {"code": "import os; result = 'A_SECRET' in os.environ"}) == {"result": False}
    guest.request("run", {"code": "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True)"})
    processes = psutil.Process(guest.pid).children(recursive=True)
    guest.close()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
