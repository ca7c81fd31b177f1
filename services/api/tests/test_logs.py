"""Logs of runs: asked of the scheduler's HTTP, here the real one in front of run folders that are made by hand."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import SecretStr
from sqlalchemy import update

from kafka_ml_api.logs import RunLogs, appended
from kafka_ml_api.settings import ApiSettings
from kafka_ml_api.states import ResultState, VersionState
from kafka_ml_api.tables import Configuration, Deployment, Inference, Model, ModelVersion, Result
from kafka_ml_local.ports import free_port

from .conftest import RunFolders


@pytest.fixture
def settings(settings: ApiSettings, run_folders: RunFolders) -> ApiSettings:
    """Settings of a service that knows its scheduler."""
    return settings.model_copy(
        update={"scheduler_url": f"{run_folders.url}/", "scheduler_token": SecretStr(run_folders.token)}
    )


@pytest.fixture
async def filled(api: AsyncClient, app: FastAPI) -> AsyncClient:
    """A model in its second version, result 1 and inference 1."""
    async with app.state.database.transaction() as session:
        session.add_all([Model(name="m", current_version=2), Configuration(name="c")])
        await session.flush()
        session.add_all(
            ModelVersion(model_id=1, version=number, code="x", state=VersionState.VALID) for number in (1, 2)
        )
        session.add(Deployment(configuration_id=1, settings={}))
        await session.flush()
        session.add(Result(deployment_id=1, model_id=1, model_version=1))
        await session.flush()
        inference = Inference(
            result_id=1,
            input_topic="in",
            output_topic="out",
            input_format="RAW",
            input_config={},
            settings={},
            replicas=2,
            progress={},
        )
        session.add(inference)
    return api


@pytest.mark.parametrize(
    ("path", "workload", "replica"),
    [("results/1", "training-1", 0), ("models/1", "validation-1-2", 0), ("inferences/1", "inference-1", 1)],
)
async def test_the_log_of_each_kind_of_run(
    filled: AsyncClient, run_folders: RunFolders, path: str, workload: str, replica: int
):
    missing = await filled.get(f"/{path}/log", params={"replica": replica})
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json()["detail"].startswith("There is no log of ")
    folder = run_folders.make(workload, replica)
    (folder / "log").write_text("one\ntwo\nthree\n")
    (folder / "model.log").write_text("<b>Größe</b>\n")
    answer = await filled.get(f"/{path}/log", params={"replica": replica, "lines": 2})
    assert (answer.status_code, answer.text) == (200, "two\nthree\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    model = await filled.get(f"/{path}/log", params={"replica": replica, "part": "model"})
    assert model.text == "<b>Größe</b>\n"


@pytest.mark.parametrize("kind", ["results", "models", "inferences"])
async def test_what_is_not_there_has_no_log_and_what_makes_no_sense_is_refused(filled: AsyncClient, kind: str):
    unknown = await filled.get(f"/{kind}/99/log")
    assert (unknown.status_code, unknown.json()["detail"].endswith(" 99.")) == (404, True)
    for query in ({"lines": 0}, {"lines": 10_001}, {"replica": -1}, {"part": "guest"}):
        refused = await filled.get(f"/{kind}/1/log", params=query)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


@pytest.mark.parametrize(
    ("url", "token", "says"),
    [
        (None, "right", "does not know where the scheduler is"),
        ("http://127.0.0.1:{free}", "right", "can't be reached"),
        ("no address", "right", "can't be reached"),
        ("http://[", "right", "can't be reached"),
        ("{served}", "wrong", "status 401"),
        ("{served}", None, "status 401"),
    ],
)
async def test_a_scheduler_that_can_not_be_asked_is_told(
    filled: AsyncClient, app: FastAPI, run_folders: RunFolders, url: str | None, token: str | None, says: str
):
    (run_folders.make("training-1", 0) / "log").write_text("text")
    address = url.format(free=free_port(), served=run_folders.url) if url else None
    usual = app.state.run_logs
    app.state.run_logs = RunLogs(address, SecretStr(token) if token else None)
    try:
        answer = await filled.get("/results/1/log")
    finally:
        await app.state.run_logs.close()
        app.state.run_logs = usual
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert (await filled.get("/results/1/log")).text == "text"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KAFKA_ML_SCHEDULER_URL", "http://scheduler:8081")
    monkeypatch.setenv("KAFKA_ML_SCHEDULER_TOKEN", "right")
    found = ApiSettings()
    assert (found.scheduler_url, found.scheduler_token) == ("http://scheduler:8081", SecretStr("right"))


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("", "one\n", "one\n"),
        ("one\n", "one\ntwo\n", "two\n"),
        ("one\ntwo\n", "two\nthree\n", None),
        ("x" * 5000 + "end\n", "x" * 4500 + "end\nmore\n", "more\n"),
        ("same\n", "same\n", ""),
        ("an attempt\n", "another\n", None),
    ],
)
def test_what_is_new_in_a_log_of_which_the_last_lines_are_known(before: str, now: str, new: str | None):
    assert appended(before, now) == new


async def test_a_log_that_is_followed_tells_what_comes_and_that_it_has_ended(
    filled: AsyncClient, app: FastAPI, run_folders: RunFolders
):
    log = run_folders.make("training-1", 0) / "log"
    log.write_text("first\n")
    seen: list[str] = []
    async with (
        asyncio.timeout(20),
        listening(app) as url,
        AsyncClient(base_url=url) as client,
        client.stream("GET", "/results/1/log", params={"follow": True}) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            if line.startswith(("data:", "event:")):
                seen.append(line)
            if line == r'data: "first\n"':
                log.write_text("first\nsecond\n")
            elif line == r'data: "second\n"':
                async with app.state.database.transaction() as session:
                    await session.execute(update(Result).values(state=ResultState.FINISHED))
    assert seen == [r'data: "first\n"', r'data: "second\n"', "event: end", "data: The work has ended."]


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """The application on a real port, so that streams come as they are sent."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1"
        finally:
            server.should_exit = True
            await task
