"""Whatever a client sends, the answer is a problem that says what is wrong; never a 500."""

from pathlib import Path

import pytest
from asgi_lifespan import LifespanManager
from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr

from kafka_ml_api.main import create_app
from kafka_ml_api.settings import ApiSettings
from kafka_ml_common.settings import KafkaSettings, ObjectStoreSettings

JSON = {"Content-Type": "application/json"}


def problem_of(response: Response) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json"
    found = dict(response.json())
    assert found["status"] == response.status_code
    assert found["detail"]
    return found


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"name": "\xff", "code": "x"}', 400),
        (b'{"name": "\\ud800", "code": "x"}', 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"a":' * 500 + b"1" + b"}" * 500, 400),
        (b'{"name": NaN}', 400),
        (b'{"name": "\\u0000", "code": "x"}', 422),
        (b'{"name": 1e999, "code": "x"}', 400),
        (b"null", 422),
        (b"[]", 422),
        (b"", 422),
        (b'{"name": "a", "code": "x", "\\u0000~/": 1}', 422),
        (b'{"name": "' + b"a" * (3 << 20) + b'", "code": "x"}', 413),
    ],
)
async def test_bodies_that_make_no_sense_are_refused(api: AsyncClient, body: bytes, status: int):
    response = await api.post("/models", content=body, headers=JSON)
    assert response.status_code == status, response.text
    problem_of(response)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models/0", 422),
        ("/models/-1", 422),
        ("/models/99999999999999999999999999", 422),
        ("/models/2147483647", 404),
        ("/models/%00", 422),
        ("/models/1/versions/99999999999", 422),
        ("/models?cursor=nonsense", 422),
        ("/models?cursor=WyJpZCIsMV0", 422),
        ("/models?cursor=%00%FF", 422),
        ("/models?limit=0", 422),
        ("/models?name=%00", 200),
        ("/models?colour=red", 422),
        ("/nowhere", 404),
        ("/results/1/model", 404),
    ],
)
async def test_paths_and_queries_that_make_no_sense_are_refused(api: AsyncClient, path: str, status: int):
    response = await api.get(path)
    assert response.status_code == status, response.text
    if status != 200:
        problem_of(response)


async def test_every_wrong_field_is_pointed_at(api: AsyncClient):
    found = problem_of(await api.post("/models", json={"name": "", "cod": "x"}))
    assert {(error["in"], error["pointer"]) for error in found["errors"]} == {  # type: ignore[attr-defined]
        ("body", "/name"),
        ("body", "/code"),
        ("body", "/cod"),
    }


async def test_a_method_that_is_not_there_is_refused_with_those_that_are(api: AsyncClient):
    response = await api.put("/models", json={})
    assert response.status_code == 405
    assert "GET" in response.headers["allow"] or "POST" in response.headers["allow"]
    problem_of(response)


async def test_only_json_is_taken(api: AsyncClient):
    response = await api.post("/models", content=b'{"name": "a"}', headers={"Content-Type": "text/plain"})
    assert response.status_code == 415
    problem_of(response)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}, 421),
        ({"Origin": "http://localhost"}, 404),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Host": "[::1]:8000"}, 404),
    ],
)
async def test_other_sites_can_not_use_a_browser_to_change_something(
    api: AsyncClient, headers: dict[str, str], status: int
):
    assert (await api.post("/models/1/validate", headers=headers)).status_code == status


async def test_swagger_needs_nothing_from_outside(api: AsyncClient):
    page = await api.get("http://localhost/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/{name}" in page.text
        asset = await api.get(f"http://localhost/docs/{name}")
        assert asset.status_code == 200
        assert len(asset.content) > 10_000


async def test_without_its_database_the_service_starts_and_answers_503(tmp_path: Path):
    settings = ApiSettings(
        database_url=SecretStr(f"postgresql+asyncpg://nobody@/nothing?host={tmp_path}"),
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:9"),
        objects=ObjectStoreSettings(endpoint="127.0.0.1:9", secure=False),
    )
    app = create_app(settings)
    async with (
        LifespanManager(app, shutdown_timeout=20),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost/api/v1") as client,
    ):
        for response in (
            await client.get("/models"),
            await client.post("/models", json={"name": "a", "code": "x"}, headers={"Idempotency-Key": "k"}),
        ):
            assert response.status_code == 503
            assert response.headers["retry-after"]
            problem_of(response)
