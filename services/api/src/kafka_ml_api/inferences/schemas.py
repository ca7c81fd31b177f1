"""How inferences are shown, and the request that names its result in the path."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from kafka_ml_api.pagination import PageQuery, RowId
from kafka_ml_api.states import InferenceState
from kafka_ml_common.messages import Failure
from kafka_ml_common.streams import InputFormat
from kafka_ml_common.workloads import InferenceSettings


class InferenceView(BaseModel):
    """A trained model that predicts what comes in on one topic into another."""

    id: int = Field(examples=[1])
    result_id: int
    model_id: int
    model_name: str
    model_version: int
    description: str
    input_topic: str
    output_topic: str
    input_format: InputFormat
    input_config: dict[str, Any]
    settings: InferenceSettings
    replicas: int = Field(description="replicas that are wanted")
    replicas_running: int = Field(description="replicas that run, or load their model")
    generation: int = Field(description="grows with each change of the model")
    state: InferenceState
    failure: Failure | None = Field(description="why it failed, or why not all replicas run")
    rate: float = Field(description="predictions a second")
    latency_p50_ms: float | None = Field(description="time from fetched to committed")
    latency_p99_ms: float | None
    lag: int = Field(description="messages that wait")
    predicted: int
    dead_letters: int = Field(description="messages that could not be decoded or predicted")
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class InferenceQuery(PageQuery):
    """Which inferences."""

    text: str | None = Field(None, max_length=249, description="part of the model's name or of a topic's, in any case")
    state: InferenceState | None = None
    result_id: RowId | None = None
