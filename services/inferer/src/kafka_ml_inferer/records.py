"""Records: what goes out for what came in: key, headers with the lineage, partition, dead letters. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from confluent_kafka import Message

from kafka_ml_common.dead_letters import dead_letter
from kafka_ml_common.workloads import InferenceSpec

Headers = list[tuple[str, bytes | None]]

INFERENCE_HEADER = "kafka-ml-inference"
MODEL_HEADER = "kafka-ml-model-version"
INPUT_HEADER = "kafka-ml-input"
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
        """The input's headers, and the lineage; what the input has of an earlier inference's lineage is replaced."""
        lineage = [*self.fixed, (INPUT_HEADER, b"%b:%d:%d" % (self.topic, message.partition(), message.offset()))]
        headers = message.headers()
        if not headers:
            return lineage
        return [header for header in headers if header[0] not in LINEAGE] + lineage

    def dead_letter(self, message: Message, code: str, reason: str) -> tuple[bytes | None, Headers]:
        """Value and headers of the dead letter for a message."""
        position = f"{self.topic.decode()}:{message.partition()}:{message.offset()}"
        value, why = dead_letter(message.value(), source=self.source, position=position, code=code, message=reason)
        kept = [header for header in message.headers() or () if header[0] not in LINEAGE]
        return value, [*kept, *self.fixed, *why]


def output_partition(input_partition: int, output_partitions: int) -> int:
    """Where a partition's predictions go: each input partition to one output partition, so order is kept.

    With equal counts that is the same number, so input and output stay co-partitioned whatever partitioner the producers
    use. Hashing keys instead would send unlabelled messages (null or 0x00) all to one partition.
    """
    return input_partition % output_partitions
