"""Live updates: what happened, as server-sent events, and as a list.

An event takes this way: the projector stores it and notifies -> one connection of this process listens -> the hub reads what is new in the
`events` table, once for all clients -> each client's queue -> its stream. The table is the truth and a notification only wakes the hub,
so one that is lost costs a few seconds and no event. A client that does not keep up is disconnected; it comes back, as browsers do by
themselves, with the `Last-Event-ID` that it has seen, and gets the rest from the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import ColumnElement, make_url, select

from kafka_ml_api.db import Database
from kafka_ml_api.events.schemas import StoredEventView, Wanted
from kafka_ml_api.projector import CHANNEL
from kafka_ml_api.tables import StoredEvent
from kafka_ml_common.errors import UnavailableError

log = structlog.get_logger(__name__)

CLIENTS = Gauge("kafka_ml_live_clients", "Clients of the event stream")
DROPPED = Counter("kafka_ml_live_clients_dropped", "Clients of the event stream that did not keep up")

_QUEUE = 1000
_PAGE = 500
_POLL_SECONDS = 5.0
_START_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 5.0


@dataclass(eq=False, slots=True)
class _Client:
    wanted: Wanted
    queue: asyncio.Queue[StoredEventView | None] = field(default_factory=lambda: asyncio.Queue(_QUEUE))
    ended: bool = False

    def end(self) -> None:
        """Have the stream end after the event that it is sending."""
        self.ended = True
        with suppress(asyncio.QueueFull):  # wakes a stream that waits; one with a full queue does not
            self.queue.put_nowait(None)

    def offer(self, event: StoredEventView) -> None:
        if self.ended or not self.wanted.matches(event):
            return
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            DROPPED.inc()
            self.end()


@dataclass(eq=False, slots=True)
class Place:
    """How far a stream is in the log of events.

    Attributes:
        passed: number of the last event that the stream gave, or knows to be none of its own.
        at_end: the hub's position while nothing waits for the stream; None while something does.
    """

    passed: int
    at_end: Callable[[], int | None] = field(default=lambda: None)

    @property
    def sequence(self) -> int:
        """Number of an event after which a client misses nothing, if it has read what the stream gave up to now."""
        return max(self.passed, self.at_end() or 0)


class Hub:
    """Reads new events once and hands them to every client of this process.

    Args:
        url: of the database, in SQLAlchemy's form; for the connection that listens.
    """

    def __init__(self, database: Database, url: str) -> None:
        self._database = database
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._clients: set[_Client] = set()
        self._wake = asyncio.Event()
        self._position: int | None = None
        self._started = asyncio.Event()
        self._closed = False
        self.healthy = False
        """Whether the database answered when it was last asked."""

    async def run(self) -> None:
        """Hand on events until cancelled. Losses of the database are survived, and no event is missed by them."""
        pause = 0.1
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=5)
                try:
                    await self._hand_on(connection)
                finally:
                    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                        await connection.close(timeout=1)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, UnavailableError, OSError, TimeoutError) as error:
                pause = 0.1 if self.healthy else min(pause * 2, _LONGEST_PAUSE_SECONDS)
                self.healthy = False
                log.warning("live updates wait for the database", error=str(error), pause=pause)
                await asyncio.sleep(pause)

    def close(self) -> None:
        """End every client's stream; new ones end at once."""
        self._closed = True
        for client in self._clients:
            client.end()

    async def position(self) -> int:
        """Number of the last event that was handed on: what is new comes after it. Waits a moment for the hub's start.

        Raises:
            UnavailableError: the database could not be reached yet.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                await self._started.wait()
        if self._position is None:
            raise UnavailableError("Live updates can't begin: the database was not reached yet.")
        return self._position

    async def stream(
        self, wanted: Wanted, after: int, place: Place | None = None
    ) -> AsyncGenerator[StoredEventView, None]:
        """The events that follow on number `after`: those of the table, then new ones. Ends when the client is too slow, or the hub closes.

        Args:
            place: is told how far the stream is, as it goes.

        Raises:
            UnavailableError: the database can't be reached, or not any more.
        """
        place = place or Place(after)
        with self._joined(wanted) as client:
            # From here on the queue has what is new, so the table is read up to here.
            position = await self.position()
            async for event in self._stored(wanted, after, position):
                place.passed = event.sequence
                yield event
            place.passed = max(place.passed, position)
            place.at_end = lambda: None if client.ended or not client.queue.empty() else self._position
            while not client.ended and (new := await client.queue.get()) is not None:
                place.passed = new.sequence
                yield new

    @contextmanager
    def _joined(self, wanted: Wanted) -> Iterator[_Client]:
        client = _Client(wanted, ended=self._closed)
        self._clients.add(client)
        CLIENTS.inc()
        try:
            yield client
        finally:
            self._clients.discard(client)
            CLIENTS.dec()

    async def _stored(self, wanted: Wanted, after: int, until: int) -> AsyncIterator[StoredEventView]:
        while after < until:
            events = await self._read(after, StoredEvent.id <= until, *wanted.where())
            for event in events:
                yield event
            if len(events) < _PAGE:
                return
            after = events[-1].sequence

    async def _read(self, after: int, *conditions: ColumnElement[bool]) -> list[StoredEventView]:
        statement = select(StoredEvent).where(StoredEvent.id > after, *conditions).order_by(StoredEvent.id).limit(_PAGE)
        async with self._database.transaction() as session:
            return [StoredEventView.model_validate(row) for row in await session.scalars(statement)]

    async def _hand_on(self, connection: asyncpg.Connection[Any]) -> None:
        connection.add_termination_listener(lambda _: self._wake.set())
        await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
        if self._position is None:
            self._position = await connection.fetchval("SELECT coalesce(max(id), 0) FROM events")
            self._started.set()
        while not connection.is_closed():
            self._wake.clear()
            events = await self._read(self._position)
            self.healthy = True
            for event in events:
                self._position = event.sequence
                for client in self._clients:
                    client.offer(event)
            if len(events) < _PAGE:
                await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):
                await self._wake.wait()
