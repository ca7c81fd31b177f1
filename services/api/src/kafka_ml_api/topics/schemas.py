"""How topics are shown."""

from pydantic import BaseModel, ConfigDict, Field


class TopicView(BaseModel):
    """A topic of Kafka."""

    name: str = Field(examples=["digits"])
    partitions: int
    messages: int = Field(description="offsets that it holds; an upper bound of its messages")


class TopicQuery(BaseModel):
    """Which topics."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=500, description="topics on a page at most")
    cursor: str | None = Field(None, max_length=249, description="`next_cursor` of the page before")
    name: str | None = Field(None, max_length=249, description="part of the name, in any case")
