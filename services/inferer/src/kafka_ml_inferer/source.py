"""Source: the input topic as one replica reads it, in a consumer group: which partitions, from where, how far behind.

Rebalancing is eager (range): every replica gives up all partitions and takes its new ones. So a batch belongs to exactly one
generation of the group, and the offsets in its transaction carry that generation (KIP-447): a replica that the group took for
dead can't commit any more. Cooperative rebalancing would save a pause of milliseconds, and mix kept and lost partitions in one batch.

Where a partition has no committed offset yet, the first position is committed before anything is read: from then on "back to
the committed offset" is always defined, also for an inference that starts from the latest message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.workloads import InferenceSpec
from kafka_ml_inferer.batching import collect

log = structlog.get_logger(__name__)

_ASK_SECONDS = 10.0
_QUEUE_KILOBYTES = 64 << 10


class Source:
    """The replica's share of the input topic. Not thread-safe: callbacks run inside `read`, in its thread.

    Args:
        finish: called before partitions are given up, to bring what is in flight to its end.

    Attributes:
        group: the group's generation that `read` gave messages under; None without partitions.
        joined: whether the group has given this replica its share, be it empty.
        began: the offset that it began with in each partition that it had, at first.
    """

    def __init__(self, kafka: KafkaSettings, spec: InferenceSpec, finish: Callable[[], None]) -> None:
        self._topic = spec.input_topic
        self._start_from = spec.settings.start_from
        self._finish = finish
        self._next: dict[int, int] = {}
        self._share: list[int] = []
        self._read: set[int] = set()
        self._trouble: UnavailableError | None = None
        self.group: Any = None
        self.joined = False
        self.began: dict[int, int] = {}
        self._consumer = Consumer(
            kafka.confluent()
            | {
                "group.id": f"kafka-ml-inference-{spec.inference_id}",
                "client.id": f"kafka-ml-inference-{spec.inference_id}",
                "partition.assignment.strategy": "range",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                # Where to begin is decided in _starts; an offset that is not there any more must not be passed over in silence.
                "auto.offset.reset": "error",
                # The broker's least. A replica that was killed is missed no longer than it takes to start another.
                "session.timeout.ms": 6_000,
                "heartbeat.interval.ms": 1_500,
                # A full queue stops fetching for this long; the default of a second halves the rate.
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": _QUEUE_KILOBYTES,
                "queued.min.messages": 100_000,
                "retry.backoff.ms": 10,
                "reconnect.backoff.max.ms": 2_000,
            },
            logger=log,
        )

    def partitions_of(self, topic: str) -> int:
        """Number of partitions of `topic`; 0 when there is none. Raises UnavailableError."""
        try:
            found = self._consumer.list_topics(topic, timeout=_ASK_SECONDS).topics[topic]
        except KafkaException as error:
            raise UnavailableError(f"Kafka does not answer: {error}.") from error
        if found.error is not None and found.error.code() not in (
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - librdkafka's own codes begin with an underscore
            KafkaError.LEADER_NOT_AVAILABLE,
        ):
            raise UnavailableError(f"Kafka refuses to tell about topic {topic}: {found.error}.")
        return 0 if found.error is not None else len(found.partitions)

    def subscribe(self, *, from_the_beginning: bool) -> None:
        """Join the group. `from_the_beginning` overrules `start_from`: the topic came into being after the inference."""
        if from_the_beginning:
            self._start_from = "earliest"
        self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def read(self, most: int, *, idle_seconds: float, wait_seconds: float) -> list[Message]:
        """The next messages, at most `most`, in order per partition; perhaps none.

        Raises:
            UnavailableError: a new share of partitions can't be taken, or the messages that come next are not there any more;
                `rewind` goes on from where it can.
        """
        messages = collect(self._consumer.consume, most=most, idle_seconds=idle_seconds, wait_seconds=wait_seconds)
        if self._trouble is not None:
            raise self._trouble
        kept = self._in_order(messages)
        if self._trouble is not None:
            raise self._trouble
        return kept

    def idle(self, seconds: float) -> None:
        """Stay in the group for so long without reading. `rewind` must follow."""
        self._consumer.assign([])
        self._next = {}
        self._consumer.consume(1, seconds)

    def rewind(self) -> None:
        """Go back to the committed offsets of this replica's share. Raises UnavailableError."""
        if self.group is not None:
            self._take(self._share)

    def commit(self, offsets: list[TopicPartition]) -> None:
        """Commit offsets outside a transaction. Raises KafkaException."""
        self._consumer.commit(offsets=offsets, asynchronous=False)

    def lag(self) -> int:
        """Messages that wait in this replica's partitions, by what the broker told last."""
        waiting = 0
        for partition, position in self._next.items():
            with contextlib.suppress(KafkaException):
                _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
                waiting += max(0, high - position) if high >= 0 else 0
        return waiting

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _in_order(self, messages: list[Message]) -> list[Message]:
        """The messages that come next in their partitions.

        One fetched before its partition was taken away and given back, or fetched twice, is not processed again.
        """
        positions, kept = self._next, []
        for message in messages:
            if (error := message.error()) is not None:
                self._complain(error)
                continue
            partition, offset = message.partition(), message.offset()
            if partition in positions and offset >= positions[partition]:
                positions[partition] = offset + 1
                kept.append(message)
        return kept

    def _complain(self, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            self._trouble = UnavailableError(f"The next message of topic {self._topic} is not there: {error.str()}.")
            return
        log.warning("Kafka reports a problem, reading goes on when it is over", topic=self._topic, error=error.str())

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.group = self._consumer.consumer_group_metadata()
        self._share = sorted(partition.partition for partition in partitions)
        try:
            self._take(self._share)
        except UnavailableError as error:
            self._trouble = error
            self._consumer.assign([])
        self.joined = True
        log.info("reads partitions", topic=self._topic, partitions=self._share)

    def _take(self, share: list[int]) -> None:
        starts = self._starts([TopicPartition(self._topic, number) for number in share])
        self._next = {start.partition: start.offset for start in starts}
        self.began = self._next | self.began
        self._consumer.assign(starts)
        self._trouble = None

    def _starts(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Where to begin in each partition: where the group is; or else where new inferences begin, which is committed."""
        if not partitions:
            return []
        try:
            # Waits for transactions of other replicas that are still under way (isolation level read_committed).
            known = self._consumer.committed(partitions, timeout=_ASK_SECONDS)
            starts, new = [], []
            for partition in known:
                if partition.error is not None:
                    raise KafkaException(partition.error)
                start = TopicPartition(partition.topic, partition.partition, partition.offset)
                low, high = self._consumer.get_watermark_offsets(start, timeout=_ASK_SECONDS)
                if start.offset < 0:
                    # With a topic that is deleted Kafka forgets where its readers were; all of the new one is to be read.
                    anew = partition.partition in self._read
                    start.offset = low if anew or self._start_from == "earliest" else high
                    new.append(start)
                elif not low <= start.offset <= high:
                    self._missed(start, low, high)
                    start.offset = low
                    new.append(start)
                starts.append(start)
            if new:
                self.commit(new)
            self._read.update(start.partition for start in starts)
        except KafkaException as error:
            raise UnavailableError(f"Kafka does not tell where the inference is: {error}.") from error
        return starts

    def _missed(self, committed: TopicPartition, low: int, high: int) -> None:
        log.error(
            "messages were deleted by retention before they were read"
            if committed.offset < low
            else "the topic was made anew or cut, reading begins with the first message there is",
            topic=self._topic,
            partition=committed.partition,
            committed=committed.offset,
            first_there_is=low,
            end=high,
        )

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._finish()
        self._give_up(partitions)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("the group gave this replica's partitions to others; what is in flight will be refused")
        self._finish()
        self._give_up(partitions)

    def _give_up(self, partitions: list[TopicPartition]) -> None:
        log.info("gives up partitions", topic=self._topic, partitions=sorted(part.partition for part in partitions))
        self.group = None
        self._share = []
        self._trouble = None
        self._next = {}
        self._consumer.unassign()
