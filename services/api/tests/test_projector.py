"""Events become rows: applied to a real database, and once through a real Kafka."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from kafka_ml_api.db import Base, Database
from kafka_ml_api.events.schemas import Wanted
from kafka_ml_api.live import Hub
from kafka_ml_api.projector import Projector
from kafka_ml_api.states import DeploymentState, InferenceState, ResultState, VersionState
from kafka_ml_api.tables import (
    Configuration,
    Datasource,
    Deployment,
    Inference,
    Model,
    ModelVersion,
    OutboxMessage,
    Result,
    ResultEpoch,
    StoredEvent,
)
from kafka_ml_common import topics
from kafka_ml_common.bus import Publisher
from kafka_ml_common.cloudevents import Envelope, Record, encode
from kafka_ml_common.errors import InvalidError
from kafka_ml_common.messages import (
    ConfusionMatrix,
    EpochFinished,
    Event,
    Failure,
    InferenceFailed,
    InferenceProgress,
    InferenceReady,
    ModelRejected,
    ModelSummary,
    ModelValidated,
    ResourceChanged,
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
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import ControlMessage, InputFormat

STREAM = ControlMessage(topic="digits:0:0:10", input_format=InputFormat.RAW, input_config={"data_type": "uint8"})
OUT_OF_MEMORY = Failure(code="out_of_memory", message="It needed more than 256 MiB. Give it more.")


class Rows:
    """A model in a deployment with two results, and an inference, in a database; and a projector to apply events with."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.projector = Projector(database, KafkaSettings(), Publisher(KafkaSettings(), "test"))
        self.offset = 0

    async def fill(self) -> "Rows":
        async with self.database.transaction() as session:
            model = Model(name="digits")
            session.add(model)
            await session.flush()
            session.add(ModelVersion(model_id=model.id, version=1, code="model = None"))
            configuration = Configuration(name="digits")
            session.add(configuration)
            await session.flush()
            deployment = Deployment(configuration_id=configuration.id, settings={})
            session.add(deployment)
            await session.flush()
            results = [Result(deployment_id=deployment.id, model_id=model.id, model_version=1) for _ in range(2)]
            session.add_all(results)
            await session.flush()
            inference = Inference(
                result_id=results[0].id,
                input_topic="in",
                output_topic="out",
                input_format="RAW",
                input_config={},
                settings={},
                replicas=2,
                generation=2,
            )
            session.add(inference)
            await session.flush()
            self.model, self.deployment, self.inference = model.id, deployment.id, inference.id
            self.first, self.second = (result.id for result in results)
        return self

    async def happens(self, *events: Event) -> None:
        for event in events:
            await self.apply(Envelope(event, "test"))

    async def apply(self, envelope: Envelope[Any]) -> None:
        record = encode(envelope)
        self.offset += 1
        await self.projector.project(envelope, replace(record, partition=0, offset=self.offset))

    async def get(self, table: type[Base], key: Any) -> Any:
        async with self.database.transaction() as session:
            return await session.get(table, key)

    async def count(self, table: type[Base]) -> int:
        async with self.database.transaction() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0

    async def state(self) -> tuple[str, str, str]:
        rows = [await self.get(Result, key) for key in (self.first, self.second)]
        return (await self.get(Deployment, self.deployment)).state, rows[0].state, rows[1].state

    async def outbox(self) -> list[OutboxMessage]:
        async with self.database.transaction() as session:
            return list(await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))

    async def tombstones(self) -> list[tuple[str, str]]:
        return [(m.topic, m.key.decode()) for m in await self.outbox() if m.value is None]

    def matched(self) -> list[Event]:
        fingerprint = STREAM.fingerprint()
        return [
            StreamRecorded(deployment_id=self.deployment, fingerprint=fingerprint, stream=STREAM),
            StreamMatched(deployment_id=self.deployment, fingerprint=fingerprint, result_ids=(self.first, self.second)),
        ]

    def ids(self, result: int) -> dict[str, int]:
        return {"deployment_id": self.deployment, "result_id": result}

    def started(self, result: int) -> TrainingStarted:
        return TrainingStarted(
            **self.ids(result), epochs=3, training_size=8, validation_size=1, test_size=1, input_shape=(8, 8)
        )

    def epoch(self, result: int, number: int, loss: float | None = 0.5) -> EpochFinished:
        return EpochFinished(
            **self.ids(result), epoch=number, metrics={"loss": loss}, duration_seconds=1, samples_per_second=8
        )

    def finished(self, result: int, kind: type[Any] = TrainingFinished) -> Event:
        ended: Event = kind(
            **self.ids(result),
            training_metrics={"loss": 0.1},
            test_metrics={"accuracy": 0.9},
            confusion_matrix=ConfusionMatrix(labels=("0", "1"), counts=((1, 0), (0, 1))),
            epochs_done=3,
            duration_seconds=9,
            model_object=f"models/{result}/model.keras",
            model_bytes=100,
        )
        return ended

    def status(self, kind: Any, owner: str, state: WorkloadState, **more: Any) -> WorkloadStatus:
        workload = more.pop("workload_id", owner.replace("/", "-"))
        generation = more.pop("generation", 2)
        return WorkloadStatus(
            workload_id=workload,
            kind=kind,
            owner=owner,
            event_key="x",
            generation=generation,
            state=state,
            **more,
        )

    def progress(self, replica: int, predicted: int, generation: int = 2) -> InferenceProgress:
        return InferenceProgress(
            inference_id=self.inference,
            generation=generation,
            replica=replica,
            predicted=predicted,
            dead_letters=0,
            rate=5,
            latency_p50_ms=1,
            latency_p99_ms=2,
            lag=3,
        )


@pytest.fixture
async def rows(database: Database) -> Rows:
    return await Rows(database).fill()


async def test_a_training_from_its_stream_to_its_end(rows: Rows) -> None:
    await rows.happens(*rows.matched())
    assert await rows.state() == ("running", "pending", "pending")
    assert (await rows.get(Deployment, rows.deployment)).datasource_id is not None
    await rows.happens(rows.started(rows.first), rows.epoch(rows.first, 1), rows.epoch(rows.first, 2, None))
    result = await rows.get(Result, rows.first)
    assert (result.state, result.epochs, result.epochs_done, result.training_size) == ("running", 3, 2, 8)
    assert (await rows.get(ResultEpoch, (rows.first, 2))).metrics == {"loss": None}
    await rows.happens(rows.finished(rows.first))
    assert await rows.state() == ("running", "finished", "pending")
    await rows.happens(TrainingFailed(**rows.ids(rows.second), failure=OUT_OF_MEMORY))
    assert await rows.state() == ("finished", "finished", "failed")
    result = await rows.get(Result, rows.first)
    assert (result.test_metrics, result.model_bytes) == ({"accuracy": 0.9}, 100)
    assert result.confusion_matrix["counts"] == [[1, 0], [0, 1]]
    assert (await rows.get(Result, rows.second)).failure["code"] == "out_of_memory"
    assert (await rows.get(Deployment, rows.deployment)).ended_at is not None
    assert await rows.tombstones() == [(topics.DEPLOYMENTS, str(rows.deployment))]


async def test_late_and_repeated_events_move_nothing_backwards(rows: Rows) -> None:
    await rows.happens(*rows.matched(), rows.started(rows.first), rows.finished(rows.first))
    messages = len(await rows.outbox())
    await rows.happens(
        rows.started(rows.first),
        rows.epoch(rows.first, 1),
        rows.status("training", f"results/{rows.first}", WorkloadState.RUNNING),
        TrainingFailed(**rows.ids(rows.first), failure=OUT_OF_MEMORY),
        rows.status("training", f"results/{rows.first}", WorkloadState.STOPPED),
    )
    result = await rows.get(Result, rows.first)
    assert (result.state, result.failure, result.epochs_done) == (ResultState.FINISHED, None, 3)
    assert len(await rows.outbox()) == messages


async def test_the_same_event_is_applied_once(rows: Rows) -> None:
    envelope: Envelope[Any] = Envelope(rows.progress(0, 10), "test")
    await rows.apply(envelope)
    await rows.apply(Envelope(rows.progress(0, 4), "test"))
    await rows.apply(envelope)
    assert await rows.count(StoredEvent) == 2
    assert (await rows.get(Inference, rows.inference)).predicted == 14


async def test_a_second_attempt_begins_its_epochs_anew(rows: Rows) -> None:
    await rows.happens(*rows.matched(), rows.started(rows.first), rows.epoch(rows.first, 1), rows.epoch(rows.first, 2))
    owner = f"results/{rows.first}"
    await rows.happens(rows.status("training", owner, WorkloadState.PENDING, attempt=2, failure=OUT_OF_MEMORY))
    result = await rows.get(Result, rows.first)
    assert (result.state, result.attempt, result.failure["code"]) == ("running", 2, "out_of_memory")
    await rows.happens(rows.status("training", owner, WorkloadState.RUNNING, attempt=2))
    assert (await rows.get(Result, rows.first)).failure is None
    await rows.happens(rows.started(rows.first), rows.epoch(rows.first, 1))
    assert await rows.get(ResultEpoch, (rows.first, 2)) is None
    await rows.happens(rows.finished(rows.first))
    assert (await rows.get(Result, rows.first)).failure is None


WAITING = Failure(code="waiting", message="Waiting for a free slot: 2 trainings may run at once.")
UNSCHEDULABLE = Failure(code="unschedulable", message="No node has 9 processors. Ask for fewer.")


async def changes(rows: Rows, resource: str) -> int:
    """How often everyone was told that something of a resource has changed."""
    return sum(m.value is not None and f'"{resource}"'.encode() in m.value for m in await rows.outbox())


async def test_a_result_tells_what_its_training_waits_for_until_it_runs(rows: Rows) -> None:
    await rows.happens(*rows.matched())
    owner = f"results/{rows.first}"
    for reason in (WAITING, UNSCHEDULABLE):
        before = await changes(rows, "results")
        await rows.happens(rows.status("training", owner, WorkloadState.PENDING, failure=reason))
        result = await rows.get(Result, rows.first)
        assert (result.state, result.failure["code"]) == ("pending", reason.code)
        assert await changes(rows, "results") == before + 1
    await rows.happens(rows.status("training", owner, WorkloadState.RUNNING, replicas_running=1))
    result = await rows.get(Result, rows.first)
    assert (result.state, result.failure) == ("running", None)
    assert (await rows.get(Result, rows.second)).failure is None


async def test_a_model_tells_what_its_check_waits_for_until_it_runs(rows: Rows) -> None:
    def status(state: WorkloadState, failure: Failure | None = None, generation: int = 1) -> WorkloadStatus:
        owner, workload = f"models/{rows.model}", f"validation-{rows.model}-1"
        return rows.status(
            "validation", owner, state, workload_id=workload, generation=generation, failure=failure, attempt=1
        )

    await rows.happens(status(WorkloadState.PENDING, UNSCHEDULABLE))
    version = await rows.get(ModelVersion, (rows.model, 1))
    assert (version.state, version.failure["code"]) == (VersionState.VALIDATING, "unschedulable")
    assert await changes(rows, "models") == 1
    await rows.happens(status(WorkloadState.PENDING, WAITING, generation=0))
    assert (await rows.get(ModelVersion, (rows.model, 1))).failure["code"] == "unschedulable"
    await rows.happens(status(WorkloadState.RUNNING))
    assert (await rows.get(ModelVersion, (rows.model, 1))).failure is None
    await rows.happens(ModelRejected(model_id=rows.model, version=1, failure=OUT_OF_MEMORY))
    await rows.happens(status(WorkloadState.PENDING, WAITING), status(WorkloadState.RUNNING))
    version = await rows.get(ModelVersion, (rows.model, 1))
    assert (version.state, version.failure["code"]) == (VersionState.INVALID, "out_of_memory")


async def test_a_training_that_could_not_be_run_fails_with_the_schedulers_reason(rows: Rows) -> None:
    await rows.happens(*rows.matched())
    for result in (rows.first, rows.second):
        owner = f"results/{result}"
        await rows.happens(rows.status("training", owner, WorkloadState.FAILED, attempt=3, failure=OUT_OF_MEMORY))
    assert await rows.state() == ("failed", "failed", "failed")


async def test_a_stopped_training_keeps_what_was_stored(rows: Rows) -> None:
    await rows.happens(*rows.matched(), rows.finished(rows.first, TrainingStopped))
    result = await rows.get(Result, rows.first)
    assert (result.state, result.model_object) == ("stopped", f"models/{rows.first}/model.keras")
    await rows.happens(rows.status("training", f"results/{rows.second}", WorkloadState.STOPPED))
    assert await rows.state() == ("stopped", "stopped", "stopped")
    # Events of scheduler and trainer travel on different paths; the model is kept in either order.
    await rows.happens(rows.finished(rows.second, TrainingStopped))
    assert (await rows.get(Result, rows.second)).model_object == f"models/{rows.second}/model.keras"


async def test_a_refused_stream_is_told_and_the_deployment_goes_on_waiting(rows: Rows) -> None:
    refused = StreamRefused(deployment_id=rows.deployment, fingerprint="f", failure=OUT_OF_MEMORY)
    await rows.happens(refused)
    deployment = await rows.get(Deployment, rows.deployment)
    assert (deployment.state, deployment.failure["code"]) == (DeploymentState.AWAITING, "out_of_memory")
    await rows.happens(*rows.matched())
    assert (await rows.get(Deployment, rows.deployment)).failure is None


async def test_a_stream_that_matches_a_stopped_deployment_has_its_workloads_withdrawn(rows: Rows) -> None:
    async with rows.database.transaction() as session:
        for key in (rows.first, rows.second):
            (await session.get_one(Result, key)).state = ResultState.STOPPED
        (await session.get_one(Deployment, rows.deployment)).state = DeploymentState.STOPPED
    await rows.happens(*rows.matched())
    expected = [(topics.WORKLOADS, f"training-{key}") for key in (rows.first, rows.second)]
    assert await rows.tombstones() == expected
    assert await rows.state() == ("stopped", "stopped", "stopped")
    assert (await rows.get(Deployment, rows.deployment)).datasource_id is not None


async def test_a_stream_announced_again_is_one_data_source(rows: Rows) -> None:
    await rows.happens(*rows.matched(), *rows.matched())
    assert await rows.count(Datasource) == 1


async def test_a_model_is_judged_once(rows: Rows) -> None:
    summary = ModelSummary(layers=(), parameters=5, trainable_parameters=5, input_shape=(8, 8), output_shape=(10,))
    await rows.happens(ModelValidated(model_id=rows.model, version=1, summary=summary))
    await rows.happens(ModelRejected(model_id=rows.model, version=1, failure=OUT_OF_MEMORY))
    version = await rows.get(ModelVersion, (rows.model, 1))
    assert (version.state, version.summary["parameters"], version.failure) == (VersionState.VALID, 5, None)


async def test_a_check_that_died_makes_the_version_invalid_unless_a_newer_check_was_asked_for(rows: Rows) -> None:
    failed = rows.status(
        "validation",
        f"models/{rows.model}",
        WorkloadState.FAILED,
        workload_id=f"validation-{rows.model}-1",
        generation=1,
        failure=OUT_OF_MEMORY,
    )
    async with rows.database.transaction() as session:
        (await session.get_one(ModelVersion, (rows.model, 1))).generation = 2
    await rows.happens(failed)
    assert (await rows.get(ModelVersion, (rows.model, 1))).state is VersionState.VALIDATING
    await rows.happens(failed.model_copy(update={"generation": 2}))
    version = await rows.get(ModelVersion, (rows.model, 1))
    assert (version.state, version.failure["code"]) == (VersionState.INVALID, "out_of_memory")


async def test_an_inference_with_its_ups_and_downs(rows: Rows) -> None:
    owner = f"inferences/{rows.inference}"
    ready = InferenceReady(inference_id=rows.inference, generation=2, replica=0, result_id=rows.first)
    await rows.happens(rows.status("inference", owner, WorkloadState.RUNNING, replicas_running=2), ready)
    await rows.happens(rows.progress(0, 10, generation=1), rows.progress(1, 20))
    inference = await rows.get(Inference, rows.inference)
    assert (inference.state, inference.replicas_running) == (InferenceState.RUNNING, 2)
    assert (inference.predicted, inference.rate, inference.lag, inference.latency_p99_ms) == (30, 10, 6, 2)
    crashed = rows.status("inference", owner, WorkloadState.PENDING, replicas_running=0, failure=OUT_OF_MEMORY)
    await rows.happens(crashed)
    inference = await rows.get(Inference, rows.inference)
    assert (inference.state, inference.failure["code"], inference.rate) == ("pending", "out_of_memory", 0)
    await rows.happens(ready)
    inference = await rows.get(Inference, rows.inference)
    assert (inference.state, inference.failure) == ("running", None)
    await rows.happens(InferenceFailed(inference_id=rows.inference, generation=2, replica=0, failure=OUT_OF_MEMORY))
    await rows.happens(ready, rows.status("inference", owner, WorkloadState.STOPPED))
    inference = await rows.get(Inference, rows.inference)
    assert (inference.state, inference.failure["code"]) == ("failed", "out_of_memory")
    assert await rows.tombstones() == [(topics.WORKLOADS, f"inference-{rows.inference}")]


async def test_an_inference_tells_what_it_waits_for_and_how_many_replicas_run(rows: Rows) -> None:
    owner = f"inferences/{rows.inference}"

    async def seen() -> tuple[str, int, str | None]:
        inference = await rows.get(Inference, rows.inference)
        return inference.state, inference.replicas_running, inference.failure and inference.failure["code"]

    await rows.happens(rows.status("inference", owner, WorkloadState.PENDING, failure=UNSCHEDULABLE))
    assert await seen() == ("pending", 0, "unschedulable")
    assert await changes(rows, "inferences") == 1
    # One of two has a place, and loads its model.
    await rows.happens(
        rows.status("inference", owner, WorkloadState.RUNNING, replicas_running=1, failure=UNSCHEDULABLE)
    )
    assert await seen() == ("pending", 1, "unschedulable")
    ready = InferenceReady(inference_id=rows.inference, generation=2, replica=0, result_id=rows.first)
    await rows.happens(
        ready, rows.status("inference", owner, WorkloadState.RUNNING, replicas_running=1, failure=UNSCHEDULABLE)
    )
    assert await seen() == ("running", 1, "unschedulable")
    await rows.happens(rows.status("inference", owner, WorkloadState.RUNNING, replicas_running=2))
    assert await seen() == ("running", 2, None)
    # A node is drained: none runs.
    await rows.happens(rows.status("inference", owner, WorkloadState.PENDING, replicas_running=0))
    assert await seen() == ("pending", 0, None)
    # Paused, or scaled to none as nothing waits: that is no trouble.
    await rows.happens(rows.status("inference", owner, WorkloadState.RUNNING, replicas_running=0, replicas_wanted=0))
    assert await seen() == ("running", 0, None)


async def test_one_that_scales_by_itself_sums_up_the_replicas_that_run(rows: Rows) -> None:
    async with rows.database.transaction() as session:
        inference = await session.get_one(Inference, rows.inference)
        inference.replicas, inference.settings = 1, {"autoscaling": {"max_replicas": 3}}
    owner = f"inferences/{rows.inference}"
    for running, rate in ((3, 15), (1, 5)):
        await rows.happens(
            rows.status("inference", owner, WorkloadState.RUNNING, replicas_running=running, replicas_wanted=running),
            *(rows.progress(replica, 10) for replica in range(running)),
        )
        inference = await rows.get(Inference, rows.inference)
        assert (inference.rate, inference.predicted) == (rate, 30)


async def test_statuses_of_an_older_generation_say_nothing(rows: Rows) -> None:
    owner = f"inferences/{rows.inference}"
    await rows.happens(rows.status("inference", owner, WorkloadState.STOPPED, generation=1))
    assert (await rows.get(Inference, rows.inference)).state is InferenceState.PENDING


async def test_events_about_rows_that_are_gone_are_only_stored(rows: Rows) -> None:
    await rows.happens(
        ModelRejected(model_id=99, version=1, failure=OUT_OF_MEMORY),
        StreamRefused(deployment_id=99, fingerprint="f", failure=OUT_OF_MEMORY),
        TrainingFailed(deployment_id=99, result_id=99, failure=OUT_OF_MEMORY),
        InferenceReady(inference_id=99, generation=1, replica=0, result_id=1),
        rows.status("training", "results/99", WorkloadState.RUNNING),
        rows.status("inference", "inferences/unknown", WorkloadState.RUNNING),
    )
    assert await rows.count(StoredEvent) == 6
    assert await rows.outbox() == []


async def test_its_own_announcements_are_stored_and_answered_by_none(rows: Rows) -> None:
    await rows.happens(ResourceChanged(resource="results", id=rows.first, change="updated", state="running"))
    assert await rows.count(StoredEvent) == 1
    assert await rows.outbox() == []


async def test_an_inference_runs_again_when_a_replica_with_its_model_reports(rows: Rows) -> None:
    crashed = rows.status(
        "inference", f"inferences/{rows.inference}", WorkloadState.PENDING, replicas_running=1, failure=OUT_OF_MEMORY
    )
    await rows.happens(rows.progress(0, 10), crashed, rows.progress(1, 5, generation=1))
    assert (await rows.get(Inference, rows.inference)).state is InferenceState.PENDING
    await rows.happens(rows.progress(1, 6))
    inference = await rows.get(Inference, rows.inference)
    assert (inference.state, inference.failure, inference.predicted) == (InferenceState.RUNNING, None, 16)


async def test_an_event_that_no_row_can_hold_is_refused_and_leaves_nothing(rows: Rows) -> None:
    with pytest.raises(InvalidError):
        await rows.happens(TrainingFailed(deployment_id=1, result_id=2**40, failure=OUT_OF_MEMORY))
    with pytest.raises(InvalidError, match="longer"):
        await rows.apply(Envelope(rows.progress(0, 1), "s" * 300))
    nul = Failure(code="x", message="a\x00b")
    await rows.happens(StreamRefused(deployment_id=rows.deployment, fingerprint="f", failure=nul))
    assert (await rows.get(Deployment, rows.deployment)).failure["message"] == "a\ufffdb"
    assert await rows.count(StoredEvent) == 1


async def test_old_events_go_and_progress_goes_first(rows: Rows) -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    await rows.apply(Envelope(rows.progress(0, 1), "test", time=old))
    await rows.apply(Envelope(rows.started(rows.first), "test", time=old))
    await rows.projector.prune()
    assert await rows.count(StoredEvent) == 1
    few = Projector(rows.database, KafkaSettings(), Publisher(KafkaSettings(), "test"), keep_count=2)
    await rows.happens(*(rows.epoch(rows.first, number) for number in (1, 2, 3)))
    await few.prune()
    assert await rows.count(StoredEvent) == 2


async def test_events_come_from_kafka_and_a_restarted_projector_goes_on(
    rows: Rows, database_url: str, kafka: str, topic: str, running: Any
) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka)
    async with Publisher(settings, "test") as publisher:

        async def send(event: Event, envelope_id: str) -> None:
            record = encode(Envelope(event, "test", id=envelope_id))
            await publisher.send(replace(record, topic=topic))

        def projector() -> Projector:
            return Projector(rows.database, settings, publisher, topic=topic, group=topic)

        await publisher.send(Record(topic, b"k", b"garbage", (("ce_type", b"of.others"), ("ce_id", b"1"))))
        recorded, matched = rows.matched()
        await send(recorded, "1")
        await send(matched, "2")
        hub = Hub(rows.database, database_url)
        async with asyncio.timeout(60), running(hub.run()), aclosing(hub.stream(Wanted(), 0)) as events:
            async with running(projector().run()):
                assert [(await anext(events)).id for _ in range(2)] == ["1", "2"]
            await send(matched, "2")
            await send(rows.started(rows.first), "3")
            async with running(projector().run()):
                assert (await anext(events)).id == "3"
    assert await rows.state() == ("running", "running", "pending")


async def test_events_that_come_together_are_applied_in_order_and_once(rows: Rows) -> None:
    events = [*rows.matched(), rows.started(rows.first), *(rows.epoch(rows.first, n) for n in range(1, 300))]
    envelopes = [Envelope(event, "test") for event in events]
    batch = [(envelope, encode(envelope)) for envelope in [*envelopes, *envelopes[:50]]]
    await rows.projector.project_all(batch[:20])
    await rows.projector.project_all(batch)
    assert await rows.count(StoredEvent) == len(events)
    async with rows.database.transaction() as session:
        stored = await session.scalars(select(StoredEvent.event_id).order_by(StoredEvent.id))
        assert list(stored) == [envelope.id for envelope in envelopes]
    assert (await rows.get(Result, rows.first)).epochs_done == 299


async def test_one_event_that_no_row_can_hold_keeps_no_other_back(
    rows: Rows, database_url: str, kafka: str, topic: str, running: Any
) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka)
    await topics.bootstrap(settings)
    async with Publisher(settings, "test") as publisher:
        impossible = TrainingFailed(deployment_id=1, result_id=2**40, failure=OUT_OF_MEMORY)
        for event in (*rows.matched(), impossible, rows.started(rows.first)):
            await publisher.send(replace(encode(Envelope(event, "test")), topic=topic))
        projector = Projector(rows.database, settings, publisher, topic=topic, group=topic)
        hub = Hub(rows.database, database_url)
        async with (
            asyncio.timeout(60),
            running(hub.run()),
            aclosing(hub.stream(Wanted(), 0)) as stored,
            running(projector.run()),
        ):
            assert [(await anext(stored)).type for _ in range(3)] == [
                StreamRecorded.type,
                StreamMatched.type,
                TrainingStarted.type,
            ]
    assert await rows.state() == ("running", "running", "pending")
