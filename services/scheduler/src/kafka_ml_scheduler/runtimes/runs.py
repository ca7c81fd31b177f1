"""Run folders: what there is to know about each run, on disk, where it outlives the scheduler.

`runs/<workload>/<replica>/` holds `run.json` (what runs, as which process), `log` (what the host prints), `model.log` (what the model's
code prints), `log.previous` and `model.log.previous` (what came before), `assigned` (it was told what to do), `stop.json` (it was asked
to stop), `exit` (its exit code), `over` (kept for its logs only).
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from kafka_ml_common.messages import Failure
from kafka_ml_common.workloads import Assignment

log = structlog.get_logger(__name__)

LOG_BYTES = 16 << 20
KEPT_LOG_BYTES = 1 << 20
_TAIL_BYTES = 64 << 10
HOST_LOG = "log"
MODEL_LOG = "model.log"
"""Told to hosts by this relative name: they work in their run folder, which is renamed with them in it."""


class RunRecord(BaseModel):
    """What `run.json` holds. `pid` leads the run's session; times are Unix seconds."""

    model_config = ConfigDict(frozen=True)

    assignment: Assignment
    tries: int
    pid: int
    started_at: float
    work_folder: Path


class StopRecord(BaseModel):
    """What `stop.json` holds: when the run was asked to stop, and why if it is overdue."""

    model_config = ConfigDict(frozen=True)

    requested_at: float
    overdue: Failure | None = None


class RunFolder:
    """The files of one host process, from spare to ended run. The process has it as its working directory, so it may be renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, record: RunRecord) -> None:
        _write(self.path / "run.json", record.model_dump_json())

    def read(self) -> RunRecord | None:
        """The record, or None if there is no readable one: a machine that lost its power may leave half a file."""
        try:
            return RunRecord.model_validate_json((self.path / "run.json").read_bytes())
        except (OSError, ValidationError) as error:
            log.warning("run folder without a readable record", folder=str(self.path), error=str(error)[:500])
            return None

    def mark_assigned(self) -> None:
        (self.path / "assigned").touch()

    @property
    def is_assigned(self) -> bool:
        return (self.path / "assigned").exists()

    def mark_over(self) -> None:
        (self.path / "over").touch()

    @property
    def is_over(self) -> bool:
        return (self.path / "over").exists()

    def write_stop(self, record: StopRecord) -> None:
        _write(self.path / "stop.json", record.model_dump_json())

    def read_stop(self) -> StopRecord | None:
        with contextlib.suppress(OSError, ValidationError):
            return StopRecord.model_validate_json((self.path / "stop.json").read_bytes())
        return None

    def exit(self) -> tuple[int, float] | None:
        """Exit code and the time when it was left; None if there is none."""
        path = self.path / "exit"
        with contextlib.suppress(OSError, ValueError):
            return int(path.read_text()), path.stat().st_mtime
        return None

    def log_tail(self) -> str:
        """The end of the log."""
        return (_tail(self.path / HOST_LOG, _TAIL_BYTES) or b"").decode(errors="replace")

    def read_log(self, name: str, lines: int, most_bytes: int) -> str | None:
        """The last lines of a log, with those of the previous one if it is shorter; None if there is no such log."""
        pieces = [_tail(self.path / file, most_bytes) for file in (f"{name}.previous", name)]
        if pieces == [None, None]:
            return None
        # Cut in a character, it begins with what can't be decoded.
        text = b"".join(piece or b"" for piece in pieces)[-most_bytes:].decode(errors="replace")
        return "".join(text.splitlines(keepends=True)[-lines:])

    def bound_log(self) -> None:
        """Cut a log that has grown too long; its end goes to `log.previous`. The process appends, so it goes on at the new end."""
        path = self.path / "log"
        with contextlib.suppress(OSError):
            if path.stat().st_size <= LOG_BYTES:
                return
            with path.open("rb") as file:
                file.seek(-KEPT_LOG_BYTES, os.SEEK_END)
                (self.path / "log.previous").write_bytes(file.read())
            os.truncate(path, 0)

    def move_to(self, path: Path) -> None:
        """Take the place of an ended run, whose logs stay beside ours."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for name in (HOST_LOG, MODEL_LOG):
                with contextlib.suppress(FileNotFoundError):
                    (path / name).replace(self.path / f"{name}.previous")
            remove(path)
        self.path.rename(path)
        self.path = path


def all_runs(folder: Path) -> Iterator[RunFolder]:
    """Every run folder below `runs/`, over or not."""
    yield from (RunFolder(path) for path in sorted(folder.glob("*/*")) if path.is_dir())


def drop_oldest(folder: Path, keep: int) -> None:
    """Delete the run folders of all but the last `keep` workloads that are over."""
    over: list[tuple[float, Path]] = []
    for workload in folder.iterdir():
        with contextlib.suppress(OSError):
            marks = [(replica / "over").stat().st_mtime for replica in workload.iterdir()]
            over.append((max(marks, default=0.0), workload))
    for _, workload in sorted(over)[: max(0, len(over) - keep)]:
        remove(workload)


def remove(folder: Path) -> None:
    """Remove a folder, whatever model code left in it: folders that can't be read, or nested too deep for recursion."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        subprocess.run(["/bin/chmod", "-R", "u+rwX", "--", str(folder)], check=False, capture_output=True)
        subprocess.run(["/bin/rm", "-rf", "--", str(folder)], check=False, capture_output=True)


def _tail(path: Path, most_bytes: int) -> bytes | None:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - most_bytes))
        return file.read(most_bytes)
    return None


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{time.monotonic_ns()}.part")
    part.write_text(text)
    part.replace(path)
