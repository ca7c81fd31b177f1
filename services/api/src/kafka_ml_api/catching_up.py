"""Waiting until the projector has caught up: whoever acts on an event at once may be faster than the rows that follow from it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from kafka_ml_api.projector import GROUP
from kafka_ml_common import topics
from kafka_ml_common.settings import KafkaSettings

log = structlog.get_logger(__name__)

_LONGEST_SECONDS = 3.0
_POLL_SECONDS = 0.03


class Projection:
    """How far the projectors of all replicas of this service are, as their group's offsets tell.

    Args:
        topic, group: other ones than the projector's are for tests.
    """

    def __init__(self, settings: KafkaSettings, *, topic: str = topics.EVENTS, group: str = GROUP) -> None:
        self._settings = settings
        self._topic = topic
        self._group = group

    async def catch_up(self) -> None:
        """Wait, for 3 seconds at most, until what is in the topic now has been applied. Without Kafka there is nothing to wait for."""
        admin = AIOKafkaAdminClient(**self._settings.aiokafka())
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await admin.start()
                await self._wait(admin, await self._ends(admin))
        except TimeoutError:
            log.warning("the projector did not catch up in time", topic=self._topic, seconds=_LONGEST_SECONDS)
        except KafkaError as error:
            log.warning("can't tell how far the projector is", topic=self._topic, error=str(error))
        finally:
            await admin.close()

    async def _ends(self, admin: AIOKafkaAdminClient) -> Mapping[TopicPartition, int]:
        """The ends of the partitions that hold something."""
        (topic,) = await admin.describe_topics([self._topic])
        partitions = [TopicPartition(self._topic, described["partition"]) for described in topic["partitions"]]
        consumer = AIOKafkaConsumer(**self._settings.aiokafka(), isolation_level="read_committed")
        try:
            await consumer.start()
            ends = await consumer.end_offsets(partitions)
        finally:
            await consumer.stop()
        return {partition: end for partition, end in ends.items() if end > 0}

    async def _wait(self, admin: AIOKafkaAdminClient, ends: Mapping[TopicPartition, int]) -> None:
        unread = dict(ends)
        while unread:
            try:
                read = await admin.list_consumer_group_offsets(self._group, partitions=list(unread))
            except KafkaError as error:
                if not error.retriable:  # a broker that has just started still loads the groups' offsets
                    raise
            else:
                unread = {partition: end for partition, end in unread.items() if read[partition].offset < end}
            if unread:
                await asyncio.sleep(_POLL_SECONDS)
