"""Send data streams to Kafka-ML, and ask its inferences for predictions."""

from kafka_ml_common.errors import InvalidError, KafkaMLError, UnavailableError
from kafka_ml_common.streams import ControlMessage, InputFormat, StreamRange
from kafka_ml_sinks.aio import AsyncAvroSink, AsyncInferenceClient, AsyncJsonSink, AsyncRawSink
from kafka_ml_sinks.arrays import JsonSink, RawSink
from kafka_ml_sinks.avro import AvroSink
from kafka_ml_sinks.inference import InferenceClient, PredictionTimeoutError
from kafka_ml_sinks.sink import Sink

__all__ = [
    "AsyncAvroSink",
    "AsyncInferenceClient",
    "AsyncJsonSink",
    "AsyncRawSink",
    "AvroSink",
    "ControlMessage",
    "InferenceClient",
    "InputFormat",
    "InvalidError",
    "JsonSink",
    "KafkaMLError",
    "PredictionTimeoutError",
    "RawSink",
    "Sink",
    "StreamRange",
    "UnavailableError",
]
