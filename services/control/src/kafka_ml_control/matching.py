"""Matching: which data streams feed which deployments. Pure; the agent in agents.py does the I/O.

What is known of one deployment id is a `Pairing`, kept in a Faust table. A deployment request, an announcement of a stream and a
withdrawal each turn a pairing into the next one; the first stream that can be used wins, whichever of the two came first.
"""

from collections.abc import Iterable, Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict

from kafka_ml_common.messages import Failure
from kafka_ml_common.streams import ControlMessage, StreamRange
from kafka_ml_common.workloads import DeploymentRequest, TrainingSpec

MAX_EARLY_STREAMS = 20
"""Streams kept for a deployment that is not known yet; the oldest go first, so that no sender can make one id's entry grow without bound."""


class Announcement(BaseModel):
    """A control message that was read: a data stream for a deployment."""

    model_config = ConfigDict(frozen=True)

    deployment_id: int
    stream: ControlMessage

    @property
    def fingerprint(self) -> str:
        """The stream's identity: the same for every announcement of it."""
        return self.stream.fingerprint()


class Pairing(BaseModel):
    """What is known of one deployment id.

    Attributes:
        request: the deployment, once it was asked for.
        early: streams that came before the deployment, oldest first.
        matched: fingerprint of the stream that the deployment was given; nothing can replace it.
    """

    model_config = ConfigDict(frozen=True)

    request: DeploymentRequest | None = None
    early: tuple[ControlMessage, ...] = ()
    matched: str | None = None

    def with_request(self, request: DeploymentRequest) -> Self:
        """The pairing once the deployment is known."""
        return self.model_copy(update={"request": request})

    def with_early(self, stream: ControlMessage) -> Self:
        """The pairing with one more stream kept for later; a repeated one counts once."""
        if any(kept.fingerprint() == stream.fingerprint() for kept in self.early):
            return self
        return self.model_copy(update={"early": (*self.early, stream)[-MAX_EARLY_STREAMS:]})

    def with_match(self, stream: ControlMessage) -> Self:
        """The pairing once a stream was given to the deployment; what else had come early is no longer needed."""
        return self.model_copy(update={"matched": stream.fingerprint(), "early": ()})

    @property
    def awaits_stream(self) -> bool:
        """Whether a stream that comes now would be matched."""
        return self.request is not None and self.matched is None


def training_specs(request: DeploymentRequest, stream: ControlMessage) -> tuple[TrainingSpec, ...]:
    """One workload for each model of the deployment.

    Their ids derive from the deployment's results, so that emitting them twice is harmless.
    """
    return tuple(
        TrainingSpec(
            deployment_id=request.deployment_id,
            result_id=target.result_id,
            model=target.model,
            stream=stream,
            settings=request.settings,
        )
        for target in request.targets
    )


def unsupported(stream: ControlMessage) -> Failure | None:
    """Why a well-formed stream can't be trained on by this version, if so."""
    if stream.incremental:
        return Failure(
            code="unsupported",
            message="Incremental training is not available yet. Send the stream as a whole, with incremental: false.",
        )
    if stream.unsupervised_topic:
        return Failure(
            code="unsupported",
            message="Semi-supervised training is not available yet. Send the stream without an unsupervised_topic.",
        )
    return None


def check_ranges(
    ranges: Iterable[StreamRange], offsets: Mapping[tuple[str, int], tuple[int, int] | None]
) -> Failure | None:
    """Why the ranges can't be read from the log, if so.

    Args:
        offsets: first and log-end offset by topic and partition; None for a partition that does not exist.
    """
    some = False
    for wanted in ranges:
        present = offsets.get((wanted.topic, wanted.partition))
        if present is None:
            return Failure(
                code="no_such_partition",
                message=f"The stream names {wanted.topic}, partition {wanted.partition}, which does not exist on this Kafka cluster.",
            )
        if wanted.start == wanted.end:
            continue
        some = True
        first, end = present
        if wanted.start < first:
            return Failure(
                code="data_gone",
                message=(
                    f"Offsets {wanted.start} to {min(first, wanted.end)} of {wanted.topic}, partition {wanted.partition}, were deleted "
                    f"by retention; the first offset still there is {first}. Send the data again, or raise the topic's retention."
                ),
            )
        if wanted.end > end:
            return Failure(
                code="beyond_the_log",
                message=(
                    f"The stream ends at offset {wanted.end} of {wanted.topic}, partition {wanted.partition}, but the log ends at {end}. "
                    "Send the control message after the data was acknowledged."
                ),
            )
    if not some:
        return Failure(
            code="empty_stream", message="The stream's ranges hold no messages. Send data before the control message."
        )
    return None
