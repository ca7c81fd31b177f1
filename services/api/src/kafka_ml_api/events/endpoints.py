"""Endpoints: events, live and as a list."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from sqlalchemy import select
from sse_starlette import EventSourceResponse, ServerSentEvent

from kafka_ml_api.db import Database, storable_text
from kafka_ml_api.events.schemas import (
    SUBJECTS_HELP,
    TYPES_HELP,
    EventsQuery,
    StoredEventView,
    SubjectName,
    TypeName,
    Wanted,
)
from kafka_ml_api.live import Hub, Place
from kafka_ml_api.pagination import Columns, Page, read_page
from kafka_ml_api.problems import documented
from kafka_ml_api.tables import StoredEvent

router = APIRouter(prefix="/events", tags=["events"])

_HEARTBEAT_SECONDS = 15
_SEND_SECONDS = 30
_RETRY_MS = 1000
_MAX_ID = 2**63 - 1


@router.get(
    "",
    response_class=EventSourceResponse,
    summary="Follow events as they happen",
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, **documented()},
)
async def follow_events(
    request: Request,
    types: Annotated[list[TypeName] | None, Query(alias="type", max_length=50, description=TYPES_HELP)] = None,
    subjects: Annotated[
        list[SubjectName] | None, Query(alias="subject", max_length=200, description=SUBJECTS_HELP)
    ] = None,
    after: Annotated[int | None, Query(ge=0, le=_MAX_ID, description="begin with those after this `sequence`")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=_MAX_ID, description="the same, as browsers send it")] = None,
) -> EventSourceResponse:
    """Stream events as server-sent events. The data is an event in JSON, the id its `sequence`.

    Besides them, one named `connected` comes at once and one named `heartbeat` every 15 seconds: their data, `{"sequence": 7}`, is how far
    the stream is. Who hears nothing for longer than that has lost the line.

    A client that does not keep up is disconnected, and goes on where it was with `Last-Event-ID`.
    """
    hub: Hub = request.app.state.hub
    # "From now on" is decided here, before the answer begins: what happens until its stream is read is part of it.
    now = await hub.position()
    start = last_event_id if last_event_id is not None else after if after is not None else now
    place = Place(start)
    events = hub.stream(Wanted(types or (), subjects or ()), start, place)
    return EventSourceResponse(
        _sent(events, place),
        ping=_HEARTBEAT_SECONDS,
        ping_message_factory=lambda: _sign("heartbeat", place),
        send_timeout=_SEND_SECONDS,
        sep="\n",
    )


async def _sent(events: AsyncGenerator[StoredEventView, None], place: Place) -> AsyncIterator[ServerSentEvent]:
    yield _sign("connected", place, retry=_RETRY_MS)
    async with aclosing(events):
        async for event in events:
            yield ServerSentEvent(event.model_dump_json(), id=str(event.sequence))


def _sign(name: str, place: Place, retry: int | None = None) -> ServerSentEvent:
    """Browsers show no comments to a page, so what tells it that the line lives is an event; its name keeps it apart from what happened.

    It has no id: what a browser resumes after is the last event that it was given.
    """
    return ServerSentEvent(f'{{"sequence": {place.sequence}}}', event=name, retry=retry)


@router.get("/history", summary="List the events that are kept", responses=documented())
async def list_events(request: Request, query: Annotated[EventsQuery, Query()]) -> Page[StoredEventView]:
    """List events, the newest first. Reports of inferences' progress are kept for minutes, others for weeks."""
    database: Database = request.app.state.database
    statement = select(StoredEvent).where(*Wanted(query.type, query.subject).where())
    if query.correlation_id is not None:
        statement = statement.where(StoredEvent.correlation_id == storable_text(query.correlation_id))
    async with database.transaction() as session:
        return await read_page(
            session, statement, query, Columns(StoredEvent.id), lambda row: StoredEventView.model_validate(row[0])
        )
