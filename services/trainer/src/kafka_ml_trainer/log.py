"""Log: exact offset ranges of the log as batches of messages, or the reason why they can't be had."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

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
        self._properties = settings.confluent() | {"client.id": "kafka-ml-trainer"}
        self._consumer = Consumer(
            self._properties
            | {
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
        pieces = [piece for piece in ranges if piece.size]
        if not pieces:
            return
        low, high = self._bounds(pieces, OffsetSpec.earliest()), self._bounds(pieces, OffsetSpec.latest())
        for piece in pieces:
            place = (piece.topic, piece.partition)
            if low[place] > piece.start:
                raise _gone(piece, low[place])
            if high[place] < piece.end:
                raise TrainingError(
                    "data_gone",
                    f"The stream's range {piece} is not in the log: {piece.topic}:{piece.partition} ends at offset {high[place]}.",
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
            raise _gone(piece, self._bounds([piece], OffsetSpec.earliest())[piece.topic, piece.partition])
        raise self._refusal(error, piece)

    def _bounds(self, pieces: Sequence[StreamRange], which: OffsetSpec) -> dict[tuple[str, int], int]:
        """The first offset there is, or the one after the last, of each topic and partition that the pieces lie in.

        Asked without regard to transactions: to a `read_committed` consumer the log ends where the oldest open one began.
        """
        admin = AdminClient(self._properties, logger=None)
        wanted = {TopicPartition(piece.topic, piece.partition): which for piece in pieces}
        deadline = time.monotonic() + self._patience
        found: dict[tuple[str, int], int] = {}
        while True:
            futures = admin.list_offsets(
                wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=min(10, max(self._patience, 1))
            )
            failed: KafkaError | None = None
            for partition, future in futures.items():
                try:
                    found[partition.topic, partition.partition] = int(future.result().offset)
                    del wanted[partition]
                except KafkaException as exception:
                    failed, piece = exception.args[0], StreamRange(partition.topic, partition.partition, 0, 0)
            if failed is None:
                return found
            if failed.code() in _GONE | _DENIED or time.monotonic() > deadline or not self._exists(piece):
                raise self._refusal(failed, piece)
            log.warning("kafka does not answer", partition=f"{piece.topic}:{piece.partition}", error=failed.str())
            self._go_on()
            time.sleep(_WAIT_SECONDS)

    def _exists(self, piece: StreamRange) -> bool:
        """Whether there is such a partition; True where Kafka can't be asked."""
        try:
            # By the consumer: to a producer's handle a broker may answer by creating the topic.
            topic = self._consumer.list_topics(piece.topic, timeout=10).topics[piece.topic]
        except KafkaException:
            return True
        return topic.error is None and piece.partition in topic.partitions

    def _refusal(self, error: KafkaError | None, piece: StreamRange) -> KafkaMLError:
        where = f"{piece.topic}:{piece.partition}"
        if error is not None and (error.code() in _GONE or not self._exists(piece)):
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
