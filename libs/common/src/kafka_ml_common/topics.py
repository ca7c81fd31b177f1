"""The topic table: every topic of the platform, how it is kept, who writes and reads it; and its creation.

Topics are created explicitly, with settings. A topic that is there already is left as it is, but a difference that would break
an assumption (a compacted topic that isn't, more than one partition where order must be total) is refused at start.
"""

from dataclasses import dataclass
from enum import StrEnum

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from kafka_ml_common.errors import InvalidError, UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import DEFAULT_CONTROL_TOPIC

COMMANDS = "kafka-ml.commands"
DEPLOYMENTS = "kafka-ml.deployments"
WORKLOADS = "kafka-ml.workloads"
EVENTS = "kafka-ml.events"
CONTROL = DEFAULT_CONTROL_TOPIC
DEAD_LETTERS = "kafka-ml.dead-letters"


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
    admin = AIOKafkaAdminClient(**settings.aiokafka())
    try:
        await admin.start()
    except KafkaError as error:
        await admin.close()
        raise UnavailableError(f"Kafka at {settings.bootstrap_servers} can't be reached: {error}.") from error
    try:
        existing = set(await admin.list_topics())
        await _create(admin, [topic for topic in topics if topic.name not in existing], replication_factor)
        await _check(admin, [topic for topic in topics if topic.name in existing])
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, missing: list[Topic], replication_factor: int) -> None:
    if not missing:
        return
    response = await admin.create_topics(
        [
            NewTopic(
                name=topic.name,
                num_partitions=topic.partitions,
                replication_factor=replication_factor,
                topic_configs=_configs(topic),
            )
            for topic in missing
        ]
    )
    for name, code, *_ in response.topic_errors:
        # Another service that starts at the same time may have been faster.
        if code not in (0, TopicAlreadyExistsError.errno):
            raise UnavailableError(f"Kafka refused to create topic {name}: {for_code(code).__name__}.")


def _configs(topic: Topic) -> dict[str, str]:
    configs = {"cleanup.policy": topic.cleanup.value}
    if topic.retention_ms is not None:
        configs["retention.ms"] = str(topic.retention_ms)
    return configs


async def _check(admin: AIOKafkaAdminClient, present: list[Topic]) -> None:
    if not present:
        return
    partitions = {
        entry["topic"]: len(entry["partitions"]) for entry in await admin.describe_topics([t.name for t in present])
    }
    for topic in present:
        if topic.total_order and partitions[topic.name] != 1:
            raise InvalidError(
                f"Topic {topic.name} has {partitions[topic.name]} partitions, but its readers need one.",
                advice="Delete it (when nothing in it is needed) and start again, or create it with one partition.",
            )
    compacted = [topic for topic in present if topic.cleanup is Cleanup.COMPACT]
    if not compacted:
        return
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in compacted]
    for response in await admin.describe_configs(resources):
        for *_, name, entries in response.resources:
            policy = next((entry[1] for entry in entries if entry[0] == "cleanup.policy"), "")
            if "compact" not in policy:
                raise InvalidError(
                    f"Topic {name} has cleanup.policy={policy}, but holds desired state and must be compacted.",
                    advice=f"Run: kafka-configs --alter --topic {name} --add-config cleanup.policy=compact.",
                )
