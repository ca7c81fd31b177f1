"""Commands for every resource of the API. They only call the REST API, so they work with an installation anywhere."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from kafka_ml_cli.context import client
from kafka_ml_cli.output import console, print_json, print_list, print_one, print_text
from kafka_ml_common.errors import InvalidError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[int, typer.Argument(min=1, help="The id.")]
State = Annotated[str | None, typer.Option(help="Only those in this state.")]
Lines = Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000, help="The last lines, at most.")]
Part = Annotated[
    Literal["host", "model"],
    typer.Option(help="host: what Kafka-ML says of the run. model: what the model's code and its libraries print."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")]

models = typer.Typer(no_args_is_help=True, help="Keras models: code kept in versions.")
configurations = typer.Typer(no_args_is_help=True, help="Models that learn from the same stream.")
deployments = typer.Typer(no_args_is_help=True, help="Configurations deployed for training.")
results = typer.Typer(no_args_is_help=True, help="What trainings gave: metrics, curves, models.")
datasources = typer.Typer(no_args_is_help=True, help="Data streams that were announced.")
inferences = typer.Typer(no_args_is_help=True, help="Trained models between two topics.")


def _read_code(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{file} can't be read: {error}.") from error


def _waited(path: str, ended: set[str], seconds: float) -> dict[str, Any]:
    with client() as api, console.status(f"Waiting for {path} ..."):
        *_, last = api.wait(path, frozenset(ended), seconds=seconds)
    return last


def _show_log(path: str, part: str, lines: int, replica: int = 0) -> None:
    with client() as api:
        text = api.text(f"{path}/log", part=part, lines=lines, replica=replica)
    print_text(text)


@models.command("list")
def list_models(as_json: Json = False, state: State = None) -> None:
    """List models."""
    with client() as api:
        items = api.all("models", state=state)
    print_list(items, ["id", "name", "version", "state", "created_at"], as_json=as_json, empty="No models yet.")


@models.command("show")
def show_model(model_id: Id, as_json: Json = False) -> None:
    """Show a model: its code, and its summary or why it is invalid."""
    with client() as api:
        print_one(api.get(f"models/{model_id}"), as_json=as_json)


@models.command("create")
def create_model(
    name: str,
    file: Annotated[Path, typer.Argument(help="A file with the model's code; - for standard input.")],
    description: str = "",
    as_json: Json = False,
) -> None:
    """Create a model from a file of Keras code, and wait until it is validated."""
    with client() as api:
        created = api.post("models", {"name": name, "description": description, "code": _read_code(file)})
    print_one(_waited(f"models/{created['id']}", {"valid", "invalid"}, 120), as_json=as_json)


@models.command("update")
def update_model(model_id: Id, file: Path, as_json: Json = False) -> None:
    """Give a model new code, as a new version, and wait until it is validated."""
    with client() as api:
        api.patch(f"models/{model_id}", {"code": _read_code(file)})
    print_one(_waited(f"models/{model_id}", {"valid", "invalid"}, 120), as_json=as_json)


@models.command("validate")
def validate_model(model_id: Id, as_json: Json = False) -> None:
    """Validate a model again."""
    with client() as api:
        api.post(f"models/{model_id}/validate")
    print_one(_waited(f"models/{model_id}", {"valid", "invalid"}, 120), as_json=as_json)


@models.command("log")
def show_model_log(model_id: Id, part: Part = "host", lines: Lines = 1000) -> None:
    """Show what the last validation of a model has printed."""
    _show_log(f"models/{model_id}", part, lines)


@configurations.command("list")
def list_configurations(as_json: Json = False) -> None:
    """List configurations."""
    with client() as api:
        items = api.all("configurations")
    print_list(items, ["id", "name", "model_ids", "created_at"], as_json=as_json, empty="No configurations yet.")


@configurations.command("show")
def show_configuration(configuration_id: Id, as_json: Json = False) -> None:
    """Show a configuration."""
    with client() as api:
        print_one(api.get(f"configurations/{configuration_id}"), as_json=as_json)


@configurations.command("create")
def create_configuration(name: str, model_ids: list[int], description: str = "", as_json: Json = False) -> None:
    """Group models in a configuration."""
    body = {"name": name, "description": description, "model_ids": model_ids}
    with client() as api:
        print_one(api.post("configurations", body), as_json=as_json)


@deployments.command("list")
def list_deployments(as_json: Json = False, state: State = None) -> None:
    """List deployments."""
    with client() as api:
        items = api.all("deployments", state=state)
    columns = ["id", "configuration_id", "state", "datasource_id", "created_at"]
    print_list(items, columns, as_json=as_json, empty="No deployments yet.")


@deployments.command("show")
def show_deployment(deployment_id: Id, as_json: Json = False) -> None:
    """Show a deployment."""
    with client() as api:
        print_one(api.get(f"deployments/{deployment_id}"), as_json=as_json)


@deployments.command("create")
def create_deployment(
    configuration_id: Id,
    batch_size: int = 32,
    fit: Annotated[
        str, typer.Option(help="Arguments of fit, as Keras users know them: 'epochs=5, steps_per_epoch=100'.")
    ] = "",
    evaluate: Annotated[str, typer.Option(help="Arguments of evaluate: 'steps=100'.")] = "",
    description: str = "",
    as_json: Json = False,
) -> None:
    """Deploy a configuration for training on the next stream that is sent for it."""
    body = {
        "configuration_id": configuration_id,
        "batch_size": batch_size,
        "fit": fit,
        "evaluate": evaluate,
        "description": description,
    }
    with client() as api:
        print_one(api.post("deployments", body), as_json=as_json)


@deployments.command("wait")
def wait_for_deployment(deployment_id: Id, seconds: float = 3600, as_json: Json = False) -> None:
    """Wait until every training of a deployment has ended."""
    print_one(_waited(f"deployments/{deployment_id}", {"finished", "failed", "stopped"}, seconds), as_json=as_json)


@deployments.command("stop")
def stop_deployment(deployment_id: Id, as_json: Json = False) -> None:
    """Stop a deployment's trainings."""
    with client() as api:
        print_one(api.post(f"deployments/{deployment_id}/stop"), as_json=as_json)


@results.command("list")
def list_results(deployment_id: int | None = None, as_json: Json = False, state: State = None) -> None:
    """List results."""
    with client() as api:
        items = api.all("results", deployment_id=deployment_id, state=state)
    columns = ["id", "deployment_id", "model_id", "state", "epochs_done", "training_metrics", "test_metrics"]
    print_list(items, columns, as_json=as_json, empty="No results yet.")


@results.command("show")
def show_result(result_id: Id, as_json: Json = False) -> None:
    """Show a result: its metrics, its confusion matrix, or why it failed."""
    with client() as api:
        print_one(api.get(f"results/{result_id}"), as_json=as_json)


@results.command("epochs")
def show_epochs(result_id: Id, as_json: Json = False) -> None:
    """Show a result's metrics epoch by epoch."""
    with client() as api:
        items = api.all(f"results/{result_id}/epochs")
    columns = ["epoch", "metrics", "duration_seconds", "samples_per_second"]
    print_list(items, columns, as_json=as_json, empty="No epochs yet.")


@results.command("log")
def show_result_log(result_id: Id, part: Part = "host", lines: Lines = 1000) -> None:
    """Show what a training has printed, also while it runs."""
    _show_log(f"results/{result_id}", part, lines)


@results.command("download")
def download_model(
    result_id: Id, file: Annotated[Path | None, typer.Argument(help="Where to write it.")] = None
) -> None:
    """Download a trained model in the Keras format."""
    target = file or Path(f"result-{result_id}.keras")
    with client() as api:
        size = api.download(f"results/{result_id}/model", target)
    console.print(f"{target}: {size:,} bytes")


@datasources.command("list")
def list_datasources(as_json: Json = False) -> None:
    """List data sources."""
    with client() as api:
        items = api.all("datasources")
    columns = ["id", "deployment_id", "input_format", "description", "total_messages", "created_at"]
    print_list(items, columns, as_json=as_json, empty="No data sources yet.")


@datasources.command("show")
def show_datasource(datasource_id: Id, as_json: Json = False) -> None:
    """Show a data source."""
    with client() as api:
        print_one(api.get(f"datasources/{datasource_id}"), as_json=as_json)


@datasources.command("reuse")
def reuse_datasource(datasource_id: Id, deployment_id: int, as_json: Json = False) -> None:
    """Train another deployment on a data source that is still in the log."""
    with client() as api:
        print_one(api.post(f"datasources/{datasource_id}/reuse", {"deployment_id": deployment_id}), as_json=as_json)


@datasources.command("preview")
def preview_datasource(datasource_id: Id, limit: int = 5) -> None:
    """Show some decoded samples of a data source, as JSON."""
    with client() as api:
        print_json(api.get(f"datasources/{datasource_id}/preview", limit=limit))


@inferences.command("list")
def list_inferences(as_json: Json = False, state: State = None) -> None:
    """List inferences."""
    with client() as api:
        items = api.all("inferences", state=state)
    columns = ["id", "result_id", "state", "input_topic", "output_topic", "replicas", "rate", "lag", "predicted"]
    print_list(items, columns, as_json=as_json, empty="No inferences yet.")


@inferences.command("show")
def show_inference(inference_id: Id, as_json: Json = False) -> None:
    """Show an inference."""
    with client() as api:
        print_one(api.get(f"inferences/{inference_id}"), as_json=as_json)


@inferences.command("create")
def create_inference(
    result_id: Id, input_topic: str, output_topic: str, replicas: int = 1, wait: Wait = False, as_json: Json = False
) -> None:
    """Deploy a trained model between two topics."""
    body = {"result_id": result_id, "input_topic": input_topic, "output_topic": output_topic, "replicas": replicas}
    with client() as api:
        created = api.post("inferences", body)
    if wait:
        created = _waited(f"inferences/{created['id']}", {"running", "failed", "stopped"}, 120)
    print_one(created, as_json=as_json)


@inferences.command("scale")
def scale_inference(inference_id: Id, replicas: int, as_json: Json = False) -> None:
    """Change how many replicas share the input's partitions."""
    with client() as api:
        print_one(api.post(f"inferences/{inference_id}/scale", {"replicas": replicas}), as_json=as_json)


@inferences.command("swap")
def swap_model(inference_id: Id, result_id: int, as_json: Json = False) -> None:
    """Give a running inference another trained model."""
    with client() as api:
        print_one(api.post(f"inferences/{inference_id}/model", {"result_id": result_id}), as_json=as_json)


@inferences.command("stop")
def stop_inference(inference_id: Id, as_json: Json = False) -> None:
    """Stop an inference."""
    with client() as api:
        print_one(api.post(f"inferences/{inference_id}/stop"), as_json=as_json)


@inferences.command("predictions")
def show_predictions(inference_id: Id, limit: int = 10) -> None:
    """Show the last predictions of an inference, as JSON."""
    with client() as api:
        print_json(api.get(f"inferences/{inference_id}/predictions", limit=limit))


@inferences.command("log")
def show_inference_log(
    inference_id: Id,
    replica: Annotated[int, typer.Option(min=0, help="Which replica, from 0.")] = 0,
    part: Part = "host",
    lines: Lines = 1000,
) -> None:
    """Show what a replica of an inference has printed, also while it runs."""
    _show_log(f"inferences/{inference_id}", part, lines, replica)


def _add_delete(group: typer.Typer, collection: str) -> None:
    @group.command("delete")
    def delete(item_id: Id) -> None:
        """Delete it; refused while something uses it."""
        with client() as api:
            api.delete(f"{collection}/{item_id}")
        console.print(f"{collection}/{item_id} deleted")


for _group, _collection in (
    (models, "models"),
    (configurations, "configurations"),
    (deployments, "deployments"),
    (results, "results"),
    (inferences, "inferences"),
):
    _add_delete(_group, _collection)


def list_topics(as_json: Json = False) -> None:
    """List Kafka topics that streams and inferences may use."""
    with client() as api:
        items = api.get("topics")["items"]
    print_list(items, ["name", "partitions", "messages"], as_json=as_json, empty="No topics yet.")


def follow_events(
    type_: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
) -> None:
    """Follow what happens, an event a line, as JSON."""
    with client() as api:
        for event in api.events(type=type_):
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()
