"""What the trainer's tests have in common: streams in a real broker, a host process as the scheduler starts it, its events read back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_ml_common.cloudevents import Record, decode
from kafka_ml_common.codecs import codec_for
from kafka_ml_common.messages import EVENT_TYPES, Event
from kafka_ml_common.objects import ObjectStore
from kafka_ml_common.settings import ObjectStoreSettings
from kafka_ml_common.streams import ControlMessage
from kafka_ml_common.topics import EVENTS
from kafka_ml_common.training import TrainingSettings
from kafka_ml_common.workloads import Assignment, ModelCode, TrainingSpec, ValidationSpec
from kafka_ml_sandbox.host import Guest
from kafka_ml_trainer.main import GUEST_MODULE

DIGITS_MODEL = """
model = tf.keras.models.Sequential([
    tf.keras.layers.Flatten(input_shape=(8, 8)),
    tf.keras.layers.Rescaling(1 / 16),
    tf.keras.layers.Dense(64, activation='relu'),
    tf.keras.layers.Dense(10, activation='softmax'),
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
"""

_NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)

DIGITS_CONFIG = {"data_type": "uint8", "label_type": "uint8", "data_reshape": "8 8", "label_reshape": ""}


@dataclass
class Ended:
    """A host that has ended: exit code, what it logged, and its events."""

    code: int
    log: str
    events: list[Event]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def one(self, kind: type[Any]) -> Any:
        found = self.of(kind)
        assert len(found) == 1, (self.code, self.events, self.log)
        return found[0]


@dataclass
class Bench:
    """Sends streams, starts hosts, reads events."""

    kafka: str
    environment: dict[str, str]
    store: ObjectStore
    spare: subprocess.Popen[bytes] | None = None
    """A host that was started ahead, as the scheduler does: TensorFlow is imported while another test works."""
    ids: Iterator[int] = field(default_factory=lambda: iter(range(uuid.uuid4().int % 10**9 * 10, 1 << 62)))

    def send(
        self,
        topic: str,
        x: np.ndarray,
        y: np.ndarray | None,
        *,
        form: str = "RAW",
        config: dict[str, Any] | None = None,
        partitions: int = 1,
    ) -> str:
        """Send samples, in equal runs a partition; the ranges they came to lie in."""
        codec = codec_for(form, DIGITS_CONFIG if config is None else config)
        values = codec.encode(x)
        keys: Sequence[bytes | None] = codec.encode_labels(y) if y is not None else [None] * len(values)
        return self.send_bytes(topic, values, keys, partitions=partitions)

    def send_bytes(
        self, topic: str, values: Sequence[bytes], keys: Sequence[bytes | None], *, partitions: int = 1
    ) -> str:
        producer = Producer({"bootstrap.servers": self.kafka, "linger.ms": 20})
        ends: dict[int, list[int]] = {}

        def delivered(error: object, message: Any) -> None:
            assert error is None
            ends.setdefault(message.partition(), []).append(message.offset())

        for index, (value, key) in enumerate(zip(values, keys, strict=True)):
            partition = index * partitions // len(values)
            producer.produce(topic, value, key, partition, on_delivery=delivered)
            producer.poll(0)
        producer.flush(30)
        return ",".join(f"{topic}:{p}:{min(offsets)}:{max(offsets) + 1}" for p, offsets in sorted(ends.items()))

    def spec(
        self,
        ranges: str,
        code: str = DIGITS_MODEL,
        *,
        form: str = "RAW",
        config: dict[str, Any] | None = None,
        validation_rate: float = 0.0,
        test_rate: float = 0.2,
        **settings: Any,
    ) -> TrainingSpec:
        stream = ControlMessage(
            topic=ranges,
            input_format=form,
            input_config=DIGITS_CONFIG if config is None else config,
            validation_rate=validation_rate,
            test_rate=test_rate,
        )
        number = next(self.ids)
        return TrainingSpec(
            deployment_id=number,
            result_id=number,
            model=ModelCode(model_id=1, version=1, name="digits", code=code),
            stream=stream,
            settings=TrainingSettings(**settings),
        )

    def validation(self, code: str, **settings: Any) -> ValidationSpec:
        return ValidationSpec(model=ModelCode(model_id=next(self.ids), version=1, name="m", code=code), **settings)

    @contextmanager
    def host(self, spec: Any, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A host at work on `spec`."""
        process = self.start(**environment) if self.spare is None or environment else self.spare
        if process is self.spare or self.spare is None:
            self.spare = self.start()
        try:
            assign(process, spec)
            yield process
        finally:
            end(process)

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """A host that waits for its assignment."""
        return subprocess.Popen(
            [sys.executable, "-m", "kafka_ml_trainer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.environment, **environment},
        )

    def run(self, spec: Any, seconds: float = 150, **environment: str) -> Ended:
        """Run a host on `spec` to its end."""
        since = self.ends_of_events()
        with self.host(spec, **environment) as process:
            output, _ = process.communicate(timeout=seconds)
            return Ended(process.returncode, output.decode(errors="replace"), self.events(spec.event_key, since))

    def ends_of_events(self) -> dict[int, int]:
        """The ends of the event topic's partitions."""
        with consumer(self.kafka) as reader:
            partitions = reader.list_topics(EVENTS, timeout=10).topics[EVENTS].partitions
            return {p: end_of(reader, TopicPartition(EVENTS, p)) for p in partitions}

    def events(self, key: str, since: dict[int, int]) -> list[Event]:
        """All events with `key` that were published since then, in order."""
        found: list[Event] = []
        with consumer(self.kafka) as reader:
            for partition, end in self.ends_of_events().items():
                reader.assign([TopicPartition(EVENTS, partition, since.get(partition, 0))])
                position = since.get(partition, 0)
                while position < end:
                    for message in reader.consume(end - position, 1.0):
                        assert message.error() is None, message.error()
                        position = message.offset() + 1
                        if (message.key() or b"").decode() == key:
                            found.append(decode_event(message))
        return found

    def wait_for(self, kind: type[Any], key: str, since: dict[int, int], seconds: float = 30) -> Any:
        """The first event of a kind with `key`; fails after so many seconds."""
        deadline = time.monotonic() + seconds
        with consumer(self.kafka) as reader:
            reader.assign([TopicPartition(EVENTS, partition, offset) for partition, offset in since.items()])
            while time.monotonic() < deadline:
                message = reader.poll(1.0)
                if message is None or message.error() or (message.key() or b"").decode() != key:
                    continue
                event = decode_event(message)
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"no {kind.__name__} within {seconds} seconds")


def end_of(reader: Consumer, partition: TopicPartition, seconds: float = 20) -> int:
    """The partition's end. One that was just created may have no leader yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return int(reader.get_watermark_offsets(partition, timeout=10)[1])
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER or time.monotonic() > deadline:
                raise
            reader.poll(0.1)


def assign(process: subprocess.Popen[bytes], spec: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(Assignment(spec=spec).model_dump_json().encode() + b"\n")
    process.stdin.flush()


def end(process: subprocess.Popen[bytes]) -> None:
    """See that the process has ended."""
    if process.poll() is None:
        process.kill()
        process.wait(10)


def decode_event(message: Any) -> Event:
    record = Record(message.topic(), message.key(), message.value(), tuple(message.headers() or ()))
    return decode(record, EVENT_TYPES).data


@contextmanager
def consumer(kafka: str) -> Iterator[Consumer]:
    reader = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "kafka-ml-test",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        yield reader
    finally:
        reader.close()


@pytest.fixture(scope="session")
def bench(kafka: str, s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The trainer's surroundings: broker with the topic of events, object store, work folder."""
    admin = AdminClient({"bootstrap.servers": kafka})
    if EVENTS not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(EVENTS, 3, 1)])[EVENTS].result(15)
    environment = {
        "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "KAFKA_ML_S3_ENDPOINT": s3.endpoint,
        "KAFKA_ML_S3_ACCESS_KEY": s3.access_key,
        "KAFKA_ML_S3_SECRET_KEY": s3.secret_key,
        "KAFKA_ML_S3_SECURE": "false",
        "KAFKA_ML_S3_BUCKET": s3.bucket,
        "KAFKA_ML_WORK_FOLDER": str(tmp_path_factory.mktemp("trainer")),
        "KAFKA_ML_LOG_FORMAT": "json",
    }
    settings = ObjectStoreSettings(
        endpoint=s3.endpoint, access_key=s3.access_key, secret_key=s3.secret_key, secure=False, bucket=s3.bucket
    )
    bench = Bench(kafka, environment, ObjectStore(settings))
    yield bench
    if bench.spare is not None:
        bench.spare.terminate()
        bench.spare.communicate(timeout=15)


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Scikit-learn's handwritten digits: 1,797 images of 8 x 8, uint8."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images.astype(np.uint8), found.target.astype(np.uint8)


@pytest.fixture
def sent(bench: Bench, topics: Callable[..., str], digits: tuple[np.ndarray, np.ndarray]) -> str:
    """The digits in a topic of one partition; their range."""
    return bench.send(topics(), *digits)


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A guest for models that do no harm: one for all tests, without limits."""
    folder = tmp_path_factory.mktemp("guest") / "folder"
    with Guest.start(GUEST_MODULE, folder, preload=["tensorflow", "keras"], start_timeout=150) as guest:
        yield guest
