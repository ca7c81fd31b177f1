"""Delivery: sends messages to one topic and remembers exactly where in the log each of them came to lie.

The way of a message: round robin to a partition -> librdkafka's queue (bounded; we wait while it is full) -> broker -> delivery
report with its offset -> a run of consecutive offsets. When somebody else writes to the same partition meanwhile, the run breaks
and another begins, so the ranges hold our messages and no others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.streams import StreamRange
from kafka_ml_sinks.connection import Connection, partitions_of, properties

_DEFAULTS = {
    "enable.idempotence": True,
    "linger.ms": 20,
    "delivery.timeout.ms": 120_000,
    # Above our own bounds below; the sizes that a broker takes are the broker's to tell.
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 2_000_000,
    "message.max.bytes": 1_000_000_000,
}
_QUEUED_MESSAGES = 100_000
_QUEUED_BYTES = 128 << 20
"""What waits to be sent at most."""
_STEP_SECONDS = 0.1


@dataclass
class _Partition:
    """What was sent to one partition, and what came of it.

    Attributes:
        sent: indices of the samples that wait for their reports, which come in order.
        runs: [start, end) of consecutive offsets, in order.
    """

    sent: deque[Sequence[int]] = field(default_factory=deque)
    runs: list[list[int]] = field(default_factory=list)
    reported: int = 0

    def next_index(self) -> int:
        """Index of the sample that the next report is about."""
        index = self.sent[0][self.reported]
        self.reported += 1
        if self.reported == len(self.sent[0]):
            self.sent.popleft()
            self.reported = 0
        return index


class Delivery:
    """Sends to one topic, and keeps the books.

    Args:
        partition: send to this one only; by default to all in turn, so that each holds a fair share of the stream.

    Raises:
        UnavailableError: the broker can't be reached; from any method: a message was not delivered.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, connection: Connection, *, partition: int | None = None
    ) -> None:
        numbers = partitions_of(topic, bootstrap_servers, connection)
        if partition is not None and partition not in numbers:
            raise UnavailableError(f"Topic {topic} has no partition {partition}: it has {len(numbers)}.")
        self._topic = topic
        self._numbers = numbers if partition is None else [partition]
        self._partitions = {number: _Partition() for number in self._numbers}
        self._failure: tuple[int, KafkaError] | None = None
        self._producer = Producer(properties(bootstrap_servers, connection, _DEFAULTS))
        self.sent = 0
        """Messages handed over so far; the index of the next sample."""

    def send(self, values: Sequence[bytes], keys: Sequence[bytes] | None) -> None:
        """Queue messages. Waits while the queue is full."""
        first, ways = self.sent, len(self._numbers)
        self.sent += len(values)
        for lane in range(min(ways, len(values))):
            number = self._numbers[(first + lane) % ways]
            if keys is None:
                batch = [{"value": value} for value in values[lane::ways]]
            else:
                batch = [{"value": v, "key": k} for v, k in zip(values[lane::ways], keys[lane::ways], strict=True)]
            self._queue(number, batch, range(first + lane, self.sent, ways))
        self._producer.poll(0)
        self._check()

    def flush(self, seconds: float, progress: Callable[[], None] | None = None) -> None:
        """Wait until the broker has everything.

        Raises:
            UnavailableError: it has not after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while waiting := flushed(self._producer, min(1.0, seconds)):
            self._check()
            if progress is not None:
                progress()
            if time.monotonic() > deadline:
                self.abort()
                raise UnavailableError(
                    f"{waiting} of {self.sent} messages were not taken by the broker within {seconds:g} s.",
                    advice="Check that it is reachable, or give more time with `timeout`.",
                )
        self._check()

    def abort(self) -> None:
        """Forget what is still queued."""
        self._producer.purge()
        flushed(self._producer, 1)

    def ranges(self) -> tuple[StreamRange, ...]:
        """Where the delivered messages lie, by partition and offset."""
        return tuple(
            StreamRange(self._topic, number, start, end)
            for number, partition in sorted(self._partitions.items())
            for start, end in partition.runs
        )

    def announce(self, topic: str, key: bytes, value: bytes, headers: list[tuple[str, Any]], seconds: float) -> None:
        """Send one message to another topic and wait until it is there."""
        outcome: list[KafkaError | None] = []
        try:
            self._producer.produce(
                topic, value=value, key=key, headers=headers, on_delivery=lambda error, _: outcome.append(error)
            )
        except KafkaException as error:
            raise UnavailableError(f"The control message was not sent: {error.args[0].str()}.") from error
        flushed(self._producer, seconds)
        if outcome != [None]:
            reason = outcome[0].str() if outcome and outcome[0] else f"no answer within {seconds:g} s"
            raise UnavailableError(
                f"All samples are in {self._topic}, but the control message was not taken by {topic}: {reason}."
            )

    def _queue(self, number: int, batch: list[dict[str, Any]], indices: Sequence[int]) -> None:
        """Put messages into librdkafka's queue.

        A batch for which there is no room would be taken in part, and out of order when room appears meanwhile, so we wait for it.
        """
        size = sum(len(message["value"]) + len(message.get("key", b"")) for message in batch) / len(batch)
        room = max(len(batch), min(_QUEUED_MESSAGES, int(_QUEUED_BYTES / max(size, 1))))
        while len(self._producer) + len(batch) > room:
            self._producer.poll(_STEP_SECONDS)
            self._check()
        while batch:
            self._producer.produce_batch(self._topic, batch, number, on_delivery=self._report)
            refused = [i for i, message in enumerate(batch) if "_error" in message]
            # Reports come only while polling, so the books are right in time.
            books = self._partitions[number].sent
            if not refused:
                books.append(indices)
                return
            lost = set(refused)
            books.extend([index] for i, index in enumerate(indices) if i not in lost)
            for i in refused:
                error = batch[i].pop("_error")
                # Only with a `config` that makes the queue smaller than ours.
                if error.code() != KafkaError._QUEUE_FULL:  # noqa: SLF001
                    raise UnavailableError(f"Sample {indices[i]} can't be sent: {error.str()}.")
            batch, indices = [batch[i] for i in refused], [indices[i] for i in refused]
            self._producer.poll(_STEP_SECONDS)

    def _report(self, error: KafkaError | None, message: Message) -> None:
        number, offset = message.partition(), message.offset()
        partition = self._partitions[number if number is not None else -1]
        index = partition.next_index()
        if error is not None or offset is None:
            if self._failure is None and error is not None:
                self._failure = (index, error)
            return
        runs = partition.runs
        if runs and runs[-1][1] == offset:
            runs[-1][1] = offset + 1
        else:
            runs.append([offset, offset + 1])

    def _check(self) -> None:
        if self._failure is not None:
            index, error = self._failure
            raise UnavailableError(f"Sample {index} was not delivered to {self._topic}: {error.str()}.")


def flushed(producer: Producer, seconds: float) -> int:
    """Wait until all that was produced is delivered, or for so long; how many messages still wait."""
    try:
        return int(producer.flush(seconds))
    except SystemError as error:
        # An interrupt in the middle of a delivery report ends the wait, but confluent-kafka loses the exception.
        raise KeyboardInterrupt from error
