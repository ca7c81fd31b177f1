"""Commands: the same use cases as REST, asked for by messages and answered by events."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from sqlalchemy import func, select, text

from kafka_ml_api.catching_up import Projection
from kafka_ml_api.commands import Commands, carry_out
from kafka_ml_api.db import Base, Database
from kafka_ml_api.inferences.topics import TopicMaker
from kafka_ml_api.projector import Projector
from kafka_ml_api.tables import Configuration, ConfigurationModel, Model, ModelVersion, OutboxMessage
from kafka_ml_common import topics
from kafka_ml_common.bus import Publisher, to_record
from kafka_ml_common.cloudevents import Envelope, Message, Record, decode, encode, headers_of
from kafka_ml_common.errors import ConflictError, InvalidError, KafkaMLError, NotFoundError, UnavailableError
from kafka_ml_common.messages import EVENT_TYPES, CommandCompleted, CommandRejected, Event, ModelSummary, ModelValidated
from kafka_ml_common.requests import (
    COMMANDS,
    Command,
    CreateConfiguration,
    CreateDeployment,
    CreateModel,
    DeleteModel,
    UpdateModel,
)
from kafka_ml_common.settings import KafkaSettings

NO_KAFKA = KafkaSettings(bootstrap_servers="127.0.0.1:1")


class Desk:
    """Hands commands in, and reads the answers in the outbox."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.commands = Commands(database, NO_KAFKA, Publisher(NO_KAFKA, "test"), TopicMaker(NO_KAFKA))

    async def ask(self, command: Command, command_id: str = "1", source: str = "client") -> None:
        envelope: Envelope[Message] = Envelope(command, source, id=command_id)
        await self.commands.handle(Envelope(command, source, id=command_id), encode(envelope))

    async def answers(self) -> list[Envelope[Event]]:
        async with self.database.transaction() as session:
            rows = await session.scalars(
                select(OutboxMessage).where(OutboxMessage.topic == topics.EVENTS).order_by(OutboxMessage.id)
            )
            sent = [
                Record(row.topic, row.key, row.value, tuple((name, text.encode()) for name, text in row.headers))
                for row in rows
            ]
        events = [decode(record, EVENT_TYPES) for record in sent]
        return [event for event in events if isinstance(event.data, CommandCompleted | CommandRejected)]

    async def count(self, table: type[Base]) -> int:
        async with self.database.transaction() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_a_command_has_its_effect_and_is_answered_with_the_resource(desk: Desk) -> None:
    await desk.ask(CreateModel(name="digits", code="model = None"), "abc")
    (answer,) = await desk.answers()
    assert isinstance(answer.data, CommandCompleted)
    assert answer.correlation_id == "abc"
    assert answer.data.document is not None
    assert answer.data.document["name"] == "digits"
    assert answer.data.resource == f"models/{answer.data.document['id']}"
    assert await desk.count(Model) == 1


async def test_a_repeated_command_has_effect_once_and_the_same_answer_again(desk: Desk) -> None:
    command = CreateModel(name="digits", code="model = None")
    await desk.ask(command)
    await desk.ask(command)
    first, second = await desk.answers()
    assert (first.id, first.data, first.correlation_id) == (second.id, second.data, second.correlation_id)
    assert await desk.count(Model) == 1
    await desk.ask(CreateModel(name="others", code="model = None"), source="another client")
    assert await desk.count(Model) == 2


async def test_a_refused_command_leaves_nothing_but_its_answer(desk: Desk) -> None:
    await desk.ask(CreateConfiguration(name="digits", model_ids=[7]))
    (answer,) = await desk.answers()
    assert isinstance(answer.data, CommandRejected)
    assert (answer.data.problem["status"], answer.data.command) == (422, "kafka-ml.configuration.create")
    assert await desk.count(Configuration) == 0
    await desk.ask(CreateModel(name="later", code="model = None"), "2")
    await desk.ask(CreateConfiguration(name="digits", model_ids=[7]))
    assert (await desk.answers())[-1].id == answer.id


async def test_updates_and_deletions_work_on_what_their_id_names(desk: Desk) -> None:
    await desk.ask(CreateModel(name="digits", code="model = None"), "1")
    created = (await desk.answers())[0].data
    assert isinstance(created, CommandCompleted)
    model_id = int(created.resource.rpartition("/")[2])
    await desk.ask(UpdateModel(id=model_id, description="small"), "2")
    await desk.ask(DeleteModel(id=model_id), "3")
    await desk.ask(DeleteModel(id=model_id), "4")
    _, updated, deleted, missing = (answer.data for answer in await desk.answers())
    assert isinstance(updated, CommandCompleted)
    assert updated.document is not None
    assert updated.document["description"] == "small"
    assert isinstance(deleted, CommandCompleted)
    assert (deleted.resource, deleted.document) == (f"models/{model_id}", None)
    assert isinstance(missing, CommandRejected)
    assert missing.problem["type"].endswith("not-found")


async def test_the_id_of_another_command_is_refused(desk: Desk) -> None:
    await desk.ask(CreateModel(name="digits", code="model = None"))
    with pytest.raises(ConflictError):
        await desk.ask(CreateModel(name="other", code="model = None"))
    with pytest.raises(InvalidError):
        await desk.ask(CreateModel(name="other", code="model = None"), "x" * 300)
    assert await desk.count(Model) == 1


@pytest.mark.parametrize("kind", COMMANDS)
async def test_every_command_has_its_use_case(database: Database, kind: type[Command]) -> None:
    given: dict[str, Any] = {
        "id": 7,
        "name": "x",
        "code": "x",
        "model_ids": [7],
        "configuration_id": 7,
        "deployment_id": 7,
        "result_id": 7,
        "input_topic": "in",
        "output_topic": "out",
        "replicas": 1,
    }
    command = kind.model_validate({name: given[name] for name in kind.model_fields if name in given})
    refused: KafkaMLError | None = None
    try:
        async with database.transaction() as session:
            done = await carry_out(session, command, TopicMaker(NO_KAFKA))
            assert done.resource.startswith("models/")
    except KafkaMLError as error:
        refused = error
    assert kind is CreateModel or isinstance(refused, NotFoundError | InvalidError)
    assert refused is None or "can't be carried out" not in str(refused)


async def test_a_command_that_can_not_be_carried_out_is_refused_after_some_tries(
    database: Database, database_url: str
) -> None:
    desk = Desk(database)
    await desk.ask(CreateModel(name="digits", code="model = None"), "1")
    async with database.connection() as connection:
        name = await connection.scalar(text("SELECT current_database()"))
        await connection.execute(text(f'ALTER DATABASE "{name}" SET lock_timeout = 20'))
        await connection.commit()
    hasty = Database(database_url)
    others = Desk(hasty)
    others.commands = Commands(hasty, NO_KAFKA, Publisher(NO_KAFKA, "test"), TopicMaker(NO_KAFKA), tries=3)
    async with database.transaction() as session:
        await session.scalars(select(Model).with_for_update())
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await others.ask(DeleteModel(id=1), "2")
        await others.ask(DeleteModel(id=1), "2")
        await others.ask(CreateModel(name="others", code="model = None"), "3")
    await hasty.close()
    _, given_up, next_one = (answer.data for answer in await desk.answers())
    assert isinstance(given_up, CommandRejected)
    assert given_up.problem["status"] == 503
    assert isinstance(next_one, CommandCompleted)


async def test_a_command_is_refused_only_after_the_projector_has_caught_up(
    database: Database, kafka: str, topic: str, running: Any
) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka)
    projection = Projection(settings, topic=topic, group=topic)
    async with database.transaction() as session:
        session.add(Model(name="digits"))
        await session.flush()
        session.add(ModelVersion(model_id=1, version=1, code="model = None"))
        configuration = Configuration(name="digits")
        session.add(configuration)
        await session.flush()
        session.add(ConfigurationModel(configuration_id=configuration.id, model_id=1, position=0))
    summary = ModelSummary(layers=(), parameters=5, trainable_parameters=5, input_shape=(8, 8), output_shape=(10,))
    async with Publisher(settings, "test") as publisher:
        await publisher.send(
            replace(encode(Envelope(ModelValidated(model_id=1, version=1, summary=summary), "test")), topic=topic)
        )
        desk = Desk(database)
        desk.commands = Commands(database, settings, publisher, TopicMaker(settings), projection=projection)
        asked = asyncio.create_task(desk.ask(CreateDeployment(configuration_id=1)))
        async with running(Projector(database, settings, publisher, topic=topic, group=topic).run()):
            await asyncio.wait_for(asked, 60)
            await asyncio.wait_for(desk.ask(CreateDeployment(configuration_id=9), "2"), 60)
    deployed, refused = (answer.data for answer in await desk.answers())
    assert isinstance(deployed, CommandCompleted)
    assert isinstance(refused, CommandRejected)


async def first(settings: KafkaSettings, topic: str, header: str, value: str) -> Record:
    """The first record of a topic that has a header with this value, there already or still to come."""
    consumer = AIOKafkaConsumer(topic, **settings.aiokafka(), group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            async for found in consumer:
                if headers_of(record := to_record(found)).get(header) == value:
                    return record
    finally:
        await consumer.stop()
    raise AssertionError("the consumer ended")


async def test_what_is_no_command_is_answered_and_put_on_the_dead_letter_topic(
    database: Database, kafka: str, topic: str, running: Any
) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka)
    await topics.bootstrap(settings)
    bad = (("ce_type", b"kafka-ml.model.create"), ("ce_id", topic.encode()), ("ce_source", b"test"))
    good: Envelope[Message] = Envelope(CreateModel(name="digits", code="x"), "test", id="good")
    async with Publisher(settings, "test") as publisher:
        commands = Commands(database, settings, publisher, TopicMaker(settings), topic=topic, group=topic)
        await publisher.send(Record(topic, b"k", b'{"name": "x", "colour": "red"}', bad))
        await publisher.send(replace(encode(good), topic=topic))
        async with running(commands.run()):
            answer = await first(settings, topics.EVENTS, "ce_correlationid", topic)
            problem = json.loads(answer.value or b"")["problem"]
            assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/code")
            dead = await first(settings, topics.DEAD_LETTERS, "kafka-ml-input", f"{topic}:0:0")
            assert headers_of(dead)["kafka-ml-reason"] == "invalid"
