"""Health and metrics, of the whole service and of one whose dependencies are not there."""

import asyncio
import time

import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from kafka_ml_api.main import create_app
from kafka_ml_api.settings import ApiSettings
from kafka_ml_common.settings import KafkaSettings, ObjectStoreSettings


async def ready(client: AsyncClient) -> dict[str, object]:
    """The readiness, once it is good."""
    async with asyncio.timeout(60):
        while (answer := await client.get("/readyz")).status_code != 200:
            assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    return document


async def test_the_whole_service_becomes_ready_and_counts_its_requests(app: FastAPI) -> None:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/livez")).json() == {"status": "alive"}
        readiness = await ready(client)
        assert readiness["ready"]
        checks = readiness["checks"]
        assert isinstance(checks, dict)
        assert {"database", "kafka", "object store", "consumers", "outbox", "live"} <= set(checks)
        await client.get("/api/v1/models/7")
        await client.get("/api/v2/models")
        text = (await client.get("/metrics")).text
    assert 'kafka_ml_http_requests_total{method="GET",route="/api/v1/models/{id}",status="404"} ' in text
    assert 'route="none",status="404"' in text
    assert "/no/such/path" not in text
    assert "kafka_ml_projection_delay_seconds" in text


async def test_probes_may_name_the_service_by_its_address_and_others_not(app: FastAPI) -> None:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://10.0.0.7:8000") as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/api/v1/models")).status_code == 421


@pytest.fixture
def nowhere() -> ApiSettings:
    """Settings that lead to nothing."""
    return ApiSettings(
        database_url=SecretStr("postgresql+asyncpg://127.0.0.1:1/none"),
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        objects=ObjectStoreSettings(endpoint="127.0.0.1:1", secure=False),
    )


async def test_without_its_dependencies_it_lives_and_says_what_is_missing(nowhere: ApiSettings) -> None:
    app = create_app(nowhere)
    async with (
        LifespanManager(app, startup_timeout=20, shutdown_timeout=20),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client,
    ):
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        problem = answer.json()
        assert problem["type"].endswith("unavailable")
        for dependency in ("database", "kafka", "object store"):
            assert dependency in problem["detail"]
            assert problem["checks"][dependency] != "ok"
        assert (await client.get("/api/v1/events")).status_code == 503
        assert (await client.get("/api/v1/events/history")).status_code == 503


def test_it_ends_soon_though_its_dependencies_never_answered(nowhere: ApiSettings) -> None:
    async def start_and_end() -> float:
        app = create_app(nowhere)
        async with LifespanManager(app, startup_timeout=20, shutdown_timeout=20):
            await asyncio.sleep(0)
        return time.monotonic()

    asked = asyncio.run(start_and_end())
    # Running has ended when the loop's threads have, too.
    assert time.monotonic() - asked < 5


async def test_the_asyncapi_document_and_page_are_served(nowhere: ApiSettings) -> None:
    app = create_app(nowhere)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/asyncapi.json")).json()["asyncapi"] == "3.0.0"
        page = await client.get("/asyncapi")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert "kafka-ml.model.create" in page.text
