"""Reads the log backwards: the newest messages before some offsets, without a gap, in bounded time and memory.

Kafka reads forwards only. So a partition's end is read in pieces, the last one first, each longer than the one after it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

POLL_MS = 100
_FIRST_PIECE = 32
_LONGEST_PIECE = 1 << 16


class Budget:
    """What one reading may take: seconds and bytes."""

    def __init__(self, seconds: float, room: int) -> None:
        self._until = time.monotonic() + seconds
        self.room = room

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self._until

    @property
    def spent(self) -> bool:
        """Whether no more should be read."""
        return self.room <= 0 or self.late

    def take(self, record: ConsumerRecord) -> None:
        """Count a message that is kept."""
        self.room -= size_of(record)


@dataclass(eq=False, slots=True)
class _End:
    """The end of a partition, as far as it was read."""

    part: TopicPartition
    start: int
    reached: int
    piece: int = _FIRST_PIECE
    found: deque[ConsumerRecord] = field(default_factory=deque)
    """The newest first."""

    @property
    def rest(self) -> int:
        """The offset before which nothing of it was given."""
        return self.found[0].offset + 1 if self.found else self.reached


async def read_back(
    consumer: AIOKafkaConsumer,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    limit: int,
    matches: Callable[[ConsumerRecord], bool],
    budget: Budget,
) -> tuple[list[ConsumerRecord], dict[TopicPartition, int]]:
    """The last messages before `ends` that match, the newest first, and the offsets before which to go on.

    Messages of one partition come in the order of their offsets whatever their times are, so going on misses none.
    """
    tails = [_End(part, starts[part], end) for part, end in ends.items()]
    newest: list[ConsumerRecord] = []
    while len(newest) < limit:
        # One that has nothing left to compare may have the newest in what was not read yet.
        unknown = [tail for tail in tails if not tail.found and tail.reached > tail.start]
        if unknown and not budget.spent:
            await _read_pieces(consumer, unknown, matches, budget)
        elif heads := [tail for tail in tails if tail.found]:
            newest.append(max(heads, key=lambda tail: tail.found[0].timestamp).found.popleft())
        else:
            break
    return newest, {tail.part: tail.rest for tail in tails}


async def _read_pieces(
    consumer: AIOKafkaConsumer, tails: Sequence[_End], matches: Callable[[ConsumerRecord], bool], budget: Budget
) -> None:
    """Read the next piece of each backwards. Of what is too much, the oldest is let go, to be read another time."""
    lows = {tail.part: max(tail.start, tail.reached - tail.piece) for tail in tails}
    pieces: dict[TopicPartition, deque[ConsumerRecord]] = {part: deque() for part in lows}
    consumer.assign(list(lows))
    for part, low in lows.items():
        consumer.seek(part, low)
    left = list(tails)
    while left := [tail for tail in left if await consumer.position(tail.part) < tail.reached]:
        if budget.late:
            break
        ends = {tail.part: tail.reached for tail in left}
        for part, records in (await consumer.getmany(*ends, timeout_ms=POLL_MS)).items():
            for record in records:
                if record.offset < ends[part] and matches(record):
                    budget.take(record)
                    pieces[part].append(record)
        _let_go(pieces, lows, budget)
    for tail in tails:
        if tail not in left:
            tail.found.extend(reversed(pieces[tail.part]))
            tail.reached, tail.piece = lows[tail.part], min(4 * tail.piece, _LONGEST_PIECE)


def _let_go(
    pieces: Mapping[TopicPartition, deque[ConsumerRecord]], lows: dict[TopicPartition, int], budget: Budget
) -> None:
    # Each keeps its newest, so that there is always something to show, and to go on from.
    while budget.room < 0 and len(longest := max(pieces.values(), key=len)) > 1:
        oldest = longest.popleft()
        budget.room += size_of(oldest)
        lows[TopicPartition(oldest.topic, oldest.partition)] = oldest.offset + 1


def size_of(record: ConsumerRecord) -> int:
    """Bytes of what a message holds."""
    return len(record.value or b"") + len(record.key or b"")
