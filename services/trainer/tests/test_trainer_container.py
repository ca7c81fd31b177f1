"""In a pod: the host is one container and the model's code runs in another, kept by its first process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kafka_ml_common.messages import EpochFinished, ModelRejected, TrainingFinished, TrainingStarted
from kafka_ml_common.objects import model_key
from libs.sandbox.tests.pod import GuestContainer, code_of, volumes

from .conftest import DIGITS_MODEL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The volumes that the pod's containers share."""
    return volumes(tmp_path / "volumes")


@pytest.fixture
def container(folder: Path, tmp_path: Path) -> Iterator[GuestContainer]:
    """The guest's container, with nothing in it but the sandbox and the guest modules."""
    container = GuestContainer(folder, tmp_path / "log", code_of("kafka_ml_sandbox", "kafka_ml_trainer"))
    yield container
    container.kill()


def test_the_digits_are_learned_in_the_other_container(
    bench: Any, sent: str, folder: Path, container: GuestContainer, tmp_path: Path
) -> None:
    spec = bench.spec(sent, f"print('hello from the model')\n{DIGITS_MODEL}", fit="epochs=8")
    ended = bench.run(spec, KAFKA_ML_GUEST_FOLDER=str(folder))
    assert ended.code == 0, (ended.log, (tmp_path / "log").read_text())
    assert '"isolation": "container"' in ended.log
    assert [event.epoch for event in ended.of(EpochFinished)] == list(range(1, 9))
    finished = ended.one(TrainingFinished)
    assert finished.test_metrics["accuracy"] > 0.8
    assert bench.store.size(model_key(spec.result_id)) == finished.model_bytes > 10_000
    assert container.wait() == 0
    assert "hello from the model" in (tmp_path / "log").read_text()


def test_code_that_does_harm_there_is_rejected_with_a_reason(
    bench: Any, folder: Path, container: GuestContainer
) -> None:
    spec = bench.validation("kept = []\nwhile True: kept.append(np.ones((1 << 20,)))")
    ended = bench.run(spec, KAFKA_ML_GUEST_FOLDER=str(folder))
    assert ended.code == 0, ended.log
    assert ended.one(ModelRejected).failure.code == "out_of_memory"
    assert container.wait() == 0


def test_a_container_that_ends_uses_up_an_attempt(
    bench: Any, sent: str, folder: Path, container: GuestContainer
) -> None:
    spec, since = bench.spec(sent, fit="epochs=100000"), bench.ends_of_events()
    with bench.host(spec, KAFKA_ML_GUEST_FOLDER=str(folder)) as host:
        bench.wait_for(TrainingStarted, spec.event_key, since, seconds=150)
        container.kill()
        output, _ = host.communicate(timeout=60)
    assert host.returncode == 1, output
    assert b"container ended" in output
    assert {type(event) for event in bench.events(spec.event_key, since)} <= {TrainingStarted, EpochFinished}
