"""What tests on a cluster are made of: what the cluster has, as it tells by itself; the scheduler as a process; a way to lose the cluster."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import yaml
from kubernetes_asyncio import watch

from kafka_ml_scheduler.runtimes.kubernetes import names
from services.scheduler.tests.conftest import wait_until

Object = dict[str, Any]

NO_NODE = {"kafka-ml.org/no-such-node": "yes"}
"""A node selector: pods with it wait for ever and cost nothing."""
NO_IMAGE = "localhost:1/kafka-ml/none:1"
"""Of a registry that nobody runs."""
BUSYBOX = "busybox:1.36"


def image(target: str) -> str:
    """One of our images, of `REGISTRY` and `TAG`."""
    registry = os.environ.get("REGISTRY", "")
    return f"{registry.rstrip('/') + '/' if registry else ''}kafka-ml/{target}:{os.environ.get('TAG') or 'dev'}"


def small(spec: Any, **placement: object) -> Any:
    """The same workload, with next to no processor of its own: the cluster has other tests to run."""
    settings = spec.settings
    placement = settings.placement.model_copy(update={"cpus": 0.01} | placement)
    return spec.model_copy(update={"settings": settings.model_copy(update={"placement": placement})})


class Sight:
    """All objects of one kind in a namespace.

    Attributes:
        present: by name.
        ever: uid of each that there has been, and its name.
    """

    def __init__(self, list_them: Callable[..., Any], namespace: str) -> None:
        self._list_them = list_them
        self._namespace = namespace
        self.present: dict[str, Object] = {}
        self.ever: dict[str, str] = {}

    async def follow(self) -> None:
        """Follow until cancelled."""
        async with watch.Watch() as watching:
            async for event in watching.stream(self._list_them, self._namespace, resource_version="0"):
                self._take(event["type"], event["raw_object"])

    def _take(self, kind: str, found: Object) -> None:
        name = found["metadata"]["name"]
        self.ever[found["metadata"]["uid"]] = name
        if kind == "DELETED":
            self.present.pop(name, None)
        else:
            self.present[name] = found

    def per_workload(self) -> Counter[str]:
        """How many there are now of each workload."""
        return Counter(found["metadata"]["labels"][names.WORKLOAD] for found in self.present.values())

    def of(self, workload_id: str) -> list[Object]:
        """Those of a workload, the oldest first."""
        mine = [found for found in self.present.values() if found["metadata"]["labels"][names.WORKLOAD] == workload_id]
        return sorted(mine, key=lambda found: int(found["metadata"]["resourceVersion"]))


class Scheduler:
    """The scheduler's process on this machine, with the cluster as its runtime. It is a replica if it has a name."""

    def __init__(self, kafka: str, namespace: str, folder: Path, name: str = "scheduler") -> None:
        self._kafka = kafka
        self._namespace = namespace
        self._folder = folder / name
        self._folder.mkdir()
        self._name = name
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def ready(self) -> bool:
        """Whether it says so."""
        return (self._folder / "ready").exists()

    def printed(self) -> str:
        """All that it has logged."""
        log = self._folder / "scheduler.log"
        return log.read_text() if log.exists() else ""

    async def start(self, **settings: object) -> None:
        """Start it and wait for its sign of life. `settings` are variables without their prefix `KAFKA_ML_`."""
        (self._folder / "ready").unlink(missing_ok=True)
        variables = {
            "runtime": "kubernetes",
            "kafka_bootstrap_servers": self._kafka,
            "state_folder": self._folder,
            "max_parallel": 100,
            "kubernetes_namespace": self._namespace,
            "kubernetes_pod_name": self._name,
            "kubernetes_warm_validators": 0,
            "kubernetes_trainer_image": BUSYBOX,
            "kubernetes_inferer_image": BUSYBOX,
            "kubernetes_guest_images": f'{{"tensorflow": "{BUSYBOX}"}}',
            "log_format": "json",
        } | settings
        environment = {f"KAFKA_ML_{name.upper()}": str(value) for name, value in variables.items()}
        with (self._folder / "scheduler.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it is back at once
                [sys.executable, "-m", "kafka_ml_scheduler"], env=os.environ | environment, stderr=log
            )
        await wait_until(lambda: self.ready or self.process is None or self.process.poll() is not None, within=90)
        assert self.process.poll() is None, f"the scheduler ended at once:\n{self.printed()}"

    def kill(self) -> None:
        """End it as the kernel does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator does; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.process = None
        return code


class Line:
    """A connection to the API server that can be cut, on a port of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.taken = 0
        """How many connections it has had."""

    async def __aenter__(self) -> "Line":
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def cut(self) -> None:
        """End all connections and take no more."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def mend(self) -> None:
        """Take connections (again)."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
        ends = {writer, there_writer}
        self._open |= ends
        try:
            await asyncio.gather(_pass_on(reader, there_writer), _pass_on(there_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


def kubeconfig_through(line: Line, original: Path, folder: Path) -> Path:
    """A copy of the kubeconfig that goes over the line; the server still has to show the certificate of its own name."""
    settings = yaml.safe_load(original.read_text())
    (context,) = [entry for entry in settings["contexts"] if entry["name"] == settings["current-context"]]
    (entry,) = [entry for entry in settings["clusters"] if entry["name"] == context["context"]["cluster"]]
    name = entry["cluster"]["server"].partition("//")[2].rpartition(":")[0]
    entry["cluster"] |= {"server": f"https://127.0.0.1:{line.port}", "tls-server-name": name}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(settings))
    path.chmod(0o600)
    return path


@contextlib.asynccontextmanager
async def background(*works: Callable[[], Any]) -> AsyncIterator[None]:
    """Have them done meanwhile; an error of theirs is raised at the end."""
    tasks = [asyncio.create_task(work()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
