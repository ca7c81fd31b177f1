"""Keras model: what a model's code made, for guests. Needs Keras and TensorFlow, so only a guest may import it."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kafka_ml_sandbox.usercode import run_code

ADVICE = "The code must leave a compiled Keras model in the variable `model`."


class NoModelError(Exception):
    """A model's code makes no model, or several and no telling which. `code` is a stable name of the problem."""

    def __init__(self, message: str, code: str = "no_model") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def run(code: str) -> keras.Model:
    """The model that `code` makes; `tf`, `keras` and `np` are there for it. What the code raises comes through.

    Raises:
        NoModelError: it makes no model or several.
    """
    return find(run_code(code, {"__name__": "model", "tf": tf, "keras": keras, "np": np}))


def find(namespace: dict[str, Any]) -> keras.Model:
    """The model in the variable `model`, else the only one there is, else the only compiled one.

    Raises:
        NoModelError: there is none, or several and no telling which.
    """
    chosen = namespace.get("model")
    if isinstance(chosen, keras.Model):
        return chosen
    if chosen is not None and not inspect.ismodule(chosen):
        raise NoModelError(f"The variable `model` is no Keras model but {_kind(chosen)}. {ADVICE}")
    found = {id(value): (name, value) for name, value in namespace.items() if isinstance(value, keras.Model)}
    candidates = list(found.values())
    if len(candidates) > 1:
        compiled = [(name, value) for name, value in candidates if value.compiled]
        if len(compiled) != 1:
            names = ", ".join(sorted(f"`{name}`" for name, _ in candidates))
            raise NoModelError(
                f"The code makes {len(candidates)} models ({names}): name the one to use `model`.", "ambiguous_model"
            )
        candidates = compiled
    if not candidates:
        raise NoModelError(f"The code makes no model. {ADVICE}")
    return candidates[0][1]


def inputs_of(model: keras.Model) -> list[Any] | None:
    """The model's symbolic inputs, or None while they are not known."""
    try:
        inputs = model.inputs
    except (AttributeError, ValueError):  # a class of the user's own, or a Sequential that only data will build
        return None
    return list(inputs) if inputs else None


def input_shape(model: keras.Model) -> tuple[int | None, ...] | None:
    """The shape of one sample that the model takes, with None for sizes left open; None where only data can tell."""
    shape = _batch_shape(model)
    return shape[1:] if shape else None


def fixed_batch(model: keras.Model) -> int | None:
    """How many samples the model takes at a time, where its input fixes that."""
    shape = _batch_shape(model)
    return shape[0] if shape else None


def _batch_shape(model: keras.Model) -> tuple[int | None, ...] | None:
    inputs = inputs_of(model)
    return None if inputs is None or inputs[0].shape is None else tuple(inputs[0].shape)


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}: make an object of it"
    return "a function: call it" if callable(value) else f"a {type(value).__name__}"
