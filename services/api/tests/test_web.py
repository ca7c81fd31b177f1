"""The UI is served beside the API, and does not get in its way."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from kafka_ml_api import problems, web


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Kafka-ML</title>")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("export {}")
    (tmp_path / "assets" / "index-1a2b.js.gz").write_bytes(gzip.compress(b"export {}"))
    return tmp_path


def application(folder: Path) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)
    problems.install(app)

    @app.get("/api/v1/models")
    async def models() -> list[int]:
        return [1]

    web.install(app, folder)
    return app


@pytest_asyncio.fixture
async def client(built: Path) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(application(built)), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/models", "/deployments/7?sort=accuracy", "/index.html", "/a/b/c"])
async def test_every_page_has_an_address_and_is_asked_for_anew(client: AsyncClient, path: str):
    response = await client.get(path)
    assert response.status_code == 200
    assert "<title>Kafka-ML</title>" in response.text
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["cache-control"] == "no-cache"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


async def test_built_files_are_kept_for_ever_and_sent_packed_to_who_can_read_that(client: AsyncClient):
    packed = await client.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "br;q=0, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "immutable" in packed.headers["cache-control"]
    assert packed.headers["content-type"].startswith("text/javascript")
    plain = await client.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert plain.text == "export {}"
    assert plain.headers["vary"] == "Accept-Encoding"
    assert (await client.get("/favicon.svg")).headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/assets/old-9f.js", "/assets/index-1a2b.js.gz", "/docs"])
async def test_what_is_no_page_is_not_found(client: AsyncClient, path: str):
    response = await client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_the_ui_takes_no_method_of_the_api(client: AsyncClient):
    refused = await client.post("/api/v1/models")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET"
    assert (await client.post("/nowhere")).status_code == 404


async def test_no_path_reaches_a_file_outside(client: AsyncClient, built: Path):
    (built.parent / "secret.txt").write_text("what nobody may read")
    for path in ("/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "//secret.txt"):
        assert "nobody may read" not in (await client.get(path)).text


async def test_without_a_build_the_page_says_how_to_get_one(tmp_path: Path):
    async with AsyncClient(transport=ASGITransport(application(tmp_path)), base_url="http://localhost") as client:
        response = await client.get("/")
        assert "make web" in response.text
