"""Workload specs: the desired state in `kafka-ml.workloads`. Each is self-contained: a runtime needs nothing else to run it.

Credentials are never part of a spec; a workload's host process gets them from its runtime.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Message
from kafka_ml_common.placement import Autoscaling, Placement
from kafka_ml_common.streams import ControlMessage, InputFormat
from kafka_ml_common.training import TrainingSettings


class ModelCode(BaseModel):
    """One version of a model's code."""

    model_config = ConfigDict(frozen=True)

    model_id: int
    version: int
    name: str
    code: str


class Target(BaseModel):
    """A model of a deployment, and the result that its training becomes."""

    model_config = ConfigDict(frozen=True)

    result_id: int
    model: ModelCode


ENDED: tuple[str, bytes] = ("kafka-ml-reason", b"ended")
"""Header of a deployment's tombstone when all its trainings have ended by themselves, so that there is nothing to stop."""


STORING_SECONDS = 600.0
"""How long a training whose time is over may go on trying to store its result, while the object store is away."""


class DeploymentRequest(Message):
    """Desired state in `kafka-ml.deployments`: these models await a stream."""

    type: ClassVar[str] = "kafka-ml.deployment.requested"
    topic: ClassVar[str] = topics.DEPLOYMENTS

    deployment_id: int
    targets: tuple[Target, ...]
    settings: TrainingSettings

    @property
    def key(self) -> str:
        return str(self.deployment_id)

    @property
    def subject(self) -> str:
        return f"deployments/{self.deployment_id}"


class WorkloadSpec(Message):
    """Base of the workload specs.

    Attributes:
        generation: grows when the spec of one workload changes, so that a status can be told from an older spec's.
        attempts: how often a workload that ends by itself is started before it counts as failed; unused by inferences.
    """

    topic: ClassVar[str] = topics.WORKLOADS

    generation: int = 1
    attempts: int = 3

    @property
    def workload_id(self) -> str:
        """Name of the workload, unique and derived from what it is for."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        return self.workload_id

    @property
    def subject(self) -> str:
        raise NotImplementedError

    @property
    def event_key(self) -> str:
        """Key of the events about this workload."""
        return self.subject


class TrainingSpec(WorkloadSpec):
    """Train one model of a deployment on a stream, once."""

    type: ClassVar[str] = "kafka-ml.workload.training"
    kind: Literal["training"] = "training"

    deployment_id: int
    result_id: int
    model: ModelCode
    stream: ControlMessage
    settings: TrainingSettings

    @property
    def workload_id(self) -> str:
        return f"training-{self.result_id}"

    @property
    def subject(self) -> str:
        return f"results/{self.result_id}"

    @property
    def event_key(self) -> str:
        return f"deployments/{self.deployment_id}"


class ValidationSpec(WorkloadSpec):
    """Build one version of a model and say whether it is valid, once.

    Attributes:
        draft: number of the draft, for code that is still being written and belongs to no model; `model` then has the code alone.
    """

    type: ClassVar[str] = "kafka-ml.workload.validation"
    kind: Literal["validation"] = "validation"

    model: ModelCode
    draft: int | None = None
    memory_mb: int = 2048
    timeout_seconds: int = 60

    @property
    def workload_id(self) -> str:
        if self.draft is not None:
            return f"validation-draft-{self.draft}"
        return f"validation-{self.model.model_id}-{self.model.version}"

    @property
    def subject(self) -> str:
        return f"models/{self.model.model_id}" if self.draft is None else f"validations/{self.draft}"


class InferenceSettings(BaseModel):
    """How an inference reads, batches and guards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: Literal["exactly_once", "at_least_once"] = Field(
        "exactly_once",
        description="exactly_once: one transaction a batch; read the output with isolation.level=read_committed",
    )
    max_batch: int = Field(
        4096, strict=True, ge=1, le=65_536, description="messages that are predicted together at most"
    )
    max_wait_ms: int = Field(
        5, strict=True, ge=0, le=10_000, description="how long a batch that is not full waits for more messages"
    )
    start_from: Literal["earliest", "latest"] = Field("earliest", description="where a new inference starts reading")
    memory_mb: int = Field(
        2048,
        strict=True,
        ge=1024,
        le=1_048_576,
        description="memory that the model's process may use, in MiB; TensorFlow alone takes some 600",
    )
    placement: Placement = Field(
        default_factory=Placement,
        description="where each replica runs on Kubernetes; without meaning where replicas are processes on one machine",
    )
    autoscaling: Autoscaling | None = Field(
        None, description="have the number of replicas follow the messages that wait; needs Kubernetes with KEDA"
    )


class InferenceSpec(WorkloadSpec):
    """Predict what comes in on one topic into another, until withdrawn."""

    type: ClassVar[str] = "kafka-ml.workload.inference"
    kind: Literal["inference"] = "inference"

    inference_id: int
    result_id: int
    model: ModelCode
    model_object: str = Field(description="key of the trained model in the object store")
    input_format: InputFormat
    input_config: dict[str, Any]
    input_topic: str
    output_topic: str
    replicas: int = 1
    settings: InferenceSettings

    @property
    def workload_id(self) -> str:
        return f"inference-{self.inference_id}"

    @property
    def subject(self) -> str:
        return f"inferences/{self.inference_id}"


AnySpec = Annotated[TrainingSpec | ValidationSpec | InferenceSpec, Field(discriminator="kind")]
SPEC: TypeAdapter[TrainingSpec | ValidationSpec | InferenceSpec] = TypeAdapter(AnySpec)
SPECS: tuple[type[WorkloadSpec], ...] = (TrainingSpec, ValidationSpec, InferenceSpec)


class Assignment(BaseModel):
    """What a runtime hands to a workload's host process, as one line of JSON on standard input or in a file.

    A host that is started ahead of its work waits for it; the end of the input before that tells it to go.
    The host exits with 0 once it has reported how its work ended (also when that is a failure of the user's model), and with
    anything else when it could not: the runtime then starts it again, up to the spec's attempts.
    """

    model_config = ConfigDict(frozen=True)

    spec: AnySpec
    replica: int = 0
    attempt: int = 1
