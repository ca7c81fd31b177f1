"""Lists are searched by what people know things by, and everything is counted at a glance."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from kafka_ml_api.states import ResultState, VersionState
from kafka_ml_api.tables import Configuration, Datasource, Deployment, Inference, Model, ModelVersion, Result
from kafka_ml_common.streams import ControlMessage, InputFormat

FAILURE = {"code": "model_error", "message": "There is no layer Danse."}


@pytest.fixture
async def filled(api: AsyncClient, app: FastAPI) -> AsyncClient:
    """Two of everything: with digits in their names, and with 100%_wheat."""
    async with app.state.database.transaction() as session:
        for number, name in enumerate(("Digits", "100%_wheat"), start=1):
            session.add_all([Model(name=name), Configuration(name=name)])
            await session.flush()
            session.add(ModelVersion(model_id=number, version=1, code="x", state=VersionState.VALID))
            stream = ControlMessage(topic=f"t-{number}:0:0:9", input_format=InputFormat.JSON, description=name)
            session.add(Datasource(fingerprint=name, deployment_id=number, stream=stream.model_dump(mode="json")))
            session.add(Deployment(configuration_id=number, settings={}))
            await session.flush()
            session.add(Result(deployment_id=number, model_id=number, model_version=1))
            await session.flush()
            shown: dict[str, Any] = {"input_format": "RAW", "input_config": {}, "settings": {}, "progress": {}}
            topics = {"input_topic": f"in-{number}", "output_topic": f"out-{number}"}
            session.add(Inference(result_id=number, replicas=1, **topics, **shown))
    return api


async def found(api: AsyncClient, path: str, text: str) -> list[int]:
    response = await api.get(path, params={"text": text, "sort": "id"})
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]


@pytest.mark.parametrize("path", ["/deployments", "/results", "/inferences", "/datasources"])
async def test_lists_are_searched_by_names_in_any_case_and_what_is_no_pattern(filled: AsyncClient, path: str):
    assert await found(filled, path, "digits") == [1]
    assert await found(filled, path, "WHEAT") == [2]
    assert await found(filled, path, "%_") == [2]
    assert await found(filled, path, "_") == [2]
    assert await found(filled, path, "barley") == []
    assert await found(filled, path, "") == [1, 2]
    assert await found(filled, path, "di\x00gits") == [1]  # nothing that is stored has one
    refused = await filled.get(path, params={"text": "x" * 250})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/text")


async def test_what_has_topics_is_searched_by_them_too(filled: AsyncClient):
    assert await found(filled, "/datasources", "T-2") == [2]
    assert await found(filled, "/inferences", "in-1") == [1]
    assert await found(filled, "/inferences", "out-2") == [2]


async def test_a_search_has_pages(filled: AsyncClient):
    first = (await filled.get("/results", params={"text": "t", "limit": 1})).json()
    rest = (await filled.get("/results", params={"text": "t", "limit": 1, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for page in (first, rest) for item in page["items"]] == [2, 1]
    assert rest["next_cursor"] is None


async def test_a_glance_counts_all_and_tells_the_newest_ten_troubles_of_each_kind(filled: AsyncClient, app: FastAPI):
    async with app.state.database.transaction() as session:
        session.add_all(
            Result(deployment_id=1, model_id=1, model_version=1, state=ResultState.FAILED, failure=FAILURE)
            for _ in range(12)
        )
        waiting = await session.get_one(Inference, 2)
        waiting.failure = {"code": "unschedulable", "message": "No node has 8 GPUs."}
    overview = (await filled.get("/overview")).json()
    assert (overview["configurations"], overview["datasources"]) == (2, 2)
    assert (overview["results"]["failed"], overview["results"]["awaiting"], overview["results"]["running"]) == (
        12,
        2,
        0,
    )
    assert (overview["models"]["valid"], overview["deployments"]["awaiting"]) == (2, 2)
    waiting, *failed = overview["troubles"]
    assert (waiting["resource"], waiting["name"], waiting["message"]) == (
        "inferences",
        "100%_wheat",
        "No node has 8 GPUs.",
    )
    assert [(trouble["resource"], trouble["id"]) for trouble in failed] == [
        ("results", id_) for id_ in range(14, 4, -1)
    ]
