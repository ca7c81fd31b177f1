"""The same for asyncio: each call runs in a thread, so the event loop never waits for Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

from kafka_ml_common.arrays import Array
from kafka_ml_common.streams import ControlMessage
from kafka_ml_sinks.arrays import JsonSink, RawSink
from kafka_ml_sinks.avro import AvroSink
from kafka_ml_sinks.inference import InferenceClient
from kafka_ml_sinks.sink import Sink

S = TypeVar("S", bound=Sink)
T = TypeVar("T")


async def _in_turn(turn: asyncio.Lock, work: Callable[..., T], *arguments: Any) -> T:
    """Do the work in a thread when it is its turn. Who stops waiting for it doesn't stop it: the next turn comes when it has ended."""
    await turn.acquire()
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    _release_after(turn, task)
    return await asyncio.shield(task)


def _release_after(turn: asyncio.Lock, task: asyncio.Future[Any] | None) -> None:
    def release(done: asyncio.Future[Any]) -> None:
        if not done.cancelled():
            done.exception()  # looked at, so that asyncio does not complain of one that nobody waits for any more
        turn.release()

    if task is None:
        turn.release()
    else:
        task.add_done_callback(release)


class _AsyncSink(Generic[S]):
    """A sink of kind S; takes the same arguments. Calls are carried out one after the other."""

    kind: ClassVar[type[Sink]]

    def __init__(self, *args: Any, **options: Any) -> None:
        self._sink = self.kind(*args, **options)
        self._turn = asyncio.Lock()

    @property
    def control(self) -> ControlMessage | None:
        """The control message that was sent; None before."""
        return self._sink.control

    @property
    def sent(self) -> int:
        """Samples handed over so far."""
        return self._sink.sent

    async def send(self, data: Any, label: Any | None = None) -> None:
        """Send one sample; `send_many` is far faster for many."""
        await _in_turn(self._turn, self._sink.send, data, label)

    async def send_many(self, data: Any, labels: Any | None = None) -> None:
        """Send many samples, see Sink.send_many."""
        await _in_turn(self._turn, self._sink.send_many, data, labels)

    async def flush(self) -> None:
        """Wait until the broker has every sample that was sent so far."""
        await _in_turn(self._turn, self._sink.flush)

    async def close(self) -> None:
        """Wait until the broker has every sample, then announce the stream."""
        await _in_turn(self._turn, self._sink.close)

    async def abort(self) -> None:
        """Give up, and announce nothing."""
        await _in_turn(self._turn, self._sink.abort)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._sink.__enter__)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await _in_turn(self._turn, self._sink.__exit__, kind, error, trace)


class AsyncRawSink(_AsyncSink[RawSink]):
    """RawSink for asyncio."""

    kind = RawSink


class AsyncJsonSink(_AsyncSink[JsonSink]):
    """JsonSink for asyncio."""

    kind = JsonSink


class AsyncAvroSink(_AsyncSink[AvroSink]):
    """AvroSink for asyncio."""

    kind = AvroSink


class AsyncInferenceClient:
    """InferenceClient for asyncio; takes the same arguments."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._client = InferenceClient(*args, **options)
        self._turn = asyncio.Lock()

    async def predict(self, x: Any, *, timeout: float = 30.0) -> Array:  # noqa: ASYNC109 # the name that predict has
        """The predictions for samples `x`, see InferenceClient.predict."""
        return await _in_turn(self._turn, partial(self._client.predict, x, timeout=timeout))

    async def stream(self, x: Any, *, timeout: float = 30.0, window: int = 1000) -> AsyncIterator[Array]:  # noqa: ASYNC109
        """The predictions one by one, see InferenceClient.stream."""
        await self._turn.acquire()
        step: asyncio.Future[Array | None] | None = None
        try:
            predictions = self._client.stream(x, timeout=timeout, window=window)
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(next, predictions, None))
                prediction = await asyncio.shield(step)
                if prediction is None:
                    return
                yield prediction
        finally:
            _release_after(self._turn, step)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._client.open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._client.close)
