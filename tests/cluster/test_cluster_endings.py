"""How pods end on a real cluster, with the real images on its nodes: what becomes of a training, and what its user is told.

The hosts find a Kafka and an object store that take connections and are silent, so that they are at work until something ends them.
"""

import json

import pytest
from kubernetes_asyncio import client
from kubernetes_asyncio.stream import WsApiClient

from kafka_ml_common.messages import WorkloadState
from kafka_ml_scheduler.runtimes.kubernetes import names
from tests.cluster.parts import NO_IMAGE, image, small

pytestmark = pytest.mark.cluster

PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED = WorkloadState
IMAGES = {
    "kubernetes_trainer_image": image("trainer"),
    "kubernetes_inferer_image": image("inferer"),
    "kubernetes_guest_images": json.dumps({"tensorflow": image("guest-tensorflow")}),
}
USE_UP_MEMORY = """
import os
share = os.memfd_create("share")
while True:
    os.write(share, bytes(16 << 20))
"""
"""Memory that no process has, so that the kernel ends the container's largest, which is its host."""

BE_SILENT = """
import signal, socket
servers = [socket.create_server(("", port), backlog=100) for port in (9092, 9000)]
signal.pause()
"""
"""The kernel takes the connections, and nobody ever reads them."""


@pytest.fixture
async def silence(cluster, namespace, pods, until) -> dict[str, str]:
    """Settings by which hosts look for Kafka and the object store where nobody answers."""
    container = {
        "name": "silence",
        "image": image("trainer"),
        "command": ["python", "-c", BE_SILENT],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": security, "terminationGracePeriodSeconds": 0}
    labels = {names.WORKLOAD: "none"}
    await cluster.core.create_namespaced_pod(
        namespace, {"metadata": {"name": "silence", "labels": labels}, "spec": spec}
    )
    await until(lambda: pods.present["silence"]["status"]["phase"] == "Running" if "silence" in pods.present else False)
    address = pods.present["silence"]["status"]["podIP"]
    entries = {
        "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": f"{address}:9092",
        "KAFKA_ML_S3_ENDPOINT": f"{address}:9000",
        "KAFKA_ML_S3_SECURE": "false",
        "KAFKA_ML_S3_REGION": "none",
    }
    await cluster.core.create_namespaced_config_map(namespace, {"metadata": {"name": "where"}, "data": entries})
    return IMAGES | {"kubernetes_host_config_maps": json.dumps(["where"])}


@pytest.fixture
async def at_work(scheduler, silence, publisher, events, pods, training, until):
    """A training whose host is at work, and the name of its pod."""
    await scheduler.start(**silence)
    spec = small(training(attempts=1), cpus=0.5)  # enough to end in time
    await publisher.publish(spec)
    await events.wait_for(spec, RUNNING)
    (pod,) = pods.of(spec.workload_id)
    return spec, pod["metadata"]["name"]


async def test_a_model_image_that_does_not_exist(
    scheduler, silence, publisher, events, jobs, training, inference, until
):
    images = {"kubernetes_guest_images": json.dumps({"tensorflow": NO_IMAGE})}
    await scheduler.start(**silence | images | {"start_seconds": 5})
    job, service = small(training()), small(inference())
    await publisher.publish(job)
    await publisher.publish(service)
    failed = await events.wait_for(job, FAILED)
    assert failed.failure.code == "image_not_found"
    assert f"The image {NO_IMAGE} can't be fetched: " in failed.failure.message
    await until(lambda: any(s.failure and NO_IMAGE in s.failure.message for s in events.of(service)))
    for spec in (job, service):
        assert "running" not in events.states(spec)
    await until(lambda: not jobs.present)


async def test_a_training_past_its_deadline_fails_and_is_not_tried_again(
    at_work, cluster, namespace, publisher, events, jobs, until
):
    spec, pod = at_work
    # What the pod was given is an hour; the cluster takes it from here.
    await cluster.core.patch_namespaced_pod(pod, namespace, {"spec": {"activeDeadlineSeconds": 1}})
    failed = await events.wait_for(spec, FAILED)
    assert failed.failure.code == "timeout"
    assert "did not end by itself at its time limit" in failed.failure.message
    await until(lambda: all(names.OVER in job["metadata"]["annotations"] for job in jobs.of(spec.workload_id)))
    (job,) = jobs.of(spec.workload_id)
    assert job["spec"]["ttlSecondsAfterFinished"] == 3600
    assert len(jobs.ever) == 1


async def test_a_training_whose_node_is_drained_is_tried_again_at_no_cost(
    at_work, cluster, namespace, publisher, events, jobs, until
):
    spec, pod = at_work
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    await cluster.core.create_namespaced_pod_eviction(pod, namespace, eviction)
    await until(lambda: len(jobs.ever) == 2)
    told = next(status for status in events.of(spec) if status.failure and status.failure.code == "node_drained")
    assert (told.state, told.attempt) == (PENDING, 1)
    assert "a node is drained" in told.failure.message
    await until(lambda: events.of(spec)[-1].state is RUNNING)
    assert events.of(spec)[-1].attempt == 1  # its only one


async def test_a_host_that_runs_out_of_memory_is_told_to_have_done_so(
    at_work, cluster, namespace, publisher, events, jobs, until
):
    spec, pod = at_work
    async with WsApiClient(cluster.api.configuration) as connection:
        await client.CoreV1Api(connection).connect_get_namespaced_pod_exec(
            pod, namespace, container=names.HOST, command=["python", "-c", USE_UP_MEMORY], stderr=True, stdout=True
        )
    failed = await events.wait_for(spec, FAILED)
    assert failed.failure.code == "out_of_memory"
    assert "OOMKilled" in failed.failure.message
    assert "The container that feeds the model" in failed.failure.message


async def test_a_host_that_cannot_do_its_work_for_now_is_tried_again_at_no_cost(
    scheduler, publisher, events, jobs, training, until
):
    await scheduler.start(**IMAGES)  # there is no Kafka where it looks
    spec = small(training(attempts=1))
    await publisher.publish(spec)
    await until(lambda: len(jobs.ever) == 3)
    told = next(status for status in events.of(spec) if status.failure and status.failure.code == "temporary")
    assert (told.state, told.attempt) == (PENDING, 1)
    assert "the last that it printed is: " in told.failure.message

    def awaited():
        return [job for job in jobs.of(spec.workload_id) if names.OVER not in job["metadata"]["annotations"]]

    await until(lambda: len(awaited()) == 1)
    assert awaited()[0]["metadata"]["annotations"][names.TRIES] == "3"
