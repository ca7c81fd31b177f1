"""Reporting: what a replica tells: events for the platform, metrics for Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from confluent_kafka import KafkaException, Producer
from prometheus_client import Counter, Gauge, Histogram

from kafka_ml_common.cloudevents import Envelope, encode
from kafka_ml_common.messages import Event, Failure, InferenceFailed, InferenceProgress, InferenceReady
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.workloads import InferenceSpec

log = structlog.get_logger(__name__)

PREDICTED = Counter("kafka_ml_predictions", "Predictions committed")
DEAD = Counter("kafka_ml_inference_dead_letters", "Messages that could not be decoded or predicted")
LAG = Gauge("kafka_ml_inference_lag", "Messages that wait in this replica's partitions")
BATCH = Histogram("kafka_ml_inference_batch_size", "Messages in a batch", buckets=[4**power for power in range(9)])
LATENCY = Histogram(
    "kafka_ml_inference_latency_seconds",
    "Time from fetched to committed, by batch",
    buckets=[0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
)

_INTERVAL_SECONDS = 2.0
_FLUSH_SECONDS = 5.0


class Reporter:
    """Publishes a replica's events. `committed` may be called from any thread.

    `ready_file` is there while the replica is ready, for a probe.
    """

    def __init__(self, kafka: KafkaSettings, spec: InferenceSpec, replica: int, ready_file: Path | None = None) -> None:
        self._producer = Producer(
            kafka.confluent()
            | {
                "enable.idempotence": True,
                "linger.ms": 5,
                "reconnect.backoff.max.ms": 2_000,
                # As aiokafka and Java clients do, so that events of one resource are in one partition whoever sends them.
                "partitioner": "murmur2_random",
            },
            logger=log,
        )
        self._source = f"/inferences/{spec.inference_id}/{replica}"
        self._spec = spec
        self._replica = replica
        self._lock = threading.Lock()
        self._ready_file = ready_file
        self._ready = False
        self._told_ready = False
        self.pause()  # an earlier process of this replica may have left its file
        self._predicted = 0
        self._dead_letters = 0
        self._batches: list[tuple[float, int]] = []
        self._told = (0, 0, 0)
        self._told_at = time.monotonic()

    def ready(self, began: Mapping[int, int] | None = None) -> None:
        """The model is warmed up and the replica reads, beginning with these offsets by partition. The event is told once."""
        if self._ready:
            return
        self._ready = True
        if self._ready_file is not None:
            self._ready_file.touch()
        if self._told_ready:
            return
        self._told_ready = True
        spec = self._spec
        self._publish(
            InferenceReady(
                inference_id=spec.inference_id,
                generation=spec.generation,
                replica=self._replica,
                result_id=spec.result_id,
                positions={f"{spec.input_topic}:{partition}": offset for partition, offset in (began or {}).items()},
            )
        )

    def pause(self) -> None:
        """The replica does not read for now."""
        self._ready = False
        if self._ready_file is not None:
            self._ready_file.unlink(missing_ok=True)

    def failed(self, failure: Failure) -> None:
        """The replica can't go on."""
        spec = self._spec
        self._publish(
            InferenceFailed(
                inference_id=spec.inference_id, generation=spec.generation, replica=self._replica, failure=failure
            )
        )

    def committed(self, predictions: int, dead_letters: int, seconds: float) -> None:
        """A batch was committed, `seconds` after it was fetched."""
        with self._lock:
            self._predicted += predictions
            self._dead_letters += dead_letters
            self._batches.append((seconds, predictions + dead_letters))
        PREDICTED.inc(predictions)
        DEAD.inc(dead_letters)
        BATCH.observe(predictions + dead_letters)
        LATENCY.observe(seconds)

    def tick(self, lag: Callable[[], int]) -> None:
        """Tell the progress, if it is time and anything has changed."""
        now = time.monotonic()
        if now - self._told_at >= _INTERVAL_SECONDS:
            self._tell(lag(), now)

    def close(self, lag: int | None = None) -> None:
        """Tell the last progress and wait until all events are with the broker, for a few seconds at most."""
        self.pause()
        if lag is not None:
            self._tell(lag, time.monotonic())
        if self._producer.flush(_FLUSH_SECONDS):
            log.warning("the last events could not be sent")

    def _tell(self, lag: int, now: float) -> None:
        LAG.set(lag)
        with self._lock:
            state = (self._predicted, self._dead_letters, lag)
            batches, self._batches = self._batches, []
        seconds, self._told_at = now - self._told_at, now
        if state == self._told:
            return
        predicted_before, self._told = self._told[0], state
        self._publish(
            InferenceProgress(
                inference_id=self._spec.inference_id,
                generation=self._spec.generation,
                replica=self._replica,
                predicted=state[0],
                dead_letters=state[1],
                rate=round((state[0] - predicted_before) / max(seconds, 1e-3), 1),
                latency_p50_ms=percentile_ms(batches, 0.5),
                latency_p99_ms=percentile_ms(batches, 0.99),
                lag=lag,
            )
        )

    def _publish(self, event: Event) -> None:
        record = encode(Envelope(data=event, source=self._source))
        try:
            self._producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
            self._producer.poll(0)
        except (BufferError, KafkaException) as error:
            log.warning("an event could not be sent", type=event.type, error=str(error))


def percentile_ms(batches: list[tuple[float, int]], share: float) -> float | None:
    """The latency in ms that `share` of all messages are at or below, from (seconds, messages) of each batch."""
    total = sum(count for _, count in batches)
    seen = 0
    for seconds, count in sorted(batches):
        seen += count
        if seen >= share * total:
            return round(seconds * 1000, 3)
    return None
