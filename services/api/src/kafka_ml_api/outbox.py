"""The outbox: messages that a change has to send are committed with it, and a relay sends them afterwards, in order, at least once.

A message keeps its CloudEvents id however often it is sent. Ids of one key are in the order of their changes, because who changes a
resource locks its row first (see db.py); so the relay sends the messages of one key one after the other, and keys side by side.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

import asyncpg
import orjson
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api.db import storable_text
from kafka_ml_api.tables import OutboxMessage
from kafka_ml_common import cloudevents
from kafka_ml_common.bus import Publisher
from kafka_ml_common.cloudevents import Envelope, Message, Record
from kafka_ml_common.errors import InvalidError, UnavailableError
from kafka_ml_common.messages import ResourceChanged
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.telemetry import current_traceparent

log = structlog.get_logger(__name__)

Resource = Literal["models", "configurations", "deployments", "results", "datasources", "inferences"]
Change = Literal["created", "updated", "deleted"]

SOURCE = "kafka-ml/api"
CHANNEL = "kafka_ml_outbox"
"""Notified by a trigger on the table, at commit."""
RELAY_LOCK = 0x6B6D6C02
MAX_MESSAGE_BYTES = 1_000_000
"""Brokers take messages of 1 MiB by default, with headers and key."""

_BATCH = 500
_POLL_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 5.0

SENT = Counter("kafka_ml_outbox_sent", "Messages sent from the outbox", ["topic"])
WAITING = Gauge("kafka_ml_outbox_waiting", "Messages that the relay has read and not yet sent")


def enqueue(session: AsyncSession, message: Message, correlation_id: str | None = None) -> None:
    """Have a message sent once the session's transaction has committed.

    Raises:
        InvalidError: the message is larger than a broker takes.
    """
    envelope = Envelope(data=message, source=SOURCE, correlation_id=correlation_id, traceparent=current_traceparent())
    enqueue_record(session, cloudevents.encode(envelope))


def withdraw(session: AsyncSession, topic: str, key: str, *headers: tuple[str, bytes]) -> None:
    """Have a tombstone sent: the desired state under `key` is no more."""
    enqueue_record(session, Record(topic, key.encode(), None, headers))


def tell(session: AsyncSession, resource: Resource, id_: int, change: Change, state: str | None = None) -> None:
    """Have everyone told that a resource was created, updated or deleted."""
    enqueue(session, ResourceChanged(resource=resource, id=id_, change=change, state=state))


def enqueue_record(session: AsyncSession, record: Record) -> None:
    """Have a record sent as it is."""
    if record.value is not None and len(record.value) > MAX_MESSAGE_BYTES:
        raise InvalidError(
            f"The message for {record.topic} would have {len(record.value)} bytes; Kafka takes {MAX_MESSAGE_BYTES}.",
            advice="Shorten the models' code, or put fewer models into one configuration.",
        )
    headers = [[name, storable_text(value.decode(errors="replace"))] for name, value in record.headers]
    session.add(OutboxMessage(topic=record.topic, key=record.key or b"", value=record.value, headers=headers))


class Relay:
    """Sends what is in the outbox. Of several replicas of the service one relays at a time, under an advisory lock.

    Args:
        url: of the database, in SQLAlchemy's form.
    """

    def __init__(self, url: str, settings: KafkaSettings) -> None:
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._settings = settings
        self._wake = asyncio.Event()
        self.healthy = False
        """Whether database and broker answered when they were last asked."""

    async def run(self) -> None:
        """Relay until cancelled. Losses of the database or the broker are survived."""
        pause = 0.1
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=5)
                try:
                    await self._relay(connection)
                finally:
                    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                        await connection.close(timeout=1)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, UnavailableError, OSError, TimeoutError) as error:
                pause = 0.1 if self.healthy else min(pause * 2, _LONGEST_PAUSE_SECONDS)
                self.healthy = False
                log.warning("the outbox waits", error=str(error), pause=pause)
                await asyncio.sleep(pause)

    async def _relay(self, connection: asyncpg.Connection[Any]) -> None:
        connection.add_termination_listener(lambda _: self._wake.set())
        await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK):
            self.healthy = True
            await self._pause()
        async with Publisher(self._settings, SOURCE) as publisher:
            while True:
                self._wake.clear()
                rows = await connection.fetch(
                    "SELECT id, topic, key, value, headers FROM outbox ORDER BY id LIMIT $1", _BATCH
                )
                WAITING.set(len(rows))
                self.healthy = True
                if rows:
                    await self._send(connection, publisher, rows)
                else:
                    await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):
                await self._wake.wait()

    async def _send(
        self, connection: asyncpg.Connection[Any], publisher: Publisher, rows: Sequence[asyncpg.Record]
    ) -> None:
        by_key: dict[tuple[str, bytes], list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            by_key[row["topic"], row["key"]].append(row)
        sent: list[int] = []
        outcomes = await asyncio.gather(
            *(_send_in_order(publisher, chain, sent) for chain in by_key.values()), return_exceptions=True
        )
        await connection.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", sent)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


async def _send_in_order(publisher: Publisher, rows: Sequence[asyncpg.Record], sent: list[int]) -> None:
    for row in rows:
        await publisher.send(_record(row))
        sent.append(row["id"])
        SENT.labels(row["topic"]).inc()


def _record(row: asyncpg.Record) -> Record:
    headers = tuple((name, text.encode()) for name, text in orjson.loads(row["headers"]))
    return Record(row["topic"], row["key"] or None, row["value"], headers)
