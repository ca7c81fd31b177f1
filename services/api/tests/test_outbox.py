"""The outbox and its relay, on the real database and broker."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from sqlalchemy import func, select

from kafka_ml_api import outbox
from kafka_ml_api.db import Database
from kafka_ml_api.outbox import Relay
from kafka_ml_api.tables import OutboxMessage
from kafka_ml_common.cloudevents import Record
from kafka_ml_common.errors import InvalidError
from kafka_ml_common.settings import KafkaSettings

Running = Callable[[Coroutine[Any, Any, None]], AbstractAsyncContextManager[None]]


async def put(database: Database, topic: str, *messages: tuple[str, bytes | None]) -> None:
    async with database.transaction() as session:
        for key, value in messages:
            outbox.enqueue_record(session, Record(topic, key.encode(), value, (("a", b"1"),)))


async def change_and_fail(database: Database, topic: str) -> None:
    async with database.transaction() as session:
        outbox.enqueue_record(session, Record(topic, b"k", b"never"))
        await session.flush()
        raise InvalidError("no")


async def emptied(database: Database) -> None:
    async with asyncio.timeout(20):
        while True:
            async with database.transaction() as session:
                if await session.scalar(select(func.count()).select_from(OutboxMessage)) == 0:
                    return
            await asyncio.sleep(0.02)


async def consume(kafka: str, topic: str, count: int) -> list[tuple[bytes, bytes | None]]:
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(20):
            return [((record := await consumer.getone()).key, record.value) for _ in range(count)]


async def test_messages_of_a_key_arrive_in_the_order_of_their_changes(
    database: Database, database_url: str, kafka: str, topic: str, running: Running
):
    wanted = [(f"k{number % 7}", str(number).encode()) for number in range(1200)]
    await put(database, topic, *wanted[:600])
    relay = Relay(database_url, KafkaSettings(bootstrap_servers=kafka))
    async with running(relay.run()):
        for start in range(600, 1200, 100):
            await put(database, topic, *wanted[start : start + 100])
        await emptied(database)
    found = await consume(kafka, topic, 1200)
    for key in {key for key, _ in wanted}:
        assert [v for k, v in found if k == key.encode()] == [v for k, v in wanted if k == key]


async def test_nothing_is_sent_by_a_change_that_was_rolled_back(
    database: Database, database_url: str, kafka: str, topic: str, running: Running
):
    with pytest.raises(InvalidError):
        await change_and_fail(database, topic)
    await put(database, topic, ("k", b"yes"), ("k", None))
    async with running(Relay(database_url, KafkaSettings(bootstrap_servers=kafka)).run()):
        await emptied(database)
    assert await consume(kafka, topic, 2) == [(b"k", b"yes"), (b"k", None)]


async def test_what_a_relay_left_is_sent_by_the_next(
    database: Database, database_url: str, kafka: str, topic: str, running: Running
):
    settings = KafkaSettings(bootstrap_servers=kafka)
    async with running(Relay(database_url, settings).run()):
        await put(database, topic, ("k", b"1"))
        await emptied(database)
    await put(database, topic, ("k", b"2"))
    async with (
        running(Relay(database_url, settings).run()),
        running(Relay(database_url, settings).run()),
    ):
        await put(database, topic, ("k", b"3"))
        await emptied(database)
    assert [value for _, value in await consume(kafka, topic, 3)] == [b"1", b"2", b"3"]


async def test_a_message_that_no_broker_takes_is_refused_with_its_change(database: Database):
    with pytest.raises(InvalidError, match="bytes"):
        await put(database, "t", ("k", b"x" * (outbox.MAX_MESSAGE_BYTES + 1)))
