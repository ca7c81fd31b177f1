"""Why something runs or doesn't, in one sentence."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from httpx import AsyncClient

from kafka_ml_api.deployments.schemas import DeploymentView
from kafka_ml_api.diagnosis.sentences import (
    Platform,
    Topic,
    Trouble,
    of_deployment,
    of_inference,
    of_model,
    of_result,
)
from kafka_ml_api.inferences.schemas import InferenceView
from kafka_ml_api.models.schemas import ModelView
from kafka_ml_api.results.schemas import ResultView
from kafka_ml_api.states import DeploymentState, InferenceState, ResultState, VersionState
from kafka_ml_api.tables import Configuration, Deployment, Inference, Model, ModelVersion, Result
from kafka_ml_common.messages import Failure

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = dict.fromkeys(("created_at", "updated_at", "started_at", "ended_at"), NOW)
NO_NODE_ROW = {"code": "unschedulable", "message": "No node has 8 GPUs."}
NO_NODE = Failure(code="unschedulable", message="No node has 8 GPUs.")
WELL = Platform(control_topic="CONTROL")
AWAY = Platform(scheduler="It can't be reached.")
NO_KAFKA = Platform(problems=("kafka: it can't be reached.",))
TOPIC = Topic(True, partitions=2, messages=10)
QUIET = Topic(True, partitions=2, messages=10, quiet=timedelta(minutes=15))
HINDERED = [Trouble("m", ResultState.PENDING, NO_NODE)]


def model(**more: Any) -> ModelView:
    shown: dict[str, Any] = {"id": 1, "name": "m", "description": "", "version": 3, "revision": 1, "code": ""}
    return ModelView.model_validate(shown | TIMES | {"summary": None, "failure": None} | more)


def result(**more: Any) -> ResultView:
    shown = dict.fromkeys(ResultView.model_fields) | TIMES
    numbers = dict.fromkeys(("attempt", "epochs_done", "model_bytes"), 0)
    named = {"id": 7, "deployment_id": 4, "model_id": 1, "model_name": "m", "model_version": 1, "has_model": False}
    return ResultView.model_validate(shown | numbers | named | more)


def deployment(*states: str, **more: Any) -> DeploymentView:
    parts = [
        {"id": 1, "model_id": 1, "model_name": "m", "model_version": 1, "state": state, "epochs": 2, "epochs_done": 0}
        for state in states
    ]
    named = {"id": 4, "configuration_id": 1, "configuration_name": "c", "description": "", "settings": {}}
    return DeploymentView.model_validate(
        named | TIMES | {"datasource_id": None, "failure": None, "results": parts} | more
    )


def inference(**more: Any) -> InferenceView:
    named = {"id": 2, "result_id": 7, "model_id": 1, "model_name": "m", "model_version": 1, "description": ""}
    topics = {"input_topic": "in", "output_topic": "out", "input_format": "RAW", "input_config": {}, "settings": {}}
    numbers: dict[str, Any] = {"replicas": 2, "replicas_running": 2, "generation": 1, "rate": 0.0, "lag": 0}
    counted = {"predicted": 5, "dead_letters": 0, "latency_p50_ms": None, "latency_p99_ms": None, "failure": None}
    return InferenceView.model_validate(named | topics | numbers | counted | TIMES | more)


SITUATIONS: list[tuple[Any, str, str]] = [
    (of_model(model(state="valid"), WELL), "ok", "Version 3 is valid."),
    (of_model(model(state="validating"), WELL), "validating", "It is being validated"),
    (of_model(model(state="validating"), AWAY), "scheduler_away", "nothing is started while the scheduler is away"),
    (of_model(model(state="invalid", failure=NO_NODE), WELL), "unschedulable", "No node has 8 GPUs."),
    (of_deployment(deployment("awaiting", state="awaiting"), WELL), "awaiting_stream", "It awaits its data stream."),
    (of_deployment(deployment("awaiting", state="awaiting", failure=NO_NODE), WELL), "unschedulable", "was refused"),
    (of_deployment(deployment("running", "pending", "failed", state="running"), WELL), "ok", "1 of 3 trainings run, 1"),
    (of_deployment(deployment("pending", state="running"), AWAY), "waiting", "0 of 1 trainings run"),
    (
        of_deployment(deployment("pending", state="running"), WELL, HINDERED),
        "unschedulable",
        "m waits: No node has 8 GPUs.",
    ),
    (of_deployment(deployment("running", "pending", state="running"), WELL, HINDERED), "ok", "m waits: No node has"),
    (of_deployment(deployment("failed", "stopped", state="failed"), WELL), "failed", "1 failed, 1 stopped"),
    (of_result(result(state="awaiting"), WELL), "awaiting_stream", "the data stream of deployment 4"),
    (of_result(result(state="pending", failure=NO_NODE), WELL), "unschedulable", "It waits: No node has 8 GPUs."),
    (of_result(result(state="pending", attempt=1), WELL), "pending", "for the second time"),
    (of_result(result(state="pending"), NO_KAFKA), "platform", "But kafka: it can't be reached."),
    (of_result(result(state="running"), WELL), "ok", "It reads its data stream."),
    (of_result(result(state="running", epochs=5, epochs_done=2), WELL), "ok", "2 of 5 epochs"),
    (of_result(result(state="stopping", epochs_done=2), WELL), "ok", "It stops at the end of a batch"),
    (of_result(result(state="failed", failure=NO_NODE), WELL), "unschedulable", "The training failed. No node"),
    (
        of_result(result(state="stopped", epochs_done=2, has_model=True), WELL),
        "ok",
        "Stopped after 2 epochs; the model",
    ),
    (of_inference(inference(state="running"), WELL, TOPIC), "ok", "Runs: 2 of 2 replicas, nothing waits."),
    (of_inference(inference(state="running", lag=1200), WELL, TOPIC), "ok", "1,200 messages wait."),
    (of_inference(inference(state="running", predicted=0), WELL, TOPIC), "no_input", "nothing has come yet"),
    (
        of_inference(inference(state="running", predicted=0, dead_letters=3), WELL, TOPIC),
        "all_refused",
        "none of the 3",
    ),
    (
        of_inference(inference(state="running"), WELL, QUIET),
        "no_input",
        "nothing has come to in for more than 15 minutes.",
    ),
    (of_inference(inference(state="running", lag=1), WELL, QUIET), "stalled", "but 1 message waits and none is"),
    (of_inference(inference(state="running", lag=1, rate=2.0), WELL, QUIET), "ok", "1 message waits."),
    (
        of_inference(inference(state="running", lag=1), WELL, Topic(True, 2, 9, timedelta(minutes=0))),
        "ok",
        "1 message waits.",
    ),
    (of_inference(inference(state="running"), WELL, Topic(True, 2, 9, timedelta(minutes=0))), "ok", "nothing waits."),
    (of_inference(inference(state="running"), WELL, Topic(False)), "no_topic", "input topic in is gone"),
    (of_inference(inference(state="running"), WELL, Topic(None)), "ok", "Runs: 2 of 2 replicas"),
    (of_inference(inference(state="running"), WELL, Topic(True, 1)), "more_replicas_than_partitions", "only 1 part"),
    (of_inference(inference(state="running", failure=NO_NODE), WELL, TOPIC), "unschedulable", "not as it should"),
    (of_inference(inference(state="running", replicas=0), WELL, TOPIC), "paused", "It is paused"),
    (of_inference(inference(state="pending"), WELL, TOPIC), "pending", "are being started"),
    (of_inference(inference(state="pending", failure=NO_NODE), WELL, TOPIC), "unschedulable", "It waits: No node"),
    (of_inference(inference(state="stopping"), WELL, TOPIC), "stopping", "and stops"),
    (of_inference(inference(state="stopped"), WELL, TOPIC), "stopped", "It was stopped."),
    (of_inference(inference(state="failed", failure=NO_NODE), WELL, TOPIC), "unschedulable", "The inference failed."),
]


@pytest.mark.parametrize(("diagnosis", "code", "words"), SITUATIONS)
def test_each_situation_has_its_sentence(diagnosis: Any, code: str, words: str):
    assert diagnosis.code == code
    assert words in diagnosis.sentence


def test_what_stands_in_the_way_is_among_the_facts():
    facts = of_inference(inference(state="pending", failure=NO_NODE), AWAY, Topic(False)).facts
    assert [(fact.part, fact.healthy) for fact in facts] == [("pod", False), ("scheduler", False), ("kafka", False)]


@pytest.mark.parametrize(
    ("quiet", "words"),
    [
        (timedelta(minutes=5), "5 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=6), "6 hours"),
        (timedelta(days=7), "7 days"),
    ],
)
def test_how_long_nothing_came_is_told_in_words(quiet: timedelta, words: str):
    diagnosis = of_inference(inference(state="running"), WELL, Topic(True, 1, 1, quiet))
    assert f"in has 1 partition and holds 1 message; none has come for more than {words}." in [
        fact.text for fact in diagnosis.facts
    ]


def test_why_trainings_are_not_started_or_failed_is_among_the_facts_of_their_deployment():
    troubles = [*HINDERED, Trouble("n", ResultState.FAILED, NO_NODE)]
    facts = of_deployment(deployment("pending", "failed", state="running"), AWAY, troubles).facts
    assert [(fact.part, fact.text) for fact in facts] == [
        ("pod", "m: No node has 8 GPUs."),
        ("model", "n: No node has 8 GPUs."),
        ("scheduler", "It can't be reached."),
    ]


async def test_an_inference_whose_input_is_quiet_or_gone_by_rest(api: AsyncClient, app: FastAPI, kafka: str):
    topic = f"quiet-{uuid.uuid4().hex[:8]}"
    await app.state.parts[1].done.wait()
    async with app.state.database.transaction() as session:
        session.add_all([Model(name="m"), Configuration(name="c")])
        await session.flush()
        session.add(ModelVersion(model_id=1, version=1, code="x", state=VersionState.VALID))
        session.add(Deployment(configuration_id=1, settings={}, state=DeploymentState.RUNNING))
        await session.flush()
        session.add(
            Result(deployment_id=1, model_id=1, model_version=1, state=ResultState.PENDING, failure=NO_NODE_ROW)
        )
        await session.flush()
        shown: dict[str, Any] = {"input_format": "RAW", "input_config": {}, "settings": {}, "progress": {}}
        session.add(
            Inference(
                result_id=1,
                input_topic=topic,
                output_topic="out",
                state=InferenceState.RUNNING,
                replicas=1,
                replicas_running=1,
                predicted=3,
                **shown,
            )
        )
    gone = (await api.get("/inferences/1/diagnosis")).json()
    assert gone["code"] == "no_topic"
    assert {"part": "kafka", "text": f"There is no topic {topic}.", "healthy": False} in gone["facts"]
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        old = int((datetime.now(UTC) - timedelta(minutes=20)).timestamp() * 1000)
        await producer.send_and_wait(topic, b"x", partition=0, timestamp_ms=old)
        quiet = (await api.get("/inferences/1/diagnosis")).json()
        assert (quiet["code"], "for more than 15 minutes." in quiet["sentence"]) == ("no_input", True)
        await producer.send_and_wait(topic, b"x", partition=0)
        assert (await api.get("/inferences/1/diagnosis")).json()["code"] == "ok"
    finally:
        await producer.stop()
    why = {"part": "pod", "text": "m: No node has 8 GPUs.", "healthy": False}
    assert why in (await api.get("/deployments/1/diagnosis")).json()["facts"]


async def test_a_diagnosis_a_glance_at_everything_and_the_installation_by_rest(api: AsyncClient, app: FastAPI):
    async with app.state.database.transaction() as session:
        session.add(Model(name="m"))
        await session.flush()
        failure = {"code": "model_error", "message": "There is no layer Danse."}
        session.add(ModelVersion(model_id=1, version=1, code="x", state=VersionState.INVALID, failure=failure))
    diagnosis = (await api.get("/models/1/diagnosis")).json()
    assert (diagnosis["state"], diagnosis["code"]) == ("invalid", "model_error")
    for resource in ("models", "deployments", "results", "inferences"):
        assert (await api.get(f"/{resource}/99/diagnosis")).status_code == 404
    overview = (await api.get("/overview")).json()
    assert overview["models"] == {"validating": 0, "valid": 0, "invalid": 1}
    assert overview["troubles"] == [{"resource": "models", "id": 1, "name": "m", "state": "invalid"} | failure]
    about = (await api.get("/about")).json()
    assert about["bootstrap_servers"] == app.state.settings.kafka.bootstrap_servers
    assert {check["name"]: check["healthy"] for check in about["checks"]}.items() >= {
        "kafka": True,
        "database": True,
    }.items()
    assert about["logs"] is False
