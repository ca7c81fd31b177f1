"""How models are shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from kafka_ml_api.pagination import NamedPageQuery
from kafka_ml_api.states import VersionState
from kafka_ml_common.messages import Failure, ModelSummary


class ModelItem(BaseModel):
    """A model in a list; `version` and `state` are those of its current version."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["digits-small"])
    description: str
    version: int = Field(examples=[1])
    state: VersionState
    created_at: datetime
    updated_at: datetime
    revision: int = Field(description="grows with each change of the model itself; the `ETag`", examples=[1])


class ModelView(ModelItem):
    """A model with its current version's code, and what its validation said."""

    code: str
    summary: ModelSummary | None = Field(description="of a valid version")
    failure: Failure | None = Field(
        description="why an invalid version can't be built, or what its validation waits for"
    )


class VersionItem(BaseModel):
    """A version of a model in a list."""

    model_id: int
    version: int
    state: VersionState
    created_at: datetime
    validated_at: datetime | None


class VersionView(VersionItem):
    """One version of a model's code, and what its validation said."""

    code: str
    summary: ModelSummary | None
    failure: Failure | None


class ModelQuery(NamedPageQuery):
    """Which models."""

    state: VersionState | None = Field(None, description="state of the current version")
