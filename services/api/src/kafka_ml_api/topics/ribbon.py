"""The log-range ribbon: what became of a topic's messages.

Which offsets are still there; which were training, test and validation of which data source; where each inference stands and where its
model changed; what retention took away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
_MOST_READY = 500

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
    """Where an inference began with a model, which is another than before."""

    inference_id: int
    generation: int
    result_id: int
    model_name: str
    partition: int
    offset: int = Field(
        description="the first message that the model predicted; where the replica did not tell, the first that came after `time`"
    )
    time: datetime = Field(description="when a replica was ready with the model")


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
        names = await _model_names(session, {event.result_id for _, event in ready})
    groups = {inference.id: f"kafka-ml-inference-{inference.id}" for inference in readers}
    committed = await reader.committed(list(groups.values()), topic) if groups else {}
    stands = [stand for one in readers for stand in _stands(one, kept, committed[groups[one.id]])]
    begun = model_changes(ready, topic)
    silent = [change for change in begun if not change.positions]
    places = await reader.at_time(topic, [change.time for change in silent]) if silent else []
    guessed = {id(change): offsets for change, offsets in zip(silent, places, strict=True)}
    changes = [
        ModelChange(
            inference_id=change.inference_id,
            generation=change.generation,
            result_id=change.result_id,
            model_name=names.get(change.result_id, "a deleted model"),
            partition=partition,
            offset=offset,
            time=change.time,
        )
        for change in begun
        for partition, offset in sorted((change.positions or guessed[id(change)]).items())
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


@dataclass(slots=True)
class Begun:
    """An inference that began with a model: where, by partition, as far as its replicas told."""

    inference_id: int
    generation: int
    result_id: int
    time: datetime
    positions: dict[int, int] = field(default_factory=dict)


def model_changes(ready: Iterable[tuple[datetime, InferenceReady]], topic: str) -> list[Begun]:
    """The generations of inferences that began with another model than the one before, of what replicas told in this order.

    A generation with the same model, such as one of more replicas, changes nothing; nor does a replica that comes again.
    """
    last: dict[int, Begun] = {}
    found: list[Begun] = []
    for time, event in ready:
        begun = last.get(event.inference_id)
        if begun is not None and event.generation < begun.generation:
            continue  # a replica of before that was late to tell
        if begun is None or event.result_id != begun.result_id:
            begun = Begun(event.inference_id, event.generation, event.result_id, time)
            last[event.inference_id] = begun
            found.append(begun)
        if event.generation == begun.generation:
            for place, offset in event.positions.items():
                name, _, partition = place.rpartition(":")
                if name == topic:
                    begun.positions.setdefault(int(partition), offset)
    return found


def _divided(
    ranges: Sequence[StreamRange], parts: Sequence[tuple[PartName, int]]
) -> Iterator[tuple[PartName, StreamRange]]:
    """The ranges of each part, where parts of some sizes follow each other over all the ranges."""
    begin = 0
    for part, size in parts:
        for piece in _slice(ranges, begin, begin + size):
            yield part, piece
        begin += size


def _slice(ranges: Sequence[StreamRange], begin: int, end: int) -> Iterator[StreamRange]:
    """What lies from place `begin` up to `end`, when the offsets of all ranges are counted through from 0."""
    counted = 0
    for piece in ranges:
        first, last = max(begin - counted, 0), min(end - counted, piece.size)
        if first < last:
            yield StreamRange(piece.topic, piece.partition, piece.start + first, piece.start + last)
        counted += piece.size


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


async def _ready_events(session: AsyncSession, ids: Sequence[int]) -> list[tuple[datetime, InferenceReady]]:
    """The last times that replicas were ready, in their order."""
    rows = await session.execute(
        select(StoredEvent.time, StoredEvent.data)
        .where(
            StoredEvent.type == InferenceReady.type,
            StoredEvent.subject.in_([f"inferences/{number}" for number in ids]),
        )
        .order_by(StoredEvent.id.desc())
        .limit(_MOST_READY)
    )
    return [(time, InferenceReady.model_validate(data)) for time, data in rows.all()[::-1]]


async def _model_names(session: AsyncSession, results: Collection[int]) -> dict[int, str]:
    statement = select(Result.id, Model.name).join(Model, Model.id == Result.model_id).where(Result.id.in_(results))
    return {row[0]: row[1] for row in await session.execute(statement)}


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
