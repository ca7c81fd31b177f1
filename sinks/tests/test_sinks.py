"""Sinks on a real broker: what is announced is exactly what was sent."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kafka_ml_common.arrays import CodecError
from kafka_ml_common.codecs import codec_for
from kafka_ml_sinks import AvroSink, ControlMessage, InvalidError, JsonSink, RawSink, StreamRange, UnavailableError
from kafka_ml_sinks.delivery import flushed

RNG = np.random.default_rng(7)


@pytest.fixture
def read(kafka):
    """Reads ranges, in order, as (keys, values)."""

    def read(ranges):
        consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reader", "enable.auto.commit": False})
        keys, values = [], []
        try:
            for piece in ranges:
                consumer.assign([TopicPartition(piece.topic, piece.partition, piece.start)])
                left = piece.size
                while left:
                    for message in consumer.consume(left, timeout=10) or pytest.fail("the broker has fewer messages"):
                        assert message.error() is None
                        keys.append(message.key())
                        values.append(message.value())
                        left -= 1
        finally:
            consumer.close()
        return keys, values

    return read


@pytest.fixture
def announced(kafka, topics):
    """A control topic of this test's own, and a function that gives what is in it: (deployment id, control message)."""
    name = topics()

    def announced():
        consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reader", "enable.auto.commit": False})
        try:
            partition = TopicPartition(name, 0, 0)
            _, end = consumer.get_watermark_offsets(partition, timeout=10)
            consumer.assign([partition])
            found = []
            while len(found) < end:
                for message in consumer.consume(end, timeout=10):
                    deployment = ControlMessage.decode_key(message.key(), message.headers())
                    found.append((deployment, ControlMessage.from_bytes(message.value())))
            return found
        finally:
            consumer.close()

    announced.topic = name
    return announced


def send_each(sink, *samples):
    for sample in samples:
        sink.send(*sample)


def decoded(control, read):
    keys, values = read(control.ranges)
    return codec_for(control.input_format, control.input_config).decode_samples(values, keys)


def test_arrays_arrive_as_they_were_sent_and_the_stream_is_announced_once(kafka, topic, announced, read):
    x = RNG.integers(0, 255, (10_000, 8, 8)).astype(np.uint8)
    y = np.arange(10_000) % 10
    steps = []
    with RawSink(
        kafka,
        topic=topic,
        deployment_id=300,
        validation_rate=0.1,
        test_rate=0.2,
        description="digits",
        control_topic=announced.topic,
        progress=lambda sent, total: steps.append((sent, total)),
    ) as sink:
        sink.send_many(x, y)
        sink.send(x[0], y[0])
    sink.close()

    [(deployment, control)] = announced()
    assert deployment == 300
    assert control == sink.control
    assert control.ranges == (StreamRange(topic, 0, 0, 10_001),)
    assert (control.total_msg, control.validation_rate, control.test_rate) == (10_001, 0.1, 0.2)
    assert control.description == "digits"
    assert control.input_config == {
        "data_type": "uint8",
        "data_reshape": "8 8",
        "label_type": "int64",
        "label_reshape": "1",
    }
    samples = decoded(control, read)
    assert np.array_equal(samples.x, np.concatenate([x, x[:1]]))
    assert np.array_equal(samples.y, np.append(y, y[0]))
    assert steps[-1] == (10_000, 10_000)


def test_all_partitions_get_a_fair_share(kafka, topics, announced, read):
    name = topics(partitions=3)
    x = np.arange(10_000, dtype=np.float32)[:, None]
    with RawSink(kafka, topic=name, deployment_id=1, control_topic=announced.topic) as sink:
        sink.send_many(x, x[:, 0])
    assert [piece.size for piece in sink.control.ranges] == [3334, 3333, 3333]
    samples = decoded(sink.control, read)
    assert sorted(samples.x[:, 0]) == list(range(10_000))
    assert np.array_equal(samples.x[:, 0], samples.y)


def test_ranges_leave_out_what_others_write_meanwhile(kafka, topic, announced, read):
    other = Producer({"bootstrap.servers": kafka})
    with RawSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic) as sink:
        for piece in range(5):
            sink.send_many(np.full((10, 2), piece, np.uint8))
            sink.flush()
            other.produce(topic, b"theirs")
            assert other.flush(30) == 0
    assert [(piece.start, piece.end) for piece in sink.control.ranges] == [(i * 11, i * 11 + 10) for i in range(5)]
    assert sink.control.total_msg == 50
    _, values = read(sink.control.ranges)
    assert values == [bytes([piece, piece]) for piece in range(5) for _ in range(10)]


def mine():
    raise RuntimeError("mine")


def test_an_exception_in_the_block_announces_nothing(kafka, topic, announced):
    with (
        pytest.raises(RuntimeError, match="mine"),
        RawSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic) as sink,
    ):
        send_each(sink, ([1.0, 2.0], 1), mine())
    assert announced() == []
    assert sink.control is None
    with pytest.raises(InvalidError, match="closed"):
        sink.send([1.0, 2.0], 1)


def test_nothing_sent_is_nothing_to_announce(kafka, topic, announced):
    with (
        pytest.raises(InvalidError, match="Nothing was sent"),
        RawSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic),
    ):
        pass
    assert announced() == []


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        ([[1, 2], [1, 2], [1, 2, 3]], r"Sample 2 has shape \(3,\), but the first had \(2,\)"),
        ([[1, 2], [1.5, 2]], "Sample 1 has type float64, but the first had int64"),
        ([[1, 2], ["a", "b"]], "Sample 1"),
        ([[1, 2], None], "Sample 1 holds something else"),
        ([[1, 2], [[1], [1, 2]]], "Sample 1 is ragged"),
    ],
)
def test_a_sample_that_disagrees_with_the_first_is_named(kafka, topic, announced, samples, complaint):
    with (
        pytest.raises(CodecError, match=complaint),
        RawSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic) as sink,
    ):
        send_each(sink, *((sample,) for sample in samples))
    if "type" not in complaint and complaint != "Sample 1":
        with pytest.raises(CodecError, match=complaint), RawSink(kafka, topic=topic, deployment_id=1) as sink:
            sink.send_many(samples)
    assert announced() == []


def test_labels_must_be_there_for_all_or_none(kafka, topic, announced):
    with (
        pytest.raises(CodecError, match="Sample 1 has no label"),
        RawSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic) as sink,
    ):
        send_each(sink, ([1], 1), ([1],))
    with (
        pytest.raises(CodecError, match="3 samples, but 2 labels"),
        RawSink(kafka, topic=topic, deployment_id=1) as sink,
    ):
        sink.send_many(np.zeros((3, 1)), np.zeros(2))


def test_iterables_and_series_are_read_in_pieces(kafka, topic, announced, read):
    with RawSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic, data_type="float32") as sink:
        sink.send_many(([i, i + 0.5] for i in range(9_000)), (i % 3 for i in range(9_000)))
        sink.send_many(pd.DataFrame({"a": [1, 2], "b": [3.5, 4]}), pd.Series([0, 1]))
    samples = decoded(sink.control, read)
    assert samples.x.dtype == np.float32
    assert samples.x[:9_000, 0].tolist() == list(range(9_000))
    assert samples.x[9_000:].tolist() == [[1, 3.5], [2, 4]]


def test_the_earlier_librarys_argument_names_are_understood(kafka, topic, announced, read):
    sink = RawSink(
        boostrap_servers=kafka,
        topic=topic,
        deployment_id="12",
        data_type="uint8",
        label_type="uint8",
        data_reshape="2 2",
        label_reshape="1",
        control_topic=announced.topic,
        group_id="sink",
    )
    sink.send(data=np.array([1, 2, 3, 4], np.uint8), label=3)
    sink.close()
    [(deployment, control)] = announced()
    assert deployment == 12
    samples = decoded(control, read)
    assert samples.x.tolist() == [[[1, 2], [3, 4]]]
    assert samples.y.tolist() == [3]


def test_json_streams_can_be_read_by_anybody(kafka, topic, announced, read):
    with JsonSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic) as sink:
        sink.send_many(np.array([[1, 2.5], [3, 4]]), ["cat", "dog"])
    keys, values = read(sink.control.ranges)
    assert [json.loads(value) for value in values] == [[1, 2.5], [3, 4]]
    assert [json.loads(key) for key in keys] == ["cat", "dog"]
    assert decoded(sink.control, read).y.tolist() == ["cat", "dog"]


@dataclasses.dataclass
class Reading:
    temperature: float
    count: int
    on: bool


def test_avro_schemas_are_inferred_from_a_dataclass(kafka, topic, announced, read):
    with AvroSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic) as sink:
        sink.send(Reading(20.5, 3, True), 1)
        sink.send_many([Reading(21.5, 4, False)], np.array([0]))
    samples = decoded(sink.control, read)
    assert samples.x.tolist() == [[20.5, 3, 1], [21.5, 4, 0]]
    assert samples.y.tolist() == [1, 0]
    schema = json.loads(sink.control.input_config["data_scheme"])
    assert [(f["name"], f["type"]) for f in schema["fields"]] == [
        ("temperature", "double"),
        ("count", "long"),
        ("on", "boolean"),
    ]


def test_avro_takes_frames_and_given_schemas(kafka, topic, announced, read, tmp_path):
    scheme = tmp_path / "label.avsc"
    scheme.write_text('{"type": "record", "name": "Label", "fields": [{"name": "alarm", "type": "boolean"}]}')
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": [3, 4]})
    with AvroSink(
        kafka, topic=topic, deployment_id=1, control_topic=announced.topic, label_scheme_filename=scheme
    ) as sink:
        sink.send_many(frame, [True, False])
    samples = decoded(sink.control, read)
    assert samples.x.tolist() == [[1.5, 3], [2.5, 4]]
    assert samples.y.tolist() == [True, False]


@pytest.mark.parametrize("second", [{"a": 1.5}, {"b": 1}, {"a": "x"}, {}, {"a": 2**70}])
def test_an_avro_record_that_does_not_fit_is_named(kafka, topic, announced, second):
    with (
        pytest.raises(CodecError, match="Sample 1 doesn't fit"),
        AvroSink(kafka, topic=topic, deployment_id=1, control_topic=announced.topic) as sink,
    ):
        send_each(sink, ({"a": 1},), (second,))
    assert announced() == []


def test_a_sample_that_the_broker_refuses_is_named(kafka, topics, announced):
    small = topics(configs={"max.message.bytes": "1000"})
    texts = ["short", "".join(map(chr, RNG.integers(65, 90, 5_000)))]
    with (
        pytest.raises(UnavailableError, match=r"Sample \d was not delivered to .*: Broker: Message size too large"),
        RawSink(kafka, topic=small, deployment_id=1, control_topic=announced.topic, config={"linger.ms": 0}) as sink,
    ):
        send_each(sink, *((text,) for text in texts))
    assert announced() == []


def test_a_queue_that_the_user_made_small_loses_and_repeats_nothing(kafka, topics, announced, read):
    name = topics(partitions=2)
    x = np.arange(20_000, dtype=np.int32)[:, None]
    with RawSink(
        kafka, topic=name, deployment_id=1, control_topic=announced.topic, config={"queue.buffering.max.messages": 500}
    ) as sink:
        sink.send_many(x, x[:, 0])
    assert sum(piece.size for piece in sink.control.ranges) == 20_000
    samples = decoded(sink.control, read)
    assert sorted(samples.x[:, 0].tolist()) == list(range(20_000))


def test_a_broker_that_is_not_there_is_said_so_plainly(monkeypatch):
    monkeypatch.setattr("kafka_ml_sinks.connection.CONTACT_SECONDS", 1.0)
    with (
        pytest.raises(UnavailableError, match=r"Kafka at 127\.0\.0\.1:1 can't be used"),
        RawSink("127.0.0.1:1", topic="t", deployment_id=1),
    ):
        pass


def test_wrong_arguments_are_refused_before_anything_is_sent():
    for arguments in (
        {"topic": "a b", "deployment_id": 1},
        {"topic": "a", "deployment_id": "x"},
        {"topic": "a", "deployment_id": 1, "data_type": "complex"},
        {"topic": "a", "deployment_id": 1, "data_reshape": "x"},
        {"topic": "a", "deployment_id": 1, "validation_rate": 0.8, "test_rate": 0.8},
    ):
        with pytest.raises((InvalidError, ValueError)):
            RawSink("127.0.0.1:1", **arguments)


def test_a_topic_that_is_missing_is_created(kafka, topic, announced):
    name = f"{topic}-made"
    with RawSink(kafka, topic=name, deployment_id=1, control_topic=announced.topic) as sink:
        sink.send([1])
    assert sink.control.ranges[0].topic == name


def test_an_interrupt_that_confluent_kafka_loses_is_one_again():
    class Interrupted:
        def flush(self, seconds):
            # What the client raises when an interrupt comes during a delivery report; that can't be timed.
            raise SystemError("<method 'flush' of 'cimpl.Producer' objects> returned NULL without setting an exception")

    with pytest.raises(KeyboardInterrupt):
        flushed(Interrupted(), 1)
