"""What can be done with deployments. REST and commands come here; each function runs in the caller's transaction."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.configurations import service as configurations
from kafka_ml_api.db import now
from kafka_ml_api.deployments.schemas import DeploymentQuery, DeploymentResult, DeploymentView
from kafka_ml_api.errors import InUseError
from kafka_ml_api.pagination import AnyRow, Columns, Page, contains, read_page
from kafka_ml_api.results.service import discard, inferences_of
from kafka_ml_api.states import DEPLOYMENT, RESULT, ResultState, VersionState, deployment_state
from kafka_ml_api.tables import Configuration, Deployment, Model, ModelVersion, Result
from kafka_ml_common import topics
from kafka_ml_common.errors import ConflictError, InvalidError, NotFoundError
from kafka_ml_common.requests import DeploymentCreate
from kafka_ml_common.workloads import DeploymentRequest, ModelCode, Target


async def create(session: AsyncSession, request: DeploymentCreate) -> DeploymentView:
    """Have a configuration's models, in their current versions, await a stream.

    Raises:
        InvalidError: the configuration does not exist.
        ConflictError: a model is not valid, or not yet.
    """
    try:
        model_ids = await configurations.models_in(session, request.configuration_id)
    except NotFoundError as error:
        raise InvalidError(error.message, pointer="/configuration_id") from error
    codes = await _valid_codes(session, model_ids)
    settings = request.settings()
    deployment = Deployment(
        configuration_id=request.configuration_id,
        description=request.description,
        settings=settings.model_dump(mode="json"),
    )
    session.add(deployment)
    await session.flush()
    results = [
        Result(deployment_id=deployment.id, model_id=code.model_id, model_version=code.version) for code in codes
    ]
    session.add_all(results)
    await session.flush()
    targets = tuple(Target(result_id=result.id, model=code) for result, code in zip(results, codes, strict=True))
    outbox.enqueue(session, DeploymentRequest(deployment_id=deployment.id, targets=targets, settings=settings))
    outbox.tell(session, "deployments", deployment.id, "created", deployment.state)
    await session.flush()
    return await get(session, deployment.id)


async def get(session: AsyncSession, deployment_id: int) -> DeploymentView:
    """One deployment.

    Raises:
        NotFoundError: there is none.
    """
    statement = _with_configuration().where(Deployment.id == deployment_id)
    row = (await session.execute(statement)).first()
    if row is None:
        raise NotFoundError(f"There is no deployment {deployment_id}.")
    results = await _results_of(session, [deployment_id])
    return _view(row[0], row[1], results[deployment_id])


async def list_page(session: AsyncSession, query: DeploymentQuery) -> Page[DeploymentView]:
    """A page of the deployments."""
    statement = _with_configuration()
    if query.state:
        statement = statement.where(Deployment.state == query.state)
    if query.text:
        statement = statement.where(contains(Configuration.name, query.text))
    if query.configuration_id is not None:
        statement = statement.where(Deployment.configuration_id == query.configuration_id)
    if query.datasource_id is not None:
        statement = statement.where(Deployment.datasource_id == query.datasource_id)
    page = await read_page(session, statement, query, Columns(Deployment.id), _pair)
    results = await _results_of(session, [deployment.id for deployment, _ in page.items])
    items = [_view(deployment, name, results[deployment.id]) for deployment, name in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


async def stop(session: AsyncSession, deployment_id: int) -> DeploymentView:
    """Stop what awaits, and have what runs stop at the end of a batch; what a stopped training has learnt is kept.

    Raises:
        NotFoundError: there is no such deployment.
        ConflictError: it has ended.
    """
    deployment, results = await _locked(session, deployment_id)
    if DEPLOYMENT.is_final(deployment.state):
        raise ConflictError(f"Deployment {deployment_id} is {deployment.state} already.")
    outbox.withdraw(session, topics.DEPLOYMENTS, str(deployment_id))
    for result in results:
        if RESULT.is_final(result.state):
            continue
        # Also for one that awaits its stream: control may have matched it a moment ago.
        outbox.withdraw(session, topics.WORKLOADS, f"training-{result.id}")
        awaiting = result.state is ResultState.AWAITING
        result.state = RESULT.advance(result.state, ResultState.STOPPED if awaiting else ResultState.STOPPING)
        result.ended_at = now() if awaiting else None
        outbox.tell(session, "results", result.id, "updated", result.state)
    deployment.state = deployment_state(deployment.state, [result.state for result in results])
    if DEPLOYMENT.is_final(deployment.state):
        deployment.ended_at = now()
    outbox.tell(session, "deployments", deployment_id, "updated", deployment.state)
    await session.flush()
    return await get(session, deployment_id)


async def delete(session: AsyncSession, deployment_id: int) -> None:
    """Delete a deployment that has ended, with its results and their stored models.

    Raises:
        NotFoundError: there is no such deployment.
        ConflictError: it has not ended.
        InUseError: an inference uses one of its results.
    """
    deployment, results = await _locked(session, deployment_id)
    if not DEPLOYMENT.is_final(deployment.state):
        raise ConflictError(
            f"Deployment {deployment_id} is {deployment.state}.", advice="Stop it, and wait until it has ended."
        )
    users = await inferences_of(session, [result.id for result in results])
    if users:
        raise InUseError(f"Deployment {deployment_id}", users, advice="Delete the inferences first.")
    for result in results:
        await discard(session, result)
    await session.flush()
    outbox.withdraw(session, topics.DEPLOYMENTS, str(deployment_id))
    await session.delete(deployment)
    outbox.tell(session, "deployments", deployment_id, "deleted")
    await session.flush()


async def _valid_codes(session: AsyncSession, model_ids: Sequence[int]) -> list[ModelCode]:
    # Two statements: one that joins them, and has waited for whoever changes a model, sees its new number with the old versions.
    locked = select(Model).where(Model.id.in_(model_ids)).order_by(Model.id).with_for_update(key_share=True, read=True)
    models = {model.id: model for model in await session.scalars(locked)}
    current = tuple_(ModelVersion.model_id, ModelVersion.version).in_(
        [(model.id, model.current_version) for model in models.values()]
    )
    # Judged as it is now, also while the projector is about to judge it.
    versions = {version.model_id: version for version in await session.scalars(select(ModelVersion).where(current))}
    codes = []
    for model_id in model_ids:
        model, version = models[model_id], versions[model_id]
        if version.state is VersionState.VALIDATING:
            raise ConflictError(
                f"Model {model_id} ({model.name}) is still being validated.",
                advice=f"Wait until GET /api/v1/models/{model_id} says valid; it takes a few seconds.",
            )
        if version.state is VersionState.INVALID:
            raise ConflictError(
                f"Model {model_id} ({model.name}) is invalid.",
                advice=f"GET /api/v1/models/{model_id} says why. Correct its code, or take it out of the configuration.",
            )
        codes.append(ModelCode(model_id=model_id, version=version.version, name=model.name, code=version.code))
    return codes


async def _locked(session: AsyncSession, deployment_id: int) -> tuple[Deployment, list[Result]]:
    """The rows of a deployment and its results, locked in that order, as the projector does."""
    deployment = await session.get(Deployment, deployment_id, with_for_update=True)
    if deployment is None:
        raise NotFoundError(f"There is no deployment {deployment_id}.")
    results = await session.scalars(
        select(Result).where(Result.deployment_id == deployment_id).order_by(Result.id).with_for_update()
    )
    return deployment, list(results)


def _with_configuration() -> Select[Deployment, str]:
    return select(Deployment, Configuration.name).join(Configuration, Configuration.id == Deployment.configuration_id)


def _pair(row: AnyRow) -> tuple[Deployment, str]:
    return row[0], row[1]


async def _results_of(session: AsyncSession, deployment_ids: Sequence[int]) -> dict[int, list[DeploymentResult]]:
    found: dict[int, list[DeploymentResult]] = defaultdict(list)
    rows = await session.execute(
        select(Result, Model.name)
        .join(Model, Model.id == Result.model_id)
        .where(Result.deployment_id.in_(deployment_ids))
        .order_by(Result.id)
    )
    for result, model_name in rows:
        found[result.deployment_id].append(
            DeploymentResult(
                id=result.id,
                model_id=result.model_id,
                model_name=model_name,
                model_version=result.model_version,
                state=result.state,
                epochs=result.epochs,
                epochs_done=result.epochs_done,
            )
        )
    return found


def _view(deployment: Deployment, configuration_name: str, results: list[DeploymentResult]) -> DeploymentView:
    return DeploymentView.model_validate(
        {
            "id": deployment.id,
            "configuration_id": deployment.configuration_id,
            "configuration_name": configuration_name,
            "description": deployment.description,
            "settings": deployment.settings,
            "state": deployment.state,
            "datasource_id": deployment.datasource_id,
            "failure": deployment.failure,
            "results": results,
            "created_at": deployment.created_at,
            "updated_at": deployment.updated_at,
            "ended_at": deployment.ended_at,
        }
    )
