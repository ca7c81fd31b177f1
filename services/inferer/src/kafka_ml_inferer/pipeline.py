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
from kafka_ml_common.workloads import InferenceSpec
from kafka_ml_inferer.delivery import TRANSACTION_SECONDS, Delivery, DeliveryError, Parcel
from kafka_ml_inferer.model import Failed, Model, Slot
from kafka_ml_inferer.patience import Patience
from kafka_ml_inferer.records import LINEAGE, LINEAGE_BYTES, Lineage, UnreadableHeadersError, output_partition, size_of
from kafka_ml_inferer.reporting import Reporter
from kafka_ml_inferer.source import Source
from kafka_ml_inferer.target import Output
from kafka_ml_sandbox.deaths import GuestError

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 10.0


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
    """One replica at work. `run` returns when `stop` is set and everything read is committed."""

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
        self._output: Output
        self._slot = 0
        self._predicting: Batch | None = None
        self._sent: list[Batch] = []
        self._failed: Exception | None = None
        self._patience = Patience()
        self._suspect = False
        self._too_large = False
        self._background = ThreadPoolExecutor(1, "repair")

    def run(self, source: Source, delivery: Delivery, output: Output) -> None:
        """Predict until asked to stop.

        Raises:
            InferenceFailedError: it failed several times, and what is wrong does not pass by itself.
            ReplicaEndedError: this process can't go on, another one may.
        """
        self._source, self._delivery, self._output = source, delivery, output
        while not self._stop.is_set():
            try:
                self._turn()
            except (GuestError, DeliveryError, UnavailableError, KafkaException) as error:
                self._recover(error)
            if source.joined:
                self._reporter.ready(source.began)
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
        failed = batch.prediction.result() if batch.prediction is not None else {}
        values = encode_predictions(batch.slot.output[:count])
        good = batch.good
        if failed:
            kept = np.ones(count, bool)
            for row, reason in failed.items():
                kept[row] = False
                batch.bad.append((int(good[row]), "unpredictable", f"The model can't predict it: {reason}"))
            values = [value for value, keep in zip(values, kept.tolist(), strict=True) if keep]
            good = good[kept]
        batch.parcel = parcel = self._delivery.begin()
        messages = batch.messages
        if len(good) != len(messages):
            messages = [messages[index] for index in good.tolist()]
        unwritable = self._produce(parcel.producer, messages, values)
        batch.bad += [(int(good[row]), code, reason) for row, code, reason in unwritable]
        for index, code, reason in sorted(batch.bad):
            letter = self._lineage.dead_letter(batch.messages[index], code, reason)
            _produce(parcel.producer, topics.DEAD_LETTERS, letter.value, letter.key, -1, letter.headers)
        self._delivery.send(parcel, self._offsets(batch.messages), batch.group)
        parcel.done.add_done_callback(lambda done: self._count(batch, done))
        self._sent.append(batch)

    def _produce(self, producer: Producer, messages: list[Message], values: list[bytes]) -> list[tuple[int, str, str]]:
        """Hand predictions to the producer; index, code and reason of each that can't be written."""
        topic, partitions, largest = self._spec.output_topic, self._output.partitions, self._output.largest_record
        headers_of, produce = self._lineage.prediction_headers, producer.produce
        surely = largest - LINEAGE_BYTES  # measuring each record takes as long as writing it
        unwritable = []
        for index, (message, value) in enumerate(zip(messages, values, strict=True)):
            try:
                headers = headers_of(message)
            except UnreadableHeadersError:
                unwritable.append((index, "undecodable", "The name of one of the message's headers is no UTF-8."))
                continue
            key = message.key()
            small = len(headers) == len(LINEAGE) and len(value) + (len(key) if key else 0) <= surely
            if not small and (size := size_of(value, key, headers)) > largest:
                reason = f"Its prediction, key and headers have {size} bytes, {topic} allows {largest}."
                unwritable.append((index, "too_large", reason))
                continue
            partition = output_partition(message.partition(), partitions)
            try:
                produce(topic, value, key, partition, headers=headers)
            except BufferError:
                _produce(producer, topic, value, key, partition, headers)
            except KafkaException as error:
                raise DeliveryError.of(error) from error
        return unwritable

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
            InferenceFailedError: what is wrong does not pass by itself.
            ReplicaEndedError: another process may do better.
        """
        self._drop()
        self._reporter.pause()
        self._suspect = isinstance(error, GuestError)
        self._too_large = isinstance(error, GuestError) and error.reason == "out_of_memory"
        log.warning("a batch failed, will go back to what is committed", error=str(error))
        pause = self._patience.pause_after(error)
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
                    self._patience.pause_after(again)
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
        if self._suspect or not self._model.alive:
            self._model.restart(smaller=self._too_large)
            self._suspect = self._too_large = False


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
