"""Reporting: events to `kafka-ml.events`, acknowledged before the process ends."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from kafka_ml_common.cloudevents import Envelope, encode
from kafka_ml_common.errors import InvalidError, UnavailableError
from kafka_ml_common.messages import Event
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.telemetry import current_traceparent

log = structlog.get_logger(__name__)

_SOURCE = "kafka-ml/trainer"
_DELIVERY_SECONDS = 120
_MAX_BYTES = 5 << 20


class Reporter:
    """Publishes events in order, each once (idempotent producer), while the work goes on.

    Raises, from every method and at the end of its block:
        UnavailableError: the broker did not take an event within two minutes.
        InvalidError: an event is larger than the broker takes.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._servers = settings.bootstrap_servers
        self._refused: KafkaError | None = None
        self._producer = Producer(
            settings.confluent()
            | {
                "client.id": "kafka-ml-trainer",
                # As aiokafka and Java clients do, so that events of one resource are in one partition whoever sends them.
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 2,
                "delivery.timeout.ms": _DELIVERY_SECONDS * 1000,
                # What a broker takes is after compression; this limit is before.
                "message.max.bytes": _MAX_BYTES,
                "compression.type": "gzip",
            }
        )

    def publish(self, event: Event) -> None:
        """Hand an event to the producer; it is on its way when this returns."""
        record = encode(Envelope(data=event, source=_SOURCE, traceparent=current_traceparent()))
        try:
            self._producer.produce(
                record.topic, record.value, record.key, headers=list(record.headers), on_delivery=self._delivered
            )
        except (BufferError, KafkaException) as error:
            if isinstance(error, KafkaException):
                _refuse_too_large(error.args[0])
            raise UnavailableError(
                f"Kafka at {self._servers} does not take the event {event.type}: {error}."
            ) from error
        self._producer.poll(0)
        self._check()

    def flush(self) -> None:
        """Wait until the broker has every event."""
        left = self._producer.flush(_DELIVERY_SECONDS + 1)
        self._check()
        if left:
            raise UnavailableError(f"Kafka at {self._servers} did not take {left} events.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.flush()
        else:
            self._producer.flush(5)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused = error

    def _check(self) -> None:
        if self._refused is not None:
            _refuse_too_large(self._refused)
            raise UnavailableError(f"Kafka at {self._servers} did not take an event: {self._refused.str()}.")


def _refuse_too_large(error: KafkaError) -> None:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        raise InvalidError("An event of this work is larger than the broker takes.")
