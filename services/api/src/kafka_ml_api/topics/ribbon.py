"""The log-range ribbon: what became of a topic's messages.

Which offsets are still there; which were training, test and validation of which data source; where each inference stands and where its
model changed; what retention took away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api.db import Database
from kafka_ml_api.inferences import service as inferences
from kafka_ml_api.inferences.schemas import InferenceView
from kafka_ml_api.reading import Retained, TopicReader
from kafka_ml_api.tables import Datasource, Deployment, Inference, Model, Result, StoredEvent
from kafka_ml_api.topics.schemas import PartitionView
from kafka_ml_common.messages import InferenceReady
from kafka_ml_common.streams import ControlMessage, StreamRange, split_sizes

_MOST_SOURCES = 200
_MOST_INFERENCES = 50
_MOST_CHANGES = 200

PartName = Literal["training", "test", "validation", "unlabelled"]


class UsedRange(BaseModel):
    """Offsets of one partition that a data source names."""

    datasource_id: int
    deployment_ids: list[int] = Field(
        description="deployments that were trained on it, and the one that it was announced for"
    )
    partition: int
    start: int
    end: int
    part: PartName
    deleted: int = Field(description="how many of its offsets retention has taken away")


class Stand(BaseModel):
    """Where an inference stands in a partition: the offset that it reads next."""

    inference_id: int
    model_name: str
    state: str
    partition: int
    position: int
    lag: int


class ModelChange(BaseModel):
    """When an inference began with a model, and the first message that came afterwards. What waited then was predicted by it, too."""

    inference_id: int
    generation: int
    result_id: int
    model_name: str
    partition: int
    offset: int
    time: datetime


class Ribbon(BaseModel):
    """What became of a topic's messages."""

    topic: str
    partitions: list[PartitionView] = Field(description="what is retained")
    ranges: list[UsedRange]
    inferences: list[Stand]
    changes: list[ModelChange]


@dataclass(frozen=True, slots=True)
class Source:
    """A data source that names the topic, and who used it."""

    id: int
    stream: ControlMessage
    deployment_ids: tuple[int, ...]


async def ribbon_of(topic: str, database: Database, reader: TopicReader) -> Ribbon:
    """The ribbon of a topic.

    Raises:
        NotFoundError: there is no such topic.
        UnavailableError: Kafka or the database can't be reached.
    """
    kept = await reader.retained(topic)
    async with database.transaction() as session:
        sources = await _sources(session, topic)
        readers = await _inferences(session, topic)
        ready = await _ready_events(session, [inference.id for inference in readers])
    groups = {inference.id: f"kafka-ml-inference-{inference.id}" for inference in readers}
    committed = await reader.committed(list(groups.values()), topic) if groups else {}
    stands = [stand for one in readers for stand in _stands(one, kept, committed[groups[one.id]])]
    places = await reader.at_time(topic, [time for time, _, _ in ready]) if ready else []
    changes = [
        ModelChange(
            inference_id=event.inference_id,
            generation=event.generation,
            result_id=event.result_id,
            model_name=name,
            partition=partition,
            offset=offset,
            time=time,
        )
        for (time, event, name), offsets in zip(ready, places, strict=True)
        for partition, offset in offsets.items()
    ]
    return Ribbon(
        topic=topic,
        partitions=[PartitionView(partition=part.partition, start=part.start, end=part.end) for part in kept],
        ranges=[piece for source in sources for piece in used_ranges(source, topic, kept)],
        inferences=stands,
        changes=changes,
    )


def used_ranges(source: Source, topic: str, kept: Sequence[Retained]) -> Iterator[UsedRange]:
    """The offsets of a topic that a data source names, divided as its trainings divide them: training, test, validation, in this order.

    Offsets without a message (markers of transactions, compaction) are counted like messages here, so borders are then a little off.
    """
    starts = {part.partition: part.start for part in kept}
    stream = source.stream
    sizes = split_sizes(stream.size, stream.validation_rate, stream.test_rate)
    parts: tuple[tuple[PartName, int], ...] = (
        ("training", sizes.training),
        ("test", sizes.test),
        ("validation", sizes.validation),
    )
    pieces = [*_divided(stream.ranges, parts), *(("unlabelled", piece) for piece in stream.unsupervised_ranges)]
    for part, piece in pieces:
        if piece.topic == topic and piece.size:
            gone = max(0, min(piece.end, starts.get(piece.partition, piece.end)) - piece.start)
            yield UsedRange(
                datasource_id=source.id,
                deployment_ids=list(source.deployment_ids),
                partition=piece.partition,
                start=piece.start,
                end=piece.end,
                part=part,
                deleted=gone,
            )


def _divided(
    ranges: Sequence[StreamRange], parts: Sequence[tuple[PartName, int]]
) -> Iterator[tuple[PartName, StreamRange]]:
    left = [[name, size] for name, size in parts]
    for piece in ranges:
        start = piece.start
        while start < piece.end and left:
            name, size = left[0]
            taken = min(int(size), piece.end - start)
            if taken:
                yield name, StreamRange(piece.topic, piece.partition, start, start + taken)  # type: ignore[misc]
            start += taken
            left[0][1] = int(size) - taken
            if left[0][1] == 0:
                left.pop(0)


async def _sources(session: AsyncSession, topic: str) -> list[Source]:
    names = [Datasource.stream[name].astext for name in ("topic", "unsupervised_topic")]
    named = names[0].contains(f"{topic}:", autoescape=True) | names[1].contains(f"{topic}:", autoescape=True)
    rows = await session.scalars(select(Datasource).where(named).order_by(Datasource.id.desc()).limit(_MOST_SOURCES))
    found = list(rows)
    users: dict[int, list[int]] = {}
    used = select(Deployment.datasource_id, Deployment.id).where(
        Deployment.datasource_id.in_([row.id for row in found])
    )
    for source_id, deployment_id in await session.execute(used.order_by(Deployment.id)):
        users.setdefault(source_id or 0, []).append(deployment_id)
    return [
        Source(
            row.id,
            ControlMessage.model_validate(row.stream),
            tuple(dict.fromkeys((row.deployment_id, *users.get(row.id, ())))),
        )
        for row in found
    ]


async def _inferences(session: AsyncSession, topic: str) -> list[InferenceView]:
    ids = await session.scalars(
        select(Inference.id).where(Inference.input_topic == topic).order_by(Inference.id.desc()).limit(_MOST_INFERENCES)
    )
    return [await inferences.get(session, number) for number in ids.all()]


async def _ready_events(session: AsyncSession, ids: Sequence[int]) -> list[tuple[datetime, InferenceReady, str]]:
    """The first time that each generation of each inference was ready with a model, with the model's name."""
    rows = await session.execute(
        select(StoredEvent.time, StoredEvent.data)
        .where(
            StoredEvent.type == InferenceReady.type,
            StoredEvent.subject.in_([f"inferences/{number}" for number in ids]),
        )
        .order_by(StoredEvent.id.desc())
        .limit(_MOST_CHANGES)
    )
    first: dict[tuple[int, int], tuple[datetime, InferenceReady]] = {}
    for time, data in rows:
        event = InferenceReady.model_validate(data)
        first[event.inference_id, event.result_id] = (time, event)
    results = {event.result_id for _, event in first.values()}
    statement = select(Result.id, Model.name).join(Model, Model.id == Result.model_id).where(Result.id.in_(results))
    names = {row[0]: row[1] for row in await session.execute(statement)}
    return [(time, event, names.get(event.result_id, "a deleted model")) for time, event in first.values()]


def _stands(inference: InferenceView, kept: Sequence[Retained], committed: Mapping[int, int]) -> Iterator[Stand]:
    for part in kept:
        if (position := committed.get(part.partition)) is not None:
            yield Stand(
                inference_id=inference.id,
                model_name=inference.model_name,
                state=inference.state,
                partition=part.partition,
                position=position,
                lag=max(0, part.end - position),
            )
