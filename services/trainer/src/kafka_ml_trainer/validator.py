"""Validator: has one version of a model's code, or a draft of it, built, and reports what it looks like or what is wrong with it."""

from __future__ import annotations

import structlog

from kafka_ml_common.messages import DraftChecked, Event, Failure, ModelRejected, ModelValidated
from kafka_ml_common.workloads import ValidationSpec
from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.limits import Limits
from kafka_ml_trainer.problems import Stopped, TrainingError, failure_after
from kafka_ml_trainer.replies import BuildReply, checked
from kafka_ml_trainer.reporting import Reporter
from kafka_ml_trainer.stopping import Stop

log = structlog.get_logger(__name__)


def validate(
    spec: ValidationSpec, guest: Guest, reporter: Reporter, stop: Stop, *, attempt: int, stop_seconds: float
) -> None:
    """Build the model of `spec` and report the outcome.

    Raises:
        UnavailableError: Kafka can't be reached.
        GuestError: the model's process was ended, perhaps from outside, and there are attempts left.
        Stopped: the work was asked to stop.
    """
    try:
        with stop.passed_on(guest, stop_seconds):
            answer = guest.request(
                "build",
                {"code": spec.model.code},
                limits=Limits(memory_bytes=spec.memory_mb << 20),
                timeout=spec.timeout_seconds,
            )
        event = _outcome(spec, checked(BuildReply, answer), guest)
    except TrainingError as problem:
        event = _rejected(spec, problem.failure(guest.output()))
    except GuestError as error:
        if stop.asked:
            raise Stopped from error
        failure = failure_after(error, attempt, spec.attempts)
        if failure is None:
            raise
        event = _rejected(spec, failure)
    reporter.publish(event)


def _outcome(spec: ValidationSpec, reply: BuildReply, guest: Guest) -> Event:
    if reply.failure is not None:
        return _rejected(spec, reply.failure.failure(guest.output()))
    if reply.summary is None:
        raise TrainingError("protocol", "The model's process answered with neither a summary nor a failure.")
    log.info("model is valid", parameters=reply.summary.parameters)
    if spec.draft is not None:
        return DraftChecked(draft=spec.draft, summary=reply.summary.small)
    return ModelValidated(model_id=spec.model.model_id, version=spec.model.version, summary=reply.summary.small)


def _rejected(spec: ValidationSpec, failure: Failure) -> Event:
    log.info("model is not valid", code=failure.code, message=failure.message)
    if spec.draft is not None:
        return DraftChecked(draft=spec.draft, failure=failure)
    return ModelRejected(model_id=spec.model.model_id, version=spec.model.version, failure=failure)
