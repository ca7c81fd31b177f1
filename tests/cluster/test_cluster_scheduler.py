"""The scheduler on a real cluster: what its own death, a lost connection and other schedulers do to workloads."""

import asyncio
import json
import time

import pytest

from kafka_ml_common import topics
from kafka_ml_common.messages import WorkloadState
from kafka_ml_common.workloads import Assignment
from kafka_ml_scheduler.runtimes.kubernetes import manifests, names
from kafka_ml_scheduler.runtimes.kubernetes.settings import KubernetesSettings
from tests.cluster.parts import NO_NODE

pytestmark = pytest.mark.cluster

PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED = WorkloadState
LEASE = {"kubernetes_lease": "scheduler", "kubernetes_node_selector": json.dumps(NO_NODE)}


@pytest.fixture
def nowhere():
    """Settings by which no pod finds a node."""
    return {"kubernetes_node_selector": json.dumps(NO_NODE)}


async def publish_all(publisher, specs):
    await asyncio.gather(*(publisher.publish(spec) for spec in specs))


async def test_each_of_fifty_trainings_is_there_once_though_the_scheduler_was_killed_while_it_made_them(
    scheduler, nowhere, publisher, events, jobs, pods, training, until
):
    specs = [training() for _ in range(50)]
    await publish_all(publisher, specs[:30])
    await scheduler.start(**nowhere)
    await until(lambda: jobs.present)
    scheduler.kill()
    await publish_all(publisher, specs[30:])
    await scheduler.start(**nowhere)
    wanted = {spec.workload_id for spec in specs}
    for spec in specs:
        assert (await events.wait_for(spec, PENDING, attempt=1)).replicas_running == 0
    await until(lambda: set(jobs.per_workload()) == wanted and set(pods.per_workload()) == wanted)
    assert set(jobs.per_workload().values()) == set(pods.per_workload().values()) == {1}
    assert len(jobs.ever) == len(pods.ever) == 50
    for spec in specs:
        await publisher.withdraw(topics.WORKLOADS, spec.workload_id)
    for spec in specs:
        await events.wait_for(spec, STOPPED)
        assert "running" not in events.states(spec)
    await until(lambda: not jobs.present and not pods.present)
    assert len(jobs.ever) == len(pods.ever) == 50


async def test_of_two_schedulers_one_works_and_the_other_follows_when_it_dies(
    schedulers, publisher, events, jobs, training, until
):
    first, second = schedulers("first"), schedulers("second")
    await first.start(**LEASE)
    await until(lambda: '"leads"' in first.printed())
    await second.start(**LEASE)
    specs = [training() for _ in range(3)]
    await publisher.publish(specs[0])
    await until(lambda: jobs.of(specs[0].workload_id))
    first.kill()
    killed_at = time.monotonic()
    await publisher.publish(specs[1])
    await until(lambda: jobs.of(specs[1].workload_id))
    assert time.monotonic() - killed_at < 40  # 15 for the lease, two for its retry, and what a busy machine takes
    await first.start(**LEASE)
    assert second.stop() == 0
    stopped_at = time.monotonic()
    await publisher.publish(specs[2])
    await until(lambda: jobs.of(specs[2].workload_id))
    assert time.monotonic() - stopped_at < 12  # well below the lease
    assert len(jobs.ever) == 3
    assert set(jobs.per_workload().values()) == {1}


async def test_a_scheduler_that_waits_for_the_lease_does_nothing(schedulers, publisher, events, jobs, training, until):
    first, second = schedulers("first"), schedulers("second")
    await first.start(**LEASE)
    await until(lambda: '"leads"' in first.printed())
    await second.start(**LEASE)
    spec = training()
    await publisher.publish(spec)
    await events.wait_for(spec, PENDING)
    await until(lambda: jobs.of(spec.workload_id))
    assert '"waits for the lease"' in second.printed()
    assert '"leads"' not in second.printed()


async def test_what_changed_while_the_cluster_could_not_be_reached_is_put_right(
    scheduler,
    nowhere,
    line,
    cluster,
    namespace,
    publisher,
    events,
    jobs,
    pods,
    sets,
    training,
    inference,
    until,
    monkeypatch,
):
    connection, kubeconfig = line
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    await scheduler.start(**nowhere)
    kept, removed, withdrawn = training(), training(), training()
    service, gone = inference(replicas=2), inference()
    await publish_all(publisher, (kept, removed, withdrawn, service, gone))
    await until(lambda: len(pods.present) == 6)
    before = jobs.of(removed.workload_id)[0]["metadata"]
    untouched = jobs.of(kept.workload_id)[0]["metadata"]["uid"]
    taken = connection.taken

    await connection.cut()
    fresh = training()
    await publisher.publish(fresh)
    for spec in (withdrawn, gone):
        await publisher.withdraw(topics.WORKLOADS, spec.workload_id)
    await cluster.batch.delete_namespaced_job(before["name"], namespace, propagation_policy="Background")
    await cluster.apps.delete_namespaced_stateful_set(
        sets.of(service.workload_id)[0]["metadata"]["name"], namespace, propagation_policy="Background"
    )
    hindered = await events.wait_for(fresh, PENDING)
    await until(lambda: any(status.failure for status in events.of(fresh)))
    assert hindered.replicas_running == 0
    await until(lambda: "lost sight of the cluster" in scheduler.printed())
    await until(lambda: len(jobs.present) == 2 and len(sets.present) == 1)

    await connection.mend()
    await events.wait_for(withdrawn, STOPPED)
    await events.wait_for(gone, STOPPED)
    wanted = {spec.workload_id: 1 for spec in (kept, removed, fresh)}
    await until(lambda: jobs.per_workload() == wanted and sets.per_workload() == {service.workload_id: 1})
    await until(lambda: pods.per_workload() == wanted | {service.workload_id: 2})
    assert connection.taken > taken
    assert jobs.of(kept.workload_id)[0]["metadata"]["uid"] == untouched
    assert jobs.of(removed.workload_id)[0]["metadata"]["uid"] != before["uid"]


async def test_what_nobody_wants_is_stopped_and_removed(
    scheduler, nowhere, cluster, namespace, publisher, events, jobs, sets, pods, training, inference, until
):
    chosen = KubernetesSettings(namespace=namespace, node_selector=NO_NODE)
    job, service = training(), inference(replicas=2)
    await cluster.batch.create_namespaced_job(namespace, manifests.job(Assignment(spec=job), 1, 60, chosen))
    await cluster.apps.create_namespaced_stateful_set(
        namespace, manifests.stateful_set(Assignment(spec=service), chosen, scaled=False)
    )
    await until(lambda: len(pods.present) == 3)
    await scheduler.start(**nowhere)
    for spec in (job, service):
        await events.wait_for(spec, STOPPED)
        assert "running" not in events.states(spec)
    await until(lambda: not (jobs.present or sets.present or pods.present))


async def test_workloads_of_another_installation_are_not_ours(
    scheduler, nowhere, cluster, namespace, publisher, events, jobs, training, until
):
    other = KubernetesSettings(namespace=namespace, instance="other", node_selector=NO_NODE)
    theirs, ours = training(), training()
    await cluster.batch.create_namespaced_job(namespace, manifests.job(Assignment(spec=theirs), 1, 60, other))
    await scheduler.start(**nowhere)
    await publisher.publish(ours)
    await until(lambda: jobs.of(ours.workload_id))
    await publisher.withdraw(topics.WORKLOADS, ours.workload_id)
    await events.wait_for(ours, STOPPED)
    assert jobs.of(theirs.workload_id)
    assert not events.of(theirs)


async def test_workloads_go_with_the_deployment_that_owns_them(
    scheduler, nowhere, cluster, namespace, publisher, jobs, sets, pods, training, inference, until
):
    labels = {"app": "owner"}
    containers = [{"name": "none", "image": "none"}]
    await cluster.apps.create_namespaced_deployment(
        namespace,
        {
            "metadata": {"name": "owner"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            },
        },
    )
    await scheduler.start(kubernetes_owner="owner", **nowhere)
    await publish_all(publisher, (training(), inference()))
    await until(lambda: len(pods.present) == 2)
    assert scheduler.stop() == 0
    await cluster.apps.delete_namespaced_deployment("owner", namespace)
    await until(lambda: not (jobs.present or sets.present or pods.present))


async def test_without_its_owner_the_scheduler_says_so_and_ends(scheduler, until, nowhere):
    with pytest.raises(AssertionError, match="The Deployment nobody, which is to own all workloads, is not there"):
        await scheduler.start(kubernetes_owner="nobody", **nowhere)


async def test_a_pod_that_is_deleted_is_tried_again_and_time_removes_the_job_that_it_left(
    scheduler, nowhere, cluster, namespace, publisher, events, jobs, pods, training, until
):
    await scheduler.start(kubernetes_job_ttl_seconds=2, **nowhere)
    spec = training()
    await publisher.publish(spec)
    await until(lambda: pods.present)
    (first,) = jobs.of(spec.workload_id)
    assert "ttlSecondsAfterFinished" not in first["spec"]
    (pod,) = pods.present
    await cluster.core.delete_namespaced_pod(pod, namespace)
    told = await events.wait_for(spec, PENDING, attempt=1)
    await until(lambda: len(jobs.ever) == 2 and first["metadata"]["name"] not in jobs.present)
    (second,) = jobs.of(spec.workload_id)
    assert second["metadata"]["annotations"][names.TRIES] == "2"
    assert told.replicas_running == 0
    assert [status.failure.code for status in events.of(spec) if status.failure][:2] == ["unschedulable", "pod_deleted"]
