"""Schemas: events as clients see them, and which of them a client wants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import ColumnElement, or_

from kafka_ml_api.pagination import PageQuery
from kafka_ml_api.tables import StoredEvent


class StoredEventView(BaseModel):
    """An event: its CloudEvents attributes, its data, and its place in the API's own order."""

    model_config = ConfigDict(from_attributes=True)

    sequence: int = Field(validation_alias="id", description="grows with each event; what `Last-Event-ID` names")
    id: str = Field(validation_alias="event_id", description="the event's CloudEvents id")
    source: str
    type: str = Field(examples=["kafka-ml.training.epoch"])
    subject: str = Field(examples=["results/7"])
    time: datetime = Field(description="when it happened")
    correlation_id: str | None = Field(description="in an answer: the id of the command")
    data: dict[str, Any] = Field(description="as the AsyncAPI document describes it for the type")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a client wants; a type may end in `*`. Empty means all."""

    types: Sequence[str] = ()
    subjects: Sequence[str] = ()

    def matches(self, event: StoredEventView) -> bool:
        """Whether the client wants this event."""
        if self.subjects and event.subject not in self.subjects:
            return False
        return not self.types or any(_fits(event.type, wanted) for wanted in self.types)

    def where(self) -> list[ColumnElement[bool]]:
        """The same, as conditions on the table."""
        conditions: list[ColumnElement[bool]] = []
        if self.subjects:
            conditions.append(StoredEvent.subject.in_(self.subjects))
        if self.types:
            conditions.append(
                or_(
                    *(
                        StoredEvent.type.startswith(wanted[:-1], autoescape=True)
                        if wanted.endswith("*")
                        else StoredEvent.type == wanted
                        for wanted in self.types
                    )
                )
            )
        return conditions


def _fits(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


TypeName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,199}\*?$")]
SubjectName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._/-]{1,200}$")]
TYPES_HELP = "only of these types; `kafka-ml.training.*` means all that begin so"
SUBJECTS_HELP = "only about these resources, such as `results/7`"


class EventsQuery(PageQuery):
    """Which page of which events."""

    type: list[TypeName] = Field(default_factory=list, max_length=50, description=TYPES_HELP)
    subject: list[SubjectName] = Field(default_factory=list, max_length=200, description=SUBJECTS_HELP)
    correlation_id: str | None = Field(None, max_length=200, description="only answers to the command with this id")
