"""The control service as a process of its own, on a real broker."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Envelope, Message, Record, decode, encode
from kafka_ml_common.messages import EVENT_TYPES, StreamMatched, StreamRecorded, StreamRefused
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import ControlMessage, StreamRange
from kafka_ml_common.training import TrainingSettings
from kafka_ml_common.workloads import ENDED, DeploymentRequest, ModelCode, Target, TrainingSpec
from kafka_ml_control.offsets import LogOffsets

DEADLINE = 60


@dataclass
class Control:
    """A running control service, which a test may kill and start again."""

    kafka: str
    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        environment = os.environ | {
            "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "KAFKA_ML_STATE_FOLDER": str(self.folder),
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kafka_ml_control"], env=environment, stderr=log, stdout=log
            )

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(by)
        self.process.wait(DEADLINE)


class Log:
    """What is written to a topic from the start of the test on."""

    def __init__(self, kafka: str, *names: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": kafka, "group.id": f"test-{random.random()}", "enable.auto.commit": False}
        )
        partitions = [
            TopicPartition(name, number)
            for name in names
            for number in self._consumer.list_topics(name, timeout=DEADLINE).topics[name].partitions
        ]
        for partition in partitions:
            partition.offset = self._consumer.get_watermark_offsets(partition, timeout=DEADLINE)[1]
        self._consumer.assign(partitions)
        self.seen: list[Record] = []

    def wait_for(self, wanted: Callable[[Record], bool], count: int = 1) -> list[Record]:
        """The records that are wanted, as soon as there are `count` of them."""
        deadline = time.monotonic() + DEADLINE
        while len(found := [record for record in self.seen if wanted(record)]) < count:
            assert time.monotonic() < deadline, f"only {len(found)} of {count} came; saw {self.seen}"
            message = self._consumer.poll(0.5)
            if message is not None and not message.error():
                headers = tuple((name, value or b"") for name, value in message.headers() or ())
                self.seen.append(
                    Record(
                        message.topic(), message.key(), message.value(), headers, message.partition(), message.offset()
                    )
                )
        return found

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture(scope="module")
def control(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    service = Control(kafka, tmp_path_factory.mktemp("control"))
    service.start()
    try:
        deadline = time.monotonic() + DEADLINE
        while not (service.folder / "ready").exists():
            assert time.monotonic() < deadline, (service.folder / "log").read_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert service.process.wait(0.1) is None, (service.folder / "log").read_text()
        yield service
    finally:
        service.end()


@pytest.fixture
def log(control: Control) -> Iterator[Log]:
    log = Log(control.kafka, topics.EVENTS, topics.WORKLOADS, topics.DEAD_LETTERS)
    yield log
    log.close()


@dataclass(frozen=True)
class Outside:
    """What the API and sinks would send."""

    kafka: str
    deployment_id: int = field(default_factory=lambda: random.randint(1000, 2**31))

    def send(self, *records: Record) -> None:
        producer = Producer({"bootstrap.servers": self.kafka, "message.max.bytes": 12 << 20})
        for record in records:
            producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
        assert producer.flush(DEADLINE) == 0

    def deploy(self) -> None:
        target = Target(
            result_id=self.deployment_id + 1, model=ModelCode(model_id=1, version=1, name="m", code="model = ...")
        )
        request = DeploymentRequest(deployment_id=self.deployment_id, targets=(target,), settings=TrainingSettings())
        self.send(encode(Envelope[Message](data=request, source="test")))

    def withdraw(self, *headers: tuple[str, bytes]) -> None:
        self.send(Record(topics.DEPLOYMENTS, str(self.deployment_id).encode(), None, headers))

    def data(self, topic: str, count: int = 10) -> ControlMessage:
        self.send(*(Record(topic, b"\x01", bytes([number])) for number in range(count)))
        return ControlMessage(topic=f"{topic}:0:0:{count}", input_format="RAW", input_config={"data_type": "uint8"})

    def announce(self, stream: ControlMessage) -> None:
        key, headers = ControlMessage.encode_key(self.deployment_id)
        self.send(Record(topics.CONTROL, key, stream.to_bytes(), tuple(headers)))


@pytest.fixture
def outside(control: Control) -> Outside:
    return Outside(control.kafka)


def of_type(kind: type[Message], outside: Outside) -> Callable[[Record], bool]:
    name = kind.type.encode()

    def wanted(record: Record) -> bool:
        if ("ce_type", name) not in record.headers:
            return False
        if record.topic == topics.WORKLOADS:
            return decode(record, {kind.type: kind}).data.deployment_id == outside.deployment_id  # type: ignore[attr-defined]
        return record.key == f"deployments/{outside.deployment_id}".encode()

    return wanted


def specs(log: Log, outside: Outside) -> Sequence[Record]:
    return [record for record in log.seen if of_type(TrainingSpec, outside)(record)]


def test_data_after_its_deployment_starts_a_training(outside: Outside, log: Log, topic: str) -> None:
    outside.deploy()
    stream = outside.data(topic)
    outside.announce(stream)
    (record,) = log.wait_for(of_type(TrainingSpec, outside))
    spec = decode(record, {TrainingSpec.type: TrainingSpec}).data
    assert spec.workload_id == f"training-{outside.deployment_id + 1}"
    assert spec.stream == stream
    log.wait_for(of_type(StreamRecorded, outside))
    (record,) = log.wait_for(of_type(StreamMatched, outside))
    assert decode(record, EVENT_TYPES).data.fingerprint == stream.fingerprint()  # type: ignore[attr-defined]


def test_a_stream_that_comes_before_its_deployment_is_matched_when_it_appears(
    outside: Outside, log: Log, topic: str
) -> None:
    outside.announce(outside.data(topic))
    log.wait_for(of_type(StreamRecorded, outside))
    assert not specs(log, outside)
    outside.deploy()
    log.wait_for(of_type(TrainingSpec, outside))


def test_the_same_control_message_three_times_trains_once(outside: Outside, log: Log, topic: str) -> None:
    outside.deploy()
    stream = outside.data(topic)
    for _ in range(3):
        outside.announce(stream)
    other = Outside(outside.kafka)
    other.deploy()
    other.announce(stream)  # handled after the three, so by its match they are all through
    log.wait_for(of_type(StreamMatched, other))
    assert len(specs(log, outside)) == 1


def test_a_data_source_can_be_used_for_another_deployment(outside: Outside, log: Log, topic: str) -> None:
    stream = outside.data(topic)
    for deployment in (outside, Outside(outside.kafka)):
        deployment.deploy()
        deployment.announce(stream)
        log.wait_for(of_type(StreamMatched, deployment))


def test_what_was_early_survives_a_kill_and_a_restart(control: Control, outside: Outside, log: Log, topic: str) -> None:
    outside.announce(outside.data(topic))
    log.wait_for(of_type(StreamRecorded, outside))
    control.end(signal.SIGKILL)
    outside.deploy()
    control.start()
    log.wait_for(of_type(TrainingSpec, outside))


def test_garbage_becomes_a_dead_letter_and_the_next_stream_is_matched(outside: Outside, log: Log, topic: str) -> None:
    outside.deploy()
    garbage = f"garbage-{outside.deployment_id}".encode()
    outside.send(
        Record(topics.CONTROL, garbage, b"{}"),
        Record(topics.CONTROL, b"\x01", garbage),
        Record(topics.DEPLOYMENTS, garbage, b"[]"),
        Record(topics.CONTROL, garbage, b"x" * (8 << 20)),
    )
    outside.announce(outside.data(topic))
    log.wait_for(of_type(TrainingSpec, outside))
    letters = log.wait_for(
        lambda record: record.topic == topics.DEAD_LETTERS and garbage in (record.key, record.value), count=3
    )
    assert all(dict(letter.headers)["kafka-ml-message"] for letter in letters)


def test_ranges_that_are_not_in_the_log_are_refused_and_the_deployment_goes_on_waiting(
    outside: Outside, log: Log, topic: str
) -> None:
    outside.deploy()
    stream = outside.data(topic)
    outside.announce(stream.model_copy(update={"topic": f"{topic}:0:5:999"}))
    (record,) = log.wait_for(of_type(StreamRefused, outside))
    assert "ends at 10" in decode(record, EVENT_TYPES).data.failure.message  # type: ignore[attr-defined]
    outside.announce(stream)
    log.wait_for(of_type(TrainingSpec, outside))


def test_a_withdrawn_deployment_withdraws_its_trainings(outside: Outside, log: Log, topic: str) -> None:
    outside.deploy()
    outside.announce(outside.data(topic))
    (record,) = log.wait_for(of_type(TrainingSpec, outside))
    outside.withdraw()
    log.wait_for(withdrawal(record.key))


def withdrawal(workload: bytes | None) -> Callable[[Record], bool]:
    return lambda record: record.topic == topics.WORKLOADS and record.key == workload and record.value is None


def test_a_deployment_whose_trainings_have_ended_is_forgotten_without_stopping_them(
    outside: Outside, log: Log, topic: str
) -> None:
    outside.deploy()
    stream = outside.data(topic)
    outside.announce(stream)
    (record,) = log.wait_for(of_type(TrainingSpec, outside))
    outside.withdraw(ENDED)
    other = Outside(outside.kafka)
    other.deploy()
    other.announce(stream)
    (later,) = log.wait_for(of_type(TrainingSpec, other))
    other.withdraw()  # handled after the one above, so what that one caused is in the log by now
    log.wait_for(withdrawal(later.key))
    assert not [seen for seen in log.seen if withdrawal(record.key)(seen)]


async def test_a_transactions_marker_is_no_record_that_waits(kafka: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(DEADLINE)
    producer.begin_transaction()
    producer.produce(topic, b"one")
    producer.commit_transaction(DEADLINE)
    async with LogOffsets(KafkaSettings(bootstrap_servers=kafka)) as offsets:
        assert await offsets.of([StreamRange(topic, 0, 0, 1)]) == {(topic, 0): (0, 2)}
        assert await offsets.has_record(topic, 0, 0)
        assert not await offsets.has_record(topic, 0, 1)
