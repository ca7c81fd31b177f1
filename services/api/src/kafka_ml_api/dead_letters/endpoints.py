"""REST endpoints of dead letters."""

from __future__ import annotations

import asyncio
from typing import Annotated

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import ConsumerRecord
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.dead_letters.letters import (
    RESENT_HEADER,
    DeadLetterView,
    Resend,
    Resent,
    corrected,
    letter_of,
    may_be_sent_to,
    origin_of,
    own_headers,
)
from kafka_ml_api.idempotency import Writes
from kafka_ml_api.inferences import service as inferences
from kafka_ml_api.inferences.schemas import InferenceView
from kafka_ml_api.pagination import Page
from kafka_ml_api.parameters import Db
from kafka_ml_api.previews import headers_of, samples_of
from kafka_ml_api.problems import WRITE_STATUSES, documented
from kafka_ml_api.reading import TopicReader
from kafka_ml_api.settings import ApiSettings
from kafka_ml_api.tables import StoredEvent
from kafka_ml_common import topics
from kafka_ml_common.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from kafka_ml_common.messages import DeadLetterResent

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])

_SECONDS = 10
_MAX_REQUEST_BYTES = 4 << 20  # more than a body of the API has; what is too much, the broker knows

Partition = Annotated[int, Path(ge=0, le=2**31 - 1, description="of the dead letter")]
Offset = Annotated[int, Path(ge=0, le=2**63 - 1, description="of the dead letter")]


class DeadLetterQuery(BaseModel):
    """Which dead letters."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200, description="letters on a page at most")
    cursor: str | None = Field(None, max_length=2000, description="`next_cursor` of the page before")
    topic: str | None = Field(None, max_length=249, description="only of messages of this topic")
    service: str | None = Field(None, max_length=200, description="part of who could not process it")


@router.get("", summary="List dead letters", responses=documented())
async def list_dead_letters(
    query: Annotated[DeadLetterQuery, Query()], db: Db, request: Request
) -> Page[DeadLetterView]:
    """List messages that could not be processed, the newest first. A page may be short of what fits, and still another follow."""
    reader: TopicReader = request.app.state.reader
    look = await reader.preceding(
        topics.DEAD_LETTERS, query.limit, _decode(query.cursor), matches=lambda record: _fits(record, query)
    )
    async with db.transaction() as session:
        resent = await _counted(session, look.records)
    items = [letter_of(record, resent.get(_name(record), 0)) for record in look.records]
    return Page(items=items, next_cursor=_encode(look.before) if look.more else None)


@router.get("/{partition}/{offset}", summary="Get a dead letter", responses=documented(404))
async def get_dead_letter(partition: Partition, offset: Offset, db: Db, request: Request) -> DeadLetterView:
    """Get a message that could not be processed."""
    record = await _find(request, partition, offset)
    async with db.transaction() as session:
        resent = await _counted(session, [record])
        inference = await _inference(session, record)
    letter = letter_of(record, resent.get(_name(record), 0))
    if inference is not None and not letter.cut:
        found = await asyncio.to_thread(samples_of, [record], inference.input_format, inference.input_config)
        letter.attempt = found[0]
    return letter


@router.post(
    "/{partition}/{offset}/resend",
    status_code=202,
    response_model=Resent,
    summary="Send a dead letter again",
    responses=documented(*WRITE_STATUSES, 404, 409),
)
async def resend_dead_letter(
    partition: Partition, offset: Offset, body: Resend, write: Writes, request: Request
) -> Response:
    """Send the message to the topic and partition where it was, with its own key and headers, or with a corrected value."""
    record = await _find(request, partition, offset)
    key, value = corrected(record, body)

    async def use_case(session: AsyncSession) -> Resent:
        sent = await _send(request, record, key, value)
        outbox.enqueue(
            session,
            DeadLetterResent(partition=partition, offset=offset, to_topic=sent.topic, to_offset=sent.offset),
        )
        return sent

    return await write.accept(use_case, f"dead-letters/{partition}/{offset}")


async def _send(request: Request, record: ConsumerRecord, key: bytes | None, value: bytes | None) -> Resent:
    settings: ApiSettings = request.app.state.settings
    reader: TopicReader = request.app.state.reader
    origin = origin_of(headers_of(record).get("kafka-ml-input", ""))
    if origin is None:
        raise ConflictError("The dead letter does not say where the message was.")
    if not may_be_sent_to(origin.topic):
        raise ConflictError(f"Nothing is sent again to {origin.topic}, which belongs to the platform.")
    try:
        kept = await reader.retained(origin.topic)
    except NotFoundError as error:
        raise ConflictError(f"Topic {origin.topic} is gone.", advice="Create it, and send again.") from error
    if origin.partition not in {part.partition for part in kept}:
        raise ConflictError(f"Topic {origin.topic} has no partition {origin.partition} any more.")
    headers = [*own_headers(record), (RESENT_HEADER, f"{record.partition}:{record.offset}".encode())]
    producer = AIOKafkaProducer(
        **settings.kafka.aiokafka(),
        enable_idempotence=True,
        request_timeout_ms=_SECONDS * 1000,
        max_request_size=_MAX_REQUEST_BYTES,
    )
    try:
        await producer.start()
        sent = await producer.send_and_wait(origin.topic, value, key=key, partition=origin.partition, headers=headers)
    except MessageSizeTooLargeError as error:
        raise ConflictError(
            f"Topic {origin.topic} takes no message of {len(value or b'') + len(key or b'')} bytes.",
            advice="Send a smaller one, or raise the topic's max.message.bytes.",
        ) from error
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"Kafka does not take the message: {error}.", advice="Try again in a moment.") from error
    finally:
        await producer.stop()
    return Resent(topic=sent.topic, partition=sent.partition, offset=sent.offset)


async def _inference(session: AsyncSession, record: ConsumerRecord) -> InferenceView | None:
    """The inference that could not process it, if it was one and is still there."""
    number = headers_of(record).get("kafka-ml-inference", "")
    if not (number.isascii() and number.isdigit() and 0 < int(number) < 2**31):
        return None
    try:
        return await inferences.get(session, int(number))
    except NotFoundError:
        return None


async def _find(request: Request, partition: int, offset: int) -> ConsumerRecord:
    reader: TopicReader = request.app.state.reader
    found = (await reader.following(topics.DEAD_LETTERS, {partition: offset}, 1)).records
    if not found or found[0].offset != offset:
        raise NotFoundError(f"There is no dead letter {partition}:{offset}, or no longer one.")
    return found[0]


async def _counted(session: AsyncSession, records: list[ConsumerRecord]) -> dict[str, int]:
    """How often each was sent again, by its name."""
    subjects = [_name(record) for record in records]
    counted = select(StoredEvent.subject, func.count()).where(
        StoredEvent.type == DeadLetterResent.type, StoredEvent.subject.in_(subjects)
    )
    rows = await session.execute(counted.group_by(StoredEvent.subject))
    return {row[0]: row[1] for row in rows}


def _name(record: ConsumerRecord) -> str:
    return f"dead-letters/{record.partition}/{record.offset}"


def _fits(record: ConsumerRecord, query: DeadLetterQuery) -> bool:
    headers = headers_of(record)
    if query.topic is not None and headers.get("kafka-ml-input", "").partition(":")[0] != query.topic:
        return False
    return query.service is None or query.service.lower() in headers.get("kafka-ml-source", "").lower()


def _encode(before: dict[int, int]) -> str:
    return orjson.dumps(sorted(before.items())).decode()


def _decode(cursor: str | None) -> dict[int, int]:
    if cursor is None:
        return {}
    try:
        pairs = orjson.loads(cursor)
        found = dict(pairs)
    except (ValueError, TypeError) as error:
        raise _unknown() from error
    if not all(type(number) is int and 0 <= number < 2**63 for pair in found.items() for number in pair):
        raise _unknown()
    return found


def _unknown() -> InvalidError:
    return InvalidError("The cursor does not belong to this list.", pointer="/cursor")
