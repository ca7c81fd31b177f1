"""Reading: from objects of the cluster to runs, with reasons that people understand. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from kafka_ml_common.messages import Failure
from kafka_ml_common.workloads import Assignment, InferenceSpec
from kafka_ml_scheduler import exits
from kafka_ml_scheduler.runtimes.base import Ending, Phase, Run
from kafka_ml_scheduler.runtimes.kubernetes import names

log = structlog.get_logger(__name__)

Object = Mapping[str, Any]

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"}
_CONFIGURATION = {"CreateContainerConfigError"}
_START = {"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"}
_DRAINED = {
    "EvictionByEvictionAPI": "Its pod was evicted, as when a node is drained for maintenance.",
    "PreemptionByScheduler": "Its pod had to make room for one of a higher priority.",
    "DeletionByTaintManager": "Its node stopped answering, or was marked for other work.",
    "DeletionByPodGC": "Its node is gone.",
    "TerminationByKubelet": "Its node is shut down.",
}
_EVICTED, _LATE = "Evicted", "DeadlineExceeded"
_POD_NAME = re.compile(r'pods "[^"]*" is forbidden: ')
_TEXT = 500


class StopRecord(BaseModel):
    """What the annotation `kafka-ml.org/stop` holds: when (Unix seconds), and why if the run is overdue."""

    model_config = ConfigDict(frozen=True)

    requested_at: float
    overdue: Failure | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """How one pod is: whether it works; once it ended, how; and what keeps it from working, or ended it."""

    running: bool
    started_at: float | None = None
    ended_at: float | None = None
    ending: Ending | None = None
    failure: Failure | None = None

    @property
    def ended(self) -> bool:
        return self.ended_at is not None


def assignment_of(template_owner: Object) -> Assignment | None:
    """The assignment of a Job or StatefulSet; None, with a word in the log, if it has none that can be read."""
    metadata = template_owner["metadata"]
    annotations = template_owner["spec"]["template"]["metadata"].get("annotations") or {}
    try:
        return Assignment.model_validate_json(annotations.get(names.ASSIGNMENT, ""))
    except ValidationError as error:
        log.error("nobody knows what this was for", name=metadata["name"], error=str(error)[:_TEXT])
        return None


def annotation(found: Object, name: str) -> str | None:
    """An object's annotation."""
    value = (found["metadata"].get("annotations") or {}).get(name)
    return None if value is None else str(value)


def stop_of(job: Object) -> StopRecord | None:
    """Whether and how the Job was asked to stop."""
    text = annotation(job, names.STOP)
    if text is None:
        return None
    try:
        return StopRecord.model_validate_json(text)
    except ValidationError:
        return StopRecord(requested_at=seconds(job["metadata"].get("creationTimestamp")) or 0.0)


def is_over(job: Object) -> bool:
    """Whether nobody waits for the Job any more."""
    return annotation(job, names.OVER) is not None


def is_finished(job: Object) -> bool:
    """Whether the cluster does nothing more for the Job."""
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None


def run_of_job(
    job: Object,
    assignment: Assignment,
    pods: Sequence[Object],
    *,
    vanished: Sequence[Object] = (),
    refused: str | None = None,
) -> Run:
    """A Job as a run.

    Args:
        job: as the cluster has it.
        assignment: what it is for.
        pods: of the Job.
        vanished: more of its pods, as they were seen last.
        refused: why the cluster makes no pod for it, if it said so.
    """
    tries = int(annotation(job, names.TRIES) or 1)
    made_at = created(job)
    stays = [_last_of(pod) for pod in vanished] + [stay_of(pod) for pod in sorted(pods, key=created)]
    stay = stays[-1] if stays else None
    stop = stop_of(job)
    at_work = int(stay is not None and stay.running)

    def run(phase: Phase, **more: Any) -> Run:
        started = (stay.started_at if stay is not None else None) or made_at
        return Run(assignment.spec, 0, assignment.attempt, tries, phase, started, replicas_running=at_work, **more)

    if stop is not None:
        if not is_finished(job) and any(not found.ended for found in stays):
            return run(Phase.STOPPING, failure=stop.overdue)
        if not is_finished(job) and not (job["spec"].get("suspend") or stays):
            return run(Phase.STOPPING, failure=stop.overdue)  # its pod may be on its way
        ended_at = max([found.ended_at or 0.0 for found in stays], default=stop.requested_at)
        if stop.overdue is None:
            return run(Phase.ENDED, ended_at=ended_at, ending=Ending.STOPPED)
        told = stay.failure.log if stay is not None and stay.failure is not None else None
        overdue = stop.overdue.model_copy(update={"log": told})
        return run(Phase.ENDED, ended_at=ended_at, ending=Ending.OVERDUE, failure=overdue)
    if stay is not None and stay.ended:
        return run(Phase.ENDED, ended_at=stay.ended_at, ending=stay.ending, failure=stay.failure)
    if is_finished(job):
        if condition(job, "Complete") is not None:
            return run(Phase.ENDED, ended_at=_finished_at(job) or made_at, ending=Ending.DONE)
        return run(Phase.ENDED, ended_at=_finished_at(job) or made_at, ending=Ending.TEMPORARY, failure=_pod_deleted())
    if stay is not None and stay.running:
        return run(Phase.RUNNING)
    hindrance = stay.failure if stay is not None else None
    if stay is None and refused is not None:
        hindrance = Failure(code="refused", message=f"The cluster refuses its pod: {_refusal(refused)}")
    return run(Phase.PENDING, failure=hindrance)


def run_of_set(found: Object, assignment: Assignment, pods: Sequence[Object], *, refused: str | None = None) -> Run:
    """A StatefulSet as one run that stands for all of its replicas."""
    spec = assignment.spec
    assert isinstance(spec, InferenceSpec)  # noqa: S101 - nothing else becomes a StatefulSet
    replicas = int(found["spec"].get("replicas", 1))
    note, is_paused = annotation(found, names.NOT_SCALED), annotation(found, names.PAUSED) is not None
    scales_itself = spec.settings.autoscaling is not None and note is None and not is_paused
    made_at = created(found)
    stays = [stay_of(pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    failures = [stay.failure for stay in stays if stay.failure is not None]
    if note is not None:
        failures.append(Failure(code="not_scaled", message=note))
    if not stays and refused is not None and replicas:
        failures = [Failure(code="refused", message=f"The cluster refuses its pods: {_refusal(refused)}")]
    return Run(
        spec.model_copy(update={"replicas": max(1, replicas) if scales_itself else replicas}),
        0,
        1,
        1,
        Phase.STOPPING if "deletionTimestamp" in found["metadata"] else Phase.RUNNING,
        made_at,
        failure=failures[0] if failures else None,
        replicas_running=sum(stay.running for stay in stays),
        replicas_wanted=replicas,
        scales_itself=scales_itself,
    )


def stay_of(pod: Object) -> Stay:
    """How a pod is."""
    status = pod.get("status") or {}
    states = {entry["name"]: entry for entry in status.get("containerStatuses") or []}
    host = (states.get(names.HOST) or {}).get("state") or {}
    began = seconds((host.get("terminated") or {}).get("startedAt"))
    if "terminated" in host and not _will_restart(pod):
        ended_at = seconds(host["terminated"].get("finishedAt")) or seconds(status.get("startTime")) or created(pod)
        ending, failure = _how_ended(pod, states)
        return Stay(False, began, ended_at, ending, failure)
    if status.get("phase") in ("Failed", "Succeeded") and "running" not in host:
        ending, failure = _how_ended(pod, states)
        return Stay(False, began, seconds(status.get("startTime")) or created(pod), ending, failure)
    if "running" in host:
        guest = states.get(names.GUEST) or {}
        # Without the model's container the host only waits.
        works = "waiting" not in (guest.get("state") or {})
        return Stay(works, seconds(host["running"].get("startedAt")), failure=_why_container_waits(guest, "model"))
    # What keeps it from starting has done so since it has a node; before that it waited for one.
    since = seconds((condition(pod, "PodScheduled") or {}).get("lastTransitionTime"))
    return Stay(False, since, failure=_why_waiting(pod, states))


def _last_of(pod: Object) -> Stay:
    """How a pod that is gone ended; it may have had no time to say so."""
    stay = stay_of(pod)
    if stay.ended:
        return stay
    ended_at = seconds(pod["metadata"].get("deletionTimestamp")) or created(pod)
    return Stay(False, stay.started_at, ended_at, Ending.TEMPORARY, _pod_deleted())


def _pod_deleted() -> Failure:
    return Failure(code="pod_deleted", message="Its pod was deleted, or its node was removed; it will be tried again.")


def _will_restart(pod: Object) -> bool:
    return bool((pod.get("spec") or {}).get("restartPolicy", "Always") != "Never")


def _how_ended(pod: Object, states: Mapping[str, Object]) -> tuple[Ending, Failure | None]:
    """How and why a pod ended: what the node says comes before what the container says.

    Hosts end with 75 whenever they are asked to, so that code alone doesn't tell that the same again may succeed.
    """
    status = pod.get("status") or {}
    reason, message = status.get("reason"), _sentence(str(status.get("message") or ""))
    ends = {name: (entry.get("state") or {}).get("terminated") or {} for name, entry in states.items()}
    host, guest = ends.get(names.HOST, {}), ends.get(names.GUEST, {})
    began = seconds(host.get("startedAt")) is not None
    printed = str(host.get("message") or "")
    log = _tail(printed)
    if host.get("exitCode") == 0:
        return Ending.DONE, None
    if reason == _EVICTED:
        text = f"Its node evicted it: {message} Give it less to store, or its node more room."
        return Ending.CRASHED if began else Ending.TEMPORARY, Failure(code="evicted", message=text, log=log)
    disruption = condition(pod, "DisruptionTarget") or {}
    if (drained := _DRAINED.get(disruption.get("reason", ""))) is not None:
        return Ending.TEMPORARY, Failure(code="node_drained", message=f"{drained} It will be tried again.", log=log)
    if reason == _LATE and began:
        text = (
            "It did not end by itself at its time limit, and the cluster stopped it. Train fewer epochs, use less data, "
            "or raise timeout_seconds."
        )
        return Ending.OVERDUE, Failure(code="timeout", message=text, log=log)
    for part, end in (("model", guest), ("host", host)):
        if end.get("reason") == "OOMKilled":
            return Ending.CRASHED, _out_of_memory(part, end, printed)
    if not host or (reason == _LATE and not began):
        return Ending.TEMPORARY, Failure(code="lost", message=f"Its pod ended before it began. {message}".strip())
    if host.get("reason") in _START:
        return Ending.CRASHED, Failure(
            code="not_startable", message=f"Its container can't be started: {_sentence(printed)}"
        )
    if host.get("reason") == "ContainerStatusUnknown":  # its node was restarted; the code is made up
        return Ending.TEMPORARY, exits.explain(None, "")
    code = int(host.get("exitCode", 1))
    return Ending.TEMPORARY if code == exits.TEMPORARY else Ending.CRASHED, exits.explain(code, printed)


def _out_of_memory(part: str, end: Object, printed: str) -> Failure:
    text = (
        "The model's container used more memory than it may, and the kernel ended it (OOMKilled): use smaller layers or batches, or raise memory_mb."
        if part == "model"
        else "The container that feeds the model used more memory than it may, and the kernel ended it (OOMKilled): raise memory_mb, "
        "of which it gets a half beside the model."
    )
    return Failure(code="out_of_memory", message=text, log=_tail(str(end.get("message") or printed)))


def _why_waiting(pod: Object, states: Mapping[str, Object]) -> Failure | None:
    scheduled = condition(pod, "PodScheduled", status="False")
    if scheduled is not None:
        why = str(scheduled.get("message") or "").partition(" no new claims")[0].partition(" preemption:")[0]
        return Failure(code="unschedulable", message=f"No node can run it now: {_sentence(why)}")
    for name, part in ((names.HOST, "host"), (names.GUEST, "model")):
        failure = _why_container_waits(states.get(name) or {}, part)
        if failure is not None:
            return failure
    return None


def _why_container_waits(entry: Object, part: str) -> Failure | None:
    state = entry.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), _sentence(str(waiting.get("message") or ""))
    if reason in _IMAGE:
        # The cluster's words alternate with its pauses; only their end says why.
        why = _sentence(message.rstrip(".").rpartition(": ")[2])
        text = f"The image {entry.get('image')} can't be fetched: {why} See that it exists, and that the cluster may pull it."
        return Failure(code="image_not_found", message=text)
    if reason in _CONFIGURATION:
        return Failure(
            code="misconfigured", message=f"Its container can't be made: {message} An operator has to provide that."
        )
    if reason in _START:
        return Failure(code="not_startable", message=f"Its container can't be started: {message}")
    last = state.get("terminated") or (entry.get("lastState") or {}).get("terminated") or {}
    if last and "running" not in state:
        if last.get("reason") == "OOMKilled":
            return _out_of_memory(part, last, "")
        return exits.explain(int(last.get("exitCode", 1)), str(last.get("message") or ""))
    return None


def condition(found: Object, kind: str, status: str = "True") -> Object | None:
    """The condition of a kind, if the object has it with that status."""
    for entry in (found.get("status") or {}).get("conditions") or []:
        if entry.get("type") == kind and entry.get("status") == status:
            return dict(entry)
    return None


def _finished_at(job: Object) -> float | None:
    for kind in ("Complete", "Failed"):
        if (found := condition(job, kind)) is not None:
            return seconds(found.get("lastTransitionTime"))
    return None


def created(found: Object) -> float:
    """When an object was made, in Unix seconds."""
    return seconds(found["metadata"].get("creationTimestamp")) or 0.0


def seconds(text: str | None) -> float | None:
    """A time of the API in Unix seconds."""
    return None if not text else datetime.fromisoformat(text).timestamp()


def _refusal(text: str) -> str:
    """The cluster's words without the name of the pod, which is another each time."""
    return _sentence(_POD_NAME.split(text)[-1])


def _sentence(text: str) -> str:
    line = " ".join(text.split())[:_TEXT].rstrip()
    return line if not line or line.endswith((".", "!", "?")) else f"{line}."


def _tail(text: str) -> str | None:
    return exits.last_lines(text) or None
