"""Logs of runs: asked of the scheduler's HTTP, here the real one in front of run folders that are made by hand."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import SecretStr
from sqlalchemy import delete, update

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
    ("before", "now", "lines", "new"),
    [
        ("", "one\n", 3, "one\n"),
        ("one\n", "one\ntwo\n", 3, "two\n"),
        ("one\nt", "one\ntwo\n", 3, "wo\n"),
        # The last lines alone are known, and others have come since.
        ("one\ntwo\n", "two\nthree\n", 2, "three\n"),
        ("one\ntwo\nthr", "two\nthree\nfour\n", 3, "ee\nfour\n"),
        ("one\n", "one\ntwo\n", 2, "two\n"),
        ("a\na\nb\n", "a\nb\na\n", 3, "a\n"),
        ("same\n" * 3, "same\nsame\nother\n", 3, "other\n"),
        ("x\n" + "same\n" * 9, "same\n" * 9 + "y\n", 10, "y\n"),
        ("1/9\r2/9\r3/9\r", "2/9\r3/9\r4/9\r", 3, "4/9\r"),
        ("a\nb\r", "b\r\nc\n", 2, "\nc\n"),
        # More was asked for this time, and less.
        ("two\n", "one\ntwo\nthree\n", 3, "three\n"),
        ("one\ntwo\nthree\n", "three\nfour\n", 2, "four\n"),
        # The first line is cut where the log is too large.
        ("x" * 600_000 + "\nend\n", "x" * 500_000 + "\nend\nmore\n", 9, "more\n"),
        # It is another.
        ("an attempt\n", "another\n", 1, None),
        ("one\ntwo\nthree\n", "three\n", 2, None),
        ("one\ntwo\n", "five\nsix\n", 2, None),
        ("ab\n", "cab\n", 1, None),
        ("same\n", "same\n", 9, ""),
        ("one\n", "", 9, None),
    ],
)
def test_what_is_new_in_a_log_of_which_the_last_lines_are_known(before: str, now: str, lines: int, new: str | None):
    assert appended(before, now, lines) == new


def test_what_is_new_is_found_quickly_in_a_log_that_says_the_same_again_and_again():
    began = time.process_time()
    assert appended("same\n" * 9999 + "x\n", "same\n" * 9998 + "y\n" * 2, 10_000) is None
    assert time.process_time() - began < 1


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


async def follow(client: AsyncClient, **query: Any) -> AsyncIterator[tuple[str, str]]:
    """The events of result 1's log: name and data."""
    async with client.stream("GET", "/results/1/log", params={"follow": True, **query}) as response:
        name = "message"
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                yield name, line[5:].strip() if name == "end" else json.loads(line[5:] if len(line) > 6 else '""')
            elif not line:
                name = "message"


async def test_a_log_of_which_the_last_lines_are_followed_goes_on_where_it_was(
    filled: AsyncClient, app: FastAPI, run_folders: RunFolders, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("kafka_ml_api.logs._FOLLOW_SECONDS", 0.05)
    monkeypatch.setattr("kafka_ml_api.logs._LITTLE_LINES", 2)
    log = run_folders.make("training-1", 0) / "log"
    log.write_text("1\n2\n3\n4\n")
    async with asyncio.timeout(20), listening(app) as url, AsyncClient(base_url=url) as client:
        events = follow(client, lines=3)
        assert await anext(events) == ("message", "2\n3\n4\n")
        log.write_text("1\n2\n3\n4\n5\n")
        assert await anext(events) == ("message", "5\n")
        log.write_text("1\n2\n3\n4\n5\n6\n7\n")  # too much for the little that is asked for
        assert await anext(events) == ("message", "6\n7\n")
        log.write_text("another attempt\n")
        assert [await anext(events), await anext(events)] == [("anew", ""), ("message", "another attempt\n")]
        await events.aclose()


async def test_a_log_that_is_followed_outlasts_what_is_away_for_a_while(
    filled: AsyncClient, app: FastAPI, run_folders: RunFolders, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("kafka_ml_api.logs._FOLLOW_SECONDS", 0.05)
    log = run_folders.make("training-1", 0) / "log"
    log.write_text("1\n")
    logs: RunLogs = app.state.run_logs
    scheduler = logs._url
    async with asyncio.timeout(20), listening(app) as url, AsyncClient(base_url=url) as client:
        events = follow(client)
        assert await anext(events) == ("message", "1\n")
        logs._url = f"http://127.0.0.1:{free_port()}"
        log.write_text("1\n2\n")
        waiting = asyncio.create_task(anext(events))
        assert (await asyncio.wait([waiting], timeout=0.5))[0] == set()
        logs._url = scheduler
        assert await waiting == ("message", "2\n")
        log.unlink()
        log.parent.rmdir()
        waiting = asyncio.create_task(anext(events))
        assert (await asyncio.wait([waiting], timeout=0.5))[0] == set()
        (run_folders.make("training-1", 0) / "log").write_text("again\n")
        assert [await waiting, await anext(events)] == [("anew", ""), ("message", "again\n")]
        # Away for too long, the stream ends, and does not say that the work has.
        monkeypatch.setattr("kafka_ml_api.logs._PATIENCE_SECONDS", 0.2)
        logs._url = f"http://127.0.0.1:{free_port()}"
        assert [event async for event in events] == []
        logs._url = scheduler


async def test_following_the_log_of_what_is_deleted_ends(
    filled: AsyncClient, app: FastAPI, run_folders: RunFolders, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("kafka_ml_api.logs._FOLLOW_SECONDS", 0.05)
    (run_folders.make("training-1", 0) / "log").write_text("1\n")
    async with asyncio.timeout(20), listening(app) as url, AsyncClient(base_url=url) as client:
        events = follow(client)
        assert await anext(events) == ("message", "1\n")
        async with app.state.database.transaction() as session:
            await session.execute(delete(Inference))
            await session.execute(delete(Result))
        assert [event async for event in events] == [("end", "There is no log any more.")]


async def test_nothing_is_asked_for_when_the_client_has_gone(
    filled: AsyncClient, app: FastAPI, run_folders: RunFolders, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("kafka_ml_api.logs._FOLLOW_SECONDS", 0.05)
    asked = 0
    read = RunLogs._read

    async def counted(*arguments: Any) -> str:
        nonlocal asked
        asked += 1
        return await read(*arguments)

    monkeypatch.setattr(RunLogs, "_read", counted)
    (run_folders.make("training-1", 0) / "log").write_text("1\n")
    async with asyncio.timeout(20), listening(app) as url:
        async with AsyncClient(base_url=url) as client, aclosing(follow(client)) as events:
            await anext(events)
            while asked < 3:  # noqa: ASYNC110 - it goes on by itself
                await asyncio.sleep(0.02)
        before = -1
        while asked != before:  # twice the same, after more than enough time for another
            before = asked
            await asyncio.sleep(0.5)


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
