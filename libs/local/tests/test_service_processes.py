"""Child processes: start, readiness, exact stop, and what a failure says."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from kafka_ml_common.errors import UnavailableError
from kafka_ml_local import Service
from kafka_ml_local.ports import free_port
from kafka_ml_local.processes import LOG_LIMIT, explain_exit, last_lines

IDLE = "print('up', flush=True); import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
PARENT = (
    "import subprocess, sys, signal\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], start_new_session=True)\n"
    "print('child', child.pid, flush=True); signal.pause()"
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    made: list[Service] = []

    def make(code: str, says: str = "up", **settings: object) -> Service:
        made.append(
            Service(
                "worker",
                [sys.executable, "-c", code],
                tmp_path,
                **{"ready": lambda: says in made[-1].last_lines(), **settings},
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_a_service_is_ready_when_start_returns_and_gone_when_stop_returns(service):
    worker = service(IDLE)
    worker.start()
    process = worker.process
    assert process is not None
    assert worker.is_ready()
    worker.stop()
    assert not psutil.pid_exists(process.pid)
    assert worker.exit_code == -signal.SIGTERM
    assert not worker.record.exists()


def test_a_second_start_leaves_the_running_process_alone(service):
    worker = service(IDLE)
    worker.start()
    first = worker.process
    service(IDLE).start()
    assert worker.process == first


def test_a_service_is_found_and_stopped_by_whoever_knows_its_folder(service):
    service(IDLE).start()
    other = service(IDLE)
    process = other.process
    assert process is not None
    other.stop()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_service_that_ignores_the_signal_is_killed_after_its_time(service):
    worker = service(STUBBORN, stop_within=0.3)
    worker.start()
    worker.stop()
    assert worker.exit_code == -signal.SIGKILL


def test_what_the_service_started_is_stopped_with_it(service):
    worker = service(PARENT, says="child")
    worker.start()
    child = psutil.Process(int(worker.last_lines().split()[-1]))
    worker.stop()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_service_has_a_session_of_its_own_and_outlives_the_thread_that_started_it(service):
    worker = service(IDLE)
    thread = threading.Thread(target=worker.start)
    thread.start()
    thread.join()
    process = worker.process
    assert process is not None
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    with pytest.raises(psutil.TimeoutExpired):
        process.wait(timeout=0.3)


def test_a_service_that_ends_at_once_is_reported_with_its_log(service):
    worker = service("import sys; sys.exit('the disk is full')")
    with pytest.raises(UnavailableError) as failure:
        worker.start()
    assert "exited with code 1" in str(failure.value)
    assert "the disk is full" in str(failure.value)
    assert str(worker.log) in str(failure.value)


def test_a_service_that_does_not_become_ready_is_stopped_and_reported(service):
    worker = service(IDLE, ready=lambda: False, start_within=0.5)
    with pytest.raises(UnavailableError, match=r"not ready within 0\.5 seconds"):
        worker.start()
    assert not worker.running


def test_a_program_that_does_not_exist_is_reported(tmp_path):
    with pytest.raises(UnavailableError, match="worker could not be started"):
        Service("worker", [str(tmp_path / "missing")], tmp_path).start()


def test_a_service_with_an_address_is_ready_when_it_answers(tmp_path):
    port = free_port()
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    web = Service("web", argv, tmp_path, ready=f"http://127.0.0.1:{port}/", working_folder=tmp_path)
    web.start()
    try:
        assert web.is_ready()
    finally:
        web.stop()
    assert not web.is_ready()


def test_a_process_with_the_same_pid_but_another_start_is_not_ours(service):
    worker = service(IDLE)
    worker.record.parent.mkdir(parents=True)
    created = psutil.Process().create_time()
    worker.record.write_text(f'{{"pid": {os.getpid()}, "created": {created - 100}}}')
    assert worker.process is None
    worker.stop()  # must not stop this process
    assert not worker.record.exists()


@pytest.mark.parametrize("record", ["", "{", "[]", "{}", "null"])
def test_a_damaged_record_counts_as_not_running(service, record):
    worker = service(IDLE)
    worker.record.parent.mkdir(parents=True)
    worker.record.write_text(record)
    worker.start()
    assert worker.running


def test_a_long_log_is_put_aside_while_the_service_writes(service):
    worker = service(
        "import sys, signal\n"
        f"print('x' * {LOG_LIMIT + 1}); print('up', flush=True)\n"
        "signal.sigwait({signal.SIGUSR1}); print('more', flush=True); signal.pause()",
    )
    before = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
    worker.command = [*worker.command[:2], before + worker.command[2]]
    worker.start()
    worker.rotate_log()
    assert worker.log.stat().st_size == 0
    assert worker.log.with_suffix(".log.1").stat().st_size > LOG_LIMIT
    process = worker.process
    assert process is not None
    process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + 10
    while worker.last_lines() != "more":
        assert time.monotonic() < deadline
    assert worker.log.stat().st_size == len("more\n")


def test_exit_codes_are_explained():
    assert explain_exit(0) == "it exited with code 0."
    assert explain_exit(-9) == "it was ended by SIGKILL: somebody killed it, or the system did for want of memory."
    assert explain_exit(-15) == "it was ended by SIGTERM."
    assert "isn't known" in explain_exit(None)


def test_the_last_lines_of_a_log_are_bounded_and_survive_broken_text(tmp_path):
    log = tmp_path / "some.log"
    assert last_lines(log) == ""
    log.write_bytes(b"\xff" * 20_000 + b"\none\ntwo\n")
    assert last_lines(log, 2) == "one\ntwo"
    assert len(last_lines(log)) < 9000
