"""Target: the topics that a replica works between, waited for until they are there; the output topic is made if it is missing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.workloads import InferenceSpec
from kafka_ml_inferer.source import Source

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.5
_CREATE_SECONDS = 15.0
_REMIND_AFTER = 120
_USUAL_RECORD_BYTES = 1_048_588

MAX_RECORD_BYTES = 64 << 20
"""Larger predictions are not written, whatever the topic allows."""


@dataclass(frozen=True, slots=True)
class Output:
    """The output topic.

    Attributes:
        partitions: how many it has.
        largest_record: bytes that a record, and what is sent together, may have.
    """

    partitions: int
    largest_record: int


def wait_for_input(source: Source, spec: InferenceSpec, stop: threading.Event) -> int:
    """Number of partitions of the input topic, once there is one; 0 when asked to stop before."""
    return _wait(source, spec.input_topic, "the input topic does not exist yet, waiting for it", stop)


def wait_for_output(
    kafka: KafkaSettings, source: Source, spec: InferenceSpec, input_partitions: int, stop: threading.Event
) -> Output | None:
    """The output topic; made with the partitions of the input topic if it is missing. None when asked to stop before."""
    topic = spec.output_topic
    message = "the output topic does not exist yet, waiting for it"
    partitions = _wait(source, topic, message, stop, make=lambda: _create(kafka, topic, input_partitions))
    return Output(partitions, _largest_record(kafka, topic)) if partitions else None


def _wait(
    source: Source, topic: str, message: str, stop: threading.Event, make: Callable[[], None] | None = None
) -> int:
    asked = 0
    while not stop.is_set():
        try:
            if partitions := source.partitions_of(topic):
                return partitions
            if asked % _REMIND_AFTER == 0:
                log.warning(message, topic=topic)
            if make is not None:
                make()
        except UnavailableError as error:
            log.warning("will ask for the topic again", topic=topic, error=str(error))
        asked += 1
        stop.wait(_POLL_SECONDS)
    return 0


def _create(kafka: KafkaSettings, topic: str, partitions: int) -> None:
    admin = AdminClient(kafka.confluent(), logger=log)
    try:
        admin.create_topics([NewTopic(topic, partitions, -1)], request_timeout=_CREATE_SECONDS)[topic].result()
    except KafkaException as error:
        # Another replica may have been faster.
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise UnavailableError(f"Topic {topic} can't be made: {error}.") from error
    else:
        log.info("made the output topic", topic=topic, partitions=partitions)


def _largest_record(kafka: KafkaSettings, topic: str) -> int:
    """What the topic allows, in bytes; Kafka's default where the broker doesn't tell."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient(kafka.confluent(), logger=log)
    try:
        found = admin.describe_configs([resource], request_timeout=_CREATE_SECONDS)[resource].result()
        return min(int(found["max.message.bytes"].value), MAX_RECORD_BYTES)
    except (KafkaException, KeyError, ValueError) as error:
        log.warning("can't see how large a prediction may be, assuming 1 MiB", topic=topic, error=str(error))
        return _USUAL_RECORD_BYTES
