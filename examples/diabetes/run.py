"""Diabetes in JSON format: a regression. Predict how the disease has progressed after a year, better than the mean does."""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

from kafka_ml_sinks import InferenceClient, JsonSink

sys.path.insert(0, str(Path(__file__).parents[1]))

from rest import Document, Platform, run

MODEL = Path(__file__).with_name("model.py")
NAME = "example-diabetes"
UNSEEN = 100


def main() -> Document:
    data = load_diabetes()
    order = np.random.default_rng(0).permutation(len(data.target))
    samples, targets = data.data[order], data.target[order]

    with Platform() as platform:
        model = platform.model(NAME, MODEL)
        with platform.deployment(NAME, [model], batch_size=16, fit={"epochs": 20}) as deployment:
            with JsonSink(
                platform.kafka,
                topic=NAME,
                deployment_id=deployment["id"],
                description="Diabetes of scikit-learn",
                validation_rate=0.1,
                test_rate=0.1,
            ) as sink:
                sink.send_many(samples[UNSEEN:], targets[UNSEEN:])
            print(f"{sink.sent:,} samples sent to topic {NAME}.")
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
            predicted = client.predict(samples[:UNSEEN])[:, 0]

    truth = targets[:UNSEEN]
    error = float(np.abs(predicted - truth).mean())
    error_of_mean = float(np.abs(targets[UNSEEN:].mean() - truth).mean())
    for target, guess in list(zip(truth, predicted, strict=True))[:5]:
        print(f"  {target:5.0f} is predicted as {guess:5.1f}")
    print(
        f"Mean absolute error on {UNSEEN} unseen patients: {error:.1f}; always predicting the mean gives {error_of_mean:.1f}."
    )
    return {"test": result["test_metrics"], "unseen": UNSEEN, "error": error, "error_of_mean": error_of_mean}


if __name__ == "__main__":
    run(main)
