"""REST endpoints of configurations."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from kafka_ml_api.configurations import service
from kafka_ml_api.configurations.schemas import ConfigurationQuery, ConfigurationView
from kafka_ml_api.idempotency import Writes
from kafka_ml_api.pagination import Page
from kafka_ml_api.parameters import Db, Id, IfMatch
from kafka_ml_api.preconditions import etag, revision_of
from kafka_ml_api.problems import WRITE_STATUSES, documented
from kafka_ml_common.requests import ConfigurationCreate, ConfigurationUpdate

router = APIRouter(prefix="/configurations", tags=["configurations"])


@router.post(
    "",
    status_code=201,
    response_model=ConfigurationView,
    summary="Create a configuration",
    responses=documented(*WRITE_STATUSES, 409),
)
async def create_configuration(request: ConfigurationCreate, write: Writes) -> Response:
    """Keep a new set of models that learn from the same stream."""
    return await write.create(lambda session: service.create(session, request), "configurations")


@router.get("", summary="List configurations", responses=documented())
async def list_configurations(query: Annotated[ConfigurationQuery, Query()], db: Db) -> Page[ConfigurationView]:
    """List configurations, the newest first."""
    async with db.transaction() as session:
        return await service.list_page(session, query)


@router.get("/{id}", summary="Get a configuration", responses=documented(404))
async def get_configuration(id: Id, db: Db, response: Response) -> ConfigurationView:  # noqa: A002 - the name in the path
    """Get a configuration."""
    async with db.transaction() as session:
        view = await service.get(session, id)
    response.headers["ETag"] = etag(view.revision)
    return view


@router.patch("/{id}", summary="Change a configuration", responses=documented(*WRITE_STATUSES, 404, 409, 412))
async def update_configuration(
    id: Id,  # noqa: A002 - the name in the path
    request: ConfigurationUpdate,
    db: Db,
    response: Response,
    if_match: IfMatch = None,
) -> ConfigurationView:
    """Change what is given. Deployments that exist keep the models they were made with."""
    async with db.transaction() as session:
        view = await service.update(session, id, request, revision_of(if_match))
    response.headers["ETag"] = etag(view.revision)
    return view


@router.delete(
    "/{id}", status_code=204, summary="Delete a configuration", responses=documented(*WRITE_STATUSES, 404, 409)
)
async def delete_configuration(id: Id, db: Db) -> None:  # noqa: A002 - the name in the path
    """Delete a configuration without deployments. Its models stay."""
    async with db.transaction() as session:
        await service.delete(session, id)
