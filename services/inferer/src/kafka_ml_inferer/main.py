"""The inferer's host: one replica of an inference, from its assignment to its stop.

In order: the guest begins to start, with TensorFlow; the assignment comes; the model is fetched, loaded and warmed up in the guest;
only then the replica joins its consumer group and takes partitions; SIGTERM finishes the batch, leaves the group and ends with 0.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import FrameType
from typing import TypeVar

import structlog
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafka_ml_common import telemetry
from kafka_ml_common.errors import KafkaMLError, UnavailableError
from kafka_ml_common.failures import failure_of, passes
from kafka_ml_common.messages import Failure
from kafka_ml_common.objects import ObjectStore
from kafka_ml_common.settings import KafkaSettings, ObjectStoreSettings
from kafka_ml_common.workloads import Assignment, InferenceSpec
from kafka_ml_inferer.delivery import AtLeastOnce, Delivery, ExactlyOnce
from kafka_ml_inferer.model import Model
from kafka_ml_inferer.patience import InferenceFailedError, ReplicaEndedError
from kafka_ml_inferer.pipeline import Pipeline
from kafka_ml_inferer.records import Lineage
from kafka_ml_inferer.reporting import Reporter
from kafka_ml_inferer.source import Source
from kafka_ml_inferer.target import Output, wait_for_input, wait_for_output
from kafka_ml_sandbox.container import Keeper
from kafka_ml_sandbox.deaths import GuestError

log = structlog.get_logger(__name__)

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0


class WorkSettings(BaseSettings):
    """The surroundings of this process, as whoever starts it says: `KAFKA_ML_WORK_FOLDER` and so on.

    Attributes:
        work_folder: where the host may write; a temporary folder when unset.
        model_log: file for what the model prints.
        guest_folder: with the volumes run, shared and scratch, where the model runs in another container of this pod.
        replica: which replica this is, whatever the assignment says; a pod knows its number only once it is there.
        ready_file: is there while the replica reads, with its model warmed up.
    """

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_", extra="ignore")

    work_folder: Path | None = None
    model_log: Path | None = None
    guest_folder: Path | None = None
    replica: int | None = Field(None, ge=0)
    ready_file: Path | None = None


def main() -> int:
    """Run one replica; the exit status of the process."""
    parser = argparse.ArgumentParser(prog="kafka_ml_inferer", description="Run one replica of an inference.")
    parser.add_argument("--assignment", type=Path, help="file with the assignment; standard input when left out")
    options = parser.parse_args()
    telemetry.configure("inferer")
    stop = Stop()
    settings = WorkSettings()
    with (
        tempfile.TemporaryDirectory(prefix="inferer-", dir=settings.work_folder) as folder,
        Keeper(settings.guest_folder) if settings.guest_folder else nullcontext() as keeper,
    ):
        model = Model(Path(folder), settings.model_log, keeper)
        try:
            assignment = read_assignment(options.assignment)
            if assignment is None:
                return 0
            if not isinstance(assignment.spec, InferenceSpec):
                log.error("the assignment is no inference", kind=assignment.spec.kind)
                return 2
            replica = assignment.replica if settings.replica is None else settings.replica
            reporter = Reporter(KafkaSettings(), assignment.spec, replica, settings.ready_file)
            return run(assignment.spec, replica, model, Path(folder) / "model.keras", reporter, stop)
        except ValidationError as error:
            log.error("the assignment can't be read", error=str(error))
            return 2
        finally:
            model.close()


class Stop(threading.Event):
    """Set by SIGTERM or SIGINT. Before there is anything to finish (`patient` is not set) they end the process at once."""

    def __init__(self) -> None:
        super().__init__()
        self.patient = False
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.set()
        if not self.patient:
            raise SystemExit(0)


def read_assignment(file: Path | None) -> Assignment | None:
    """The assignment in `file`, else the first line of standard input; None when that ends before. Raises ValidationError."""
    text = file.read_text() if file is not None else sys.stdin.readline()
    return Assignment.model_validate_json(text) if text.strip() else None


def run(spec: InferenceSpec, replica: int, model: Model, file: Path, reporter: Reporter, stop: Stop) -> int:
    """Predict until `stop`; the exit status."""
    structlog.contextvars.bind_contextvars(workload_id=spec.workload_id, replica=replica)
    kafka = KafkaSettings()
    try:
        store = ObjectStore(ObjectStoreSettings())
        retry(lambda: store.get_file(spec.model_object, file), stop)
        model.load(spec, file)
        predict(kafka, spec, replica, model, reporter, stop)
    except GuestError as error:
        # A model that was trained loads: when it takes too long the machine is busy.
        if passes(error) or error.reason == "timeout":
            return come_again(reporter, error)
        return give_up(reporter, failure_of(error))
    except InferenceFailedError as error:
        return give_up(reporter, error.failure)
    except (ReplicaEndedError, UnavailableError) as error:
        return come_again(reporter, error)
    except KafkaMLError as error:
        return give_up(reporter, Failure(code=error.code, message=str(error)))
    return 0


def predict(
    kafka: KafkaSettings, spec: InferenceSpec, replica: int, model: Model, reporter: Reporter, stop: Stop
) -> None:
    """Join the group with a model that is ready, and run the pipeline."""
    stop.patient = True
    pipeline = Pipeline(spec, model, Lineage.of(spec, replica), reporter, stop)
    source = Source(kafka, spec, pipeline.finish)
    delivery: Delivery | None = None
    lag: int | None = None
    try:
        there = retry(lambda: source.partitions_of(spec.input_topic), stop)
        if stop.is_set():
            return
        if not there:
            # Whatever comes will be read, so the replica is ready; its sender may be waiting to hear that.
            reporter.ready()
        inputs = there or wait_for_input(source, spec, stop)
        output = wait_for_output(kafka, source, spec, inputs, stop)
        if output is None:
            return
        delivery = delivery_of(kafka, spec, replica, source, output)
        retry(delivery.renew, stop)
        if not stop.is_set():
            source.subscribe(from_the_beginning=not there)
            pipeline.run(source, delivery, output)
            lag = source.lag()
    finally:
        if delivery is not None:
            delivery.close()
        source.close()
        reporter.close(lag)
    log.info("stopped")


def delivery_of(kafka: KafkaSettings, spec: InferenceSpec, replica: int, source: Source, output: Output) -> Delivery:
    """How the inference's settings have batches delivered."""
    if spec.settings.delivery == "exactly_once":
        return ExactlyOnce(kafka, f"kafka-ml-inference-{spec.inference_id}-{replica}", output)
    return AtLeastOnce(kafka, source.commit, output)


def give_up(reporter: Reporter, failure: Failure) -> int:
    """Tell why this replica can't go on; the exit status."""
    log.error("the inference failed", code=failure.code, reason=failure.message, traceback=failure.traceback)
    reporter.failed(failure)
    reporter.close()
    return 1


def come_again(reporter: Reporter, error: Exception) -> int:
    """Leave it to another process of this replica, as the inference itself has not failed; the exit status."""
    log.error("this replica can't go on, another process of it may", reason=str(error))
    reporter.close()
    return os.EX_TEMPFAIL


def retry(step: Callable[[], T], stop: Stop) -> T | None:
    """Do `step` again, with growing pauses, while what it needs is unavailable; None when asked to stop meanwhile."""
    pause = _FIRST_PAUSE_SECONDS
    while not stop.is_set():
        try:
            return step()
        except UnavailableError as error:
            log.warning("will try again", error=str(error), pause=pause)
            stop.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    return None
