"""How deployments are shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from kafka_ml_api.pagination import PageQuery, RowId
from kafka_ml_api.states import DeploymentState, ResultState
from kafka_ml_common.messages import Failure
from kafka_ml_common.training import TrainingSettings


class DeploymentResult(BaseModel):
    """A result of a deployment, in short."""

    id: int
    model_id: int
    model_name: str
    model_version: int
    state: ResultState
    epochs: int | None
    epochs_done: int


class DeploymentView(BaseModel):
    """A configuration whose models, in the versions of that moment, await or had a stream."""

    id: int = Field(examples=[1])
    configuration_id: int
    configuration_name: str
    description: str
    settings: TrainingSettings
    state: DeploymentState
    datasource_id: int | None = Field(description="the stream that it was trained on, once one came")
    failure: Failure | None = Field(description="why the last stream that was sent for it was refused")
    results: list[DeploymentResult]
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class DeploymentQuery(PageQuery):
    """Which deployments."""

    text: str | None = Field(None, max_length=249, description="part of the configuration's name, in any case")
    state: DeploymentState | None = None
    configuration_id: RowId | None = None
    datasource_id: RowId | None = None
