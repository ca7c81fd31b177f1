"""Evaluate: metrics and the confusion matrix of a part that the model was not trained on."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kafka_ml_trainer.guest.build import loss_name
from kafka_ml_trainer.guest.data import Part

MAX_CLASSES = 1000
_PREDICTED_BYTES = 32 << 20


def evaluate(
    model: keras.Model, part: Part, batch_size: int, steps: int | None, callbacks: list[keras.callbacks.Callback]
) -> dict[str, float | None]:
    """The model's metrics on at most `steps` batches of the part, all by default."""
    batches = part.batches(batch_size)
    if steps is not None:
        batches = batches.take(steps)
    return floats(model.evaluate(batches, verbose=0, return_dict=True, callbacks=callbacks))


def confusion_matrix(
    model: keras.Model, part: Part, batch_size: int, callbacks: list[keras.callbacks.Callback]
) -> dict[str, Any] | None:
    """How often each class was taken for which, in the terms of `ConfusionMatrix`; None when the model is no classifier.

    Predictions are taken in slices, so memory stays bounded whatever the part's size.
    """
    output = tuple(int(size) for size in model(part.x[:1], training=False).shape[1:])
    classes = classes_of(model, part.y, output)
    if classes is None or classes > MAX_CLASSES:
        return None
    counts = np.zeros((classes, classes), np.int64)
    rows = max(1, _PREDICTED_BYTES // max(4 * math.prod(output), part.x[:1].nbytes))
    for start in range(0, len(part), rows):
        x, y = np.asarray(part.x[start : start + rows]), part.y[start : start + rows]
        predicted = model.predict(x, batch_size=max(batch_size, min(rows, 512)), verbose=0, callbacks=callbacks)
        if len(predicted) != len(y):  # stopped meanwhile
            return None
        truth, guess = as_classes(y, classes), as_classes(predicted, classes, logits=_from_logits(model))
        inside = (truth >= 0) & (truth < classes)
        counts += np.bincount(truth[inside] * classes + guess[inside], minlength=classes**2).reshape(classes, classes)
    return {"labels": [str(number) for number in range(classes)], "counts": counts.tolist()}


def classes_of(model: keras.Model, y: NDArray[Any], output: tuple[int, ...]) -> int | None:
    """How many classes the model tells apart, or None when it is no classifier of whole samples."""
    loss = loss_name(model) or ""
    if len(output) != 1:
        return None
    if output[0] == 1:
        binary = "binary" in loss or loss in ("hinge", "squared_hinge")
        return 2 if binary and math.prod(y.shape[1:]) == 1 and bool(np.isin(y, (0, 1)).all()) else None
    if math.prod(y.shape[1:]) == 1:
        return output[0] if "sparse" in loss or y.dtype.kind in "iub" else None
    one_hot = y.shape[1:] == output and bool(np.isin(y, (0, 1)).all()) and bool((y.sum(axis=1) == 1).all())
    return output[0] if one_hot else None


def as_classes(values: NDArray[Any], classes: int, *, logits: bool = False) -> NDArray[np.int64]:
    """Class numbers from numbers, one-hot rows, scores of each class, or the score of class 1 (above 0.5; logits: above 0)."""
    rows = values.reshape(len(values), -1)
    if rows.shape[1] > 1:
        best: NDArray[np.int64] = rows.argmax(axis=1).astype(np.int64)
        return best
    column = rows[:, 0]
    if classes == 2 and values.dtype.kind == "f":
        return (column > (0 if logits else 0.5)).astype(np.int64)
    return column.astype(np.int64)


def floats(metrics: dict[str, Any]) -> dict[str, float | None]:
    """Metrics as JSON can carry them: None for what is no finite number."""
    plain = {name: float(value) for name, value in metrics.items() if np.ndim(value) == 0}
    return {name: value if math.isfinite(value) else None for name, value in plain.items()}


def _from_logits(model: keras.Model) -> bool:
    return bool(getattr(model.loss, "from_logits", False) or getattr(model.loss, "_from_logits", False))
