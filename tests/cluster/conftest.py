"""A namespace of its own for each test, on the cluster of KUBECONFIG, and schedulers as processes of this machine."""

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from kubernetes_asyncio import client, config

from services.scheduler.tests.conftest import (
    Events,
    events,
    inference,
    publisher,
    settings,
    training,
    validation,
    wait_until,
)
from tests.cluster.parts import Line, Scheduler, Sight, background, kubeconfig_through

__all__ = ["events", "inference", "publisher", "settings", "training", "validation"]

PATIENCE = 90.0
"""Seconds. A cluster has much else to do; how fast something has to be, its test measures."""


@dataclass
class Cluster:
    """The cluster's API, and the file that says how to reach it."""

    kubeconfig: Path
    api: client.ApiClient

    @property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.api)

    @property
    def apps(self) -> client.AppsV1Api:
        return client.AppsV1Api(self.api)

    @property
    def batch(self) -> client.BatchV1Api:
        return client.BatchV1Api(self.api)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Waits for a condition: `await until(condition)`."""
    return partial(wait_until, within=PATIENCE)


@pytest.fixture(autouse=True)
def _patient(events: Events) -> None:
    events.within = PATIENCE


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """The cluster of KUBECONFIG."""
    path = os.environ.get("KUBECONFIG")
    if not path:
        pytest.fail(
            "These tests need a Kubernetes cluster: set KUBECONFIG to the file that says how to reach one.",
            pytrace=False,
        )
    chosen = client.Configuration()
    await config.load_kube_config(path, client_configuration=chosen)
    async with client.ApiClient(chosen) as api:
        yield Cluster(Path(path), api)


@pytest.fixture
async def namespace(cluster: Cluster) -> AsyncIterator[str]:
    """A fresh namespace that only takes pods as closed as can be."""
    name = f"kafka-ml-test-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await cluster.core.create_namespace({"metadata": {"name": name, "labels": labels}})
    accounts = Sight(cluster.core.list_namespaced_service_account, name)
    try:
        async with background(accounts.follow):
            await wait_until(lambda: "default" in accounts.present, PATIENCE)  # no pod is let in before
        yield name
    finally:
        await cluster.core.delete_namespace(name)


async def _seen(list_them: Callable[..., object], namespace: str) -> AsyncIterator[Sight]:
    sight = Sight(list_them, namespace)
    async with background(sight.follow):
        yield sight


@pytest.fixture
async def jobs(cluster: Cluster, namespace: str) -> AsyncIterator[Sight]:
    async for sight in _seen(cluster.batch.list_namespaced_job, namespace):
        yield sight


@pytest.fixture
async def pods(cluster: Cluster, namespace: str) -> AsyncIterator[Sight]:
    async for sight in _seen(cluster.core.list_namespaced_pod, namespace):
        yield sight


@pytest.fixture
async def sets(cluster: Cluster, namespace: str) -> AsyncIterator[Sight]:
    async for sight in _seen(cluster.apps.list_namespaced_stateful_set, namespace):
        yield sight


@pytest.fixture
def schedulers(
    request: pytest.FixtureRequest, kafka: str, publisher: object, namespace: str, tmp_path: Path
) -> Iterator[Callable[[str], Scheduler]]:
    """Makes schedulers by name; none is left after the test, and all they logged is shown if it failed."""
    made: list[Scheduler] = []

    def make(name: str) -> Scheduler:
        made.append(Scheduler(kafka, namespace, tmp_path, name))
        return made[-1]

    failed_before = request.session.testsfailed
    yield make
    for scheduler in made:
        if scheduler.process is not None:
            scheduler.kill()
        if request.session.testsfailed > failed_before:
            print(f"--- scheduler\n{scheduler.printed()[-20_000:]}")  # noqa: T201 - pytest shows it with the failure


@pytest.fixture
def scheduler(schedulers: Callable[[str], Scheduler]) -> Scheduler:
    """A scheduler to be started."""
    return schedulers("scheduler")


@pytest.fixture
async def line(cluster: Cluster, tmp_path: Path) -> AsyncIterator[tuple[Line, Path]]:
    """A connection to the cluster that can be cut, and a kubeconfig that uses it."""
    host, _, port = cluster.api.configuration.host.partition("//")[2].rstrip("/").rpartition(":")
    async with Line(host, int(port)) as line:
        yield line, kubeconfig_through(line, cluster.kubeconfig, tmp_path)
