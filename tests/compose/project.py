"""A project of the compose file, brought up under a name and on ports of its own."""

import contextlib
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka_ml_cli.client import Client, Document
from kafka_ml_common.errors import UnavailableError
from kafka_ml_local.ports import free_port

FILE = Path(__file__).parents[2] / "docker-compose.yml"
SERVICES = ("kafka", "postgres", "minio", "api", "control", "scheduler")
OURS = ("api", "control", "scheduler")
START_SECONDS = 240


@dataclass
class Project:
    """The platform in containers. Images are those of `TAG` and `REGISTRY`, and of whatever else the environment says."""

    name: str = field(default_factory=lambda: f"kafka-ml-test-{uuid.uuid4().hex[:8]}")
    api_port: int = field(default_factory=free_port)
    kafka_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.api_port}"

    @property
    def kafka(self) -> str:
        return f"localhost:{self.kafka_port}"

    def compose(self, *arguments: str, seconds: float = 120) -> str:
        """What `docker compose` printed; AssertionError with everything that it said if it failed."""
        environment = os.environ | {"API_PORT": str(self.api_port), "KAFKA_PORT": str(self.kafka_port)}
        command = ["docker", "compose", "--project-name", self.name, "--file", str(FILE), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self) -> None:
        """Start what does not run, from images that are there, and wait until all of it is healthy."""
        waiting = ("--wait", "--wait-timeout", str(START_SECONDS))
        self.compose("up", "--no-build", "--quiet-pull", *waiting, seconds=START_SECONDS + 30)

    def down(self, *arguments: str) -> None:
        self.compose("down", *arguments, seconds=180)

    def healthy(self) -> set[str]:
        """The services that say of themselves that they are well."""
        lines = self.compose("ps", "--format", "json").splitlines()
        return {entry["Service"] for entry in map(json.loads, lines) if entry["Health"] == "healthy"}

    def inspect(self, service: str) -> dict[str, Any]:
        """What Docker knows of a service's container."""
        (container,) = self.compose("ps", "--all", "--quiet", service).split()
        told = subprocess.run(["docker", "inspect", container], capture_output=True, timeout=30, check=True).stdout
        return dict(json.loads(told)[0])

    def until(self, api: Client, path: str, happened: Callable[[Document], bool], *, seconds: float = 180) -> Document:
        """What is at a path once something is true of it. The API may be away meanwhile: restarting it is what tests do."""
        deadline, last = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            with contextlib.suppress(UnavailableError):
                last = api.get(path)
                if happened(last):
                    return last
            time.sleep(0.1)
        raise AssertionError(f"{path} is {last} after {seconds:.0f} s")
