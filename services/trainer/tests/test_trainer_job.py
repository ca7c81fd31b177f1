"""The job: a stream in the log becomes a model in the object store, and events tell of it."""

from typing import Any

from kafka_ml_common.messages import EpochFinished, TrainingFinished, TrainingStarted
from kafka_ml_common.objects import dataset_key, metrics_key, model_key


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
    assert abs(right - finished.test_metrics["accuracy"]) < 1e-6
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
