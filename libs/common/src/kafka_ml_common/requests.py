"""What clients may ask, by REST or as messages in `kafka-ml.commands`: the same schemas both ways."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Message, by_type
from kafka_ml_common.streams import InputFormat
from kafka_ml_common.training import TrainingSettings
from kafka_ml_common.workloads import InferenceSettings

ID = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
"""An id in the database: a positive 32-bit integer. (Strict, as JSON's true would else count as 1.)"""


def _printable(text: str) -> str:
    """PostgreSQL can't hold NUL, and a lone surrogate is no UTF-8."""
    if "\x00" in text:
        raise ValueError("must not hold NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode text") from error
    return text


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)
]
Description = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_printable)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=200_000), AfterValidator(_printable)]
TopicName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
Replicas = Annotated[int, Field(ge=0, le=1000, strict=True)]

_EXAMPLE_CODE = """model = keras.Sequential([
    keras.Input((8, 8)),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""


class Request(BaseModel):
    """Base of the request schemas: unknown fields are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelCreate(Request):
    """A new model. Its code leaves a compiled Keras model in the variable `model`; `tf`, `keras` and `np` are there."""

    name: Name = Field(examples=["digits-small"])
    description: Description = ""
    code: Code = Field(examples=[_EXAMPLE_CODE])


class ModelUpdate(Request):
    """A change of a model. New code becomes a new version; earlier versions stay."""

    name: Name | None = None
    description: Description | None = None
    code: Code | None = None


class ConfigurationCreate(Request):
    """A new configuration: models that learn from the same stream."""

    name: Name = Field(examples=["digits"])
    description: Description = ""
    model_ids: list[ID] = Field(min_length=1, max_length=100, examples=[[1, 2]])


class ConfigurationUpdate(Request):
    """A change of a configuration. Deployments that exist keep the models they were made with."""

    name: Name | None = None
    description: Description | None = None
    model_ids: list[ID] | None = Field(None, min_length=1, max_length=100)


class DeploymentCreate(TrainingSettings):
    """Have every model of a configuration trained on the next stream that is sent for this deployment."""

    configuration_id: ID = Field(examples=[1])
    description: Description = ""

    def settings(self) -> TrainingSettings:
        """The training settings alone."""
        return TrainingSettings.model_validate({name: getattr(self, name) for name in TrainingSettings.model_fields})


class DatasourceReuse(Request):
    """Send a data source that is still in the log to another deployment."""

    deployment_id: ID


class ResultInferenceCreate(InferenceSettings):
    """Deploy a trained model between two topics. Format and configuration default to those of the training's data source."""

    input_topic: TopicName = Field(examples=["digits-in"])
    output_topic: TopicName = Field(examples=["digits-out"])
    replicas: Replicas = Field(1, description="processes or pods that share the input's partitions")
    description: Description = ""
    input_format: InputFormat | None = None
    input_config: dict[str, Any] | None = None

    def settings(self) -> InferenceSettings:
        """The inference settings alone."""
        return InferenceSettings.model_validate({name: getattr(self, name) for name in InferenceSettings.model_fields})


class InferenceCreate(ResultInferenceCreate):
    """The same, naming the result whose model it is."""

    result_id: ID = Field(examples=[1])


class InferenceScale(Request):
    """Change how many replicas share the input's partitions; 0 pauses the inference."""

    replicas: Replicas


class InferenceModelSwap(Request):
    """Give a running inference another trained model with the same input and output shapes."""

    result_id: ID


class Command(Message):
    """Base of the commands. The sender chooses the Kafka key; ours is the type, so that commands of one kind keep their order."""

    topic: ClassVar[str] = topics.COMMANDS

    @property
    def key(self) -> str:
        return self.type


class _OnExisting(Command):
    id: ID


class CreateModel(ModelCreate, Command):
    """`POST /models` as a message."""

    type: ClassVar[str] = "kafka-ml.model.create"


class UpdateModel(ModelUpdate, _OnExisting):
    """`PATCH /models/{id}` as a message."""

    type: ClassVar[str] = "kafka-ml.model.update"


class ValidateModel(_OnExisting):
    """`POST /models/{id}/validate` as a message."""

    type: ClassVar[str] = "kafka-ml.model.validate"


class DeleteModel(_OnExisting):
    """`DELETE /models/{id}` as a message."""

    type: ClassVar[str] = "kafka-ml.model.delete"


class CreateConfiguration(ConfigurationCreate, Command):
    """`POST /configurations` as a message."""

    type: ClassVar[str] = "kafka-ml.configuration.create"


class UpdateConfiguration(ConfigurationUpdate, _OnExisting):
    """`PATCH /configurations/{id}` as a message."""

    type: ClassVar[str] = "kafka-ml.configuration.update"


class DeleteConfiguration(_OnExisting):
    """`DELETE /configurations/{id}` as a message."""

    type: ClassVar[str] = "kafka-ml.configuration.delete"


class CreateDeployment(DeploymentCreate, Command):
    """`POST /deployments` as a message."""

    type: ClassVar[str] = "kafka-ml.deployment.create"


class StopDeployment(_OnExisting):
    """`POST /deployments/{id}/stop` as a message."""

    type: ClassVar[str] = "kafka-ml.deployment.stop"


class DeleteDeployment(_OnExisting):
    """`DELETE /deployments/{id}` as a message."""

    type: ClassVar[str] = "kafka-ml.deployment.delete"


class DeleteResult(_OnExisting):
    """`DELETE /results/{id}` as a message."""

    type: ClassVar[str] = "kafka-ml.result.delete"


class ReuseDatasource(DatasourceReuse, _OnExisting):
    """`POST /datasources/{id}/reuse` as a message."""

    type: ClassVar[str] = "kafka-ml.datasource.reuse"


class CreateInference(InferenceCreate, Command):
    """`POST /inferences` as a message."""

    type: ClassVar[str] = "kafka-ml.inference.create"


class ScaleInference(InferenceScale, _OnExisting):
    """`POST /inferences/{id}/scale` as a message."""

    type: ClassVar[str] = "kafka-ml.inference.scale"


class SwapInferenceModel(InferenceModelSwap, _OnExisting):
    """`POST /inferences/{id}/model` as a message."""

    type: ClassVar[str] = "kafka-ml.inference.swap-model"


class StopInference(_OnExisting):
    """`POST /inferences/{id}/stop` as a message."""

    type: ClassVar[str] = "kafka-ml.inference.stop"


class DeleteInference(_OnExisting):
    """`DELETE /inferences/{id}` as a message."""

    type: ClassVar[str] = "kafka-ml.inference.delete"


COMMANDS: tuple[type[Command], ...] = (
    CreateModel,
    UpdateModel,
    ValidateModel,
    DeleteModel,
    CreateConfiguration,
    UpdateConfiguration,
    DeleteConfiguration,
    CreateDeployment,
    StopDeployment,
    DeleteDeployment,
    DeleteResult,
    ReuseDatasource,
    CreateInference,
    ScaleInference,
    SwapInferenceModel,
    StopInference,
    DeleteInference,
)
COMMAND_TYPES = by_type(COMMANDS)
