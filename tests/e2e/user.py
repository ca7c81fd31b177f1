"""Somebody who uses the platform: what the tests of the whole do again and again, in words."""

import contextlib
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
from confluent_kafka import Consumer, TopicPartition

from kafka_ml_cli.client import Client, Document
from kafka_ml_cli.platform import Platform
from kafka_ml_local import Service

DEADLINE = 120.0
DIGITS_MODEL = """model = keras.Sequential([
    keras.Input((8, 8)),
    keras.layers.Rescaling(1 / 16),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

Bytes = npt.NDArray[np.uint8]


@dataclass
class User:
    """Somebody who uses the platform by REST, and waits for what comes of it."""

    platform: Platform
    api: Client

    @property
    def kafka(self) -> str:
        return self.platform.stack.broker.bootstrap_servers

    def unique(self, word: str) -> str:
        """A name that no other test uses."""
        return f"{word}-{random.randrange(16**8):08x}"

    def model(self, code: str = DIGITS_MODEL, *, state: str = "valid") -> Document:
        """A model whose check has ended in that state."""
        created = self.api.post("models", {"name": self.unique("model"), "code": code})
        model = self.wait(f"models/{created['id']}", "valid", "invalid")
        assert model["state"] == state, model
        return model

    def deploy(self, *codes: str, **settings: Any) -> Document:
        """A deployment of a configuration of new models."""
        models = [self.model(code)["id"] for code in codes or (DIGITS_MODEL,)]
        configuration = self.api.post("configurations", {"name": self.unique("configuration"), "model_ids": models})
        return self.api.post("deployments", {"configuration_id": configuration["id"], **settings})

    def results(self, deployment: Document) -> list[Document]:
        """The deployment's results, by model."""
        return sorted(self.api.all("results", deployment_id=deployment["id"]), key=lambda result: int(result["id"]))

    def ended(self, deployment: Document) -> list[Document]:
        """The deployment's results, once all have ended."""
        self.wait(f"deployments/{deployment['id']}", "finished", "failed", "stopped")
        return self.results(deployment)

    def wait(self, path: str, *states: str, seconds: float = DEADLINE) -> Document:
        """What is at a path once it is in one of the states."""
        *_, document = self.api.wait(path, frozenset(states), seconds=seconds, every=0.1)
        return document

    def until(self, path: str, happened: Callable[[Document], bool], seconds: float = DEADLINE) -> Document:
        """What is at a path once something is true of it."""
        deadline = time.monotonic() + seconds
        while not happened(document := self.api.get(path)):
            assert time.monotonic() < deadline, document
            threading.Event().wait(0.1)
        return document

    def infer(self, result: Document, **settings: Any) -> Document:
        """A running inference between two new topics."""
        topics = {"input_topic": self.unique("in"), "output_topic": self.unique("out")}
        created = self.api.post(f"results/{result['id']}/inferences", topics | settings)
        inference = self.wait(f"inferences/{created['id']}", "running", "failed", "stopped")
        assert inference["state"] == "running", inference
        return inference

    def read_committed(self, topic: str, count: int, seconds: float = DEADLINE) -> list[Any]:
        """All messages of a topic's one partition, once `count` are committed; more if there are more."""
        consumer = Consumer(
            {"bootstrap.servers": self.kafka, "group.id": self.unique("reader"), "isolation.level": "read_committed"}
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        messages: list[Any] = []
        deadline = time.monotonic() + seconds
        with contextlib.closing(consumer):
            while len(messages) < count:
                assert time.monotonic() < deadline, f"{len(messages)} of {count} predictions came"
                messages += [message for message in consumer.consume(5000, 0.5) if message.error() is None]
            messages += [message for message in consumer.consume(5000, 2) if message.error() is None]
        return messages

    def workload_processes(self, workload_id: str) -> list[psutil.Process]:
        """The host processes of a workload's replicas, once there are any."""
        deadline = time.monotonic() + DEADLINE
        while not (hosts := [process for process in psutil.process_iter() if _is_host(process, workload_id)]):
            assert time.monotonic() < deadline, f"{workload_id} does not run"
            threading.Event().wait(0.1)
        return hosts

    def kill(self, service: Service) -> None:
        """End a service of the platform as `kill -9` does, and start it again."""
        process = service.process
        assert process is not None, f"{service.name} does not run"
        process.kill()
        process.wait(30)
        for _ in self.platform.start():
            pass


def _is_host(process: psutil.Process, workload_id: str) -> bool:
    try:
        command = process.cmdline()
        named = command[:1] == [sys.executable] and command[-1] in ("kafka_ml_trainer", "kafka_ml_inferer")
        return named and f"/runs/{workload_id}/" in f"{process.cwd()}/"
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
