"""What each event does to the database. Called by the projector with each event once, in order per key, inside a transaction.

An event about a row that was deleted, or of an older generation, changes nothing. Rows are locked deployment first, then its results.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import singledispatch
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.progress import record, silence, totals
from kafka_ml_api.states import (
    DEPLOYMENT,
    INFERENCE,
    RESULT,
    VERSION,
    DeploymentState,
    InferenceState,
    ResultState,
    VersionState,
    deployment_state,
)
from kafka_ml_api.tables import Datasource, Deployment, Draft, Inference, ModelVersion, Result, ResultEpoch
from kafka_ml_common import topics
from kafka_ml_common.messages import (
    DraftChecked,
    EpochFinished,
    Event,
    Failure,
    InferenceFailed,
    InferenceProgress,
    InferenceReady,
    ModelRejected,
    ModelSummary,
    ModelValidated,
    StreamMatched,
    StreamRecorded,
    StreamRefused,
    TrainingFailed,
    TrainingFinished,
    TrainingStarted,
    TrainingStopped,
    WorkloadState,
    WorkloadStatus,
)
from kafka_ml_common.workloads import ENDED


@dataclass(frozen=True, slots=True)
class Locked:
    """The rows of a deployment and its results, locked in that order, as the use cases do."""

    deployment: Deployment
    results: list[Result]


@dataclass(frozen=True, slots=True)
class Moment:
    """Where and when an event is applied: the transaction, and the time that the event tells.

    Attributes:
        held: deployments that the transaction has locked already, so that nobody else can have changed them since, by their ids.
    """

    session: AsyncSession
    time: datetime
    held: dict[int, Locked] = field(default_factory=dict)

    def changed(self, resource: outbox.Resource, row_id: int, state: str | None) -> None:
        """Have everyone told that a row was updated."""
        outbox.tell(self.session, resource, row_id, "updated", state)


@singledispatch
async def apply(event: Event, moment: Moment) -> None:
    """Apply an event. Those without a function of their own below say nothing about a row, and are only stored."""


@apply.register
async def _model_validated(event: ModelValidated, moment: Moment) -> None:
    version = await moment.session.get(ModelVersion, (event.model_id, event.version), with_for_update=True)
    if version is None or not _judge(version, VersionState.VALID, moment):
        return
    version.summary, version.failure = event.summary.model_dump(mode="json"), None


@apply.register
async def _model_rejected(event: ModelRejected, moment: Moment) -> None:
    version = await moment.session.get(ModelVersion, (event.model_id, event.version), with_for_update=True)
    if version is not None and _judge(version, VersionState.INVALID, moment):
        version.summary, version.failure = None, _document(event.failure)


@apply.register
async def _draft_checked(event: DraftChecked, moment: Moment) -> None:
    draft = await moment.session.get(Draft, event.draft, with_for_update=True)
    if draft is not None:
        _settle(draft, event.summary, event.failure)


def _settle(draft: Draft, summary: ModelSummary | None, failure: Failure | None) -> None:
    wanted = VersionState.VALID if summary is not None else VersionState.INVALID
    if VERSION.advance(draft.state, wanted) is draft.state:
        return
    draft.state, draft.failure = wanted, _document(failure)
    draft.summary = summary.model_dump(mode="json") if summary is not None else None


def _judge(version: ModelVersion, wanted: VersionState, moment: Moment) -> bool:
    if VERSION.advance(version.state, wanted) is version.state:
        return False
    version.state, version.validated_at = wanted, moment.time
    moment.changed("models", version.model_id, wanted)
    return True


@apply.register
async def _stream_recorded(event: StreamRecorded, moment: Moment) -> None:
    statement = (
        insert(Datasource)
        .values(
            fingerprint=event.fingerprint,
            deployment_id=event.deployment_id,
            stream=event.stream.model_dump(mode="json"),
            created_at=moment.time,
        )
        .on_conflict_do_nothing(index_elements=[Datasource.fingerprint])
        .returning(Datasource.id)
    )
    created = await moment.session.scalar(statement)
    if created is not None:
        outbox.tell(moment.session, "datasources", created, "created")


@apply.register
async def _stream_matched(event: StreamMatched, moment: Moment) -> None:
    locked = await _lock(event.deployment_id, moment)
    results = locked.results if locked is not None else []
    # Whoever stopped or deleted them may have been a moment faster than control, which then asked for work that nobody wants.
    wanted = {result.id for result in results if not RESULT.is_final(result.state)}
    for result_id in event.result_ids:
        if result_id not in wanted:
            outbox.withdraw(moment.session, topics.WORKLOADS, f"training-{result_id}")
    if locked is None:
        return
    deployment = locked.deployment
    source = await moment.session.scalar(select(Datasource.id).where(Datasource.fingerprint == event.fingerprint))
    if DEPLOYMENT.is_final(deployment.state):
        # Its results may have models all the same, and inferences with them ask what they were trained on.
        deployment.datasource_id = deployment.datasource_id or source
        return
    deployment.datasource_id, deployment.failure = source, None
    for result in results:
        if result.id in event.result_ids:
            _move(result, ResultState.PENDING, moment)
    _follow(deployment, results, moment)


@apply.register
async def _stream_refused(event: StreamRefused, moment: Moment) -> None:
    deployment = await moment.session.get(Deployment, event.deployment_id, with_for_update=True)
    if deployment is not None and deployment.state is DeploymentState.AWAITING:
        deployment.failure = _document(event.failure)
        moment.changed("deployments", deployment.id, deployment.state)


@apply.register
async def _training_started(event: TrainingStarted, moment: Moment) -> None:
    result = await _move_result(event.result_id, ResultState.RUNNING, moment)
    if result is None or RESULT.is_final(result.state):
        return
    # Another attempt begins anew; its epochs are the ones that count.
    await moment.session.execute(delete(ResultEpoch).where(ResultEpoch.result_id == result.id))
    result.epochs, result.epochs_done = event.epochs, 0
    result.training_size, result.validation_size = event.training_size, event.validation_size
    result.test_size, result.skipped = event.test_size, event.skipped
    result.input_shape = list(event.input_shape)
    result.started_at = result.started_at or moment.time


@apply.register
async def _epoch_finished(event: EpochFinished, moment: Moment) -> None:
    result = await _move_result(event.result_id, ResultState.RUNNING, moment)
    if result is None or RESULT.is_final(result.state):
        return
    values: dict[str, Any] = {
        "metrics": event.metrics,
        "duration_seconds": event.duration_seconds,
        "samples_per_second": event.samples_per_second,
    }
    statement = insert(ResultEpoch).values(result_id=result.id, epoch=event.epoch, **values)
    await moment.session.execute(
        statement.on_conflict_do_update(index_elements=[ResultEpoch.result_id, ResultEpoch.epoch], set_=values)
    )
    result.epochs_done = event.epoch


@apply.register(TrainingFinished)
@apply.register(TrainingStopped)
async def _training_ended(event: TrainingFinished | TrainingStopped, moment: Moment) -> None:
    wanted = ResultState.FINISHED if isinstance(event, TrainingFinished) else ResultState.STOPPED
    result = await _move_result(event.result_id, wanted, moment)
    # A stop that the scheduler told first is no reason to lose what the trainer kept.
    if result is None or result.state is not wanted or result.model_object is not None:
        return
    result.training_metrics, result.validation_metrics = event.training_metrics, event.validation_metrics
    result.test_metrics = event.test_metrics
    result.confusion_matrix = event.confusion_matrix.model_dump(mode="json") if event.confusion_matrix else None
    result.epochs_done, result.duration_seconds = event.epochs_done, event.duration_seconds
    result.model_object, result.model_bytes = event.model_object, event.model_bytes
    result.failure = None


@apply.register
async def _training_failed(event: TrainingFailed, moment: Moment) -> None:
    await _move_result(event.result_id, ResultState.FAILED, moment, event.failure)


@apply.register
async def _workload_status(event: WorkloadStatus, moment: Moment) -> None:
    owner_id = _number_of(event.owner)
    if owner_id is None:
        return
    if event.kind == "training":
        await _training_status(owner_id, event, moment)
    elif event.owner.startswith("validations/"):
        await _draft_status(owner_id, event, moment)
    elif event.kind == "validation":
        await _validation_status(owner_id, event, moment)
    else:
        await _inference_status(owner_id, event, moment)


_RESULT_STATE = {
    WorkloadState.PENDING: ResultState.PENDING,
    WorkloadState.RUNNING: ResultState.RUNNING,
    WorkloadState.FAILED: ResultState.FAILED,
    WorkloadState.STOPPED: ResultState.STOPPED,
}


async def _training_status(result_id: int, event: WorkloadStatus, moment: Moment) -> None:
    wanted = _RESULT_STATE.get(event.state)
    if wanted is None:  # succeeded: the trainer has told how
        return
    result = await _move_result(result_id, wanted, moment, event.failure if RESULT.is_final(wanted) else None)
    if result is not None and not RESULT.is_final(result.state):
        result.attempt = max(result.attempt, event.attempt)
        _explain(result, event.failure, "results", result.id, moment)


async def _validation_status(model_id: int, event: WorkloadStatus, moment: Moment) -> None:
    if event.state is WorkloadState.SUCCEEDED:  # the validator has told how
        return
    number = _number_of(event.workload_id, separator="-")
    version = await moment.session.get(ModelVersion, (model_id, number), with_for_update=True)
    if version is None or event.generation < version.generation:
        return
    if event.state in (WorkloadState.PENDING, WorkloadState.RUNNING):
        if not VERSION.is_final(version.state):
            _explain(version, event.failure, "models", model_id, moment)
    elif _judge(version, VersionState.INVALID, moment):
        version.summary, version.failure = None, _document(event.failure or _STOPPED)


_STOPPED = Failure(code="stopped", message="The check was stopped before it ended. Validate the model again.")


async def _draft_status(draft_id: int, event: WorkloadStatus, moment: Moment) -> None:
    draft = await moment.session.get(Draft, draft_id, with_for_update=True)
    if draft is None or VERSION.is_final(draft.state):
        return
    if event.state in (WorkloadState.PENDING, WorkloadState.RUNNING):
        draft.failure = _document(event.failure)
    elif event.state is not WorkloadState.SUCCEEDED:
        _settle(draft, None, event.failure or _STOPPED)


async def _inference_status(inference_id: int, event: WorkloadStatus, moment: Moment) -> None:
    inference = await _current_inference(inference_id, event.generation, moment)
    if inference is None:
        return
    _count_replicas(inference, event.replicas_running)
    if event.state is WorkloadState.PENDING:
        _move_inference(inference, InferenceState.PENDING, moment)
        _explain(inference, event.failure, "inferences", inference.id, moment)
    elif event.state is WorkloadState.RUNNING:
        # A process that runs may still be loading its model; only the replica itself knows when it reads. One that is paused has none.
        if event.replicas_wanted == 0:
            _run(inference, moment)
        _explain(inference, event.failure, "inferences", inference.id, moment)
    elif event.state is WorkloadState.FAILED:
        _fail(inference, event.failure, moment)
    else:
        _move_inference(inference, InferenceState.STOPPED, moment)


@apply.register
async def _inference_ready(event: InferenceReady, moment: Moment) -> None:
    inference = await _living_inference(event.inference_id, moment)
    if inference is not None and inference.result_id == event.result_id:
        _run(inference, moment)


@apply.register
async def _inference_progress(event: InferenceProgress, moment: Moment) -> None:
    inference = await _living_inference(event.inference_id, moment)
    if inference is None:
        return
    # A replica with today's model that reports does its work, whatever happened to another one since it told that it was ready.
    if inference.state is InferenceState.PENDING and event.generation >= inference.generation:
        _run(inference, moment)
    _show(inference, record(inference.progress, event))


@apply.register
async def _inference_failed(event: InferenceFailed, moment: Moment) -> None:
    inference = await _current_inference(event.inference_id, event.generation, moment)
    if inference is not None:
        _fail(inference, event.failure, moment)


async def _current_inference(inference_id: int, generation: int, moment: Moment) -> Inference | None:
    """The inference's row, locked; None if it is gone, has ended, or the event is about an older spec."""
    inference = await _living_inference(inference_id, moment)
    return inference if inference is not None and generation >= inference.generation else None


async def _living_inference(inference_id: int, moment: Moment) -> Inference | None:
    """The inference's row, locked; None if it is gone or has ended.

    What replicas tell of themselves is not judged by generation: scaling leaves those that stay as they are, with the spec they have.
    """
    inference = await moment.session.get(Inference, inference_id, with_for_update=True)
    return None if inference is None or INFERENCE.is_final(inference.state) else inference


def _run(inference: Inference, moment: Moment) -> None:
    if _move_inference(inference, InferenceState.RUNNING, moment):
        inference.failure = None
        inference.started_at = inference.started_at or moment.time


def _fail(inference: Inference, failure: Failure | None, moment: Moment) -> None:
    inference.failure = _document(failure)
    _move_inference(inference, InferenceState.FAILED, moment)
    # Nobody else takes the desired state back, and a scheduler that starts anew would try what can't work.
    outbox.withdraw(moment.session, topics.WORKLOADS, f"inference-{inference.id}")


def _move_inference(inference: Inference, wanted: InferenceState, moment: Moment) -> bool:
    if INFERENCE.advance(inference.state, wanted) is inference.state:
        return False
    inference.state = wanted
    if INFERENCE.is_final(wanted):
        inference.ended_at, inference.replicas_running = moment.time, 0
    if wanted is not InferenceState.RUNNING and inference.replicas_running == 0:
        _show(inference, silence(inference.progress))
    moment.changed("inferences", inference.id, wanted)
    return True


def _count_replicas(inference: Inference, running: int) -> None:
    scaled = running != inference.replicas_running
    inference.replicas_running = running
    if scaled and inference.settings.get("autoscaling"):
        _show(inference, inference.progress)


def _show(inference: Inference, progress: dict[str, Any]) -> None:
    inference.progress = progress
    # Nobody tells when one that scales by itself lets go of a replica; the numbers of those that stay are the lowest.
    current = inference.replicas_running if inference.settings.get("autoscaling") else inference.replicas
    sums = totals(progress, current)
    inference.predicted, inference.dead_letters = sums.predicted, sums.dead_letters
    inference.rate, inference.lag = sums.rate, sums.lag
    inference.latency_p50_ms, inference.latency_p99_ms = sums.latency_p50_ms, sums.latency_p99_ms


async def _lock(deployment_id: int, moment: Moment) -> Locked | None:
    if (held := moment.held.get(deployment_id)) is not None:
        return held
    deployment = await moment.session.get(Deployment, deployment_id, with_for_update=True)
    if deployment is None:
        return None
    rows = await moment.session.scalars(
        select(Result).where(Result.deployment_id == deployment_id).order_by(Result.id).with_for_update()
    )
    moment.held[deployment_id] = locked = Locked(deployment, list(rows))
    return locked


async def _lock_owner(result_id: int, moment: Moment) -> Locked | None:
    """The deployment of a result, locked."""
    for held in moment.held.values():
        if any(result.id == result_id for result in held.results):
            return held
    deployment_id = await moment.session.scalar(select(Result.deployment_id).where(Result.id == result_id))
    return await _lock(deployment_id, moment) if deployment_id is not None else None


async def _move_result(
    result_id: int, wanted: ResultState, moment: Moment, failure: Failure | None = None
) -> Result | None:
    """Move a result, and its deployment with it. Returns the result, locked, in the state that it then has; None if it is gone."""
    locked = await _lock_owner(result_id, moment)
    if locked is None:
        return None
    result = next((row for row in locked.results if row.id == result_id), None)
    if result is None or RESULT.is_final(result.state):
        return result
    if failure is not None:
        result.failure = _document(failure)
    if _move(result, wanted, moment):
        _follow(locked.deployment, locked.results, moment)
    return result


def _move(result: Result, wanted: ResultState, moment: Moment) -> bool:
    if RESULT.advance(result.state, wanted) is result.state:
        return False
    result.state = wanted
    if RESULT.is_final(wanted):
        result.ended_at = moment.time
    moment.changed("results", result.id, wanted)
    return True


def _follow(deployment: Deployment, results: Collection[Result], moment: Moment) -> None:
    """Have a deployment follow its results; once it has ended, it awaits no stream any more."""
    state = deployment_state(deployment.state, [result.state for result in results])
    if state is deployment.state:
        return
    deployment.state = state
    if DEPLOYMENT.is_final(state):
        deployment.ended_at = moment.time
        outbox.withdraw(moment.session, topics.DEPLOYMENTS, str(deployment.id), ENDED)
    moment.changed("deployments", deployment.id, state)


def _explain(
    row: Result | ModelVersion | Inference,
    failure: Failure | None,
    resource: outbox.Resource,
    row_id: int,
    moment: Moment,
) -> None:
    """Show why something does not run, or not as it should; a scheduler's status tells the whole of it, so none means that all is well."""
    document = _document(failure)
    if row.failure != document:
        row.failure = document
        moment.changed(resource, row_id, row.state)


def _document(failure: Failure | None) -> dict[str, Any] | None:
    return failure.model_dump(mode="json") if failure is not None else None


def _number_of(name: str, separator: str = "/") -> int | None:
    """The number at a name's end: 7 of `results/7`. None where there is none that can be an id."""
    text = name.rpartition(separator)[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
