"""What the API's tests stand on: a migrated database of each test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import pytest

from kafka_ml_api.db import Database
from kafka_ml_api.migrate import migrate


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with the service's tables, empty."""
    database = Database(database_url)
    await migrate(database)
    try:
        yield database
    finally:
        await database.close()


Running = Callable[[Coroutine[Any, Any, None]], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def running() -> Running:
    """`async with running(work()):` has a background task of the service work as long as the block lasts."""
    return _running
