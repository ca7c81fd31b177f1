"""What the cluster's own words come to. The statuses are such as Kubernetes 1.34 writes."""

import pytest

from kafka_ml_common.messages import Failure
from kafka_ml_common.placement import Autoscaling
from kafka_ml_common.workloads import Assignment, InferenceSettings
from kafka_ml_scheduler.runtimes.base import Ending, Phase
from kafka_ml_scheduler.runtimes.kubernetes import manifests, names, reading
from kafka_ml_scheduler.runtimes.kubernetes.reading import StopRecord
from kafka_ml_scheduler.runtimes.kubernetes.settings import KubernetesSettings

MADE, BEGAN, ENDED = "2025-01-01T10:00:00Z", "2025-01-01T10:00:10Z", "2025-01-01T10:05:00Z"
SETTINGS = KubernetesSettings(namespace="ns")
LATE = Failure(code="timeout", message="It took too long.")

PULL_REST = 'failed to pull and unpack image "docker.io/me/none:1": failed to resolve reference "docker.io/me/none:1": docker.io/me/none:1: not found'
ERR_IMAGE_PULL = {"reason": "ErrImagePull", "message": f"rpc error: code = NotFound desc = {PULL_REST}"}
BACK_OFF = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "me/none:1": ErrImagePull: {PULL_REST}'}
UNSCHEDULABLE = (
    "0/3 nodes are available: 1 Insufficient memory, 2 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, "
    "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
)
QUOTA = "exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0"


def running(since=BEGAN):
    return {"running": {"startedAt": since}}


def waiting(reason="ContainerCreating", message=None):
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def terminated(code, reason="Error", message="", started=BEGAN):
    end = {"exitCode": code, "reason": reason, "message": message, "startedAt": started, "finishedAt": ENDED}
    return {"terminated": {name: value for name, value in end.items() if value is not None}}


def pod(host=None, guest=None, *, phase="Running", restart="Never", name="p", last=None, conditions=(), **more):
    """A pod whose containers are in these states."""
    entries = [
        {"name": part, "image": f"me/{part}:1", "state": state, "lastState": last if part == "host" and last else {}}
        for part, state in (("host", host), ("guest", guest))
        if state is not None
    ]
    status = {"phase": phase, "startTime": MADE, "conditions": list(conditions), "containerStatuses": entries}
    return {
        "metadata": {"name": name, "creationTimestamp": MADE},
        "spec": {"restartPolicy": restart},
        "status": status | more,
    }


def failed(host, guest=None, **more):
    return pod(host, guest or terminated(0, "Completed"), phase="Failed", **more)


def disrupted(reason):
    return {"type": "DisruptionTarget", "status": "True", "reason": reason}


def not_scheduled(message=UNSCHEDULABLE):
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(phase="Pending", conditions=[condition])


def job_of(spec, *, conditions=(), annotations=None, attempt=1, **spec_more):
    made = manifests.job(Assignment(spec=spec, attempt=attempt), 1, 60, SETTINGS)
    made["metadata"]["creationTimestamp"] = MADE
    made["metadata"]["annotations"].update(annotations or {})
    made["spec"].update(spec_more)
    return made | {
        "status": {"conditions": [{"lastTransitionTime": ENDED, "status": "True", "type": kind} for kind in conditions]}
    }


def stopped(overdue=None, at=1_735_725_600.0):
    return {names.STOP: StopRecord(requested_at=at, overdue=overdue).model_dump_json(exclude_none=True)}


@pytest.fixture
def run_of(training):
    """Reads a Job with these pods."""

    def read(*pods, vanished=(), refused=None, **job):
        found = job_of(training(), **job)
        assignment = reading.assignment_of(found)
        assert assignment is not None
        return reading.run_of_job(found, assignment, pods, vanished=vanished, refused=refused)

    return read


@pytest.fixture
def group_of(inference):
    """Reads a StatefulSet with these pods."""

    def read(*pods, refused=None, scaled=False, deleted=False, wanted=2, **spec):
        made = manifests.stateful_set(Assignment(spec=inference(replicas=wanted, **spec)), SETTINGS, scaled=scaled)
        made["metadata"] |= {"creationTimestamp": MADE}
        if deleted:
            made["metadata"]["deletionTimestamp"] = ENDED
        return reading.run_of_set(made, reading.assignment_of(made), pods, refused=refused)

    return read


def test_a_host_that_runs_is_at_work_since_it_began(run_of):
    run = run_of(pod(running(), running()))
    assert (run.phase, run.failure, run.at_work) == (Phase.RUNNING, None, 1)
    assert run.started_at == reading.seconds(BEGAN)


def test_a_job_whose_pod_is_not_there_yet_or_is_being_made_is_pending_for_no_reason(run_of):
    creating = waiting()
    for pods in ((), (pod(phase="Pending"),), (pod(creating, creating, phase="Pending"),)):
        run = run_of(*pods)
        assert (run.phase, run.failure, run.at_work) == (Phase.PENDING, None, 0)
        assert run.started_at == reading.seconds(MADE)


CREATING = waiting()
PENDING = {
    "the host's image": (pod(waiting(**ERR_IMAGE_PULL), CREATING, phase="Pending"), "image_not_found", "me/host:1 can't be fetched: not found."),
    "the model's image": (pod(running(), waiting(**BACK_OFF)), "image_not_found", "me/guest:1 can't be fetched: not found."),
    "a name that is none": (
        pod(waiting("InvalidImageName", 'Failed to apply default image "A:1": couldn\'t parse image name "A:1": invalid reference format'), CREATING),
        "image_not_found",
        "can't be fetched: invalid reference format.",
    ),
    "no node": (not_scheduled(), "unschedulable", "1 Insufficient memory, 2 node(s) didn't match Pod's node affinity/selector."),
    "a Secret": (
        pod(waiting("CreateContainerConfigError", 'secret "kafka" not found'), CREATING, phase="Pending"),
        "misconfigured",
        'secret "kafka" not found. An operator',
    ),
    "a start": (
        pod(waiting("CreateContainerError", "failed to create containerd container: no space left"), CREATING),
        "not_startable",
        "no space left.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "code", "words"), PENDING.values(), ids=PENDING)
def test_what_keeps_a_pod_from_starting_is_told(run_of, found, code, words):
    run = run_of(found)
    assert (run.phase, run.failure.code, run.at_work) == (Phase.PENDING, code, 0)
    assert words in run.failure.message
    assert "Preemption is not helpful" not in run.failure.message


def test_a_job_that_gets_no_pod_is_pending_with_the_clusters_words(run_of):
    first, second = (
        run_of(refused=f'Error creating: pods "x-{end}" is forbidden: {QUOTA}') for end in ("a1b2c", "d3e4f")
    )
    assert (first.phase, first.failure.code) == (Phase.PENDING, "refused")
    assert first.failure.message == f"The cluster refuses its pod: {QUOTA}."
    assert first.failure == second.failure  # the cluster tries again, with another name


def test_a_message_stays_the_same_while_the_cluster_alternates_between_trying_and_waiting(run_of):
    trying, pausing = (run_of(pod(waiting(**state), CREATING, phase="Pending")) for state in (ERR_IMAGE_PULL, BACK_OFF))
    assert trying.failure == pausing.failure


def evicted(host, text='Usage of EmptyDir volume "guest-scratch" exceeds the limit "4Gi".', **more):
    return failed(host, reason="Evicted", message=text, conditions=[disrupted("TerminationByKubelet")], **more)


OOM = terminated(137, "OOMKilled", "loading\nmultiplying")
ENDINGS = {
    "the model's memory": (failed(terminated(1), OOM), Ending.CRASHED, "out_of_memory", "The model's container used more"),
    "the host's memory": (failed(OOM), Ending.CRASHED, "out_of_memory", "The container that feeds the model"),
    "evicted": (evicted(terminated(137)), Ending.CRASHED, "evicted", 'volume "guest-scratch" exceeds the limit'),
    "evicted, and asked to end first": (evicted(terminated(75)), Ending.CRASHED, "evicted", "Its node evicted it"),
    "turned away by its node": (
        pod(phase="Failed", reason="Evicted", message="Pod was rejected: The node had condition: [DiskPressure]."),
        Ending.TEMPORARY,
        "evicted",
        "DiskPressure",
    ),
    "the node had no room": (
        pod(phase="Failed", reason="OutOfcpu", message="Pod was rejected: Node didn't have enough resource: cpu, requested: 350"),
        Ending.TEMPORARY,
        "lost",
        "didn't have enough resource: cpu",
    ),
    "the deadline": (
        failed(terminated(75), reason="DeadlineExceeded", message="Pod was active on the node longer than the specified deadline"),
        Ending.OVERDUE,
        "timeout",
        "did not end by itself at its time limit",
    ),
    "the deadline, by force": (failed(terminated(137), reason="DeadlineExceeded"), Ending.OVERDUE, "timeout", "raise timeout_seconds"),
    "the deadline, before it began": (
        failed(terminated(137, "ContainerStatusUnknown", started=None), reason="DeadlineExceeded", message="Pod was active for long"),
        Ending.TEMPORARY,
        "lost",
        "ended before it began. Pod was active for long.",
    ),
    "its node restarted": (
        failed(terminated(137, "ContainerStatusUnknown", "The container could not be located", started=None)),
        Ending.TEMPORARY,
        "lost",
        "the machine was restarted",
    ),
    "the temporary": (
        failed(terminated(75, message="Kafka can't be reached\n")),
        Ending.TEMPORARY,
        "temporary",
        "the last that it printed is: Kafka can't be reached.",
    ),
    "a crash": (
        failed(terminated(1, message="Traceback\n  File\nValueError: no\n")),
        Ending.CRASHED,
        "crashed",
        "It ended with exit code 1; the last that it printed is: ValueError: no.",
    ),
    "a signal": (failed(terminated(139)), Ending.CRASHED, "crashed", "SIGSEGV"),
    "a program that is not there": (
        failed(terminated(128, "StartError", 'exec: "--assignment": executable file not found in $PATH: unknown', started="1970-01-01T00:00:00Z")),
        Ending.CRASHED,
        "not_startable",
        'exec: "--assignment": executable file not found in $PATH: unknown.',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "ending", "code", "words"), ENDINGS.values(), ids=ENDINGS)
def test_how_and_why_a_pod_ended(run_of, found, ending, code, words):
    for job in ({}, {"conditions": ("Failed",)}):
        run = run_of(found, **job)
        assert (run.phase, run.ending, run.failure.code) == (Phase.ENDED, ending, code)
        assert words in run.failure.message
        assert run.at_work == 0
    assert run.started_at >= reading.seconds(MADE)


DRAINS = {
    "EvictionByEvictionAPI": "a node is drained",
    "PreemptionByScheduler": "higher priority",
    "DeletionByTaintManager": "stopped answering",
    "DeletionByPodGC": "node is gone",
    "TerminationByKubelet": "shut down",
}


@pytest.mark.parametrize("reason", DRAINS)
def test_a_drained_node_costs_no_attempt(run_of, reason):
    for code in (75, 137, 143):
        run = run_of(failed(terminated(code), conditions=[disrupted(reason)]))
        assert (run.ending, run.failure.code) == (Ending.TEMPORARY, "node_drained")
        assert DRAINS[reason] in run.failure.message


def test_what_a_host_printed_last_is_kept(run_of):
    for host, guest in (
        (terminated(1, message="one\ntwo\n"), None),
        (terminated(1), terminated(137, "OOMKilled", "one\ntwo")),
    ):
        assert run_of(failed(host, guest)).failure.log == "one\ntwo"


def test_a_host_that_told_its_outcome_is_done_though_the_models_container_is_still_there(run_of):
    run = run_of(pod(terminated(0, "Completed"), running()))
    assert (run.phase, run.ending, run.failure) == (Phase.ENDED, Ending.DONE, None)
    assert (run.started_at, run.ended_at) == (reading.seconds(BEGAN), reading.seconds(ENDED))


def test_an_outcome_that_was_told_counts_though_the_node_was_drained_at_that_moment(run_of):
    found = pod(
        terminated(0, "Completed"), terminated(137), phase="Failed", conditions=[disrupted("EvictionByEvictionAPI")]
    )
    assert run_of(found).ending is Ending.DONE


def test_a_host_outlives_its_model(run_of):
    run = run_of(pod(running(), terminated(137, "OOMKilled")))
    assert run.phase is Phase.RUNNING  # it tells by itself what happened


def test_a_pod_that_vanished_is_tried_again(run_of):
    for seen in (pod(running(), running()), not_scheduled()):
        run = run_of(vanished=[seen])
        assert (run.phase, run.ending, run.failure.code) == (Phase.ENDED, Ending.TEMPORARY, "pod_deleted")
    assert run_of(conditions=("Failed",)).failure.code == "pod_deleted"


def test_a_pod_that_ended_before_it_vanished_still_says_how(run_of):
    assert run_of(vanished=[failed(terminated(3))], conditions=("Failed",)).failure.code == "crashed"
    assert run_of(vanished=[pod(terminated(0), running())]).ending is Ending.DONE
    assert run_of(conditions=("Complete",)).ending is Ending.DONE


def test_a_job_that_was_asked_to_stop_is_stopping_until_its_pod_is_gone(run_of):
    at_work, pausing = pod(running(), running()), not_scheduled()
    assert (run_of(at_work, annotations=stopped()).phase, run_of(at_work, annotations=stopped()).at_work) == (
        Phase.STOPPING,
        1,
    )
    assert (run_of(pausing, annotations=stopped()).phase, run_of(pausing, annotations=stopped()).at_work) == (
        Phase.STOPPING,
        0,
    )
    assert run_of(annotations=stopped()).phase is Phase.STOPPING  # its pod may be on its way
    assert run_of(at_work, annotations=stopped(), suspend=True).phase is Phase.STOPPING
    for pods, more in (
        ((), {"suspend": True}),
        ((failed(terminated(75)),), {}),
        ((at_work,), {"conditions": ("Failed",)}),
    ):
        run = run_of(*pods, annotations=stopped(), **more)
        assert (run.phase, run.ending, run.failure) == (Phase.ENDED, Ending.STOPPED, None)


def test_a_job_that_was_stopped_for_good_keeps_the_reason_and_its_last_words(run_of):
    going = run_of(not_scheduled(), annotations=stopped(LATE), suspend=True)
    assert (going.phase, going.failure) == (Phase.STOPPING, LATE)
    run = run_of(failed(terminated(75, message="epoch 3")), annotations=stopped(LATE), suspend=True)
    assert (run.phase, run.ending) == (Phase.ENDED, Ending.OVERDUE)
    assert run.failure == LATE.model_copy(update={"log": "epoch 3"})
    assert run_of(annotations=stopped(LATE), suspend=True).failure == LATE


def test_a_stop_that_cannot_be_read_is_a_stop(run_of):
    assert run_of(annotations={names.STOP: "yes"}, suspend=True).ending is Ending.STOPPED


def test_attempts_and_tries_are_read_from_the_job(run_of):
    run = run_of(attempt=2, annotations={names.TRIES: "7"})
    assert (run.attempt, run.tries) == (2, 7)


def test_what_nobody_can_read_is_left_alone(training):
    job = job_of(training())
    for text in ("{}", "", "{"):
        job["spec"]["template"]["metadata"]["annotations"][names.ASSIGNMENT] = text
        assert reading.assignment_of(job) is None
    del job["spec"]["template"]["metadata"]["annotations"]
    assert reading.assignment_of(job) is None


def replica(host, guest=None, **more):
    return pod(host, guest or running(), restart="Always", **more)


def test_a_group_counts_the_replicas_that_run(group_of):
    run = group_of(replica(running()), replica(CREATING, CREATING, phase="Pending"))
    assert (run.phase, run.at_work, run.replicas_wanted, run.failure) == (Phase.RUNNING, 1, 2, None)
    assert group_of().at_work == 0


def test_a_group_shows_what_keeps_one_of_its_replicas_from_working(group_of):
    run = group_of(replica(running()), replica(waiting(**BACK_OFF), CREATING, phase="Pending"))
    assert (run.at_work, run.failure.code) == (1, "image_not_found")
    run = group_of(replica(running(), waiting(**BACK_OFF)), not_scheduled())
    assert (run.at_work, run.failure.code) == (0, "image_not_found")


def test_a_replica_that_crashes_again_and_again_says_how_at_every_moment(group_of):
    crash = terminated(1, message="Kafka refuses\n")
    pause = waiting("CrashLoopBackOff", "back-off 40s restarting failed container=host pod=x(uid)")
    moments = (replica(crash), replica(pause, last=crash), replica(waiting(), last=crash))
    failures = [group_of(moment).failure for moment in moments]
    assert failures[0].message == "It ended with exit code 1; the last that it printed is: Kafka refuses."
    assert failures[0] == failures[1] == failures[2]
    assert [group_of(moment).at_work for moment in moments] == [0, 0, 0]
    again = group_of(replica(running(), last=crash))
    assert (again.at_work, again.failure) == (1, None)


def test_a_replica_whose_containers_ran_out_of_memory_says_which(group_of):
    pause = waiting("CrashLoopBackOff", "back-off")
    assert "feeds the model" in group_of(replica(pause, last=OOM)).failure.message
    run = group_of(replica(running(), terminated(137, "OOMKilled")))
    assert (run.failure.code, "The model's container" in run.failure.message) == ("out_of_memory", True)


def test_pods_that_are_going_do_not_count(group_of):
    going = replica(running())
    going["metadata"]["deletionTimestamp"] = ENDED
    assert group_of(going).at_work == 0


def test_a_group_that_gets_no_pod_says_why(group_of):
    words = f'create Pod x-0 in StatefulSet x failed error: pods "x-0" is forbidden: {QUOTA}'
    run = group_of(refused=words)
    assert (run.failure.code, run.failure.message) == ("refused", f"The cluster refuses its pods: {QUOTA}.")
    assert group_of(refused=words, wanted=0).failure is None
    assert group_of(replica(running()), refused=words).failure is None


def test_a_group_that_is_removed_is_stopping(group_of):
    assert group_of(replica(running()), deleted=True).phase is Phase.STOPPING


def test_a_group_that_scales_by_itself_is_told_from_one_that_should_or_is_paused(group_of):
    lag = {"settings": InferenceSettings(autoscaling=Autoscaling(max_replicas=9))}
    scaled = group_of(scaled=True, **lag)
    assert (scaled.scales_itself, scaled.replicas_wanted, scaled.failure) == (True, 1, None)
    alone = group_of(replica(running()), replica(running()), **lag)
    assert (alone.scales_itself, alone.spec.replicas, alone.failure.code) == (False, 2, "not_scaled")
    assert "KEDA" in alone.failure.message
    paused = group_of(wanted=0, **lag)
    assert (paused.scales_itself, paused.spec.replicas, paused.replicas_wanted, paused.failure) == (False, 0, 0, None)
    assert not group_of().scales_itself


def test_what_hinders_a_pod_counts_from_when_it_got_its_node(run_of):
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": ENDED}
    found = pod(waiting(**BACK_OFF), CREATING, phase="Pending", conditions=[scheduled])
    assert run_of(found).started_at == reading.seconds(ENDED)
    assert run_of(not_scheduled()).started_at == reading.seconds(MADE)
