"""Commands: what REST offers, asked for by messages in `kafka-ml.commands` and answered by events.

The effect, the answer in the outbox, and the note that the command was carried out are one transaction. A command that comes again (the same
`ce_source` and `ce_id`, within a day) has no further effect, and gets the same answer again: the same event, with the same id.

Whoever acts on events may ask for something before the projector has applied the very event that makes it possible. So a command is refused
only after the projector has caught up with what had happened when the command came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Counter
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox, problems
from kafka_ml_api.catching_up import Projection
from kafka_ml_api.configurations import service as configurations
from kafka_ml_api.configurations.schemas import ConfigurationView
from kafka_ml_api.datasources import service as datasources
from kafka_ml_api.db import Database, now, storable_text
from kafka_ml_api.deployments import service as deployments
from kafka_ml_api.deployments.schemas import DeploymentView
from kafka_ml_api.inferences import service as inferences
from kafka_ml_api.inferences.schemas import InferenceView
from kafka_ml_api.inferences.topics import TopicMaker
from kafka_ml_api.models import service as models
from kafka_ml_api.models.schemas import ModelView
from kafka_ml_api.results import service as results
from kafka_ml_api.tables import IdempotentResponse
from kafka_ml_common import requests, topics
from kafka_ml_common.bus import Publisher, Subscription
from kafka_ml_common.cloudevents import Envelope, Message, Record, encode, headers_of
from kafka_ml_common.errors import ConflictError, InvalidError, KafkaMLError, UnavailableError
from kafka_ml_common.messages import CommandCompleted, CommandRejected
from kafka_ml_common.requests import COMMAND_TYPES, Command
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.telemetry import current_traceparent

log = structlog.get_logger(__name__)

GROUP = "kafka-ml-api-commands"
"""Not the projector's: a group with two topics would give the partitions out anew whenever one of the two consumers starts."""

ANSWERED = Counter("kafka_ml_commands_answered", "Commands that were answered", ["type", "outcome"])

_LONGEST_NAME = 200


class Commands:
    """Carries out commands.

    Args:
        topic, group, projection: other ones than the platform's are for tests.
        tries: after so many a command that needs something unavailable is refused, so that it does not keep back those behind it.
    """

    def __init__(
        self,
        database: Database,
        settings: KafkaSettings,
        publisher: Publisher,
        maker: TopicMaker,
        *,
        topic: str = topics.COMMANDS,
        group: str = GROUP,
        projection: Projection | None = None,
        tries: int = 8,
    ) -> None:
        self._projection = projection or Projection(settings)
        self._tries = tries
        self._failed: tuple[tuple[str, str], int] | None = None
        """The command that is being tried again, and how often it has failed."""
        self._database = database
        self._publisher = publisher
        self._maker = maker
        self._subscription = Subscription(
            settings,
            publisher,
            topic=topic,
            group=group,
            types=COMMAND_TYPES,
            handler=self.handle,
            refused=self.refuse,
        )

    @property
    def healthy(self) -> bool:
        """Whether Kafka and the database answered when they were last asked."""
        return self._subscription.healthy

    async def run(self) -> None:
        """Carry out commands until cancelled."""
        await self._subscription.run()

    async def handle(self, command: Envelope[Command], record: Record) -> None:
        """Carry out a command and leave its answer in the outbox.

        Raises:
            UnavailableError: a part that is needed can't be reached; nothing has happened.
            InvalidError: the command can't be told from others.
            ConflictError: its id was that of another command.
        """
        for name, value in (("ce_id", command.id), ("ce_source", command.source)):
            if len(value) > _LONGEST_NAME:
                raise InvalidError(f"The command's {name} is longer than {_LONGEST_NAME} characters.")
        try:
            outcome = await self._judged(command, record)
        except UnavailableError as error:
            if self._count_failure(command) < self._tries:
                raise
            outcome = await self._once(command, record, _Giving(error))
        self._failed = None
        ANSWERED.labels(command.data.type, outcome).inc()

    async def refuse(self, record: Record, error: KafkaMLError) -> None:
        """Answer a message that is no command, or one that can't be told from others. The bus has put it on the dead-letter topic."""
        headers = headers_of(record)
        kind = headers.get("ce_type", "")[:_LONGEST_NAME]
        ANSWERED.labels(kind if kind in COMMAND_TYPES else "unknown", "refused").inc()
        if "ce_id" in headers:
            rejected = CommandRejected(command=kind, problem=problems.document(error))
            await self._publisher.publish(rejected, correlation_id=headers["ce_id"][:_LONGEST_NAME])

    async def _judged(self, command: Envelope[Command], record: Record) -> str:
        try:
            return await self._once(command, record, self._carry_out_or_doubt)
        except _DoubtError as doubt:
            log.debug("would be refused, unless the projector is late", command=command.data.type, reason=str(doubt))
        await self._projection.catch_up()
        return await self._once(command, record, self._carry_out)

    def _count_failure(self, command: Envelope[Command]) -> int:
        name = command.source, command.id
        before = self._failed[1] if self._failed is not None and self._failed[0] == name else 0
        self._failed = name, before + 1
        return before + 1

    async def _once(self, command: Envelope[Command], record: Record, answerer: _Answerer) -> str:
        row = {
            "key": storable_text(command.id),
            "path": f"commands:{storable_text(command.source)}",
            "request_hash": hashlib.sha256(command.data.type.encode() + (record.value or b"")).hexdigest(),
            "created_at": now(),
        }
        async with self._database.transaction() as session:
            # Waits here while another process carries out the same command.
            claimed = await session.scalar(
                insert(IdempotentResponse).values(row).on_conflict_do_nothing().returning(IdempotentResponse.key)
            )
            stored = await session.get_one(IdempotentResponse, (row["key"], row["path"]))
            if claimed is None:
                if stored.request_hash != row["request_hash"]:
                    raise ConflictError(
                        "Another command had that ce_source and ce_id.", advice="Give each command an id of its own."
                    )
                outbox.enqueue_record(session, _restored(stored))
                return "repeated"
            answer = await answerer(session, command.data)
            envelope: Envelope[Message] = Envelope(
                data=answer, source=outbox.SOURCE, correlation_id=command.id, traceparent=current_traceparent()
            )
            event = encode(envelope)
            _keep(stored, event)
            outbox.enqueue_record(session, event)
            return "completed" if isinstance(answer, CommandCompleted) else "rejected"

    async def _carry_out_or_doubt(self, session: AsyncSession, command: Command) -> CommandCompleted | CommandRejected:
        answer = await self._carry_out(session, command)
        if isinstance(answer, CommandRejected):
            raise _DoubtError(answer.problem.get("detail"))
        return answer

    async def _carry_out(self, session: AsyncSession, command: Command) -> CommandCompleted | CommandRejected:
        try:
            async with session.begin_nested():  # what a refused command has begun is undone, its answer is kept
                done = await carry_out(session, command, self._maker)
        except UnavailableError:
            raise
        except KafkaMLError as error:
            return _rejected(command, error)
        document = done.view.model_dump(mode="json", by_alias=True) if done.view is not None else None
        return CommandCompleted(command=command.type, resource=done.resource, document=document)


_Answerer = Callable[[AsyncSession, Command], Awaitable[CommandCompleted | CommandRejected]]


class _DoubtError(Exception):
    """A command would be refused; undoes the transaction, so that it is judged again later."""


@dataclass(frozen=True, slots=True)
class _Giving:
    """Answers a command that was tried often enough."""

    error: KafkaMLError

    async def __call__(self, session: AsyncSession, command: Command) -> CommandRejected:
        return _rejected(command, self.error)


def _rejected(command: Command, error: KafkaMLError) -> CommandRejected:
    log.info("command rejected", command=command.type, reason=str(error))
    return CommandRejected(command=command.type, problem=problems.document(error))


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did: the resource that it was about, and how that is shown now; None if it is gone."""

    resource: str
    view: BaseModel | None = None


async def carry_out(session: AsyncSession, command: Command, maker: TopicMaker) -> Done:
    """Call the use case that the REST endpoint of the same request calls.

    Raises:
        KafkaMLError: as the use case does.
    """
    match command:
        case requests.CreateModel():
            return _new("models", await models.create(session, command))
        case requests.UpdateModel(id=id_):
            return Done(f"models/{id_}", await models.update(session, id_, command))
        case requests.ValidateModel(id=id_):
            return Done(f"models/{id_}", await models.validate(session, id_))
        case requests.DeleteModel(id=id_):
            await models.delete(session, id_)
            return Done(f"models/{id_}")
        case requests.CreateConfiguration():
            return _new("configurations", await configurations.create(session, command))
        case requests.UpdateConfiguration(id=id_):
            return Done(f"configurations/{id_}", await configurations.update(session, id_, command))
        case requests.DeleteConfiguration(id=id_):
            await configurations.delete(session, id_)
            return Done(f"configurations/{id_}")
        case requests.CreateDeployment():
            return _new("deployments", await deployments.create(session, command))
        case requests.StopDeployment(id=id_):
            return Done(f"deployments/{id_}", await deployments.stop(session, id_))
        case requests.DeleteDeployment(id=id_):
            await deployments.delete(session, id_)
            return Done(f"deployments/{id_}")
        case requests.DeleteResult(id=id_):
            await results.delete(session, id_)
            return Done(f"results/{id_}")
        case requests.ReuseDatasource(id=id_):
            return Done(f"datasources/{id_}", await datasources.reuse(session, id_, command))
        case requests.CreateInference():
            return _new("inferences", await inferences.create(session, command, maker))
        case requests.ScaleInference(id=id_):
            return Done(f"inferences/{id_}", await inferences.scale(session, id_, command))
        case requests.SwapInferenceModel(id=id_):
            return Done(f"inferences/{id_}", await inferences.swap_model(session, id_, command))
        case requests.StopInference(id=id_):
            return Done(f"inferences/{id_}", await inferences.stop(session, id_))
        case requests.DeleteInference(id=id_):
            await inferences.delete(session, id_)
            return Done(f"inferences/{id_}")
    raise InvalidError(f"Commands of type {command.type} can't be carried out by this version.")


def _new(collection: str, view: ModelView | ConfigurationView | DeploymentView | InferenceView) -> Done:
    return Done(f"{collection}/{view.id}", view)


def _keep(stored: IdempotentResponse, event: Record) -> None:
    """Note the answer, as it is sent."""
    stored.status = 200
    stored.body = event.value
    stored.headers = {
        "key": (event.key or b"").decode(),
        "headers": [[name, value.decode()] for name, value in event.headers],
    }


def _restored(stored: IdempotentResponse) -> Record:
    kept = stored.headers or {}
    headers = tuple((name, value.encode()) for name, value in kept["headers"])
    return Record(topics.EVENTS, kept["key"].encode(), stored.body, headers)
