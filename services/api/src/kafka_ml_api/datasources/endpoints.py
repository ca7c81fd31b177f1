"""REST endpoints of data sources."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from kafka_ml_api.datasources import service
from kafka_ml_api.datasources.schemas import DatasourceQuery, DatasourceView, Reuse
from kafka_ml_api.idempotency import Writes
from kafka_ml_api.pagination import Page
from kafka_ml_api.parameters import Db, Id
from kafka_ml_api.previews import PreviewQuery, SamplesPreview, samples_of
from kafka_ml_api.problems import WRITE_STATUSES, documented
from kafka_ml_api.reading import TopicReader
from kafka_ml_common.requests import DatasourceReuse

router = APIRouter(prefix="/datasources", tags=["datasources"])


@router.get("", summary="List data sources", responses=documented())
async def list_datasources(query: Annotated[DatasourceQuery, Query()], db: Db) -> Page[DatasourceView]:
    """List the data streams that were announced, the newest first."""
    async with db.transaction() as session:
        return await service.list_page(session, query)


@router.get("/{id}", summary="Get a data source", responses=documented(404))
async def get_datasource(id: Id, db: Db) -> DatasourceView:  # noqa: A002 - the name in the path
    """Get a data source."""
    async with db.transaction() as session:
        return await service.get(session, id)


@router.post(
    "/{id}/reuse",
    status_code=202,
    response_model=Reuse,
    summary="Use a data source for another deployment",
    responses=documented(*WRITE_STATUSES, 404, 409),
)
async def reuse_datasource(id: Id, request: DatasourceReuse, write: Writes) -> Response:  # noqa: A002
    """Announce the stream again, for a deployment that awaits one. It is refused there when the log no longer has it."""
    location = f"deployments/{request.deployment_id}"
    return await write.accept(lambda session: service.reuse(session, id, request), location)


@router.get("/{id}/preview", summary="Look into a data source", responses=documented(404))
async def preview_datasource(
    id: Id,  # noqa: A002
    query: Annotated[PreviewQuery, Query()],
    db: Db,
    request: Request,
) -> SamplesPreview:
    """Show the first samples of a data stream that are still in the log, decoded, with their labels."""
    reader: TopicReader = request.app.state.reader
    async with db.transaction() as session:
        stream = (await service.get(session, id)).stream
    if stream.live_topic is not None:
        records, deleted = await reader.last(stream.live_topic, query.limit), 0
    else:
        records, deleted = await reader.first((*stream.ranges, *stream.unsupervised_ranges), query.limit)
    samples = await asyncio.to_thread(samples_of, records, stream.input_format, stream.input_config)
    return SamplesPreview(input_format=stream.input_format, samples=samples, deleted=deleted)
