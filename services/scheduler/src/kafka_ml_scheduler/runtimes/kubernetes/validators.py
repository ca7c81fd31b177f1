"""Validators: pods that wait, with TensorFlow imported, for code to check; so that nobody who writes a model waits for a pod to start.

The scheduler hands an assignment to one of them by HTTP. Nothing of this outlives the scheduler, and nothing has to: a validation does no
harm when it is done twice, so the next scheduler simply begins it again. Where no pod is free, a Job does it.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp
import structlog

from kafka_ml_common.messages import Failure
from kafka_ml_common.workloads import Assignment
from kafka_ml_scheduler import exits
from kafka_ml_scheduler.plan import time_limit
from kafka_ml_scheduler.runtimes.base import Ending, Phase, Run
from kafka_ml_scheduler.runtimes.kubernetes import manifests, names, reading

log = structlog.get_logger(__name__)

Object = dict[str, Any]

_CONNECT_SECONDS = 3.0


class Validators:
    """The pods, and what they do for us.

    Args:
        token: that they ask for.
        changed: called when `runs` shows something new.
    """

    def __init__(self, token: str | None, changed: Callable[[], None]) -> None:
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._changed = changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._busy: set[str] = set()
        self._declined: set[str] = set()
        self.runs: dict[str, Run] = {}

    def start(self, assignment: Assignment, tries: int, pods: Iterable[Object]) -> bool:
        """Give a validation to a free pod; False if there is none, or they could not do it before."""
        workload_id = assignment.spec.workload_id
        if workload_id in self._tasks:
            return True
        free = [pod for pod in pods if _is_ready(pod) and pod["metadata"]["uid"] not in self._busy]
        if not free or workload_id in self._declined:
            return False
        pod = free[0]
        self._busy.add(pod["metadata"]["uid"])
        self.runs[workload_id] = Run(assignment.spec, 0, assignment.attempt, tries, Phase.RUNNING, time.time())
        task = asyncio.create_task(self._validate(assignment, pod), name=f"validate {workload_id}")
        self._tasks[workload_id] = task
        task.add_done_callback(lambda _: self._let_go(workload_id, pod))
        log.info("started", workload_id=workload_id, pod=pod["metadata"]["name"])
        return True

    def stop(self, workload_id: str) -> bool:
        """Give up a validation; False if none of ours."""
        run = self.runs.get(workload_id)
        if run is None:
            return False
        if (task := self._tasks.get(workload_id)) is not None:
            task.cancel()
        self._end(run, Ending.STOPPED, None)
        return True

    def forget(self, workload_id: str) -> None:
        """Show it no more."""
        self.runs.pop(workload_id, None)
        self._declined.discard(workload_id)

    async def close(self) -> None:
        """Let go of everything."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _validate(self, assignment: Assignment, pod: Object) -> None:
        run = self.runs[assignment.spec.workload_id]
        url = f"http://{_host(pod['status']['podIP'])}:{manifests.VALIDATOR_PORT}/validations"
        timeout = aiohttp.ClientTimeout(total=time_limit(assignment.spec), sock_connect=_CONNECT_SECONDS)
        body = assignment.model_dump_json().encode()
        headers = self._headers | {"Content-Type": "application/json"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, data=body, headers=headers) as response,
            ):
                if response.status != 200:
                    self._decline(run, f"it answers {response.status}")
                    return
                code = int((await response.json())["exit"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError) as error:
            self._decline(run, str(error) or type(error).__name__)
            return
        if code == 0:
            self._end(run, Ending.DONE, None)
        else:
            self._end(run, Ending.TEMPORARY if code == exits.TEMPORARY else Ending.CRASHED, exits.explain(code, ""))

    def _decline(self, run: Run, reason: str) -> None:
        """Leave it to a Job: the pod was taken, or it went."""
        log.warning("a validator could not be used", workload_id=run.workload_id, reason=reason)
        self._declined.add(run.workload_id)
        self.runs.pop(run.workload_id, None)
        self._changed()

    def _end(self, run: Run, ending: Ending, failure: Failure | None) -> None:
        self.runs[run.workload_id] = Run(
            run.spec, 0, run.attempt, run.tries, Phase.ENDED, run.started_at, time.time(), ending, failure
        )
        self._changed()

    def _let_go(self, workload_id: str, pod: Object) -> None:
        self._tasks.pop(workload_id, None)
        self._busy.discard(pod["metadata"]["uid"])


def is_validator(pod: Object) -> bool:
    """Whether a pod is one of them."""
    return bool((pod["metadata"].get("labels") or {}).get("app.kubernetes.io/component") == names.VALIDATOR)


def _is_ready(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and reading.condition(pod, "Ready") is not None


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
