"""Live predictions: what an inference predicts, as it does, as server-sent events.

An inference that somebody watches has one consumer in this process, however many watch; it reads the output topic's end and commits
nothing. At most four times a second everybody gets a summary: how many there were, of which classes, and some of them evenly picked.
When more comes than can be looked at, the consumer skips to the end and says how many it left out.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
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
_HEARTBEAT_SECONDS = 2.0
_SHOWN = 40
_LOOKED_AT = 2000
_BEHIND = 10_000
_MOST_WATCHED = 64
_QUEUE = 40
_WHOLE = 1e-3


class LivePredictions(BaseModel):
    """What an inference has predicted since the last event."""

    time: datetime
    count: int = Field(description="predictions since the last event")
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

    async def watch(self, inference: Watched) -> AsyncIterator[LivePredictions]:
        """What the inference predicts from now on, until the client goes or Kafka does.

        Raises:
            UnavailableError: too many inferences are watched.
        """
        tail = self._tails.get(inference.id)
        if tail is None:
            if len(self._tails) >= _MOST_WATCHED:
                raise UnavailableError(
                    f"{_MOST_WATCHED} inferences are watched already.", advice="Close a page that shows another one."
                )
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
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, part.partition) for part in kept]
            consumer.assign(partitions)
            await consumer.seek_to_end(*partitions)
            told = time.monotonic()
            while True:
                began = time.monotonic()
                records, left_out = await _next(consumer, partitions)
                found = [record for record in records if headers_of(record).get("kafka-ml-inference") == mine]
                count = len(found) + (left_out if found or not records else 0)
                now = time.monotonic()
                if count or now - told >= _HEARTBEAT_SECONDS:
                    predictions = await asyncio.to_thread(predictions_of, found, labels)
                    summary = summary_of(predictions, count, now - told if count else 0.0)
                    told = now
                    for client in self.clients:
                        _offer(client, summary)
                await asyncio.sleep(max(0.0, _EVERY_SECONDS - (time.monotonic() - began)))
        finally:
            await consumer.stop()


def summary_of(predictions: Sequence[Prediction], count: int, seconds: float) -> LivePredictions:
    """What is told of some predictions.

    Args:
        count: how many there were in all.
        seconds: in which they came.
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
    step = max(1, len(predictions) // _SHOWN)
    return LivePredictions(
        time=datetime.now(UTC),
        count=count,
        rate=count / seconds if seconds > 0 else 0.0,
        looked_at=len(predictions),
        classes=dict(classes) if classifier else None,
        right=right if classifier and judged else None,
        judged=judged if classifier else 0,
        latest=list(predictions[::-1][::step][:_SHOWN])[::-1],
    )


def class_of(values: Any) -> int | None:
    """The likeliest class of probabilities; None for other outputs. One probability alone is that of class 1."""
    if not isinstance(values, list) or not values or not all(isinstance(value, float | int) for value in values):
        return None
    if min(values) < 0 or max(values) > 1:
        return None
    if len(values) == 1:
        return None
    if abs(sum(values) - 1) > _WHOLE * len(values):
        return None
    return values.index(max(values))


def class_of_truth(truth: Any) -> int | None:
    """The class that a label names: a number, alone or in a list of one, or the place of the one in a vector of zeros."""
    while isinstance(truth, list) and len(truth) == 1:
        truth = truth[0]
    if isinstance(truth, list):
        return truth.index(1) if sorted(truth) == [0] * (len(truth) - 1) + [1] else None
    return int(truth) if isinstance(truth, int | float) and truth == int(truth) else None


async def _next(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> tuple[list[ConsumerRecord], int]:
    """New messages, and how many were left out because there were too many."""
    batches = await consumer.getmany(*partitions, timeout_ms=10, max_records=_LOOKED_AT)
    records = sorted((record for batch in batches.values() for record in batch), key=lambda record: record.timestamp)
    left_out = 0
    for part in partitions:
        end = consumer.highwater(part)
        position = await consumer.position(part)
        if end is not None and end - position > _BEHIND:
            left_out += end - position
            consumer.seek(part, end)
    return records, left_out


def _offer(client: asyncio.Queue[LivePredictions | None], summary: LivePredictions | None) -> None:
    if client.full():  # a slow client misses the oldest
        client.get_nowait()
    client.put_nowait(summary)
