"""How data sources are shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from kafka_ml_api.pagination import PageQuery
from kafka_ml_common.streams import ControlMessage, InputFormat


class DatasourceView(BaseModel):
    """A data stream that was announced: ranges of the log, and how to read them."""

    id: int = Field(examples=[1])
    fingerprint: str
    deployment_id: int = Field(description="the deployment that it was first announced for")
    input_format: InputFormat
    description: str
    messages: int = Field(description="offsets in its ranges")
    stream: ControlMessage
    created_at: datetime


class DatasourceQuery(PageQuery):
    """Which data sources."""

    deployment_id: int | None = Field(None, ge=0, le=2**63 - 1, description="first announced for this deployment")
    input_format: InputFormat | None = None
    text: str | None = Field(None, max_length=249, description="part of the description or of the ranges, in any case")


class Reuse(BaseModel):
    """A data source on its way to another deployment."""

    datasource_id: int
    deployment_id: int
