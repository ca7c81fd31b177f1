"""What a host leaves behind, and what is made of it."""

import os
import signal
import sys

import psutil
import pytest

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.workloads import Assignment
from kafka_ml_scheduler.exits import explain
from kafka_ml_scheduler.runtimes import runs
from kafka_ml_scheduler.runtimes.hosts import Host
from kafka_ml_scheduler.runtimes.pool import environment_for_hosts
from kafka_ml_scheduler.runtimes.process import ProcessRuntime
from kafka_ml_scheduler.runtimes.runs import RunFolder, RunRecord, StopRecord, all_runs, drop_oldest


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (1, "crashed", "exit code 1; the last that it printed is: ValueError: no"),
        (75, "temporary", "can't be reached"),
        (127, "not_startable", "can't be started"),
        (128 + signal.SIGKILL, "killed", "the machine ran out of memory"),
        (128 + signal.SIGSEGV, "crashed", "SIGSEGV"),
        (128 + signal.SIGUSR1, "killed", "SIGUSR1"),
        (250, "crashed", "exit code 250"),
        (0, "ended", "by itself"),
        (None, "lost", "without an exit code"),
    ],
)
def test_every_way_to_end_is_a_sentence(code, kind, says):
    failure = explain(code, "Traceback\nValueError: no.\n\n")
    assert failure.code == kind
    assert says in failure.message
    assert failure.message.endswith((".", "?"))


def test_the_last_forty_lines_go_with_a_failure():
    failure = explain(1, "\n".join(f"line {number}" for number in range(100)))
    assert failure.log.splitlines() == [f"line {number}" for number in range(60, 100)]
    assert explain(1, "").log is None


def folder(path):
    path.mkdir(parents=True)
    return RunFolder(path)


def test_a_run_folder_says_all_after_a_restart(tmp_path, training):
    run = folder(tmp_path / "spares" / "a")
    record = RunRecord(assignment=Assignment(spec=training()), tries=2, pid=7, started_at=1.0, work_folder=tmp_path)
    run.write(record)
    run.mark_assigned()
    run.write_stop(StopRecord(requested_at=2.0))
    (run.path / "exit").write_text("137\n")
    run.move_to(tmp_path / "runs" / "w" / "0")
    (found,) = all_runs(tmp_path / "runs")
    assert found.read() == record
    assert found.is_assigned
    assert not found.is_over
    assert found.read_stop() == StopRecord(requested_at=2.0)
    assert found.exit()[0] == 137


def test_a_half_written_record_is_no_record(tmp_path):
    run = folder(tmp_path / "a")
    (run.path / "run.json").write_text('{"pid": 1')
    assert run.read() is None
    (run.path / "exit").write_text("")
    assert run.exit() is None


def test_the_next_run_keeps_the_log_of_the_one_before(tmp_path):
    for text in ("one", "two", "three"):
        run = folder(tmp_path / text)
        (run.path / "log").write_text(text)
        (run.path / "model.log").write_text(f"model {text}")
        run.move_to(tmp_path / "runs" / "w" / "0")
    assert sorted(path.name for path in run.path.iterdir()) == [
        *("log", "log.previous"),
        *("model.log", "model.log.previous"),
    ]
    assert (run.path / "log.previous").read_text() == "two"
    assert (run.path / "model.log.previous").read_text() == "model two"


def test_a_log_is_bounded_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "LOG_BYTES", 1000)
    monkeypatch.setattr(runs, "KEPT_LOG_BYTES", 100)
    run = folder(tmp_path / "a")
    with (run.path / "log").open("ab", buffering=0) as log:
        log.write(b"x" * 1500 + b"end")
        run.bound_log()
        log.write(b"goes on")
    assert run.log_tail() == "goes on"
    assert (run.path / "log.previous").read_bytes() == b"x" * 97 + b"end"


def test_only_the_last_workloads_that_are_over_are_kept(tmp_path):
    for number in range(6):
        run = folder(tmp_path / f"w{number}" / "0")
        run.mark_over()
        os.utime(run.path / "over", (number, number))
    folder(tmp_path / "w0" / "1")
    drop_oldest(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w0", "w4", "w5"]


def test_hosts_get_what_they_need_and_no_setting_of_another_service():
    needed = {
        "PATH": "/bin",
        "KAFKA_ML_KAFKA_SASL_PASSWORD": "p",
        "KAFKA_ML_S3_SECRET_KEY": "k",
        "KAFKA_ML_TRAINER_STOP_SECONDS": "5",
        "KAFKA_ML_INFERER_X": "1",
        "KAFKA_ML_LOG_FORMAT": "json",
    }
    others = {
        "AWS_SECRET_ACCESS_KEY": "s",
        "KAFKA_ML_DATABASE_URL": "d",
        "KAFKA_ML_API_TOKEN": "t",
        "KAFKA_ML_METRICS_PORT": "9",
        "KAFKA_ML_S3X": "x",
    }
    assert environment_for_hosts(needed | others) == needed | {"PYTHONUNBUFFERED": "1"}


WAITS = (sys.executable, "-c", "input()")


def ended(host):
    """Whether the host ends within ten seconds."""
    return not psutil.wait_procs([psutil.Process(host.pid)], timeout=10)[1]


async def test_a_run_whose_record_is_lost_is_ended_before_it_is_given_up(tmp_path):
    run = folder(tmp_path / "runs" / "training-1" / "0")
    host = Host.spawn(WAITS, run.path, {})
    (run.path / "run.json").write_text('{"pid"')
    other = folder(tmp_path / "elsewhere")
    bystander = Host.spawn(WAITS, other.path, {})
    runtime = ProcessRuntime(
        tmp_path,
        work_folders={"trainer": tmp_path / "work", "inferer": tmp_path / "work"},
        warm={"trainer": 0, "inferer": 0},
    )
    await runtime.open()
    try:
        assert ended(host)
        assert run.is_over
        assert runtime.observe() == []
        assert bystander.is_alive
    finally:
        await runtime.close(stop=False)
        bystander.kill()
        host.hang_up()
        bystander.hang_up()


async def test_a_host_that_could_not_be_given_its_work_leaves_nothing_and_the_next_waits(tmp_path, training):
    folders = {"trainer": tmp_path / "work", "inferer": tmp_path / "work"}
    commands = {"trainer": WAITS, "inferer": WAITS}
    runtime = ProcessRuntime(tmp_path, work_folders=folders, commands=commands, warm={"trainer": 0, "inferer": 0})
    await runtime.open()
    spec = training()
    try:
        (tmp_path / "runs" / spec.workload_id).write_text("in the way")
        for reason in ("in the way|exists|Not a directory", "could not be used"):
            with pytest.raises(UnavailableError, match=reason):
                await runtime.start(spec, replica=0, attempt=1, tries=1)
        assert list((tmp_path / "spares").iterdir()) == []
        assert list((tmp_path / "work").iterdir()) == []
    finally:
        await runtime.close(stop=False)
