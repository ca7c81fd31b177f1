"""Events: what happened, in `kafka-ml.events`. Commands and their answers are in requests.py, desired state in workloads.py."""

from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Message, by_type
from kafka_ml_common.streams import ControlMessage

Metrics = dict[str, float | None]
"""Metric values by Keras's names; None where the value is no number (NaN or infinite)."""


class Failure(BaseModel):
    """Why something failed, for people.

    Attributes:
        code: stable name of the kind of failure, such as `out_of_memory`, `timeout`, `model_error`, `bad_data`, `killed`.
        message: one sentence, with what to do about it.
        traceback: the user's part of a Python traceback, if their code raised.
        line: line of the model's code where it happened.
        log: the last lines that the process printed.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    traceback: str | None = None
    line: int | None = None
    log: str | None = None


class Event(Message):
    """Base of the events."""

    topic: ClassVar[str] = topics.EVENTS


class Layer(BaseModel):
    """One layer of a model's summary."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    output_shape: str
    parameters: int


class ModelSummary(BaseModel):
    """What a valid model looks like. Shapes are those of one sample, without the batch dimension; None where not fixed."""

    model_config = ConfigDict(frozen=True)

    layers: tuple[Layer, ...]
    parameters: int
    trainable_parameters: int
    input_shape: tuple[int | None, ...] | None
    output_shape: tuple[int | None, ...] | None
    loss: str | None = None
    optimizer: str | None = None


class _ModelEvent(Event):
    model_id: int
    version: int

    @property
    def key(self) -> str:
        return f"models/{self.model_id}"


class ModelValidated(_ModelEvent):
    """A version of a model can be built."""

    type: ClassVar[str] = "kafka-ml.model.validated"
    summary: ModelSummary


class ModelRejected(_ModelEvent):
    """A version of a model can't be built."""

    type: ClassVar[str] = "kafka-ml.model.rejected"
    failure: Failure


class DraftChecked(Event):
    """Code that is still being written was built, or can't be: one of `summary` and `failure` is there."""

    type: ClassVar[str] = "kafka-ml.draft.checked"
    draft: int
    summary: ModelSummary | None = None
    failure: Failure | None = None

    @property
    def key(self) -> str:
        return f"validations/{self.draft}"


class _DeploymentEvent(Event):
    deployment_id: int

    @property
    def key(self) -> str:
        return f"deployments/{self.deployment_id}"


class StreamRecorded(_DeploymentEvent):
    """A data stream was announced for a deployment, known or not yet; its ranges exist in the log."""

    type: ClassVar[str] = "kafka-ml.stream.recorded"
    fingerprint: str = Field(description="hash of what the stream is, the same for each announcement of it")
    stream: ControlMessage


class StreamMatched(_DeploymentEvent):
    """A deployment got its stream; its workloads were asked for."""

    type: ClassVar[str] = "kafka-ml.stream.matched"
    fingerprint: str
    result_ids: tuple[int, ...]


class StreamRefused(_DeploymentEvent):
    """A data stream can't be used; the deployment goes on waiting for another."""

    type: ClassVar[str] = "kafka-ml.stream.refused"
    fingerprint: str
    failure: Failure


class WorkloadState(StrEnum):
    """Where a workload is. `pending` also after a crash, before the next attempt."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


class WorkloadStatus(Event):
    """What the scheduler saw of a workload."""

    type: ClassVar[str] = "kafka-ml.workload.status"
    workload_id: str
    kind: Literal["training", "validation", "inference"]
    owner: str = Field(description="the resource that it is for, such as results/7")
    event_key: str = Field(description="key of this event: the deployment, model or inference")
    generation: int
    state: WorkloadState
    attempt: int = 1
    replicas_running: int = 0
    replicas_wanted: int = 1
    failure: Failure | None = None

    @property
    def key(self) -> str:
        return self.event_key

    @property
    def subject(self) -> str:
        return self.owner


class _ResultEvent(Event):
    deployment_id: int
    result_id: int

    @property
    def key(self) -> str:
        return f"deployments/{self.deployment_id}"

    @property
    def subject(self) -> str:
        return f"results/{self.result_id}"


class TrainingStarted(_ResultEvent):
    """A trainer has read the stream and begins to fit. Sizes are numbers of samples; `skipped` could not be decoded."""

    type: ClassVar[str] = "kafka-ml.training.started"
    epochs: int
    training_size: int
    validation_size: int
    test_size: int
    skipped: int = 0
    input_shape: tuple[int, ...]


class EpochFinished(_ResultEvent):
    """An epoch ended. `epoch` counts from 1; validation metrics have Keras's `val_` prefix."""

    type: ClassVar[str] = "kafka-ml.training.epoch"
    epoch: int
    metrics: Metrics
    duration_seconds: float
    samples_per_second: float


class ConfusionMatrix(BaseModel):
    """Counts of the test part: row = true class, column = predicted class, both in the order of `labels`."""

    model_config = ConfigDict(frozen=True)

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    part: Literal["test", "validation"] = "test"


class _TrainingEnded(_ResultEvent):
    training_metrics: Metrics = Field(description="of the last epoch")
    validation_metrics: Metrics = Field(default_factory=dict)
    test_metrics: Metrics = Field(default_factory=dict)
    confusion_matrix: ConfusionMatrix | None = None
    epochs_done: int
    duration_seconds: float
    model_object: str | None = Field(
        description="key of the stored model in the object store; None when nothing is stored"
    )
    model_bytes: int = 0


class TrainingFinished(_TrainingEnded):
    """The model is trained, tested and stored."""

    type: ClassVar[str] = "kafka-ml.training.finished"


class TrainingStopped(_TrainingEnded):
    """The training was asked to stop and did, at a batch's end; the model as it was then is stored, if an epoch was done."""

    type: ClassVar[str] = "kafka-ml.training.stopped"


class TrainingFailed(_ResultEvent):
    """The training can't succeed."""

    type: ClassVar[str] = "kafka-ml.training.failed"
    failure: Failure


class _InferenceEvent(Event):
    inference_id: int
    generation: int
    replica: int

    @property
    def key(self) -> str:
        return f"inferences/{self.inference_id}"


class InferenceReady(_InferenceEvent):
    """A replica has loaded and warmed up its model and begins to read."""

    type: ClassVar[str] = "kafka-ml.inference.ready"
    result_id: int
    positions: dict[str, int] = Field(
        default_factory=dict,
        description="the offset that it begins with in each of its partitions, by `topic:partition`; empty while the topic is not there",
    )


class InferenceProgress(_InferenceEvent):
    """How a replica is doing; sent every few seconds while anything changes."""

    type: ClassVar[str] = "kafka-ml.inference.progress"
    predicted: int = Field(description="predictions committed by this process so far")
    dead_letters: int = Field(description="messages that this process could not decode or predict so far")
    rate: float = Field(description="predictions a second since the last report")
    latency_p50_ms: float | None = Field(description="time from fetched to committed, half of the messages are below")
    latency_p99_ms: float | None
    lag: int = Field(description="messages that wait in the replica's partitions")


class InferenceFailed(_InferenceEvent):
    """A replica can't go on and will not recover by itself (its model can't be loaded, its topic is gone)."""

    type: ClassVar[str] = "kafka-ml.inference.failed"
    failure: Failure


class ResourceChanged(Event):
    """A resource of the API was created, updated or deleted."""

    type: ClassVar[str] = "kafka-ml.resource.changed"
    resource: Literal["models", "configurations", "deployments", "results", "datasources", "inferences"]
    id: int
    change: Literal["created", "updated", "deleted"]
    state: str | None = None

    @property
    def key(self) -> str:
        return f"{self.resource}/{self.id}"


class DeadLetterResent(Event):
    """A message that could not be processed was sent again, by a user."""

    type: ClassVar[str] = "kafka-ml.dead-letter.resent"
    partition: int = Field(description="of the dead letter")
    offset: int = Field(description="of the dead letter")
    to_topic: str
    to_offset: int

    @property
    def key(self) -> str:
        return f"dead-letters/{self.partition}/{self.offset}"


class CommandCompleted(Event):
    """The answer to a command that was carried out; the envelope's correlation id is the command's `ce_id`."""

    type: ClassVar[str] = "kafka-ml.command.completed"
    command: str = Field(description="the command's type")
    resource: str = Field(description="what it was about, such as models/3")
    document: dict[str, Any] | None = Field(description="the resource, as REST shows it")

    @property
    def key(self) -> str:
        return self.resource


class CommandRejected(Event):
    """The answer to a command that was refused; the envelope's correlation id is the command's `ce_id`."""

    type: ClassVar[str] = "kafka-ml.command.rejected"
    command: str
    problem: dict[str, Any] = Field(description="problem details (RFC 9457)")

    @property
    def key(self) -> str:
        return "commands"


EVENTS: tuple[type[Event], ...] = (
    ModelValidated,
    ModelRejected,
    DraftChecked,
    StreamRecorded,
    StreamMatched,
    StreamRefused,
    WorkloadStatus,
    TrainingStarted,
    EpochFinished,
    TrainingFinished,
    TrainingStopped,
    TrainingFailed,
    InferenceReady,
    InferenceProgress,
    InferenceFailed,
    ResourceChanged,
    DeadLetterResent,
    CommandCompleted,
    CommandRejected,
)
EVENT_TYPES = by_type(EVENTS)
