"""TensorFlow in a guest: the whole point."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.limits import Limits

GUESTS = Path(__file__).parent / "guests"

FIT = """
import keras, numpy as np
x, y = channel.array("x"), channel.array("y")
model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")

class Report(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        channel.send("epoch", {"loss": logs["loss"]})

model.fit(x, y, epochs=3, verbose=0, callbacks=[Report()])
model.save(channel.scratch / "model.keras")
result = keras.saving.load_model(channel.scratch / "model.keras").predict(x[:4], verbose=0).shape
"""


@pytest.fixture(scope="module")
def tensorflow_guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("tensorflow") / "guest"
    with Guest.start("code_guest", folder, python_path=[GUESTS], preload=["tensorflow", "keras"]) as guest:
        guest.ready(timeout=120)
        yield guest


def test_a_model_is_fitted_on_shared_arrays_within_limits(tensorflow_guest: Guest) -> None:
    x = tensorflow_guest.share("x", (512, 16), "float32")
    y = tensorflow_guest.share("y", (512, 1), "float32", on_disk=True)
    x[:] = 1
    y[:] = 1
    losses: list[float] = []
    reply = tensorflow_guest.request(
        "run", {"code": FIT}, limits=Limits(), timeout=60, on_message=lambda _, payload: losses.append(payload["loss"])
    )
    assert reply == {"result": [4, 1]}
    assert losses[0] > losses[-1]
    with tensorflow_guest.open("model.keras") as model:
        assert model.read(2) == b"PK"


@pytest.mark.parametrize(
    "code",
    [
        "import tensorflow as tf; x = tf.zeros((1 << 38,))",
        "import keras; keras.Sequential([keras.Input((1 << 20,)), keras.layers.Dense(1 << 18)])",
        "import tensorflow as tf; x = [tf.ones((1 << 22,)) for _ in range(1000)]",
    ],
)
def test_a_model_that_needs_too_much_memory_is_told_so(tensorflow_guest: Guest, code: str) -> None:
    if not tensorflow_guest.alive:
        pytest.fail("the guest should have survived the test before, whose allocation was refused")
    with pytest.raises(GuestError) as raised:
        tensorflow_guest.request("run", {"code": code}, limits=Limits(), timeout=60)
    assert raised.value.reason == "out_of_memory"
    assert "more memory than its limit of 2 GiB" in raised.value.message
