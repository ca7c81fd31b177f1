"""Fit: what the host asks of its guest: `build` a model's code, then `train` it on the shared arrays.

A model's or user's fault is a reply with a `failure`; what ends the process (memory, exit) is told by the sandbox.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import keras

from kafka_ml_sandbox.channel import Channel
from kafka_ml_trainer.guest.build import build, summary
from kafka_ml_trainer.guest.checks import check_labels, check_samples
from kafka_ml_trainer.guest.data import Part, samples_in
from kafka_ml_trainer.guest.evaluate import confusion_matrix, evaluate, floats
from kafka_ml_trainer.guest.problems import ModelError, explain

MODEL_FILE = "model.keras"


class Bench:
    """What this guest works on: the one model that it built."""

    def __init__(self) -> None:
        self._model: keras.Model | None = None

    def build(self, channel: Channel, request: dict[str, Any]) -> Mapping[str, object]:
        """Build `code`; answers with the model's `summary`."""
        try:
            self._model = build(request["code"])
            return {"summary": summary(self._model)}
        except ModelError as problem:
            return {"failure": problem.to_message()}

    def train(self, channel: Channel, request: dict[str, Any]) -> Mapping[str, object]:
        """Train the model that was built on the arrays `x` and `y`; see `train` for request and answer."""
        if self._model is None:
            raise RuntimeError("train was asked for before build")
        try:
            return train(self._model, channel, request)
        except ModelError as problem:
            return {"failure": problem.to_message()}


def train(model: keras.Model, channel: Channel, request: dict[str, Any]) -> dict[str, object]:
    """Fit, test and store `model`.

    Args:
        model: compiled.
        channel: with the arrays `x` and `y`, parts in the order training, test, validation.
        request: `sizes` {training, test, validation}, `window` (samples, None when all fit in memory), `batch_size`, `fit`
            and `evaluate` (the arguments), `confusion_matrix` (whether).

    Returns:
        `stopped` (whether the host told so), `epochs_done`, `training_metrics`, `validation_metrics`, `test_metrics`,
        `confusion_matrix`, and `saved`: whether the model is in the scratch folder.

    Raises:
        ModelError: the model doesn't fit the data, or can't be trained or stored.
    """
    parts = divide(channel, request["sizes"], request["window"])
    training, batch_size, fit = parts["training"], request["batch_size"], request["fit"]
    output = check_samples(model, training.x[:batch_size])
    check_labels(model, channel.array("y"), output)
    channel.send("started", {})

    watch = Watch(channel, len(training), batch_size)
    try:
        _fit(model, parts, batch_size, fit, watch)
        answer: dict[str, object] = watch.answer()
        if not watch.stopped and len(parts["test"]):
            steps = request["evaluate"]["steps"]
            answer["test_metrics"] = evaluate(model, parts["test"], batch_size, steps, [watch])
        if not watch.stopped and request["confusion_matrix"]:
            answer["confusion_matrix"] = _confusion(model, parts, batch_size, watch)
    except Exception as error:  # Keras and the user's layers, losses and metrics raise what they like
        raise explain(error, "The model can't be trained on this stream") from error
    if watch.stopped:
        answer["stopped"], answer["test_metrics"], answer["confusion_matrix"] = True, {}, None
    if watch.epochs_done:
        _save(model, channel)
        answer["saved"] = True
    return answer


def divide(channel: Channel, sizes: Mapping[str, int], window: int | None) -> dict[str, Part]:
    """The parts of the shared arrays, which follow each other in the order of `sizes`."""
    x, y = channel.array("x"), channel.array("y")
    parts, start = {}, 0
    for name in ("training", "test", "validation"):
        end = start + sizes[name]
        parts[name] = Part(x[start:end], y[start:end], window)
        start = end
    return parts


class Watch(keras.callbacks.Callback):  # type: ignore[misc] # Keras has no types
    """Reports each epoch to the host, and stops at a batch's end when the host says so."""

    # Lets Keras call the batch hooks beside the training: waiting for each batch's metrics would cost a tenth of small steps.
    async_safe = True

    def __init__(self, channel: Channel, samples: int, batch_size: int) -> None:
        super().__init__()
        self.stopped = False
        self.epochs_done = 0
        self._channel = channel
        self._samples = samples
        self._batch_size = batch_size
        self._batches = 0
        self._batches_before = 0
        self._begun = 0.0
        self._trained: float | None = None
        self._last: dict[str, float | None] = {}
        self._validated: dict[str, float | None] = {}

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._begun, self._trained, self._batches_before = time.perf_counter(), None, self._batches

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        # `batch` is the last one's number in this epoch: one call may stand for several (compile's steps_per_execution).
        self._batches = self._batches_before + batch + 1
        self._listen()

    def on_test_begin(self, logs: object = None) -> None:
        self._trained = self._trained or time.perf_counter()

    def on_test_batch_end(self, batch: int, logs: object = None) -> None:
        self._listen()

    def on_predict_batch_end(self, batch: int, logs: object = None) -> None:
        self._listen()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.stopped:
            return  # in the midst of it
        now = time.perf_counter()
        metrics = floats(logs or {})
        self.epochs_done = epoch + 1
        self._last = {name: value for name, value in metrics.items() if not name.startswith("val_")}
        validated = {name: value for name, value in metrics.items() if name.startswith("val_")}
        self._validated = validated or self._validated
        samples = samples_in(self._batches, self._samples, self._batch_size) - samples_in(
            self._batches_before, self._samples, self._batch_size
        )
        rate = samples / max((self._trained or now) - self._begun, 1e-9)
        self._channel.send(
            "epoch",
            {"epoch": self.epochs_done, "metrics": metrics, "seconds": now - self._begun, "samples_per_second": rate},
        )

    def answer(self) -> dict[str, object]:
        """What is known after fitting."""
        return {
            "stopped": self.stopped,
            "epochs_done": self.epochs_done,
            "training_metrics": self._last,
            "validation_metrics": {name.removeprefix("val_"): value for name, value in self._validated.items()},
            "test_metrics": {},
            "confusion_matrix": None,
            "saved": False,
        }

    def _listen(self) -> None:
        if any(name == "stop" for name, _ in self._channel.poll()):
            self.stopped = True
        if self.stopped:
            self.model.stop_training = True
            self.model.stop_evaluating = True
            self.model.stop_predicting = True


def _fit(model: keras.Model, parts: Mapping[str, Part], batch_size: int, fit: Mapping[str, Any], watch: Watch) -> None:
    steps, validation_steps = fit["steps_per_epoch"], fit["validation_steps"]
    validation = parts["validation"].batches(batch_size) if len(parts["validation"]) else None
    if validation is not None and validation_steps is not None:
        validation = validation.take(validation_steps)
    weights, training = fit["class_weight"], parts["training"]
    data: dict[str, Any]
    if training.window is None and steps is None:  # just what Keras is best at
        data = {"x": training.x, "y": training.y, "batch_size": batch_size, "shuffle": fit["shuffle"]}
    else:
        data = {"x": training.batches(batch_size, shuffle=fit["shuffle"], repeat=steps is not None)}
    model.fit(
        **data,
        epochs=fit["epochs"],
        steps_per_epoch=steps,
        class_weight={int(number): weight for number, weight in weights.items()} if weights else None,
        validation_data=validation,
        validation_freq=fit["validation_freq"],
        callbacks=[watch],
        verbose=0,
    )


def _confusion(model: keras.Model, parts: Mapping[str, Part], batch_size: int, watch: Watch) -> dict[str, Any] | None:
    name = next((name for name in ("test", "validation") if len(parts[name])), None)
    if name is None:
        return None
    matrix = confusion_matrix(model, parts[name], batch_size, [watch])
    return None if matrix is None else matrix | {"part": name}


def _save(model: keras.Model, channel: Channel) -> None:
    try:
        model.save(channel.scratch / MODEL_FILE)
    except Exception as error:  # own layers may be unable to tell their configuration
        raise explain(error, "The trained model can't be stored") from error


_bench = Bench()
HANDLERS = {"build": _bench.build, "train": _bench.train}
