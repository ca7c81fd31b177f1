"""From deployment to inference over REST. What control, trainers and inferers would say is put into the rows by hand."""

import asyncio
import io
import json
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api.deployments import service as deployments
from kafka_ml_api.housekeeping import Housekeeping
from kafka_ml_api.inferences import service as inferences
from kafka_ml_api.models import service as models
from kafka_ml_api.states import DeploymentState, InferenceState, ResultState, VersionState
from kafka_ml_api.tables import Datasource, Deployment, Inference, ModelVersion, OutboxMessage, Result, ResultEpoch
from kafka_ml_common import topics
from kafka_ml_common.objects import model_key
from kafka_ml_common.requests import DeploymentCreate, InferenceCreate, ModelUpdate
from kafka_ml_common.streams import ControlMessage, InputFormat

CODE = "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile(loss='mse')"
STREAM = ControlMessage(
    topic="digits:0:0:100",
    input_format=InputFormat.RAW,
    input_config={"data_type": "uint8", "label_type": "uint8", "data_reshape": "8 8", "label_reshape": ""},
    total_msg=100,
)


@pytest.fixture
async def configured(api: AsyncClient, app: FastAPI) -> AsyncClient:
    """Two valid models in one configuration."""
    for name in ("small", "large"):
        assert (await api.post("/models", json={"name": name, "code": CODE})).status_code == 201
    assert (await api.post("/configurations", json={"name": "both", "model_ids": [1, 2]})).status_code == 201
    async with app.state.database.transaction() as session:
        await session.execute(update(ModelVersion).values(state=VersionState.VALID))
    return api


@pytest.fixture
async def trained(configured: AsyncClient, app: FastAPI) -> AsyncClient:
    """Their deployment, finished."""
    assert (await configured.post("/deployments", json={"configuration_id": 1})).status_code == 201
    async with app.state.database.transaction() as session:
        source = Datasource(fingerprint=STREAM.fingerprint(), deployment_id=1, stream=STREAM.model_dump(mode="json"))
        session.add(source)
        await session.flush()
        await session.execute(update(Deployment).values(state=DeploymentState.FINISHED, datasource_id=source.id))
        for result in await session.scalars(select(Result)):
            result.state, result.model_object, result.model_bytes = ResultState.FINISHED, model_key(result.id), 5
            result.input_shape, result.test_metrics = [8, 8], {"loss": 0.5, "accuracy": None}
            session.add_all(
                ResultEpoch(
                    result_id=result.id,
                    epoch=epoch,
                    metrics={"loss": 1 / epoch},
                    duration_seconds=1,
                    samples_per_second=9,
                )
                for epoch in (1, 2, 3)
            )
            app.state.objects._client.put_object(
                app.state.settings.objects.bucket, model_key(result.id), io.BytesIO(b"keras"), 5
            )
    return configured


async def test_only_valid_models_are_deployed(api: AsyncClient):
    await api.post("/models", json={"name": "m", "code": CODE})
    await api.post("/configurations", json={"name": "c", "model_ids": [1]})
    refused = await api.post("/deployments", json={"configuration_id": 1})
    assert refused.status_code == 409
    assert "validated" in refused.json()["detail"]
    assert refused.json()["advice"]


async def test_a_deployment_has_a_result_for_each_model_in_the_version_of_that_moment(configured: AsyncClient):
    created = await configured.post(
        "/deployments", json={"configuration_id": 1, "fit": "epochs=5, steps=100", "batch_size": 16}
    )
    assert created.status_code == 201, created.text
    await configured.patch("/models/1", json={"code": "model = 2"})
    read = (await configured.get("/deployments/1")).json()
    assert read["state"] == "awaiting"
    assert (read["settings"]["fit"]["epochs"], read["settings"]["fit"]["steps_per_epoch"]) == (5, 100)
    assert [(r["model_name"], r["model_version"], r["state"]) for r in read["results"]] == [
        ("small", 1, "awaiting"),
        ("large", 1, "awaiting"),
    ]


PLACEMENT = {
    "framework": "tensorflow",
    "cpus": 1.5,
    "gpus": 1,
    "node_selector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "value": None, "effect": "NoSchedule", "seconds": None}],
    "service_account": "trainers",
}


async def asked(session: AsyncSession, topic: str) -> dict[str, Any]:
    """The last message that the session's transaction has for a topic; nobody sends it before it is committed."""
    await session.flush()
    row = await session.scalar(
        select(OutboxMessage).where(OutboxMessage.topic == topic).order_by(OutboxMessage.id.desc()).limit(1)
    )
    assert row is not None
    return dict(json.loads(row.value))


async def test_a_deployment_says_where_its_models_are_trained(configured: AsyncClient, app: FastAPI):
    created = await configured.post("/deployments", json={"configuration_id": 1, "placement": PLACEMENT})
    assert created.status_code == 201, created.text
    assert created.json()["settings"]["placement"] == PLACEMENT
    async with app.state.database.transaction() as session:
        await deployments.create(
            session, DeploymentCreate.model_validate({"configuration_id": 1, "placement": PLACEMENT})
        )
        assert (await asked(session, topics.DEPLOYMENTS))["settings"]["placement"] == PLACEMENT
    refused = await configured.post(
        "/deployments", json={"configuration_id": 1, "placement": {"node_selector": {"-": "x"}}}
    )
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/placement/node_selector/-")


async def test_settings_that_were_stored_before_there_were_placements_are_shown(trained: AsyncClient, app: FastAPI):
    await trained.post("/inferences", json={"result_id": 1, **INFERENCE})
    async with app.state.database.transaction() as session:
        await session.execute(update(Deployment).values(settings={"batch_size": 8}))
        await session.execute(update(Inference).values(settings={"max_batch": 8}))
    assert (await trained.get("/deployments/1")).json()["settings"]["placement"]["framework"] == "tensorflow"
    settings = (await trained.get("/inferences/1")).json()["settings"]
    assert (settings["max_batch"], settings["placement"]["gpus"], settings["autoscaling"]) == (8, 0, None)
    assert (await trained.post("/inferences/1/scale", json={"replicas": 2})).status_code == 202


async def test_what_is_deployed_and_what_was_trained_is_not_deleted(trained: AsyncClient):
    assert (await trained.delete("/configurations/1")).json()["users"] == ["deployments/1"]
    assert (await trained.delete("/models/1")).json()["users"] == ["configurations/1", "results/1"]


async def test_a_deployment_that_awaits_its_stream_stops_at_once(configured: AsyncClient):
    await configured.post("/deployments", json={"configuration_id": 1})
    assert (await configured.delete("/deployments/1")).status_code == 409
    stopped = await configured.post("/deployments/1/stop")
    assert (stopped.status_code, stopped.json()["state"]) == (202, "stopped")
    assert {result["state"] for result in stopped.json()["results"]} == {"stopped"}
    assert (await configured.post("/deployments/1/stop")).status_code == 409
    assert (await configured.delete("/deployments/1")).status_code == 204
    assert (await configured.get("/results/1")).status_code == 404


async def test_a_training_that_runs_is_asked_to_stop(configured: AsyncClient, app: FastAPI):
    await configured.post("/deployments", json={"configuration_id": 1})
    async with app.state.database.transaction() as session:
        await session.execute(update(Deployment).values(state=DeploymentState.RUNNING))
        await session.execute(update(Result).values(state=ResultState.RUNNING))
    stopped = (await configured.post("/deployments/1/stop")).json()
    assert stopped["state"] == "running"
    assert {result["state"] for result in stopped["results"]} == {"stopping"}


async def test_a_result_tells_its_epochs_curves_and_metrics(trained: AsyncClient):
    assert (await trained.get("/results/1")).json()["has_model"] is True
    assert (await trained.get("/results/1/metrics")).json()["test"] == {"loss": 0.5, "accuracy": None}
    epochs = (await trained.get("/results/1/epochs", params={"after": 1})).json()["items"]
    assert [epoch["epoch"] for epoch in epochs] == [2, 3]
    curves = (await trained.get("/results/1/curves")).json()
    assert curves == {"epochs": [1, 2, 3], "metrics": {"loss": [1, 1 / 2, 1 / 3]}}
    assert (await trained.get("/results/1/confusion-matrix")).status_code == 404
    assert (await trained.get("/results/1/logs")).json()["log"] is None
    assert len((await trained.get("/results", params={"deployment_id": 1, "state": "finished"})).json()["items"]) == 2


async def test_a_trained_model_is_downloaded_whole(trained: AsyncClient):
    download = await trained.get("/results/1/model")
    assert (download.status_code, download.content) == (200, b"keras")
    assert download.headers["content-disposition"] == 'attachment; filename="result-1.keras"'
    head = await trained.head("/results/1/model")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "5", b"")


async def test_a_result_goes_only_after_its_deployment_has_ended(configured: AsyncClient, app: FastAPI):
    await configured.post("/deployments", json={"configuration_id": 1})
    async with app.state.database.transaction() as session:
        await session.execute(update(Deployment).values(state=DeploymentState.RUNNING))
        await session.execute(update(Result).where(Result.id == 1).values(state=ResultState.FAILED))
    refused = await configured.delete("/results/1")
    assert refused.status_code == 409
    assert refused.json()["advice"]


async def test_a_model_that_is_changed_at_the_same_moment_is_deployed_as_it_was_or_refused(
    configured: AsyncClient, app: FastAPI
):
    async with app.state.database.transaction() as session:
        await models.update(session, 1, ModelUpdate(code="model = 2"), None)
        deploying = asyncio.create_task(configured.post("/deployments", json={"configuration_id": 1}))
        async with asyncio.timeout(20), app.state.database.connection() as other:
            while not await other.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                assert not deploying.done()
    assert (await deploying).status_code == 409  # the new version is being validated


async def test_a_deleted_result_takes_its_stored_model_with_it(trained: AsyncClient, app: FastAPI):
    assert (await trained.delete("/results/1")).status_code == 204
    await Housekeeping(app.state.database, app.state.objects).empty_folders()
    assert not app.state.objects.exists(model_key(1))
    assert app.state.objects.exists(model_key(2))


async def test_a_data_source_is_announced_again_for_a_deployment_that_awaits_one(trained: AsyncClient, app: FastAPI):
    source = (await trained.get("/datasources/1")).json()
    assert (source["messages"], source["input_format"]) == (100, "RAW")
    assert (await trained.post("/datasources/1/reuse", json={"deployment_id": 1})).status_code == 409
    await trained.post("/deployments", json={"configuration_id": 1})
    reused = await trained.post("/datasources/1/reuse", json={"deployment_id": 2})
    assert reused.status_code == 202
    assert reused.json() == {"datasource_id": 1, "deployment_id": 2}


INFERENCE = {"input_topic": "digits-in", "output_topic": "digits-out"}


async def test_an_inference_reads_what_its_model_was_trained_on(trained: AsyncClient):
    created = await trained.post("/results/1/inferences", json=INFERENCE)
    assert created.status_code == 201, created.text
    body = created.json()
    assert (body["input_format"], body["input_config"]) == ("RAW", STREAM.input_config)
    assert (body["state"], body["generation"], body["model_name"]) == ("pending", 1, "small")
    assert created.headers["location"] == "/api/v1/inferences/1"
    refused = await trained.delete("/results/1")
    assert refused.json()["users"] == ["inferences/1"]
    assert (await trained.delete("/deployments/1")).json()["users"] == ["inferences/1"]


async def test_an_inference_says_where_it_runs_and_how_it_scales(trained: AsyncClient, app: FastAPI, topic: str):
    scaling = {"min_replicas": 0, "max_replicas": 4, "lag_per_replica": 50}
    body = {"input_topic": topic, "output_topic": f"{topic}-new", "placement": PLACEMENT, "autoscaling": scaling}
    created = await trained.post("/results/1/inferences", json=body)
    assert created.status_code == 201, created.text
    async with app.state.database.transaction() as session:
        again = InferenceCreate.model_validate(body | {"result_id": 1})
        await inferences.create(session, again, app.state.topic_maker)
        spec = await asked(session, topics.WORKLOADS)
    for settings in (created.json()["settings"], spec["settings"]):
        assert (settings["placement"], settings["autoscaling"]) == (PLACEMENT, scaling)
    listed = (await trained.get("/topics")).json()["items"]
    assert {"name": f"{topic}-new", "partitions": 4, "messages": 0} in listed
    wrong = await trained.post("/results/1/inferences", json=body | {"autoscaling": scaling | {"min_replicas": 5}})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/autoscaling"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"result_id": 9, **INFERENCE}, 422, "/result_id"),
        ({"result_id": 1, "input_topic": "a", "output_topic": "a"}, 422, "/output_topic"),
        ({"result_id": 1, "input_topic": "kafka-ml.events", "output_topic": "b"}, 422, "/input_topic"),
        ({"result_id": 1, "input_topic": "..", "output_topic": "b"}, 422, "/input_topic"),
        ({"result_id": 1, "input_topic": "a b", "output_topic": "b"}, 422, "/input_topic"),
        ({"result_id": 1, **INFERENCE, "input_config": {"data_type": "complex"}}, 422, "/input_config"),
        ({"result_id": 1, **INFERENCE, "input_format": "AVRO"}, 422, "/input_config"),
        ({"result_id": 3, **INFERENCE}, 409, "/result_id"),
    ],
)
async def test_an_inference_that_can_not_work_is_refused_where_it_is_wrong(
    trained: AsyncClient, body: dict[str, Any], status: int, pointer: str
):
    await trained.post("/deployments", json={"configuration_id": 1})
    response = await trained.post("/inferences", json=body)
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["pointer"] == pointer


async def test_an_inference_is_scaled_given_another_model_stopped_and_deleted(trained: AsyncClient, app: FastAPI):
    await trained.post("/inferences", json={"result_id": 1, **INFERENCE})
    scaled = await trained.post("/inferences/1/scale", json={"replicas": 3})
    assert (scaled.status_code, scaled.json()["replicas"], scaled.json()["generation"]) == (202, 3, 1)
    swapped = await trained.post("/inferences/1/model", json={"result_id": 2})
    assert (swapped.json()["result_id"], swapped.json()["generation"]) == (2, 2)
    assert (await trained.delete("/inferences/1")).status_code == 409
    assert (await trained.post("/inferences/1/stop")).json()["state"] == "stopping"
    assert (await trained.post("/inferences/1/scale", json={"replicas": 1})).status_code == 409
    async with app.state.database.transaction() as session:
        await session.execute(update(Inference).values(state=InferenceState.STOPPED))
    assert (await trained.delete("/inferences/1")).status_code == 204
    assert (await trained.get("/inferences/1")).status_code == 404


async def test_another_model_with_another_input_is_no_replacement(trained: AsyncClient, app: FastAPI):
    await trained.post("/inferences", json={"result_id": 1, **INFERENCE})
    async with app.state.database.transaction() as session:
        await session.execute(update(Result).where(Result.id == 2).values(input_shape=[28, 28]))
    refused = await trained.post("/inferences/1/model", json={"result_id": 2})
    assert refused.status_code == 409
    assert "[28, 28]" in refused.json()["detail"]
