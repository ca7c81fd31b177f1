"""Diagnoses: one plain sentence of why something runs or doesn't, put together from what the parts know. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from kafka_ml_api.deployments.schemas import DeploymentView
from kafka_ml_api.inferences.schemas import InferenceView
from kafka_ml_api.models.schemas import ModelView
from kafka_ml_api.results.schemas import ResultView
from kafka_ml_api.states import DeploymentState, InferenceState, ResultState, VersionState
from kafka_ml_common.messages import Failure

_QUIET = timedelta(minutes=5)
_STALLED = timedelta(minutes=1)
"""So long after the last message came, what still waits of it should have been predicted."""

PartName = Literal["scheduler", "kafka", "pod", "stream", "model", "platform"]


class Fact(BaseModel):
    """What one part knows about it."""

    part: PartName
    text: str
    healthy: bool


class Diagnosis(BaseModel):
    """Why something runs, or doesn't."""

    state: str
    code: str = Field(description="stable name of the reason; `ok` when all is well", examples=["unschedulable"])
    sentence: str = Field(examples=["Runs: 2 of 2 replicas, nothing waits."])
    advice: str | None = Field(description="what to do about it")
    since: datetime | None = Field(description="when it came to be so, where that is known")
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Platform:
    """How the parts are that work goes through: what is wrong with each; empty when all is well.

    Attributes:
        scheduler: what is wrong with the scheduler, if anything.
        control_topic: where data streams are announced.
    """

    problems: tuple[str, ...] = ()
    scheduler: str | None = None
    control_topic: str = ""

    def facts(self) -> list[Fact]:
        """What is wrong, as facts."""
        found = [Fact(part="platform", text=problem, healthy=False) for problem in self.problems]
        if self.scheduler is not None:
            found.append(Fact(part="scheduler", text=self.scheduler, healthy=False))
        return found


@dataclass(frozen=True, slots=True)
class Topic:
    """What Kafka says of an inference's input topic; None for what could not be found out."""

    exists: bool | None
    partitions: int = 0
    messages: int = 0
    quiet: timedelta | None = None
    """For how long nothing has come, at least; asked only where nothing is predicted."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a training of a deployment has failed, or isn't started."""

    model_name: str
    state: ResultState
    failure: Failure

    def fact(self) -> Fact:
        """The trouble, as a fact."""
        part: PartName = "model" if self.state is ResultState.FAILED else "pod"
        return Fact(part=part, text=f"{self.model_name}: {self.failure.message}", healthy=False)


def of_model(model: ModelView, platform: Platform) -> Diagnosis:
    """Why a model is valid, or not."""
    if model.state is VersionState.VALID:
        return _said(model, "ok", f"Version {model.version} is valid.", facts=[], since=model.updated_at)
    if model.state is VersionState.INVALID:
        return _failed(model, model.failure, "The code can't be built.", part="model", advice="Correct the code.")
    return _waiting(
        model,
        model.failure,
        platform,
        "validating",
        "It is being validated; that takes a few seconds.",
        model.updated_at,
    )


def of_deployment(deployment: DeploymentView, platform: Platform, troubles: Sequence[Trouble] = ()) -> Diagnosis:
    """Why a deployment awaits, runs or has ended."""
    told = [trouble.fact() for trouble in troubles]
    states = [result.state for result in deployment.results]
    ended = [state for state in states if state in (ResultState.FINISHED, ResultState.FAILED, ResultState.STOPPED)]
    since = deployment.ended_at or deployment.updated_at
    if deployment.state is DeploymentState.AWAITING:
        if deployment.failure is not None:
            fact = Fact(part="stream", text=deployment.failure.message, healthy=False)
            sentence = f"It awaits another stream: the last one was refused. {deployment.failure.message}"
            cure = "Send the data again, or use another data source."
            return _said(deployment, deployment.failure.code, sentence, [*platform.facts(), fact], cure, since)
        topic = platform.control_topic
        fact = Fact(part="stream", text=f"No message in {topic} names deployment {deployment.id} yet.", healthy=True)
        return _said(
            deployment,
            "awaiting_stream",
            "It awaits its data stream.",
            [*platform.facts(), fact],
            f"Send one for deployment_id={deployment.id} with the sink library, or use a data source that is still in the log.",
            deployment.created_at,
        )
    if deployment.state is DeploymentState.RUNNING:
        running = sum(state is ResultState.RUNNING for state in states)
        waiting = sum(state is ResultState.PENDING for state in states)
        sentence = f"{running} of {len(states)} trainings run, {waiting} wait to be started, {len(ended)} have ended."
        hindered = next((trouble for trouble in troubles if trouble.state is ResultState.PENDING), None)
        facts = [*told, *platform.facts()]
        if waiting and hindered is not None:
            why = f"{sentence} {hindered.model_name} waits: {hindered.failure.message}"
            return _said(
                deployment, "ok" if running else hindered.failure.code, why, facts, None, deployment.updated_at
            )
        code = "ok" if running or not platform.facts() else "waiting"
        return _said(deployment, code, sentence, facts, None, deployment.updated_at)
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    words = ", ".join(f"{number} {state}" for state, number in counts.items()) or "no results"
    code = "failed" if deployment.state is DeploymentState.FAILED else "ok"
    advice = "Each result says why it failed." if code == "failed" else None
    return _said(deployment, code, f"It has ended: {words}.", told, advice, since)


def of_result(result: ResultView, platform: Platform) -> Diagnosis:
    """Why a training awaits, runs or has ended."""
    if result.state is ResultState.AWAITING:
        sentence = f"It awaits the data stream of deployment {result.deployment_id}."
        return _said(result, "awaiting_stream", sentence, platform.facts(), None, result.created_at)
    if result.state is ResultState.FAILED:
        return _failed(result, result.failure, "The training failed.", part="model", advice=None, since=result.ended_at)
    if result.state is ResultState.PENDING:
        expected = "It waits to be started."
        if result.attempt > 0:
            expected = f"It waits to be started again, for the {_ordinal(result.attempt + 1)} time."
        return _waiting(result, result.failure, platform, "pending", expected, result.updated_at)
    if result.state is ResultState.RUNNING and result.epochs_done == 0 and result.epochs is None:
        return _said(result, "ok", "It reads its data stream.", platform.facts(), None, result.updated_at)
    if result.state in (ResultState.RUNNING, ResultState.STOPPING):
        sentence = f"Runs: {result.epochs_done} of {result.epochs or '?'} epochs are done."
        if result.state is ResultState.STOPPING:
            sentence = f"It stops at the end of a batch; {result.epochs_done} epochs are done."
        return _said(result, "ok", sentence, _of_failure(result.failure) + platform.facts(), None, result.started_at)
    sentence = "Finished" if result.state is ResultState.FINISHED else "Stopped"
    kept = "the model is stored" if result.has_model else "no model was stored"
    return _said(result, "ok", f"{sentence} after {result.epochs_done} epochs; {kept}.", [], None, result.ended_at)


def of_inference(inference: InferenceView, platform: Platform, topic: Topic) -> Diagnosis:
    """Why an inference predicts, or doesn't."""
    if inference.state is InferenceState.FAILED:
        return _failed(
            inference, inference.failure, "The inference failed.", part="pod", advice=None, since=inference.ended_at
        )
    if inference.state is InferenceState.STOPPED:
        return _said(inference, "stopped", "It was stopped.", [], None, inference.ended_at)
    facts = _of_failure(inference.failure) + platform.facts() + _of_topic(inference, topic)
    if inference.replicas == 0 and inference.settings.autoscaling is None:
        return _said(
            inference,
            "paused",
            "It is paused: no replica is wanted.",
            facts,
            "Scale it up to go on.",
            inference.updated_at,
        )
    if inference.state is InferenceState.STOPPING:
        return _said(inference, "stopping", "It predicts what was read, and stops.", facts, None, inference.updated_at)
    if inference.state is InferenceState.PENDING or inference.replicas_running == 0:
        return _waiting(
            inference,
            inference.failure,
            platform,
            "pending",
            "Its replicas are being started.",
            inference.updated_at,
            facts,
        )
    replicas = f"{inference.replicas_running} of {inference.replicas} replicas"
    if inference.failure is not None:
        sentence = f"Runs, but not as it should ({replicas}): {inference.failure.message}"
        return _said(inference, inference.failure.code, sentence, facts, None, inference.updated_at)
    if topic.exists is False:
        sentence, advice = f"Runs, but its input topic {inference.input_topic} is gone.", "Create the topic again."
        return _said(inference, "no_topic", sentence, facts, advice, None)
    if topic.exists and inference.replicas_running > topic.partitions:
        sentence = (
            f"Runs: {replicas}, but {inference.input_topic} has only {_many(topic.partitions, 'partition')}, "
            "so the others idle."
        )
        advice = "Add partitions to the topic, or scale down."
        return _said(inference, "more_replicas_than_partitions", sentence, facts, advice, None)
    return _predicting(inference, topic, replicas, facts)


def _predicting(inference: InferenceView, topic: Topic, replicas: str, facts: Sequence[Fact]) -> Diagnosis:
    """Of an inference whose replicas run: whether anything comes, and what becomes of it."""
    waits = (
        "nothing waits"
        if inference.lag == 0
        else f"{_many(inference.lag, 'message')} {'waits' if inference.lag == 1 else 'wait'}"
    )
    quiet = topic.quiet or timedelta()
    if inference.predicted == 0 and inference.dead_letters > 0:
        sentence = (
            f"Runs: {replicas}, but none of the {inference.dead_letters:,} messages that came could be predicted."
        )
        advice = "The dead letters say why, and can be corrected and sent again."
        return _said(inference, "all_refused", sentence, facts, advice, inference.started_at)
    if inference.lag > 0 and inference.rate == 0 and quiet >= _STALLED:
        sentence = f"Runs: {replicas}, but {waits} and none is being predicted."
        return _said(inference, "stalled", sentence, facts, "See the logs of its replicas.", None)
    if inference.lag == 0 and inference.predicted == 0:
        sentence, since = f"Runs: {replicas}, and nothing has come yet.", inference.started_at
        return _said(inference, "no_input", sentence, facts, f"Send messages to {inference.input_topic}.", since)
    if inference.lag == 0 and quiet >= _QUIET:
        sentence = f"Runs: {replicas}, but nothing has come to {inference.input_topic} for more than {_time(quiet)}."
        return _said(inference, "no_input", sentence, facts, "See whether who sends is at work.", None)
    return _said(inference, "ok", f"Runs: {replicas}, {waits}.", facts, None, inference.started_at)


_Shown = ModelView | DeploymentView | ResultView | InferenceView


def _said(
    shown: _Shown,
    code: str,
    sentence: str,
    facts: Sequence[Fact],
    advice: str | None = None,
    since: datetime | None = None,
) -> Diagnosis:
    return Diagnosis(state=shown.state, code=code, sentence=sentence, advice=advice, since=since, facts=list(facts))


def _failed(
    shown: _Shown,
    failure: Failure | None,
    otherwise: str,
    *,
    part: PartName,
    advice: str | None,
    since: datetime | None = None,
) -> Diagnosis:
    if failure is None:
        return _said(shown, "failed", otherwise, [], advice, since)
    fact = Fact(part=part, text=failure.message, healthy=False)
    return _said(shown, failure.code, f"{otherwise} {failure.message}", [fact], advice, since)


def _waiting(
    shown: _Shown,
    failure: Failure | None,
    platform: Platform,
    code: str,
    expected: str,
    since: datetime | None,
    facts: Sequence[Fact] | None = None,
) -> Diagnosis:
    """What is expected to go on by itself: unless the cluster, or a part of the platform, says what stands in the way."""
    facts = [*_of_failure(failure), *platform.facts()] if facts is None else facts
    if failure is not None:
        return _said(shown, failure.code, f"It waits: {failure.message}", facts, None, since)
    if platform.scheduler is not None:
        sentence = f"It waits: nothing is started while the scheduler is away. {platform.scheduler}"
        return _said(shown, "scheduler_away", sentence, facts, "See the scheduler's log.", since)
    if platform.problems:
        return _said(shown, "platform", f"{expected} But {platform.problems[0]}", facts, None, since)
    return _said(shown, code, expected, facts, None, since)


def _of_failure(failure: Failure | None) -> list[Fact]:
    return [] if failure is None else [Fact(part="pod", text=failure.message, healthy=False)]


def _of_topic(inference: InferenceView, topic: Topic) -> list[Fact]:
    name = inference.input_topic
    refused: list[Fact] = []
    if inference.dead_letters:
        text = f"{_many(inference.dead_letters, 'message')} could not be predicted; they are among the dead letters."
        refused.append(Fact(part="stream", text=text, healthy=False))
    if topic.exists is None:
        return refused
    if not topic.exists:
        return [*refused, Fact(part="kafka", text=f"There is no topic {name}.", healthy=False)]
    text = f"{name} has {_many(topic.partitions, 'partition')} and holds {_many(topic.messages, 'message')}"
    if topic.quiet:
        text += f"; none has come for more than {_time(topic.quiet)}"
    return [*refused, Fact(part="kafka", text=f"{text}.", healthy=True)]


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _time(length: timedelta) -> str:
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour")):
        if length >= unit:
            return _many(length // unit, name)
    return _many(length // timedelta(minutes=1), "minute")


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth", 5: "fifth"}.get(number, f"{number}th")
