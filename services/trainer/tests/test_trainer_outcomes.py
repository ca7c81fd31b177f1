"""What becomes of a training that ends badly: which event, after how many attempts, and how large."""

import contextlib
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kafka_ml_common.errors import InvalidError, NotFoundError, UnavailableError
from kafka_ml_common.messages import Event, TrainingFailed
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import ControlMessage
from kafka_ml_common.training import TrainingSettings
from kafka_ml_common.workloads import Assignment, ModelCode, TrainingSpec
from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_trainer import main, storing
from kafka_ml_trainer.problems import Stopped, TrainingError, failure_after
from kafka_ml_trainer.replies import LARGEST_PART, BuildReply, TrainReply, checked, size_of
from kafka_ml_trainer.settings import TrainerSettings
from kafka_ml_trainer.stopping import Stop
from kafka_ml_trainer.training import Job, Workplace, train

RAW = {"data_type": "uint8", "label_type": "uint8"}


class Store:
    """An object store that has nothing, and takes nothing while it is `away`."""

    def __init__(self) -> None:
        self.away = 0
        self.kept: list[str] = []

    def ensure_bucket(self) -> None: ...

    def get_json(self, key: str) -> Any:
        raise NotFoundError(key)

    def put_json(self, key: str, document: object) -> None:
        if self.away:
            self.away -= 1
            raise UnavailableError("away")
        self.kept.append(key)


class StandIn:
    """In place of a guest: reports `messages`, then answers with `answer`."""

    def __init__(self, *messages: tuple[str, dict[str, Any]], answer: dict[str, Any] | GuestError) -> None:
        self.messages = messages
        self.answer = answer

    def request(self, name: str, payload: object, on_message: Any = None, **_: object) -> dict[str, Any]:
        for message in self.messages:
            on_message(*message)
        if isinstance(self.answer, GuestError):
            raise self.answer
        return self.answer

    def output(self) -> str:
        return "what it printed"


def training() -> TrainingSpec:
    return TrainingSpec(
        deployment_id=1,
        result_id=2,
        model=ModelCode(model_id=1, version=1, name="m", code=""),
        stream=ControlMessage(topic="t:0:0:9", input_format="RAW", input_config=RAW),
        settings=TrainingSettings(),
    )


def workplace(guest: StandIn, tmp_path: Path) -> tuple[Any, list[Event]]:
    events: list[Event] = []
    reporter: Any = SimpleNamespace(publish=events.append)
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    place: Any = Workplace(guest, tmp_path, kafka, Store(), reporter, TrainerSettings(), Stop())
    return place, events


def test_a_killed_guest_is_tried_again_until_the_last_attempt_tells_why() -> None:
    killed = GuestError("killed", "The model's process was killed.", output="last words")
    assert failure_after(killed, 1, 3) is None
    assert failure_after(killed, 2, 3) is None
    failure = failure_after(killed, 3, 3)
    assert failure is not None
    assert failure.message == "The model's process was killed. It was tried 3 times."
    assert failure.log == "last words"
    raised = failure_after(GuestError("raised", "ValueError in line 1"), 1, 3)
    assert raised is not None
    assert raised.code == "model_error"


def test_a_guest_that_is_killed_at_the_last_attempt_fails_the_training(tmp_path: Path) -> None:
    place, events = workplace(StandIn(answer=GuestError("killed", "It was killed.")), tmp_path)
    with pytest.raises(GuestError):
        train(training(), place, attempt=1)
    assert events == []
    train(training(), place, attempt=3)
    (event,) = events
    assert isinstance(event, TrainingFailed)
    assert event.failure.code == "killed"


def test_a_stream_whose_format_cant_be_understood_fails_the_training_at_once(tmp_path: Path) -> None:
    place, events = workplace(StandIn(answer={}), tmp_path)
    spec = training()
    stream = spec.stream.model_copy(
        update={"input_config": {"data_type": "no such type"}}
    )  # as an older version may have let pass
    train(spec.model_copy(update={"stream": stream}), place, attempt=1)
    (event,) = events
    assert isinstance(event, TrainingFailed)
    assert event.failure.code == "invalid_stream"
    assert "no such type" in event.failure.message


def test_a_guest_that_starts_twice_breaks_the_protocol(tmp_path: Path) -> None:
    guest = StandIn(("started", {}), ("started", {}), answer={})
    place, events = workplace(guest, tmp_path)
    sizes = SimpleNamespace(training=1, test=0, validation=0)
    dataset: Any = SimpleNamespace(sizes=sizes, window=None, skipped=0, sample_shape=(1,))
    with pytest.raises(TrainingError, match="twice"):
        Job(training(), place)._fit(dataset)
    assert len(events) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnavailableError("away"), 75),
        (GuestError("killed", "It was killed."), 1),
        (InvalidError("no"), 1),
        (Stopped(), 75),
    ],
)
def test_only_what_is_away_is_tried_again_without_using_up_an_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(main, "train", fail)
    monkeypatch.setattr(main, "Reporter", lambda _: contextlib.nullcontext())
    guest: Any = SimpleNamespace(isolation="none")
    assert main.work(Assignment(spec=training()), guest, tmp_path, TrainerSettings(), Stop()) == code


def matrix(classes: int, count: int = 7) -> dict[str, Any]:
    return {"labels": list(map(str, range(classes))), "counts": [[count] * classes] * classes}


def test_a_confusion_matrix_is_published_only_where_the_event_stays_small() -> None:
    small = checked(TrainReply, {"confusion_matrix": matrix(100)}).confusion_matrix
    assert small is not None
    assert small.small is not None
    assert len(small.small.counts) == 100
    large = checked(TrainReply, {"confusion_matrix": matrix(1000)}).confusion_matrix
    assert large is not None
    assert large.small is None


@pytest.mark.parametrize(
    "odd",
    [
        matrix(3, 1 << 70),
        matrix(3, -1),
        matrix(3) | {"counts": [[1, 2]]},
        matrix(1) | {"labels": ["x" * 1000]},
    ],
)
def test_a_confusion_matrix_that_is_none_breaks_the_protocol(odd: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="no answer"):
        checked(TrainReply, {"confusion_matrix": odd})


def test_a_summary_is_bounded() -> None:
    layer = {"name": "n" * 200, "kind": "k" * 200, "output_shape": "s" * 200, "parameters": 1}
    summary = {"parameters": 1, "trainable_parameters": 1, "input_shape": [None, 3], "output_shape": None}
    reply = checked(BuildReply, {"summary": summary | {"layers": [layer] * 1000}})
    assert reply.summary is not None
    assert size_of(reply.summary.small) < LARGEST_PART
    with pytest.raises(TrainingError, match="no answer"):
        checked(BuildReply, {"summary": summary | {"layers": [layer] * 1001}})
    with pytest.raises(TrainingError, match="no answer"):
        checked(BuildReply, {"summary": summary | {"layers": [], "parameters": 1 << 70}})


def test_a_result_waits_for_the_store_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "manifest", lambda *_: {})
    event: Any = SimpleNamespace(type="t", model_dump=lambda **_: {})
    store, pauses = Store(), list[float]()

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    store.away = 3
    storing.store_result(store, training(), None, event, None, wait)
    assert pauses == [0.5, 1.0, 2.0]
    assert len(store.kept) == 2
    monkeypatch.setattr(storing, "STORING_SECONDS", 0.0)
    store.away = 1
    with pytest.raises(UnavailableError):
        storing.store_result(store, training(), None, event, None, wait)


def test_watching_for_a_stop_takes_no_time_of_a_request_that_ends() -> None:
    guest: Any = SimpleNamespace()
    begun = time.monotonic()
    for _ in range(20):
        with Stop().passed_on(guest, 10):
            pass
    assert time.monotonic() - begun < 1
