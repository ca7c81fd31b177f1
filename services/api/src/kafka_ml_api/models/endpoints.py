"""REST endpoints of models."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from starlette.responses import PlainTextResponse

from kafka_ml_api.idempotency import Writes
from kafka_ml_api.logs import PLAIN, Logs, Which
from kafka_ml_api.models import service
from kafka_ml_api.models.schemas import ModelItem, ModelQuery, ModelView, VersionItem, VersionView
from kafka_ml_api.pagination import Page, PageQuery, RowId
from kafka_ml_api.parameters import Db, Id, IfMatch
from kafka_ml_api.preconditions import etag, revision_of
from kafka_ml_api.problems import WRITE_STATUSES, documented
from kafka_ml_api.states import VERSION
from kafka_ml_common.requests import ModelCreate, ModelUpdate

router = APIRouter(prefix="/models", tags=["models"])


@router.post(
    "", status_code=201, response_model=ModelView, summary="Create a model", responses=documented(*WRITE_STATUSES, 409)
)
async def create_model(request: ModelCreate, write: Writes) -> Response:
    """Keep a new model; its code is validated in the background, and `state` tells the outcome within seconds."""
    return await write.create(lambda session: service.create(session, request), "models")


@router.get("", summary="List models", responses=documented())
async def list_models(query: Annotated[ModelQuery, Query()], db: Db) -> Page[ModelItem]:
    """List models, the newest first."""
    async with db.transaction() as session:
        return await service.list_page(session, query)


@router.get("/{id}", summary="Get a model", responses=documented(404))
async def get_model(id: Id, db: Db, response: Response) -> ModelView:  # noqa: A002 - the name in the path
    """Get a model with its current version's code, and what its validation said."""
    async with db.transaction() as session:
        view = await service.get(session, id)
    response.headers["ETag"] = etag(view.revision)
    return view


@router.patch("/{id}", summary="Change a model", responses=documented(*WRITE_STATUSES, 404, 409, 412))
async def update_model(
    id: Id,  # noqa: A002 - the name in the path
    request: ModelUpdate,
    db: Db,
    response: Response,
    if_match: IfMatch = None,
) -> ModelView:
    """Change what is given. New code becomes a new version, which is validated; results keep the version they were trained with."""
    async with db.transaction() as session:
        view = await service.update(session, id, request, revision_of(if_match))
    response.headers["ETag"] = etag(view.revision)
    return view


@router.delete("/{id}", status_code=204, summary="Delete a model", responses=documented(*WRITE_STATUSES, 404, 409))
async def delete_model(id: Id, db: Db) -> None:  # noqa: A002 - the name in the path
    """Delete a model that no configuration and no result needs."""
    async with db.transaction() as session:
        await service.delete(session, id)


@router.post(
    "/{id}/validate",
    status_code=202,
    response_model=ModelView,
    summary="Validate a model again",
    responses=documented(*WRITE_STATUSES, 404, 409),
)
async def validate_model(id: Id, write: Writes) -> Response:  # noqa: A002 - the name in the path
    """Have the current version validated again."""
    return await write.accept(lambda session: service.validate(session, id), f"models/{id}")


@router.get(
    "/{id}/log",
    response_class=PlainTextResponse,
    summary="Get the log of a model's validation",
    responses=documented(404) | PLAIN,
)
async def get_model_log(id: Id, query: Which, db: Db, logs: Logs) -> Response:  # noqa: A002 - the name in the path
    """Get what the last validation of a model's current version has printed. Kept for a while after its end."""
    async with db.transaction() as session:
        version = (await service.get(session, id)).version

    async def ended() -> bool:
        async with db.transaction() as session:
            return VERSION.is_final((await service.get_version(session, id, version)).state)

    of = f"the validation of version {version} of model {id}"
    return await logs.read(f"validation-{id}-{version}", query, of, ended)


@router.get("/{id}/versions", summary="List a model's versions", responses=documented(404))
async def list_model_versions(id: Id, query: Annotated[PageQuery, Query()], db: Db) -> Page[VersionItem]:  # noqa: A002
    """List the versions of a model's code, the newest first."""
    async with db.transaction() as session:
        return await service.list_versions(session, id, query)


@router.get("/{id}/versions/{version}", summary="Get a version of a model", responses=documented(404))
async def get_model_version(
    id: Id,  # noqa: A002 - the name in the path
    version: Annotated[RowId, Path(description="number of the version, from 1", examples=[1])],
    db: Db,
) -> VersionView:
    """Get a version of a model's code, and what its validation said."""
    async with db.transaction() as session:
        return await service.get_version(session, id, version)
