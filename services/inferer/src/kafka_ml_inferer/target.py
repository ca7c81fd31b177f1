"""Target: the topics that a replica works between, waited for until they are there; the output topic is made if it is missing."""

from __future__ import annotations

import threading

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.workloads import InferenceSpec
from kafka_ml_inferer.source import Source

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.5
_CREATE_SECONDS = 15.0
_REMIND_AFTER = 120


def wait_for_input(source: Source, spec: InferenceSpec, stop: threading.Event) -> int:
    """Number of partitions of the input topic, once there is one; 0 when asked to stop before."""
    return _wait(source, spec.input_topic, "the input topic does not exist yet, waiting for it", stop)


def wait_for_output(
    kafka: KafkaSettings, source: Source, spec: InferenceSpec, input_partitions: int, stop: threading.Event
) -> int:
    """Number of partitions of the output topic; made with those of the input topic if it is missing. 0 when asked to stop."""
    try:
        if not source.partitions_of(spec.output_topic):
            _create(kafka, spec.output_topic, input_partitions)
    except UnavailableError as error:
        log.warning("can't see or make the output topic", topic=spec.output_topic, error=str(error))
    return _wait(source, spec.output_topic, "the output topic does not exist yet, waiting for it", stop)


def _wait(source: Source, topic: str, message: str, stop: threading.Event) -> int:
    asked = 0
    while not stop.is_set():
        try:
            if partitions := source.partitions_of(topic):
                return partitions
            if asked % _REMIND_AFTER == 0:
                log.warning(message, topic=topic)
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
