"""What an installation says of itself."""

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import SecretStr

from kafka_ml_api.logs import RunLogs
from kafka_ml_api.settings import ApiSettings
from kafka_ml_local.ports import free_port

from .conftest import RunFolders


@pytest.fixture
def settings(settings: ApiSettings, run_folders: RunFolders) -> ApiSettings:
    """Settings of a service that knows its scheduler, and where programs outside find Kafka."""
    return settings.model_copy(
        update={
            "scheduler_url": run_folders.url,
            "scheduler_token": SecretStr(run_folders.token),
            "advertised_bootstrap": "kafka.outside.example:9095",
        }
    )


async def test_who_writes_a_producer_is_told_where_and_how_and_everybody_how_the_parts_are(
    api: AsyncClient, app: FastAPI
):
    about = (await api.get("/about")).json()
    assert about["bootstrap_servers"] == "kafka.outside.example:9095"
    assert (about["security_protocol"], about["control_topic"]) == ("PLAINTEXT", "KAFKA_ML_CONTROL_TOPIC")
    assert (about["logs"], about["runtime"], about["version"]) == (True, "process", app.version)
    checks = {check["name"]: check for check in about["checks"]}
    assert checks.keys() >= {"database", "kafka", "object store", "scheduler"}
    assert checks["scheduler"] == {"name": "scheduler", "healthy": True, "detail": "ok"}


async def test_a_scheduler_that_is_away_is_told_and_does_not_keep_the_api_from_its_work(api: AsyncClient, app: FastAPI):
    usual = app.state.run_logs
    app.state.run_logs = RunLogs(f"http://127.0.0.1:{free_port()}", None)
    try:
        about = (await api.get("/about")).json()
    finally:
        await app.state.run_logs.close()
        app.state.run_logs = usual
    (scheduler,) = [check for check in about["checks"] if check["name"] == "scheduler"]
    assert (scheduler["healthy"], about["runtime"]) == (False, None)
    assert "can't be reached" in scheduler["detail"]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KAFKA_ML_ADVERTISED_BOOTSTRAP", "localhost:9094")
    assert ApiSettings().advertised_bootstrap == "localhost:9094"
