"""From a model's code to predictions, through every service."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer

from kafka_ml_common import topics
from kafka_ml_common.errors import NotFoundError
from kafka_ml_common.messages import TrainingStarted
from kafka_ml_common.streams import ControlMessage
from kafka_ml_sinks import AvroSink, InferenceClient, JsonSink, RawSink
from tests.e2e.user import DEADLINE, DIGITS_MODEL, Bytes, User

Digits = Mapping[str, Bytes]


def send_digits(user: User, deployment_id: int, digits: Digits) -> str:
    topic = user.unique("digits")
    with RawSink(user.kafka, topic=topic, deployment_id=deployment_id, validation_rate=0.1, test_rate=0.1) as sink:
        sink.send_many(digits["x"], digits["y"])
    return topic


def test_a_model_is_trained_from_a_stream_and_predicts_on_another(user: User, digits: Digits, tmp_path: Path) -> None:
    wider = DIGITS_MODEL.replace("64", "96")
    deployment = user.deploy(DIGITS_MODEL, wider, batch_size=16, fit="epochs=10")
    topic = send_digits(user, deployment["id"], digits)
    results = user.ended(deployment)
    for result in results:
        assert (result["state"], result["epochs_done"]) == ("finished", 10), result
        assert result["test_metrics"]["accuracy"] > 0.85
        epochs = user.api.all(f"results/{result['id']}/epochs")
        assert [entry["epoch"] for entry in epochs] == list(range(1, 11))
        assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(epochs[-1]["metrics"])
        matrix = user.api.get(f"results/{result['id']}/confusion-matrix")
        assert np.sum(matrix["counts"]) == int(0.1 * len(digits["x"]))
    size = user.api.download(f"results/{results[0]['id']}/model", tmp_path / "model.keras")
    assert size > 10_000
    assert topic in json.dumps(user.api.get(f"datasources/{datasource_of(user, deployment)}"))

    inference = user.infer(results[0])
    client = InferenceClient(user.kafka, input_topic=inference["input_topic"], output_topic=inference["output_topic"])
    with client:
        rows = client.predict(digits["unseen_x"], timeout=DEADLINE)
    assert (rows.argmax(axis=1) == digits["unseen_y"]).mean() > 0.9
    user.api.post(f"inferences/{inference['id']}/stop")
    user.wait(f"inferences/{inference['id']}", "stopped")


def test_code_is_validated_while_it_is_written(user: User) -> None:
    drafts = [
        user.api.post("validations", {"code": code}) for code in (DIGITS_MODEL, DIGITS_MODEL.replace("Dense", "Danse"))
    ]
    valid, invalid = (user.wait(f"validations/{draft['id']}", "valid", "invalid") for draft in drafts)
    assert (valid["state"], valid["summary"]["parameters"]) == ("valid", 4810)
    assert (invalid["state"], invalid["failure"]["line"]) == ("invalid", 5), invalid


def test_data_may_come_before_its_deployment_whose_id_may_be_large(user: User, digits: Digits) -> None:
    configuration = user.api.post("configurations", {"name": user.unique("early"), "model_ids": [user.model()["id"]]})
    user.platform.stack.postgres.execute("alter sequence deployments_id_seq restart with 70000", "kafka_ml")
    send_digits(user, 70000, digits)
    deployment = user.api.post("deployments", {"configuration_id": configuration["id"], "fit": {"epochs": 2}})
    assert deployment["id"] == 70000
    (result,) = user.ended(deployment)
    assert result["state"] == "finished", result


def test_the_same_control_message_three_times_trains_once(user: User, digits: Digits) -> None:
    deployment = user.deploy(fit="epochs=1")
    topic = user.unique("digits")
    sink = RawSink(user.kafka, topic=topic, deployment_id=deployment["id"], test_rate=0.1)
    with sink:
        sink.send_many(digits["x"], digits["y"])
    control = user.api.get(f"datasources/{datasource_of(user, deployment)}")["stream"]
    key, headers = ControlMessage.encode_key(deployment["id"])
    producer = Producer({"bootstrap.servers": user.kafka})
    for _ in range(2):
        producer.produce(topics.CONTROL, ControlMessage.model_validate(control).to_bytes(), key, headers=headers)
    assert producer.flush(DEADLINE) == 0
    user.ended(deployment)
    later = user.deploy(fit="epochs=1")  # matched after the repetitions, so they are through by then
    user.api.post(f"datasources/{datasource_of(user, deployment)}/reuse", {"deployment_id": later["id"]})
    assert [result["state"] for result in user.ended(later)] == ["finished"]
    history = user.api.all("events/history", type=TrainingStarted.type)
    assert sum(event["data"]["deployment_id"] == deployment["id"] for event in history) == 1


def datasource_of(user: User, deployment: Mapping[str, Any]) -> int:
    path = f"deployments/{deployment['id']}"
    return int(user.until(path, lambda document: document["datasource_id"] is not None)["datasource_id"])


@pytest.mark.parametrize("kind", ["AVRO", pytest.param("JSON", marks=pytest.mark.thorough)])
def test_other_formats_train_and_predict_in_the_format_of_their_stream(user: User, kind: str) -> None:
    code = """model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.05), loss="mse")"""
    random = np.random.default_rng(1)
    x = random.normal(size=(600, 3)).astype(np.float32)
    y = (x @ np.array([1.0, -2.0, 0.5], np.float32) + 0.25).astype(np.float32)
    deployment = user.deploy(code, fit="epochs=30")
    sinks: dict[str, Any] = {"AVRO": AvroSink, "JSON": JsonSink}
    if kind == "AVRO":
        x_sent: Any = [{"a": float(a), "b": float(b), "c": float(c)} for a, b, c in x]
        y_sent: Any = [{"target": float(value)} for value in y]
    else:
        x_sent, y_sent = x, y
    with sinks[kind](user.kafka, topic=user.unique("numbers"), deployment_id=deployment["id"], test_rate=0.1) as sink:
        sink.send_many(x_sent, y_sent)
    (result,) = user.ended(deployment)
    assert result["state"] == "finished", result
    assert result["test_metrics"]["loss"] < 0.05
    with pytest.raises(NotFoundError):
        user.api.get(f"results/{result['id']}/confusion-matrix")  # a regression has none
    inference = user.infer(result)
    assert inference["input_format"] == kind
    client = InferenceClient(
        user.kafka,
        input_topic=inference["input_topic"],
        output_topic=inference["output_topic"],
        input_format=kind,
        input_config=inference["input_config"],
    )
    with client:
        rows = client.predict(x_sent[:50], timeout=DEADLINE)
    assert np.abs(rows[:, 0] - y[:50]).max() < 1
    user.api.post(f"inferences/{inference['id']}/stop")


def test_a_training_is_stopped_at_a_batchs_end_and_keeps_what_it_has_learnt(user: User, digits: Digits) -> None:
    deployment = user.deploy(fit="epochs=100000")
    send_digits(user, deployment["id"], digits)
    (result,) = user.results(deployment)
    user.until(f"results/{result['id']}", lambda document: document["epochs_done"] >= 2)
    user.api.post(f"deployments/{deployment['id']}/stop")
    (result,) = user.ended(deployment)
    assert result["state"] == "stopped"
    assert result["epochs_done"] >= 2
    assert user.api.get(f"results/{result['id']}")["model_bytes"] > 10_000


def test_a_killed_trainer_is_tried_again(user: User, digits: Digits) -> None:
    deployment = user.deploy(fit="epochs=200")
    send_digits(user, deployment["id"], digits)
    (result,) = user.results(deployment)
    user.until(f"results/{result['id']}", lambda document: document["epochs_done"] >= 1)
    (host,) = user.workload_processes(f"training-{result['id']}")
    host.send_signal(signal.SIGKILL)
    (result,) = user.ended(deployment)
    assert (result["state"], result["epochs_done"]) == ("finished", 200)
