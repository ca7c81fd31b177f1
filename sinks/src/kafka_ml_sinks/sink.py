"""What all sinks do: send samples, remember where they lie in the log, and announce the stream when it is complete."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self, Unpack

from kafka_ml_common.errors import InvalidError
from kafka_ml_common.streams import (
    DEFAULT_CONTROL_TOPIC,
    MAX_CONTROL_BYTES,
    MAX_RANGES,
    ControlMessage,
    InputFormat,
    StreamRange,
    format_ranges,
)
from kafka_ml_sinks.connection import Connection
from kafka_ml_sinks.delivery import Delivery
from kafka_ml_sinks.samples import chunks

Progress = Callable[[int, int | None], None]
"""Called with the number of samples sent so far, and the number that there will be, if known."""


class SinkOptions(Connection, total=False):
    """What every sink takes besides its format's own arguments, all optional.

    description: shown with the data source.
    validation_rate, test_rate: parts of the stream (0..1) that are not trained on; both are at its end.
    dataset_restrictions: for federated training.
    control_topic: where the stream is announced.
    partition: send to this partition only; by default all are used in turn.
    timeout: seconds that the broker may take at the end.
    progress: called after each piece that is sent.
    boostrap_servers, group_id: accepted, as the earlier library has them.
    """

    description: str
    validation_rate: float
    test_rate: float
    dataset_restrictions: Mapping[str, Any]
    control_topic: str
    partition: int | None
    timeout: float
    progress: Progress | None
    boostrap_servers: str
    group_id: str


class Sink(ABC):
    """Base of the sinks. Leaving its `with` block sends the control message, unless an exception ends the block.

    Args:
        bootstrap_servers: the broker's address, host:port, several separated by commas.
        topic: the topic that the samples go to.
        deployment_id: the deployment that is to learn from them.
        options: see SinkOptions.

    Raises, from every method that sends:
        UnavailableError: the broker can't be reached, or did not take a sample.
        CodecError: a sample does not fit the ones before it.
    """

    input_format: ClassVar[InputFormat]

    def __init__(
        self,
        bootstrap_servers: str | None = None,
        topic: str = "",
        deployment_id: int | str = 0,
        **options: Unpack[SinkOptions],
    ) -> None:
        servers = bootstrap_servers or options.get("boostrap_servers")
        if not servers:
            raise InvalidError("The sink needs bootstrap_servers.", advice='For instance "localhost:9092".')
        StreamRange(topic, 0, 0, 0)
        if not str(deployment_id).isdecimal():
            raise InvalidError(f"{deployment_id!r} is no deployment id.", advice="It is a whole number.")
        self.bootstrap_servers = servers
        self.topic = topic
        self.deployment_id = int(deployment_id)
        self.control: ControlMessage | None = None
        """The control message that was sent; None before."""
        self._options = options
        self._delivery: Delivery | None = None
        self._closed = False
        # Rates are checked before anything is sent.
        ControlMessage(
            topic=f"{topic}:0:0:0", input_format=InputFormat.JSON, validation_rate=self._rate(), test_rate=self._test()
        )

    @abstractmethod
    def _encode(self, x: Any, y: Any | None, first_index: int) -> tuple[list[bytes], list[bytes] | None]:
        """Values and keys of a piece of the stream."""

    @abstractmethod
    def _input_config(self) -> dict[str, Any]:
        """The control message's `input_config`, once all is sent."""

    @property
    def sent(self) -> int:
        """Samples handed over so far."""
        return self._delivery.sent if self._delivery else 0

    def send(self, data: Any, label: Any | None = None) -> None:
        """Send one sample, with its label where there is one."""
        self._send([data], None if label is None else [label])

    def send_many(self, data: Any, labels: Any | None = None) -> None:
        """Send many samples: numpy arrays (samples along the first axis), pandas frames and series, lists, or any iterable.

        May be called several times, for data that comes in pieces.
        """
        total = self.sent + len(data) if hasattr(data, "__len__") else None
        progress = self._options.get("progress")
        for x, y in chunks(data, labels):
            self._send(x, y)
            if progress is not None:
                progress(self.sent, total)

    def flush(self) -> None:
        """Wait until the broker has every sample that was sent so far."""
        if self._delivery is not None:
            self._delivery.flush(self._options.get("timeout", 120.0))

    def close(self) -> None:
        """Wait until the broker has every sample, then announce the stream. Does nothing when called again."""
        if self._closed:
            return
        if self._delivery is None or not self._delivery.sent:
            raise InvalidError("Nothing was sent, so there is no stream to announce.")
        seconds = self._options.get("timeout", 120.0)
        self._delivery.flush(seconds)
        control = self._announcement(self._delivery.ranges())
        key, headers = ControlMessage.encode_key(self.deployment_id)
        topic = self._options.get("control_topic", DEFAULT_CONTROL_TOPIC)
        self._delivery.announce(topic, key, control.to_bytes(), headers, seconds)
        self.control = control
        self._closed = True

    def abort(self) -> None:
        """Give up: what was sent stays in the log, but nobody is told of it."""
        self._closed = True
        if self._delivery is not None:
            self._delivery.abort()

    def __enter__(self) -> Self:
        self._opened()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self.abort()
            raise

    def _opened(self) -> Delivery:
        if self._closed:
            raise InvalidError("The sink is closed.", advice="A new stream needs a new sink.")
        if self._delivery is None:
            self._delivery = Delivery(
                self.bootstrap_servers, self.topic, self._options, partition=self._options.get("partition")
            )
        return self._delivery

    def _send(self, x: Any, y: Any | None) -> None:
        delivery = self._opened()
        delivery.send(*self._encode(x, y, delivery.sent))

    def _announcement(self, ranges: tuple[StreamRange, ...]) -> ControlMessage:
        if len(ranges) > MAX_RANGES:
            raise InvalidError(
                f"Others wrote to {self.topic} at the same time, which cut the stream into {len(ranges)} pieces.",
                advice="Send to a topic, or a partition, that nobody else writes to meanwhile.",
            )
        control = ControlMessage(
            topic=format_ranges(ranges),
            input_format=self.input_format,
            input_config=self._input_config(),
            validation_rate=self._rate(),
            test_rate=self._test(),
            total_msg=sum(piece.size for piece in ranges),
            description=self._options.get("description", ""),
            dataset_restrictions=dict(self._options.get("dataset_restrictions") or {}),
        )
        if len(control.to_bytes()) > MAX_CONTROL_BYTES:
            raise InvalidError(f"The control message is longer than {MAX_CONTROL_BYTES} bytes.")
        return control

    def _rate(self) -> float:
        return self._options.get("validation_rate", 0.0)

    def _test(self) -> float:
        return self._options.get("test_rate", 0.0)
