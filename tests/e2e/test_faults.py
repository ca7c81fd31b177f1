"""What may happen, and what holds all the same: services killed at work, and models that mean harm or are merely wrong."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from confluent_kafka import Producer

from kafka_ml_common.errors import ConflictError
from kafka_ml_sinks import RawSink
from tests.e2e.user import DEADLINE, DIGITS_MODEL, Bytes, User

Digits = Mapping[str, Bytes]


def send(user: User, deployment_id: int, x: Bytes, y: Bytes) -> None:
    with RawSink(user.kafka, topic=user.unique("digits"), deployment_id=deployment_id, test_rate=0.1) as sink:
        sink.send_many(x, y)


@pytest.mark.timeout(600)
def test_each_service_is_killed_while_a_training_and_an_inference_run(user: User, digits: Digits) -> None:
    trained = user.deploy(fit="epochs=5")
    send(user, trained["id"], digits["x"], digits["y"])
    (result,) = user.ended(trained)
    inference = user.infer(result)
    training = user.deploy(fit="epochs=150")
    send(user, training["id"], digits["x"], digits["y"])
    (running,) = user.results(training)
    user.until(f"results/{running['id']}", lambda document: document["epochs_done"] >= 1)

    samples = np.resize(digits["unseen_x"], (6000, 8, 8))
    producer = Producer({"bootstrap.servers": user.kafka})
    killed = [user.platform.api, user.platform.control, user.platform.scheduler]
    for service, part in zip(killed, np.split(samples, 3), strict=True):
        for sample in part:
            producer.produce(inference["input_topic"], sample.tobytes())
        producer.poll(0)
        user.kill(service)
    assert producer.flush(DEADLINE) == 0

    predictions = user.read_committed(inference["output_topic"], len(samples))
    inputs = [dict(message.headers())["kafka-ml-input"].decode() for message in predictions]
    assert inputs == [f"{inference['input_topic']}:0:{offset}" for offset in range(len(samples))]
    assert all(len(json.loads(message.value())["values"]) == 10 for message in predictions[:100])
    (running,) = user.ended(training)
    assert (running["state"], running["epochs_done"]) == ("finished", 150), running
    user.api.post(f"inferences/{inference['id']}/stop")
    user.wait(f"inferences/{inference['id']}", "stopped")


@pytest.mark.thorough
def test_an_inferer_is_killed_again_and_again_and_each_input_is_predicted_once(user: User, digits: Digits) -> None:
    trained = user.deploy(fit="epochs=2")
    send(user, trained["id"], digits["x"], digits["y"])
    (result,) = user.ended(trained)
    inference = user.infer(result, max_batch=256)
    samples = np.resize(digits["unseen_x"], (20_000, 8, 8))
    producer = Producer({"bootstrap.servers": user.kafka})
    for number, sample in enumerate(samples):
        producer.produce(inference["input_topic"], sample.tobytes(), key=str(number))
        producer.poll(0)
        if number in (5000, 12_000):
            for host in user.workload_processes(f"inference-{inference['id']}"):
                host.kill()
    assert producer.flush(DEADLINE) == 0
    predictions = user.read_committed(inference["output_topic"], len(samples))
    assert [message.key() for message in predictions] == [str(number).encode() for number in range(len(samples))]
    user.api.post(f"inferences/{inference['id']}/stop")


HOSTILE = {
    "syntax error": ("model = keras.Sequential([\nkeras.layers.Dense(1)\n", "line"),
    "1 TB": (
        "model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(250_000_000_000)])\nmodel.compile(loss='mse')",
        "memory",
    ),
    "os._exit": ("import os\nos._exit(3)", "exit"),
    "endless loop": ("while True:\n    pass", "second"),
    "no model": ("x = 1", "model"),
    "not compiled": ("model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])", "compile"),
}


@pytest.mark.thorough
def test_models_that_cannot_be_built_are_invalid_with_a_sentence_and_disturb_nothing(user: User) -> None:
    created = {
        name: user.api.post("models", {"name": user.unique("bad"), "code": code}) for name, (code, _) in HOSTILE.items()
    }
    with ThreadPoolExecutor(len(created)) as threads:
        waiting = {
            name: threads.submit(user.wait, f"models/{model['id']}", "valid", "invalid", seconds=200)
            for name, model in created.items()
        }
        models = {name: future.result() for name, future in waiting.items()}
    for name, (_, word) in HOSTILE.items():
        model = models[name]
        assert model["state"] == "invalid", (name, model)
        assert word in json.dumps(model["failure"]).lower(), (name, model["failure"])
        configuration = user.api.post("configurations", {"name": user.unique("c"), "model_ids": [model["id"]]})
        with pytest.raises(ConflictError):
            user.api.post("deployments", {"configuration_id": configuration["id"]})
    assert user.model()["state"] == "valid"


@pytest.mark.thorough
def test_trainings_that_cannot_succeed_fail_with_a_sentence_and_the_others_go_on(user: User, digits: Digits) -> None:
    compiled = "\nmodel.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])"
    wrong_shape = DIGITS_MODEL.replace("(8, 8)", "(28, 28)")
    exits = f"""import os
class Quits(keras.layers.Layer):
    def call(self, x, training=False):
        tf.py_function(lambda: os._exit(7), [], [])
        return x
model = keras.Sequential([keras.Input((8, 8)), Quits(), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]){compiled}"""
    few_classes = DIGITS_MODEL.replace("Dense(10", "Dense(4")
    deployment = user.deploy(wrong_shape, exits, few_classes, DIGITS_MODEL, fit="epochs=3")
    send(user, deployment["id"], digits["x"], digits["y"])
    shape, quits, labels, fine = user.ended(deployment)
    assert [shape["state"], quits["state"], labels["state"], fine["state"]] == [
        "failed",
        "failed",
        "failed",
        "finished",
    ]
    assert "(28, 28)" in shape["failure"]["message"]
    assert "(8, 8)" in shape["failure"]["message"]
    assert "exit" in quits["failure"]["message"]
    assert "4" in labels["failure"]["message"]
    assert user.api.get(f"deployments/{deployment['id']}")["state"] == "finished"


def test_a_training_that_takes_too_long_is_ended_with_a_reason(user: User, digits: Digits) -> None:
    deployment = user.deploy(fit="epochs=100000", timeout_seconds=5)
    send(user, deployment["id"], digits["x"], digits["y"])
    (result,) = user.ended(deployment)
    assert result["state"] == "failed"
    assert "second" in result["failure"]["message"]
