"""REST endpoints of deployments."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from kafka_ml_api.deployments import service
from kafka_ml_api.deployments.schemas import DeploymentQuery, DeploymentView
from kafka_ml_api.idempotency import Writes
from kafka_ml_api.pagination import Page
from kafka_ml_api.parameters import Db, Id
from kafka_ml_api.problems import WRITE_STATUSES, documented
from kafka_ml_common.requests import DeploymentCreate

router = APIRouter(prefix="/deployments", tags=["deployments"])


@router.post(
    "",
    status_code=201,
    response_model=DeploymentView,
    summary="Deploy a configuration for training",
    responses=documented(*WRITE_STATUSES, 409),
)
async def create_deployment(request: DeploymentCreate, write: Writes) -> Response:
    """Have every model of a configuration, in its current version, trained on the next stream that is sent for this deployment.

    All models have to be valid. A stream that was sent before, for the id that the deployment gets, counts too.
    """
    return await write.create(lambda session: service.create(session, request), "deployments")


@router.get("", summary="List deployments", responses=documented())
async def list_deployments(query: Annotated[DeploymentQuery, Query()], db: Db) -> Page[DeploymentView]:
    """List deployments, the newest first."""
    async with db.transaction() as session:
        return await service.list_page(session, query)


@router.get("/{id}", summary="Get a deployment", responses=documented(404))
async def get_deployment(id: Id, db: Db) -> DeploymentView:  # noqa: A002 - the name in the path
    """Get a deployment, with its results in short."""
    async with db.transaction() as session:
        return await service.get(session, id)


@router.post(
    "/{id}/stop",
    status_code=202,
    response_model=DeploymentView,
    summary="Stop a deployment",
    responses=documented(*WRITE_STATUSES, 404, 409),
)
async def stop_deployment(id: Id, write: Writes) -> Response:  # noqa: A002 - the name in the path
    """Stop what awaits its stream at once, and what trains at the end of a batch. What was learnt until then is kept."""
    return await write.accept(lambda session: service.stop(session, id), f"deployments/{id}")


@router.delete("/{id}", status_code=204, summary="Delete a deployment", responses=documented(*WRITE_STATUSES, 404, 409))
async def delete_deployment(id: Id, db: Db) -> None:  # noqa: A002 - the name in the path
    """Delete a deployment that has ended, with its results and their models. Refused while an inference uses one."""
    async with db.transaction() as session:
        await service.delete(session, id)
