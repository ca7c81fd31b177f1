"""Log: exact offset ranges of the log as batches of messages, or the reason why they can't be had."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from kafka_ml_common.errors import KafkaMLError, UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import StreamRange
from kafka_ml_trainer.problems import TrainingError

log = structlog.get_logger(__name__)

BATCH = 8192
_WAIT_SECONDS = 0.25
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})  # noqa: SLF001
_DENIED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})


class LogReader:
    """Reads ranges one after the other, outside of any consumer group, transactions' aborted messages left out.

    Args:
        patience_seconds: how long Kafka may give nothing before that is an error.
        go_on: called between batches; raises what should end the reading.

    Raises, from every method:
        TrainingError: `data_gone`, or the topic may not be read.
        UnavailableError: Kafka can't be reached, or gives nothing for too long.
    """

    def __init__(self, settings: KafkaSettings, *, patience_seconds: float, go_on: Callable[[], None]) -> None:
        self._servers = settings.bootstrap_servers
        self._patience = patience_seconds
        self._go_on = go_on
        self._consumer = Consumer(
            settings.confluent()
            | {
                "client.id": "kafka-ml-trainer",
                "group.id": "kafka-ml-trainer",  # asked for by the client; nothing is committed and no group joined
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                # A range may end with transaction markers, which are no messages: the end of the log tells that it is read.
                "enable.partition.eof": True,
                # By default a full queue stops fetching for a second, see https://github.com/confluentinc/librdkafka/issues/4303
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 100,
                "max.partition.fetch.bytes": 8 << 20,
                "fetch.max.bytes": 64 << 20,
                "receive.message.max.bytes": (64 << 20) + (1 << 20),
                "queued.min.messages": 200_000,
                "queued.max.messages.kbytes": 64 << 10,
            },
            logger=None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def check(self, ranges: tuple[StreamRange, ...]) -> None:
        """See that the log still has every offset of the ranges, before any of them is read."""
        for piece in ranges:
            if piece.size:
                low, high = self._bounds(piece)
                if low > piece.start:
                    raise _gone(piece, low)
                if high < piece.end:
                    raise TrainingError(
                        "data_gone",
                        f"The stream's range {piece} is not in the log: {piece.topic}:{piece.partition} ends at offset {high}.",
                        advice="The topic was deleted and made anew, or the announcement is wrong: send the stream again.",
                    )

    def read(self, piece: StreamRange) -> Iterator[list[Message]]:
        """The range's messages in batches, in order. Offsets that hold no message (markers, aborted, compacted) are passed over."""
        self._consumer.assign([TopicPartition(piece.topic, piece.partition, piece.start)])
        position, last_seen = piece.start, time.monotonic()
        while position < piece.end:
            self._go_on()
            # Never more than the range holds: `consume` waits for the number it is asked for.
            batch = self._consumer.consume(min(BATCH, piece.end - position), _WAIT_SECONDS)
            if not batch:
                if time.monotonic() - last_seen > self._patience:
                    raise UnavailableError(
                        f"Kafka at {self._servers} gave nothing from {piece.topic}:{piece.partition} at offset {position} "
                        f"for {self._patience:g} seconds: it is unreachable, or a transaction there was never ended."
                    )
                continue
            last_seen = time.monotonic()
            if any(map(Message.error, batch)):
                ends = [self._end(message, piece) for message in batch if message.error()]
                batch = [message for message in batch if not message.error()]
                position = max([position, *ends])
            if batch:
                position = max(position, (batch[-1].offset() or 0) + 1)
                if position > piece.end:
                    batch = [message for message in batch if (message.offset() or 0) < piece.end]
            if batch:
                yield batch

    def _end(self, message: Message, piece: StreamRange) -> int:
        """The offset that an end-of-partition event stands at; raises for every other error."""
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin with _
            return int(message.offset() or 0)
        if error is not None and error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            raise _gone(piece, self._bounds(piece)[0])
        raise self._refusal(error, piece)

    def _bounds(self, piece: StreamRange) -> tuple[int, int]:
        """First offset there is, and the one after the last."""
        deadline = time.monotonic() + self._patience
        while True:
            self._go_on()
            try:
                found = self._consumer.get_watermark_offsets(TopicPartition(piece.topic, piece.partition), timeout=10)
            except KafkaException as exception:
                error = exception.args[0]
                if error.code() in _GONE | _DENIED or time.monotonic() > deadline:
                    raise self._refusal(error, piece) from exception
                log.warning("kafka does not answer", range=str(piece), error=error.str())
            else:
                if found is not None:
                    return int(found[0]), int(found[1])

    def _refusal(self, error: KafkaError | None, piece: StreamRange) -> KafkaMLError:
        where = f"{piece.topic}:{piece.partition}"
        if error is not None and error.code() in _GONE:
            return TrainingError(
                "data_gone",
                f"There is no partition {where} any more.",
                advice="Send the stream again to a topic that exists.",
            )
        if error is not None and error.code() in _DENIED:
            return TrainingError(
                "not_allowed",
                f"Kafka does not let the trainer read {where}.",
                advice="Give its user the ACL Read on the topic.",
            )
        return UnavailableError(
            f"Kafka at {self._servers} failed while {where} was read: {error.str() if error else 'unknown'}."
        )


def _gone(piece: StreamRange, first: int) -> TrainingError:
    return TrainingError(
        "data_gone",
        f"The stream's range {piece} is no longer whole in the log: the first offset there is now is {first}.",
        advice="Send the stream again, and train before the topic's retention takes it (retention.ms, retention.bytes).",
    )
