"""Live predictions: what an inference predicts, as it does, as server-sent events.

An inference that somebody watches has one consumer in this process, however many watch; it reads the output topic's end and commits
nothing. At most four times a second everybody gets a summary: how many there were, of which classes, and some of them evenly picked.
When more comes than can be looked at, the consumer skips to the end and counts what it left out by its offsets.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from pydantic import BaseModel, Field

from kafka_ml_api.previews import Prediction, headers_of, predictions_of
from kafka_ml_api.reading import TopicReader
from kafka_ml_common.codecs import codec_for
from kafka_ml_common.errors import KafkaMLError, UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import InputFormat

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 0.25
_HEARTBEAT_SECONDS = 1.5
_READ_SECONDS = 0.15
_BEHIND_SECONDS = 2.0
_SHOWN = 40
_SHOWN_BYTES = 256 << 10
_LOOKED_AT = 2000
_MOST_WATCHED = 64
_QUEUE = 40
_WHOLE = 1e-3


class LivePredictions(BaseModel):
    """What an inference has predicted since the last event."""

    time: datetime
    count: int = Field(
        description="predictions since the last event; those that were not looked at are counted by offsets, so it is nearly exact then"
    )
    rate: float = Field(description="predictions a second")
    looked_at: int = Field(description="of `count`, how many were decoded; classes are counted among these")
    classes: dict[str, int] | None = Field(
        description="how often each class was the likeliest; null if the model is no classifier"
    )
    right: int | None = Field(description="of those with a known truth, how many classes were predicted right")
    judged: int = Field(description="how many had a known truth")
    latest: list[Prediction] = Field(description="some of them, the newest last")


@dataclass(frozen=True, slots=True)
class Watched:
    """The inference to watch."""

    id: int
    topic: str
    input_format: InputFormat
    input_config: dict[str, Any]


class Watcher:
    """Reads the output topics of the inferences that are watched.

    Args:
        settings: of Kafka.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._tails: dict[int, _Tail] = {}

    def check_room(self, number: int) -> None:
        """See whether an inference can be watched, before an answer begins.

        Raises:
            UnavailableError: too many others are watched.
        """
        if number not in self._tails and len(self._tails) >= _MOST_WATCHED:
            raise UnavailableError(
                f"{_MOST_WATCHED} inferences are watched already.", advice="Close a page that shows another one."
            )

    async def watch(self, inference: Watched) -> AsyncGenerator[LivePredictions, None]:
        """What the inference predicts from now on, until the client goes or Kafka does.

        Raises:
            UnavailableError: too many inferences are watched.
        """
        self.check_room(inference.id)
        tail = self._tails.get(inference.id)
        if tail is None:
            tail = self._tails[inference.id] = _Tail(inference, self._settings)
        queue: asyncio.Queue[LivePredictions | None] = asyncio.Queue(_QUEUE)
        tail.clients.add(queue)
        tail.ensure_running()
        try:
            while (summary := await queue.get()) is not None:
                yield summary
        finally:
            tail.clients.discard(queue)
            if not tail.clients and self._tails.get(inference.id) is tail:
                del self._tails[inference.id]
                await tail.stop()

    async def close(self) -> None:
        """End every stream."""
        tails = list(self._tails.values())
        self._tails.clear()
        for tail in tails:
            await tail.stop()


@dataclass(eq=False, slots=True)
class _Tail:
    inference: Watched
    settings: KafkaSettings
    clients: set[asyncio.Queue[LivePredictions | None]] = field(default_factory=set)
    task: asyncio.Task[None] | None = None

    def ensure_running(self) -> None:
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._run(), name=f"predictions of inference {self.inference.id}")

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task

    async def _run(self) -> None:
        try:
            await self._read()
        except (KafkaError, OSError, KafkaMLError) as error:
            # The clients' streams end, and they come again by themselves.
            log.warning("live predictions end", inference=self.inference.id, error=str(error))
        finally:
            for client in self.clients:
                _offer(client, None)

    async def _read(self) -> None:
        labels = codec_for(self.inference.input_format, self.inference.input_config).labels
        topic, mine = self.inference.topic, str(self.inference.id)
        kept = await TopicReader(self.settings).retained(topic)
        consumer = AIOKafkaConsumer(
            **self.settings.aiokafka(), group_id=None, enable_auto_commit=False, isolation_level="read_committed"
        )
        try:
            await consumer.start()
            partitions = [TopicPartition(topic, part.partition) for part in kept]
            consumer.assign(partitions)
            await consumer.seek_to_end(*partitions)
            self._tell(summary_of((), 0, 0.0))  # at once: from here on nothing is missed
            told = kept_up = time.monotonic()
            while True:
                began = time.monotonic()
                records, behind, whole = await _next(consumer, partitions, began + _READ_SECONDS)
                found = [record for record in records if headers_of(record).get("kafka-ml-inference") == mine]
                count, now = len(found), time.monotonic()
                if whole or not records:
                    kept_up = now
                if records and behind and (len(records) >= _LOOKED_AT or now - kept_up > _BEHIND_SECONDS):
                    # Of what is left out there is as much of others as of what was looked at.
                    count += round(_skip(consumer, behind) * len(found) / len(records))
                    kept_up = now
                if count or now - told >= _HEARTBEAT_SECONDS:
                    predictions = await asyncio.to_thread(predictions_of, found, labels)
                    shown = shown_of([len(record.value or b"") for record in found])
                    summary = summary_of(predictions, count, now - told if count else 0.0, shown)
                    told = now
                    self._tell(summary)
                await asyncio.sleep(max(0.0, _EVERY_SECONDS - (time.monotonic() - began)))
        finally:
            await consumer.stop()

    def _tell(self, summary: LivePredictions) -> None:
        for client in self.clients:
            _offer(client, summary)


def summary_of(
    predictions: Sequence[Prediction], count: int, seconds: float, shown: Sequence[int] = ()
) -> LivePredictions:
    """What is told of some predictions.

    Args:
        count: how many there were in all.
        seconds: in which they came.
        shown: places of those that are told themselves.
    """
    classes: Counter[str] = Counter()
    right = judged = 0
    classifier = bool(predictions)
    for prediction in predictions:
        winner = class_of(prediction.values)
        if winner is None:
            classifier = False
            break
        classes[str(winner)] += 1
        if (truth := class_of_truth(prediction.truth)) is not None:
            judged += 1
            right += truth == winner
    return LivePredictions(
        time=datetime.now(UTC),
        count=count,
        rate=count / seconds if seconds > 0 else 0.0,
        looked_at=len(predictions),
        classes=dict(classes) if classifier else None,
        right=right if classifier and judged else None,
        judged=judged if classifier else 0,
        latest=[predictions[place] for place in shown],
    )


def shown_of(sizes: Sequence[int]) -> list[int]:
    """Places of those that are told: the last one, and others evenly picked; fewer where they are large.

    Args:
        sizes: in bytes, of all.
    """
    most = min(len(sizes), _SHOWN)
    while most > 1:
        places = [len(sizes) - 1 - place * len(sizes) // most for place in range(most)][::-1]
        if sum(sizes[place] for place in places) <= _SHOWN_BYTES:
            return places
        most //= 2
    return [len(sizes) - 1] if sizes else []


def class_of(values: Any) -> int | None:
    """The likeliest class of probabilities; None for other outputs, and for a single one, which may be of two classes or a number."""
    if not isinstance(values, list) or len(values) < 2 or not all(isinstance(value, float | int) for value in values):
        return None
    if min(values) < 0 or max(values) > 1 or abs(sum(values) - 1) > _WHOLE * len(values):
        return None
    return values.index(max(values))


def class_of_truth(truth: Any) -> int | None:
    """The class that a label names: a number, alone or in a list of one, or the place of the one in a vector of zeros."""
    while isinstance(truth, list) and len(truth) == 1:
        truth = truth[0]
    if isinstance(truth, list):
        return truth.index(1) if sorted(truth) == [0] * (len(truth) - 1) + [1] else None
    return int(truth) if isinstance(truth, int | float) and truth == int(truth) else None


async def _next(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], until: float
) -> tuple[list[ConsumerRecord], dict[TopicPartition, tuple[int, int]], bool]:
    """New messages; positions and ends of partitions that have more; and whether all there is was read.

    Args:
        until: time by which to stop.
    """
    records: list[ConsumerRecord] = []
    while True:
        batches = await consumer.getmany(*partitions, timeout_ms=10, max_records=_LOOKED_AT - len(records))
        records += [record for batch in batches.values() for record in batch]
        behind = await _behind(consumer, partitions)
        if not batches or not behind or len(records) >= _LOOKED_AT or time.monotonic() > until:
            records.sort(key=lambda record: record.timestamp)
            return records, behind, not behind


async def _behind(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, tuple[int, int]]:
    found = {}
    for part in partitions:
        end = consumer.last_stable_offset(part)  # what comes after it may yet be taken back
        position = await consumer.position(part)
        if end is not None and end > position:
            found[part] = (position, end)
    return found


def _skip(consumer: AIOKafkaConsumer, behind: Mapping[TopicPartition, tuple[int, int]]) -> int:
    """Go on at the ends; how many offsets are left out."""
    for part, (_, end) in behind.items():
        consumer.seek(part, end)
    return sum(end - position for position, end in behind.values())


def _offer(client: asyncio.Queue[LivePredictions | None], summary: LivePredictions | None) -> None:
    if client.full():  # a slow client misses the oldest
        client.get_nowait()
    client.put_nowait(summary)
