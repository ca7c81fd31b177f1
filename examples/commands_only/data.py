"""Streams as they are on the wire: RAW samples, the control message that announces them, predictions that come back."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import numpy.typing as npt
from confluent_kafka import Message, Producer
from events import CONTACT_SECONDS, RefusedError, consumer_from_end

CONTROL_TOPIC = "KAFKA_ML_CONTROL_TOPIC"
CORRELATION = "example-sample"

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]


def send_stream(bootstrap_servers: str, topic: str, deployment_id: int, samples: Floats, labels: Labels) -> None:
    """Send samples of shape (n, 4) with labels of shape (n,), then say where they lie.

    Raises:
        RefusedError: the broker did not take a message.
    """
    lies: dict[int, list[int]] = {}
    failures: list[str] = []

    def delivered(error: Any, message: Message) -> None:
        if error is not None:
            failures.append(error.str())
            return
        lies.setdefault(message.partition() or 0, []).append(message.offset() or 0)

    producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})
    for sample, label in zip(samples, labels, strict=True):
        producer.produce(topic, value=sample.tobytes(), key=label.tobytes(), on_delivery=delivered)
        producer.poll(0)
    if producer.flush(CONTACT_SECONDS) or failures:
        raise RefusedError(f"Samples were not delivered: {failures[0] if failures else 'the broker does not answer'}.")

    # Nobody else writes to this topic, so each partition's samples lie side by side. The end is the offset after the last.
    ranges = [f"{topic}:{partition}:{min(offsets)}:{max(offsets) + 1}" for partition, offsets in sorted(lies.items())]
    control = {
        "topic": ",".join(ranges),
        "input_format": "RAW",
        "input_config": {"data_type": "float32", "data_reshape": "4", "label_type": "uint8", "label_reshape": "1"},
        "validation_rate": 0.1,
        "test_rate": 0.2,
        "total_msg": len(samples),
        "description": "Irises of scikit-learn",
    }
    # The header tells that the key is decimal text; without it the key is read as a big-endian number, as the earlier sinks send it.
    producer.produce(
        CONTROL_TOPIC, key=str(deployment_id), value=json.dumps(control), headers=[("kafka-ml-key", b"text")]
    )
    if producer.flush(CONTACT_SECONDS):
        raise RefusedError("The control message was not delivered: the broker does not answer.")


def predict(
    bootstrap_servers: str, input_topic: str, output_topic: str, samples: Floats, *, seconds: float = 60
) -> npt.NDArray[np.float64]:
    """Predictions for samples of shape (n, 4), shape (n, 3), in the samples' order.

    Raises:
        RefusedError: they did not all come.
    """
    consumer = consumer_from_end(bootstrap_servers, output_topic)
    producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})
    # The prediction carries its input's headers and key, so we number the samples to find them again.
    for number, sample in enumerate(samples):
        producer.produce(input_topic, value=sample.tobytes(), headers=[(CORRELATION, b"%d" % number)])
        producer.poll(0)
    producer.flush(CONTACT_SECONDS)

    found: dict[int, list[float]] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(samples) and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            headers = dict(message.headers() or ())
            found[int(headers[CORRELATION] or -1)] = json.loads(message.value() or b"")["values"]
    consumer.close()
    if len(found) < len(samples):
        raise RefusedError(f"{len(found)} of {len(samples)} predictions came to {output_topic} within {seconds:g} s.")
    return np.array([found[number] for number in range(len(samples))])
