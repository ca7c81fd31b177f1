"""What can be done with data sources. REST and commands come here; each function runs in the caller's transaction."""

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.datasources.schemas import DatasourceQuery, DatasourceView, Reuse
from kafka_ml_api.pagination import AnyRow, Columns, Page, contains, read_page
from kafka_ml_api.states import DeploymentState
from kafka_ml_api.tables import Datasource, Deployment
from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Record
from kafka_ml_common.errors import ConflictError, InvalidError, NotFoundError
from kafka_ml_common.requests import DatasourceReuse
from kafka_ml_common.streams import ControlMessage


async def get(session: AsyncSession, datasource_id: int) -> DatasourceView:
    """One data source.

    Raises:
        NotFoundError: there is none.
    """
    return _view(await find(session, datasource_id))


async def list_page(session: AsyncSession, query: DatasourceQuery) -> Page[DatasourceView]:
    """A page of the data sources."""
    statement = select(Datasource)
    if query.deployment_id is not None:
        statement = statement.where(Datasource.deployment_id == query.deployment_id)
    if query.input_format is not None:
        statement = statement.where(Datasource.stream["input_format"].astext == query.input_format.value)
    if query.text:
        parts = (Datasource.stream[name].astext for name in ("description", "topic"))
        statement = statement.where(or_(*(contains(part, query.text) for part in parts)))
    return await read_page(session, statement, query, Columns(Datasource.id), _row_view)


async def reuse(session: AsyncSession, datasource_id: int, request: DatasourceReuse) -> Reuse:
    """Announce a data source again, for another deployment. Whether it is still in the log is checked by control.

    Raises:
        NotFoundError: there is no such data source.
        InvalidError: there is no such deployment.
        ConflictError: the deployment does not await a stream.
    """
    source = await find(session, datasource_id)
    deployment = await session.get(Deployment, request.deployment_id, with_for_update=True)
    if deployment is None:
        raise InvalidError(f"There is no deployment {request.deployment_id}.", pointer="/deployment_id")
    if deployment.state is not DeploymentState.AWAITING:
        raise ConflictError(
            f"Deployment {deployment.id} is {deployment.state} and awaits no stream.",
            advice="Deploy the configuration anew.",
        )
    key, headers = ControlMessage.encode_key(deployment.id)
    stream = ControlMessage.model_validate(source.stream)
    outbox.enqueue_record(session, Record(topics.CONTROL, key, stream.to_bytes(), tuple(headers)))
    await session.flush()
    return Reuse(datasource_id=source.id, deployment_id=deployment.id)


async def find(session: AsyncSession, datasource_id: int) -> Datasource:
    """The row of a data source.

    Raises:
        NotFoundError: there is none.
    """
    source = await session.get(Datasource, datasource_id)
    if source is None:
        raise NotFoundError(f"There is no data source {datasource_id}.")
    return source


def _row_view(row: AnyRow) -> DatasourceView:
    return _view(row[0])


def _view(source: Datasource) -> DatasourceView:
    stream = ControlMessage.model_validate(source.stream)
    return DatasourceView(
        id=source.id,
        fingerprint=source.fingerprint,
        deployment_id=source.deployment_id,
        input_format=stream.input_format,
        description=stream.description,
        messages=sum(piece.end - piece.start for piece in (*stream.ranges, *stream.unsupervised_ranges)),
        stream=stream,
        created_at=source.created_at,
    )
