"""Handwritten digits in RAW format: train a classifier on a stream, and have it predict digits that it has not seen."""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from kafka_ml_sinks import InferenceClient, RawSink

sys.path.insert(0, str(Path(__file__).parents[1]))

from rest import Document, Platform, run

MODEL = Path(__file__).with_name("model.py")
NAME = "example-digits"
UNSEEN = 360


def main() -> Document:
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    images, labels = data.images[order].astype(np.uint8), data.target[order].astype(np.uint8)
    seen, unseen = slice(UNSEEN, None), slice(UNSEEN)

    with Platform() as platform:
        model = platform.model(NAME, MODEL)
        with platform.deployment(NAME, [model], batch_size=32, fit={"epochs": 15}) as deployment:
            with RawSink(
                platform.kafka,
                topic=NAME,
                deployment_id=deployment["id"],
                description="Digits of scikit-learn",
                validation_rate=0.1,
                test_rate=0.1,
            ) as sink:
                sink.send_many(images[seen], labels[seen])
            print(f"{sink.sent:,} images of shape {images.shape[1:]} sent to topic {NAME}.")
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
            probabilities = client.predict(images[unseen])  # shape (360, 10)

    predicted = probabilities.argmax(axis=1)
    for truth, guess, row in list(zip(labels[unseen], predicted, probabilities, strict=True))[:5]:
        print(f"  a {truth} is predicted as {guess} with probability {row.max():.3f}")
    accuracy = float((predicted == labels[unseen]).mean())
    print(f"{accuracy:.1%} of {UNSEEN} unseen digits are predicted right.")
    return {"test": result["test_metrics"], "unseen": UNSEEN, "accuracy": accuracy}


if __name__ == "__main__":
    run(main)
