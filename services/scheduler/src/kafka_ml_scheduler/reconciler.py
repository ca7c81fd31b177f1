"""The reconciler: reads what should run, looks at what runs, does and tells what is missing.

`kafka-ml.workloads` -> desired state (desired.py) -> plan (plan.py) -> runtime, `kafka-ml.events`, tombstones. Nothing is done before the
log has been read to its end. When the broker is lost the desired state is built anew; what runs goes on meanwhile.
"""

import asyncio
import contextlib
import time
from collections import Counter as Tally
from collections.abc import Sequence

import structlog
from prometheus_client import Gauge

from kafka_ml_common import topics
from kafka_ml_common.bus import CaughtUp, Publisher, read_from_start
from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.messages import Failure, WorkloadState, WorkloadStatus
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.telemetry import traceparent
from kafka_ml_scheduler.desired import NO_SPEC, DesiredState, ended_record
from kafka_ml_scheduler.plan import START_SECONDS, Action, Finish, Forget, Start, Stop, reconcile
from kafka_ml_scheduler.runtimes.base import Runtime

log = structlog.get_logger(__name__)

SOURCE = "/kafka-ml/scheduler"
_PASS_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 10.0

WORKLOADS = Gauge("kafka_ml_workloads", "Workloads that are wanted", ["kind", "state"])


class Reconciler:
    """Keeps what runs equal to what should run.

    Attributes:
        passed_at: when the last pass was done, in monotonic seconds.
        at_work: whether it has begun; of several schedulers only one does.
    """

    def __init__(
        self, kafka: KafkaSettings, runtime: Runtime, *, max_parallel: int, start_seconds: float = START_SECONDS
    ) -> None:
        self._kafka = kafka
        self._runtime = runtime
        self._max_parallel = max_parallel
        self._start_seconds = start_seconds
        self._hindered: dict[str, Failure] = {}
        """By workload: why it could not be started in the last pass."""
        self._told: dict[str, WorkloadStatus] = {}
        self.passed_at = float("-inf")
        self.at_work = False

    async def run(self) -> None:
        """Work until cancelled."""
        pause = 0.2
        self.at_work = True
        while True:
            began = time.monotonic()
            try:
                await self._work_until_lost()
            except* UnavailableError as lost:
                log.warning("lost the broker, will try again", error=str(lost.exceptions[0]), pause=pause)
            pause = 0.2 if time.monotonic() - began > 60 else min(pause * 2, _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _work_until_lost(self) -> None:
        await topics.bootstrap(self._kafka)
        desired, caught_up = DesiredState(), asyncio.Event()
        async with Publisher(self._kafka, SOURCE) as publisher, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(desired, caught_up, publisher), name="follow workloads")
            tasks.create_task(self._act(desired, caught_up, publisher), name="reconcile")

    async def _follow(self, desired: DesiredState, caught_up: asyncio.Event, publisher: Publisher) -> None:
        async for record in read_from_start(self._kafka, topics.WORKLOADS):
            if isinstance(record, CaughtUp):
                log.info("read the desired state", workloads=len(desired.workloads))
                caught_up.set()
            else:
                desired.apply(record)
            if caught_up.is_set():
                await _mend_log(desired, publisher)
                self._runtime.changed.set()

    async def _act(self, desired: DesiredState, caught_up: asyncio.Event, publisher: Publisher) -> None:
        await caught_up.wait()
        while True:
            self._runtime.changed.clear()
            now = time.time()
            plan = reconcile(
                desired.workloads,
                self._runtime.observe(),
                now=now,
                max_parallel=self._max_parallel,
                withdrawn_unknown=desired.withdrawn_unknown,
                told=self._told,
                keeps_replicas=self._runtime.keeps_replicas,
                start_seconds=self._start_seconds,
            )
            _count(plan.statuses)
            await asyncio.gather(*(self._tell(publisher, status, desired) for status in plan.statuses))
            done = await asyncio.gather(*(self._do(action, publisher, desired) for action in plan.actions))
            self.passed_at = time.monotonic()
            if not any(done):
                pause = _PASS_SECONDS if plan.wake_at is None else min(_PASS_SECONDS, max(0.02, plan.wake_at - now))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._runtime.changed.wait(), pause)

    async def _tell(self, publisher: Publisher, status: WorkloadStatus, desired: DesiredState) -> None:
        hindrance = self._hindered.get(status.workload_id)
        if hindrance is not None and status.state is WorkloadState.PENDING and status.failure is None:
            status = status.model_copy(update={"failure": hindrance})
        if self._told.get(status.workload_id) == status:
            return
        wanted = desired.workloads.get(status.workload_id)
        traceparent.set(wanted.traceparent if wanted is not None else None)
        await publisher.publish(status)
        self._told[status.workload_id] = status
        log.info("status", workload_id=status.workload_id, state=status.state.value, attempt=status.attempt)

    async def _do(self, action: Action, publisher: Publisher, desired: DesiredState) -> bool:
        """Carry out an action; False: it did not work out now, and the next pass will plan it again."""
        match action:
            case Start(spec, replica, attempt, tries):
                try:
                    await self._runtime.start(spec, replica=replica, attempt=attempt, tries=tries)
                except UnavailableError as error:
                    log.error("could not start", workload_id=spec.workload_id, replica=replica, error=str(error))
                    self._hindered[spec.workload_id] = Failure(code="not_started", message=str(error))
                    return False
                self._hindered.pop(spec.workload_id, None)
            case Stop(workload_id, replica, overdue):
                try:
                    await self._runtime.stop(workload_id, replica, overdue=overdue)
                except UnavailableError as error:
                    log.error("could not stop", workload_id=workload_id, replica=replica, error=str(error))
                    return False
            case Forget(workload_id, replica):
                await self._forget(workload_id, (replica,))
            case Finish():
                await self._finish(action, publisher, desired)
        return True

    async def _finish(self, action: Finish, publisher: Publisher, desired: DesiredState) -> None:
        # In this order: a scheduler that dies between two steps does the earlier ones again, which is harmless.
        workload_id = action.status.workload_id
        await self._tell(publisher, action.status, desired)
        if action.answers is not None:
            tombstone = ended_record(workload_id.encode(), action.answers)
            await publisher.send(tombstone)
            desired.apply(tombstone)
        await self._forget(workload_id, action.replicas)
        self._told.pop(workload_id, None)
        self._hindered.pop(workload_id, None)

    async def _forget(self, workload_id: str, replicas: Sequence[int]) -> None:
        try:
            for replica in replicas:
                await self._runtime.forget(workload_id, replica)
        except UnavailableError as error:  # the next pass finds it, as a run that nobody wants
            log.error("could not forget", workload_id=workload_id, error=str(error))


async def _mend_log(desired: DesiredState, publisher: Publisher) -> None:
    for overwritten in desired.take_overwritten():
        await publisher.send(overwritten)
    for refused in desired.take_refused():
        await publisher.dead_letter(refused.record, refused.reason)
        await publisher.send(refused.instead or ended_record(refused.record.key, NO_SPEC))


def _count(statuses: list[WorkloadStatus]) -> None:
    WORKLOADS.clear()
    for (kind, state), count in Tally((status.kind, status.state.value) for status in statuses).items():
        WORKLOADS.labels(kind, state).set(count)
