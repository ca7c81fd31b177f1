"""The scheduler as a process of its own, with fake hosts on the real broker."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer

from kafka_ml_common import topics as topic_table
from kafka_ml_common.bus import CaughtUp, Publisher, read_from_start, to_record
from kafka_ml_common.cloudevents import Record, decode
from kafka_ml_common.messages import EVENT_TYPES, WorkloadState, WorkloadStatus
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import ControlMessage
from kafka_ml_common.training import TrainingSettings
from kafka_ml_common.workloads import InferenceSettings, InferenceSpec, ModelCode, TrainingSpec, ValidationSpec

HERE = Path(__file__).parent


def make_training(code: str = "finish", *, timeout_seconds: int = 60, **more: object) -> TrainingSpec:
    """A training whose fake host does `code`; its ids are used by no other test."""
    number = random.randrange(1, 2**31)
    return TrainingSpec.model_validate(
        {
            "deployment_id": number,
            "result_id": number,
            "model": ModelCode(model_id=1, version=1, name="m", code=code),
            "stream": ControlMessage(
                topic="t:0:0:1", input_format="RAW", input_config={"data_type": "uint8", "label_type": "uint8"}
            ),
            "settings": TrainingSettings(timeout_seconds=timeout_seconds),
            **more,
        }
    )


def make_validation(code: str = "finish") -> ValidationSpec:
    return ValidationSpec(model=ModelCode(model_id=random.randrange(1, 2**31), version=1, name="m", code=code))


def make_inference(code: str = "wait", *, replicas: int = 1, **more: object) -> InferenceSpec:
    """An inference whose fake replicas do `code`."""
    number = random.randrange(1, 2**31)
    return InferenceSpec.model_validate(
        {
            "inference_id": number,
            "result_id": number,
            "model": ModelCode(model_id=1, version=1, name="m", code=code),
            "model_object": "models/1/model.keras",
            "input_format": "RAW",
            "input_config": {"data_type": "uint8", "label_type": "uint8"},
            "input_topic": "in",
            "output_topic": "out",
            "replicas": replicas,
            "settings": InferenceSettings(),
            **more,
        }
    )


async def wait_until(condition: Callable[[], object], within: float = 20) -> None:
    """Wait until the condition holds.

    Raises:
        AssertionError: it didn't in time.
    """
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        await asyncio.sleep(0.02)


class Journal:
    """What the fake hosts did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def starts(self, spec: TrainingSpec | ValidationSpec | InferenceSpec, replica: int = 0) -> list[tuple[int, int]]:
        """(attempt, pid) of each time that the replica was told what to do."""
        marks = (path.name.split(".") for path in self.folder.glob(f"{spec.workload_id}.{replica}.*.*"))
        return sorted((int(attempt), int(pid)) for *_, attempt, pid in marks)

    def pids(self, pattern: str) -> list[int]:
        return [int(path.name.rsplit(".", 1)[1]) for path in self.folder.glob(pattern)]

    def go(self, spec: TrainingSpec | ValidationSpec | InferenceSpec, code: int = 0) -> None:
        """Let the waiting hosts of a workload exit."""
        part = self.folder / f"{spec.workload_id}.part"
        part.write_text(str(code))
        part.rename(self.folder / f"{spec.workload_id}.go")

    def all_pids(self) -> set[int]:
        return set(self.pids("waiting.*"))


class Scheduler:
    """The scheduler's process."""

    def __init__(self, kafka: str, folder: Path) -> None:
        self.kafka = kafka
        self.folder = folder
        self.state = folder / "state"
        self.work = folder / "work"
        (folder / "journal").mkdir()
        self.journal = Journal(folder / "journal")
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self, *command: str, stop_seconds: float = 10, **settings: object) -> None:
        """Start it and wait for its sign of life. `settings` are SchedulerSettings; no spares unless asked for."""
        (self.state / "ready").unlink(missing_ok=True)
        self.process = self.spawn(*command, stop_seconds=stop_seconds, **settings)
        await wait_until((self.state / "ready").exists)

    def spawn(self, *command: str, stop_seconds: float = 10, **settings: object) -> "subprocess.Popen[bytes]":
        """Start a process of it, and don't wait."""
        settings = {"warm_trainers": 0, "warm_inferers": 0, "max_parallel": 8} | settings
        with (self.folder / "scheduler.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, HERE / "run_scheduler.py", self.journal.folder, str(stop_seconds), *command],
                env=os.environ
                | {
                    "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": self.kafka,
                    "KAFKA_ML_STATE_FOLDER": str(self.state),
                    "KAFKA_ML_WORK_FOLDER": str(self.work),
                    **{f"KAFKA_ML_{name.upper()}": str(value) for name, value in settings.items()},
                },
                stderr=log,
            )

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator does; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def is_alive(self, pid: int) -> bool:
        """Whether this host of ours is alive."""
        try:
            process = psutil.Process(pid)
            return process.status() != psutil.STATUS_ZOMBIE and str(self.journal.folder) in process.cmdline()
        except psutil.Error:
            return False

    def alive(self) -> list[int]:
        """The hosts that are alive."""
        return [pid for pid in self.journal.all_pids() if self.is_alive(pid)]

    def printed(self) -> str:
        return (self.folder / "scheduler.log").read_text()


class Events:
    """The statuses that the scheduler publishes, gathered while the test runs."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.statuses: list[WorkloadStatus] = []
        self.told: list[tuple[datetime, WorkloadStatus]] = []
        """Each status with the time at which it was told: over several workloads the topic's partitions keep no order."""
        self.ready = asyncio.Event()
        self.within = 20.0
        """Seconds in which a status is expected."""
        self._kafka = kafka

    async def follow(self) -> None:
        consumer = AIOKafkaConsumer(topic_table.EVENTS, **self._kafka.aiokafka(), auto_offset_reset="earliest")
        await consumer.start()
        self.ready.set()
        try:
            async for record in consumer:
                envelope = decode(to_record(record), EVENT_TYPES)
                if isinstance(envelope.data, WorkloadStatus):
                    self.statuses.append(envelope.data)
                    self.told.append((envelope.time, envelope.data))
        finally:
            await consumer.stop()

    def of(self, spec: TrainingSpec | ValidationSpec | InferenceSpec) -> list[WorkloadStatus]:
        return [status for status in self.statuses if status.workload_id == spec.workload_id]

    def states(self, spec: TrainingSpec | ValidationSpec | InferenceSpec) -> list[str]:
        return [status.state.value for status in self.of(spec)]

    async def wait_for(
        self,
        spec: TrainingSpec | ValidationSpec | InferenceSpec,
        state: WorkloadState,
        within: float | None = None,
        **fields: object,
    ) -> WorkloadStatus:
        """The first status in this state with these fields."""

        def found() -> WorkloadStatus | None:
            matching = (s for s in self.of(spec) if s.state is state)
            return next((s for s in matching if all(getattr(s, name) == value for name, value in fields.items())), None)

        await wait_until(found, within or self.within)
        status = found()
        assert status is not None
        return status


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Waits for a condition: `await until(condition, within=20)`."""
    return wait_until


@pytest.fixture
def training() -> Callable[..., TrainingSpec]:
    """Makes trainings: `training(code, timeout_seconds=60, **fields)`."""
    return make_training


@pytest.fixture
def validation() -> Callable[..., ValidationSpec]:
    """Makes validations: `validation(code)`."""
    return make_validation


@pytest.fixture
def inference() -> Callable[..., InferenceSpec]:
    """Makes inferences: `inference(code, replicas=1, **fields)`."""
    return make_inference


@pytest.fixture
def settings(kafka: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka)


@pytest.fixture
async def publisher(settings: KafkaSettings) -> AsyncIterator[Publisher]:
    """A publisher, on a broker where no workload of another test is left."""
    await topic_table.bootstrap(settings)
    async with Publisher(settings, "/tests") as publisher:
        for key in await read_workloads(settings):
            await publisher.withdraw(topic_table.WORKLOADS, key)
        yield publisher


@pytest.fixture
def workloads_in_log(settings: KafkaSettings) -> Callable[[], Awaitable[dict[str, Record]]]:
    """Tells what a scheduler that starts now would find."""
    return lambda: read_workloads(settings)


@pytest.fixture
async def events(settings: KafkaSettings, publisher: Publisher) -> AsyncIterator[Events]:
    events = Events(settings)
    following = asyncio.create_task(events.follow())
    await asyncio.wait_for(events.ready.wait(), 20)
    yield events
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


@pytest.fixture
def scheduler(kafka: str, publisher: Publisher, tmp_path: Path) -> Iterator[Scheduler]:
    """A scheduler to be started; after the test nothing of it may be left."""
    scheduler = Scheduler(kafka, tmp_path)
    yield scheduler
    if scheduler.process is not None:
        scheduler.kill()
    for pid in scheduler.journal.all_pids():
        if scheduler.is_alive(pid):
            os.kill(pid, signal.SIGKILL)


async def read_workloads(settings: KafkaSettings) -> dict[str, Record]:
    """What a scheduler that starts now would find: the last record of each key, unless it is a tombstone."""
    last: dict[str, Record] = {}
    async for record in read_from_start(settings, topic_table.WORKLOADS):
        if isinstance(record, CaughtUp):
            break
        last[(record.key or b"").decode()] = record
    return {key: record for key, record in last.items() if record.value is not None}
