"""Build: run a model's code, find the model that it made, and tell what it looks like."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kafka_ml_sandbox.keras_model import NoModelError, input_shape, inputs_of, run
from kafka_ml_trainer.guest.problems import ModelError, explain


def build(code: str) -> keras.Model:
    """The compiled model that `code` makes. `tf`, `keras` and `np` are there for it.

    Raises:
        ModelError: the code raises, makes no model or several, or doesn't compile it.
    """
    try:
        model = run(code)
    except NoModelError as error:
        raise ModelError(error.message, code=error.code) from error
    except Exception as error:  # whatever the user's code raises is theirs to know
        raise explain(error, "The model's code can't be run") from error
    check(model)
    return model


def check(model: keras.Model) -> None:
    """See that the model can be fitted to one stream of samples and labels.

    Raises:
        ModelError: it is not compiled, has no loss, several inputs, or nothing to train.
    """
    if not model.compiled:
        raise ModelError(
            "The model is not compiled: end the code with model.compile(optimizer=..., loss=..., metrics=[...]).",
            code="not_compiled",
        )
    own_step = type(model).train_step is not keras.Model.train_step
    if model.loss is None and not own_step and not (model.built and model.losses):
        raise ModelError(
            "The model is compiled without a loss: add one to compile, as loss='sparse_categorical_crossentropy'.",
            code="not_compiled",
        )
    inputs = inputs_of(model)
    if inputs is not None and len(inputs) > 1:
        raise ModelError(
            f"The model takes {len(inputs)} inputs, but a stream feeds one: join them into one Input and take it apart in the model.",
            code="unsupported_model",
        )
    if model.built and not model.layers and not model.weights:
        raise ModelError("The model has no layers.", code="no_model")


def output_shape(model: keras.Model) -> tuple[int | None, ...] | None:
    """The shape of one prediction, or None where only data can tell or there are several."""
    try:
        outputs = model.outputs
    except (AttributeError, ValueError):
        return None
    return tuple(outputs[0].shape[1:]) if outputs and len(outputs) == 1 else None


def summary(model: keras.Model) -> dict[str, Any]:
    """What the model looks like, in the terms of `ModelSummary`."""
    return {
        "layers": [
            {
                "name": layer.name,
                "kind": type(layer).__name__,
                "output_shape": _layer_shape(layer),
                "parameters": int(layer.count_params()) if layer.built else 0,
            }
            for layer in model.layers[:1000]
        ],
        "parameters": int(model.count_params()) if model.built else 0,
        "trainable_parameters": int(sum(np.prod(weight.shape) for weight in model.trainable_weights))
        if model.built
        else 0,
        "input_shape": input_shape(model),
        "output_shape": output_shape(model),
        "loss": loss_name(model),
        "optimizer": _name(model.optimizer),
    }


def loss_name(model: keras.Model) -> str | None:
    """The loss's name in snake case, as Keras knows it, or the name of a function of the user's."""
    return _name(model.loss)


def _layer_shape(layer: keras.layers.Layer) -> str:
    try:
        return str(tuple(layer.output.shape))
    except (AttributeError, ValueError):
        return "known with the data"


def _name(part: Any) -> str | None:
    if part is None or isinstance(part, str):
        return part
    if isinstance(part, list | tuple | dict):
        return ", ".join(filter(None, map(_name, part.values() if isinstance(part, dict) else part)))
    return str(getattr(part, "__name__", None) or getattr(part, "name", None) or type(part).__name__)
