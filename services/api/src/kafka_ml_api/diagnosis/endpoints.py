"""Endpoints: why a model, deployment, result or inference runs, or doesn't."""

from fastapi import APIRouter, Request

from kafka_ml_api.deployments import service as deployments
from kafka_ml_api.diagnosis import sentences
from kafka_ml_api.diagnosis.sentences import Diagnosis, Platform, Topic
from kafka_ml_api.health import Health
from kafka_ml_api.inferences import service as inferences
from kafka_ml_api.logs import RunLogs
from kafka_ml_api.models import service as models
from kafka_ml_api.parameters import Db, Id
from kafka_ml_api.problems import documented
from kafka_ml_api.reading import TopicReader
from kafka_ml_api.results import service as results
from kafka_ml_common import topics
from kafka_ml_common.errors import UnavailableError

router = APIRouter(tags=["diagnosis"])

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
    return sentences.of_deployment(view, await _platform(request))


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
    return sentences.of_inference(view, await _platform(request), await _topic(request, view.input_topic))


async def _platform(request: Request) -> Platform:
    health: Health = request.app.state.health
    logs: RunLogs = request.app.state.run_logs
    checks = (await health.readiness()).checks
    problems = tuple(f"{name}: {checks[name]}" for name in _NEEDED if checks.get(name, "ok") != "ok")
    scheduler = await logs.check()
    return Platform(problems, None if scheduler == "ok" else scheduler, topics.CONTROL)


async def _topic(request: Request, name: str) -> Topic:
    reader: TopicReader = request.app.state.reader
    try:
        found = await reader.sizes([name])
    except UnavailableError:
        return Topic(None)
    return Topic(True, found[0].partitions, found[0].messages) if found else Topic(False)
