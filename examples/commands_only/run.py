"""The main job without REST, and without any library of Kafka-ML: commands, events, data and predictions are Kafka messages."""

import json
import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka.admin import AdminClient
from data import predict, send_stream
from events import CONTACT_SECONDS, Bus, RefusedError
from sklearn.datasets import load_iris

MODEL = Path(__file__).with_name("model.py")
UNSEEN = 40


def main(kafka: str) -> dict[str, Any]:
    data = load_iris()
    order = np.random.default_rng(0).permutation(len(data.target))
    samples, labels = data.data[order].astype(np.float32), data.target[order].astype(np.uint8)
    # Names must be new, and by messages alone there is no list to look them up in.
    name = f"example-commands-{int(time.time() * 1000)}"

    with ExitStack() as at_the_end:  # undone in reverse order, also when a step fails
        bus = Bus(kafka)
        at_the_end.callback(bus.close)
        at_the_end.callback(delete_topics, kafka, [name, f"{name}-in", f"{name}-out"])

        model = bus.ask("kafka-ml.model.create", name=name, code=MODEL.read_text(encoding="utf-8"))
        at_the_end.callback(bus.ask, "kafka-ml.model.delete", id=model["id"])
        bus.wait_for_state(f"models/{model['id']}", "valid", "invalid")
        print(f"Model {model['id']} is valid.")

        configuration = bus.ask("kafka-ml.configuration.create", name=name, model_ids=[model["id"]])
        at_the_end.callback(bus.ask, "kafka-ml.configuration.delete", id=configuration["id"])
        deployment = bus.ask(
            "kafka-ml.deployment.create", configuration_id=configuration["id"], batch_size=8, fit={"epochs": 20}
        )
        at_the_end.callback(end_deployment, bus, deployment["id"])
        [result] = deployment["results"]
        print(f"Deployment {deployment['id']} awaits its stream, and result {result['id']} will come of it.")

        send_stream(kafka, name, deployment["id"], samples[UNSEEN:], labels[UNSEEN:])
        subject = f"results/{result['id']}"
        bus.wait_for_state(subject, "finished", "failed", "stopped")
        finished = bus.wait(
            lambda event: event.type == "kafka-ml.training.finished" and event.subject == subject, "the metrics"
        ).data
        print(f"Trained in {finished['duration_seconds']:.1f} s. Test: {finished['test_metrics']}")

        inference = bus.ask(
            "kafka-ml.inference.create", result_id=result["id"], input_topic=f"{name}-in", output_topic=f"{name}-out"
        )
        at_the_end.callback(end_inference, bus, inference["id"])
        bus.wait_for_state(f"inferences/{inference['id']}", "running", "failed", "stopped")
        print(f"Inference {inference['id']} reads {name}-in and writes {name}-out.")
        rows = predict(kafka, f"{name}-in", f"{name}-out", samples[:UNSEEN])

    accuracy = float((rows.argmax(axis=1) == labels[:UNSEEN]).mean())
    print(f"{accuracy:.1%} of {UNSEEN} unseen irises are predicted right.")
    return {"test": finished["test_metrics"], "unseen": UNSEEN, "accuracy": accuracy}


def delete_topics(kafka: str, names: list[str]) -> None:
    """Delete those of the topics that were made."""
    admin = AdminClient({"bootstrap.servers": kafka})
    made = [name for name in names if name in admin.list_topics(timeout=CONTACT_SECONDS).topics]
    for future in admin.delete_topics(made).values() if made else ():
        future.result()


def end_deployment(bus: Bus, deployment_id: int) -> None:
    """Stop the deployment if it hasn't ended, then delete it, with its results."""
    with suppress(RefusedError):  # it has ended by itself
        bus.ask("kafka-ml.deployment.stop", id=deployment_id)
    bus.wait_for_any_state(f"deployments/{deployment_id}", {"finished", "failed", "stopped"})
    bus.ask("kafka-ml.deployment.delete", id=deployment_id)


def end_inference(bus: Bus, inference_id: int) -> None:
    """Stop the inference, and delete it once it has stopped."""
    bus.ask("kafka-ml.inference.stop", id=inference_id)
    bus.wait_for_any_state(f"inferences/{inference_id}", {"stopped", "failed"})
    bus.ask("kafka-ml.inference.delete", id=inference_id)


if __name__ == "__main__":
    servers = os.environ.get("KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS")
    if not servers:
        sys.exit("Say where Kafka is: export KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS=HOST:PORT (`kafka-ml status` shows it).")
    try:
        figures = main(servers)
    except RefusedError as error:
        sys.exit(str(error))
    print(json.dumps(figures))
