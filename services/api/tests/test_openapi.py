"""The OpenAPI document says what the service does: a fuzzer that believes it meets no surprise."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from httpx import AsyncClient
from sqlalchemy import update

from kafka_ml_api.db import Database
from kafka_ml_api.main import create_app
from kafka_ml_api.settings import ApiSettings
from kafka_ml_api.states import ResultState, VersionState
from kafka_ml_api.tables import Datasource, Deployment, ModelVersion, Result
from kafka_ml_common.streams import ControlMessage, InputFormat

from .conftest import RunFolders

CODE = "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile(loss='mse')"


def test_every_operation_is_named_described_and_says_how_it_fails():
    document = create_app(ApiSettings()).openapi()
    assert document["openapi"].startswith("3.1")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert operation["summary"]
        assert operation["tags"]
    assert "HTTPValidationError" not in orjson.dumps(document).decode()
    made = {name: document["paths"][f"/api/v1/{name}"]["post"]["responses"] for name in ("models", "validations")}
    for response in (made["models"]["201"], made["validations"]["202"]):
        assert "Location" in response["headers"]
    assert made["validations"]["202"]["links"].keys() == {"get_validation"}


@asynccontextmanager
async def served(settings: ApiSettings, run_folders: RunFolders) -> AsyncIterator[str]:
    """The service as a process of its own, as it runs everywhere; gives its address."""
    environment = os.environ | {
        "KAFKA_ML_API_PORT": "0",
        "KAFKA_ML_LOG_FORMAT": "json",
        "KAFKA_ML_DATABASE_URL": settings.database_url.get_secret_value(),
        "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "KAFKA_ML_S3_ENDPOINT": settings.objects.endpoint,
        "KAFKA_ML_S3_ACCESS_KEY": settings.objects.access_key,
        "KAFKA_ML_S3_SECRET_KEY": settings.objects.secret_key.get_secret_value(),
        "KAFKA_ML_S3_BUCKET": settings.objects.bucket,
        "KAFKA_ML_S3_SECURE": "false",
        "KAFKA_ML_SCHEDULER_URL": run_folders.url,
        "KAFKA_ML_SCHEDULER_TOKEN": run_folders.token,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kafka_ml_api", env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            while b"running on" not in (line := await process.stderr.readline()):
                assert line, "the service ended"
        log = asyncio.create_task(process.stderr.read())
        yield str(orjson.loads(line)["event"]).split("running on ")[1].split(" ")[0]
    finally:
        process.terminate()
        async with asyncio.timeout(20):
            assert await process.wait() == 0
        assert b"a request failed" not in await log


async def seed(url: str, database: Database) -> None:
    """Something of each kind, so that the fuzzer's ids lead somewhere."""
    async with AsyncClient(base_url=f"{url}/api/v1") as api:
        async with asyncio.timeout(30):
            while (await api.get("/models")).status_code != 200:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.05)
        assert (await api.post("/models", json={"name": "m", "code": CODE})).status_code == 201
        async with database.transaction() as session:
            await session.execute(update(ModelVersion).values(state=VersionState.VALID))
        assert (await api.post("/configurations", json={"name": "c", "model_ids": [1]})).status_code == 201
        assert (await api.post("/deployments", json={"configuration_id": 1})).status_code == 201
        stream = ControlMessage(topic="t:0:0:9", input_format=InputFormat.JSON)
        source = Datasource(fingerprint="f", deployment_id=1, stream=stream.model_dump(mode="json"))
        async with database.transaction() as session:
            session.add(source)
            await session.flush()
            await session.execute(update(Deployment).values(datasource_id=source.id))
            await session.execute(
                update(Result).values(state=ResultState.FINISHED, model_object="models/1/model.keras")
            )
        inference = {"input_topic": "a", "output_topic": "b"}
        assert (await api.post("/results/1/inferences", json=inference)).status_code == 201


async def test_a_fuzzer_finds_nothing_that_the_document_does_not_say(
    settings: ApiSettings, database: Database, run_folders: RunFolders
):
    (run_folders.make("training-1", 0) / "log").write_text("printed\n")
    async with served(settings, run_folders) as url:
        await seed(url, database)
        fuzzer = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "schemathesis.cli",
            f"--config-file={Path(__file__).parent / 'schemathesis.toml'}",
            "run",
            f"{url}/openapi.json",
            "--exclude-path=/api/v1/events",  # a stream that does not end
            "--exclude-path=/api/v1/inferences/{id}/predictions/live",  # another
            "--phases=examples,coverage,fuzzing,stateful",
            "--max-examples=5",
            "--max-time=12",
            "--seed=1",
            "--no-color",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(120):
            output, _ = await fuzzer.communicate()
        assert fuzzer.returncode == 0, "\n".join(line[:500] for line in output.decode().splitlines())
