"""The compose file, as somebody on the same machine meets it. Builds nothing: `make images` comes first."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from kafka_ml_cli.client import Client, Document
from kafka_ml_sinks import RawSink
from tests.compose.project import OURS, SERVICES, Project

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

EPOCHS = 80
MODEL = """model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
NOSY_MODEL = f"""import os, pathlib, socket

readable = []
for file in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        readable.append(file.read_text())
    except OSError:
        pass
assert readable, "nothing was looked at"
assert not any("KAFKA_ML_" in text for text in readable), "credentials are in sight"
assert not pathlib.Path("/state").exists(), "the scheduler's folder is in sight"
for host, port in (("kafka", 19092), ("minio", 9000), ("127.0.0.1", 8081)):
    try:
        socket.create_connection((host, port), timeout=3)
    except OSError:
        continue
    raise AssertionError(host + " can be reached")

{MODEL}"""


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """The platform, up and healthy; removed with its volumes in the end."""
    project = Project()
    try:
        project.up()
        yield project
    finally:
        print(project.compose("logs", "--no-color", "--no-log-prefix", "--tail", "40", *OURS))  # noqa: T201 - pytest shows it when something failed
        project.down("--volumes")


@pytest.fixture
def api(project: Project) -> Iterator[Client]:
    with Client(project.url) as api:
        yield api


def test_the_demo_runs_from_outside(project: Project, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("kafka-ml")
    done = subprocess.run(
        [command, "demo", "--url", project.url, "--json"],
        env=os.environ | {"KAFKA_ML_HOME": str(tmp_path), "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": project.kafka},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["predictions"]["accuracy"] > 0.9
    assert len(report["models"]) == 2


def test_the_log_of_a_training_is_shown(api: Client) -> None:
    results = api.all("results")
    assert results, "the demo has left none"
    assert '"begins"' in api.text(f"results/{results[0]['id']}/log")


def test_every_service_is_healthy_and_kept_small(project: Project) -> None:
    assert project.healthy() == set(SERVICES)
    for service in SERVICES:
        told = project.inspect(service)
        host = told["HostConfig"]
        assert not host["Privileged"], service
        assert host["CapDrop"] == ["ALL"], service
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]), service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        published = [binding for port in host["PortBindings"].values() for binding in port]
        assert all(binding["HostIp"] == "127.0.0.1" for binding in published), service
        if service in OURS:
            assert host["ReadonlyRootfs"], service
            assert not host["CapAdd"], service
            assert told["Config"]["User"] == "10001:10001", service


def test_model_code_sees_neither_credentials_nor_a_network(project: Project, api: Client) -> None:
    model = _valid(project, api, "nosy", NOSY_MODEL)
    assert model["state"] == "valid", model


@pytest.mark.parametrize("service", SERVICES)
def test_a_training_outlives_a_restart_of(service: str, project: Project, api: Client) -> None:
    model = _valid(project, api, f"restart-{service}", MODEL)
    deployment = _deploy(project, api, model, epochs=EPOCHS)
    (result,) = api.all("results", deployment_id=deployment["id"])
    path = f"results/{result['id']}"
    before = project.until(api, path, lambda result: result["epochs_done"] >= 3)
    assert before["state"] == "running", before
    project.compose("restart", service)
    after = project.until(api, path, lambda result: result["state"] in ("finished", "failed", "stopped"))
    assert after["state"] == "finished", after
    assert [entry["epoch"] for entry in api.all(f"{path}/epochs")] == list(range(1, EPOCHS + 1))
    project.up()
    assert project.healthy() == set(SERVICES)


def test_data_are_there_after_down_and_up(project: Project, api: Client, tmp_path: Path) -> None:
    model = _valid(project, api, "kept", MODEL)
    deployment = _deploy(project, api, model, epochs=2)
    project.until(api, f"deployments/{deployment['id']}", lambda deployment: deployment["state"] == "finished")
    project.down()
    project.up()
    (result,) = api.all("results", deployment_id=deployment["id"])
    assert result["state"] == "finished"
    assert api.download(f"results/{result['id']}/model", tmp_path / "model.keras") > 1000
    # What was streamed is in the log still, for another deployment to learn from.
    again = api.post("deployments", {"configuration_id": deployment["configuration_id"], "fit": "epochs=2"})
    kept = next(source for source in api.all("datasources") if source["deployment_id"] == deployment["id"])
    api.post(f"datasources/{kept['id']}/reuse", {"deployment_id": again["id"]})
    ended = project.until(
        api, f"deployments/{again['id']}", lambda entry: entry["state"] in ("finished", "failed", "stopped")
    )
    assert ended["state"] == "finished", ended


def _valid(project: Project, api: Client, name: str, code: str) -> Document:
    created = api.post("models", {"name": name, "code": code})
    model = project.until(api, f"models/{created['id']}", lambda model: model["state"] in ("valid", "invalid"))
    assert model["state"] == "valid", model["failure"]
    return model


def _deploy(project: Project, api: Client, model: Document, *, epochs: int) -> Document:
    """A deployment of the model to which real digits were sent."""
    configuration = api.post("configurations", {"name": model["name"], "model_ids": [model["id"]]})
    deployment = api.post("deployments", {"configuration_id": configuration["id"], "fit": f"epochs={epochs}"})
    digits = load_digits()
    with RawSink(project.kafka, topic=model["name"], deployment_id=deployment["id"], validation_rate=0.1) as sink:
        sink.send_many(digits.images.astype(np.uint8), digits.target.astype(np.uint8))
    return deployment
