"""What the log holds: first and log-end offsets of partitions, asked of the broker."""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import StreamRange

_DEADLINE_SECONDS = 15


class LogOffsets:
    """Asks for offsets of any topic's partitions, without subscribing to them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        consumer = AIOKafkaConsumer(
            **self._settings.aiokafka(), enable_auto_commit=False, isolation_level="read_uncommitted"
        )
        try:
            await consumer.start()
        except KafkaError as error:
            await consumer.stop()
            raise UnavailableError(f"Kafka at {self._settings.bootstrap_servers} can't be reached: {error}.") from error
        self._consumer = consumer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def of(self, ranges: Iterable[StreamRange]) -> dict[tuple[str, int], tuple[int, int] | None]:
        """First and log-end offset of each partition that the ranges name; None where there is no such partition.

        Raises:
            UnavailableError: the broker did not answer in time.
        """
        wanted = {(entry.topic, entry.partition) for entry in ranges}
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await self._ask(wanted)
        except (KafkaError, TimeoutError) as error:
            raise UnavailableError(f"Kafka did not tell the stream's offsets: {error!r}.") from error

    async def _ask(self, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int] | None]:
        if self._consumer is None:
            raise UnavailableError("Not connected to Kafka.")
        # Listing topics never creates one, unlike asking for the metadata of a name on a broker that creates topics on first use.
        existing = await self._consumer.topics()
        present = [
            TopicPartition(topic, partition)
            for topic, partition in sorted(wanted)
            if topic in existing and partition in (self._consumer.partitions_for_topic(topic) or ())
        ]
        offsets: dict[tuple[str, int], tuple[int, int] | None] = dict.fromkeys(wanted)
        if present:
            first = await self._consumer.beginning_offsets(present)
            end = await self._consumer.end_offsets(present)
            offsets.update({(tp.topic, tp.partition): (first[tp], end[tp]) for tp in present})
        return offsets
