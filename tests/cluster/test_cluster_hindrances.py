"""What keeps pods from starting on a real cluster is told, and given up where waiting does not help."""

import json

import pytest

from kafka_ml_common import topics
from kafka_ml_common.messages import WorkloadState
from tests.cluster.parts import BUSYBOX, NO_IMAGE, NO_NODE

pytestmark = pytest.mark.cluster

PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED = WorkloadState


async def first_reason(events, spec, until):
    """The first status that says why; until then nothing may be called running."""
    await until(lambda: any(status.failure for status in events.of(spec)), within=60)
    status = next(status for status in events.of(spec) if status.failure)
    assert "running" not in events.states(spec)
    assert (status.state, status.replicas_running) == (PENDING, 0)
    return status.failure


async def given_up(events, spec):
    failed = await events.wait_for(spec, FAILED, within=60)
    assert "running" not in events.states(spec)
    assert failed.failure.message.endswith("It did not start within 5 seconds.")
    return failed.failure


@pytest.mark.parametrize("part", ["host", "model"])
async def test_an_image_that_does_not_exist(part, scheduler, publisher, events, jobs, pods, training, inference, until):
    images = {"kubernetes_trainer_image": NO_IMAGE, "kubernetes_inferer_image": NO_IMAGE}
    if part == "model":
        images = {"kubernetes_guest_images": json.dumps({"tensorflow": NO_IMAGE})}
    await scheduler.start(start_seconds=5, **images)
    job, service = training(), inference()
    await publisher.publish(job)
    await publisher.publish(service)
    for spec in (job, service):
        failure = await first_reason(events, spec, until)
        assert failure.code == "image_not_found"
        assert f"The image {NO_IMAGE} can't be fetched: " in failure.message
    failure = await given_up(events, job)
    assert (failure.code, NO_IMAGE in failure.message) == ("image_not_found", True)
    await until(lambda: not jobs.present and set(pods.per_workload()) == {service.workload_id}, within=40)
    assert len(jobs.ever) == 1
    assert {status.state for status in events.of(service)} == {PENDING}
    assert len({status.failure.message for status in events.of(service) if status.failure}) <= 2
    await publisher.withdraw(topics.WORKLOADS, service.workload_id)
    await events.wait_for(service, STOPPED, within=40)
    assert "running" not in events.states(service)


async def test_no_node_that_fits_is_waited_for(scheduler, publisher, events, training, inference, until):
    await scheduler.start(start_seconds=1, kubernetes_node_selector=json.dumps(NO_NODE))
    job, service, later = training(), inference(), training()
    for spec in (job, service):
        await publisher.publish(spec)
        failure = await first_reason(events, spec, until)
        assert failure.code == "unschedulable"
        assert "node affinity/selector" in failure.message
        assert "preemption" not in failure.message.lower()
    await publisher.publish(later)
    await first_reason(events, later, until)
    assert set(events.states(job)) == {"pending"}


async def test_a_secret_that_is_missing(scheduler, publisher, events, jobs, pods, training, inference, until):
    await scheduler.start(start_seconds=5, kubernetes_host_secrets=json.dumps(["none"]))
    job, service = training(), inference()
    await publisher.publish(job)
    await publisher.publish(service)
    for spec in (job, service):
        failure = await first_reason(events, spec, until)
        assert (failure.code, 'secret "none" not found' in failure.message) == ("misconfigured", True)
    assert (await given_up(events, job)).code == "misconfigured"
    await until(lambda: not jobs.present and set(pods.per_workload()) == {service.workload_id}, within=40)


async def test_an_image_that_would_run_as_root(scheduler, publisher, events, training, until):
    await scheduler.start(start_seconds=5, kubernetes_trainer_image=BUSYBOX)
    spec = training()
    await publisher.publish(spec)
    failure = await first_reason(events, spec, until)
    assert (failure.code, "image will run as root" in failure.message) == ("misconfigured", True)
    await given_up(events, spec)


async def test_a_quota_that_lets_no_pod_in(
    scheduler, cluster, namespace, publisher, events, jobs, pods, training, inference, until
):
    await cluster.core.create_namespaced_resource_quota(
        namespace, {"metadata": {"name": "none-at-all"}, "spec": {"hard": {"pods": "0"}}}
    )
    await scheduler.start(start_seconds=10)
    job, service = training(), inference()
    await publisher.publish(job)
    await publisher.publish(service)
    for spec in (job, service):
        failure = await first_reason(events, spec, until)
        assert failure.code == "refused"
        assert "exceeded quota: none-at-all" in failure.message
    failed = await events.wait_for(job, FAILED, within=60)
    assert failed.failure.message.endswith("It did not start within 10 seconds.")
    assert len({status.failure.message for status in events.of(job) if status.failure}) == 2
    await until(lambda: not jobs.present, within=40)
    assert not pods.ever


async def test_what_the_installation_does_not_offer_fails_at_once_and_hurts_nothing_that_runs(
    scheduler, publisher, events, jobs, sets, pods, training, inference, until
):
    await scheduler.start(kubernetes_node_selector=json.dumps(NO_NODE))
    service = inference()
    await publisher.publish(service)
    await until(lambda: pods.present)
    settings = service.settings.model_copy(
        update={"placement": service.settings.placement.model_copy(update={"framework": "jax"})}
    )
    await publisher.publish(service.model_copy(update={"settings": settings, "generation": 2}))
    refused = await events.wait_for(service, PENDING, within=20, generation=2)
    await until(lambda: any(s.generation == 2 and s.failure for s in events.of(service)))
    assert "no image for the framework jax" in next(
        status.failure.message for status in events.of(service) if status.generation == 2 and status.failure
    )
    assert refused.replicas_running == 0
    job = training()
    job = job.model_copy(update={"settings": job.settings.model_copy(update={"placement": settings.placement})})
    await publisher.publish(job)
    failed = await events.wait_for(job, FAILED)
    assert (failed.failure.code, "jax" in failed.failure.message) == ("refused", True)
    assert scheduler.printed().count("no object can be made") == 2
    assert len(sets.ever) == len(pods.ever) == 1
    assert not jobs.ever
