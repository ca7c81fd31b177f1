"""Endpoints: why a model, deployment, result or inference runs, or doesn't."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api.deployments import service as deployments
from kafka_ml_api.diagnosis import sentences
from kafka_ml_api.diagnosis.sentences import Diagnosis, Platform, Topic, Trouble
from kafka_ml_api.health import Health
from kafka_ml_api.inferences import service as inferences
from kafka_ml_api.inferences.schemas import InferenceView
from kafka_ml_api.logs import RunLogs
from kafka_ml_api.models import service as models
from kafka_ml_api.parameters import Db, Id
from kafka_ml_api.problems import documented
from kafka_ml_api.reading import TopicReader
from kafka_ml_api.results import service as results
from kafka_ml_api.states import InferenceState
from kafka_ml_api.tables import Model, Result
from kafka_ml_common import topics
from kafka_ml_common.errors import NotFoundError, UnavailableError
from kafka_ml_common.messages import Failure

router = APIRouter(tags=["diagnosis"])

_LENGTHS = tuple(timedelta(minutes=number) for number in (1, 5, 15, 60, 360, 1440, 10_080))
_NOTHING = timedelta()
_NEEDED = ("kafka", "object store", "outbox", "consumers")


@router.get("/models/{id}/diagnosis", summary="Why a model is valid, or not", responses=documented(404))
async def diagnose_model(id: Id, db: Db, request: Request) -> Diagnosis:  # noqa: A002 - the name in the path
    """Tell in a sentence how a model is, and why."""
    async with db.transaction() as session:
        view = await models.get(session, id)
    return sentences.of_model(view, await _platform(request))


@router.get("/deployments/{id}/diagnosis", summary="Why a deployment runs, or doesn't", responses=documented(404))
async def diagnose_deployment(id: Id, db: Db, request: Request) -> Diagnosis:  # noqa: A002 - the name in the path
    """Tell in a sentence how a deployment is, and why."""
    async with db.transaction() as session:
        view = await deployments.get(session, id)
        troubles = await _troubles(session, id)
    return sentences.of_deployment(view, await _platform(request), troubles)


@router.get("/results/{id}/diagnosis", summary="Why a training runs, or doesn't", responses=documented(404))
async def diagnose_result(id: Id, db: Db, request: Request) -> Diagnosis:  # noqa: A002 - the name in the path
    """Tell in a sentence how a training is, and why."""
    async with db.transaction() as session:
        view = await results.get(session, id)
    return sentences.of_result(view, await _platform(request))


@router.get("/inferences/{id}/diagnosis", summary="Why an inference predicts, or doesn't", responses=documented(404))
async def diagnose_inference(id: Id, db: Db, request: Request) -> Diagnosis:  # noqa: A002 - the name in the path
    """Tell in a sentence how an inference is, and why; Kafka is asked about its input topic."""
    async with db.transaction() as session:
        view = await inferences.get(session, id)
    return sentences.of_inference(view, await _platform(request), await _topic(request, view))


async def _platform(request: Request) -> Platform:
    health: Health = request.app.state.health
    logs: RunLogs = request.app.state.run_logs
    checks = (await health.readiness()).checks
    problems = tuple(f"{name}: {checks[name]}" for name in _NEEDED if checks.get(name, "ok") != "ok")
    scheduler = await logs.check()
    return Platform(problems, None if scheduler == "ok" else scheduler, topics.CONTROL)


async def _troubles(session: AsyncSession, deployment_id: int) -> list[Trouble]:
    statement = (
        select(Model.name, Result.state, Result.failure)
        .join(Model, Model.id == Result.model_id)
        .where(Result.deployment_id == deployment_id, Result.failure.is_not(None))
        .order_by(Result.id)
    )
    return [
        Trouble(name, state, Failure.model_validate(failure))
        for name, state, failure in await session.execute(statement)
    ]


async def _topic(request: Request, inference: InferenceView) -> Topic:
    reader: TopicReader = request.app.state.reader
    name = inference.input_topic
    quiet = None
    try:
        kept = await reader.retained(name)
        messages = sum(part.end - part.start for part in kept)
        # Since when nothing has come tells something only where nothing is predicted.
        if messages and inference.rate == 0 and inference.state is InferenceState.RUNNING:
            now = datetime.now(UTC)
            since = await reader.at_time(name, [now - length for length in _LENGTHS])
            ends = {part.partition: part.end for part in kept}
            none_since = [all(found.get(number, end) >= end for number, end in ends.items()) for found in since]
            quiet = max((length for length, none in zip(_LENGTHS, none_since, strict=True) if none), default=_NOTHING)
    except UnavailableError:
        return Topic(None)
    except NotFoundError:
        return Topic(False)
    return Topic(True, len(kept), messages, quiet)
