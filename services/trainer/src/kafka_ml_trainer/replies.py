"""Replies: what the guest says, checked. The guest runs code that anybody may have written; nothing it says is taken as it is."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from kafka_ml_common.failures import MESSAGE_CHARACTERS, TRACEBACK_CHARACTERS, tail
from kafka_ml_common.messages import ConfusionMatrix, Failure, Layer, ModelSummary
from kafka_ml_trainer.problems import TrainingError

T = TypeVar("T", bound=BaseModel)

LARGEST_PART = 400_000
"""Bytes of JSON that a confusion matrix or a summary may take: a broker takes events of 1 MiB, and who reads them reads them whole."""

Count = Annotated[int, Field(ge=0, le=1 << 53)]
"""What every reader of JSON takes for the same number."""
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
            message=self.message[:MESSAGE_CHARACTERS],
            traceback=self.traceback[:TRACEBACK_CHARACTERS] if self.traceback else None,
            line=self.line,
            log=tail(output),
        )


class ReportedLayer(Layer):
    """One layer of the summary."""

    name: Name
    kind: Name
    output_shape: Name
    parameters: Count


class ReportedSummary(ModelSummary):
    """What a valid model looks like."""

    layers: Annotated[tuple[ReportedLayer, ...], Field(max_length=1000)]
    parameters: Count
    trainable_parameters: Count
    input_shape: Annotated[tuple[Count | None, ...], Field(max_length=100)] | None
    output_shape: Annotated[tuple[Count | None, ...], Field(max_length=100)] | None
    loss: Name | None = None
    optimizer: Name | None = None

    @property
    def small(self) -> ModelSummary:
        """The summary, without its layers when it would be too large with them."""
        whole = ModelSummary.model_validate(self.model_dump())
        return whole if size_of(whole) <= LARGEST_PART else whole.model_copy(update={"layers": ()})


class BuildReply(BaseModel):
    """The answer to `build`."""

    summary: ReportedSummary | None = None
    failure: ReportedFailure | None = None


class EpochReport(BaseModel):
    """The message `epoch`."""

    epoch: Annotated[int, Field(ge=1)]
    metrics: ReportedMetrics
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    samples_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ReportedMatrix(ConfusionMatrix):
    """The confusion matrix: as many rows and columns as labels."""

    labels: tuple[Name, ...]
    counts: tuple[tuple[Count, ...], ...]

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        if {len(self.labels)} != {len(self.counts), *map(len, self.counts)}:
            raise ValueError("not as many rows and columns as labels")
        return self

    @property
    def small(self) -> ConfusionMatrix | None:
        """The matrix, or None when it is too large to publish."""
        whole = ConfusionMatrix.model_construct(labels=self.labels, counts=self.counts, part=self.part)
        return whole if size_of(whole) <= LARGEST_PART else None


class TrainReply(BaseModel):
    """The answer to `train`."""

    failure: ReportedFailure | None = None
    stopped: bool = False
    epochs_done: Annotated[int, Field(ge=0)] = 0
    training_metrics: ReportedMetrics = Field(default_factory=dict)
    validation_metrics: ReportedMetrics = Field(default_factory=dict)
    test_metrics: ReportedMetrics = Field(default_factory=dict)
    confusion_matrix: ReportedMatrix | None = None
    saved: bool = False


def size_of(part: BaseModel) -> int:
    """Bytes that `part` takes in an event."""
    return len(part.model_dump_json().encode())


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
