"""Migrations run at the start of every replica, on whatever is there."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import inspect

from kafka_ml_api.db import Base, Database
from kafka_ml_api.migrate import migrate
from kafka_ml_local import Postgres


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    name = f"empty_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


async def test_replicas_that_start_together_make_the_tables_once(empty: str) -> None:
    replicas = [Database(empty) for _ in range(3)]
    await asyncio.gather(*(migrate(replica) for replica in replicas))
    async with replicas[0].transaction() as session:
        connection = await session.connection()
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    assert set(Base.metadata.tables) <= tables
    for replica in replicas:
        await replica.close()
