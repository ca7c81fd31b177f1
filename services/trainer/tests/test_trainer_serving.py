"""A host that waits for validations by HTTP, as pods on Kubernetes do."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from kafka_ml_common.messages import ModelRejected, ModelValidated
from kafka_ml_common.workloads import Assignment
from kafka_ml_local.ports import free_port

DENSE = "model = keras.Sequential([keras.layers.Dense(10)])\nmodel.compile(loss='mse')\n"


@dataclass
class Serving:
    """The process, and a client of it."""

    process: subprocess.Popen[bytes]
    client: httpx.Client

    def ask(self, spec: Any) -> httpx.Response:
        return self.client.post("/validations", content=Assignment(spec=spec).model_dump_json())

    def wait_until_ready(self, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            assert self.process.poll() is None
            assert time.monotonic() < deadline

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def serving(bench: Any) -> Iterator[Serving]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "kafka_ml_trainer", "--serve", str(port)],
        env={**bench.environment, "KAFKA_ML_TRAINER_TOKEN": "secret"},
    )
    headers = {"Authorization": "Bearer secret"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=120) as client:
        try:
            found = Serving(process, client)
            found.wait_until_ready()
            yield found
        finally:
            process.kill()
            process.wait(10)


def test_validations_are_done_one_after_another_each_in_a_guest_of_its_own(bench: Any, serving: Serving) -> None:
    since = bench.ends_of_events()
    first, second = bench.validation(DENSE + "np.left_behind = 1\n"), bench.validation(DENSE + "np.left_behind\n")
    assert [serving.ask(spec).json() for spec in (first, second)] == [{"exit": 0}, {"exit": 0}]
    assert [type(event) for event in bench.events(first.event_key, since)] == [ModelValidated]
    (rejected,) = bench.events(second.event_key, since)
    assert isinstance(rejected, ModelRejected)
    assert "left_behind" in rejected.failure.message


def test_while_one_is_under_way_another_is_sent_elsewhere(bench: Any, serving: Serving) -> None:
    # Whichever comes first takes five seconds.
    specs = [bench.validation("while True: pass", timeout_seconds=5) for _ in range(2)]
    with ThreadPoolExecutor() as askers:
        answers = sorted(askers.map(serving.ask, specs), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[0].json() == {"exit": 0}


def test_what_is_no_validation_is_refused(bench: Any, serving: Serving) -> None:
    client = serving.client
    assert client.post("/validations", content=b"{}").status_code == 400
    assert client.post("/validations", content=b"x" * (3 << 20)).status_code == 400
    assert serving.ask(bench.spec("t:0:0:1")).status_code == 400
    assert client.get("/validations").status_code == 404
    refused = client.post("/validations", content=b"{}", headers={"Authorization": "Bearer other"})
    assert refused.status_code == 401
    assert client.get("/livez").status_code == 200


def test_it_ends_when_it_is_told_to(serving: Serving) -> None:
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(30) == 0
