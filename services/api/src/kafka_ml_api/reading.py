"""Looks into topics, for previews: a few messages, in bounded time and memory, and what topics there are.

A reader has no group and commits nothing. Topics that do not exist are found out from the list of all, since asking for one by name may
create it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from kafka_ml_common.errors import NotFoundError, UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import StreamRange

_SECONDS = 5.0
_POLL_MS = 100
_FETCH_BYTES = 1 << 20
_MAX_BYTES = 8 << 20
_AT_ONCE = 8
_FIRST_WINDOW = 64


@dataclass(frozen=True, slots=True)
class Retained:
    """What a partition holds: offsets from `start` up to and without `end`."""

    partition: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TopicSize:
    """A topic; `messages` counts the offsets that it holds, so it is an upper bound where transactions or compaction took some."""

    name: str
    partitions: int
    messages: int


class TopicReader:
    """Reads from topics. At most eight readings go on at once; others wait.

    Raises, from every method:
        UnavailableError: Kafka can't be reached, or does not answer in time.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def names(self) -> list[str]:
        """The names of all topics, sorted."""
        async with self._session():
            return sorted((await self._cluster()).topics())

    async def sizes(self, names: Sequence[str]) -> list[TopicSize]:
        """The sizes of some topics; those that are gone are left out."""
        async with self._consumer() as consumer:
            present = await self._partitions(names)
            partitions = [partition for parts in present.values() for partition in parts]
            starts = await consumer.beginning_offsets(partitions) if partitions else {}
            ends = await consumer.end_offsets(partitions) if partitions else {}
            return [
                TopicSize(name, len(parts), sum(ends[part] - starts[part] for part in parts))
                for name, parts in present.items()
            ]

    async def retained(self, name: str) -> list[Retained]:
        """What each partition of a topic holds.

        Raises:
            NotFoundError: there is no such topic.
        """
        async with self._consumer() as consumer:
            return await self._retained(consumer, name)

    async def committed(self, group: str, name: str) -> dict[int, int]:
        """The offsets that a consumer group has committed, by partition; those without one are left out."""
        async with self._session():
            admin = AIOKafkaAdminClient(**self._settings.aiokafka(), request_timeout_ms=int(_SECONDS * 1000))
            try:
                await admin.start()
                offsets = await admin.list_consumer_group_offsets(group)
            finally:
                await admin.close()
        return {
            part.partition: found.offset for part, found in offsets.items() if part.topic == name and found.offset >= 0
        }

    async def at_time(self, name: str, times: Sequence[datetime]) -> list[dict[int, int]]:
        """For each time the offset of the first message at or after it, by partition; partitions without one have their end."""
        async with self._consumer() as consumer:
            kept = await self._retained(consumer, name)
            partitions = [TopicPartition(name, part.partition) for part in kept]
            found = []
            for time_ in times:
                wanted = dict.fromkeys(partitions, int(time_.timestamp() * 1000))
                answers = await consumer.offsets_for_times(wanted)
                after = {part.partition: answer.offset for part, answer in answers.items() if answer is not None}
                found.append({part.partition: after.get(part.partition, part.end) for part in kept})
            return found

    async def following(self, name: str, starts: Mapping[int, int], limit: int) -> list[ConsumerRecord]:
        """The messages that follow on some offsets, by partition, in the order of their times.

        Raises:
            NotFoundError: there is no such topic, or partition.
        """
        async with self._consumer() as consumer:
            kept = {part.partition: part for part in await self._retained(consumer, name)}
            if missing := sorted(set(starts) - set(kept)):
                raise NotFoundError(f"Topic {name} has no partition {missing[0]}.")
            budget, found = _Budget(), list[ConsumerRecord]()
            for number, start in starts.items():
                part = TopicPartition(name, number)
                if start < kept[number].end and not budget.spent:
                    consumer.assign([part])
                    consumer.seek(part, max(start, kept[number].start))
                    found += await _read(consumer, {part: kept[number].end}, budget, limit)
            found.sort(key=lambda record: (record.timestamp, record.offset))
            return found[:limit]

    async def preceding(self, name: str, ends: Mapping[int, int], limit: int) -> list[ConsumerRecord]:
        """The last committed messages before some offsets, the newest first.

        Args:
            ends: offset by partition up to which, and without which, is read; the topic's end where it is not named.

        Raises:
            NotFoundError: there is no such topic.
        """
        async with self._consumer() as consumer:
            kept = await self._retained(consumer, name)
            starts = {TopicPartition(name, part.partition): part.start for part in kept}
            stops = {
                TopicPartition(name, part.partition): max(part.start, min(ends.get(part.partition, part.end), part.end))
                for part in kept
            }
            return await _read_back(consumer, starts, stops, limit, lambda _: True)

    async def first(self, ranges: Iterable[StreamRange], limit: int) -> tuple[list[ConsumerRecord], int]:
        """The first messages of some ranges, in their order.

        Returns:
            The messages, and how many offsets of all the ranges retention has deleted.

        Raises:
            NotFoundError: a topic is gone.
        """
        wanted = [piece for piece in ranges if piece.end > piece.start]
        async with self._consumer() as consumer:
            present = await self._partitions(sorted({piece.topic for piece in wanted}))
            partitions = [TopicPartition(piece.topic, piece.partition) for piece in wanted]
            for piece, partition in zip(wanted, partitions, strict=True):
                if partition not in present.get(piece.topic, ()):
                    raise NotFoundError(f"{piece.topic}:{piece.partition} is no longer in Kafka.")
            starts = await consumer.beginning_offsets(partitions) if partitions else {}
            ends = await consumer.end_offsets(partitions) if partitions else {}
            missing, budget = 0, _Budget()
            found: list[ConsumerRecord] = []
            for piece, partition in zip(wanted, partitions, strict=True):
                start = min(max(piece.start, starts[partition]), piece.end)
                missing += start - piece.start
                if start < piece.end and len(found) < limit and not budget.spent:
                    consumer.assign([partition])
                    consumer.seek(partition, start)
                    found += await _read(
                        consumer, {partition: min(piece.end, ends[partition])}, budget, limit - len(found)
                    )
            return found, missing

    async def last(
        self, topic: str, limit: int, matches: Callable[[ConsumerRecord], bool] = lambda _: True
    ) -> list[ConsumerRecord]:
        """The last committed messages of a topic that match, the newest first; looks back only so far as time and memory allow.

        Raises:
            NotFoundError: there is no such topic.
        """
        async with self._consumer() as consumer:
            kept = await self._retained(consumer, topic)
            starts = {TopicPartition(topic, part.partition): part.start for part in kept}
            ends = {TopicPartition(topic, part.partition): part.end for part in kept}
            return await _read_back(consumer, starts, ends, limit, matches)

    async def _retained(self, consumer: AIOKafkaConsumer, name: str) -> list[Retained]:
        partitions = (await self._partitions([name])).get(name)
        if not partitions:
            raise NotFoundError(f"There is no topic {name} yet.")
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        return [Retained(part.partition, starts[part], ends[part]) for part in partitions]

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[None]:
        """A slot and a time limit for one reading."""
        try:
            async with self._slots, asyncio.timeout(2 * _SECONDS):
                yield
        except (KafkaError, OSError, TimeoutError) as error:
            raise UnavailableError(
                f"Kafka at {self._settings.bootstrap_servers} can't be reached: {error or 'no answer'}.",
                advice="Try again in a moment.",
            ) from error

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        async with self._session():
            consumer = AIOKafkaConsumer(
                **self._settings.aiokafka(),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                max_partition_fetch_bytes=_FETCH_BYTES,
                fetch_max_bytes=_FETCH_BYTES,
                request_timeout_ms=int(_SECONDS * 1000),
            )
            try:
                await consumer.start()
                yield consumer
            finally:
                await consumer.stop()

    async def _cluster(self) -> ClusterMetadata:
        client = AIOKafkaClient(**self._settings.aiokafka(), request_timeout_ms=int(_SECONDS * 1000))
        try:
            await client.bootstrap()
            return await client.fetch_all_metadata()
        finally:
            await client.close()

    async def _partitions(self, names: Sequence[str]) -> dict[str, list[TopicPartition]]:
        """The partitions of those topics that exist."""
        cluster = await self._cluster()
        found = {name: cluster.partitions_for_topic(name) for name in names}
        return {name: [TopicPartition(name, n) for n in sorted(numbers)] for name, numbers in found.items() if numbers}


class _Budget:
    """What one reading may take: seconds and bytes."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _SECONDS
        self._bytes = _MAX_BYTES

    @property
    def spent(self) -> bool:
        return self._bytes <= 0 or time.monotonic() > self._until

    def take(self, record: ConsumerRecord) -> None:
        self._bytes -= len(record.value or b"") + len(record.key or b"")


async def _read_back(
    consumer: AIOKafkaConsumer,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    limit: int,
    matches: Callable[[ConsumerRecord], bool],
) -> list[ConsumerRecord]:
    """The last messages before `ends` that match, the newest first."""
    consumer.assign(list(ends))
    budget, window = _Budget(), max(_FIRST_WINDOW, 2 * limit)
    found: list[ConsumerRecord] = []
    # Markers of transactions and messages of others take up offsets, too, so how far to look back is found out by trying.
    while True:
        positions = {part: max(starts[part], ends[part] - window) for part in ends}
        for part, position in positions.items():
            consumer.seek(part, position)
        read = await _read(consumer, ends, budget, None)
        found = [record for record in read if matches(record)] or found
        if len(found) >= limit or budget.spent or positions == starts:
            break
        window *= 8
    found.sort(key=lambda record: (record.timestamp, record.offset), reverse=True)
    return found[:limit]


async def _read(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], budget: _Budget, limit: int | None
) -> list[ConsumerRecord]:
    """Messages from the consumer's positions up to `ends`, which committed offsets have reached; fewer when the budget is spent.

    Positions pass what is no message (aborted messages, markers of transactions), so they come to the ends in any case.
    """
    found: list[ConsumerRecord] = []
    while not budget.spent and (limit is None or len(found) < limit):
        before_end = [part for part, end in ends.items() if await consumer.position(part) < end]
        if not before_end:
            break
        batches = await consumer.getmany(*before_end, timeout_ms=_POLL_MS, max_records=limit)
        for part, records in batches.items():
            for record in records:
                if record.offset < ends[part]:
                    budget.take(record)
                    found.append(record)
    return found if limit is None else found[:limit]
