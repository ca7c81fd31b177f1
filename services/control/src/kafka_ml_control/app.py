"""The Faust app: its table, its connections, and the topics that it reads.

Faust commits offsets after the table's changelog is flushed, and the agent emits before it changes the table. So whatever line a crash
falls on, what is read again afterwards leads to the same workloads, whose ids are the same, and to events that say the same once more.
"""

import os
from pathlib import Path

import faust

from kafka_ml_common import topics
from kafka_ml_common.bus import Publisher
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.topics import Cleanup, Topic
from kafka_ml_control.offsets import LogOffsets

SOURCE = "kafka-ml/control"
APP_ID = "kafka-ml-control"
TABLE = "pairings"

TABLE_TOPIC = Topic(
    f"{APP_ID}-{TABLE}-changelog",
    Cleanup.COMPACT,
    1,
    ("control",),
    ("control",),
    "What control knows of each deployment id.",
    total_order=True,
)
"""The table's changelog, created by us: Faust wants as many partitions as the table's source topics have."""


class ControlApp(faust.App):
    """A Faust app that also holds a publisher of our messages and a view of the log's offsets."""

    publisher: Publisher
    offsets: LogOffsets

    def __init__(self, kafka: KafkaSettings, **options: object) -> None:
        super().__init__(APP_ID, **options)
        self.publisher = Publisher(kafka, SOURCE)
        self.offsets = LogOffsets(kafka)
        self.kafka = kafka

    async def on_start(self) -> None:
        """Create what topics are missing and connect, before any agent starts."""
        await topics.bootstrap(self.kafka, topics=(*topics.TOPICS, TABLE_TOPIC))
        await self.async_exit_stack.enter_async_context(self.publisher)
        await self.async_exit_stack.enter_async_context(self.offsets)
        await super().on_start()


def _broker_options(kafka: KafkaSettings) -> dict[str, object]:
    connection = kafka.aiokafka()
    options: dict[str, object] = {
        "broker": [f"aiokafka://{server}" for server in kafka.bootstrap_servers.split(",")],
    }
    if "ssl_context" in connection and "sasl_mechanism" not in connection:
        options["broker_credentials"] = connection["ssl_context"]
    elif "sasl_mechanism" in connection:
        options["broker_credentials"] = faust.SASLCredentials(
            username=connection["sasl_plain_username"],
            password=connection["sasl_plain_password"],
            mechanism=connection["sasl_mechanism"],
            ssl_context=connection.get("ssl_context"),
        )
    return options


kafka_settings = KafkaSettings()
app = ControlApp(
    kafka_settings,
    **_broker_options(kafka_settings),
    autodiscover=False,
    web_enabled=False,
    store="memory://",
    topic_partitions=1,
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    # A pairing holds its deployment with the code of all models, which the API keeps below what a broker takes.
    producer_max_request_size=8 << 20,
    broker_commit_interval=0.5,
    # A worker that was killed holds its partitions until the group gives it up; Faust's own default for that is a minute.
    broker_session_timeout=10.0,
    broker_heartbeat_interval=2.0,
    broker_rebalance_timeout=15.0,
    stream_wait_empty=False,
    datadir=Path(os.environ.get("KAFKA_ML_STATE_FOLDER", "."), "faust"),
)

announcements = app.topic(
    topics.DEPLOYMENTS,
    topics.CONTROL,
    key_type=bytes,
    value_type=bytes,
    key_serializer="raw",
    value_serializer="raw",
)
"""Deployment requests and control messages, through one stream so that the table sees them one after another."""

pairings = app.Table(TABLE, key_type=str, value_type=str, partitions=1)
"""A `Pairing` as JSON text, by deployment id as text."""
