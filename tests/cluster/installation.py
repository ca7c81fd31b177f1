"""An installation of the chart, as an operator makes it and a user outside the cluster meets it: helm, kubectl and forwarded ports."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka_ml_cli.client import Client, Document
from kafka_ml_sinks import RawSink

CHART = Path(__file__).parents[2] / "helm" / "kafka-ml"
DEADLINE = 180.0
KAFKA_PORT = 9094
"""That under which the chart's own Kafka tells clients outside to come back."""


@dataclass
class Installation:
    """A release in a namespace of its own.

    Attributes:
        values: of the chart, as `--set` takes them, besides those that each test release has.
    """

    namespace: str
    release: str = "ml"
    values: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the names of its objects begin with."""
        return f"{self.release}-kafka-ml"

    def helm(self, *words: str, seconds: float = 300) -> str:
        return _run("helm", words[0], "--namespace", self.namespace, *words[1:], seconds=seconds)

    def kubectl(self, *words: str, seconds: float = 60) -> str:
        return _run("kubectl", "--namespace", self.namespace, *words, seconds=seconds)

    def get(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """Objects of a kind."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, *words, "-o", "json"))["items"]
        return items

    def install(self, **more: str) -> None:
        """`helm upgrade --install`, until everything is ready."""
        pairs = [f"{key}={value}" for key, value in (self.values | more).items()]
        words = [word for pair in pairs for word in ("--set", pair)]
        self.helm("upgrade", self.release, str(CHART), "--install", *words, "--wait", "--timeout", "5m", seconds=330)

    def workload_pods(self, workload_id: str) -> list[dict[str, Any]]:
        return self.get("pods", "-l", f"kafka-ml.org/workload={workload_id}")

    @contextmanager
    def reached(self, *, kafka: bool = True) -> Iterator["User"]:
        """Somebody outside the cluster, by way of forwarded ports; Kafka's is a fixed one, so only one may have it at a time."""
        with ExitStack() as stack:
            api = stack.enter_context(self._forwarded(f"svc/{self.name}-api", 0, 80))
            if kafka:
                stack.enter_context(self._forwarded(f"svc/{self.name}-dev-kafka", KAFKA_PORT, KAFKA_PORT))
            client = stack.enter_context(Client(f"http://127.0.0.1:{api}"))
            yield User(client, f"http://127.0.0.1:{api}", f"localhost:{KAFKA_PORT}")

    @contextmanager
    def _forwarded(self, target: str, here: int, there: int) -> Iterator[int]:
        command = ["kubectl", "--namespace", self.namespace, "port-forward", target, f"{here or ''}:{there}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
            assert found, line + (process.stdout.read() if process.poll() is not None else "")
            # Each connection is told of; nobody reads it, so it must not fill the pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield int(found.group(1))
        finally:
            process.terminate()
            process.wait(10)

    def troubles(self) -> str:
        """What to look at when a test failed."""
        parts = [self.kubectl("get", "pods", "-o", "wide"), self.kubectl("get", "events", "--sort-by=.lastTimestamp")]
        services = (f"deploy/{self.name}-{part}" for part in ("api", "control", "scheduler"))
        parts += [self.kubectl("logs", service, "--tail=60", "--all-containers") for service in services]
        return "\n".join(parts)[-30_000:]


@dataclass
class User:
    """Somebody who uses the installation from outside."""

    api: Client
    url: str
    kafka: str

    def demo(self, home: Path) -> Document:
        """`kafka-ml demo --url ...`; its report."""
        command = Path(sys.executable).with_name("kafka-ml")
        environment = os.environ | {"KAFKA_ML_HOME": str(home), "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": self.kafka}
        done = subprocess.run(
            [command, "demo", "--url", self.url, "--json"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        report: Document = json.loads(done.stdout)
        return report

    def model(self, name: str, code: str, state: str = "valid") -> Document:
        created = self.api.post("models", {"name": name, "code": code})
        model = self.wait(f"models/{created['id']}", "valid", "invalid")
        assert model["state"] == state, model
        return model

    def deploy(self, model: Document, **settings: Any) -> Document:
        body = {"name": f"of-{model['name']}", "model_ids": [model["id"]]}
        configuration = self.api.post("configurations", body)
        return self.api.post("deployments", {"configuration_id": configuration["id"], **settings})

    def stream(self, deployment: Document, topic: str, images: Any, labels: Any) -> Document:
        """Send a stream for a deployment; its one result."""
        with RawSink(self.kafka, topic=topic, deployment_id=deployment["id"], test_rate=0.2) as sink:
            sink.send_many(images, labels)
        (result,) = self.api.all("results", deployment_id=deployment["id"])
        return result

    def wait(self, path: str, *states: str, seconds: float = DEADLINE) -> Document:
        *_, document = self.api.wait(path, frozenset(states), seconds=seconds, every=0.2)
        return document

    def until(self, path: str, happened: Callable[[Document], Any], seconds: float = DEADLINE) -> Document:
        """What is at a path once something is true of it."""
        deadline = time.monotonic() + seconds
        while not happened(document := self.api.get(path)):
            assert time.monotonic() < deadline, document
            threading.Event().wait(0.2)
        return document


def _run(*command: str, seconds: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
