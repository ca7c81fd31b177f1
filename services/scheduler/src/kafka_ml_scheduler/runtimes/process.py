"""The process runtime: each replica is a child process with a run folder that outlives the scheduler.

The way of a run: a spare is taken from the pool -> what it is to do is written to its folder -> the folder becomes the run folder ->
the host is told on standard input -> `assigned`. A scheduler that dies before the last step leaves a host that exits with 0 and did
nothing; as the mark is missing then, it is started again.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import Counter

from kafka_ml_common.errors import ConflictError, NotFoundError, UnavailableError
from kafka_ml_common.messages import Failure
from kafka_ml_common.workloads import Assignment, InferenceSpec
from kafka_ml_scheduler import exits
from kafka_ml_scheduler.runtimes.base import LOG_ANSWER_BYTES, Ending, Part, Phase, Run, RuntimeKind, Spec
from kafka_ml_scheduler.runtimes.hosts import Host, kill_hosts_in
from kafka_ml_scheduler.runtimes.pool import COMMANDS, REFILL_AFTER_SECONDS, HostKind, Pool
from kafka_ml_scheduler.runtimes.runs import (
    HOST_LOG,
    MODEL_LOG,
    RunFolder,
    RunRecord,
    StopRecord,
    all_runs,
    drop_oldest,
    remove,
)

log = structlog.get_logger(__name__)

STOP_SECONDS = 20.0
"""How long a host may take to stop before it is killed."""
KEPT_WORKLOADS = 200
_TICK_SECONDS = 0.5
_TIDY_SECONDS = 5.0

ENDED = Counter("kafka_ml_runs_ended", "Runs that ended", ["kind", "ending"])


@dataclass(slots=True, eq=False)
class _Active:
    folder: RunFolder
    record: RunRecord
    host: Host
    stop: StopRecord | None = None
    telling: "asyncio.Task[None] | None" = None
    ended: Run | None = None

    @property
    def spec(self) -> Spec:
        return self.record.assignment.spec

    def run(self, phase: Phase) -> Run:
        of = self.record.assignment
        return Run(of.spec, of.replica, of.attempt, self.record.tries, phase, self.record.started_at)


class ProcessRuntime:
    """Runs replicas as processes of this machine.

    Args:
        state_folder: for run folders and logs; one scheduler at a time.
        work_folders: where each kind of host gets folders for large files.
        commands: how each kind of host is started.
        warm: how many hosts of each kind wait for work.
        stop_seconds: how long a host may take to stop before it is killed.
        refill_after: seconds for which the pool starts no new spare after a start.
    """

    kind: RuntimeKind = "process"
    keeps_replicas = False

    def __init__(
        self,
        state_folder: Path,
        *,
        work_folders: Mapping[HostKind, Path],
        commands: Mapping[HostKind, Sequence[str]] = COMMANDS,
        warm: Mapping[HostKind, int],
        stop_seconds: float = STOP_SECONDS,
        kept_workloads: int = KEPT_WORKLOADS,
        refill_after: float = REFILL_AFTER_SECONDS,
    ) -> None:
        self.changed = asyncio.Event()
        self._folder = state_folder
        self._runs_folder = state_folder / "runs"
        self._stop_seconds = stop_seconds
        self._kept_workloads = kept_workloads
        self._pool = Pool(
            state_folder / "spares",
            work_folders,
            commands=commands,
            sizes=warm,
            refill_after=refill_after,
        )
        self._active: dict[tuple[str, int], _Active] = {}
        self._lock: int | None = None
        self._tidied_at = 0.0

    async def open(self) -> None:
        """Take over what an earlier scheduler left running, and begin to fill the pool.

        Raises:
            ConflictError: another scheduler works in this state folder.
        """
        self._take_lock()
        self._adopt()
        self._pool.open()

    async def tend(self) -> None:
        while True:
            try:
                self._tick()
            except OSError as error:
                log.error("could not tend the run folders", error=str(error))
            await asyncio.sleep(_TICK_SECONDS)

    async def close(self, *, stop: bool) -> None:
        """Let go; with `stop` all runs are ended first, and begin anew under the next scheduler."""
        if stop:
            await self._stop_all()
        telling = [active.telling for active in self._active.values() if active.telling is not None]
        await asyncio.gather(*telling, return_exceptions=True)
        self._pool.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def observe(self) -> list[Run]:
        return [self._look_at(active) for active in self._active.values()]

    async def start(self, spec: Spec, *, replica: int, attempt: int, tries: int) -> None:
        key = (spec.workload_id, replica)
        present = self._active.get(key)
        if present is not None and self._look_at(present).phase is not Phase.ENDED:
            return
        kind: HostKind = "inferer" if isinstance(spec, InferenceSpec) else "trainer"
        try:
            active = self._prepare(kind, Assignment(spec=spec, replica=replica, attempt=attempt), tries)
        except OSError as error:
            raise UnavailableError(f"No process can be started for {spec.workload_id}: {error}.") from error
        self._active[key] = active
        active.host.on_end(self.changed.set)
        active.telling = asyncio.create_task(self._tell(active), name=f"assign {spec.workload_id}")
        self.changed.set()
        log.info("started", workload_id=spec.workload_id, replica=replica, attempt=attempt, pid=active.host.pid)

    async def stop(self, workload_id: str, replica: int, *, overdue: Failure | None = None) -> None:
        active = self._active.get((workload_id, replica))
        if active is None or active.stop is not None or active.ended is not None:
            return
        log.info("stopping", workload_id=workload_id, replica=replica, overdue=overdue is not None)
        self._note_stop(active, overdue)
        active.host.terminate()
        self.changed.set()

    async def forget(self, workload_id: str, replica: int) -> None:
        active = self._active.get((workload_id, replica))
        if active is not None and self._look_at(active).phase is Phase.ENDED:
            active.folder.mark_over()
            del self._active[workload_id, replica]

    async def log(self, workload_id: str, replica: int, *, part: Part, lines: int) -> str:
        name = HOST_LOG if part == "host" else MODEL_LOG
        folder = RunFolder(self._runs_folder / Path(workload_id).name / str(replica))
        found = await asyncio.to_thread(folder.read_log, name, lines, LOG_ANSWER_BYTES)
        if found is None and not folder.path.exists():
            raise NotFoundError(
                f"There is no log of replica {replica} of {workload_id}.",
                advice=f"It has not been started here, or too long ago: logs are kept for {self._kept_workloads} workloads.",
            )
        return found or ""

    def _take_lock(self) -> None:
        self._runs_folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise ConflictError(
                f"Another scheduler works in {self._folder}.",
                advice="Stop it, or set KAFKA_ML_STATE_FOLDER to another folder.",
            ) from error
        self._lock = lock

    def _adopt(self) -> None:
        for folder in all_runs(self._runs_folder):
            if folder.is_over:
                continue
            record = folder.read()
            if record is None:
                killed = kill_hosts_in(folder.path)
                log.warning(
                    "nobody knows what this run was for, it is given up", folder=str(folder.path), killed=killed
                )
                folder.mark_over()
                continue
            active = _Active(folder, record, Host(record.pid, folder.path), folder.read_stop())
            of = record.assignment
            self._active[of.spec.workload_id, of.replica] = active
            active.host.on_end(self.changed.set)
            run = self._look_at(active)
            log.info(
                "adopted", workload_id=run.workload_id, replica=run.replica, phase=run.phase.value, ending=run.ending
            )

    def _prepare(self, kind: HostKind, assignment: Assignment, tries: int) -> _Active:
        spare = self._pool.take(kind)
        record = RunRecord(
            assignment=assignment,
            tries=tries,
            pid=spare.host.pid,
            started_at=time.time(),
            work_folder=spare.work_folder,
        )
        try:
            spare.folder.write(record)
            spare.folder.move_to(self._runs_folder / assignment.spec.workload_id / str(assignment.replica))
        except OSError as error:
            self._pool.reject(kind, spare, f"its run folder can't be made: {error}")
            raise
        return _Active(spare.folder, record, spare.host)

    async def _tell(self, active: _Active) -> None:
        line = active.record.assignment.model_dump_json() + "\n"
        if await active.host.tell(line.encode()):
            with contextlib.suppress(OSError):
                active.folder.mark_assigned()

    def _look_at(self, active: _Active) -> Run:
        if active.ended is not None:
            return active.ended
        if active.host.is_alive:
            return active.run(Phase.RUNNING if active.stop is None else Phase.STOPPING)
        active.ended = self._end_of(active)
        return active.ended

    def _end_of(self, active: _Active) -> Run:
        active.host.sweep()
        remove(active.record.work_folder)
        left = active.folder.exit()
        code, ended_at = left if left is not None else (active.host.code, time.time())
        ending, failure = self._why(active, code)
        run = active.run(Phase.ENDED)
        ENDED.labels(run.spec.kind, ending.value).inc()
        log.info("ended", workload_id=run.workload_id, replica=run.replica, ending=ending.value, code=code)
        return Run(
            run.spec, run.replica, run.attempt, run.tries, Phase.ENDED, run.started_at, ended_at, ending, failure
        )

    def _why(self, active: _Active, code: int | None) -> tuple[Ending, Failure | None]:
        if active.stop is not None and active.stop.overdue is None:
            return Ending.STOPPED, None
        if code == 0 and not isinstance(active.spec, InferenceSpec):
            if active.folder.is_assigned:
                return Ending.DONE, None
            return Ending.TEMPORARY, Failure(
                code="temporary", message="It may not have been told what to do; it starts again."
            )
        explained = exits.explain(code, active.folder.log_tail())
        if active.stop is not None and active.stop.overdue is not None:
            return Ending.OVERDUE, active.stop.overdue.model_copy(update={"log": explained.log})
        return (Ending.TEMPORARY if code == exits.TEMPORARY else Ending.CRASHED), explained

    def _note_stop(self, active: _Active, overdue: Failure | None = None) -> None:
        active.stop = StopRecord(requested_at=time.time(), overdue=overdue)
        active.folder.write_stop(active.stop)

    async def _stop_all(self) -> None:
        going = [active for active in self._active.values() if self._look_at(active).phase is not Phase.ENDED]
        asked = [active for active in going if isinstance(active.spec, InferenceSpec)]
        for active in going:
            if active.stop is None:
                self._note_stop(active)
            # A training that is asked to stop reports that it was stopped, for good. This one shall begin anew instead.
            if active not in asked:
                active.host.kill()
        deadline = time.monotonic() + min(self._stop_seconds, 15.0)
        while any(active.host.is_alive for active in going) and time.monotonic() < deadline:
            for active in asked:
                active.host.terminate()
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), 0.1)
        for active in going:
            active.host.kill()
            self._look_at(active)

    def _tick(self) -> None:
        self._pool.refill()
        for active in self._active.values():
            if active.ended is not None:
                continue
            if self._look_at(active).phase is Phase.ENDED:
                self.changed.set()
            elif active.stop is not None:
                active.host.terminate()
                if time.time() > active.stop.requested_at + self._stop_seconds:
                    log.warning(
                        "did not stop in time, killing it", workload_id=active.spec.workload_id, pid=active.host.pid
                    )
                    active.host.kill()
        if time.monotonic() > self._tidied_at + _TIDY_SECONDS:
            self._tidied_at = time.monotonic()
            for active in self._active.values():
                active.folder.bound_log()
            drop_oldest(self._runs_folder, self._kept_workloads)


def default_work_folders(state_folder: Path) -> dict[HostKind, Path]:
    """Where hosts get folders: trainers on disk, as their data may be larger than memory; inferers in memory, where there is such a place."""
    on_disk = state_folder / "work"
    in_memory = Path("/dev/shm") / f"kafka-ml-{os.getuid()}"  # noqa: S108 - private, and checked to be ours
    try:
        in_memory.mkdir(mode=0o700, exist_ok=True)
        ours = in_memory.stat().st_uid == os.getuid() and not in_memory.is_symlink()
    except OSError:
        ours = False
    return {"trainer": on_disk, "inferer": in_memory if ours else on_disk}
