"""Models and configurations over REST, on the real database and broker."""

import asyncio
from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import update

from kafka_ml_api.states import VersionState
from kafka_ml_api.tables import ModelVersion

CODE = "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile(loss='mse')"


async def create_model(api: AsyncClient, name: str = "digits", **more: Any) -> dict[str, Any]:
    response = await api.post("/models", json={"name": name, "code": CODE, **more})
    assert response.status_code == 201, response.text
    return dict(response.json())


async def judge(app: FastAPI, state: VersionState) -> None:
    """What the validator's events do, without the validator."""
    async with app.state.database.transaction() as session:
        await session.execute(update(ModelVersion).values(state=state))


async def test_a_new_model_is_there_to_read_and_is_being_validated(api: AsyncClient):
    response = await api.post("/models", json={"name": " digits ", "code": CODE})
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/models/1"
    assert response.headers["etag"] == '"1"'
    read = await api.get("/models/1")
    assert read.json() == response.json()
    assert read.json()["name"] == "digits"
    assert read.json()["state"] == "validating"
    assert read.json()["code"] == CODE


async def test_new_code_becomes_a_new_version_and_the_old_one_stays(api: AsyncClient):
    await create_model(api)
    changed = await api.patch("/models/1", json={"code": "model = None"})
    assert (changed.json()["version"], changed.json()["code"]) == (2, "model = None")
    assert (await api.get("/models/1/versions/1")).json()["code"] == CODE
    versions = (await api.get("/models/1/versions")).json()["items"]
    assert [item["version"] for item in versions] == [2, 1]


async def test_a_change_on_a_stale_etag_is_refused(api: AsyncClient):
    await create_model(api)
    first = await api.patch("/models/1", json={"description": "a"}, headers={"If-Match": '"1"'})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    second = await api.patch("/models/1", json={"description": "b"}, headers={"If-Match": '"1"'})
    assert second.status_code == 412
    assert second.headers["content-type"] == "application/problem+json"
    assert second.json()["type"] == "urn:kafka-ml:problem:stale"
    assert (await api.get("/models/1")).json()["description"] == "a"


async def test_a_name_is_used_once(api: AsyncClient):
    await create_model(api)
    again = await api.post("/models", json={"name": "digits", "code": CODE})
    assert again.status_code == 409
    assert again.json()["errors"][0]["pointer"] == "/name"


async def test_models_of_one_name_at_the_same_moment_are_one_model(api: AsyncClient):
    responses = await asyncio.gather(*(api.post("/models", json={"name": "m", "code": CODE}) for _ in range(5)))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409, 409]


async def test_a_model_in_a_configuration_is_not_deleted_and_the_answer_names_its_users(api: AsyncClient):
    await create_model(api)
    await api.post("/configurations", json={"name": "c", "model_ids": [1]})
    refused = await api.delete("/models/1")
    assert refused.status_code == 409
    assert refused.json()["users"] == ["configurations/1"]
    assert (await api.delete("/configurations/1")).status_code == 204
    assert (await api.delete("/models/1")).status_code == 204
    assert (await api.get("/models/1")).status_code == 404


async def test_a_model_is_validated_again_only_after_its_outcome(api: AsyncClient, app: FastAPI):
    await create_model(api)
    assert (await api.post("/models/1/validate")).status_code == 409
    await judge(app, VersionState.INVALID)
    again = await api.post("/models/1/validate")
    assert (again.status_code, again.json()["state"]) == (202, "validating")


async def test_pages_hold_every_model_once_in_each_order(api: AsyncClient):
    names = ["b", "a", "d", "c", "e"]
    for name in names:
        await create_model(api, name)
    for sort, expected in (
        ("-id", names[::-1]),
        ("id", names),
        ("name", sorted(names)),
        ("-name", sorted(names)[::-1]),
    ):
        found, cursor = [], None
        while True:
            query = {"limit": 2, "sort": sort} | ({"cursor": cursor} if cursor else {})
            page = (await api.get("/models", params=query)).json()
            found += [item["name"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == expected
    assert [m["name"] for m in (await api.get("/models", params={"name": "D"})).json()["items"]] == ["d"]
    assert (await api.get("/models", params={"state": "valid"})).json()["items"] == []


async def test_a_configuration_refuses_models_that_do_not_exist_and_points_at_them(api: AsyncClient):
    await create_model(api)
    refused = await api.post("/configurations", json={"name": "c", "model_ids": [1, 9]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/model_ids/1"
    twice = await api.post("/configurations", json={"name": "c", "model_ids": [1, 1]})
    assert twice.status_code == 422


async def test_the_models_of_a_configuration_keep_their_order(api: AsyncClient):
    for name in "abc":
        await create_model(api, name)
    await api.post("/configurations", json={"name": "c", "model_ids": [3, 1, 2]})
    assert (await api.get("/configurations/1")).json()["model_ids"] == [3, 1, 2]
    changed = await api.patch("/configurations/1", json={"model_ids": [2, 3]})
    assert (changed.json()["model_ids"], changed.json()["revision"]) == ([2, 3], 2)
    assert (await api.get("/configurations", params={"model_id": 1})).json()["items"] == []


async def test_the_same_idempotency_key_creates_once_and_answers_the_same(api: AsyncClient):
    body, key = {"name": "once", "code": CODE}, {"Idempotency-Key": "k1"}
    responses = await asyncio.gather(*(api.post("/models", json=body, headers=key) for _ in range(4)))
    assert {response.status_code for response in responses} == {201}
    assert len({response.text for response in responses}) == 1
    assert sum("idempotency-replayed" in response.headers for response in responses) == 3
    assert {response.headers["location"] for response in responses} == {"/api/v1/models/1"}
    other = await api.post("/models", json={"name": "other", "code": CODE}, headers=key)
    assert other.status_code == 409
    assert len((await api.get("/models")).json()["items"]) == 1


async def test_a_refused_request_does_not_use_up_its_idempotency_key(api: AsyncClient):
    key = {"Idempotency-Key": "k1"}
    body = {"name": "c", "model_ids": [1]}
    assert (await api.post("/configurations", json=body, headers=key)).status_code == 422
    await create_model(api)
    assert (await api.post("/configurations", json=body, headers=key)).status_code == 201
