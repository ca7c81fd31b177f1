"""Storing: the trained model and what it was trained on, in the object store. The metrics come last: they say that all is there."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from kafka_ml_common.errors import NotFoundError, UnavailableError
from kafka_ml_common.messages import TrainingFinished, TrainingStopped
from kafka_ml_common.objects import ObjectStore, dataset_key, metrics_key, model_key
from kafka_ml_common.streams import format_ranges
from kafka_ml_common.workloads import STORING_SECONDS, TrainingSpec
from kafka_ml_sandbox.host import Guest
from kafka_ml_trainer.dataset import Dataset
from kafka_ml_trainer.problems import TrainingError

log = structlog.get_logger(__name__)

MODEL_FILE = "model.keras"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0

Ended = TrainingFinished | TrainingStopped


def stored_before(store: ObjectStore, result_id: int) -> Ended | None:
    """The event with which an earlier run of the same training ended, if it stored its result whole."""
    try:
        document = store.get_json(metrics_key(result_id))
    except NotFoundError:
        return None
    kinds: dict[str, type[Ended]] = {kind.type: kind for kind in (TrainingFinished, TrainingStopped)}
    try:
        return kinds[document["type"]].model_validate(document["event"])
    except (KeyError, TypeError, ValidationError):
        log.warning("the stored metrics can't be read, training again", key=metrics_key(result_id))
        return None


def take_model(guest: Guest, folder: Path, limit_bytes: int) -> Path:
    """Copy the model that the guest saved to where the guest can't reach it.

    Raises:
        TrainingError: there is none, it is no regular file, larger than `limit_bytes`, or there is no space for it.
    """
    path = folder / MODEL_FILE
    try:
        with guest.open(MODEL_FILE) as source, path.open("wb") as target:
            # What the guest adds meanwhile does not count.
            remaining = limit_bytes + 1
            while remaining and (piece := source.read(min(remaining, 1 << 20))):
                target.write(piece)
                remaining -= len(piece)
    except (FileNotFoundError, ValueError) as error:
        raise TrainingError(
            "protocol", f"The model's process did not leave the trained model as a file: {error}."
        ) from error
    except OSError as error:
        raise TrainingError(
            "disk_full",
            f"There is no space for the trained model in the trainer's work folder ({error.strerror}).",
            advice="Free some on its disk, or set KAFKA_ML_WORK_FOLDER to a folder with more.",
        ) from error
    if not remaining:
        raise TrainingError("disk_full", f"The trained model is larger than {limit_bytes >> 20} MiB and is not stored.")
    return path


def store_result(
    store: ObjectStore,
    spec: TrainingSpec,
    dataset: Dataset,
    event: Ended,
    model: Path | None,
    wait: Callable[[float], bool],
) -> None:
    """Store model, manifest and metrics, in this order.

    A trained model is not given up because the store is being restarted: an unreachable one is tried again for STORING_SECONDS.

    Args:
        wait: waits for so many seconds; True when there is no more time.

    Raises:
        UnavailableError: the store could not be reached in all that time.
    """
    until = time.monotonic() + STORING_SECONDS

    def put() -> None:
        if model is not None:
            store.put_file(model_key(spec.result_id), model)
        store.put_json(dataset_key(spec.result_id), manifest(spec, dataset))
        store.put_json(metrics_key(spec.result_id), {"type": event.type, "event": event.model_dump(mode="json")})

    pause = _FIRST_PAUSE
    while True:
        try:
            return put()
        except UnavailableError as error:
            log.warning("the object store is unavailable, the result waits", error=str(error), pause=pause)
            if time.monotonic() + pause > until or wait(pause):
                raise
            pause = min(pause * 2, _LONGEST_PAUSE)


def manifest(spec: TrainingSpec, dataset: Dataset) -> dict[str, Any]:
    """What a result was trained, tested and validated on."""
    return {
        "deployment_id": spec.deployment_id,
        "result_id": spec.result_id,
        "model": {"id": spec.model.model_id, "version": spec.model.version, "name": spec.model.name},
        "fingerprint": spec.stream.fingerprint(),
        "ranges": format_ranges(spec.stream.ranges),
        "input_format": spec.stream.input_format.value,
        "input_config": spec.stream.input_config,
        "validation_rate": spec.stream.validation_rate,
        "test_rate": spec.stream.test_rate,
        "sizes": {
            "training": dataset.sizes.training,
            "test": dataset.sizes.test,
            "validation": dataset.sizes.validation,
        },
        "parts": {name: format_ranges(pieces) for name, pieces in dataset.parts.items()},
        "skipped": dataset.skipped,
        "sample_shape": list(dataset.sample_shape),
        "label_shape": list(dataset.label_shape),
        "data_type": dataset.data_type,
        "label_type": dataset.label_type,
        "settings": spec.settings.model_dump(mode="json"),
    }


def fresh_folder(parent: Path | None) -> tempfile.TemporaryDirectory[str]:
    """A new folder for one process's work, removed at the end of its block."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="kafka-ml-trainer-", dir=parent, ignore_cleanup_errors=True)
