"""What a host leaves behind, and what is made of it."""

import os
import signal

import pytest

from kafka_ml_common.workloads import Assignment
from kafka_ml_scheduler.exits import explain
from kafka_ml_scheduler.runtimes import runs
from kafka_ml_scheduler.runtimes.pool import environment_for_hosts
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
        run.move_to(tmp_path / "runs" / "w" / "0")
    assert sorted(path.name for path in run.path.iterdir()) == ["log", "log.previous"]
    assert (run.path / "log.previous").read_text() == "two"


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


def test_hosts_get_no_credential_that_is_not_theirs():
    own = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s", "KAFKA_ML_DATABASE_URL": "d", "KAFKA_ML_S3_SECRET_KEY": "k"}
    assert environment_for_hosts(own) == {"PATH": "/bin", "KAFKA_ML_S3_SECRET_KEY": "k", "PYTHONUNBUFFERED": "1"}
