"""How configurations are shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from kafka_ml_api.pagination import NamedPageQuery, RowId


class ConfigurationView(BaseModel):
    """A set of models that learn from the same stream."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["digits"])
    description: str
    model_ids: list[int] = Field(examples=[[1, 2]])
    created_at: datetime
    updated_at: datetime
    revision: int = Field(description="grows with each change; the `ETag`", examples=[1])


class ConfigurationQuery(NamedPageQuery):
    """Which configurations."""

    model_id: RowId | None = Field(None, description="only those with this model")
