"""What the API's tests stand on: a migrated database of each test's own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from kafka_ml_api.db import Database
from kafka_ml_api.main import create_app
from kafka_ml_api.migrate import migrate
from kafka_ml_api.settings import ApiSettings
from kafka_ml_common.settings import KafkaSettings, ObjectStoreSettings
from kafka_ml_local import ObjectStore, Postgres
from kafka_ml_scheduler.http import HttpSettings, serve_http
from kafka_ml_scheduler.runtimes.process import ProcessRuntime


@pytest.fixture(scope="session")
async def template(postgres: Postgres) -> str:
    """Name of a database with the service's tables, which others are copied from: faster than making the tables for each test."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    database = Database(postgres.create_database(name))
    await migrate(database)
    await database.close()
    return name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database with the service's tables, for this test alone, as a URL for SQLAlchemy with asyncpg."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield postgres.url_of(name)
    postgres.drop_database(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with the service's tables, empty."""
    database = Database(database_url)
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


@pytest.fixture
def settings(kafka: str, s3: ObjectStore, bucket: str, database_url: str) -> ApiSettings:
    """Settings of a service on the real parts, with a database and a bucket of its own."""
    return ApiSettings(
        database_url=SecretStr(database_url),
        kafka=KafkaSettings(bootstrap_servers=kafka),
        objects=ObjectStoreSettings(
            endpoint=s3.endpoint,
            access_key=s3.access_key,
            secret_key=SecretStr(s3.secret_key),
            bucket=bucket,
            secure=False,
        ),
    )


@dataclass(frozen=True)
class RunFolders:
    """A scheduler's HTTP with what its runs have printed.

    Attributes:
        url: where it answers.
        token: what it wants to hear.
    """

    folder: Path
    url: str
    token: str = "right"

    def make(self, workload_id: str, replica: int) -> Path:
        """A run's folder, empty."""
        made = self.folder / "runs" / workload_id / str(replica)
        made.mkdir(parents=True)
        return made


@pytest.fixture
async def run_folders(tmp_path: Path) -> AsyncIterator[RunFolders]:
    """The scheduler's HTTP, without a scheduler: it would run what other tests ask for."""
    folders = {"trainer": tmp_path, "inferer": tmp_path}
    runtime = ProcessRuntime(tmp_path, work_folders=folders, warm={"trainer": 0, "inferer": 0})
    settings = HttpSettings(port=0, token=SecretStr(RunFolders.token))
    async with serve_http(settings, runtime, ready=lambda: True) as port:
        yield RunFolders(tmp_path, f"http://127.0.0.1:{port}")


@pytest.fixture
async def app(settings: ApiSettings) -> AsyncIterator[FastAPI]:
    """The whole service, with its background parts, once its tables are there."""
    app = create_app(settings)
    async with LifespanManager(app, startup_timeout=20, shutdown_timeout=20):
        async with asyncio.timeout(30):
            await app.state.parts[0].done.wait()
        yield app


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """A client of the service's REST API."""
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost/api/v1") as client:
        yield client
