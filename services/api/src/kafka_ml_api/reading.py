"""Looks into topics, for previews: a few messages, in bounded time and memory, and what topics there are.

A reader has no group and commits nothing. Topics that do not exist are found out from the list of all, since asking for one by name may
create it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from kafka_ml_api.looking_back import POLL_MS, Budget, read_back
from kafka_ml_common.errors import NotFoundError, UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import StreamRange

_SECONDS = 5.0
_FETCH_BYTES = 1 << 20
_MAX_BYTES = 8 << 20
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Retained:
    """What a partition holds: offsets from `start` up to and without `end`."""

    partition: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Look:
    """Messages of a topic.

    Attributes:
        kept: what each partition of the topic holds.
        before: where to go on to look back, by partition.
    """

    records: list[ConsumerRecord]
    kept: list[Retained]
    before: dict[int, int]

    @property
    def more(self) -> bool:
        """Whether there are offsets before those that were looked at."""
        return any(self.before.get(part.partition, part.start) > part.start for part in self.kept)


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

    async def committed(self, groups: Sequence[str], name: str) -> dict[str, dict[int, int]]:
        """The offsets of a topic that consumer groups have committed, by partition; those without one are left out."""
        async with self._session():
            admin = AIOKafkaAdminClient(**self._settings.aiokafka(), request_timeout_ms=int(_SECONDS * 1000))
            try:
                await admin.start()
                offsets = {group: await admin.list_consumer_group_offsets(group) for group in groups}
            finally:
                await admin.close()
        return {
            group: {
                part.partition: stand.offset
                for part, stand in found.items()
                if part.topic == name and stand.offset >= 0
            }
            for group, found in offsets.items()
        }

    async def at_time(self, name: str, times: Sequence[datetime]) -> list[dict[int, int]]:
        """For each time the offset of the first message at or after it, by partition; partitions without one have their end."""
        async with self._consumer() as consumer:
            kept = await self._retained(consumer, name)
            partitions = [TopicPartition(name, part.partition) for part in kept]
            found = []
            for time_ in times:
                wanted = dict.fromkeys(partitions, max(0, int(time_.timestamp() * 1000)))
                answers = await consumer.offsets_for_times(wanted)
                after = {part.partition: answer.offset for part, answer in answers.items() if answer is not None}
                found.append({part.partition: after.get(part.partition, part.end) for part in kept})
            return found

    async def following(self, name: str, starts: Mapping[int, int], limit: int) -> Look:
        """The messages that follow on some offsets, by partition, in the order of their times.

        Raises:
            NotFoundError: there is no such topic, or partition.
        """
        async with self._consumer() as consumer:
            kept = await self._retained(consumer, name)
            ranges = {part.partition: part for part in kept}
            _check(name, starts, ranges)
            wanted = {number: start for number, start in starts.items() if start < ranges[number].end}
            found = list[ConsumerRecord]()
            until = time.monotonic() + _SECONDS
            for number, start in wanted.items():
                # Each has its share, so that one with large messages does not hide the others.
                budget = Budget(until - time.monotonic(), _MAX_BYTES // len(wanted))
                part = TopicPartition(name, number)
                consumer.assign([part])
                consumer.seek(part, max(start, ranges[number].start))
                found += await _read(consumer, {part: ranges[number].end}, budget, limit)
            found.sort(key=lambda record: (record.timestamp, record.offset))
            return Look(found[:limit], kept, {})

    async def preceding(
        self,
        name: str,
        limit: int,
        ends: Mapping[int, int] | None = None,
        only: int | None = None,
        matches: Callable[[ConsumerRecord], bool] = lambda _: True,
    ) -> Look:
        """The last committed messages that match, the newest first; looks back only so far as time and memory allow.

        Args:
            ends: offset by partition up to which, and without which, is read; the partition's end where it is not named.
            only: the one partition to look at.

        Raises:
            NotFoundError: there is no such topic, or partition.
        """
        async with self._consumer() as consumer:
            kept = await self._retained(consumer, name)
            _check(name, () if only is None else (only,), {part.partition for part in kept})
            looked_at = [part for part in kept if only in (None, part.partition)]
            starts = {TopicPartition(name, part.partition): part.start for part in looked_at}
            stops = {
                TopicPartition(name, part.partition): max(
                    part.start, min((ends or {}).get(part.partition, part.end), part.end)
                )
                for part in looked_at
            }
            budget = Budget(_SECONDS, _MAX_BYTES)
            records, before = await read_back(consumer, starts, stops, limit, matches, budget)
            return Look(records, kept, {part.partition: offset for part, offset in before.items()})

    async def last(
        self, name: str, limit: int, matches: Callable[[ConsumerRecord], bool] = lambda _: True
    ) -> list[ConsumerRecord]:
        """The last committed messages of a topic that match, the newest first, as `preceding` finds them."""
        return (await self.preceding(name, limit, matches=matches)).records

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
            missing, budget = 0, Budget(_SECONDS, _MAX_BYTES)
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


def _check(name: str, wanted: Iterable[int], present: Container[int]) -> None:
    for number in sorted(wanted):
        if number not in present:
            raise NotFoundError(f"Topic {name} has no partition {number}.")


async def _read(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], budget: Budget, limit: int | None
) -> list[ConsumerRecord]:
    """Messages from the consumer's positions up to `ends`, which committed offsets have reached; fewer when the budget is spent.

    Positions pass what is no message (aborted messages, markers of transactions), so they come to the ends in any case.
    """
    found: list[ConsumerRecord] = []
    while not budget.spent and (limit is None or len(found) < limit):
        before_end = [part for part, end in ends.items() if await consumer.position(part) < end]
        if not before_end:
            break
        batches = await consumer.getmany(*before_end, timeout_ms=POLL_MS, max_records=limit)
        for part, records in batches.items():
            for record in records:
                if record.offset < ends[part]:
                    budget.take(record)
                    found.append(record)
    return found if limit is None else found[:limit]
