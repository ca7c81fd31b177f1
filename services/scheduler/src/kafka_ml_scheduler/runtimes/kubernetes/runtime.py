"""The Kubernetes runtime: each try of a training or validation is a Job, each inference a StatefulSet.

Nothing is kept here. What runs is read from the cluster (mirror.py, reading.py), and what was decided about it is written to its objects
as annotations: a scheduler that is killed between any two steps finds on its return what it needs to do the next.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog
from kubernetes_asyncio.client import ApiClient
from prometheus_client import Counter

from kafka_ml_common.errors import ConflictError, InvalidError, KafkaMLError, NotFoundError, UnavailableError
from kafka_ml_common.messages import Failure
from kafka_ml_common.workloads import Assignment, InferenceSpec, ValidationSpec
from kafka_ml_scheduler.plan import time_limit
from kafka_ml_scheduler.runtimes.base import LOG_ANSWER_BYTES, Ending, Part, Phase, Run, RuntimeKind, Spec
from kafka_ml_scheduler.runtimes.kubernetes import manifests, names, reading
from kafka_ml_scheduler.runtimes.kubernetes.cluster import (
    DEPLOYMENT,
    EVENT,
    JOB,
    POD,
    SCALED_OBJECT,
    STATEFUL_SET,
    Cluster,
)
from kafka_ml_scheduler.runtimes.kubernetes.mirror import Mirror
from kafka_ml_scheduler.runtimes.kubernetes.reading import StopRecord
from kafka_ml_scheduler.runtimes.kubernetes.settings import KubernetesSettings
from kafka_ml_scheduler.runtimes.kubernetes.validators import Validators, is_validator

log = structlog.get_logger(__name__)

Object = dict[str, Any]

_TICK_SECONDS = 1.0
_REFUSAL_AFTER_SECONDS = 5.0
"""How long an object may have no pods before we ask why."""
_VALIDATORS_SECONDS = 60.0
_VALIDATOR_LINES = 20_000
_LOST_SECONDS = 20.0
"""How long a pod may take to end on a node that does not answer, before it is given up."""


CALLS_FAILED = Counter("kafka_ml_cluster_calls_failed", "Requests to the Kubernetes API that failed", ["what"])


class KubernetesRuntime:
    """Runs replicas as pods.

    Args:
        settings: of the installation.
        bootstrap_servers: of Kafka, for KEDA.
    """

    kind: RuntimeKind = "kubernetes"
    keeps_replicas = True

    def __init__(self, settings: KubernetesSettings, bootstrap_servers: str) -> None:
        self.changed = asyncio.Event()
        self._settings = settings
        self._bootstrap_servers = bootstrap_servers
        self._cluster = Cluster(settings.namespace)
        self._owner: Object | None = None
        labels = names.selector(names.own(settings.instance))
        self._jobs = Mirror(self._cluster, JOB, labels, self.changed.set)
        self._sets = Mirror(self._cluster, STATEFUL_SET, labels, self.changed.set)
        self._pods = Mirror(self._cluster, POD, labels, self.changed.set, gone=self._remember)
        self._vanished: dict[str, list[Object]] = defaultdict(list)
        """By the uid of their Job: pods as they were seen last."""
        self._refusals: dict[str, str | None] = {}
        """By the uid of their owner: why the cluster makes no pods; None when it doesn't say."""
        self._assignments: dict[str, tuple[str, Assignment | None]] = {}
        """By the uid of their object: its assignment as text and as read, as reading takes time."""
        self._unacceptable: dict[str, Run] = {}
        """By workload: what no object can be made for."""
        token = settings.validator_token
        self._validators = Validators(token.get_secret_value() if token is not None else None, self.changed.set)
        self._validators_kept_at = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """See what there is.

        Raises:
            UnavailableError: the cluster can't be reached.
        """
        await self._cluster.__aenter__()
        try:
            if self._settings.owner is not None:
                self._owner = (await self._cluster.get(DEPLOYMENT, self._settings.owner))["metadata"]
        except NotFoundError as error:
            raise UnavailableError(
                f"The Deployment {self._settings.owner}, which is to own all workloads, is not there."
            ) from error
        mirrors = (self._jobs, self._sets, self._pods)
        self._tasks = [asyncio.create_task(mirror.run(), name="mirror") for mirror in mirrors]
        await asyncio.gather(*(mirror.synced.wait() for mirror in mirrors))
        log.info("saw the cluster", jobs=len(self._jobs.objects), inferences=len(self._sets.objects))

    async def tend(self) -> None:
        while True:
            for what in (self._keep_validators, self._tend_stopping, self._ask_for_refusals, self._give_up_lost_pods):
                await _patiently(what)
            self._drop_what_is_gone()
            for task in self._tasks:
                if task.done():  # a mirror never ends; what it shows would be of the past from now on
                    task.result()
            await asyncio.sleep(_TICK_SECONDS)

    @property
    def client(self) -> ApiClient:
        """The connection, for the election of a leader."""
        return self._cluster.client

    async def close(self, *, stop: bool) -> None:
        """Let go. Workloads go on in any case: another scheduler follows, or their owner's removal removes them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._validators.close()
        await self._cluster.__aexit__(None, None, None)

    def observe(self) -> list[Run]:
        pods: dict[str, list[Object]] = defaultdict(list)
        for pod in self._pods.objects.values():
            for owner in pod["metadata"].get("ownerReferences") or []:
                pods[owner["uid"]].append(pod)
        runs = dict(self._validators.runs)
        for job in self._current_jobs().values():
            uid = job["metadata"]["uid"]
            assignment = self._assignment_of(job)
            if assignment is not None:
                run = reading.run_of_job(
                    job,
                    assignment,
                    pods[uid],
                    vanished=self._vanished.get(uid, ()),
                    refused=self._refusals.get(uid),
                )
                runs[run.workload_id] = run
        for found in self._sets.objects.values():
            uid = found["metadata"]["uid"]
            assignment = self._assignment_of(found)
            if assignment is not None:
                run = reading.run_of_set(found, assignment, pods[uid], refused=self._refusals.get(uid))
                runs[run.workload_id] = run
        for workload_id, run in self._unacceptable.items():
            # What runs of an inference goes on, to the last spec that was acceptable.
            present = runs.get(workload_id)
            runs[workload_id] = run if present is None else replace(run, replicas_running=present.at_work)
        return list(runs.values())

    async def start(self, spec: Spec, *, replica: int, attempt: int, tries: int) -> None:
        assignment = Assignment(spec=spec, replica=replica, attempt=attempt)
        self._unacceptable.pop(spec.workload_id, None)
        try:
            if isinstance(spec, InferenceSpec):
                await self._apply_set(assignment, spec)
            elif isinstance(spec, ValidationSpec) and self._validators.start(assignment, tries, self._validator_pods()):
                self.changed.set()
            else:
                await self._create_job(assignment, tries)
        except InvalidError as error:
            log.error("no object can be made", workload_id=spec.workload_id, error=str(error))
            self._unacceptable[spec.workload_id] = _unacceptable(spec, Failure(code="refused", message=str(error)))
            self.changed.set()

    async def stop(self, workload_id: str, replica: int, *, overdue: Failure | None = None) -> None:
        self._unacceptable.pop(workload_id, None)
        if self._validators.stop(workload_id):
            return
        found = self._sets.objects.get(names.set_name(self._settings.instance, workload_id))
        if found is not None:
            log.info("stopping", workload_id=workload_id)
            with contextlib.suppress(NotFoundError, ConflictError):
                await self._cluster.delete(
                    STATEFUL_SET, found["metadata"]["name"], uid=found["metadata"]["uid"], foreground=True
                )
            return
        job = self._current_jobs().get(workload_id)
        if job is None or reading.stop_of(job) is not None:
            return
        log.info("stopping", workload_id=workload_id, overdue=overdue is not None)
        record = StopRecord(requested_at=time.time(), overdue=overdue)
        change: Object = {"metadata": {"annotations": {names.STOP: record.model_dump_json(exclude_none=True)}}}
        if overdue is not None:
            change["spec"] = {"suspend": True}
        await self._change_job(job, change)

    async def forget(self, workload_id: str, replica: int) -> None:
        self._unacceptable.pop(workload_id, None)
        self._validators.forget(workload_id)
        for job in self._jobs_of(workload_id):
            await self._let_go(job)

    async def log(self, workload_id: str, replica: int, *, part: Part, lines: int) -> str:
        if workload_id.startswith("validation-") and part == "host":
            told = await self._told_of_validation(workload_id, lines)
            if told:
                return told
        found = [
            pod
            for pod in self._pods.objects.values()
            if (pod["metadata"].get("labels") or {}).get(names.WORKLOAD) == workload_id
            and _number(pod) in (None, replica)
        ]
        if not found:
            raise NotFoundError(f"There is no pod of {workload_id} (any more), and so no log.")
        newest = max(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp")))
        container = names.HOST if part == "host" else names.GUEST
        try:
            return await self._cluster.log(newest["metadata"]["name"], container, lines, LOG_ANSWER_BYTES)
        except InvalidError as error:  # the container waits to start
            raise NotFoundError(f"There is no log of {workload_id} yet: {error}") from error

    def _validator_pods(self) -> list[Object]:
        return [pod for pod in self._pods.objects.values() if is_validator(pod)]

    async def _keep_validators(self) -> None:
        """Have as many of them as the settings say; a new scheduler brings the new image."""
        if time.monotonic() < self._validators_kept_at + _VALIDATORS_SECONDS:
            return
        self._validators_kept_at = time.monotonic()
        await self._cluster.apply(DEPLOYMENT, manifests.with_owner(manifests.validators(self._settings), self._owner))

    async def _told_of_validation(self, workload_id: str, lines: int) -> str:
        """What the validators' hosts logged about it; each of their lines names what it is about."""
        told: list[str] = []
        for pod in self._validator_pods():
            with contextlib.suppress(InvalidError, NotFoundError):
                text = await self._cluster.log(pod["metadata"]["name"], names.HOST, _VALIDATOR_LINES, LOG_ANSWER_BYTES)
                told += [line for line in text.splitlines() if f'"{workload_id}"' in line]
        return "".join(f"{line}\n" for line in told[-lines:])

    async def _create_job(self, assignment: Assignment, tries: int) -> None:
        spec = assignment.spec
        manifest = manifests.job(assignment, tries, time_limit(spec), self._settings)
        try:
            made = await self._cluster.create(JOB, manifests.with_owner(manifest, self._owner))
        except ConflictError as error:
            await self._make_room(manifest["metadata"]["name"], error)
            return
        self._jobs.take("ADDED", made)
        for earlier in self._jobs_of(spec.workload_id):
            if earlier["metadata"]["name"] != made["metadata"]["name"]:
                await self._let_go(earlier)
        log.info("started", workload_id=spec.workload_id, attempt=assignment.attempt, job=made["metadata"]["name"])

    async def _make_room(self, name: str, error: ConflictError) -> None:
        """A Job of that name is there: ours, which the mirror has not shown yet, or one that has ended and is to be replaced."""
        try:
            present = await self._cluster.get(JOB, name)
        except NotFoundError:
            return
        self._jobs.take("MODIFIED", present)
        is_going = "deletionTimestamp" in present["metadata"] or reading.stop_of(present) is not None
        if is_going or reading.is_over(present) or reading.is_finished(present):
            await self._delete_job(present)
            raise UnavailableError(f"The Job {name} of an earlier try is removed first.") from error

    async def _apply_set(self, assignment: Assignment, spec: InferenceSpec) -> None:
        scales_itself = spec.settings.autoscaling is not None and await self._cluster.serves(SCALED_OBJECT)
        scaled = scales_itself and spec.replicas > 0
        if not scaled:  # it may have scaled by itself before, and nothing may do so now
            with contextlib.suppress(NotFoundError):
                await self._cluster.delete(SCALED_OBJECT, names.set_name(self._settings.instance, spec.workload_id))
        manifest = manifests.stateful_set(assignment, self._settings, scaled=scaled)
        made = await self._cluster.apply(STATEFUL_SET, manifests.with_owner(manifest, self._owner))
        self._sets.take("MODIFIED", made)
        log.info("applied", workload_id=spec.workload_id, replicas=spec.replicas, scaled=scaled)
        scaling = manifests.scaled_object(spec, self._bootstrap_servers, made["metadata"]["uid"], self._settings)
        if scaling is not None and scaled:
            await self._cluster.apply(SCALED_OBJECT, scaling)

    async def _change_job(self, job: Object, change: Object) -> None:
        with contextlib.suppress(NotFoundError):
            self._jobs.take("MODIFIED", await self._cluster.patch(JOB, job["metadata"]["name"], change))

    async def _let_go(self, job: Object) -> None:
        """Wait for the Job no more. Only now may time remove it: a scheduler that was away long would do it all again."""
        if reading.stop_of(job) is not None:  # the cluster never calls it finished, so no time to live would count
            await self._delete_job(job)
            return
        ttl = self._settings.job_ttl_seconds
        change: Object = {"metadata": {"annotations": {names.OVER: "true"}}, "spec": {"ttlSecondsAfterFinished": ttl}}
        await self._change_job(job, change)

    async def _delete_job(self, job: Object) -> None:
        with contextlib.suppress(NotFoundError, ConflictError):
            await self._cluster.delete(JOB, job["metadata"]["name"], uid=job["metadata"]["uid"])
        self._jobs.take("DELETED", job)

    def _current_jobs(self) -> dict[str, Object]:
        """By workload: its newest Job that somebody waits for."""
        current: dict[str, Object] = {}
        for job in sorted(self._jobs.objects.values(), key=_age):
            if not reading.is_over(job) and "deletionTimestamp" not in job["metadata"]:
                current[job["metadata"]["labels"].get(names.WORKLOAD, "")] = job
        return current

    def _jobs_of(self, workload_id: str) -> list[Object]:
        jobs = list(self._jobs.objects.values())
        return [
            job
            for job in jobs
            if job["metadata"]["labels"].get(names.WORKLOAD) == workload_id and not reading.is_over(job)
        ]

    def _assignment_of(self, found: Object) -> Assignment | None:
        uid = found["metadata"]["uid"]
        text = (found["spec"]["template"]["metadata"].get("annotations") or {}).get(names.ASSIGNMENT, "")
        known = self._assignments.get(uid)
        if known is None or known[0] != text:
            known = self._assignments[uid] = (text, reading.assignment_of(found))
        return known[1]

    def _remember(self, pod: Object) -> None:
        for owner in pod["metadata"].get("ownerReferences") or []:
            if owner["kind"] == "Job":
                self._vanished[owner["uid"]].append(pod)

    async def _tend_stopping(self) -> None:
        """Have the pods of stopped Jobs told, and ended when they don't end by themselves."""
        for job in list(self._jobs.objects.values()):
            stop = reading.stop_of(job)
            if stop is None or reading.is_finished(job) or job["spec"].get("suspend"):
                continue
            uid, waiting = job["metadata"]["uid"], False
            for pod in list(self._pods.objects.values()):
                if any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences") or []):
                    waiting = waiting or reading.stay_of(pod).running
                    if reading.annotation(pod, names.STOP) is None:
                        change = {"metadata": {"annotations": {names.STOP: "asked"}}}
                        with contextlib.suppress(NotFoundError):
                            self._pods.take("MODIFIED", await self._cluster.patch(POD, pod["metadata"]["name"], change))
            if not waiting or time.time() > stop.requested_at + manifests.STOP_SECONDS:
                await self._change_job(job, {"spec": {"suspend": True}})

    async def _ask_for_refusals(self) -> None:
        """Ask why something that should have pods has none."""
        with_pods = {
            owner["uid"]
            for pod in self._pods.objects.values()
            for owner in pod["metadata"].get("ownerReferences") or []
        }
        for found in [*self._current_jobs().values(), *self._sets.objects.values()]:
            metadata = found["metadata"]
            age = time.time() - (reading.created(found) or 0.0)
            idle = found["spec"].get("suspend") or found["spec"].get("replicas") == 0 or reading.is_finished(found)
            if (
                metadata["uid"] in with_pods
                or metadata["uid"] in self._vanished
                or idle
                or age < _REFUSAL_AFTER_SECONDS
            ):
                self._refusals.pop(metadata["uid"], None)
                continue
            events, _ = await self._cluster.find(EVENT, fields=f"involvedObject.uid={metadata['uid']},type=Warning")
            told = [str(event.get("message")) for event in sorted(events, key=_told_at)]
            before = self._refusals.get(metadata["uid"])
            self._refusals[metadata["uid"]] = told[-1] if told else None
            if before != self._refusals[metadata["uid"]]:
                self.changed.set()

    async def _give_up_lost_pods(self) -> None:
        """Remove pods that have to end and can't say so, as their node does not answer.

        A StatefulSet starts no other pod in their place before that. It is safe here: should the old one still live, Kafka refuses what
        it writes, as the new one has its transactional id.
        """
        for pod in list(self._pods.objects.values()):
            metadata = pod["metadata"]
            deadline = reading.seconds(metadata.get("deletionTimestamp"))
            if deadline is not None and time.time() > deadline + _LOST_SECONDS:
                log.warning(
                    "a pod can't end on its node and is given up",
                    pod=metadata["name"],
                    node=pod["spec"].get("nodeName"),
                )
                with contextlib.suppress(NotFoundError, ConflictError):
                    await self._cluster.delete(POD, metadata["name"], uid=metadata["uid"], now=True)

    def _drop_what_is_gone(self) -> None:
        present = {found["metadata"]["uid"] for found in (*self._jobs.objects.values(), *self._sets.objects.values())}
        for known in (self._vanished, self._refusals, self._assignments):
            for uid in [uid for uid in known if uid not in present]:
                del known[uid]


async def _patiently(what: Callable[[], Awaitable[None]]) -> None:
    try:
        await what()
    except KafkaMLError as error:
        CALLS_FAILED.labels(what.__name__.strip("_")).inc()
        log.warning("will try again", what=what.__name__.strip("_"), error=str(error))


def _unacceptable(spec: Spec, failure: Failure) -> Run:
    """What stands for a workload that no object can be made for, until its spec changes or it is withdrawn."""
    now = time.time()
    if isinstance(spec, InferenceSpec):
        return Run(spec, 0, 1, 1, Phase.RUNNING, now, failure=failure, replicas_running=0)
    return Run(spec, 0, 1, 1, Phase.ENDED, now, now, Ending.OVERDUE, failure)


def _number(pod: Object) -> int | None:
    text = (pod["metadata"].get("labels") or {}).get("apps.kubernetes.io/pod-index")
    return int(text) if text is not None and text.isdigit() else None


def _age(job: Object) -> tuple[str, int]:
    return str(job["metadata"].get("creationTimestamp")), int(reading.annotation(job, names.TRIES) or 0)


def _told_at(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp"))
