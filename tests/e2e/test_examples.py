"""Each example runs against a running platform, as its README says."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient
from sklearn.datasets import load_digits

from kafka_ml_cli.client import Client
from kafka_ml_cli.platform import Platform

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE = 170
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def environment(platform: Platform, tmp_path: Path) -> dict[str, str]:
    """The environment that tells an example where the platform is, and nothing else about this machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KAFKA_ML_URL": platform.url,
        "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": platform.stack.broker.bootstrap_servers,
    }


def run(example: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / example / "run.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False)


def figures(example: str, environment: dict[str, str]) -> dict[str, Any]:
    """The figures that an example prints in its last line."""
    done = run(example, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example at `path` as a module; what it does to the import path is undone after the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_digits_are_predicted_also_when_the_example_runs_again(environment: dict[str, str]) -> None:
    assert figures("digits", environment)["accuracy"] > 0.9
    assert figures("digits", environment)["accuracy"] > 0.9


@pytest.mark.thorough
def test_tumours_are_predicted_from_avro_records(environment: dict[str, str]) -> None:
    assert figures("breast_cancer", environment)["accuracy"] > 0.9


@pytest.mark.thorough
def test_the_regression_beats_the_mean(environment: dict[str, str]) -> None:
    found = figures("diabetes", environment)
    assert found["error"] < 0.85 * found["error_of_mean"]


def test_commands_and_events_alone_do_the_main_job_and_leave_nothing(
    environment: dict[str, str], platform: Platform
) -> None:
    del environment["KAFKA_ML_URL"]
    assert figures("commands_only", environment)["accuracy"] > 0.85
    with Client(platform.url) as api:
        for collection in ("models", "configurations"):
            assert [entry["name"] for entry in api.all(collection) if "example-commands" in entry["name"]] == []
    topics = AdminClient({"bootstrap.servers": environment["KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS"]}).list_topics(timeout=15)
    assert [name for name in topics.topics if "example-commands" in name] == []


@pytest.mark.thorough
def test_the_mnist_model_learns_images_of_that_size(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    example = loaded(EXAMPLES / "mnist" / "run.py", monkeypatch)
    digits = load_digits()
    # each pixel becomes 3 x 3, and a margin of 2 is added: 28 x 28, with values up to 255 as MNIST's
    images = np.pad(np.kron(digits.images * 15.9, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    found = example.learn_and_predict(
        (images[300:], labels[300:]), (images[:300], labels[:300]), fit="epochs=3, steps_per_epoch=100"
    )
    assert found["accuracy"] > 0.8


def test_mnist_without_internet_ends_with_a_sentence(environment: dict[str, str]) -> None:
    done = run("mnist", {**environment, "https_proxy": NOWHERE, "HTTPS_PROXY": NOWHERE})
    assert done.returncode == 1
    assert "MNIST can't be downloaded" in done.stderr
    assert "digits example" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_example_without_an_installation_says_how_to_name_one(environment: dict[str, str]) -> None:
    del environment["KAFKA_ML_URL"], environment["KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS"]
    done = run("digits", environment)
    assert done.returncode == 1
    assert "kafka-ml up" in done.stderr
    assert "export KAFKA_ML_URL=" in done.stderr


def test_an_example_whose_installation_is_gone_says_where_it_looked(environment: dict[str, str]) -> None:
    done = run("digits", {**environment, "KAFKA_ML_URL": NOWHERE})
    assert done.returncode == 1
    assert f"Nothing answers at {NOWHERE}" in done.stderr
    assert "Traceback" not in done.stderr
