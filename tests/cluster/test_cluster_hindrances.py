"""What keeps pods from starting on a real cluster is told, and given up where waiting does not help."""

import json

import pytest

from kafka_ml_common import topics
from kafka_ml_common.messages import WorkloadState
from tests.cluster.parts import BUSYBOX, NO_IMAGE, NO_NODE, small

pytestmark = pytest.mark.cluster

PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED = WorkloadState


async def told(events, spec, code, until):
    """The first status that tells of this; a busy cluster may have had no room before."""

    def found():
        return next((s.failure for s in events.of(spec) if s.failure and s.failure.code == code), None)

    await until(found)
    statuses = events.of(spec)
    assert {(status.state, status.replicas_running) for status in statuses} <= {(PENDING, 0), (FAILED, 0)}
    return found()


async def given_up(events, spec):
    failed = await events.wait_for(spec, FAILED)
    assert "running" not in events.states(spec)
    assert failed.failure.message.endswith("It did not start within 5 seconds.")
    return failed.failure


async def test_an_image_that_does_not_exist(scheduler, publisher, events, jobs, pods, training, inference, until):
    images = {"kubernetes_trainer_image": NO_IMAGE, "kubernetes_inferer_image": NO_IMAGE}
    await scheduler.start(start_seconds=5, **images)
    job, service = small(training()), small(inference())
    await publisher.publish(job)
    await publisher.publish(service)
    for spec in (job, service):
        failure = await told(events, spec, "image_not_found", until)
        assert f"The image {NO_IMAGE} can't be fetched: " in failure.message
    failure = await given_up(events, job)
    assert (failure.code, NO_IMAGE in failure.message) == ("image_not_found", True)
    await until(lambda: not jobs.present and set(pods.per_workload()) == {service.workload_id})
    assert len(jobs.ever) == 1
    assert {status.state for status in events.of(service)} == {PENDING}
    messages = [s.failure.message for s in events.of(service) if s.failure and s.failure.code == "image_not_found"]
    assert len(messages) == len(set(messages))  # it doesn't alternate
    await publisher.withdraw(topics.WORKLOADS, service.workload_id)
    await events.wait_for(service, STOPPED)
    assert "running" not in events.states(service)


async def test_no_node_that_fits_is_waited_for(scheduler, publisher, events, training, inference, until):
    await scheduler.start(start_seconds=1, kubernetes_node_selector=json.dumps(NO_NODE))
    job, service, later = training(), inference(), training()
    for spec in (job, service):
        await publisher.publish(spec)
        failure = await told(events, spec, "unschedulable", until)
        assert "node affinity/selector" in failure.message
        assert "preemption" not in failure.message.lower()
    await publisher.publish(later)
    await told(events, later, "unschedulable", until)
    assert set(events.states(job)) == {"pending"}


async def test_a_secret_that_is_missing(scheduler, publisher, events, jobs, pods, training, inference, until):
    await scheduler.start(start_seconds=5, kubernetes_host_secrets=json.dumps(["none"]))
    job, service = small(training()), small(inference())
    await publisher.publish(job)
    await publisher.publish(service)
    for spec in (job, service):
        failure = await told(events, spec, "misconfigured", until)
        assert 'secret "none" not found' in failure.message
    assert (await given_up(events, job)).code == "misconfigured"
    await until(lambda: not jobs.present and set(pods.per_workload()) == {service.workload_id})


async def test_an_image_that_would_run_as_root(scheduler, publisher, events, training, until):
    await scheduler.start(start_seconds=5, kubernetes_trainer_image=BUSYBOX)
    spec = small(training())
    await publisher.publish(spec)
    failure = await told(events, spec, "misconfigured", until)
    assert "image will run as root" in failure.message
    await given_up(events, spec)


async def test_a_quota_that_lets_no_pod_in(
    scheduler, cluster, namespace, publisher, events, jobs, pods, training, inference, until
):
    await cluster.core.create_namespaced_resource_quota(
        namespace, {"metadata": {"name": "none-at-all"}, "spec": {"hard": {"pods": "0"}}}
    )
    await scheduler.start(start_seconds=10)
    job, service = small(training()), small(inference())
    await publisher.publish(job)
    await publisher.publish(service)
    for spec in (job, service):
        failure = await told(events, spec, "refused", until)
        assert "exceeded quota: none-at-all" in failure.message
    failed = await events.wait_for(job, FAILED)
    assert failed.failure.message.endswith("It did not start within 10 seconds.")
    assert len({status.failure.message for status in events.of(job) if status.failure}) == 2  # the last one included
    await until(lambda: not jobs.present)
    assert not pods.ever


async def test_what_the_installation_does_not_offer_fails_at_once_and_hurts_nothing_that_runs(
    scheduler, publisher, events, jobs, sets, pods, training, inference, until
):
    await scheduler.start(kubernetes_node_selector=json.dumps(NO_NODE))
    service = inference()
    await publisher.publish(service)
    await until(lambda: pods.present)
    await publisher.publish(small(service, framework="jax").model_copy(update={"generation": 2}))
    failure = await told(events, service, "refused", until)
    assert "no image for the framework jax" in failure.message
    job = small(training(), framework="jax")
    await publisher.publish(job)
    failed = await events.wait_for(job, FAILED)
    assert (failed.failure.code, "jax" in failed.failure.message) == ("refused", True)
    assert scheduler.printed().count("no object can be made") == 2
    assert len(sets.ever) == len(pods.ever) == 1
    assert not jobs.ever
