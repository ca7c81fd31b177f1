"""Dataset: the stream's ranges of the log, as arrays that the guest sees, divided into training, test and validation.

A batch of messages is decoded at once and written straight to its place in shared memory: no message is looked at by itself.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from confluent_kafka import Message
from numpy.typing import DTypeLike, NDArray

from kafka_ml_common.codecs import Codec, JsonArrays, Samples, Undecodable, codec_for, is_unlabelled
from kafka_ml_common.formats import InputFormat
from kafka_ml_common.streams import ControlMessage, SplitSizes, StreamRange, split_sizes
from kafka_ml_trainer.log import LogReader
from kafka_ml_trainer.problems import TrainingError

WINDOW_BYTES = (4 << 20, 64 << 20)
"""Least and most of a stream larger than memory that the guest shuffles at a time."""

_SKIP_ADVICE = "Send the stream again without it, or deploy with on_bad_message=skip to leave such messages out."

Share = Callable[[str, Sequence[int], DTypeLike, bool], NDArray[Any]]
"""Makes the shared array of a name, shape and type, on disk or not: `Guest.share`."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A stream that has been read. Its samples are in the guest's arrays `x` and `y`.

    Attributes:
        sizes: of the parts, which follow each other in the arrays: training, test, validation.
        skipped: messages that were left out.
        window: samples that are in memory at a time; None when all are.
        parts: where each part lies in the log.
    """

    sizes: SplitSizes
    skipped: int
    window: int | None
    sample_shape: tuple[int, ...]
    label_shape: tuple[int, ...]
    data_type: str
    label_type: str
    parts: dict[str, tuple[StreamRange, ...]]


def read(stream: ControlMessage, log: LogReader, share: Share, *, memory_bytes: int, skip: bool) -> Dataset:
    """Read a labelled stream into shared arrays.

    Args:
        share: makes an array that the guest sees.
        memory_bytes: how much of memory the samples may take; more is kept on disk.
        skip: leave out messages that can't be decoded, instead of refusing the stream.

    Raises:
        TrainingError: the log no longer has it, it has no labels or samples, a message can't be used, or there is no space.
        StreamError: its format can't be understood.
        UnavailableError: Kafka can't be reached.
    """
    codec = codec_of(stream)
    log.check(stream.ranges)
    filling = Filling(codec, stream.size, share, memory_bytes)
    for index, piece in enumerate(stream.ranges):
        for messages in log.read(piece) if piece.size else ():
            filling.add(messages, piece, index, skip=skip)
    return filling.finish(stream, skip=skip)


def codec_of(stream: ControlMessage) -> Codec:
    """The stream's codec, which has labels.

    Raises:
        TrainingError: the stream has none, is one that never ends, or its numbers are text.
        StreamError: its format can't be understood.
    """
    if stream.live_topic is not None:
        raise TrainingError(
            "unsupported_stream", "Streams that go on for ever can't be trained on: announce offset ranges."
        )
    codec = codec_for(stream.input_format, stream.input_config)
    if codec.labels is None and stream.input_format in (InputFormat.JSON, InputFormat.TELEGRAF_STR_JSON):
        codec = replace(codec, labels=JsonArrays(None, None, scalar=True))
    if codec.labels is None:
        raise TrainingError(
            "unlabelled",
            "The stream has no labels, but a model learns from samples with labels.",
            advice="Send each label as its message's key, and say how in input_config (label_type, or label_scheme for AVRO).",
        )
    for what, dtype in (("samples", codec.dtype), ("labels", codec.labels.dtype)):
        if dtype.kind not in "biuf":
            raise TrainingError(
                "bad_data",
                f"The stream's {what} are text, but models take numbers.",
                advice="Send numbers, classes from 0.",
            )
    return codec


class Filling:
    """The arrays as they fill. They are made when the first batch has told the samples' shapes."""

    def __init__(self, codec: Codec, capacity: int, share: Share, memory_bytes: int) -> None:
        self._codec = codec
        self._capacity = capacity
        self._share = share
        self._memory = memory_bytes
        self._x: NDArray[Any] | None = None
        self._y: NDArray[Any] | None = None
        self._window: int | None = None
        self._count = 0
        self._skipped = 0
        self._not_finite = 0
        self._first_not_finite = ""
        self._runs: list[tuple[int, int, int]] = []
        """(index of a sample, number of its range, its offset), where offsets don't simply go on."""

    def add(self, messages: list[Message], piece: StreamRange, number: int, *, skip: bool) -> None:
        """Decode a batch of the range `piece`, the `number`-th of the stream, and append it."""
        keys = list(map(Message.key, messages))
        samples = self._codec.decode_samples(list(map(Message.value, messages)), keys)
        if samples.errors:
            if not skip:
                raise _bad(samples.errors[0], messages, keys, piece)
            self._skipped += len({error.index for error in samples.errors})
        samples = self._finite(samples, messages, piece, skip=skip)
        count = len(samples.good)
        if not count:
            return
        if self._x is None or self._y is None:
            self._x, self._y = self._allocate(samples)
        self._x[self._count : self._count + count] = samples.x
        self._y[self._count : self._count + count] = samples.y
        self._note(messages, samples.good, number)
        self._count += count

    def finish(self, stream: ControlMessage, *, skip: bool) -> Dataset:
        """The dataset, now that all is read."""
        if self._not_finite and not skip:
            raise TrainingError(
                "bad_data",
                f"{_count(self._not_finite, 'message')} of the stream hold NaN or infinite numbers, the first at "
                f"{self._first_not_finite}: a model that sees one learns nothing more.",
                advice="Send the stream again without them, or deploy with on_bad_message=skip to leave such messages out.",
            )
        if self._x is None or self._y is None:
            raise self._no_samples()
        sizes = split_sizes(self._count, stream.validation_rate, stream.test_rate)
        if not sizes.training:
            raise TrainingError(
                "no_samples",
                f"None of the stream's {_count(self._count, 'sample')} is left for training: test and validation take them all.",
                advice="Send more samples, or lower validation_rate and test_rate.",
            )
        return Dataset(
            sizes=sizes,
            skipped=self._skipped,
            window=self._window,
            sample_shape=self._x.shape[1:],
            label_shape=self._y.shape[1:],
            data_type=self._x.dtype.name,
            label_type=self._y.dtype.name,
            parts=self._parts(sizes, stream.ranges),
        )

    def _no_samples(self) -> TrainingError:
        if not self._skipped:
            return TrainingError(
                "no_samples", "The stream has no samples.", advice="See that the ranges hold the messages you sent."
            )
        undecoded = self._skipped - self._not_finite
        reasons = [f"{undecoded} could not be decoded"] if undecoded else []
        reasons += [f"{self._not_finite} hold NaN or infinite numbers"] if self._not_finite else []
        return TrainingError(
            "no_samples",
            f"The stream has no samples: all of its {_count(self._skipped, 'message')} were left out, as {' and '.join(reasons)}.",
            advice="Deploy with on_bad_message=refuse to be told of the first one what is wrong with it.",
        )

    def _allocate(self, samples: Samples) -> tuple[NDArray[Any], NDArray[Any]]:
        each = samples.x[0].nbytes + samples.y[0].nbytes
        on_disk = each * self._capacity > self._memory
        if on_disk:
            least, most = WINDOW_BYTES
            self._window = max(min(max(self._memory // 8, least), most) // each, 1)
        try:
            x = self._share("x", (self._capacity, *samples.x.shape[1:]), samples.x.dtype, on_disk)
            y = self._share("y", (self._capacity, *samples.y.shape[1:]), samples.y.dtype, on_disk)
        except OSError as error:
            place = "on the disk of the trainer's work folder" if on_disk else "in the trainer's memory"
            raise TrainingError(
                "disk_full" if on_disk else "out_of_memory",
                f"There is no space for the stream's {each * self._capacity / (1 << 20):,.0f} MiB {place} ({error.strerror}).",
                advice="Free some, set KAFKA_ML_WORK_FOLDER to a folder with more, or send less data.",
            ) from error
        return x, y

    def _finite(self, samples: Samples, messages: list[Message], piece: StreamRange, *, skip: bool) -> Samples:
        """The samples without those that hold NaN or infinities, which are counted."""
        finite: NDArray[np.bool_] = np.ones(len(samples.good), np.bool_)
        for array in (samples.x, samples.y):
            if array.dtype.kind == "f" and not (each := np.isfinite(array)).all():
                finite &= each.reshape(len(array), -1).all(axis=1)
        if finite.all():
            return samples
        if not self._not_finite:
            self._first_not_finite = _address(piece, messages[int(samples.good[~finite][0])])
        count = int((~finite).sum())
        self._not_finite += count
        self._skipped += count if skip else 0
        return Samples(samples.x[finite], samples.y[finite], samples.good[finite], samples.errors)

    def _note(self, messages: list[Message], good: NDArray[np.intp], number: int) -> None:
        first, last = _offset(messages[int(good[0])]), _offset(messages[int(good[-1])])
        if last - first == len(good) - 1:  # no gap: the offsets between need no look
            places, offsets = [0], [first]
        else:
            every = np.fromiter(map(_offset, messages), np.int64, len(messages))[good]
            starts = np.concatenate(([0], np.flatnonzero(np.diff(every) != 1) + 1))
            places, offsets = starts.tolist(), every[starts].tolist()
        self._runs += [(self._count + place, number, offset) for place, offset in zip(places, offsets, strict=True)]

    def _parts(self, sizes: SplitSizes, ranges: tuple[StreamRange, ...]) -> dict[str, tuple[StreamRange, ...]]:
        parts, start = {}, 0
        for name, size in (("training", sizes.training), ("test", sizes.test), ("validation", sizes.validation)):
            parts[name] = tuple(self._pieces(start, start + size, ranges)) if size else ()
            start += size
        return parts

    def _pieces(self, start: int, end: int, ranges: tuple[StreamRange, ...]) -> Iterator[StreamRange]:
        """Where samples number `start` up to `end` lie: from the first one's offset to the one after the last's."""
        (first, begin), (last, final) = self._place(start), self._place(end - 1)
        for number in range(first, last + 1):
            piece = ranges[number]
            if piece.size:
                low = begin if number == first else piece.start
                high = final + 1 if number == last else piece.end
                yield StreamRange(piece.topic, piece.partition, low, high)

    def _place(self, index: int) -> tuple[int, int]:
        """The number of the range and the offset that sample `index` comes from."""
        place, number, offset = self._runs[bisect.bisect_right(self._runs, index, key=lambda run: run[0]) - 1]
        return number, offset + index - place


def _bad(error: Undecodable, messages: list[Message], keys: list[bytes | None], piece: StreamRange) -> TrainingError:
    where = _address(piece, messages[error.index])
    if error.reason.startswith("has a key") and is_unlabelled(keys[error.index]):
        return TrainingError(
            "bad_data",
            f"The message at {where} has no label: its key is empty.",
            advice=f"Send labels as keys. {_SKIP_ADVICE}",
        )
    return TrainingError("bad_data", f"The message at {where} {error.reason}.", advice=_SKIP_ADVICE)


def _address(piece: StreamRange, message: Message) -> str:
    return f"{piece.topic}:{piece.partition}:{_offset(message)}"


def _offset(message: Message) -> int:
    return message.offset() or 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
