"""Pipeline: poll -> decode -> predict -> produce -> commit, a batch at a time, with three batches on their way at once.

While the guest predicts one batch, the next is read and decoded into the other slot, and the one before is encoded, produced and,
in another thread, committed. A batch counts only when its predictions, dead letters and offsets are committed together; whatever
fails before, nothing of it did: everything in flight is dropped and reading goes back to the committed offsets.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog
from confluent_kafka import KafkaException, Message, Producer, TopicPartition
from numpy.typing import NDArray

from kafka_ml_common import topics
from kafka_ml_common.codecs import encode_predictions
from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.messages import Failure
from kafka_ml_common.workloads import InferenceSpec
from kafka_ml_inferer.delivery import TRANSACTION_SECONDS, Delivery, DeliveryError, Parcel
from kafka_ml_inferer.model import Failed, Model, Slot, failure_of
from kafka_ml_inferer.records import Lineage, output_partition
from kafka_ml_inferer.reporting import Reporter
from kafka_ml_inferer.source import Source
from kafka_ml_sandbox.deaths import GuestError

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.1
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_FAST_FAILURE_SECONDS = 30.0
_MOST_FAST_FAILURES = 4


class InferenceFailedError(Exception):
    """The inference can't go on and will not recover by itself."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(slots=True)
class Batch:
    """Messages on their way.

    Attributes:
        messages: as they came, in order per partition.
        fetched: when, on the monotonic clock.
        group: the generation of the group that they were read under.
        good: index of each row that is predicted.
        bad: index, code and reason of each message that is not.
    """

    messages: list[Message]
    fetched: float
    group: Any
    slot: Slot
    good: NDArray[np.intp]
    bad: list[tuple[int, str, str]]
    prediction: Future[Failed] | None = None
    parcel: Parcel | None = field(default=None)


class Pipeline:
    """One replica at work. `run` returns when `stop` is set and everything read is committed.

    Args:
        output_partitions: partitions of the output topic.
    """

    def __init__(
        self,
        spec: InferenceSpec,
        model: Model,
        lineage: Lineage,
        reporter: Reporter,
        stop: threading.Event,
    ) -> None:
        self._spec = spec
        self._model = model
        self._lineage = lineage
        self._reporter = reporter
        self._stop = stop
        self._source: Source
        self._delivery: Delivery
        self._output_partitions = 1
        self._slot = 0
        self._predicting: Batch | None = None
        self._sent: list[Batch] = []
        self._failed: Exception | None = None
        self._failures: list[float] = []
        self._too_large = False
        self._background = ThreadPoolExecutor(1, "repair")

    def run(self, source: Source, delivery: Delivery, output_partitions: int) -> None:
        """Predict until asked to stop.

        Raises:
            InferenceFailedError: it failed several times in a row.
        """
        self._source, self._delivery, self._output_partitions = source, delivery, output_partitions
        while not self._stop.is_set():
            try:
                self._turn()
            except (GuestError, DeliveryError, UnavailableError, KafkaException) as error:
                self._recover(error)
            if source.joined:
                self._reporter.ready()
            self._reporter.tick(source.lag)
        self.finish()
        if self._failed is not None:
            log.warning("the last batch was not delivered; it will be read again", error=str(self._failed))

    def finish(self) -> None:
        """Bring what is in flight to its end. What fails is kept for the next turn to recover from."""
        try:
            self._advance(None)
            for batch in self._sent:
                self._settle(batch)
        except (GuestError, DeliveryError, KafkaException) as error:
            self._failed = error
            self._drop()
        self._sent = []

    def _turn(self) -> None:
        idle = 0.0 if self._predicting is not None else _IDLE_SECONDS
        messages = self._source.read(
            self._model.capacity, idle_seconds=idle, wait_seconds=self._spec.settings.max_wait_ms / 1000
        )
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed
        while self._sent and self._is_done(self._sent[0]):
            self._settle(self._sent.pop(0))
        self._advance(self._begin(messages) if messages else None)

    def _begin(self, messages: list[Message]) -> Batch:
        """Decode a batch into the free slot and give it to the guest."""
        fetched = time.monotonic()
        slot = self._model.slots[self._slot]
        self._slot = (self._slot + 1) % len(self._model.slots)
        decoded = self._model.codec.decode([message.value() for message in messages])
        bad = [(error.index, "undecodable", f"The message {error.reason}.") for error in decoded.errors]
        batch = Batch(messages, fetched, self._source.group, slot, decoded.good, bad)
        if count := len(decoded.good):
            slot.input[:count] = decoded.array
            batch.prediction = self._model.predict(slot, count)
        return batch

    def _advance(self, batch: Batch | None) -> None:
        """Put `batch` behind the one that is being predicted, and write that one out."""
        before, self._predicting = self._predicting, batch
        if before is not None:
            self._write(before)

    def _write(self, batch: Batch) -> None:
        """Encode and produce a batch's predictions and dead letters, and have them committed with its offsets."""
        count = len(batch.good)
        failed = batch.prediction.result() if batch.prediction is not None else []
        values = encode_predictions(batch.slot.output[:count])
        good = batch.good
        if failed:
            kept = np.ones(count, bool)
            for row, reason in failed:
                kept[row] = False
                batch.bad.append((int(good[row]), "unpredictable", f"The model can't predict it: {reason}"))
            values = [value for value, keep in zip(values, kept.tolist(), strict=True) if keep]
            good = good[kept]
            batch.bad.sort()
        batch.parcel = parcel = self._delivery.begin()
        messages = batch.messages
        if len(good) != len(messages):
            messages = [messages[index] for index in good.tolist()]
        self._produce(parcel.producer, messages, values)
        for index, code, reason in batch.bad:
            message = batch.messages[index]
            value, headers = self._lineage.dead_letter(message, code, reason)
            _produce(parcel.producer, topics.DEAD_LETTERS, value, message.key(), -1, headers)
        self._delivery.send(parcel, self._offsets(batch.messages), batch.group)
        parcel.done.add_done_callback(lambda done: self._count(batch, done))
        self._sent.append(batch)

    def _produce(self, producer: Producer, messages: list[Message], values: list[bytes]) -> None:
        topic, partitions = self._spec.output_topic, self._output_partitions
        headers, produce = self._lineage.prediction_headers, producer.produce
        for message, value in zip(messages, values, strict=True):
            partition = output_partition(message.partition(), partitions)
            try:
                produce(topic, value, message.key(), partition, headers=headers(message))
            except BufferError:
                _produce(producer, topic, value, message.key(), partition, headers(message))
            except KafkaException as error:
                raise DeliveryError.of(error) from error

    def _offsets(self, messages: list[Message]) -> list[TopicPartition]:
        ends = {message.partition(): message.offset() + 1 for message in messages}
        return [TopicPartition(self._spec.input_topic, partition, offset) for partition, offset in ends.items()]

    def _count(self, batch: Batch, done: Future[None]) -> None:
        if done.exception() is None:
            bad = len(batch.bad)
            self._reporter.committed(len(batch.messages) - bad, bad, time.monotonic() - batch.fetched)

    @staticmethod
    def _is_done(batch: Batch) -> bool:
        return batch.parcel is not None and batch.parcel.done.done()

    def _settle(self, batch: Batch) -> None:
        if batch.parcel is not None:
            batch.parcel.done.result()

    def _drop(self) -> None:
        """Forget what is in flight, once nobody works on it any more."""
        batches = [*self._sent, *([self._predicting] if self._predicting else [])]
        self._sent, self._predicting = [], None
        for batch in batches:
            if batch.prediction is not None:
                batch.prediction.exception()
            if batch.parcel is not None:
                batch.parcel.done.exception()

    def _recover(self, error: Exception) -> None:
        """After a failure: nothing in flight counts; new producers, a new guest if it died, back to the committed offsets.

        Raises:
            InferenceFailedError: it has failed too often, or what is wrong does not pass by itself.
        """
        self._drop()
        self._too_large = isinstance(error, GuestError) and error.reason == "out_of_memory"
        log.warning("a batch failed, will go back to what is committed", error=str(error))
        pause = self._pause_after(error)
        while not self._stop.is_set():
            self._source.idle(pause)
            repair = self._background.submit(self._repair)
            while not repair.done():
                self._source.idle(_IDLE_SECONDS)
            try:
                repair.result()
                self._source.rewind()
            except (UnavailableError, KafkaException, GuestError) as again:
                log.warning("not recovered yet", error=str(again), pause=pause)
                pause = (
                    self._pause_after(again)
                    if isinstance(again, GuestError)
                    else min(pause * 2, _LONGEST_PAUSE_SECONDS)
                )
            else:
                self._failed = None
                log.info("recovered")
                return

    def _repair(self) -> None:
        """In the background, while the replica stays in its group."""
        self._delivery.renew()
        if self._too_large or not self._model.alive:
            self._model.restart(smaller=self._too_large)
            self._too_large = False

    def _pause_after(self, error: Exception) -> float:
        """Seconds to wait, longer with each failure of late. Raises InferenceFailedError after too many that won't pass."""
        now = time.monotonic()
        self._failures = [at for at in self._failures if now - at < _FAST_FAILURE_SECONDS * _MOST_FAST_FAILURES]
        self._failures.append(now)
        lasting = isinstance(error, GuestError) or (isinstance(error, DeliveryError) and error.hopeless)
        if lasting and len(self._failures) >= _MOST_FAST_FAILURES:
            failure = (
                failure_of(error)
                if isinstance(error, GuestError)
                else Failure(code="delivery", message=f"Kafka refuses the predictions: {error}.")
            )
            raise InferenceFailedError(failure) from error
        return float(min(_FIRST_PAUSE_SECONDS * 2 ** (len(self._failures) - 1), _LONGEST_PAUSE_SECONDS))


def _failure(error: Exception) -> Failure:
    if isinstance(error, GuestError):
        return failure_of(error)
    return Failure(code="delivery", message=f"Kafka refuses the predictions: {error}.")


def _produce(
    producer: Producer, topic: str, value: bytes | None, key: bytes | None, partition: int, headers: Any
) -> None:
    """Hand one record to the producer; waits while its queue is full."""
    deadline = 0.0
    while True:
        try:
            producer.produce(topic, value, key, partition, headers=headers)
        except BufferError:
            deadline = deadline or time.monotonic() + TRANSACTION_SECONDS
            if time.monotonic() > deadline:
                raise DeliveryError("the broker did not take the predictions in time") from None
            producer.poll(0.05)
        except KafkaException as error:
            raise DeliveryError.of(error) from error
        else:
            return
