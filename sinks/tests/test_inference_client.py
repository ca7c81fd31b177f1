"""The inference client, against a stand-in for an inferer that works as the real one does: transactions, headers copied."""

import asyncio
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kafka_ml_common.codecs import codec_for, encode_predictions
from kafka_ml_sinks import (
    AsyncInferenceClient,
    AsyncRawSink,
    InferenceClient,
    InvalidError,
    PredictionTimeoutError,
    UnavailableError,
)

RAW = {"data_type": "float32", "data_reshape": "2"}
AVRO = {"data_scheme": '{"type":"record","name":"R","fields":[{"name":"a","type":"float"},{"name":"b","type":"long"}]}'}


@contextmanager
def inferer(kafka, source, target, codec, *, ignore=lambda row: False, abort_first=False):
    """Answers [sum, maximum] of each sample, in transactions; the predictions of the first may be aborted and sent again."""
    stop = threading.Event()

    def run():
        consumer = Consumer({"bootstrap.servers": kafka, "group.id": "inferer", "enable.auto.commit": False})
        consumer.assign([TopicPartition(source, 0, 0)])
        producer = Producer({"bootstrap.servers": kafka, "transactional.id": target, "transaction.timeout.ms": 10_000})
        producer.init_transactions()
        aborted = not abort_first
        while not stop.is_set():
            messages = consumer.consume(1000, timeout=0.1)
            if not messages:
                continue
            rows = codec.decode([message.value() for message in messages]).array
            answers = encode_predictions(np.stack([rows.sum(1), rows.max(1)], axis=1))
            for final in (False, True) if not aborted else (True,):
                producer.begin_transaction()
                for message, row, answer in zip(messages, rows, answers, strict=True):
                    if not ignore(row):
                        wrong = b'{"values": [0, 0]}'
                        producer.produce(target, answer if final else wrong, message.key(), headers=message.headers())
                if final:
                    producer.commit_transaction()
                else:
                    producer.flush()
                    producer.abort_transaction()
            aborted = True
        consumer.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_predictions_come_back_in_the_samples_order(kafka, topics):
    source, target = topics(), topics(partitions=3)
    x = np.random.default_rng(3).random((5_000, 2), np.float32)
    with (
        inferer(kafka, source, target, codec_for("RAW", RAW), abort_first=True),
        InferenceClient(kafka, source, target, input_format="RAW", input_config=RAW) as client,
    ):
        first = client.predict(x)
        again = client.predict(x[:3])
    assert first.shape == (5_000, 2)
    assert np.allclose(first, np.stack([x.sum(1), x.max(1)], axis=1))
    assert np.allclose(again, first[:3])


def test_two_clients_of_one_inference_get_their_own_predictions(kafka, topics):
    source, target = topics(), topics()
    with (
        inferer(kafka, source, target, codec_for("RAW", RAW)),
        InferenceClient(kafka, source, target, input_config=RAW) as one,
        InferenceClient(kafka, source, target, input_config=RAW) as other,
    ):
        assert one.predict([[1, 2]]).tolist() == [[3, 2]]
        assert other.predict([[5, 6]]).tolist() == [[11, 6]]
        assert one.predict([[7, 8]]).tolist() == [[15, 8]]


def test_a_stream_of_predictions_needs_no_more_samples_than_its_window(kafka, topics):
    source, target = topics(), topics()
    taken = []

    def endless():
        number = 0
        while True:
            taken.append(number)
            yield [number, 0]
            number += 1

    with (
        inferer(kafka, source, target, codec_for("RAW", RAW)),
        InferenceClient(kafka, source, target, input_config=RAW) as client,
    ):
        for number, prediction in enumerate(client.stream(endless(), window=10)):
            assert prediction.tolist() == [number, number]
            assert len(taken) <= number + 1 + 15
            if number == 99:
                break
        assert client.predict([[3, 4]]).tolist() == [[7, 4]]


def test_predictions_that_do_not_come_are_counted(kafka, topics):
    source, target = topics(), topics()
    with (
        inferer(kafka, source, target, codec_for("RAW", RAW), ignore=lambda row: row[0] == 7),
        InferenceClient(kafka, source, target, input_config=RAW) as client,
        pytest.raises(PredictionTimeoutError, match="9 of 10 predictions came") as caught,
    ):
        client.predict(np.arange(10, dtype=np.float32)[:, None].repeat(2, 1), timeout=3)
    assert (caught.value.received, caught.value.expected) == (9, 10)


def test_a_slow_source_does_not_use_up_the_time_for_answers(kafka, topics):
    source, target = topics(), topics()
    answered = threading.Event()

    def slowly():
        yield np.array([1, 2], np.float32)
        answered.wait(1.5)  # longer than the answers may take; nothing is on its way meanwhile
        yield np.array([3, 4], np.float32)

    with (
        inferer(kafka, source, target, codec_for("RAW", RAW)),
        InferenceClient(kafka, source, target, input_format="RAW", input_config=RAW) as client,
    ):
        client.predict(np.zeros((1, 2), np.float32))  # whatever takes long the first time is done
        rows = list(client.stream(slowly(), timeout=1, window=2))
    assert [row.tolist() for row in rows] == [[3, 2], [7, 4]]


async def test_who_stops_waiting_does_not_let_the_next_call_take_its_answers(kafka, topics):
    source, target = topics(), topics()
    x = np.random.default_rng(3).random((200, 2), np.float32)
    with inferer(kafka, source, target, codec_for("RAW", RAW), ignore=lambda row: row[0] > 1):
        async with AsyncInferenceClient(kafka, source, target, input_format="RAW", input_config=RAW) as client:
            await client.predict(x[:1])
            never = np.full((1, 2), 2, np.float32)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.predict(never, timeout=2)
            rows = await client.predict(x)
    assert np.allclose(rows[:, 0], x.sum(1))


def test_avro_records_and_rows_are_asked_alike(kafka, topics):
    source, target = topics(), topics()
    with (
        inferer(kafka, source, target, codec_for("AVRO", AVRO)),
        InferenceClient(kafka, source, target, input_format="AVRO", input_config=AVRO) as client,
    ):
        assert client.predict([{"a": 1.5, "b": 2}, {"a": 2.5, "b": 3}]).tolist() == [[3.5, 2], [5.5, 3]]
        assert client.predict([[1.5, 2]]).tolist() == [[3.5, 2]]


async def test_the_async_twins_do_the_same(kafka, topics):
    source, target, control = topics(), topics(), topics()
    x = np.arange(20, dtype=np.float32).reshape(10, 2)
    async with AsyncInferenceClient(kafka, source, target, input_config=RAW) as client:
        with inferer(kafka, source, target, codec_for("RAW", RAW)):
            assert (await client.predict(x)).tolist() == [[a + b, b] for a, b in x]
            streamed = [prediction.tolist() async for prediction in client.stream(x, window=4)]
    assert streamed == [[a + b, b] for a, b in x]

    async with AsyncRawSink(kafka, topic=topics(), deployment_id=1, control_topic=control) as sink:
        await sink.send_many(x, x[:, 0])
        await sink.send(x[0], x[0, 0])
    assert sink.sent == sink.control.total_msg == 11


async def test_an_exception_in_an_async_block_announces_nothing(kafka, topics):
    sink = AsyncRawSink(kafka, topic=topics(), deployment_id=1, control_topic=topics())

    async def send_and_fail():
        async with sink:
            await sink.send([1.0])
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        await send_and_fail()
    assert sink.sent == 1
    assert sink.control is None


def test_wrong_use_is_refused():
    with pytest.raises(InvalidError, match="data_scheme"):
        InferenceClient("127.0.0.1:1", "a", "b", input_format="AVRO")
    with pytest.raises(InvalidError, match="Telegraf"):
        InferenceClient("127.0.0.1:1", "a", "b", input_format="TELEGRAF_STR_JSON")


def test_a_broker_that_is_not_there_is_said_so(monkeypatch):
    monkeypatch.setattr("kafka_ml_sinks.connection.CONTACT_SECONDS", 1.0)
    with pytest.raises(UnavailableError, match="can't be used"):
        InferenceClient("127.0.0.1:1", "a", "b").predict([[1.0]])
