"""Problems: what a user can put right, as the guest tells it to its host."""

from __future__ import annotations

import re
from typing import Any

from kafka_ml_sandbox.usercode import describe

CURES: tuple[tuple[str, str], ...] = (
    (r"optimizers\.legacy", "Keras 3 has no legacy optimizers: use tf.keras.optimizers.Adam and its like."),
    (r"['\"]lr['\"]", "Keras 3 calls this argument learning_rate: write Adam(learning_rate=0.001)."),
    (
        r"['\"]decay['\"]|argument\(s\) not recognized.*decay",
        "Keras 3 has no decay: give learning_rate a tf.keras.optimizers.schedules.ExponentialDecay.",
    ),
    (r"np_utils", "Keras 3 has no np_utils: use tf.keras.utils.to_categorical."),
    (r"experimental.*preprocessing|preprocessing.*experimental", "In Keras 3 these layers are in tf.keras.layers."),
    (
        r"keras\.preprocessing\.text|keras\.layers\.(core|convolutional|recurrent|normalization|embeddings)\b",
        "Keras 3 has no such module: layers are in tf.keras.layers, text is turned to numbers by its TextVectorization.",
    ),
    (r"CuDNN(LSTM|GRU)", "Keras 3 has no CuDNN layers: use tf.keras.layers.LSTM or GRU, they are as fast."),
    (r"fit_generator|evaluate_generator", "Kafka-ML fits and evaluates the model itself: leave these calls out."),
    (r"tensorflow\.python\.keras|tensorflow_core", "Import it from tensorflow.keras instead."),
    (r"[Kk]erasTensor cannot be used as input to a TensorFlow function", "Use keras.ops, or put the call into a Layer."),
    (r"get_config|from_config", "Keras 3 needs get_config of your own layers to return all arguments of __init__."),
    (
        r"metrics.*(sample_weight_mode|target_tensors)|(sample_weight_mode|target_tensors)",
        "Keras 3 has no such argument of compile: leave it out.",
    ),
    (r"name '(x|y)(_?(train|test|val|valid|validation))?s?' is not defined",
     "The data comes from the stream and Kafka-ML calls fit and evaluate itself: the code only builds and compiles the model."),
)  # fmt: skip
"""What an error's text tells about code written for Keras 2 or for a notebook, and the cure."""


class ModelError(Exception):
    """The model can't be used, and why, in a sentence that its author can act on."""

    def __init__(
        self, message: str, *, code: str = "model_error", line: int | None = None, traceback: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.line = line
        self.traceback = traceback

    def to_message(self) -> dict[str, Any]:
        """As a reply's `failure`."""
        return {"code": self.code, "message": self.message, "line": self.line, "traceback": self.traceback}


def cure(text: str) -> str | None:
    """The advice for an error whose text is `text`, if it is one that many meet."""
    return next((advice for pattern, advice in CURES if re.search(pattern, text)), None)


def explain(error: Exception, sentence: str) -> ModelError:
    """Turn what Keras or the user's code raised into a problem that begins with `sentence`.

    Raises:
        Exception: `error` itself, when it is about memory: the host knows the limit and tells it.
    """
    if isinstance(error, ModelError):
        return error
    failure = describe(error)
    if failure.reason != "raised":
        raise error
    text = first_sentences(str(error)) or type(error).__name__
    message = failure.message if failure.line and not isinstance(error, SyntaxError) else f"{sentence}: {text}"
    if isinstance(error, SyntaxError):
        message = failure.message
    elif isinstance(error, ModuleNotFoundError) and error.name:
        message = (
            f"{error.name} is not installed here"
            + (f" (line {failure.line})" if failure.line else "")
            + ": models may use TensorFlow, Keras, numpy and Python's standard library."
        )
    advice = cure(str(error))
    return ModelError(f"{message} {advice}" if advice else message, line=failure.line, traceback=failure.traceback)


def first_sentences(text: str, limit: int = 600) -> str:
    """The beginning of Keras's often long messages, in one line: up to the first empty line, `limit` characters at most."""
    start = re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0]
    line = " ".join(start.split())
    return line if len(line) <= limit else f"{line[:limit]} ..."
