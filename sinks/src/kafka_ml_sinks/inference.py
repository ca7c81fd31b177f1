"""Ask an inference: samples go to its input topic, predictions come from its output topic, matched by a correlation header.

The inferer copies the input's headers to the prediction, so each prediction names the sample that it answers. The output is read from
where it ended when the client was opened, with read_committed: predictions of an aborted transaction never show.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

import numpy as np
import orjson
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from kafka_ml_common.arrays import Array, CodecError
from kafka_ml_common.avro import AvroVectors
from kafka_ml_common.codecs import Codec, codec_for
from kafka_ml_common.errors import InvalidError, KafkaMLError, UnavailableError
from kafka_ml_common.streams import InputFormat
from kafka_ml_sinks.avro import encode_records, records
from kafka_ml_sinks.connection import CONTACT_SECONDS, Connection, partitions_of, properties
from kafka_ml_sinks.delivery import flushed
from kafka_ml_sinks.samples import Agreement, chunks

CORRELATION_HEADER = "kafka-ml-correlation"
_STEP_SECONDS = 0.1
_READ_AT_ONCE = 4096


class PredictionTimeoutError(KafkaMLError):
    """Not all predictions came in time.

    Attributes:
        received: number of those that did.
        expected: number of samples that were sent.
    """

    code = "timeout"

    def __init__(self, received: int, expected: int, topic: str, seconds: float) -> None:
        super().__init__(
            f"{received} of {expected} predictions came from {topic} within {seconds:g} s.",
            advice="Check that the inference is running, that it writes to this topic, and its dead letters for samples that it "
            "could not decode; or give more time with `timeout`.",
        )
        self.received = received
        self.expected = expected


class InferenceClient:
    """Sends samples to an inference and gives back its predictions, in the samples' order.

    Args:
        input_topic, output_topic: those of the inference.
        input_format, input_config: how the inference reads samples, as shown with it. Without a configuration, RAW and JSON samples
            go out in the type and shape in which they are given.

    Not for use by several threads at a time.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        input_topic: str,
        output_topic: str,
        *,
        input_format: InputFormat | str = InputFormat.RAW,
        input_config: Mapping[str, Any] | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        self._servers = bootstrap_servers
        self._input, self._output = input_topic, output_topic
        self._format = InputFormat(input_format)
        self._config = dict(input_config or {})
        if self._format is InputFormat.TELEGRAF_STR_JSON:
            raise InvalidError("Telegraf sends Telegraf's documents; this client writes RAW, AVRO and JSON.")
        if self._format is InputFormat.AVRO and "data_scheme" not in self._config:
            raise InvalidError(
                "AVRO needs data_scheme in input_config.", advice="The inference shows its configuration."
            )
        self._avro = AvroVectors(self._config["data_scheme"]) if self._format is InputFormat.AVRO else None
        self._connection = connection
        self._samples = Agreement("Sample", self._config.get("data_type"), self._config.get("data_reshape"))
        self._codec: Codec | None = None
        self._name = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._producer: Producer | None = None
        self._consumer: Consumer | None = None
        self._failure: str | None = None

    def open(self) -> None:
        """Connect, and begin to watch the output topic.

        Raises:
            UnavailableError: the broker can't be reached or refuses.
        """
        if self._consumer is not None:
            return
        partitions_of(self._input, self._servers, self._connection)
        outputs = partitions_of(self._output, self._servers, self._connection)
        consumer = Consumer(
            properties(
                self._servers,
                self._connection,
                {
                    "group.id": f"kafka-ml-client-{self._name}",
                    "enable.auto.commit": False,
                    "isolation.level": "read_committed",
                    "fetch.wait.max.ms": 50,
                    # A full queue would stop fetching for a second by default.
                    "fetch.queue.backoff.ms": 5,
                },
            )
        )
        try:
            ends = [
                TopicPartition(
                    self._output,
                    number,
                    consumer.get_watermark_offsets(TopicPartition(self._output, number), timeout=CONTACT_SECONDS)[1],
                )
                for number in outputs
            ]
            consumer.assign(ends)
        except KafkaException as error:
            consumer.close()
            raise UnavailableError(f"Topic {self._output} can't be read: {error.args[0].str()}.") from error
        self._consumer = consumer
        self._producer = Producer(
            properties(self._servers, self._connection, {"linger.ms": 2, "enable.idempotence": True})
        )

    def close(self) -> None:
        """Let go of the connections."""
        if self._producer is not None:
            self._producer.purge()
            flushed(self._producer, 1)
            self._producer = None
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def predict(self, x: Any, *, timeout: float = 30.0) -> Array:
        """The predictions for samples `x` (along the first axis), shape (n, *output_shape), float; NaN where the model gave none.

        Args:
            timeout: seconds until the last prediction must be there.

        Raises:
            PredictionTimeoutError: they did not all come.
            CodecError: a sample does not fit the format.
            UnavailableError: the broker can't be reached, or did not take a sample.
        """
        predictions = list(self.stream(x, timeout=timeout, window=None))
        try:
            return np.array(predictions, np.float64)
        except ValueError as error:
            raise CodecError("The predictions differ in shape from each other.") from error

    def stream(self, x: Any, *, timeout: float = 30.0, window: int | None = 1000) -> Iterator[Array]:
        """The predictions one by one in the samples' order, while samples are still being sent.

        Args:
            x: samples, also an endless iterable (then with a window that its pace fills).
            timeout: seconds that may pass without any prediction; with `window=None`, seconds for all.
            window: samples that may be on their way at once; None for all.

        Raises: as `predict`.
        """
        self.open()
        waiting: dict[int, Array | None] = {}
        sent = received = 0
        deadline = time.monotonic() + timeout
        for values in self._pieces(x, window):
            while window is not None and waiting and len(waiting) + len(values) > window:
                came, deadline = self._receive(waiting, timeout, deadline, renew=True)
                received += came
                self._in_time(received, sent, deadline, timeout)
                yield from _in_order(waiting)
            if window is not None and not waiting:
                deadline = (
                    time.monotonic() + timeout
                )  # the source may have been slow; nobody owed us anything meanwhile
            for value in values:
                number = next(self._numbers)
                waiting[number] = None
                self._send(number, value)
            sent += len(values)
        while waiting:
            came, deadline = self._receive(waiting, timeout, deadline, renew=window is not None)
            received += came
            self._in_time(received, sent, deadline, timeout)
            yield from _in_order(waiting)

    def _pieces(self, x: Any, window: int | None) -> Iterator[list[bytes]]:
        index = 0
        for piece, _ in chunks(x, None) if window is None else _windows(x, max(1, window // 2)):
            yield self._encode(piece, index)
            index += len(piece)

    def _encode(self, piece: Any, index: int) -> list[bytes]:
        if self._avro is not None:
            return encode_records(self._avro, records(piece), "Sample", index)
        samples = self._samples.check(piece, index)
        if self._codec is None:
            known = {"data_type": self._samples.type_name, "data_reshape": self._samples.reshape}
            self._codec = codec_for(self._format, {**self._config, **known})
        return self._codec.encode(samples)

    def _send(self, number: int, value: bytes) -> None:
        if self._producer is None:
            raise InvalidError("The client is closed.")
        headers: list[tuple[str, str | bytes | None]] = [(CORRELATION_HEADER, f"{self._name}:{number}".encode())]
        while True:
            try:
                self._producer.produce(self._input, value=value, headers=headers, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(_STEP_SECONDS)
        self._producer.poll(0)

    def _delivered(self, error: Any, message: Message) -> None:
        if error is not None and self._failure is None:
            self._failure = error.str()

    def _receive(
        self, waiting: dict[int, Array | None], timeout: float, deadline: float, *, renew: bool
    ) -> tuple[int, float]:
        """Read what is there, and fill in the predictions that we wait for; how many came, and the deadline from now on."""
        if self._consumer is None or self._producer is None:
            raise InvalidError("The client is closed.")
        self._producer.poll(0)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise UnavailableError(f"A sample was not delivered to {self._input}: {failure}.")
        came = 0
        for message in self._consumer.consume(_READ_AT_ONCE, timeout=_STEP_SECONDS):
            error = message.error()
            if error is not None:
                raise UnavailableError(f"Topic {self._output} can't be read: {error.str()}.")
            number = self._number_of(message)
            if number in waiting and waiting[number] is None:
                waiting[number] = _values(message.value(), self._output)
                came += 1
        return came, time.monotonic() + timeout if came and renew else deadline

    def _number_of(self, message: Message) -> int | None:
        for name, value in message.headers() or ():
            if name == CORRELATION_HEADER and isinstance(value, bytes):
                client, _, number = value.decode(errors="replace").partition(":")
                return int(number) if client == self._name and number.isdecimal() else None
        return None

    def _in_time(self, received: int, expected: int, deadline: float, timeout: float) -> None:
        if received < expected and time.monotonic() > deadline:
            raise PredictionTimeoutError(received, expected, self._output, timeout)


def _windows(x: Any, size: int) -> Iterator[tuple[list[Any], None]]:
    samples = iter(x.to_numpy() if hasattr(x, "to_numpy") else x)
    while piece := list(itertools.islice(samples, size)):
        yield piece, None


def _values(value: Any, topic: str) -> Array:
    try:
        found = orjson.loads(value)["values"]
        return np.array(found, np.float64)
    except (ValueError, TypeError, KeyError) as error:
        raise CodecError(f'A message in {topic} is no prediction: it should be {{"values": [...]}}.') from error


def _in_order(waiting: dict[int, Array | None]) -> Iterator[Array]:
    """Take out the predictions that are next, up to the first that is still missing."""
    while waiting:
        number = next(iter(waiting))
        prediction = waiting[number]
        if prediction is None:
            return
        del waiting[number]
        yield prediction
