"""MNIST in RAW format, with the model and the settings of the earlier Kafka-ML's tutorial. Keras downloads the data (11 MB)."""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kafka_ml_sinks import InferenceClient, RawSink

sys.path.insert(0, str(Path(__file__).parents[1]))

from rest import Document, ExampleError, Platform, run

MODEL = Path(__file__).with_name("model.py")
NAME = "example-mnist"

Bytes = npt.NDArray[np.uint8]
Part = tuple[Bytes, Bytes]
"""Images of shape (n, 28, 28) with values 0 to 255, and their labels of shape (n,)."""


def main() -> Document:
    seen, unseen = load()
    return learn_and_predict(seen, unseen, fit="epochs=5, steps_per_epoch=1000")


def load() -> tuple[Part, Part]:
    """MNIST's 60,000 training and 10,000 test images. Keras keeps them in `~/.keras/datasets`, or under KERAS_HOME."""
    try:
        import keras
    except ImportError as error:
        raise ExampleError(f"This example takes MNIST from Keras: pip install keras tensorflow ({error}).") from error
    try:
        seen, unseen = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises nothing more specific when a download fails
        raise ExampleError(
            f"MNIST can't be downloaded: {error}.\nThis example needs the internet once, or a copy of mnist.npz in Keras's "
            "folder of data sets (~/.keras/datasets). The digits example is like it and needs no download."
        ) from error
    return seen, unseen


def learn_and_predict(seen: Part, unseen: Part, *, fit: str) -> Document:
    """Train on a stream of `seen`, then predict `unseen`.

    Args:
        fit: arguments of Keras's `fit`, as its users write them.
    """
    with Platform() as platform:
        model = platform.model(NAME, MODEL)
        with platform.deployment(NAME, [model], batch_size=32, fit=fit) as deployment:
            with RawSink(
                platform.kafka,
                topic=NAME,
                deployment_id=deployment["id"],
                description="Mnist dataset",
                validation_rate=0.1,
                test_rate=0.1,
            ) as sink:
                sink.send_many(*seen)
            print(f"{sink.sent:,} images of shape {seen[0].shape[1:]} sent to topic {NAME}.")
            [result] = platform.results(deployment)

        with (
            platform.inference(result, f"{NAME}-in", f"{NAME}-out") as inference,
            InferenceClient(
                platform.kafka,
                inference["input_topic"],
                inference["output_topic"],
                input_format=inference["input_format"],
                input_config=inference["input_config"],
            ) as client,
        ):
            images, labels = unseen
            probabilities = client.predict(images)  # shape (n, 10)

    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    print(f"{accuracy:.1%} of {len(labels):,} unseen images are predicted right.")
    return {"test": result["test_metrics"], "unseen": len(labels), "accuracy": accuracy}


if __name__ == "__main__":
    run(main)
