"""Live updates, over a real database and a real HTTP connection."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from kafka_ml_api.db import Database
from kafka_ml_api.events.endpoints import router
from kafka_ml_api.events.schemas import StoredEventView, Wanted
from kafka_ml_api.live import Hub, Place
from kafka_ml_api.projector import Projector
from kafka_ml_common.bus import Publisher
from kafka_ml_common.cloudevents import Envelope, Record
from kafka_ml_common.messages import Event, ResourceChanged
from kafka_ml_common.settings import KafkaSettings

DEADLINE = 20


class Log:
    """Writes events as the projector does."""

    def __init__(self, database: Database) -> None:
        self._projector = Projector(database, KafkaSettings(), Publisher(KafkaSettings(), "test"))

    async def write(self, number: int, *, resource: Any = "models", correlation_id: str | None = None) -> None:
        event: Event = ResourceChanged(resource=resource, id=number, change="updated")
        await self._projector.project(Envelope(event, "test", correlation_id=correlation_id), Record("t", b"", b""))


@pytest.fixture
def log(database: Database) -> Log:
    return Log(database)


@pytest.fixture
async def hub(database: Database, database_url: str, running: Any) -> AsyncIterator[Hub]:
    hub = Hub(database, database_url)
    async with running(hub.run()):
        yield hub


@asynccontextmanager
async def serving(hub: Hub, database: Database) -> AsyncIterator[str]:
    """The events' endpoints on a real port, so that streams stay open; yields the URL."""
    app = FastAPI()
    app.include_router(router, prefix="/api/v1")
    app.state.hub, app.state.database = hub, database
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1/events"
        finally:
            hub.close()
            server.should_exit = True
            await asyncio.wait_for(task, DEADLINE)


async def numbers(lines: AsyncIterator[str], count: int) -> list[int]:
    """The ids of the resources of the next `count` events of a stream."""
    found: list[int] = []
    async with asyncio.timeout(DEADLINE):
        async for line in lines:
            if line.startswith("data:") and "data" in (event := json.loads(line[5:])):
                found.append(event["data"]["id"])
                if len(found) == count:
                    break
    return found


async def next_ids(events: AsyncIterator[StoredEventView], count: int) -> list[int]:
    async with asyncio.timeout(DEADLINE):
        return [(await anext(events)).data["id"] for _ in range(count)]


async def test_a_client_sees_what_happens_from_now_on_and_resumes_where_it_was(
    database: Database, hub: Hub, log: Log
) -> None:
    await log.write(1)
    async with serving(hub, database) as url, httpx.AsyncClient(timeout=DEADLINE) as client:
        async with aclosing(hub.stream(Wanted(), 0)) as events:
            await next_ids(events, 1)
        async with client.stream("GET", url) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()
            assert [await anext(lines) for _ in range(2)] == ["event: connected", 'data: {"sequence": 1}']
            await log.write(2)
            await log.write(3)
            assert await numbers(lines, 2) == [2, 3]
        await log.write(4)
        async with client.stream("GET", url, headers={"Last-Event-ID": "2"}) as response:
            lines = response.aiter_lines()
            assert await numbers(lines, 2) == [3, 4]
            await log.write(5)
            assert await numbers(lines, 1) == [5]


async def test_filters_choose_types_and_subjects(hub: Hub, log: Log) -> None:
    for number, resource in enumerate(("models", "results", "models"), start=1):
        await log.write(number, resource=resource)
    async with (
        aclosing(hub.stream(Wanted(subjects=["models/3", "models/4"]), 0)) as some,
        aclosing(hub.stream(Wanted(types=["kafka-ml.resource.*"]), 1)) as begun_so,
        aclosing(hub.stream(Wanted(types=["kafka-ml.stream.matched", "kafka-ml.resource.changed"]), 2)) as exact,
    ):
        assert await next_ids(some, 1) == [3]
        assert await next_ids(begun_so, 2) == [2, 3]
        assert await next_ids(exact, 1) == [3]
        await log.write(5)
        await log.write(4)
        assert await next_ids(some, 1) == [4]
        assert await next_ids(exact, 2) == [5, 4]


async def test_a_client_that_does_not_keep_up_is_disconnected_and_loses_nothing(
    hub: Hub, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kafka_ml_api.live._QUEUE", 3)
    async with aclosing(hub.stream(Wanted(), 0)) as slow, aclosing(hub.stream(Wanted(), 0)) as quick:
        await log.write(1)
        assert (await next_ids(slow, 1), await next_ids(quick, 1)) == ([1], [1])
        for number in range(2, 7):
            await log.write(number)
            assert await next_ids(quick, 1) == [number]
        seen = [event.sequence async for event in slow]
    async with aclosing(hub.stream(Wanted(), max(seen, default=1))) as again:
        last = await next_ids(again, 5 - len(seen))
    assert last[-1] == 6


async def test_streams_end_when_the_service_does(database: Database, hub: Hub, log: Log) -> None:
    async with httpx.AsyncClient(timeout=DEADLINE) as client, serving(hub, database) as url:
        await log.write(1)
        async with aclosing(hub.stream(Wanted(), 0)) as events:
            await next_ids(events, 1)
        async with client.stream("GET", url) as response:
            lines = response.aiter_lines()
            await anext(lines)
            hub.close()
            async with asyncio.timeout(DEADLINE):
                assert [line async for line in lines if line.startswith("id:")] == []


async def test_no_event_is_missed_when_the_listening_connection_is_lost(hub: Hub, log: Log, database: Database) -> None:
    async with aclosing(hub.stream(Wanted(), 0)) as events:
        await log.write(1)
        assert await next_ids(events, 1) == [1]
        async with database.connection() as connection:
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            )
        await log.write(2)
        assert await next_ids(events, 1) == [2]


async def test_the_list_has_pages_and_filters(database: Database, hub: Hub, log: Log) -> None:
    for number in (1, 2, 3):
        await log.write(number, correlation_id=f"command-{number}")
    async with serving(hub, database) as url, httpx.AsyncClient(timeout=DEADLINE) as client:
        first = (await client.get(f"{url}/history", params={"limit": 2})).json()
        assert [event["data"]["id"] for event in first["items"]] == [3, 2]
        rest = (await client.get(f"{url}/history", params={"limit": 2, "cursor": first["next_cursor"]})).json()
        assert [event["data"]["id"] for event in rest["items"]] == [1]
        assert rest["next_cursor"] is None
        for query, expected in (
            ({"subject": ["models/1", "models/3"]}, [3, 1]),
            ({"type": "kafka-ml.training.*"}, []),
            ({"type": "kafka-ml.resource.*", "subject": "models/2"}, [2]),
            ({"correlation_id": "command-2"}, [2]),
        ):
            found = (await client.get(f"{url}/history", params=query)).json()
            assert [event["data"]["id"] for event in found["items"]] == expected
        assert (await client.get(f"{url}/history", params={"type": "no\x00type"})).status_code == 422


async def test_named_events_tell_that_the_line_lives_and_how_far_the_stream_is(
    hub: Hub, database: Database, log: Log, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("kafka_ml_api.events.endpoints._HEARTBEAT_SECONDS", 1)
    async with (
        asyncio.timeout(DEADLINE),
        serving(hub, database) as url,
        httpx.AsyncClient() as client,
        client.stream("GET", url, params={"subject": "models/7"}) as response,
    ):
        lines = response.aiter_lines()
        assert [line async for line in _until(lines, "data:")][:2] == ["event: connected", 'data: {"sequence": 0}']
        await log.write(1)  # none of this stream's: it is passed over, and told as passed
        while [line async for line in _until(lines, "data:")][-2:] != ["event: heartbeat", 'data: {"sequence": 1}']:
            pass


async def test_how_far_a_stream_is_leaves_out_what_waits_for_it(hub: Hub, log: Log):
    place = Place(0)
    async with aclosing(hub.stream(Wanted(), 0, place)) as slow, aclosing(hub.stream(Wanted(), 0)) as quick:
        await log.write(1)
        assert (await next_ids(slow, 1), await next_ids(quick, 1)) == ([1], [1])
        await log.write(2)
        await log.write(3)
        assert await next_ids(quick, 2) == [2, 3]
        assert place.sequence == 1
        assert await next_ids(slow, 1) == [2]
        assert place.sequence == 2
        assert await next_ids(slow, 1) == [3]
        assert place.sequence == 3


async def _until(lines: AsyncIterator[str], start: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith(start):
            return
