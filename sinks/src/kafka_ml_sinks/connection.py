"""How to reach Kafka: one set of named settings, and a mapping for everything else that librdkafka knows."""

import time
from collections.abc import Mapping
from typing import Any, TypedDict

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_ml_common.errors import UnavailableError

CONTACT_SECONDS = 15.0
"""How long a broker may take to answer the first question."""

_PAUSE_SECONDS = 0.05


class Connection(TypedDict, total=False):
    """Settings of the connection, all optional.

    security_protocol: PLAINTEXT (default), SSL, SASL_PLAINTEXT or SASL_SSL.
    sasl_mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, ...
    ssl_cafile, ssl_certfile, ssl_keyfile: paths of PEM files.
    config: any property of librdkafka; it wins over everything else.
    """

    security_protocol: str
    sasl_mechanism: str
    sasl_username: str
    sasl_password: str
    ssl_cafile: str
    ssl_certfile: str
    ssl_keyfile: str
    config: Mapping[str, Any]


_PROPERTIES = {
    "security_protocol": "security.protocol",
    "sasl_mechanism": "sasl.mechanism",
    "sasl_username": "sasl.username",
    "sasl_password": "sasl.password",
    "ssl_cafile": "ssl.ca.location",
    "ssl_certfile": "ssl.certificate.location",
    "ssl_keyfile": "ssl.key.location",
}


def properties(bootstrap_servers: str, connection: Connection, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """librdkafka's properties: the defaults, then the named settings, then `config`."""
    named = {_PROPERTIES[name]: value for name, value in connection.items() if name in _PROPERTIES}
    return {**defaults, "bootstrap.servers": bootstrap_servers, **named, **connection.get("config", {})}


def partitions_of(topic: str, bootstrap_servers: str, connection: Connection) -> list[int]:
    """The topic's partitions. A topic that is missing is created with the broker's defaults.

    Raises:
        UnavailableError: the broker can't be reached, or lets nobody use or create the topic.
    """
    complaints: list[str] = []
    admin = AdminClient(
        properties(bootstrap_servers, connection, {"error_cb": lambda error: complaints.append(error.str())}),
        logger=_silent,
    )
    try:
        found = admin.list_topics(topic, timeout=CONTACT_SECONDS).topics[topic]
        if found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            _create(admin, topic)
        # A new topic is known to its broker, and has a leader, a moment after it was created.
        deadline = time.monotonic() + CONTACT_SECONDS
        while _is_coming(found.error, found.partitions) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            found = admin.list_topics(topic, timeout=CONTACT_SECONDS).topics[topic]
    except KafkaException as error:
        reason = complaints[-1] if complaints else error.args[0].str()
        raise UnavailableError(
            f"Kafka at {bootstrap_servers} can't be used: {reason}.",
            advice="Check the address, the security settings, and that the broker runs.",
        ) from error
    if found.error is not None:
        raise UnavailableError(f"Topic {topic} can't be used: {found.error.str()}.")
    return sorted(found.partitions)


def _is_coming(error: KafkaError | None, partitions: Mapping[int, Any]) -> bool:
    passing = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)
    return not partitions if error is None else error.code() in passing


def _create(admin: AdminClient, topic: str) -> None:
    created = admin.create_topics([NewTopic(topic, num_partitions=-1, replication_factor=-1)])[topic]
    try:
        created.result(timeout=CONTACT_SECONDS)
    except KafkaException as error:
        # Somebody else, or the broker itself at our first question, may have been faster.
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


class _Silent:
    """Swallows the client's own log lines: what matters is in the exception."""

    def log(self, *_: object, **__: object) -> None:
        return


_silent = _Silent()
