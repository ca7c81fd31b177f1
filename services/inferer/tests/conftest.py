"""What the inferer's tests stand on: small models made and predicted by Keras itself, the inferer as a process, and a strict reader."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from numpy.typing import NDArray

from kafka_ml_common import topics as platform
from kafka_ml_common.workloads import Assignment, InferenceSettings, InferenceSpec, ModelCode
from kafka_ml_local import ObjectStore

DEADLINE = 60.0
"""Seconds in which anything that is waited for must happen."""

MLP = """
model = keras.Sequential([
    keras.layers.Input((8,)),
    keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
"""

TWO_HEADS_WITHOUT_INPUT = """
class TwoHeads(keras.Model):
    def __init__(self):
        super().__init__()
        self.flat = keras.layers.Flatten()
        self.image = keras.layers.Reshape((2, 2))
        self.left = keras.layers.Dense(4)
        self.right = keras.layers.Dense(2)
    def call(self, x):
        x = self.flat(tf.cast(x, tf.float32) / 255)
        return self.image(self.left(x)), self.right(x)
model = TwoHeads()
model.compile("adam", "mse")
"""

EMBEDDING = """
model = keras.Sequential([keras.layers.Input((2,), dtype="int32"), keras.layers.Embedding(10, 3), keras.layers.Flatten()])
model.compile("adam", "mse")
"""

HUNGRY = """
model = keras.Sequential([
    keras.layers.Input((8,)), keras.layers.RepeatVector(20_000), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)
])
model.compile("adam", "mse")
"""

_MAKE = """
import sys
import keras, numpy as np, tensorflow as tf
from kafka_ml_sandbox import keras_model
for name, shape, most in (("mlp", (8,), 256), ("two_heads", (4, 4, 1), 256), ("embedding", (2,), 10), ("hungry", (8,), 256)):
    keras.utils.set_random_seed(7)
    model = keras_model.run(open(f"{name}.py").read())
    x = np.random.default_rng(1).integers(0, most, (500, *shape)).astype("int32" if name == "embedding" else "uint8")
    outputs = tf.nest.flatten(model.predict(x, verbose=0))
    model.save(f"{name}.keras")
    np.savez(f"{name}.npz", x=x, y=np.concatenate([np.asarray(y).reshape(len(x), -1) for y in outputs], axis=1))
"""


@dataclass(frozen=True)
class Trained:
    """A model with random weights as Keras saved it; `y` is what Keras's own `predict` gives for `x`, a row a sample."""

    code: str
    file: Path
    x: NDArray[Any]
    y: NDArray[Any]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """Models by name. Made in a process of its own, as TensorFlow stays out of this one."""
    folder = tmp_path_factory.mktemp("models")
    codes = {"mlp": MLP, "two_heads": TWO_HEADS_WITHOUT_INPUT, "embedding": EMBEDDING, "hungry": HUNGRY}
    for name, code in codes.items():
        (folder / f"{name}.py").write_text(code)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "2"}
    subprocess.run([sys.executable, "-c", _MAKE], cwd=folder, env=environment, check=True, timeout=120)
    arrays = {name: np.load(folder / f"{name}.npz") for name in codes}
    return {
        name: Trained(code, folder / f"{name}.keras", arrays[name]["x"], arrays[name]["y"])
        for name, code in codes.items()
    }


class Inferer:
    """The inferer's host as a process, its log kept."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kafka_ml_inferer"],
                stdin=subprocess.PIPE,
                stderr=stream,
                stdout=stream,
                env=environment,
            )

    def assign(self, spec: InferenceSpec, replica: int = 0) -> None:
        assert self.process.stdin is not None
        line = Assignment(spec=spec, replica=replica).model_dump_json() + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def stop(self) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        self.process.kill()  # harmless when it has ended
        self.process.wait(DEADLINE)

    def guest(self) -> int:
        """Pid of the process that TensorFlow runs in."""
        found = self.guest_if_any()
        assert found is not None
        return found

    def guest_if_any(self) -> int | None:
        """As `guest`; None before it was started."""
        import psutil

        children = psutil.Process(self.process.pid).children(recursive=True)
        return max(children, key=lambda child: child.memory_info().rss).pid if children else None

    def says(self, text: str) -> None:
        """Wait until the log has `text`."""
        until(lambda: text in self.log.read_text(), f"{text!r} in the log:\n" + self.log.read_text()[-3000:])


def until(condition: Callable[[], Any], what: str) -> Any:
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + DEADLINE
    pause = threading.Event()
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        pause.wait(0.02)
    return result


@dataclass
class Bench:
    """A broker and a store with models, and what tests do with them."""

    kafka: str
    s3: ObjectStore
    trained: dict[str, Trained]
    spares: "Spares"
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(int(time.time()) % 1_000_000 * 1000))
    inferers: list[Inferer] = field(default_factory=list)

    def spec(self, source: str, target: str, model: str = "mlp", **settings: Any) -> InferenceSpec:
        trained = self.trained[model]
        number = next(self.ids)
        key = f"models/{number}/model.keras"
        self.s3.client().fput_object(self.s3.bucket, key, str(trained.file))
        shape = " ".join(map(str, trained.x.shape[1:]))
        return InferenceSpec(
            inference_id=number,
            result_id=3,
            model=ModelCode(model_id=1, version=2, name=model, code=trained.code),
            model_object=key,
            input_format="RAW",
            input_config={"data_type": str(trained.x.dtype), "data_reshape": shape},
            input_topic=source,
            output_topic=target,
            settings=InferenceSettings(**settings),
        )

    def waiting(self) -> Inferer:
        """An inferer without an assignment; its guest is starting."""
        inferer = self.spares.take()
        self.inferers.append(inferer)
        return inferer

    def start(self, spec: InferenceSpec, replica: int = 0) -> Inferer:
        inferer = self.waiting()
        inferer.assign(spec, replica)
        return inferer

    def produce(self, topic: str, values: Sequence[bytes | None], partition: int = 0, **record: Any) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self.kafka,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "message.max.bytes": 20 << 20,
            }
        )
        for value in values:
            producer.produce(topic, value, partition=partition, **record)
        assert producer.flush(DEADLINE) == 0

    def read(self, topic: str, count: int, partitions: int = 1) -> list[Message]:
        """At least the first `count` committed messages of a topic, and whatever came with them."""
        return list(self.reader(topic, partitions).read(count))

    def reader(self, topic: str, partitions: int = 1) -> "Reader":
        return Reader(self.kafka, topic, partitions)

    def events(self, inference: int, kind: str) -> list[dict[str, Any]]:
        """All events of a kind about an inference so far."""
        key = f"inferences/{inference}".encode()
        return [
            json.loads(message.value() or b"")
            for message in Reader(self.kafka, platform.EVENTS, 3).to_end()
            if message.key() == key and dict(message.headers() or ())["ce_type"] == kind.encode()
        ]

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        return until(condition, what)

    def close(self) -> None:
        for inferer in self.inferers:
            inferer.kill()


class Spares:
    """Inferers that wait for an assignment: there is always one whose TensorFlow is imported during the test before."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._numbers = itertools.count()
        self._spare = self._start()

    def take(self) -> Inferer:
        taken, self._spare = self._spare, self._start()
        return taken

    def close(self) -> None:
        self._spare.kill()

    def _start(self) -> Inferer:
        return Inferer(self._environment, self._folder / f"inferer-{next(self._numbers)}.log")


class Reader:
    """Reads committed messages only, of all partitions from their beginning."""

    def __init__(self, kafka: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka,
                "group.id": "reader-of-tests",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
            }
        )
        self._partitions = partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        self._at_end: set[int] = set()

    def _next(self) -> list[Message]:
        messages = []
        for message in self._consumer.consume(1000, 0.1):
            if message.error() is None:
                messages.append(message)
                self._at_end.discard(message.partition())
            else:
                self._at_end.add(message.partition())
        return messages

    def read(self, count: int) -> list[Message]:
        """Wait for `count` messages."""
        found: list[Message] = []
        deadline = time.monotonic() + DEADLINE
        while len(found) < count:
            assert time.monotonic() < deadline, f"only {len(found)} of {count} messages came"
            found += self._next()
        return found

    def to_end(self) -> list[Message]:
        """What is there besides what was read."""
        found = self._next()
        deadline = time.monotonic() + DEADLINE
        while len(self._at_end) < self._partitions:
            assert time.monotonic() < deadline
            found += self._next()
        return found


@pytest.fixture(scope="session")
def _platform_topics(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    there = admin.list_topics(timeout=DEADLINE).topics
    wanted = [NewTopic(platform.EVENTS, 3, 1), NewTopic(platform.DEAD_LETTERS, 1, 1)]
    if missing := [topic for topic in wanted if topic.topic not in there]:
        for future in admin.create_topics(missing).values():
            future.result(DEADLINE)


@pytest.fixture(scope="session")
def spares(kafka: str, s3: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spares]:
    environment = os.environ | {
        "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "KAFKA_ML_S3_ENDPOINT": s3.endpoint,
        "KAFKA_ML_S3_ACCESS_KEY": s3.access_key,
        "KAFKA_ML_S3_SECRET_KEY": s3.secret_key,
        "KAFKA_ML_S3_SECURE": "false",
        "KAFKA_ML_S3_BUCKET": s3.bucket,
    }
    spares = Spares(environment, tmp_path_factory.mktemp("logs"))
    try:
        yield spares
    finally:
        spares.close()


@pytest.fixture
def bench(
    kafka: str, s3: ObjectStore, trained: dict[str, Trained], spares: Spares, _platform_topics: None
) -> Iterator[Bench]:
    bench = Bench(kafka, s3, trained, spares)
    try:
        yield bench
    finally:
        bench.close()
