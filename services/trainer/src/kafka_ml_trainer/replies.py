"""Replies: what the guest says, checked. The guest runs code that anybody may have written; nothing it says is taken as it is."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from kafka_ml_common.messages import ConfusionMatrix, Failure, ModelSummary
from kafka_ml_trainer.problems import TrainingError, tail

T = TypeVar("T", bound=BaseModel)

Name = Annotated[str, StringConstraints(max_length=200)]
ReportedMetrics = Annotated[dict[Name, Annotated[float, Field(allow_inf_nan=False)] | None], Field(max_length=200)]


class ReportedFailure(BaseModel):
    """What is wrong with the model, found by the guest's own checks."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    message: Annotated[str, StringConstraints(max_length=10_000)]
    line: int | None = None
    traceback: Annotated[str, StringConstraints(max_length=100_000)] | None = None

    def failure(self, output: str) -> Failure:
        """As it is reported, with the end of what the guest printed."""
        return Failure(
            code=self.code,
            message=self.message[:2_000],
            traceback=self.traceback[:20_000] if self.traceback else None,
            line=self.line,
            log=tail(output),
        )


class BuildReply(BaseModel):
    """The answer to `build`."""

    summary: ModelSummary | None = None
    failure: ReportedFailure | None = None


class EpochReport(BaseModel):
    """The message `epoch`."""

    epoch: Annotated[int, Field(ge=1)]
    metrics: ReportedMetrics
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    samples_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TrainReply(BaseModel):
    """The answer to `train`."""

    failure: ReportedFailure | None = None
    stopped: bool = False
    epochs_done: Annotated[int, Field(ge=0)] = 0
    training_metrics: ReportedMetrics = Field(default_factory=dict)
    validation_metrics: ReportedMetrics = Field(default_factory=dict)
    test_metrics: ReportedMetrics = Field(default_factory=dict)
    confusion_matrix: ConfusionMatrix | None = None
    saved: bool = False


def checked(kind: type[T], payload: dict[str, Any]) -> T:
    """The payload as `kind`.

    Raises:
        TrainingError: it is not one, so the model's code must have meddled.
    """
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        raise TrainingError(
            "protocol",
            "The model's process answered with what is no answer.",
            advice="Model code must not use the channel.",
        ) from error
