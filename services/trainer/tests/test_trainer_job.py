"""The job: a stream in the log becomes a model in the object store, and events tell of it. The host runs as the scheduler starts it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from kafka_ml_common.messages import (
    EpochFinished,
    ModelRejected,
    ModelValidated,
    TrainingFailed,
    TrainingFinished,
    TrainingStarted,
    TrainingStopped,
)
from kafka_ml_common.objects import dataset_key, metrics_key, model_key

DENSE = "model = keras.Sequential([keras.layers.Dense(10)])\nmodel.compile(loss='mse')\n"


def test_the_digits_are_learned_from_the_log_and_stored_with_their_metrics(bench: Any, sent: str) -> None:
    spec = bench.spec(sent, fit="epochs=8", validation_rate=0.1, test_rate=0.1)
    ended = bench.run(spec)
    assert ended.code == 0, ended.log
    started = ended.one(TrainingStarted)
    assert (started.training_size, started.test_size, started.validation_size) == (1439, 179, 179)
    assert started.input_shape == (8, 8)
    epochs = ended.of(EpochFinished)
    assert [event.epoch for event in epochs] == list(range(1, 9))
    assert set(epochs[-1].metrics) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    finished = ended.one(TrainingFinished)
    assert finished.test_metrics["accuracy"] > 0.8
    assert set(finished.validation_metrics) == {"accuracy", "loss"}
    matrix = finished.confusion_matrix
    assert sum(map(sum, matrix.counts)) == 179
    right = sum(matrix.counts[i][i] for i in range(10)) / 179
    assert right == pytest.approx(finished.test_metrics["accuracy"], abs=1e-6)
    assert bench.store.size(model_key(spec.result_id)) == finished.model_bytes > 10_000
    manifest = bench.store.get_json(dataset_key(spec.result_id))
    assert manifest["sizes"] == {"training": 1439, "test": 179, "validation": 179}
    topic = sent.split(":")[0]
    assert manifest["parts"] == {
        "training": f"{topic}:0:0:1439",
        "test": f"{topic}:0:1439:1618",
        "validation": f"{topic}:0:1618:1797",
    }
    assert bench.store.get_json(metrics_key(spec.result_id))["event"]["test_metrics"] == finished.test_metrics

    again = bench.run(spec)
    assert again.code == 0, again.log
    assert again.events == [finished]


@pytest.mark.thorough
def test_avro_from_two_partitions_is_trained_in_windows_when_it_is_larger_than_its_memory(
    bench: Any, topics: Callable[..., str], digits: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = digits
    fields = [{"name": f"p{i}", "type": "int"} for i in range(64)]
    config = {
        "data_scheme": json.dumps({"type": "record", "name": "image", "fields": fields}),
        "label_scheme": json.dumps({"type": "record", "name": "digit", "fields": [{"name": "d", "type": "int"}]}),
    }
    ranges = bench.send(topics(2), x.reshape(-1, 64), y, form="AVRO", config=config, partitions=2)
    code = """
model = keras.Sequential([keras.layers.Rescaling(1 / 16), keras.layers.Dense(64, 'relu'), keras.layers.Dense(10, 'softmax')])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
"""
    spec = bench.spec(ranges, code, form="AVRO", config=config, fit="epochs=3, steps_per_epoch=100")
    ended = bench.run(spec, KAFKA_ML_TRAINER_MEMORY_SHARE="0")
    assert ended.code == 0, ended.log
    assert '"streamed": true' in ended.log
    assert ended.one(TrainingFinished).test_metrics["accuracy"] > 0.8
    assert [event.epoch for event in ended.of(EpochFinished)] == [1, 2, 3]


def test_a_training_that_is_told_to_stop_keeps_the_model_of_its_last_epoch(bench: Any, sent: str) -> None:
    spec, since = bench.spec(sent, fit="epochs=100000"), bench.ends_of_events()
    with bench.host(spec) as host:
        bench.wait_for(EpochFinished, spec.event_key, since, seconds=150)
        host.send_signal(signal.SIGTERM)
        host.communicate(timeout=60)
    assert host.returncode == 0
    stopped = next(e for e in bench.events(spec.event_key, since) if isinstance(e, TrainingStopped))
    assert stopped.epochs_done >= 1
    assert stopped.training_metrics["loss"] > 0
    assert bench.store.size(str(stopped.model_object)) == stopped.model_bytes


def test_in_a_pod_a_file_asks_to_stop_and_a_signal_alone_leaves_the_work_to_another(
    bench: Any, sent: str, tmp_path: Path
) -> None:
    file = tmp_path / "stop"
    file.write_text("")
    spec, since = bench.spec(sent, fit="epochs=100000"), bench.ends_of_events()
    with bench.host(spec, KAFKA_ML_TRAINER_STOP_FILE=str(file)) as host:
        bench.wait_for(EpochFinished, spec.event_key, since, seconds=150)
        host.send_signal(signal.SIGTERM)
        host.communicate(timeout=60)
    assert host.returncode == os.EX_TEMPFAIL
    assert not any(isinstance(event, TrainingStopped) for event in bench.events(spec.event_key, since))

    since = bench.ends_of_events()
    with bench.host(spec, KAFKA_ML_TRAINER_STOP_FILE=str(file)) as host:
        bench.wait_for(EpochFinished, spec.event_key, since, seconds=150)
        file.write_text("asked")
        host.communicate(timeout=60)
    assert host.returncode == 0
    stopped = next(e for e in bench.events(spec.event_key, since) if isinstance(e, TrainingStopped))
    assert bench.store.size(str(stopped.model_object)) == stopped.model_bytes


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        pytest.param(
            "import os; os._exit(7)", "exited", "ended its process with exit status 7", marks=pytest.mark.thorough
        ),
        ("x = np.ones((1 << 40,), np.uint8)", "out_of_memory", "needs more memory than its limit of"),
        pytest.param("while True: pass", "timeout", "did not finish within 4 seconds", marks=pytest.mark.thorough),
    ],
)
def test_code_that_does_harm_is_rejected_with_a_reason(bench: Any, line: str, code: str, sentence: str) -> None:
    spec = bench.validation(DENSE + line, timeout_seconds=4 if code == "timeout" else 60)
    ended = bench.run(spec)
    assert ended.code == 0, ended.log
    failure = ended.one(ModelRejected).failure
    assert (failure.code, sentence in failure.message) == (code, True), failure


def test_a_model_that_kills_its_own_process_uses_up_an_attempt(bench: Any) -> None:
    ended = bench.run(bench.validation(DENSE + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert ended.code == 1, ended.log
    assert ended.events == []


def test_a_valid_model_is_reported_with_its_summary(bench: Any) -> None:
    ended = bench.run(bench.validation(DENSE))
    assert ended.code == 0, ended.log
    assert ended.one(ModelValidated).summary.loss == "mse"


def test_a_training_that_takes_too_long_fails_and_tells_what_was_printed(bench: Any, sent: str) -> None:
    code = "print('hello from the model')\n" + DENSE + "import time\ntime.sleep(1000)\n"
    ended = bench.run(bench.spec(sent, code, timeout_seconds=4))
    assert ended.code == 0, ended.log
    failure = ended.one(TrainingFailed).failure
    assert failure.code == "timeout"
    assert "did not end within its 4 seconds" in failure.message
    assert "hello from the model" in failure.log


def test_a_stream_that_is_gone_fails_the_training(bench: Any, sent: str) -> None:
    ended = bench.run(bench.spec(sent.replace(":1797", ":9999")))
    assert ended.code == 0, ended.log
    assert ended.one(TrainingFailed).failure.code == "data_gone"


@pytest.mark.thorough
def test_a_broker_that_cant_be_reached_is_left_to_another_try(bench: Any, sent: str) -> None:
    spec = bench.spec(sent.replace("0:0:", "0:1:"))
    unreachable = {"KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA_ML_TRAINER_PATIENCE_SECONDS": "0.1"}
    ended = bench.run(spec, **unreachable)
    assert ended.code == 75, ended.log
    assert ended.events == []


def test_a_host_that_gets_no_work_or_nonsense_says_so_by_its_exit_code(bench: Any) -> None:
    for sent, code in ((b"", 0), (b'{"spec": 1}\n', 64)):
        host = bench.start()
        host.communicate(sent, timeout=100)
        assert host.returncode == code


def test_a_waiting_host_leaves_when_it_is_told_to(bench: Any) -> None:
    host = bench.start()
    deadline = time.monotonic() + 60
    while not psutil.Process(host.pid).children():  # its guest: from then on it listens to signals
        assert time.monotonic() < deadline
        with contextlib.suppress(subprocess.TimeoutExpired):
            host.wait(0.1)
    host.terminate()
    host.communicate(timeout=60)
    assert host.returncode == 0


def test_the_host_does_not_import_tensorflow() -> None:
    code = "import kafka_ml_trainer.main, sys; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
