"""What the guest says about models: valid ones in their summary, others in a sentence that their author can act on."""

from typing import Any

import numpy as np
import pytest

from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_trainer.problems import failure_after

COMPILE = "model.compile(optimizer='adam', loss='sparse_categorical_crossentropy')\n"
DENSE = "model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation='softmax')])\n"

TUTORIAL = """model = tf.keras.models.Sequential([
      tf.keras.layers.Flatten(input_shape=(28, 28)),
      tf.keras.layers.Dense(128, activation='relu'),
      tf.keras.layers.Dropout(0.2),
      tf.keras.layers.Dense(10, activation='softmax')
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])"""


def build(guest: Any, code: str) -> dict[str, Any]:
    return guest.request("build", {"code": code}, timeout=60)


def test_the_tutorials_model_is_valid_as_it_stands(guest: Any) -> None:
    summary = build(guest, TUTORIAL)["summary"]
    assert summary["input_shape"] == [28, 28]
    assert summary["output_shape"] == [10]
    assert summary["parameters"] == summary["trainable_parameters"] == 101_770
    assert (summary["loss"], summary["optimizer"]) == ("sparse_categorical_crossentropy", "adam")
    assert [layer["kind"] for layer in summary["layers"]] == ["Flatten", "Dense", "Dropout", "Dense"]
    assert summary["layers"][1] == {
        "name": summary["layers"][1]["name"],
        "kind": "Dense",
        "output_shape": "(None, 128)",
        "parameters": 100_480,
    }


def test_a_model_whose_input_only_the_data_can_tell_is_valid(guest: Any) -> None:
    summary = build(guest, "model = keras.Sequential([keras.layers.Dense(3)])\nmodel.compile(loss='mse')")["summary"]
    assert summary["input_shape"] is None
    assert summary["layers"][0]["output_shape"] == "known with the data"


def test_a_model_of_ones_own_class_is_valid(guest: Any) -> None:
    code = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(2)
    def call(self, x):
        return self.out(x)
net = Net()
net.compile(loss='mse', optimizer=keras.optimizers.SGD(0.1))
"""
    assert build(guest, code)["summary"]["optimizer"].lower() == "sgd"


@pytest.mark.parametrize(
    ("code", "kind", "line", "sentence"),
    [
        ("x = 1\nmodel = keras.Sequential([\n", "model_error", 2, "syntax error in line 2"),
        ("x = 1", "no_model", None, "makes no model"),
        ("model = 5", "no_model", None, "no Keras model but a int"),
        ("def model():\n    return keras.Sequential()", "no_model", None, "a function: call it"),
        (DENSE, "not_compiled", None, "is not compiled: end the code with model.compile("),
        (DENSE + "model.compile(optimizer='adam')", "not_compiled", None, "without a loss"),
        (DENSE.replace("model", "a") + DENSE.replace("model", "b"), "ambiguous_model", None, "2 models (`a`, `b`)"),
        ("import torch\n", "model_error", 1, "torch is not installed here (line 1)"),
        ("raise ValueError('mine')", "model_error", 1, "ValueError in line 1: mine"),
        (DENSE + "model.compile(optimizer=keras.optimizers.Adam(lr=0.1), loss='mse')", "model_error", 2, "learning_rate"),
        ("opt = tf.keras.optimizers.legacy.Adam()", "model_error", 1, "no legacy optimizers"),
        ("from keras.utils import np_utils", "model_error", 1, "use tf.keras.utils.to_categorical"),
        (DENSE + COMPILE + "model.fit(x_train, y_train)", "model_error", 3, "the code only builds and compiles the model"),
        (
            "a, b = keras.Input((2,)), keras.Input((2,))\nmodel = keras.Model([a, b], a + b)\nmodel.compile(loss='mse')",
            "unsupported_model",
            None,
            "takes 2 inputs",
        ),
    ],
)  # fmt: skip
def test_a_model_that_cant_be_used_is_told_why(
    guest: Any, code: str, kind: str, line: int | None, sentence: str
) -> None:
    failure = build(guest, code)["failure"]
    assert failure["code"] == kind
    assert failure["line"] == line
    assert sentence in failure["message"]
    assert "kafka_ml" not in (failure["traceback"] or "")


def test_code_that_calls_exit_is_told_not_to(guest: Any) -> None:
    with pytest.raises(GuestError) as ended:
        build(guest, DENSE + COMPILE + "exit(3)")
    failure = failure_after(ended.value, 1, 3)
    assert failure is not None
    assert (failure.code, failure.line) == ("exited", 3)


def train(guest: Any, code: str, x: np.ndarray, y: np.ndarray, *, test: int = 0, **changes: Any) -> tuple[dict, list]:
    assert "summary" in build(guest, code)
    for name, array in (("x", x), ("y", y)):
        guest.share(name, array.shape, array.dtype)[:] = array
    fit = {
        "epochs": 1,
        "steps_per_epoch": None,
        "shuffle": True,
        "class_weight": None,
        "validation_freq": 1,
        "validation_steps": None,
    }
    request = {
        "sizes": {"training": len(x) - test, "test": test, "validation": 0},
        "window": changes.pop("window", None),
        "batch_size": changes.pop("batch_size", 8),
        "evaluate": {"steps": changes.pop("evaluate_steps", None)},
        "fit": fit | changes,
        "confusion_matrix": True,
    }
    messages: list[tuple[str, dict[str, Any]]] = []
    reply = guest.request("train", request, timeout=100, on_message=lambda name, said: messages.append((name, said)))
    return reply, [said for name, said in messages if name == "epoch"]


RNG = np.random.default_rng(1)
X = RNG.normal(size=(40, 4)).astype(np.float32)
CLASSES = RNG.integers(0, 3, 40)


@pytest.mark.parametrize(
    ("code", "x", "y", "kind", "sentence"),
    [
        (DENSE + COMPILE, RNG.normal(size=(40, 2, 2)), CLASSES, "shape_mismatch",
         "takes samples of shape (4,), but the stream's are (2, 2): send the stream with data_reshape \"4\""),
        (DENSE + COMPILE, RNG.normal(size=(40, 9)), CLASSES, "shape_mismatch", "give the model input_shape=(9,)"),
        (DENSE + COMPILE, X, CLASSES + 5, "label_mismatch", "labels up to 7, but the model has 3 outputs"),
        (DENSE + COMPILE, X, CLASSES.astype(np.int8) - 1, "label_mismatch", "a label of -1"),
        (DENSE + COMPILE, X, CLASSES + 0.5, "label_mismatch", "no whole numbers"),
        (DENSE + COMPILE, X, np.eye(3)[CLASSES], "label_mismatch", "use categorical_crossentropy for vectors"),
        (DENSE + COMPILE.replace("sparse_", ""), X, CLASSES, "label_mismatch", "use the loss sparse_categorical"),
        (DENSE + "model.compile(loss='mse')", X, X[:, 0], "label_mismatch", "give its last layer 1 units"),
        ("model = keras.Sequential([keras.layers.Conv2D(2, 3)])\nmodel.compile(loss='mse')", X, CLASSES,
         "model_error", "can't take the stream's samples, of shape (4,)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_stream_is_told_before_training(
    guest: Any, code: str, x: np.ndarray, y: np.ndarray, kind: str, sentence: str
) -> None:
    reply, epochs = train(guest, code, x, y)
    assert not epochs
    assert reply["failure"]["code"] == kind
    assert sentence in reply["failure"]["message"]


def test_more_steps_than_one_pass_start_the_stream_again(guest: Any) -> None:
    reply, epochs = train(guest, DENSE + COMPILE, X, CLASSES, test=8, steps_per_epoch=20, epochs=2, evaluate_steps=1000)
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert reply["epochs_done"] == 2
    assert reply["saved"]
    assert reply["test_metrics"]["loss"] > 0


def test_class_weights_change_what_is_learned(guest: Any) -> None:
    y = np.arange(40) % 3
    fast = COMPILE.replace("'adam'", "keras.optimizers.SGD(0.5)")
    reply, _ = train(guest, DENSE + fast, X * 0, y, test=9, epochs=10, class_weight={0: 0.01, 1: 1.0, 2: 0.01})
    counts = np.array(reply["confusion_matrix"]["counts"])
    assert counts[:, 1].sum() == 9


def test_a_two_class_model_with_one_output_gets_a_confusion_matrix_and_a_regression_none(guest: Any) -> None:
    # Its weights say what its labels do, so what it should predict is known.
    binary = """weights = keras.initializers.Constant([[9.0], [0.0], [0.0], [0.0]])
model = keras.Sequential([keras.layers.Dense(1, activation='sigmoid', kernel_initializer=weights, trainable=False)])
model.compile(loss='binary_crossentropy')"""
    labels = (X[:, 0] > 0).astype(np.uint8)
    reply, _ = train(guest, binary, X, labels, test=20)
    counts = np.array(reply["confusion_matrix"]["counts"])
    assert counts.shape == (2, 2)
    assert (counts == np.diag(np.bincount(labels[20:]))).all()
    regression = "model = keras.Sequential([keras.layers.Dense(1)])\nmodel.compile(loss='mse')"
    reply, _ = train(guest, regression, X, X[:, 0], test=20)
    assert reply["confusion_matrix"] is None


def test_a_metric_that_is_no_number_is_none(guest: Any) -> None:
    code = "model = keras.Sequential([keras.layers.Dense(1)])\nmodel.compile(optimizer=keras.optimizers.SGD(1e30), loss='mse')"
    reply, epochs = train(guest, code, X, X[:, 0], epochs=3)
    assert epochs[-1]["metrics"]["loss"] is None
    assert reply["training_metrics"]["loss"] is None


def test_a_layer_that_fails_while_training_is_shown_with_its_line(guest: Any) -> None:
    code = """
class Odd(keras.layers.Layer):
    def call(self, x, training=False):
        if training:
            raise KeyError("not while training")
        return x

model = keras.Sequential([keras.Input((4,)), Odd(), keras.layers.Dense(3)])
model.compile(loss='mse')
"""
    reply, _ = train(guest, code, X, np.eye(3)[CLASSES])
    assert reply["failure"]["line"] == 5
    assert "not while training" in reply["failure"]["message"]


@pytest.mark.parametrize(("window", "steps"), [(None, None), (None, 13), (16, None), (16, 13)])
def test_every_sample_of_a_pass_is_seen_once_in_whole_batches(
    guest: Any, window: int | None, steps: int | None
) -> None:
    # The metric adds up what the model sees: a pass over 0..99 must give 4950, whether from memory or in windows.
    code = """
class Sum(keras.metrics.Metric):
    def __init__(self, **rest):
        super().__init__(name="seen", **rest)
        self.total = self.add_variable((), "zeros")
        self.batches = self.add_variable((), "zeros")
    def update_state(self, y, p, sample_weight=None):
        self.total.assign(self.total + tf.reduce_sum(tf.cast(y, "float32")))
        self.batches.assign(self.batches + 1)
    def result(self):
        return {"seen": self.total, "batches": self.batches}
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.0), loss='mse', metrics=[Sum()])
"""
    x = np.zeros((100, 2), np.uint8)
    y = np.arange(100, dtype=np.int32)
    reply, epochs = train(guest, code, x, y, window=window, epochs=2, steps_per_epoch=steps)
    assert reply["epochs_done"] == len(epochs) == 2
    for epoch in epochs:
        seen = {name: value for name, value in epoch["metrics"].items() if name in ("seen", "batches")}
        assert seen == {"seen": 4950.0, "batches": 13.0}
