"""The event bus as the asyncio services use it, on aiokafka: publish typed messages, consume them at least once, read desired state.

A consumed message takes this way: decoded against the expected types -> handed to the handler -> its offset committed. What can't be
decoded, or what the handler refuses for good, goes to the dead-letter topic with the reason and the rest flows on. What fails because
some part is unavailable is tried again, with growing pauses, and holds the partition up, so order stays and nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from prometheus_client import Counter

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Envelope, Message, Record, decode, encode
from kafka_ml_common.dead_letters import dead_letter
from kafka_ml_common.errors import KafkaMLError, UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.telemetry import current_traceparent, traceparent

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=Message)

PUBLISHED = Counter("kafka_ml_messages_published", "Messages published", ["topic", "type"])
CONSUMED = Counter("kafka_ml_messages_consumed", "Messages handled", ["topic", "outcome"])

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0


class Publisher:
    """Publishes messages; acknowledged by all in-sync replicas and not repeated by retries (idempotent producer).

    Raises, from every method:
        UnavailableError: the broker did not take the message.
    """

    def __init__(self, settings: KafkaSettings, source: str) -> None:
        self._settings = settings
        self._source = source
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        producer = AIOKafkaProducer(
            **self._settings.aiokafka(), enable_idempotence=True, max_request_size=5 << 20, linger_ms=2
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise UnavailableError(f"Kafka at {self._settings.bootstrap_servers} can't be reached: {error}.") from error
        except asyncio.CancelledError:
            await producer.stop()
            raise
        self._producer = producer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def publish(self, message: Message, *, correlation_id: str | None = None) -> None:
        """Publish a message to its topic, and wait until the broker has it."""
        envelope = Envelope(
            data=message, source=self._source, correlation_id=correlation_id, traceparent=current_traceparent()
        )
        await self.send(encode(envelope))
        PUBLISHED.labels(message.topic, message.type).inc()

    async def withdraw(self, topic: str, key: str) -> None:
        """Publish a tombstone: the desired state under `key` is no more."""
        await self.send(Record(topic, key.encode(), None))

    async def send(self, record: Record) -> None:
        """Send a record as it is, and wait until the broker has it."""
        if self._producer is None:
            raise UnavailableError("The publisher is not started.")
        try:
            await self._producer.send_and_wait(
                record.topic, value=record.value, key=record.key, headers=list(record.headers)
            )
        except KafkaError as error:
            raise UnavailableError(f"Kafka did not take a message for {record.topic}: {error}.") from error

    async def dead_letter(self, record: Record, reason: KafkaMLError) -> None:
        """Put a message that can't be processed where operators find it, with headers that say from where and why."""
        position = f"{record.topic}:{record.partition}:{record.offset}"
        letter = dead_letter(
            record.key,
            record.value,
            record.headers,
            source=self._source,
            position=position,
            code=reason.code,
            message=str(reason),
        )
        headers = tuple((name, text or b"") for name, text in letter.headers)
        await self.send(Record(topics.DEAD_LETTERS, letter.key, letter.value, headers))
        log.warning("dead letter", input=position, reason=str(reason))


Handler = Callable[[Envelope[M], Record], Awaitable[None]]
BatchHandler = Callable[[Sequence[tuple[Envelope[M], Record]]], Awaitable[None]]


class Subscription(Generic[M]):
    """Consumes one topic in a consumer group, at least once and in order per partition.

    Args:
        types: the expected messages by CloudEvents type.
        handler: called with each message and the record it came in. It raises UnavailableError to have the message tried
            again, any other KafkaMLError to have it put on the dead-letter topic.
        batch: called with all messages that came together, in the place of `handler`. When it raises a KafkaMLError, `handler` gets
            all of them one by one, also what was done already; so the rules are the same with it and without it.
        refused: called instead of the dead-letter topic alone for what can't be decoded, e.g. to answer a bad command.
        ignore_unknown: whether messages of other types are passed over in silence (events that are not of interest).
    """

    def __init__(
        self,
        settings: KafkaSettings,
        publisher: Publisher,
        *,
        topic: str,
        group: str,
        types: Mapping[str, type[M]],
        handler: Handler[M],
        batch: BatchHandler[M] | None = None,
        refused: Callable[[Record, KafkaMLError], Awaitable[None]] | None = None,
        ignore_unknown: bool = False,
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._topic = topic
        self._group = group
        self._types = types
        self._handler = handler
        self._batch = batch
        self._refused = refused
        self._ignore_unknown = ignore_unknown
        self.healthy = False
        """Whether the last contact with the broker worked; part of a service's readiness."""

    async def run(self) -> None:
        """Consume until cancelled. Connection losses are survived."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            consumer = AIOKafkaConsumer(
                self._topic,
                **self._settings.aiokafka(),
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                max_partition_fetch_bytes=8 << 20,
            )
            try:
                await consumer.start()
                pause = _FIRST_PAUSE_SECONDS
                await self._consume(consumer)
            except (KafkaError, UnavailableError, OSError) as error:
                self.healthy = False
                log.warning("lost the broker, will try again", topic=self._topic, error=str(error), pause=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            finally:
                await consumer.stop()

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        passed: dict[TopicPartition, int] = {}
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=500)
            self.healthy = True
            for portion in [batches] if self._batch and batches else [{p: batches[p]} for p in batches]:
                await self._handle_all([to_record(record) for records in portion.values() for record in records])
                await consumer.commit({partition: records[-1].offset + 1 for partition, records in portion.items()})
            if not batches:
                # Markers of transactions, and what was aborted, count as read too: the group's offsets tell others how far it is.
                positions = {partition: await consumer.position(partition) for partition in consumer.assignment()}
                if positions != passed:
                    await consumer.commit(positions)
                    passed = positions

    async def _handle_all(self, records: Sequence[Record]) -> None:
        decoded = [(envelope, record) for record in records if (envelope := await self._decoded(record)) is not None]
        if self._batch is not None and decoded:
            try:
                await self._batch(decoded)
            except KafkaMLError as error:
                log.info("a batch is handled one by one", topic=self._topic, messages=len(decoded), error=str(error))
            else:
                CONSUMED.labels(self._topic, "handled").inc(len(decoded))
                return
        for envelope, record in decoded:
            await self._handle(envelope, record)

    async def _decoded(self, record: Record) -> Envelope[M] | None:
        if self._ignore_unknown and not self._is_known(record):
            return None
        try:
            return decode(record, self._types)
        except KafkaMLError as error:
            await self._refuse(record, error)
            return None

    async def _handle(self, envelope: Envelope[M], record: Record) -> None:
        token = traceparent.set(envelope.traceparent or current_traceparent())
        try:
            await self._handle_until_done(envelope, record)
        finally:
            traceparent.reset(token)

    async def _handle_until_done(self, envelope: Envelope[M], record: Record) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._handler(envelope, record)
            except UnavailableError as error:
                self.healthy = False
                log.warning("will try again", type=envelope.data.type, id=envelope.id, error=str(error), pause=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            except KafkaMLError as error:
                await self._refuse(record, error)
                return
            else:
                CONSUMED.labels(record.topic, "handled").inc()
                self.healthy = True
                return

    async def _refuse(self, record: Record, error: KafkaMLError) -> None:
        CONSUMED.labels(record.topic, "refused").inc()
        await self._publisher.dead_letter(record, error)
        if self._refused is not None:
            await self._refused(record, error)

    def _is_known(self, record: Record) -> bool:
        return any(
            name == "ce_type" and value.decode(errors="replace") in self._types for name, value in record.headers
        )


class CaughtUp:
    """Marks the point where a reader of a topic has seen all that was in it when reading began."""


CAUGHT_UP = CaughtUp()


async def read_from_start(settings: KafkaSettings, topic: str) -> AsyncIterator[Record | CaughtUp]:
    """Every record of a topic with one partition from its beginning, without a consumer group, for ever.

    For compacted topics: a restarted reader rebuilds the desired state from the log. `CAUGHT_UP` comes once, at the former end.

    Raises:
        UnavailableError: the broker was lost; the caller begins anew.
    """
    consumer = AIOKafkaConsumer(
        **settings.aiokafka(), enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    partition = TopicPartition(topic, 0)
    try:
        await consumer.start()
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        caught_up = False
        while True:
            if not caught_up and await consumer.position(partition) >= end:
                caught_up = True
                yield CAUGHT_UP
            for record in (await consumer.getmany(timeout_ms=500)).get(partition, ()):
                yield to_record(record)
    except KafkaError as error:
        raise UnavailableError(f"Lost Kafka while reading {topic}: {error}.") from error
    finally:
        await consumer.stop()


def to_record(record: ConsumerRecord) -> Record:
    """aiokafka's record as ours."""
    headers = tuple((name, value or b"") for name, value in record.headers)
    return Record(record.topic, record.key, record.value, headers, record.partition, record.offset)
