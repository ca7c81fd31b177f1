"""The topic table: every topic of the platform, how it is kept, who writes and reads it; and its creation.

Topics are created explicitly, with settings. A topic that is there already is left as it is, but a difference that would break
an assumption (a compacted topic that isn't, more than one partition where order must be total) is refused at start.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType, TopicMetadata

from kafka_ml_common.errors import InvalidError, UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import DEFAULT_CONTROL_TOPIC

COMMANDS = "kafka-ml.commands"
DEPLOYMENTS = "kafka-ml.deployments"
WORKLOADS = "kafka-ml.workloads"
EVENTS = "kafka-ml.events"
CONTROL = DEFAULT_CONTROL_TOPIC
DEAD_LETTERS = "kafka-ml.dead-letters"


_DEADLINE_SECONDS = 15
_STEP_SECONDS = 1.0


class Cleanup(StrEnum):
    """Kafka's `cleanup.policy`: old records go (delete), or only the last of each key stays (compact)."""

    DELETE = "delete"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True)
class Topic:
    """One line of the topic table.

    Attributes:
        total_order: the reader relies on one order over all keys, so more than one partition is refused.
        retention_ms: how long records stay in a `delete` topic; None takes the broker's default.
    """

    name: str
    cleanup: Cleanup
    partitions: int
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    says: str
    total_order: bool = False
    retention_ms: int | None = None


_WEEK_MS = 7 * 24 * 3600 * 1000

TOPICS: tuple[Topic, ...] = (
    Topic(COMMANDS, Cleanup.DELETE, 1, ("anyone",), ("api",), "What a REST client can ask, in the same schemas."),
    # Control joins these two by deployment; Faust wants a table's source topics to have equal partition counts, and the
    # two key forms of control messages hash to different partitions, so both have one.
    Topic(
        DEPLOYMENTS,
        Cleanup.COMPACT,
        1,
        ("api",),
        ("control",),
        "What awaits which stream; a tombstone withdraws it.",
        True,
    ),
    Topic(
        CONTROL, Cleanup.DELETE, 1, ("sinks", "api"), ("control",), "Here is a data stream for that deployment.", True
    ),
    Topic(
        WORKLOADS,
        Cleanup.COMPACT,
        1,
        ("control", "api", "scheduler"),
        ("scheduler",),
        "The desired state: one self-contained spec each; a tombstone stops it.",
        True,
    ),
    Topic(
        EVENTS, Cleanup.DELETE, 3, ("every service",), ("api", "anyone"), "What happened.", retention_ms=4 * _WEEK_MS
    ),
    Topic(
        DEAD_LETTERS,
        Cleanup.DELETE,
        1,
        ("all",),
        ("operators",),
        "Messages that could not be processed, with headers saying from where and why.",
        retention_ms=4 * _WEEK_MS,
    ),
)


async def bootstrap(
    settings: KafkaSettings, *, replication_factor: int = -1, topics: tuple[Topic, ...] = TOPICS
) -> None:
    """Create what is missing of the topic table and check what is there.

    Args:
        replication_factor: of new topics; -1 takes the broker's default.

    Raises:
        UnavailableError: the broker can't be reached or refuses.
        InvalidError: a topic exists with settings that would break what its readers rely on.
    """
    given_up = threading.Event()
    try:
        await asyncio.to_thread(_bootstrap, settings, replication_factor, topics, given_up)
    finally:
        given_up.set()


def list_topics(admin: AdminClient, within: float, given_up: threading.Event) -> dict[str, TopicMetadata]:
    """The topics of a cluster, by name.

    Asked for in short steps: a process that ends waits for its threads, so one that waits for a broker has to notice that soon.

    Args:
        within: seconds until the broker must have answered.
        given_up: set once nobody wants the answer any more.

    Raises:
        KafkaException: no answer.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            found: dict[str, TopicMetadata] = admin.list_topics(timeout=min(within, _STEP_SECONDS)).topics
        except KafkaException:
            if given_up.is_set() or time.monotonic() >= deadline:
                raise
        else:
            return found


def _bootstrap(
    settings: KafkaSettings, replication_factor: int, topics: tuple[Topic, ...], given_up: threading.Event
) -> None:
    # librdkafka's admin client, as aiokafka's can't leave the replication factor to the broker.
    admin = AdminClient(settings.confluent(), logger=logging.getLogger(__name__))
    try:
        existing = {
            name: len(topic.partitions) for name, topic in list_topics(admin, _DEADLINE_SECONDS, given_up).items()
        }
        _create(admin, [topic for topic in topics if topic.name not in existing], replication_factor)
        _check(admin, [topic for topic in topics if topic.name in existing], existing)
    except KafkaException as error:
        reason = error.args[0].str()
        raise UnavailableError(
            f"Kafka at {settings.bootstrap_servers} can't be reached or refused: {reason}."
        ) from error


def _create(admin: AdminClient, missing: list[Topic], replication_factor: int) -> None:
    if not missing:
        return
    wanted = [NewTopic(topic.name, topic.partitions, replication_factor, config=_configs(topic)) for topic in missing]
    for future in admin.create_topics(wanted, request_timeout=_DEADLINE_SECONDS).values():
        try:
            future.result(_DEADLINE_SECONDS)
        except KafkaException as error:
            # Another service that starts at the same time may have been faster.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _configs(topic: Topic) -> dict[str, str]:
    configs = {"cleanup.policy": topic.cleanup.value}
    if topic.retention_ms is not None:
        configs["retention.ms"] = str(topic.retention_ms)
    return configs


def _check(admin: AdminClient, present: list[Topic], partitions: Mapping[str, int]) -> None:
    for topic in present:
        if topic.total_order and partitions[topic.name] != 1:
            raise InvalidError(
                f"Topic {topic.name} has {partitions[topic.name]} partitions, but its readers need one.",
                advice="Delete it (when nothing in it is needed) and start again, or create it with one partition.",
            )
    compacted = [
        ConfigResource(ResourceType.TOPIC, topic.name) for topic in present if topic.cleanup is Cleanup.COMPACT
    ]
    if not compacted:
        return
    for resource, future in admin.describe_configs(compacted, request_timeout=_DEADLINE_SECONDS).items():
        policy = future.result(_DEADLINE_SECONDS)["cleanup.policy"].value
        if "compact" not in policy:
            raise InvalidError(
                f"Topic {resource.name} has cleanup.policy={policy}, but holds desired state and must be compacted.",
                advice=f"Run: kafka-configs --alter --topic {resource.name} --add-config cleanup.policy=compact.",
            )
