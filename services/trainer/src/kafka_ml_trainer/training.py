"""Training: one job from its spec to its outcome. Build the model, read the stream, fit and test, store, report.

Every end that says something about the model or the stream is an event; what may go better another time is an exception.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from kafka_ml_common.errors import KafkaMLError, UnavailableError
from kafka_ml_common.messages import (
    EpochFinished,
    Event,
    Failure,
    TrainingFailed,
    TrainingFinished,
    TrainingStarted,
    TrainingStopped,
)
from kafka_ml_common.objects import ObjectStore, model_key
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.workloads import TrainingSpec
from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.limits import Limits
from kafka_ml_trainer.dataset import Dataset, read
from kafka_ml_trainer.log import LogReader
from kafka_ml_trainer.problems import Stopped, TrainingError, failure_after
from kafka_ml_trainer.replies import BuildReply, EpochReport, TrainReply, checked
from kafka_ml_trainer.reporting import Reporter
from kafka_ml_trainer.settings import TrainerSettings
from kafka_ml_trainer.stopping import Stop
from kafka_ml_trainer.storing import Ended, store_result, stored_before, take_model

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a job works with."""

    guest: Guest
    folder: Path
    kafka: KafkaSettings
    store: ObjectStore
    reporter: Reporter
    settings: TrainerSettings
    stop: Stop


class ReportedError(Exception):
    """The model can't be trained; carries the failure to report."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def train(spec: TrainingSpec, place: Workplace, *, attempt: int) -> None:
    """Do the training of `spec` and report its outcome. Harmless when repeated.

    Raises:
        UnavailableError: Kafka or the object store can't be reached.
        GuestError: the model's process was ended, perhaps from outside, and there are attempts left.
    """
    place.store.ensure_bucket()
    if (event := stored_before(place.store, spec.result_id)) is not None:
        log.info("trained before", result_id=spec.result_id)
        place.reporter.publish(event)
        return
    job = Job(spec, place)
    try:
        place.reporter.publish(job.run())
    except Stopped:
        place.reporter.publish(job.stopped())
    except ReportedError as error:
        place.reporter.publish(job.failed(error.failure))
    except TrainingError as problem:
        place.reporter.publish(job.failed(problem.failure(place.guest.output())))
    except UnavailableError:
        raise
    except KafkaMLError as problem:  # such as a StreamError: the same again will fail again
        failure = Failure(code=problem.code.replace("-", "_"), message=str(problem))
        place.reporter.publish(job.failed(failure))
    except GuestError as error:
        if place.stop.asked:
            place.reporter.publish(job.stopped())
        elif (found := failure_after(error, attempt, spec.attempts)) is not None:
            place.reporter.publish(job.failed(found))
        else:
            raise


class Job:
    """One training under way."""

    def __init__(self, spec: TrainingSpec, place: Workplace) -> None:
        self._spec = spec
        self._place = place
        self._ids = {"deployment_id": spec.deployment_id, "result_id": spec.result_id}
        self._begun = time.monotonic()
        self._started = False
        self._epochs_done = 0

    def run(self) -> Ended:
        """The whole flow; the event that it ends with is stored already."""
        self._build()
        dataset = self._read()
        reply = self._fit(dataset)
        model = take_model(self._place.guest, self._place.folder, self._limits.file_bytes) if reply.saved else None
        event = self._ended(reply, model)
        if model is not None:
            store_result(self._place.store, self._spec, dataset, event, model, self._give_up)
        return event

    def stopped(self) -> Event:
        """The event of a training that was stopped before it had a model to keep."""
        return TrainingStopped(
            **self._ids, training_metrics={}, epochs_done=self._epochs_done, duration_seconds=self._seconds
        )

    def failed(self, failure: Failure) -> Event:
        """The event of a training that can't succeed."""
        if failure.code == "timeout":
            limit = self._spec.settings.timeout_seconds
            text = f"The training did not end within its {limit} seconds: look for an endless loop, train fewer epochs, or raise timeout_seconds."
            failure = failure.model_copy(update={"message": text})
        log.warning("training failed", code=failure.code, message=failure.message)
        return TrainingFailed(**self._ids, failure=failure)

    def _build(self) -> None:
        """Have the model built first: code that can't run is told before anything is read."""
        reply = checked(BuildReply, self._ask("build", {"code": self._spec.model.code}))
        if reply.failure is not None:
            raise ReportedError(reply.failure.failure(self._place.guest.output()))
        self._place.stop.check()

    def _read(self) -> Dataset:
        settings, place = self._spec.settings, self._place
        begun = time.monotonic()
        with LogReader(place.kafka, patience_seconds=place.settings.patience_seconds, go_on=self._go_on) as reader:
            dataset = read(
                self._spec.stream,
                reader,
                lambda name, shape, dtype, on_disk: place.guest.share(name, shape, dtype, on_disk=on_disk),
                memory_bytes=int((settings.memory_mb << 20) * place.settings.memory_share),
                skip=settings.on_bad_message == "skip",
            )
        log.info(
            "stream read",
            samples=dataset.sizes.training + dataset.sizes.test + dataset.sizes.validation,
            seconds=round(time.monotonic() - begun, 3),
            streamed=dataset.window is not None,
        )
        return dataset

    def _fit(self, dataset: Dataset) -> TrainReply:
        settings = self._spec.settings
        sizes = {"training": dataset.sizes.training, "test": dataset.sizes.test, "validation": dataset.sizes.validation}
        request: dict[str, object] = {
            "sizes": sizes,
            "window": dataset.window,
            "batch_size": settings.batch_size,
            "fit": settings.fit.model_dump(mode="json"),
            "evaluate": settings.evaluate.model_dump(mode="json"),
            "confusion_matrix": settings.confusion_matrix,
        }

        def report(name: str, payload: dict[str, Any]) -> None:
            if name == "started":
                if self._started:
                    raise TrainingError("protocol", "The model's process reported twice that the training started.")
                self._started = True
                self._report_start(dataset)
            elif name == "epoch":
                self._report_epoch(checked(EpochReport, payload))

        reply = checked(TrainReply, self._ask("train", request, report))
        if reply.failure is not None:
            raise ReportedError(reply.failure.failure(self._place.guest.output()))
        return reply

    def _report_start(self, dataset: Dataset) -> None:
        self._place.reporter.publish(
            TrainingStarted(
                **self._ids,
                epochs=self._spec.settings.fit.epochs,
                training_size=dataset.sizes.training,
                validation_size=dataset.sizes.validation,
                test_size=dataset.sizes.test,
                skipped=dataset.skipped,
                input_shape=dataset.sample_shape,
            )
        )

    def _report_epoch(self, report: EpochReport) -> None:
        if report.epoch != self._epochs_done + 1 or report.epoch > self._spec.settings.fit.epochs:
            raise TrainingError("protocol", "The model's process reported epochs that can't be.")
        self._epochs_done = report.epoch
        self._place.reporter.publish(
            EpochFinished(
                **self._ids,
                epoch=report.epoch,
                metrics=report.metrics,
                duration_seconds=report.seconds,
                samples_per_second=report.samples_per_second,
            )
        )

    def _ended(self, reply: TrainReply, model: Path | None) -> Ended:
        matrix = reply.confusion_matrix.small if reply.confusion_matrix is not None else None
        if matrix is None and reply.confusion_matrix is not None:
            log.warning("the confusion matrix is too large to publish", classes=len(reply.confusion_matrix.labels))
        kind: type[Ended] = TrainingStopped if reply.stopped else TrainingFinished
        return kind(
            **self._ids,
            training_metrics=reply.training_metrics,
            validation_metrics=reply.validation_metrics,
            test_metrics=reply.test_metrics,
            confusion_matrix=matrix,
            epochs_done=self._epochs_done,
            duration_seconds=self._seconds,
            model_object=model_key(self._spec.result_id) if model else None,
            model_bytes=model.stat().st_size if model else 0,
        )

    def _ask(self, name: str, payload: dict[str, object], on_message: Any = None) -> dict[str, Any]:
        left = self._begun + self._spec.settings.timeout_seconds - time.monotonic()
        with self._place.stop.passed_on(self._place.guest, self._place.settings.stop_seconds):
            return self._place.guest.request(
                name, payload, limits=self._limits, timeout=max(left, 0.001), on_message=on_message
            )

    @property
    def _limits(self) -> Limits:
        memory = self._spec.settings.memory_mb << 20
        return Limits(memory_bytes=memory, file_bytes=max(memory, Limits().file_bytes))

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    def _go_on(self) -> None:
        """Called between batches of messages."""
        self._place.stop.check()
        if self._seconds > self._spec.settings.timeout_seconds:
            raise TrainingError("timeout", "Reading the stream took too long.")

    def _give_up(self, pause: float) -> bool:
        """Wait before the object store is tried again; a stopped training has no time to."""
        return self._place.stop.wait(pause)
