"""What can be done with configurations. REST and commands come here; each function runs in the caller's transaction."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import delete as delete_from
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.configurations.schemas import ConfigurationQuery, ConfigurationView
from kafka_ml_api.db import now
from kafka_ml_api.errors import InUseError
from kafka_ml_api.pagination import AnyRow, Columns, Page, contains, read_page
from kafka_ml_api.preconditions import check_revision
from kafka_ml_api.tables import Configuration, ConfigurationModel, Deployment, Model
from kafka_ml_common.errors import ConflictError, InvalidError, NotFoundError
from kafka_ml_common.requests import ConfigurationCreate, ConfigurationUpdate


async def create(session: AsyncSession, request: ConfigurationCreate) -> ConfigurationView:
    """Keep a new configuration.

    Raises:
        InvalidError: a model does not exist or is named twice.
        ConflictError: a configuration of that name exists.
    """
    await _check_name(session, request.name)
    await _check_models(session, request.model_ids)
    row = Configuration(name=request.name, description=request.description)
    session.add(row)
    await session.flush()
    _put_models(session, row.id, request.model_ids)
    outbox.tell(session, "configurations", row.id, "created")
    await session.flush()
    return _view(row, request.model_ids)


async def get(session: AsyncSession, configuration_id: int) -> ConfigurationView:
    """One configuration.

    Raises:
        NotFoundError: there is none.
    """
    row = await _find(session, configuration_id)
    return _view(row, (await _models_of(session, [row.id]))[row.id])


async def list_page(session: AsyncSession, query: ConfigurationQuery) -> Page[ConfigurationView]:
    """A page of the configurations."""
    statement = select(Configuration)
    if query.name:
        statement = statement.where(contains(Configuration.name, query.name))
    if query.model_id is not None:
        with_model = select(ConfigurationModel.configuration_id).where(ConfigurationModel.model_id == query.model_id)
        statement = statement.where(Configuration.id.in_(with_model))
    columns = Columns(Configuration.id, Configuration.name)
    page = await read_page(session, statement, query, columns, _row)
    models = await _models_of(session, [row.id for row in page.items])
    return Page(items=[_view(row, models[row.id]) for row in page.items], next_cursor=page.next_cursor)


async def update(
    session: AsyncSession, configuration_id: int, request: ConfigurationUpdate, revision: int | None = None
) -> ConfigurationView:
    """Change a configuration. Deployments that exist keep the models they were made with.

    Args:
        revision: the revision that the client has seen; None if it doesn't care.

    Raises:
        NotFoundError: there is no such configuration.
        StaleError: it has changed since.
        InvalidError: a model does not exist or is named twice.
        ConflictError: another configuration has the new name.
    """
    row = await _find(session, configuration_id, lock=True)
    check_revision(row.row_version, revision)
    if request.name is not None and request.name != row.name:
        await _check_name(session, request.name)
        row.name = request.name
    if request.description is not None:
        row.description = request.description
    models = (await _models_of(session, [row.id]))[row.id]
    if request.model_ids is not None and request.model_ids != models:
        await _check_models(session, request.model_ids)
        await session.execute(delete_from(ConfigurationModel).where(ConfigurationModel.configuration_id == row.id))
        _put_models(session, row.id, request.model_ids)
        models = request.model_ids
        row.updated_at = now()
    outbox.tell(session, "configurations", row.id, "updated")
    await session.flush()
    return _view(row, models)


async def delete(session: AsyncSession, configuration_id: int) -> None:
    """Delete a configuration. Its models stay.

    Raises:
        NotFoundError: there is no such configuration.
        InUseError: there are deployments of it.
    """
    row = await _find(session, configuration_id, lock=True)
    deployments = await session.scalars(
        select(Deployment.id).where(Deployment.configuration_id == row.id).order_by(Deployment.id).limit(100)
    )
    users = [f"deployments/{id_}" for id_ in deployments]
    if users:
        raise InUseError(f"Configuration {row.id}", users, advice="Delete its deployments first.")
    await session.delete(row)
    outbox.tell(session, "configurations", configuration_id, "deleted")
    await session.flush()


async def models_in(session: AsyncSession, configuration_id: int) -> list[int]:
    """The ids of a configuration's models, in their order. Until the transaction ends nobody changes it, but others may read it so too.

    Raises:
        NotFoundError: there is no such configuration.
    """
    locked = select(Configuration.id).where(Configuration.id == configuration_id).with_for_update(read=True)
    if await session.scalar(locked) is None:
        raise _missing(configuration_id)
    return (await _models_of(session, [configuration_id]))[configuration_id]


def _row(row: AnyRow) -> Configuration:
    found: Configuration = row[0]
    return found


def _view(row: Configuration, model_ids: Sequence[int]) -> ConfigurationView:
    return ConfigurationView(
        id=row.id,
        name=row.name,
        description=row.description,
        model_ids=list(model_ids),
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.row_version,
    )


async def _find(session: AsyncSession, configuration_id: int, *, lock: bool = False) -> Configuration:
    row = await session.get(Configuration, configuration_id, with_for_update=lock or None)
    if row is None:
        raise _missing(configuration_id)
    return row


def _missing(configuration_id: int) -> NotFoundError:
    return NotFoundError(f"There is no configuration {configuration_id}.")


async def _models_of(session: AsyncSession, configuration_ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    rows = await session.execute(
        select(ConfigurationModel.configuration_id, ConfigurationModel.model_id)
        .where(ConfigurationModel.configuration_id.in_(configuration_ids))
        .order_by(ConfigurationModel.position)
    )
    for configuration_id, model_id in rows:
        found[configuration_id].append(model_id)
    return found


def _put_models(session: AsyncSession, configuration_id: int, model_ids: Sequence[int]) -> None:
    session.add_all(
        ConfigurationModel(configuration_id=configuration_id, model_id=model_id, position=position)
        for position, model_id in enumerate(model_ids)
    )


async def _check_models(session: AsyncSession, model_ids: Sequence[int]) -> None:
    # Locked, so that none is deleted before this transaction ends; in order of their ids, so that two of these can't wait for each other.
    found = await session.scalars(
        select(Model.id).where(Model.id.in_(model_ids)).order_by(Model.id).with_for_update(key_share=True, read=True)
    )
    existing = set(found)
    for position, model_id in enumerate(model_ids):
        if model_id not in existing:
            raise InvalidError(f"There is no model {model_id}.", pointer=f"/model_ids/{position}")
        if model_id in model_ids[:position]:
            raise InvalidError(f"Model {model_id} is named twice.", pointer=f"/model_ids/{position}")


async def _check_name(session: AsyncSession, name: str) -> None:
    taken = await session.scalar(select(Configuration.id).where(Configuration.name == name))
    if taken is not None:
        raise ConflictError(
            f"Configuration {taken} has that name already.",
            advice="Choose another name, or change that configuration.",
            pointer="/name",
        )
