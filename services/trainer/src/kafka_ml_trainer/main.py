"""The trainer: one process for one training or validation, started ahead of its work.

It starts its guest, which imports TensorFlow and waits; waits itself for an assignment; does it; reports; and ends. With 0: the
outcome was reported, or no work came. With 75 (EX_TEMPFAIL): Kafka or the object store is away, which uses up no attempt. With 1: it
could not be done, which does. With 64 (EX_USAGE): the assignment is none. Or it waits for validations by HTTP (serving.py).
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from pydantic import ValidationError

from kafka_ml_common.errors import KafkaMLError, UnavailableError
from kafka_ml_common.objects import ObjectStore
from kafka_ml_common.settings import KafkaSettings, ObjectStoreSettings
from kafka_ml_common.telemetry import configure
from kafka_ml_common.workloads import Assignment, InferenceSpec, TrainingSpec
from kafka_ml_sandbox.container import Keeper
from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.transcript import Transcript
from kafka_ml_trainer.problems import Stopped
from kafka_ml_trainer.reporting import Reporter
from kafka_ml_trainer.serving import Validations, serve
from kafka_ml_trainer.settings import TrainerSettings
from kafka_ml_trainer.stopping import Stop
from kafka_ml_trainer.storing import fresh_folder
from kafka_ml_trainer.training import Workplace, train
from kafka_ml_trainer.validator import validate

log = structlog.get_logger(__name__)

GUEST_MODULE = "kafka_ml_trainer.guest.fit"


def main(arguments: list[str] | None = None) -> int:
    """Run the process; returns its exit code."""
    parser = argparse.ArgumentParser(prog="kafka-ml-trainer", description="Train or validate one model.")
    parser.add_argument("--assignment", type=Path, help="file with the assignment; by default a line on standard input")
    parser.add_argument(
        "--serve", type=int, metavar="PORT", help="wait for validations by HTTP instead, one after another"
    )
    options = parser.parse_args(arguments)
    configure("trainer")
    settings, stop = TrainerSettings(), Stop()
    stop.leave_at_signal(os.EX_TEMPFAIL if options.assignment else 0)
    with fresh_folder(settings.work_folder) as path, guests(settings, Path(path)) as start:
        folder = Path(path)
        if options.serve is not None:
            stop.note_signal()
            validations = Validations(start, lambda task, guest: work(task, guest, folder, settings, stop))
            return serve(validations, options.serve, settings.secret_token, stop)
        with start() as guest:
            line = options.assignment.read_bytes() if options.assignment else sys.stdin.buffer.readline()
            if not line.strip():
                return 0
            if settings.stop_file is not None:
                stop.note_file(settings.stop_file)
            else:
                stop.note_signal()
            try:
                assignment = Assignment.model_validate_json(line)
            except ValidationError as error:
                log.error("the assignment can't be read", error=str(error))
                return os.EX_USAGE
            return work(assignment, guest, folder, settings, stop)


@contextmanager
def guests(settings: TrainerSettings, folder: Path) -> Iterator[Callable[[], Guest]]:
    """What starts guests, one after another: in the pod's other container where there is one, else as processes of their own."""
    preload = ["tensorflow", "keras"]
    if settings.guest_folder is not None:
        with Keeper(settings.guest_folder) as keeper:
            # A node that has just fetched the image reads it for the first time.
            yield lambda: Guest.attach(GUEST_MODULE, keeper, preload=preload, start_timeout=300)
        return
    on_output = Transcript(settings.model_log) if settings.model_log else None
    numbers = itertools.count(1)
    yield lambda: Guest.start(GUEST_MODULE, folder / f"guest-{next(numbers)}", preload=preload, on_output=on_output)


def work(assignment: Assignment, guest: Guest, folder: Path, settings: TrainerSettings, stop: Stop) -> int:
    """Do what was assigned; returns the exit code."""
    spec = assignment.spec
    structlog.contextvars.bind_contextvars(workload_id=spec.workload_id, attempt=assignment.attempt)
    if isinstance(spec, InferenceSpec):
        log.error("inferences are no work for a trainer")
        return os.EX_USAGE
    log.info("begins", isolation=guest.isolation)
    try:
        kafka = KafkaSettings()
        with Reporter(kafka) as reporter:
            if isinstance(spec, TrainingSpec):
                store = ObjectStore(ObjectStoreSettings())
                train(
                    spec, Workplace(guest, folder, kafka, store, reporter, settings, stop), attempt=assignment.attempt
                )
            else:
                validate(spec, guest, reporter, stop, attempt=assignment.attempt, stop_seconds=settings.stop_seconds)
    except UnavailableError as error:
        log.error("could not be done for now", error=str(error))
        return os.EX_TEMPFAIL
    except (KafkaMLError, GuestError) as error:
        log.error("could not be done", error=str(error))
        return 1
    except Stopped:
        log.info("stopped before the outcome was known")
        return os.EX_TEMPFAIL
    log.info("done")
    return 0
