"""Delivery: what a batch's predictions and offsets are written with: a transaction each (exactly once), or a flush (at least once).

Exactly once, two producers take turns, so that one batch is written while the one before is being committed. The first is flushed
before the second writes, which keeps the order in the log, and committed before the second commits, which keeps the offsets in order.
When either fails both are given up and made anew with the same ids: `init_transactions` ends whatever is left of the old
transactions, also one whose commit was answered by a time-out; then reading goes back to the committed offsets. Never is anything
retried into the next transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_inferer.target import MAX_RECORD_BYTES, Output

log = structlog.get_logger(__name__)

TRANSACTION_SECONDS = 15.0
"""A stuck transaction blocks every read_committed reader of the partition for so long."""

_INIT_SECONDS = 10.0
_BATCH_BYTES = 1_000_000
_QUEUE_KILOBYTES = 256 << 10

# A newer process with the same transactional id, or the coordinator after the transaction's time-out.
_FENCED = frozenset(
    {
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError._FENCED,  # noqa: SLF001 - librdkafka's own codes begin with an underscore
        KafkaError._FATAL,  # noqa: SLF001 - what it says of a fenced producer after the first time
    }
)

# Their repetition can't help: what is wrong must be put right by somebody.
_HOPELESS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
    }
)


class DeliveryError(Exception):
    """A batch was not delivered, or it is not known whether it was.

    Attributes:
        hopeless: the same again will fail again.
        fenced: another producer has this one's transactional id, as far as can be told.
    """

    def __init__(self, message: str, *, hopeless: bool = False, fenced: bool = False) -> None:
        super().__init__(message)
        self.hopeless = hopeless
        self.fenced = fenced

    @classmethod
    def of(cls, error: KafkaException) -> DeliveryError:
        cause = error.args[0]
        code = cause.code()
        return cls(str(cause), hopeless=code in _HOPELESS, fenced=code in _FENCED)


class Parcel:
    """A batch on its way to the broker.

    Attributes:
        producer: what to write its records with.
        flushed: done when all its records are in the log.
        done: done when it counts; both raise DeliveryError.
    """

    def __init__(self, producer: Producer) -> None:
        self.producer = producer
        self.flushed: Future[None] = Future()
        self.done: Future[None] = Future()

    def fail(self, error: Exception) -> None:
        """It was not delivered, or it is not known."""
        failure = error if isinstance(error, DeliveryError) else DeliveryError(f"{type(error).__name__}: {error}")
        if not self.flushed.done():
            self.flushed.set_exception(failure)
        self.done.set_exception(failure)


class Delivery(Protocol):
    """How batches are delivered. One thread calls it; it may wait in one of its own."""

    def begin(self) -> Parcel:
        """A new batch, when its records may be written. Raises DeliveryError when the one before has failed."""

    def send(self, parcel: Parcel, offsets: list[TopicPartition], group: Any) -> None:
        """Have what was written counted, together with the input's offsets. Does not wait."""

    def renew(self) -> None:
        """Begin anew after a failure: end what was under way, with new producers. Raises UnavailableError."""

    def close(self) -> None:
        """End it, giving up what is under way."""


class ExactlyOnce:
    """One transaction a batch, with the input's offsets in it, bound to the group's generation (KIP-447)."""

    def __init__(self, kafka: KafkaSettings, transactional_id: str, output: Output) -> None:
        self._configs = [
            _config(kafka, output)
            | {
                "transactional.id": f"{transactional_id}-{turn}",
                "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
            }
            for turn in "ab"
        ]
        self._producers: list[Producer] = []
        self._turn = 0
        self._last: Parcel | None = None
        self._thread = ThreadPoolExecutor(1, "commit")

    def begin(self) -> Parcel:
        producer = self._producers[self._turn]
        self._turn = 1 - self._turn
        if self._last is not None:
            self._last.flushed.result()
        _try(producer.begin_transaction)
        return Parcel(producer)

    def send(self, parcel: Parcel, offsets: list[TopicPartition], group: Any) -> None:
        before, self._last = self._last, parcel
        self._thread.submit(self._commit, parcel, before, offsets, group)

    def _commit(self, parcel: Parcel, before: Parcel | None, offsets: list[TopicPartition], group: Any) -> None:
        try:
            if before is not None and before.done.exception() is not None:
                raise DeliveryError("the batch before it was not delivered")
            if parcel.producer.flush(TRANSACTION_SECONDS):
                raise DeliveryError("the broker did not take all predictions in time")
            parcel.flushed.set_result(None)
            _try(lambda: parcel.producer.send_offsets_to_transaction(offsets, group, TRANSACTION_SECONDS))
            _try(lambda: parcel.producer.commit_transaction(TRANSACTION_SECONDS))
        except Exception as error:  # the thread's outermost frame: whoever waits must hear of it
            parcel.fail(error)
        else:
            parcel.done.set_result(None)

    def renew(self) -> None:
        self.discard()
        producers = [Producer(config, logger=log) for config in self._configs]
        try:
            for producer in producers:
                producer.init_transactions(_INIT_SECONDS)
        except KafkaException as error:
            raise UnavailableError(f"Kafka does not begin transactions: {error}.") from error
        self._producers = producers

    def discard(self) -> None:
        """Forget the producers, and what they hold; their open transactions end with `renew`, or by their time-out."""
        for producer in self._producers:
            producer.purge(blocking=False)
        self._producers, self._last, self._turn = [], None, 0

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self.discard()


class AtLeastOnce:
    """Predictions first, then the offsets: after a crash some predictions come twice, none is missing."""

    def __init__(self, kafka: KafkaSettings, commit: Callable[[list[TopicPartition]], None], output: Output) -> None:
        self._config = _config(kafka, output) | {"on_delivery": self._refused}
        self._commit_offsets = commit
        self._producer: Producer | None = None
        self._last: Parcel | None = None
        self._error: KafkaError | None = None
        self._thread = ThreadPoolExecutor(1, "commit")

    def begin(self) -> Parcel:
        if self._producer is None:
            raise DeliveryError("the producer has failed")
        if self._last is not None:
            self._last.flushed.result()
        return Parcel(self._producer)

    def send(self, parcel: Parcel, offsets: list[TopicPartition], group: Any) -> None:
        self._last = parcel
        self._thread.submit(self._commit, parcel, offsets)

    def _commit(self, parcel: Parcel, offsets: list[TopicPartition]) -> None:
        try:
            if parcel.producer.flush(TRANSACTION_SECONDS):
                raise DeliveryError("the broker did not take all predictions in time")
            if self._error is not None:
                raise DeliveryError.of(KafkaException(self._error))
            parcel.flushed.set_result(None)
            _try(lambda: self._commit_offsets(offsets))
        except Exception as error:  # the thread's outermost frame: whoever waits must hear of it
            parcel.fail(error)
        else:
            parcel.done.set_result(None)

    def renew(self) -> None:
        if self._producer is not None:
            self._producer.purge(blocking=False)
        self._last, self._error = None, None
        self._producer = Producer(self._config, logger=log)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        if self._producer is not None:
            self._producer.purge(blocking=False)
            self._producer = None

    def _refused(self, error: KafkaError, _: object) -> None:
        self._error = error


def _config(kafka: KafkaSettings, output: Output) -> dict[str, Any]:
    return kafka.confluent() | {
        "enable.idempotence": True,
        "delivery.report.only.error": True,
        "linger.ms": 5,
        "batch.num.messages": 20_000,
        "queue.buffering.max.messages": 200_000,
        "queue.buffering.max.kbytes": _QUEUE_KILOBYTES,
        # The topic's limit holds for what is sent together.
        "batch.size": min(_BATCH_BYTES, output.largest_record),
        "message.max.bytes": MAX_RECORD_BYTES,
        # A commit that follows another closely is told to come again; the client waits so long.
        "retry.backoff.ms": 10,
        "reconnect.backoff.max.ms": 2_000,
    }


def _try(step: Callable[[], object]) -> None:
    try:
        step()
    except KafkaException as error:
        raise DeliveryError.of(error) from error
