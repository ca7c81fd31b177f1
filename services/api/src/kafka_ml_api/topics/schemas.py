"""How topics are shown."""

from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from kafka_ml_api.pagination import RowId
from kafka_ml_api.topics.messages import TopicMessage


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


class PartitionView(BaseModel):
    """What a partition holds: offsets from `start` up to and without `end`."""

    partition: int
    start: int
    end: int


class TopicDetail(BaseModel):
    """A topic, with what each partition holds."""

    name: str = Field(examples=["digits"])
    messages: int = Field(description="offsets that it holds; an upper bound of its messages")
    partitions: list[PartitionView]


class MessagesQuery(BaseModel):
    """Which messages of a topic: the newest, those before or from an offset, or those from a time on."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200, description="messages at most")
    partition: int | None = Field(None, ge=0, le=2**31 - 1, description="only of this one")
    offset: int | None = Field(None, ge=0, le=2**63 - 1, description="from this one on; with `partition`")
    before: int | None = Field(None, ge=0, le=2**63 - 1, description="the last ones before this one; with `partition`")
    time: AwareDatetime | None = Field(None, description="from this time on")
    datasource_id: RowId | None = Field(None, description="decode them as messages of this data source, too")
    inference_id: RowId | None = Field(None, description="decode them as input of this inference, too")

    @model_validator(mode="after")
    def _says_one_place(self) -> Self:
        places = [name for name in ("offset", "before", "time") if getattr(self, name) is not None]
        if len(places) > 1:
            raise ValueError(f"{places[0]} and {places[1]} can't be given together")
        if places and places[0] != "time" and self.partition is None:
            raise ValueError(f"{places[0]} needs a partition")
        return self


class TopicMessages(BaseModel):
    """Messages of a topic: the newest first, or in the log's order from where one began."""

    topic: str
    newest_first: bool
    partitions: list[PartitionView] = Field(description="what is retained")
    messages: list[TopicMessage]
