"""Plan: from what should run and what runs to what is to be done and told. Pure, and level-triggered: it needs no memory.

Each pass looks at all workloads. What a pass could not do, or did in vain, the next one plans again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

from kafka_ml_common.messages import Failure, WorkloadState, WorkloadStatus
from kafka_ml_common.workloads import STORING_SECONDS, InferenceSpec, TrainingSpec, ValidationSpec
from kafka_ml_scheduler.desired import NO_SPEC, Wanted
from kafka_ml_scheduler.runtimes.base import Ending, Phase, Run, Spec

LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
"""A replica that ran this long starts its count of failures anew."""
GRACE_SECONDS = 180.0
"""What a host gets beyond its spec's time limit to end its work itself and say so: its events may take two minutes (reporting.py)."""
START_SECONDS = 300.0
HINDRANCES = frozenset({"image_not_found", "misconfigured", "not_startable", "refused"})
"""Codes of failures to start that an operator has to mend. A node may come by itself, an image does not."""
EVERY_GENERATION = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Start:
    """Start a replica."""

    spec: Spec
    replica: int
    attempt: int
    tries: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a replica; `overdue` says why, if for good."""

    workload_id: str
    replica: int
    overdue: Failure | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop an ended run that nobody waits for."""

    workload_id: str
    replica: int


@dataclass(frozen=True, slots=True)
class Finish:
    """A workload has ended for good: tell it, write its tombstone (if the log has a spec to answer), forget its runs."""

    status: WorkloadStatus
    answers: str | None
    replicas: tuple[int, ...]


Action = Start | Stop | Forget | Finish


@dataclass(slots=True)
class Plan:
    """What a pass comes to.

    Attributes:
        statuses: how each workload is, except those that a Finish tells about.
        wake_at: Unix time when the passing of time alone will ask for something; None if never.
    """

    statuses: list[WorkloadStatus] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    wake_at: float | None = None

    def wake(self, at: float) -> None:
        """Have a pass at this time at the latest."""
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)


def reconcile(
    desired: Mapping[str, Wanted],
    runs: Iterable[Run],
    *,
    now: float,
    max_parallel: int,
    withdrawn_unknown: Collection[str] = (),
    told: Mapping[str, WorkloadStatus] = MappingProxyType({}),
    keeps_replicas: bool = False,
    start_seconds: float = START_SECONDS,
) -> Plan:
    """Plan the next pass.

    Args:
        desired: by workload id, in the order in which they were asked for.
        now: Unix time in seconds.
        max_parallel: trainings that may run at once. Validations count too, but have one place more and go first, so that nobody who
            writes a model waits for a training.
        withdrawn_unknown: workloads that were withdrawn and whose specs nobody knows any more.
        told: by workload id, the last status that was told of those that had not ended.
        keeps_replicas: see Runtime.
        start_seconds: how long a training or validation may be kept from starting by what waiting does not mend.
    """
    plan = Plan()
    by_workload: dict[str, dict[int, Run]] = {}
    for run in runs:
        by_workload.setdefault(run.workload_id, {})[run.replica] = run
    jobs: list[tuple[Wanted, Run | None]] = []
    for workload_id, wanted in desired.items():
        of_workload = by_workload.pop(workload_id, {})
        if wanted.withdrawn:
            _end_withdrawn(plan, wanted.spec, wanted.id, of_workload)
        elif isinstance(wanted.spec, InferenceSpec) and keeps_replicas:
            _keep_group(plan, wanted.spec, of_workload.get(0))
        elif isinstance(wanted.spec, InferenceSpec):
            _keep_replicas(plan, wanted.spec, of_workload, now)
        else:
            jobs.append((wanted, of_workload.get(0)))
    for workload_id in set(told) - set(desired) - set(by_workload) - set(withdrawn_unknown):
        # Nobody wanted it, and nothing is left of it that would say how it ended.
        over = {"state": WorkloadState.STOPPED, "replicas_running": 0, "failure": None}
        plan.actions.append(Finish(told[workload_id].model_copy(update=over), None, ()))
    for workload_id, orphans in by_workload.items():
        answers = NO_SPEC if workload_id in withdrawn_unknown else None
        _end_withdrawn(plan, orphans[min(orphans)].spec, answers, orphans)
    for workload_id in withdrawn_unknown:
        if workload_id not in by_workload:
            plan.actions.append(Finish(_stopped_unknown(workload_id), NO_SPEC, ()))
    _run_jobs(plan, jobs, now, max_parallel, start_seconds)
    return plan


def pause_after(tries: int) -> float:
    """Seconds to wait before the next try: 1, 2, 4, ... 30."""
    return min(LONGEST_PAUSE_SECONDS, 2.0 ** min(tries - 1, 10))


def time_limit(spec: Spec) -> float | None:
    """Seconds after which a run is stopped from outside; None: never. Hosts themselves keep to the spec's limit."""
    match spec:
        case TrainingSpec():
            # A trained model is not given up: it may wait for the object store when its time is over.
            return spec.settings.timeout_seconds + STORING_SECONDS + GRACE_SECONDS
        case ValidationSpec():
            return spec.timeout_seconds + GRACE_SECONDS
    return None


def _status(spec: Spec, state: WorkloadState, **more: object) -> WorkloadStatus:
    return WorkloadStatus.model_validate(
        {
            "workload_id": spec.workload_id,
            "kind": spec.kind,
            "owner": spec.subject,
            "event_key": spec.event_key,
            "generation": spec.generation,
            "state": state,
            "replicas_wanted": spec.replicas if isinstance(spec, InferenceSpec) else 1,
            **more,
        }
    )


def _stopped_unknown(workload_id: str) -> WorkloadStatus:
    """The status of a workload that was withdrawn and has no run. Who waits for its end knows it by its owner; the key is a guess."""
    kind, _, number = workload_id.partition("-")
    owner = f"{'results' if kind == 'training' else 'inferences'}/{number}"
    return WorkloadStatus.model_validate(
        {
            "workload_id": workload_id,
            "kind": kind,
            "owner": owner,
            "event_key": owner,
            "generation": EVERY_GENERATION,
            "state": WorkloadState.STOPPED,
        }
    )


def _is_outdated(run: Run, spec: Spec) -> bool:
    """Whether the run works to another spec. How many replicas there are doesn't concern a replica."""
    irrelevant = {"generation", "attempts", "replicas"}
    return run.spec.kind != spec.kind or run.spec.model_dump(exclude=irrelevant) != spec.model_dump(exclude=irrelevant)


def _end_withdrawn(plan: Plan, spec: Spec, answers: str | None, runs: Mapping[int, Run]) -> None:
    going = [run for run in runs.values() if run.phase is not Phase.ENDED]
    plan.actions += [Stop(spec.workload_id, run.replica) for run in going if run.phase is not Phase.STOPPING]
    if going:
        at_work = sum(run.at_work for run in going)
        state = WorkloadState.RUNNING if at_work else WorkloadState.PENDING
        plan.statuses.append(_status(going[0].spec, state, replicas_running=at_work, attempt=going[0].attempt))
        return
    state, attempt, failure = WorkloadState.STOPPED, 1, None
    for run in runs.values():
        attempt = run.attempt
        # It may have ended by itself before it was withdrawn, unheard as the scheduler was away.
        if run.ending is Ending.DONE:
            state = WorkloadState.SUCCEEDED
        elif _is_final_failure(run):
            state, failure = WorkloadState.FAILED, run.failure
    plan.actions.append(Finish(_status(spec, state, attempt=attempt, failure=failure), answers, tuple(runs)))


def _is_final_failure(run: Run) -> bool:
    if isinstance(run.spec, InferenceSpec):
        return False
    return run.ending is Ending.OVERDUE or (run.ending is Ending.CRASHED and run.attempt >= run.spec.attempts)


def _run_jobs(
    plan: Plan, jobs: list[tuple[Wanted, Run | None]], now: float, max_parallel: int, start_seconds: float
) -> None:
    busy = sum(run is not None and run.phase is not Phase.ENDED for _, run in jobs)
    for wanted, run in sorted(jobs, key=lambda job: job[0].spec.kind != "validation"):
        start = _look_after_job(plan, wanted, run, now, start_seconds)
        if start is None:
            continue
        failure = run.failure if run is not None else None
        if busy < (max_parallel + 1 if wanted.spec.kind == "validation" else max_parallel):
            busy += 1
            plan.actions.append(start)
        elif failure is None:
            failure = Failure(
                code="waiting", message=f"Waiting for a free slot: {max_parallel} trainings may run at once."
            )
        plan.statuses.append(_status(wanted.spec, WorkloadState.PENDING, attempt=start.attempt, failure=failure))


def _look_after_job(plan: Plan, wanted: Wanted, run: Run | None, now: float, start_seconds: float) -> Start | None:
    """Plan for a training or validation; returns the start that it is due for, if it is."""
    spec = wanted.spec
    if run is None:
        return Start(spec, 0, 1, 1)
    if _is_outdated(run, spec):
        if run.phase is Phase.ENDED:
            return Start(spec, 0, 1, 1)
        if run.phase is not Phase.STOPPING:
            plan.actions.append(Stop(run.workload_id, 0))
        plan.statuses.append(_status(spec, WorkloadState.PENDING))
        return None
    if run.phase is Phase.PENDING:
        plan.statuses.append(_status(spec, WorkloadState.PENDING, attempt=run.attempt, failure=run.failure))
        _mind_hindrance(plan, run, now, start_seconds)
        return None
    if run.phase is Phase.STOPPING and not run.at_work:
        plan.statuses.append(_status(spec, WorkloadState.PENDING, attempt=run.attempt, failure=run.failure))
        return None
    if run.phase is not Phase.ENDED:
        plan.statuses.append(_status(spec, WorkloadState.RUNNING, attempt=run.attempt, replicas_running=1))
        _mind_time_limit(plan, run, now)
        return None
    if run.ending is Ending.DONE:
        plan.actions.append(Finish(_status(spec, WorkloadState.SUCCEEDED, attempt=run.attempt), wanted.id, (0,)))
        return None
    if _is_final_failure(run):
        status = _status(spec, WorkloadState.FAILED, attempt=run.attempt, failure=_after_attempts(run))
        plan.actions.append(Finish(status, wanted.id, (0,)))
        return None
    if run.ending is Ending.STOPPED:
        return Start(spec, 0, run.attempt, 1)
    start = Start(spec, 0, run.attempt + (run.ending is Ending.CRASHED), run.tries + 1)
    due = (run.ended_at or now) + pause_after(run.tries)
    if due <= now:
        return start
    plan.wake(due)
    plan.statuses.append(_status(spec, WorkloadState.PENDING, attempt=start.attempt, failure=run.failure))
    return None


def _mind_time_limit(plan: Plan, run: Run, now: float) -> None:
    limit = time_limit(run.spec)
    if limit is None or run.phase is not Phase.RUNNING:
        return
    if now < run.started_at + limit:
        plan.wake(run.started_at + limit)
        return
    failure = Failure(
        code="timeout",
        message=f"It did not end by itself at its time limit and was stopped after {limit:g} seconds. "
        "Train fewer epochs, use less data, or raise timeout_seconds.",
    )
    plan.actions.append(Stop(run.workload_id, run.replica, failure))


def _mind_hindrance(plan: Plan, run: Run, now: float, start_seconds: float) -> None:
    if run.failure is None or run.failure.code not in HINDRANCES:
        return
    if now < run.started_at + start_seconds:
        plan.wake(run.started_at + start_seconds)
        return
    message = f"{run.failure.message} It did not start within {start_seconds:g} seconds."
    plan.actions.append(Stop(run.workload_id, run.replica, run.failure.model_copy(update={"message": message})))


def _after_attempts(run: Run) -> Failure | None:
    if run.failure is None or run.attempt == 1:
        return run.failure
    return run.failure.model_copy(update={"message": f"{run.failure.message} It was tried {run.attempt} times."})


def _keep_group(plan: Plan, spec: InferenceSpec, run: Run | None) -> None:
    if run is None or (
        run.phase is not Phase.STOPPING and (_is_outdated(run, spec) or _is_scaled_otherwise(run, spec))
    ):
        plan.actions.append(Start(spec, 0, 1, 1))
    wanted = (run.replicas_wanted or 0) if run is not None and run.scales_itself and spec.replicas else spec.replicas
    running = run.at_work if run is not None else 0
    plan.statuses.append(
        _status(
            spec,
            WorkloadState.RUNNING if running or not wanted else WorkloadState.PENDING,
            replicas_wanted=wanted,
            replicas_running=running,
            failure=run.failure if run is not None else None,
        )
    )


def _is_scaled_otherwise(run: Run, spec: InferenceSpec) -> bool:
    assert isinstance(run.spec, InferenceSpec)  # noqa: S101 - the kind is part of the workload's id
    if run.scales_itself:
        return (run.spec.replicas == 0) != (spec.replicas == 0)
    return run.spec.replicas != spec.replicas


def _keep_replicas(plan: Plan, spec: InferenceSpec, runs: Mapping[int, Run], now: float) -> None:
    kept = {replica: runs.get(replica) for replica in range(spec.replicas)}
    for replica, run in runs.items():
        if replica in kept:
            continue
        if run.phase is Phase.ENDED:
            plan.actions.append(Forget(run.workload_id, replica))
        elif run.phase is Phase.RUNNING:
            plan.actions.append(Stop(run.workload_id, replica))
    for replica, present in kept.items():
        if present is None or present.phase is Phase.ENDED:
            _start_replica(plan, spec, replica, present, now)
    running = [run for run in kept.values() if run is not None and run.phase is Phase.RUNNING]
    outdated = [run for run in running if _is_outdated(run, spec)]
    if outdated and len(running) == len(kept):
        # One replica after another: the others go on predicting meanwhile, and a spec that crashes hurts one only.
        plan.actions.append(Stop(spec.workload_id, outdated[0].replica))
    failures = (run.failure for run in kept.values() if run is not None and run.phase is Phase.ENDED)
    plan.statuses.append(
        _status(
            spec,
            WorkloadState.RUNNING if running or not kept else WorkloadState.PENDING,
            attempt=max(chain((run.attempt for run in kept.values() if run is not None), (1,))),
            replicas_running=len(running),
            failure=next((failure for failure in failures if failure is not None), None),
        )
    )


def _start_replica(plan: Plan, spec: InferenceSpec, replica: int, ended: Run | None, now: float) -> None:
    if ended is None or ended.ending is Ending.STOPPED or _is_outdated(ended, spec):
        plan.actions.append(Start(spec, replica, 1, 1))
        return
    ended_at = ended.ended_at or now
    tries = 0 if ended_at - ended.started_at >= HEALTHY_SECONDS else ended.tries
    due = ended_at + pause_after(max(tries, 1))
    if due <= now:
        plan.actions.append(Start(spec, replica, tries + 1, tries + 1))
    else:
        plan.wake(due)
