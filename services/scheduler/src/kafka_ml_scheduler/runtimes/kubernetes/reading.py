"""Reading: from objects of the cluster to runs, with reasons that people understand. Pure."""

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
_BACK_OFF = "CrashLoopBackOff"
_DRAINED = {
    "EvictionByEvictionAPI": "Its pod was evicted, as when a node is drained for maintenance.",
    "PreemptionByScheduler": "Its pod had to make room for one of a higher priority.",
    "DeletionByTaintManager": "Its node stopped answering, or was marked for other work.",
    "DeletionByPodGC": "Its node is gone.",
}
_TEXT = 500


class StopRecord(BaseModel):
    """What the annotation `kafka-ml.org/stop` holds: when (Unix seconds), and why if the run is overdue."""

    model_config = ConfigDict(frozen=True)

    requested_at: float
    overdue: Failure | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """How one pod is: `failure` is what keeps it from working, or ended it; `code` the host's exit code once it ended."""

    running: bool
    started_at: float | None = None
    ended_at: float | None = None
    code: int | None = None
    failure: Failure | None = None
    drained: bool = False

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

    def run(phase: Phase, **more: Any) -> Run:
        started = (stay.started_at if stay is not None else None) or made_at
        return Run(assignment.spec, 0, assignment.attempt, tries, phase, started, **more)

    if stop is not None:
        if not is_finished(job) and any(not found.ended for found in stays):
            return run(Phase.STOPPING)
        if not is_finished(job) and not (job["spec"].get("suspend") or stays):
            return run(Phase.STOPPING)  # its pod may be on its way
        ended_at = max([found.ended_at or 0.0 for found in stays], default=stop.requested_at)
        if stop.overdue is None:
            return run(Phase.ENDED, ended_at=ended_at, ending=Ending.STOPPED)
        told = stay.failure.log if stay is not None and stay.failure is not None else None
        overdue = stop.overdue.model_copy(update={"log": told})
        return run(Phase.ENDED, ended_at=ended_at, ending=Ending.OVERDUE, failure=overdue)
    if stay is not None and stay.ended:
        ending, failure = _ending(stay)
        return run(Phase.ENDED, ended_at=stay.ended_at, ending=ending, failure=failure)
    if is_finished(job):
        if condition(job, "Complete") is not None:
            return run(Phase.ENDED, ended_at=_finished_at(job) or made_at, ending=Ending.DONE)
        return run(Phase.ENDED, ended_at=_finished_at(job) or made_at, ending=Ending.TEMPORARY, failure=_pod_deleted())
    if stay is not None and stay.running:
        return run(Phase.RUNNING)
    hindrance = stay.failure if stay is not None else None
    if stay is None and refused is not None:
        hindrance = Failure(code="refused", message=f"The cluster refuses its pod: {refused}")
    return run(Phase.PENDING, failure=hindrance)


def run_of_set(found: Object, assignment: Assignment, pods: Sequence[Object], *, refused: str | None = None) -> Run:
    """A StatefulSet as one run that stands for all of its replicas."""
    spec = assignment.spec
    assert isinstance(spec, InferenceSpec)  # noqa: S101 - nothing else becomes a StatefulSet
    replicas = int(found["spec"].get("replicas", 1))
    asked = replicas
    if spec.settings.autoscaling is not None:
        asked = 0 if annotation(found, names.PAUSED) is not None else max(1, replicas)
    made_at = created(found)
    stays = [stay_of(pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    failures = [stay.failure for stay in stays if stay.failure is not None]
    if (note := annotation(found, names.NOT_SCALED)) is not None:
        failures.append(Failure(code="not_scaled", message=note))
    if not stays and refused is not None and replicas:
        failures = [Failure(code="refused", message=f"The cluster refuses its pods: {refused}")]
    return Run(
        spec.model_copy(update={"replicas": asked}),
        0,
        1,
        1,
        Phase.STOPPING if "deletionTimestamp" in found["metadata"] else Phase.RUNNING,
        made_at,
        failure=failures[0] if failures else None,
        replicas_running=sum(stay.running for stay in stays),
        replicas_wanted=replicas,
    )


def stay_of(pod: Object) -> Stay:
    """How a pod is."""
    status = pod.get("status") or {}
    states = {entry["name"]: entry for entry in status.get("containerStatuses") or []}
    host = (states.get(names.HOST) or {}).get("state") or {}
    disruption = condition(pod, "DisruptionTarget") or {}
    drained = _DRAINED.get(disruption.get("reason", ""))
    if "terminated" in host and not _will_restart(pod):
        ended = host["terminated"]
        ended_at = seconds(ended.get("finishedAt")) or seconds(status.get("startTime")) or created(pod)
        code = int(ended.get("exitCode", 1))
        failure = None if code == 0 else _why_ended(pod, states, drained)
        return Stay(False, seconds(ended.get("startedAt")), ended_at, code, failure, drained is not None)
    if status.get("phase") in ("Failed", "Succeeded") and "running" not in host:
        failure = _why_ended(pod, states, drained)
        since = seconds(status.get("startTime")) or created(pod)
        return Stay(False, None, since, None, failure, drained is not None)
    if "running" in host:
        failure = _why_not_ready(states)
        return Stay(True, seconds(host["running"].get("startedAt")), failure=failure)
    return Stay(False, failure=_why_waiting(pod, states))


def _last_of(pod: Object) -> Stay:
    """How a pod that is gone ended; it may have had no time to say so."""
    stay = stay_of(pod)
    if stay.ended:
        return stay
    ended_at = seconds(pod["metadata"].get("deletionTimestamp")) or created(pod)
    return Stay(False, stay.started_at, ended_at, None, _pod_deleted(), drained=True)


def _pod_deleted() -> Failure:
    return Failure(code="pod_deleted", message="Its pod was deleted, or its node was removed; it will be tried again.")


def _ending(stay: Stay) -> tuple[Ending, Failure | None]:
    if stay.code == 0:
        return Ending.DONE, None
    if stay.drained or stay.code == exits.TEMPORARY:
        return Ending.TEMPORARY, stay.failure
    return Ending.CRASHED, stay.failure


def _will_restart(pod: Object) -> bool:
    return bool((pod.get("spec") or {}).get("restartPolicy", "Always") != "Never")


def _why_ended(pod: Object, states: Mapping[str, Object], drained: str | None) -> Failure:
    """Why a pod that did not do its work ended: what the node says comes before what the container says."""
    status = pod.get("status") or {}
    message = str(status.get("message") or "").strip()
    ends = {name: (entry.get("state") or {}).get("terminated") or {} for name, entry in states.items()}
    host, guest = ends.get(names.HOST, {}), ends.get(names.GUEST, {})
    printed = str(host.get("message") or "")
    if drained is not None:
        return Failure(code="node_drained", message=f"{drained} It will be tried again.", log=_tail(printed))
    if status.get("reason") == "Evicted":
        return Failure(
            code="evicted",
            message=f"Its node evicted it: {_sentence(message)} Give it less to store, or its node more room.",
            log=_tail(printed),
        )
    if status.get("reason") == "DeadlineExceeded":
        return Failure(
            code="timeout",
            message="It did not end by itself at its time limit, and the cluster stopped it. Train fewer epochs, use less data, "
            "or raise timeout_seconds.",
            log=_tail(printed),
        )
    for part, end in (("model", guest), ("host", host)):
        if end.get("reason") == "OOMKilled":
            return _out_of_memory(part, end, printed)
    if not host:
        return Failure(code="lost", message=f"Its pod ended before it began. {_sentence(message)}".strip())
    if host.get("reason") in _START or host.get("reason") == "StartError":
        return Failure(code="not_startable", message=f"Its container can't be started: {_sentence(printed)}")
    return exits.explain(int(host.get("exitCode", 1)), printed)


def _out_of_memory(part: str, end: Object, printed: str) -> Failure:
    text = (
        "The model's container used more memory than it may, and the kernel ended it (OOMKilled): use smaller layers or batches, or raise memory_mb."
        if part == "model"
        else "The container that feeds the model used more memory than it may, and the kernel ended it (OOMKilled): raise memory_mb, "
        "of which it gets a half beside the model."
    )
    return Failure(code="out_of_memory", message=text, log=_tail(str(end.get("message") or printed)))


def _why_not_ready(states: Mapping[str, Object]) -> Failure | None:
    """What is wrong with a pod whose host runs."""
    guest = states.get(names.GUEST) or {}
    state = guest.get("state") or {}
    if "waiting" in state:
        return _why_container_waits(guest, "model")
    if "terminated" in state:
        end = state["terminated"]
        if end.get("reason") == "OOMKilled":
            return _out_of_memory("model", end, "")
    return None


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
    waiting = (entry.get("state") or {}).get("waiting") or {}
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
    last = (entry.get("lastState") or {}).get("terminated") or {}
    if reason == _BACK_OFF or (waiting and last):
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


def _sentence(text: str) -> str:
    line = " ".join(text.split())[:_TEXT].rstrip()
    return line if not line or line.endswith((".", "!", "?")) else f"{line}."


def _tail(text: str) -> str | None:
    return exits.last_lines(text) or None
