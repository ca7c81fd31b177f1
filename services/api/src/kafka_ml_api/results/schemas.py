"""How results are shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from kafka_ml_api.pagination import PageQuery, RowId
from kafka_ml_api.states import ResultState
from kafka_ml_common.messages import Failure, Metrics


class ResultView(BaseModel):
    """What the training of one model of a deployment became. Sizes are numbers of samples."""

    id: int = Field(examples=[1])
    deployment_id: int
    model_id: int
    model_name: str
    model_version: int
    state: ResultState
    attempt: int = Field(description="how often its training was started; 0 before the first time")
    epochs: int | None = Field(description="passes that are to be done, once the training has started")
    epochs_done: int
    training_size: int | None
    validation_size: int | None
    test_size: int | None
    skipped: int | None = Field(description="messages that could not be decoded and were left out")
    input_shape: list[int] | None = Field(description="of one sample")
    training_metrics: Metrics | None = Field(description="of the last epoch")
    validation_metrics: Metrics | None
    test_metrics: Metrics | None
    failure: Failure | None = Field(description="why it failed, or what it waits for before it runs (again)")
    has_model: bool = Field(description="whether a trained model can be downloaded and deployed")
    model_bytes: int
    duration_seconds: float | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ResultQuery(PageQuery):
    """Which results."""

    text: str | None = Field(None, max_length=249, description="part of the model's name, in any case")
    state: ResultState | None = None
    deployment_id: RowId | None = None
    model_id: RowId | None = None


class Epoch(BaseModel):
    """An epoch, counted from 1; validation metrics have Keras's `val_` prefix."""

    epoch: int
    metrics: Metrics
    duration_seconds: float
    samples_per_second: float


class EpochQuery(BaseModel):
    """Which epochs: those after one that is known already."""

    after: int = Field(0, ge=0, le=2**31 - 1, description="the last epoch that the client knows")
    limit: int = Field(1000, ge=1, le=10_000, description="epochs at most")


class Epochs(BaseModel):
    """Epochs of a result, in order."""

    items: list[Epoch]


class ResultMetrics(BaseModel):
    """The metrics of a result's parts: of the last epoch, and of the model as it is stored."""

    training: Metrics
    validation: Metrics
    test: Metrics


class Curves(BaseModel):
    """Each metric over the epochs: `metrics[name][i]` belongs to `epochs[i]`, null where it was not measured."""

    epochs: list[int]
    metrics: dict[str, list[float | None]]


class ResultLog(BaseModel):
    """What is kept of a training's output: the last lines that the process of a failed one printed."""

    state: ResultState
    log: str | None
    traceback: str | None
    message: str | None
