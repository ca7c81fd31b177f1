"""Topics are looked into: by place and time, as text, JSON and samples; and what became of their messages."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from fastapi import FastAPI
from httpx import AsyncClient

from kafka_ml_api.projector import Projector
from kafka_ml_api.reading import Retained
from kafka_ml_api.topics.messages import document_of, text_of
from kafka_ml_api.topics.ribbon import Source, model_changes, used_ranges
from kafka_ml_common.bus import Publisher
from kafka_ml_common.cloudevents import Envelope, Record
from kafka_ml_common.messages import InferenceReady
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import ControlMessage, InputFormat

from .test_previews import datasource, inference

RAW = {"data_type": "uint8", "data_reshape": "4", "label_type": "uint8", "label_reshape": ""}


async def send(kafka: str, topic: str, *values: bytes, key: bytes | None = None, at: int | None = None) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for number, value in enumerate(values):
            time = at + number if at is not None else None
            await producer.send_and_wait(topic, value, key=key, timestamp_ms=time, headers=[("n", b"%d" % number)])
    finally:
        await producer.stop()


async def test_messages_are_found_by_place_and_time(api: AsyncClient, kafka: str, topic: str):
    noon = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp() * 1000)
    await send(kafka, topic, *(b'{"n":%d}' % number for number in range(10)), at=noon)

    async def offsets(**query: Any) -> list[int]:
        answer = await api.get(f"/topics/{topic}/messages", params=query)
        assert answer.status_code == 200, answer.text
        return [message["offset"] for message in answer.json()["messages"]]

    assert await offsets(limit=3) == [9, 8, 7]
    assert await offsets(limit=3, partition=0, before=7) == [6, 5, 4]
    assert await offsets(limit=3, partition=0, offset=2) == [2, 3, 4]
    assert await offsets(limit=3, partition=0, offset=9) == [9]
    assert await offsets(partition=0, offset=100) == []
    assert await offsets(limit=2, time="2026-01-01T12:00:00.005Z") == [5, 6]
    assert await offsets(time="2030-01-01T00:00:00Z") == []
    assert await offsets(limit=1, time="0001-01-01T00:00:00Z") == [0]
    detail = (await api.get(f"/topics/{topic}")).json()
    assert detail == {"name": topic, "messages": 10, "partitions": [{"partition": 0, "start": 0, "end": 10}]}


async def test_a_message_is_text_json_bytes_and_a_sample(api: AsyncClient, app: FastAPI, kafka: str, topic: str):
    await send(kafka, topic, b'{"a": 1}', b"\xff\xfe\x00\x01", key=b"\x07")
    source = await datasource(app.state.database, f"{topic}:0:0:2")
    found = (await api.get(f"/topics/{topic}/messages", params={"datasource_id": source})).json()
    raw, text = found["messages"]
    assert (text["document"], text["value"], text["headers"]) == ({"a": 1}, '{"a": 1}', [{"name": "n", "value": "0"}])
    assert text["sample"]["error"] is not None  # eight bytes are no sample of four
    assert (raw["value"], raw["value_base64"], raw["document"]) == (None, "//4AAQ==", None)
    assert (raw["sample"]["values"], raw["sample"]["label"]) == ([255, 254, 0, 1], 7)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("no-such-topic/messages", 404),
        ("kafka-ml.events/messages", 404),
        ("__consumer_offsets", 404),
        ("no-such-topic/ribbon", 404),
        ("a b/messages", 422),
        ("{topic}/messages?offset=1", 422),
        ("{topic}/messages?partition=0&offset=1&before=2", 422),
        ("{topic}/messages?partition=7&offset=1", 404),
        ("{topic}/messages?partition=7", 404),
        ("{topic}/messages?datasource_id=99", 422),
        ("{topic}/messages?time=2026-01-01T12:00:00", 422),  # of which zone?
        ("{topic}/messages?limit=1000", 422),
    ],
)
async def test_what_can_not_be_looked_into(api: AsyncClient, kafka: str, topic: str, path: str, status: int):
    answer = await api.get(f"/topics/{path.format(topic=topic)}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_newest_come_first_also_where_they_are_too_large_to_read_many(
    api: AsyncClient, kafka: str, topic: str
):
    await send(kafka, topic, *[bytes(200_000)] * 100)
    page = (await api.get(f"/topics/{topic}/messages", params={"limit": 60})).json()
    shown = [message["offset"] for message in page["messages"]]
    assert shown == list(range(99, 99 - len(shown), -1))
    assert 20 < len(shown) < 60  # what fits into the memory of one reading
    assert page["partitions"] == [{"partition": 0, "start": 0, "end": 100}]
    before = {"limit": 60, "partition": 0, "before": shown[-1]}
    rest = (await api.get(f"/topics/{topic}/messages", params=before)).json()
    assert rest["messages"][0]["offset"] == shown[-1] - 1


async def test_the_newest_of_all_partitions_come_first_however_unevenly_they_are_filled(
    api: AsyncClient, kafka: str, topics: Callable[..., str]
):
    name = topics(partitions=3)
    noon = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp() * 1000)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for number in range(300):  # the last 280 are all in one partition
            partition = number % 3 if number < 20 else 1
            await producer.send(name, b"x", partition=partition, timestamp_ms=noon + number)
    finally:
        await producer.stop()
    page = (await api.get(f"/topics/{name}/messages", params={"limit": 200})).json()
    times = [datetime.fromisoformat(message["time"]).timestamp() * 1000 - noon for message in page["messages"]]
    assert times == list(range(299, 99, -1))
    assert {message["partition"] for message in page["messages"]} == {1}


def test_bytes_are_text_only_where_all_of_it_can_be_read():
    assert text_of("Größe\n".encode()) == "Größe\n"
    assert text_of(b"\x00abc") is None
    assert text_of(b"\xff") is None
    assert text_of("ö".encode() * 100_000) == "ö" * 20_000
    assert document_of(b"[1, 2") is None
    assert document_of(b"12") is None


def test_a_stream_is_divided_as_its_trainings_divide_it():
    stream = ControlMessage(
        topic="t:0:10:16,t:1:0:4", input_format=InputFormat.RAW, input_config=RAW, validation_rate=0.2, test_rate=0.3
    )
    found = list(used_ranges(Source(3, stream, (1, 2)), "t", [Retained(0, 12, 20), Retained(1, 0, 4)]))
    assert [(piece.part, piece.partition, piece.start, piece.end, piece.deleted) for piece in found] == [
        ("training", 0, 10, 15, 2),
        ("test", 0, 15, 16, 0),
        ("test", 1, 0, 2, 0),
        ("validation", 1, 2, 4, 0),
    ]
    assert found[0].deployment_ids == [1, 2]
    assert list(used_ranges(Source(3, stream, ()), "other", [])) == []


def test_a_model_changes_where_a_generation_begins_with_another():
    def ready(generation: int, result: int, replica: int = 0, **positions: int) -> tuple[datetime, InferenceReady]:
        places = {f"t:{name[1:]}": offset for name, offset in positions.items()}
        event = InferenceReady(
            inference_id=1, generation=generation, replica=replica, result_id=result, positions=places
        )
        return datetime(2026, 1, 1, tzinfo=UTC), event

    found = model_changes(
        [
            ready(1, 7, p0=0, p1=0),
            ready(2, 7, p0=3),  # scaled
            ready(3, 8, p0=10),
            ready(3, 8, 1, p1=20),
            ready(2, 7, p0=10),  # late to tell
            ready(3, 8, p0=15),  # came again after a crash
            ready(4, 7, p0=30),  # back to the first model
        ],
        "t",
    )
    assert [(change.generation, change.result_id, change.positions) for change in found] == [
        (1, 7, {0: 0, 1: 0}),
        (3, 8, {0: 10, 1: 20}),
        (4, 7, {0: 30}),
    ]
    assert model_changes([ready(1, 7, p0=1)], "other")[0].positions == {}


async def test_the_ribbon_tells_what_became_of_a_topic(api: AsyncClient, app: FastAPI, kafka: str, topic: str):
    await send(kafka, topic, *(bytes([number] * 4) for number in range(10)))
    await datasource(app.state.database, f"{topic}:0:0:10")
    number = await inference(app.state.database, "out")
    async with app.state.database.transaction() as session:
        from kafka_ml_api.tables import Inference

        row = await session.get_one(Inference, number)
        row.input_topic, result_id = topic, row.result_id
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=f"kafka-ml-inference-{number}")
    await consumer.start()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    await consumer.commit({partition: 4})
    await consumer.stop()
    projector = Projector(app.state.database, KafkaSettings(), Publisher(KafkaSettings(), "test"))
    for generation, result, positions in ((1, result_id + 1, {}), (2, result_id, {f"{topic}:0": 4})):
        ready = InferenceReady(
            inference_id=number, generation=generation, replica=0, result_id=result, positions=positions
        )
        await projector.project(Envelope(ready, "test"), Record("t", b"", b""))
    async with asyncio.timeout(20):
        found = (await api.get(f"/topics/{topic}/ribbon")).json()
    assert found["partitions"] == [{"partition": 0, "start": 0, "end": 10}]
    assert [(piece["part"], piece["start"], piece["end"]) for piece in found["ranges"]] == [("training", 0, 10)]
    stand = {"inference_id": number, "model_name": "m", "state": "running", "partition": 0, "position": 4, "lag": 6}
    assert found["inferences"] == [stand]
    # The first did not tell where it began; what comes after it is known by the time.
    changes = [(change["model_name"], change["offset"]) for change in found["changes"]]
    assert changes == [("a deleted model", 10), ("m", 4)]
