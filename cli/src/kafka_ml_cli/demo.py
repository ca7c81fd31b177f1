"""The demo: the main job on real data, as a user would do it, through the REST API and the sink library.

Real handwritten digits (8x8, from scikit-learn) are streamed; two models of one configuration are trained at the same time; the better one is
deployed between two topics; digits that no model has seen are predicted through Kafka and compared with the truth.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.datasets import load_digits

from kafka_ml_cli.client import Client, Document
from kafka_ml_cli.context import Installation
from kafka_ml_cli.output import console
from kafka_ml_common.errors import ConflictError, KafkaMLError
from kafka_ml_sinks import InferenceClient, RawSink

EPOCHS = 15
UNSEEN = 360
THROUGHPUT_MESSAGES = 50_000
ACCURACY_TO_REACH = 0.9
TOPIC, INPUT_TOPIC, OUTPUT_TOPIC = "demo-digits", "demo-digits-in", "demo-digits-out"

MODELS = {
    "demo-digits-dense": """model = keras.Sequential([
    keras.Input((8, 8)),
    keras.layers.Rescaling(1 / 16),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
""",
    "demo-digits-conv": """model = keras.Sequential([
    keras.Input((8, 8)),
    keras.layers.Rescaling(1 / 16),
    keras.layers.Reshape((8, 8, 1)),
    keras.layers.Conv2D(16, 3, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
""",
}

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Digits:
    """Images of shape (n, 8, 8) with values 0 to 16, and labels 0 to 9, in two parts."""

    images: Bytes
    labels: Bytes
    unseen_images: Bytes
    unseen_labels: Bytes

    @classmethod
    def load(cls) -> "Digits":
        """The digits in an order that is the same each time, so that the parts are alike and runs can be compared."""
        data = load_digits()
        order = np.random.default_rng(0).permutation(len(data.target))
        images, labels = data.images[order].astype(np.uint8), data.target[order].astype(np.uint8)
        return cls(images[:-UNSEEN], labels[:-UNSEEN], images[-UNSEEN:], labels[-UNSEEN:])


@dataclass(slots=True)
class Report:
    """What the demo saw, for people and machines."""

    stages: dict[str, float] = field(default_factory=dict)
    models: list[Document] = field(default_factory=list)
    predictions: Document = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and say that it runs."""
        started = time.monotonic()
        with console.status(f"{name} ..."):
            yield
        self.stages[name] = round(time.monotonic() - started, 3)
        console.print(f"[green]✓[/green] {name} [dim]{self.stages[name]:.1f} s[/dim]")


def run(installation: Installation, report: Report) -> None:
    """Do the main job against an installation.

    Raises:
        KafkaMLError: a step failed, or the predictions are not good enough.
    """
    digits = Digits.load()
    with Client(installation.url) as api:
        with report.stage("Models written and validated in the sandbox"):
            model_ids = [_valid_model(api, name, code) for name, code in MODELS.items()]
        with report.stage("Configuration deployed for training"):
            deployment = _deploy(api, model_ids)
        with report.stage(f"{len(digits.labels):,} digits streamed to topic {TOPIC}"):
            _stream(installation.kafka, deployment["id"], digits)
        started = time.monotonic()
        results = _train(api, deployment["id"])
        report.stages["Two models trained at the same time"] = round(time.monotonic() - started, 3)
        report.models = [_summary(api, result) for result in results]
        best = max(results, key=lambda result: result["test_metrics"]["accuracy"])
        _show_models(report.models, best["id"])
        with report.stage(f"Result {best['id']} deployed from {INPUT_TOPIC} to {OUTPUT_TOPIC}"):
            inference = _deploy_inference(api, best["id"])
        try:
            report.predictions = _predict(installation.kafka, digits)
        finally:
            with suppress(ConflictError):  # one that has failed can't be stopped, and its reason is what counts
                api.post(f"inferences/{inference['id']}/stop")
        for _ in api.wait(f"inferences/{inference['id']}", frozenset({"stopped", "failed"}), seconds=60):
            pass
    if report.predictions["accuracy"] <= ACCURACY_TO_REACH:
        raise KafkaMLError(f"Only {report.predictions['accuracy']:.1%} of the unseen digits were predicted right.")


def _valid_model(api: Client, name: str, code: str) -> int:
    """The id of the model of that name, made on the first run."""
    known = [model for model in api.all("models", name=name) if model["name"] == name]
    model = (
        known[0] if known else api.post("models", {"name": name, "description": "From `kafka-ml demo`", "code": code})
    )
    if model["state"] == "invalid":  # a run that was cut off may have stopped its check
        api.post(f"models/{model['id']}/validate")
    *_, model = api.wait(f"models/{model['id']}", frozenset({"valid", "invalid"}), seconds=180)
    if model["state"] != "valid":
        raise KafkaMLError(f"Model {name} is invalid: {model['failure']['message']}")
    return int(model["id"])


def _deploy(api: Client, model_ids: list[int]) -> Document:
    known = [entry for entry in api.all("configurations", name="demo-digits") if entry["name"] == "demo-digits"]
    configuration = known[0] if known else api.post("configurations", {"name": "demo-digits", "model_ids": model_ids})
    body = {
        "configuration_id": configuration["id"],
        "batch_size": 32,
        "fit": f"epochs={EPOCHS}",
        "description": "From `kafka-ml demo`",
    }
    return api.post("deployments", body)


def _stream(kafka: str, deployment_id: int, digits: Digits) -> None:
    with RawSink(kafka, topic=TOPIC, deployment_id=deployment_id, validation_rate=0.1, test_rate=0.1) as sink:
        sink.send_many(digits.images, digits.labels)


def _train(api: Client, deployment_id: int) -> list[Document]:
    """Show the epochs of all results as they come, until the deployment has ended."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, TextColumn("{task.fields[metrics]}"), console=console) as progress:
        bars: dict[int, TaskID] = {}
        for _ in api.wait(f"deployments/{deployment_id}", frozenset({"finished", "failed", "stopped"}), seconds=600):
            for result in api.all("results", deployment_id=deployment_id):
                if result["id"] not in bars:
                    bars[result["id"]] = progress.add_task(f"Result {result['id']}", total=EPOCHS, metrics="")
                progress.update(
                    bars[result["id"]], completed=result["epochs_done"], metrics=_text(result["training_metrics"] or {})
                )
    results = api.all("results", deployment_id=deployment_id)
    for result in results:
        if result["state"] != "finished":
            reason = (result["failure"] or {}).get("message", "see `kafka-ml logs`")
            raise KafkaMLError(f"Result {result['id']} is {result['state']}: {reason}")
    return results


def _summary(api: Client, result: Document) -> Document:
    epochs = api.all(f"results/{result['id']}/epochs")
    return {
        "result_id": result["id"],
        "model": api.get(f"models/{result['model_id']}")["name"],
        "epochs": [{"epoch": entry["epoch"], **entry["metrics"]} for entry in epochs],
        "test": result["test_metrics"],
        "duration_seconds": result["duration_seconds"],
    }


def _show_models(models: list[Document], best: int) -> None:
    table = Table(title="Metrics per epoch", title_justify="left", header_style="bold", box=None)
    table.add_column("\nepoch", justify="right")
    for model in models:
        for metric in ("loss", "accuracy", "validation"):
            table.add_column(f"{model['model'].removeprefix('demo-digits-')}\n{metric}", justify="right")
    for rows in zip(*(model["epochs"] for model in models), strict=True):
        values = (f"{row[metric]:.4f}" for row in rows for metric in ("loss", "accuracy", "val_accuracy"))
        table.add_row(str(rows[0]["epoch"]), *values)
    console.print(table)
    for model in models:
        mark = " [green]← the better one[/green]" if model["result_id"] == best else ""
        console.print(f"Test of {model['model']}: {_text(model['test'])}{mark}")


def _deploy_inference(api: Client, result_id: int) -> Document:
    # An earlier run that was cut off may have left an inference on these topics; its predictions would mix with ours.
    for old in api.all("inferences"):
        if old["input_topic"] == INPUT_TOPIC and old["state"] not in ("stopped", "failed", "stopping"):
            api.post(f"inferences/{old['id']}/stop")
    created = api.post(
        f"results/{result_id}/inferences",
        {"input_topic": INPUT_TOPIC, "output_topic": OUTPUT_TOPIC, "start_from": "latest"},
    )
    *_, inference = api.wait(f"inferences/{created['id']}", frozenset({"running", "failed", "stopped"}), seconds=180)
    if inference["state"] != "running":
        raise KafkaMLError(
            f"The inference {inference['state']}: {(inference['failure'] or {}).get('message', 'no reason known')}"
        )
    return inference


def _predict(kafka: str, digits: Digits) -> Document:
    with InferenceClient(kafka, input_topic=INPUT_TOPIC, output_topic=OUTPUT_TOPIC) as client:
        with console.status("Unseen digits are predicted through Kafka ..."):
            rows = client.predict(digits.unseen_images, timeout=120)
        predicted = rows.argmax(axis=1)
        many = np.resize(digits.unseen_images, (THROUGHPUT_MESSAGES, 8, 8))
        with console.status(f"{THROUGHPUT_MESSAGES:,} more, to see how fast it goes ..."):
            started = time.monotonic()
            client.predict(many, timeout=300)
            seconds = time.monotonic() - started
    accuracy = float((predicted == digits.unseen_labels).mean())
    table = Table(title="Some of the unseen digits", title_justify="left", header_style="bold", box=None)
    for column in ("digit", "predicted", "probability", ""):
        table.add_column(column, justify="right")
    for truth, row in list(zip(digits.unseen_labels, rows, strict=True))[:8]:
        right = truth == row.argmax()
        table.add_row(
            str(truth), str(row.argmax()), f"{row.max():.3f}", "[green]✓[/green]" if right else "[red]✗[/red]"
        )
    console.print(table)
    console.print(
        f"{accuracy:.1%} of {len(predicted)} unseen digits predicted right; {THROUGHPUT_MESSAGES / seconds:,.0f} predictions a second, exactly once."
    )
    return {
        "count": len(predicted),
        "accuracy": accuracy,
        "throughput_messages": THROUGHPUT_MESSAGES,
        "throughput_seconds": round(seconds, 3),
        "per_second": round(THROUGHPUT_MESSAGES / seconds, 1),
        "sample": [
            {"truth": int(t), "predicted": int(p)}
            for t, p in list(zip(digits.unseen_labels, predicted, strict=True))[:8]
        ],
    }


def _text(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items() if value is not None)
