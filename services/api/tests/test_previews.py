"""Looks into topics: decoded samples, predictions, and the list of topics."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from fastapi import FastAPI
from httpx import AsyncClient

from kafka_ml_api.db import Database
from kafka_ml_api.previews import plain, samples_of
from kafka_ml_api.tables import (
    Configuration,
    Datasource,
    Deployment,
    Inference,
    Model,
    ModelVersion,
    Result,
)
from kafka_ml_api.topics.endpoints import is_users
from kafka_ml_common import topics as our_topics
from kafka_ml_common.streams import ControlMessage, InputFormat

RAW = {"data_type": "uint8", "label_type": "uint8", "data_reshape": "2 2", "label_reshape": "1"}


def message(value: bytes | None, key: bytes | None = None, offset: int = 0) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord("t", 0, offset, 0, 0, key, value, None, 0, 0, ())


def test_samples_are_decoded_and_bad_ones_explained() -> None:
    good, bad = samples_of([message(b"\x01\x02\x03\x04", b"\x07"), message(b"\x01", b"\x07")], InputFormat.RAW, RAW)
    assert (good.shape, good.values, good.label, good.error) == ([2, 2], [1, 2, 3, 4], 7, None)
    assert bad.values is None
    assert bad.error


def test_unlabelled_messages_have_no_label_and_zero_stays_one() -> None:
    config = RAW | {"label_type": "int64"}
    (unlabelled,) = samples_of([message(b"\x01\x02\x03\x04", b"\x00")], InputFormat.RAW, config)
    assert (unlabelled.label, unlabelled.error) == (None, None)
    (zero,) = samples_of([message(b"\x01\x02\x03\x04", b"\x00")], InputFormat.RAW, RAW)
    assert zero.label == 0


def test_what_is_no_number_is_null_and_long_samples_are_cut() -> None:
    assert plain(np.array([1.5, np.nan, np.inf])) == [1.5, None, None]
    big = {"data_type": "uint8", "data_reshape": "300000"}
    (sample,) = samples_of([message(bytes(300_000))], InputFormat.RAW, big)
    assert sample.truncated
    assert sample.values is not None
    assert len(sample.values) == 262_144


def test_topics_of_kafka_and_the_platform_are_not_the_users() -> None:
    assert not any(map(is_users, [*(topic.name for topic in our_topics.TOPICS), "__consumer_offsets"]))
    assert is_users("digits")


async def datasource(database: Database, ranges: str) -> int:
    stream = ControlMessage(topic=ranges, input_format=InputFormat.RAW, input_config=RAW)
    async with database.transaction() as session:
        row = Datasource(fingerprint=stream.fingerprint(), deployment_id=1, stream=stream.model_dump(mode="json"))
        session.add(row)
        await session.flush()
        return row.id


async def inference(database: Database, output_topic: str) -> int:
    async with database.transaction() as session:
        model, configuration = Model(name="m"), Configuration(name="c")
        session.add_all([model, configuration])
        await session.flush()
        session.add(ModelVersion(model_id=model.id, version=1, code="x"))
        deployment = Deployment(configuration_id=configuration.id, settings={})
        session.add(deployment)
        await session.flush()
        result = Result(deployment_id=deployment.id, model_id=model.id, model_version=1)
        session.add(result)
        await session.flush()
        row = Inference(
            result_id=result.id,
            input_topic="in",
            output_topic=output_topic,
            input_format="RAW",
            input_config=RAW,
            settings={},
            replicas=1,
        )
        session.add(row)
        await session.flush()
        return row.id


async def test_the_first_samples_of_a_stream_and_what_retention_took(
    app: FastAPI, api: AsyncClient, kafka: str, topic: str
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for number in range(6):
        await producer.send_and_wait(topic, bytes([number] * 4), key=bytes([number]))
    await producer.stop()
    source = await datasource(app.state.database, f"{topic}:0:1:5")
    found = (await api.get(f"/datasources/{source}/preview", params={"limit": 3})).json()
    assert [(sample["offset"], sample["label"]) for sample in found["samples"]] == [(1, 1), (2, 2), (3, 3)]
    assert found["samples"][0]["values"] == [1, 1, 1, 1]
    assert found["deleted"] == 0
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.delete_records([TopicPartition(topic, 0, 3)]).values():
        await asyncio.to_thread(future.result, 15)
    found = (await api.get(f"/datasources/{source}/preview", params={"limit": 50})).json()
    assert [sample["offset"] for sample in found["samples"]] == [3, 4]
    assert found["deleted"] == 2
    listed = (await api.get("/topics", params={"name": topic})).json()
    assert listed["items"] == [{"name": topic, "partitions": 1, "messages": 3}]


async def test_a_stream_whose_topic_is_gone(app: FastAPI, api: AsyncClient) -> None:
    source = await datasource(app.state.database, "no-such-topic:0:0:5")
    answer = await api.get(f"/datasources/{source}/preview")
    assert answer.status_code == 404
    assert (await api.get("/topics", params={"name": "no-such-topic"})).json()["items"] == []


@pytest.mark.parametrize("size", [1, 40])
async def test_the_last_committed_predictions_are_shown_with_their_inputs(
    app: FastAPI, api: AsyncClient, kafka: str, topic: str, size: int
) -> None:
    mine = await inference(app.state.database, topic)
    assert (await api.get(f"/inferences/{mine}/predictions")).json()["predictions"] == []

    async def transaction(owner: int, numbers: range, *, commit: bool = True) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{topic}-{owner}")
        await producer.start()
        await producer.begin_transaction()
        for number in numbers:
            headers = [
                ("kafka-ml-inference", str(owner).encode()),
                ("kafka-ml-model-version", b"1"),
                ("kafka-ml-input", f"in:0:{number}".encode()),
            ]
            value = json.dumps({"values": [number, 0.5]}).encode()
            await producer.send(topic, value, key=b"key", headers=headers)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
        await producer.stop()

    await transaction(mine, range(size))
    await transaction(mine + 1, range(500, 700))
    await transaction(mine, range(900, 905), commit=False)
    answer = await api.get(f"/inferences/{mine}/predictions", params={"limit": 5})
    predictions = answer.json()["predictions"]
    expected = list(range(size))[::-1][:5]
    assert [prediction["values"] for prediction in predictions] == [[number, 0.5] for number in expected]
    assert predictions[0]["input"] == f"in:0:{size - 1}"
    assert (predictions[0]["key"], predictions[0]["model_version"]) == ("key", "1")
