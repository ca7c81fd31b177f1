"""Checks: whether a model and the stream's samples and labels fit together, told before any training."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kafka_ml_sandbox.keras_model import input_shape
from kafka_ml_trainer.guest.build import loss_name
from kafka_ml_trainer.guest.problems import ModelError, explain

ELEMENTWISE = ("mean_squared", "mean_absolute", "huber", "log_cosh", "logcosh", "mse", "mae", "binary_crossentropy")


def check_samples(model: keras.Model, x: NDArray[Any]) -> tuple[int, ...]:
    """See that the model takes the samples `x` (a few of them), build it from them if needed, and return its output's shape.

    Raises:
        ModelError: it doesn't take them.
    """
    shape = x.shape[1:]
    wanted = input_shape(model)
    if wanted is not None and not fits(wanted, shape):
        raise ModelError(_shapes_differ(wanted, shape), code="shape_mismatch")
    try:
        output = model(x, training=False)
    except Exception as error:  # Keras and the user's layers raise what they like
        raise explain(error, f"The model can't take the stream's samples, of shape {shape}") from error
    if not hasattr(output, "shape"):
        raise ModelError(
            "The model has several outputs, but a stream has one label a sample: train a model with one.",
            code="unsupported_model",
        )
    return tuple(int(size) for size in output.shape[1:])


def fits(wanted: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    """Whether samples of `shape` can be fed where `wanted` is expected; Keras adds or drops a last dimension of 1."""
    return any(
        len(wanted) == len(given) and all(w in (None, g) for w, g in zip(wanted, given, strict=True))
        for given in (shape, (*shape, 1), shape[:-1] if shape[-1:] == (1,) else shape)
    )


def _shapes_differ(wanted: tuple[int | None, ...], shape: tuple[int, ...]) -> str:
    sentence = f"The model takes samples of shape {wanted}, but the stream's are {shape}:"
    if None not in wanted and math.prod(size or 1 for size in wanted) == math.prod(shape):
        text = " ".join(map(str, wanted))
        return f'{sentence} send the stream with data_reshape "{text}", or give the model input_shape={shape}.'
    return f"{sentence} give the model input_shape={shape}, or send it the data that it is made for."


def check_labels(model: keras.Model, y: NDArray[Any], output: tuple[int, ...]) -> None:
    """See that the model's loss can compare the labels `y` (all of them) with outputs of shape `output`.

    Raises:
        ModelError: it can't, e.g. a label is no class of the model.
    """
    loss, label = loss_name(model), y.shape[1:]
    if loss is None or not output:
        return
    if "sparse_categorical" in loss:
        _check_classes(y, output)
    elif "categorical_crossentropy" in loss and math.prod(label) != math.prod(output):
        hint = (
            "use the loss sparse_categorical_crossentropy."
            if math.prod(label) == 1
            else f"give the model's last layer {label[-1]} units."
        )
        raise ModelError(
            f"The loss {loss} takes labels of shape {output}, as the model's outputs, but the stream's are of shape {label}: {hint}",
            code="label_mismatch",
        )
    elif loss.startswith(ELEMENTWISE) and math.prod(label) != math.prod(output):
        raise ModelError(
            f"The model's outputs have shape {output}, but the stream's labels {label}: "
            f"give its last layer {math.prod(label)} units, or use a loss for classes, as sparse_categorical_crossentropy.",
            code="label_mismatch",
        )


def _check_classes(y: NDArray[Any], output: tuple[int, ...]) -> None:
    classes = output[-1]
    if math.prod(y.shape[1:]) != math.prod(output[:-1]):
        raise ModelError(
            f"The loss sparse_categorical_crossentropy takes one whole number a sample as label, but the stream's labels have "
            f"shape {y.shape[1:]}: use categorical_crossentropy for vectors.",
            code="label_mismatch",
        )
    lowest, highest = y.min(), y.max()
    if y.dtype.kind == "f" and not np.array_equal(y, np.floor(y)):
        raise ModelError(
            "The labels are no whole numbers, but the loss sparse_categorical_crossentropy needs classes: "
            "use mean_squared_error to learn numbers.",
            code="label_mismatch",
        )
    if lowest < 0 or highest >= classes:
        odd = f"a label of {int(lowest)}" if lowest < 0 else f"labels up to {int(highest)}"
        cure = "number the classes from 0." if lowest < 0 else f"give its last layer {int(highest) + 1} units."
        raise ModelError(
            f"The stream has {odd}, but the model has {classes} outputs, for the classes 0 to {classes - 1}: {cure}",
            code="label_mismatch",
        )
