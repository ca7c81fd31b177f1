"""Breast cancer in AVRO format: records with named fields, whose schema is inferred from the first one and travels with the stream."""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

from kafka_ml_sinks import AvroSink, InferenceClient

sys.path.insert(0, str(Path(__file__).parents[1]))

from rest import Document, Platform, run

MODEL = Path(__file__).with_name("model.py")
NAME = "example-breast-cancer"
UNSEEN = 120


def main() -> Document:
    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]  # Avro's names have no spaces
    order = np.random.default_rng(0).permutation(len(data.target))
    samples = [dict(zip(names, row, strict=True)) for row in data.data[order]]
    labels = [{"benign": bool(target)} for target in data.target[order]]

    with Platform() as platform:
        model = platform.model(NAME, MODEL)
        with platform.deployment(NAME, [model], batch_size=32, fit={"epochs": 15}) as deployment:
            with AvroSink(
                platform.kafka,
                topic=NAME,
                deployment_id=deployment["id"],
                description="Breast cancer of scikit-learn",
                validation_rate=0.1,
                test_rate=0.2,
            ) as sink:
                sink.send_many(samples[UNSEEN:], labels[UNSEEN:])
            print(f"{sink.sent:,} records of {len(names)} fields sent to topic {NAME}.")
            [result] = platform.results(deployment)

        with (
            platform.inference(result, f"{NAME}-in", f"{NAME}-out") as inference,
            InferenceClient(
                platform.kafka,
                inference["input_topic"],
                inference["output_topic"],
                input_format=inference["input_format"],
                input_config=inference["input_config"],  # holds the schema
            ) as client,
        ):
            probabilities = client.predict(samples[:UNSEEN])[:, 0]

    truth = np.array([label["benign"] for label in labels[:UNSEEN]])
    predicted = probabilities > 0.5
    accuracy = float((predicted == truth).mean())
    missed = int((predicted & ~truth).sum())
    print(
        f"{accuracy:.1%} of {UNSEEN} unseen tumours are predicted right; {missed} of {(~truth).sum()} malignant are missed."
    )
    return {"test": result["test_metrics"], "unseen": UNSEEN, "accuracy": accuracy, "missed": missed}


if __name__ == "__main__":
    run(main)
