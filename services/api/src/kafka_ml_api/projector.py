"""The projector: what happened, from `kafka-ml.events`, becomes rows.

Each event is stored in the `events` table and applied (projection.py) in one transaction, which the row's unique source and id make happen
once: what is read again after a crash finds its row and changes nothing. Events that come together share a transaction; if it fails, each
gets its own, so one that can't be applied keeps no other back. Live updates (live.py) read the table in the order of its ids, so
ids must become visible in that order: writers take turns under an advisory lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api.db import Database, storable_text
from kafka_ml_api.projection import Locked, Moment, apply
from kafka_ml_api.tables import StoredEvent
from kafka_ml_common import topics
from kafka_ml_common.bus import Publisher, Subscription
from kafka_ml_common.cloudevents import Envelope, Record
from kafka_ml_common.errors import InvalidError, UnavailableError
from kafka_ml_common.messages import EVENT_TYPES, Event, InferenceProgress
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.telemetry import current_traceparent, traceparent

log = structlog.get_logger(__name__)

GROUP = "kafka-ml-api"
CHANNEL = "kafka_ml_events"
"""Notified when events have been stored."""
WRITER_LOCK = 0x6B6D6C03
"""Key of the advisory lock under which events get their ids."""

APPLIED = Counter("kafka_ml_events_applied", "Events read by the projector", ["type", "outcome"])
DELAY = Histogram(
    "kafka_ml_projection_delay_seconds",
    "Time from an event to its rows",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300),
)

_PRUNE_SECONDS = 60.0
_PROGRESS_KEPT = timedelta(minutes=15)
_LONGEST_NAME = 200
_TRANSACTION = 100
"""Events a transaction: enough to share its cost, few enough that requests about the same rows wait for tenths of a second at most."""


class Projector:
    """Reads every event and applies it once.

    Args:
        topic, group: other ones than the platform's are for tests.
        keep: how long events are kept in the table; reports of progress are kept for a quarter of an hour.
        keep_count: how many are kept at most.
    """

    def __init__(
        self,
        database: Database,
        settings: KafkaSettings,
        publisher: Publisher,
        *,
        topic: str = topics.EVENTS,
        group: str = GROUP,
        keep: timedelta = timedelta(days=28),
        keep_count: int = 500_000,
    ) -> None:
        self._database = database
        self._keep = keep
        self._keep_count = keep_count
        self._subscription = Subscription(
            settings,
            publisher,
            topic=topic,
            group=group,
            types=EVENT_TYPES,
            handler=self.project,
            batch=self.project_all,
            ignore_unknown=True,
        )

    @property
    def healthy(self) -> bool:
        """Whether Kafka and the database answered when they were last asked."""
        return self._subscription.healthy

    async def run(self) -> None:
        """Project and prune until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._subscription.run())
            tasks.create_task(self._prune_now_and_then())

    async def project(self, envelope: Envelope[Event], record: Record) -> None:
        """Store an event and apply it, unless that was done before.

        Raises:
            UnavailableError: the database can't be reached, or was busy with the same rows; the same again may succeed.
            InvalidError: the event holds what no row can hold.
        """
        await self.project_all([(envelope, record)])

    async def project_all(self, events: Sequence[tuple[Envelope[Event], Record]]) -> None:
        """The same for several, in their order. When it raises, those before the transaction that failed are done, no others.

        Raises:
            UnavailableError: as above.
            InvalidError: as above, one of them.
        """
        for start in range(0, len(events), _TRANSACTION):
            await self._store_and_apply(events[start : start + _TRANSACTION])

    async def _store_and_apply(self, events: Sequence[tuple[Envelope[Event], Record]]) -> None:
        rows = [_row(envelope, record) for envelope, record in events]
        applied: list[Envelope[Event]] = []
        held: dict[int, Locked] = {}
        async with self._database.transaction() as session:
            await session.execute(select(func.pg_advisory_xact_lock(WRITER_LOCK)))
            new = await _store(session, rows)
            for (envelope, _), row in zip(events, rows, strict=True):
                if new.pop((row["source"], row["event_id"]), None) is None:
                    APPLIED.labels(envelope.data.type, "repeated").inc()
                    continue
                token = traceparent.set(envelope.traceparent or current_traceparent())
                try:
                    await apply(envelope.data, Moment(session, envelope.time, held))
                    await session.flush()
                finally:
                    traceparent.reset(token)
                applied.append(envelope)
            if applied:
                await session.execute(select(func.pg_notify(CHANNEL, "")))
        now = datetime.now(UTC)
        for envelope in applied:
            APPLIED.labels(envelope.data.type, "applied").inc()
            DELAY.observe(max((now - envelope.time).total_seconds(), 0))

    async def prune(self) -> None:
        """Delete the events that are too old or too many. Reports of progress go first: the inference's row has the last ones."""
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            await session.execute(text("SET LOCAL statement_timeout = '5min'"))
            await session.execute(
                delete(StoredEvent).where(
                    StoredEvent.type == InferenceProgress.type, StoredEvent.time < now - _PROGRESS_KEPT
                )
            )
            newest = await session.scalar(select(func.max(StoredEvent.id))) or 0
            # Each by an index of its own; one statement with "or" would read the whole table.
            await session.execute(delete(StoredEvent).where(StoredEvent.id <= newest - self._keep_count))
            await session.execute(delete(StoredEvent).where(StoredEvent.time < now - self._keep))

    async def _prune_now_and_then(self) -> None:
        while True:
            try:
                await self.prune()
            except UnavailableError as error:
                log.warning("events were not pruned", error=str(error))
            await asyncio.sleep(_PRUNE_SECONDS)


async def _store(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Store events, giving them ids in their order. Gives the ids of those that were not there yet, by source and event id."""
    statement = (
        insert(StoredEvent)
        .values(rows)
        .on_conflict_do_nothing(index_elements=[StoredEvent.source, StoredEvent.event_id])
        .returning(StoredEvent.source, StoredEvent.event_id, StoredEvent.id)
    )
    return {(source, event_id): id_ for source, event_id, id_ in await session.execute(statement)}


def _row(envelope: Envelope[Event], record: Record) -> dict[str, Any]:
    event = envelope.data
    names = {"source": envelope.source, "event_id": envelope.id, "subject": event.subject}
    for name, value in names.items():
        if len(value) > _LONGEST_NAME:
            raise InvalidError(f"The event's {name} is longer than {_LONGEST_NAME} characters.")
    correlation = envelope.correlation_id
    return {
        **{name: storable_text(value) for name, value in names.items()},
        "partition": record.partition,
        "offset": record.offset,
        "type": event.type,
        "correlation_id": storable_text(correlation)[:_LONGEST_NAME] if correlation is not None else None,
        "time": envelope.time,
        "data": orjson.loads(event.model_dump_json()),
    }
