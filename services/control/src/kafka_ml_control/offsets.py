"""What the log holds: first and log-end offsets of partitions, asked of the broker."""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import StreamRange

_DEADLINE_SECONDS = 15
_LOOK_MS = 1000


class LogOffsets:
    """Asks for offsets of any topic's partitions, without subscribing to them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    async def __aenter__(self) -> Self:
        consumer = AIOKafkaConsumer(
            **self._settings.aiokafka(), enable_auto_commit=False, isolation_level="read_uncommitted"
        )
        admin = AIOKafkaAdminClient(**self._settings.aiokafka())
        try:
            await consumer.start()
            await admin.start()
        except KafkaError as error:
            await consumer.stop()
            await admin.close()
            raise UnavailableError(f"Kafka at {self._settings.bootstrap_servers} can't be reached: {error}.") from error
        self._consumer, self._admin = consumer, admin
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None and self._admin is not None:
            await self._consumer.stop()
            await self._admin.close()

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

    async def has_record(self, topic: str, partition: int, start: int) -> bool:
        """Whether there is a record at or behind offset `start`.

        Raises:
            UnavailableError: the broker did not answer.
        """
        if self._consumer is None:
            raise UnavailableError("Not connected to Kafka.")
        wanted = TopicPartition(topic, partition)
        try:
            self._consumer.assign([wanted])
            self._consumer.seek(wanted, start)
            return bool(await self._consumer.getmany(wanted, timeout_ms=_LOOK_MS, max_records=1))
        except KafkaError as error:
            raise UnavailableError(f"Kafka did not tell what is in {topic}: {error!r}.") from error

    async def _ask(self, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int] | None]:
        if self._consumer is None or self._admin is None:
            raise UnavailableError("Not connected to Kafka.")
        # Only topics that are there are asked about: a broker may create one whose name it is asked for.
        existing = await self._consumer.topics()
        partitions = await self._partitions(sorted({topic for topic, _ in wanted} & set(existing)))
        present = [TopicPartition(topic, partition) for topic, partition in sorted(wanted & partitions)]
        offsets: dict[tuple[str, int], tuple[int, int] | None] = dict.fromkeys(wanted)
        if present:
            first = await self._consumer.beginning_offsets(present)
            end = await self._consumer.end_offsets(present)
            offsets.update({(tp.topic, tp.partition): (first[tp], end[tp]) for tp in present})
        return offsets

    async def _partitions(self, names: list[str]) -> set[tuple[str, int]]:
        if not names or self._admin is None:
            return set()
        described = await self._admin.describe_topics(names)
        return {(topic["topic"], partition["partition"]) for topic in described for partition in topic["partitions"]}
