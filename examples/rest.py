"""The REST API as the examples use it: a few calls of httpx, each shown once."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from kafka_ml_sinks import KafkaMLError

Document = dict[str, Any]

HOW_TO_SAY_WHERE = """Start an installation on this machine with `kafka-ml up`, or say where another one is:
  export KAFKA_ML_URL=http://HOST:PORT
  export KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS=HOST:PORT
`kafka-ml status` shows both addresses."""


class ExampleError(Exception):
    """The example can't go on, for a reason that is told in a sentence."""


def addresses() -> tuple[str, str]:
    """URL of the API and Kafka's bootstrap servers: from the environment, else as `kafka-ml up` has noted them on this machine."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    home = Path(os.environ.get("KAFKA_ML_HOME") or Path(data, "kafka-ml"))
    try:
        noted = json.loads((home / "installation.json").read_text())
    except (OSError, ValueError):
        noted = {}
    url = os.environ.get("KAFKA_ML_URL") or noted.get("url")
    kafka = os.environ.get("KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS") or noted.get("kafka")
    if not url or not kafka:
        raise ExampleError(f"No installation is known.\n{HOW_TO_SAY_WHERE}")
    return url.rstrip("/").removesuffix("/api/v1"), kafka


class Platform:
    """An installation of Kafka-ML. Every method raises ExampleError, with what the API said, when a step fails."""

    def __init__(self) -> None:
        self.url, self.kafka = addresses()
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Document:
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Document:
        return self._ask("POST", path, json=body or {})

    def patch(self, path: str, body: Mapping[str, Any]) -> Document:
        return self._ask("PATCH", path, json=body)

    def model(self, name: str, file: Path) -> Document:
        """The model of that name with the code in `file`, once the platform has built it in its sandbox."""
        code = file.read_text(encoding="utf-8")
        known = self._named("models", name)
        if known is None:
            model = self.post("models", {"name": name, "code": code})
        elif self.get(f"models/{known['id']}")["code"] != code:
            model = self.patch(f"models/{known['id']}", {"code": code})
        else:
            model = known
        model = self.wait(f"models/{model['id']}", {"valid", "invalid"}, seconds=120)
        if model["state"] == "invalid":
            raise ExampleError(f"Model {name} is invalid: {model['failure']['message']}")
        print(f"Model {name} is valid: {model['summary']['parameters']:,} parameters.")
        return model

    @contextmanager
    def deployment(self, name: str, models: list[Document], **settings: Any) -> Iterator[Document]:
        """A deployment that awaits a stream for these models. It is stopped if the block ends before its training did."""
        ids = [model["id"] for model in models]
        configuration = self._named("configurations", name)
        if configuration is None:
            configuration = self.post("configurations", {"name": name, "model_ids": ids})
        elif configuration["model_ids"] != ids:
            self.patch(f"configurations/{configuration['id']}", {"model_ids": ids})
        deployment = self.post("deployments", {"configuration_id": configuration["id"], **settings})
        print(f"Deployment {deployment['id']} awaits its stream.")
        try:
            yield deployment
        finally:
            if self.get(f"deployments/{deployment['id']}")["state"] in ("awaiting", "running"):
                self.post(f"deployments/{deployment['id']}/stop")

    def results(self, deployment: Document, *, seconds: float = 300) -> list[Document]:
        """The results of a deployment, once its models are trained."""
        deployment = self.wait(f"deployments/{deployment['id']}", {"finished", "failed", "stopped"}, seconds=seconds)
        results = [self.get(f"results/{result['id']}") for result in deployment["results"]]
        for result in results:
            if result["state"] != "finished":
                reason = result["failure"]["message"] if result["failure"] else "no reason is known."
                raise ExampleError(f"Result {result['id']} is {result['state']}: {reason}")
            test = ", ".join(f"{name} {value:.4f}" for name, value in result["test_metrics"].items())
            print(f"Result {result['id']} took {result['duration_seconds']:.1f} s. Test: {test}.")
        return results

    @contextmanager
    def inference(self, result: Document, input_topic: str, output_topic: str) -> Iterator[Document]:
        """A trained model that predicts what comes in on one topic into the other, until the block ends."""
        topics = {"input_topic": input_topic, "output_topic": output_topic}
        # These topics were used before: what is in them has been predicted.
        inference = self.post(f"results/{result['id']}/inferences", {**topics, "start_from": "latest"})
        path = f"inferences/{inference['id']}"
        try:
            inference = self.wait(path, {"running", "failed", "stopped"}, seconds=120)
            if inference["state"] != "running":
                reason = inference["failure"]["message"] if inference["failure"] else "no reason is known."
                raise ExampleError(f"Inference {inference['id']} is {inference['state']}: {reason}")
            print(f"Inference {inference['id']} reads {input_topic} and writes {output_topic}.")
            yield inference
        finally:
            if self.get(path)["state"] in ("pending", "running"):
                self.post(f"{path}/stop")

    def wait(self, path: str, states: set[str], *, seconds: float) -> Document:
        """What is at a path, once it is in one of the states."""
        deadline = time.monotonic() + seconds
        while (document := self.get(path))["state"] not in states:
            if time.monotonic() > deadline:
                raise ExampleError(f"{path} is still {document['state']} after {seconds:g} s; see `kafka-ml logs`.")
            time.sleep(0.2)
        return document

    def _named(self, collection: str, name: str) -> Document | None:
        found = self.get(collection, name=name, limit=100)["items"]
        return next((entry for entry in found if entry["name"] == name), None)

    def _ask(self, method: str, path: str, **arguments: Any) -> Document:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise ExampleError(f"Nothing answers at {self.url} ({error}).\n{HOW_TO_SAY_WHERE}") from error
        if response.is_error:
            raise ExampleError(f"{method} {path}: {problem(response)}")
        return dict(response.json()) if response.content else {}


def problem(response: httpx.Response) -> str:
    """What the API says about an error, as one sentence: problem details (RFC 9457), in which `advice` and `errors` are extensions."""
    try:
        details = response.json()
    except ValueError:
        return f"the answer was {response.status_code} {response.reason_phrase}."
    fields = (f"{error['pointer']}: {error['detail']}" for error in details.get("errors") or ())
    return " ".join(part for part in (details.get("detail"), details.get("advice"), *fields) if part)


def run(example: Callable[[], Document]) -> None:
    """Run an example and end the process: 0 with its figures as a last line of JSON, 1 with a sentence on what went wrong."""
    try:
        figures = example()
    except (ExampleError, KafkaMLError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    print(json.dumps(figures))
