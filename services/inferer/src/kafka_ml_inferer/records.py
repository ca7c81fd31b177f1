"""Records: what goes out for what came in: key, headers with the lineage, partition, dead letters. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from confluent_kafka import Message

from kafka_ml_common.dead_letters import DeadLetter, Headers, dead_letter
from kafka_ml_common.workloads import InferenceSpec

INFERENCE_HEADER = "kafka-ml-inference"
MODEL_HEADER = "kafka-ml-model-version"
INPUT_HEADER = "kafka-ml-input"
_RECORD_BYTES = 128
"""Of a record and its batch, besides key, value and headers."""

_HEADER_BYTES = 10

LINEAGE_BYTES = 1024
"""More than a record has besides value and key when its only headers are the lineage; a topic's name has 249 characters at most."""

LINEAGE = frozenset({INFERENCE_HEADER, MODEL_HEADER, INPUT_HEADER})


@dataclass(frozen=True, slots=True)
class Lineage:
    """The headers that say where a prediction comes from.

    `kafka-ml-inference` is the inference's id, `kafka-ml-model-version` is `<result>:<version of the model's code>`,
    `kafka-ml-input` is `topic:partition:offset` of the input message.
    """

    source: str
    topic: bytes
    fixed: Headers = field(default_factory=list)

    @classmethod
    def of(cls, spec: InferenceSpec, replica: int) -> Lineage:
        fixed: Headers = [
            (INFERENCE_HEADER, b"%d" % spec.inference_id),
            (MODEL_HEADER, b"%d:%d" % (spec.result_id, spec.model.version)),
        ]
        return cls(f"/inferences/{spec.inference_id}/{replica}", spec.input_topic.encode(), fixed)

    def prediction_headers(self, message: Message) -> Headers:
        """The input's headers, and the lineage; what the input has of an earlier inference's lineage is replaced.

        Raises:
            UnreadableHeadersError: the name of a header is no UTF-8.
        """
        inference, model = self.fixed
        lineage = [inference, model, (INPUT_HEADER, b"%b:%d:%d" % (self.topic, message.partition(), message.offset()))]
        headers = headers_of(message)
        if not headers:
            return lineage
        return [header for header in headers if header[0] not in LINEAGE] + lineage

    def dead_letter(self, message: Message, code: str, reason: str) -> DeadLetter:
        """The dead letter for a message; without its headers if they can't be read."""
        try:
            headers = headers_of(message)
        except UnreadableHeadersError:
            headers = []
        kept = [header for header in headers if header[0] not in LINEAGE]
        position = f"{self.topic.decode()}:{message.partition()}:{message.offset()}"
        letter = dead_letter(
            message.key(), message.value(), kept, source=self.source, position=position, code=code, message=reason
        )
        return letter._replace(headers=[*letter.headers, *self.fixed])


class UnreadableHeadersError(Exception):
    """The name of a header is no UTF-8, as Kafka wants it."""


def headers_of(message: Message) -> Headers:
    """A message's headers.

    Raises:
        UnreadableHeadersError: the name of one is no UTF-8; from then on the message has none, as the client keeps what it
            has read so far in a state that must not be touched.
    """
    try:
        return message.headers() or []
    except (UnicodeDecodeError, SystemError) as error:  # the client sets the first, and Python finds that it went on
        message.set_headers([])
        raise UnreadableHeadersError from error


def output_partition(input_partition: int, output_partitions: int) -> int:
    """Where a partition's predictions go: each input partition to one output partition, so order is kept.

    With equal counts that is the same number, so input and output stay co-partitioned whatever partitioner the producers
    use. Hashing keys instead would send unlabelled messages (null or 0x00) all to one partition.
    """
    return input_partition % output_partitions


def size_of(value: bytes, key: bytes | None, headers: Headers) -> int:
    """Bytes that a record takes at most, sent alone."""
    named = sum(len(name.encode()) + len(text or b"") + _HEADER_BYTES for name, text in headers)
    return len(value) + len(key or b"") + named + _RECORD_BYTES
