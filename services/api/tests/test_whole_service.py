"""The whole service: what REST and commands do goes through outbox, Kafka and projector, and comes out of the live stream."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text

from kafka_ml_api.events.schemas import StoredEventView, Wanted
from kafka_ml_api.live import Hub
from kafka_ml_common.bus import Publisher
from kafka_ml_common.cloudevents import Envelope, encode
from kafka_ml_common.messages import ModelSummary, ModelValidated
from kafka_ml_common.requests import Command, CreateModel
from kafka_ml_common.settings import KafkaSettings

DEADLINE = 60


@pytest.fixture(autouse=True)
async def own_ids(app: FastAPI) -> None:
    """Ids that no other test has: all tests share Kafka, so events about the ids of another one may come along."""
    async with app.state.database.transaction() as session:
        await session.execute(
            text(f"ALTER SEQUENCE models_id_seq RESTART WITH {random.randint(10_000, 2_000_000_000)}")
        )


@pytest.fixture
async def publisher(kafka: str) -> AsyncIterator[Publisher]:
    async with Publisher(KafkaSettings(bootstrap_servers=kafka), "test") as publisher:
        yield publisher


async def first(hub: Hub, wanted: Wanted, correlation_id: str | None = None) -> StoredEventView:
    async with asyncio.timeout(DEADLINE), aclosing(hub.stream(wanted, 0)) as events:
        async for event in events:
            if correlation_id in (None, event.correlation_id):
                return event
    raise AssertionError("the stream ended")


async def test_a_model_is_announced_and_judged(app: FastAPI, api: AsyncClient, publisher: Publisher) -> None:
    model = (await api.post("/models", json={"name": "digits", "code": "model = None"})).json()
    subject = f"models/{model['id']}"
    created = await first(app.state.hub, Wanted(["kafka-ml.resource.changed"], [subject]))
    assert created.data["change"] == "created"
    summary = ModelSummary(layers=(), parameters=5, trainable_parameters=5, input_shape=(8, 8), output_shape=(10,))
    await publisher.publish(ModelValidated(model_id=model["id"], version=1, summary=summary))
    await first(app.state.hub, Wanted([ModelValidated.type], [subject]))
    found = (await api.get(f"/models/{model['id']}")).json()
    assert (found["state"], found["summary"]["parameters"]) == ("valid", 5)
    listed = (await api.get("/events/history", params={"subject": subject})).json()["items"]
    assert ModelValidated.type in {event["type"] for event in listed}


async def test_a_command_is_answered_where_everybody_can_see_it(app: FastAPI, publisher: Publisher) -> None:
    command: Command = CreateModel(name="by command", code="model = None")
    envelope = Envelope(command, "test")
    for _ in range(2):
        await publisher.send(encode(envelope))  # type: ignore[arg-type]
    answer = await first(app.state.hub, Wanted(["kafka-ml.command.*"]), envelope.id)
    assert answer.type == "kafka-ml.command.completed"
    assert answer.data["document"]["name"] == "by command"
