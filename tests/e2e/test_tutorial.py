"""The earlier system's tutorial and its producers, step by step, by REST calls and bytes on the wire alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from confluent_kafka import Producer

from kafka_ml_common import topics
from kafka_ml_sinks import InferenceClient
from tests.e2e.user import DEADLINE, Bytes, User

TUTORIAL_MODEL = """model = tf.keras.models.Sequential([
    tf.keras.layers.Flatten(input_shape=(28, 28)),
    tf.keras.layers.Dense(128, activation=tf.nn.relu),
    tf.keras.layers.Dropout(0.2),
    tf.keras.layers.Dense(10, activation=tf.nn.softmax)
])

model.compile(optimizer='adam',
              loss='sparse_categorical_crossentropy',
              metrics=['accuracy'])
"""

LEGACY = json.loads((Path(__file__).parents[2] / "libs/common/tests/legacy_wire.json").read_text())["cases"]


def produce_as_before(
    user: User, deployment_id: int, topic: str, messages: list[tuple[bytes, bytes]], control: Mapping[str, Any]
) -> None:
    """Data, then the control message with the deployment's id as the earlier sinks write it: a big-endian number, no header."""
    producer = Producer({"bootstrap.servers": user.kafka})
    for key, value in messages:
        producer.produce(topic, value, key, partition=0)
    assert producer.flush(DEADLINE) == 0
    key = deployment_id.to_bytes((deployment_id.bit_length() + 7) // 8, "big")
    value = {**control, "topic": f"{topic}:0:0:{len(messages)}"}
    producer.produce(topics.CONTROL, json.dumps(value).encode(), key)
    assert producer.flush(DEADLINE) == 0


def test_the_tutorial_by_rest_calls_alone(user: User, digits: Mapping[str, Bytes]) -> None:
    images = np.kron(digits["x"], np.ones((1, 3, 3), np.uint8))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))) * np.uint8(15)  # real digits in the tutorial's shape and range
    unseen = np.pad(np.kron(digits["unseen_x"], np.ones((1, 3, 3), np.uint8)), ((0, 0), (2, 2), (2, 2))) * np.uint8(15)
    with httpx.Client(base_url=f"{user.platform.url}/api/v1", timeout=30) as http:
        model = (
            http.post("models", json={"name": user.unique("mnist"), "code": TUTORIAL_MODEL}).raise_for_status().json()
        )
        model = user.wait(f"models/{model['id']}", "valid", "invalid")
        assert model["summary"]["input_shape"] == [28, 28]
        body = {"name": user.unique("mnist"), "model_ids": [model["id"]]}
        configuration = http.post("configurations", json=body).raise_for_status().json()
        body = {
            "configuration_id": configuration["id"],
            "batch_size": 32,
            "fit": "epochs=5, steps_per_epoch=100",  # more than one pass: the stream starts again
            "evaluate": "steps=1000",
        }
        deployment = http.post("deployments", json=body).raise_for_status().json()
        (result,) = user.results(deployment)
        control = {
            "unsupervised_topic": None,
            "input_format": "RAW",
            "description": "Mnist dataset",
            "dataset_restrictions": {},
            "input_config": {"data_type": "uint8", "label_type": "uint8", "data_reshape": "28 28", "label_reshape": ""},
            "validation_rate": 0.1,
            "test_rate": 0.1,
            "total_msg": len(images),
            "incremental": False,
        }
        messages = [(label.tobytes(), image.tobytes()) for image, label in zip(images, digits["y"], strict=True)]
        produce_as_before(user, deployment["id"], user.unique("mnist"), messages, control)
        (result,) = user.ended(deployment)
        assert (result["state"], result["epochs_done"]) == ("finished", 5), result
        assert result["test_metrics"]["accuracy"] > 0.85
        archive = http.get(f"results/{result['id']}/model").raise_for_status()
        assert archive.content[:2] == b"PK"
        body = {"input_topic": user.unique("in"), "output_topic": user.unique("out")}
        inference = http.post(f"results/{result['id']}/inferences", json=body).raise_for_status().json()
        inference = user.wait(f"inferences/{inference['id']}", "running", "failed")
        assert (inference["input_format"], inference["input_config"]["data_reshape"]) == ("RAW", "28 28")
        with InferenceClient(user.kafka, input_topic=body["input_topic"], output_topic=body["output_topic"]) as client:
            rows = client.predict(unseen, timeout=DEADLINE)
        assert (rows.argmax(axis=1) == digits["unseen_y"]).mean() > 0.85
        http.post(f"inferences/{inference['id']}/stop").raise_for_status()


@pytest.mark.thorough
@pytest.mark.parametrize("case", LEGACY, ids=[case["topic"] for case in LEGACY])
def test_what_the_earlier_sinks_wrote_trains_with_the_same_shapes(user: User, case: Mapping[str, Any]) -> None:
    shape = np.shape(case["means"]["x"])[1:]
    code = f"""model = keras.Sequential([keras.Input({tuple(shape)}), keras.layers.Flatten(), keras.layers.Dense(1)])
model.compile(loss="mse")"""
    deployment = user.deploy(code, batch_size=2)
    messages = [(bytes.fromhex(m["key_hex"]), bytes.fromhex(m["value_hex"])) for m in case["messages"]]
    produce_as_before(user, deployment["id"], user.unique(case["topic"]), messages, case["control_value"])
    (result,) = user.ended(deployment)
    assert result["state"] == "finished", result
    test, validation = case["means"]["test"], case["means"]["validation"]
    # What rounding leaves over joins the training part; the earlier system dropped it.
    sizes = (result["training_size"], result["test_size"], result["validation_size"])
    assert sizes == (len(messages) - test - validation, test, validation)
    assert result["input_shape"] == list(shape)
