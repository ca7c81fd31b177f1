"""How validations of drafts are asked for and shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from kafka_ml_api.states import VersionState
from kafka_ml_common.messages import Failure, ModelSummary
from kafka_ml_common.requests import ID, Code, Request


class DraftCreate(Request):
    """Code to be validated while it is being written. It becomes no model; by a message it can't be asked for."""

    code: Code
    supersedes: ID | None = Field(
        None,
        description="the validation that this one makes useless, as the same code has been changed; it is given up",
    )


class DraftView(BaseModel):
    """What the validation of a draft said. Kept for an hour; its end is the event `kafka-ml.draft.checked`."""

    id: int = Field(examples=[1])
    state: VersionState
    summary: ModelSummary | None = Field(description="of valid code")
    failure: Failure | None = Field(description="why invalid code can't be built, or what its validation waits for")
    created_at: datetime
