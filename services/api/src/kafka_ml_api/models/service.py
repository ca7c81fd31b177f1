"""What can be done with models. REST and commands come here; each function runs in the caller's transaction."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.errors import InUseError
from kafka_ml_api.models.schemas import ModelItem, ModelQuery, ModelView, VersionItem, VersionView
from kafka_ml_api.pagination import AnyRow, Columns, Page, PageQuery, contains, read_page
from kafka_ml_api.preconditions import check_revision
from kafka_ml_api.states import VersionState
from kafka_ml_api.tables import ConfigurationModel, Model, ModelVersion, Result
from kafka_ml_common import topics
from kafka_ml_common.errors import ConflictError, NotFoundError
from kafka_ml_common.requests import ModelCreate, ModelUpdate
from kafka_ml_common.workloads import ModelCode, ValidationSpec


async def create(session: AsyncSession, request: ModelCreate) -> ModelView:
    """Keep a new model, and have its code validated.

    Raises:
        ConflictError: a model of that name exists.
    """
    await _check_name(session, request.name)
    model = Model(name=request.name, description=request.description, current_version=1)
    session.add(model)
    await session.flush()
    version = _new_version(session, model, request.code)
    await session.flush()
    outbox.tell(session, "models", model.id, "created", version.state)
    return view(model, version)


async def get(session: AsyncSession, model_id: int) -> ModelView:
    """One model.

    Raises:
        NotFoundError: there is none.
    """
    model = await _find(session, model_id)
    return view(model, await find_version(session, model_id, model.current_version))


async def list_page(session: AsyncSession, query: ModelQuery) -> Page[ModelItem]:
    """A page of the models."""
    statement = select(Model, ModelVersion.state).join(
        ModelVersion, (ModelVersion.model_id == Model.id) & (ModelVersion.version == Model.current_version)
    )
    if query.name:
        statement = statement.where(contains(Model.name, query.name))
    if query.state:
        statement = statement.where(ModelVersion.state == query.state)
    return await read_page(session, statement, query, Columns(Model.id, Model.name), _item)


async def update(session: AsyncSession, model_id: int, request: ModelUpdate, revision: int | None = None) -> ModelView:
    """Change a model. New code becomes a new version, and is validated.

    Args:
        revision: the revision that the client has seen; None if it doesn't care.

    Raises:
        NotFoundError: there is no such model.
        StaleError: the model has changed since.
        ConflictError: another model has the new name.
    """
    model = await _find(session, model_id, lock=True)
    check_revision(model.row_version, revision)
    version = await find_version(session, model_id, model.current_version)
    if request.name is not None and request.name != model.name:
        await _check_name(session, request.name)
        model.name = request.name
    if request.description is not None:
        model.description = request.description
    if request.code is not None and request.code != version.code:
        model.current_version += 1
        await session.flush()
        version = _new_version(session, model, request.code)
    await session.flush()
    outbox.tell(session, "models", model.id, "updated", version.state)
    return view(model, version)


async def validate(session: AsyncSession, model_id: int) -> ModelView:
    """Have the current version validated again.

    Raises:
        NotFoundError: there is no such model.
        ConflictError: it is being validated.
    """
    model = await _find(session, model_id, lock=True)
    version = await find_version(session, model_id, model.current_version, lock=True)
    if version.state is VersionState.VALIDATING:
        raise ConflictError(
            f"Version {version.version} of model {model_id} is being validated.", advice="Wait for its outcome."
        )
    version.state, version.summary, version.failure, version.validated_at = VersionState.VALIDATING, None, None, None
    version.generation += 1
    _ask_for_validation(session, model, version)
    outbox.tell(session, "models", model.id, "updated", version.state)
    await session.flush()
    return view(model, version)


async def delete(session: AsyncSession, model_id: int) -> None:
    """Delete a model and its versions.

    Raises:
        NotFoundError: there is no such model.
        InUseError: a configuration or a result needs it.
    """
    model = await _find(session, model_id, lock=True)
    users = [
        *(f"configurations/{id_}" for id_ in await _configurations_with(session, model_id)),
        *(f"results/{id_}" for id_ in await _results_of(session, model_id)),
    ]
    if users:
        raise InUseError(
            f"Model {model_id}", users, advice="Take it out of the configurations and delete the results first."
        )
    versions = await session.scalars(select(ModelVersion.version).where(ModelVersion.model_id == model_id))
    for version in versions.all():
        outbox.withdraw(session, topics.WORKLOADS, f"validation-{model_id}-{version}")
    await session.delete(model)
    outbox.tell(session, "models", model_id, "deleted")
    await session.flush()


async def get_version(session: AsyncSession, model_id: int, version: int) -> VersionView:
    """One version of a model.

    Raises:
        NotFoundError: there is none.
    """
    row = await find_version(session, model_id, version)
    return VersionView(**_version_item(row).model_dump(), code=row.code, summary=row.summary, failure=row.failure)


async def list_versions(session: AsyncSession, model_id: int, query: PageQuery) -> Page[VersionItem]:
    """A page of a model's versions.

    Raises:
        NotFoundError: there is no such model.
    """
    await _find(session, model_id)
    statement = select(ModelVersion).where(ModelVersion.model_id == model_id)
    return await read_page(session, statement, query, Columns(ModelVersion.version), lambda row: _version_item(row[0]))


async def find_version(session: AsyncSession, model_id: int, version: int, *, lock: bool = False) -> ModelVersion:
    """The row of a version.

    Raises:
        NotFoundError: there is none.
    """
    row = await session.get(ModelVersion, (model_id, version), with_for_update=lock or None)
    if row is None:
        raise NotFoundError(f"Model {model_id} has no version {version}.")
    return row


def view(model: Model, version: ModelVersion) -> ModelView:
    """A model as it is shown."""
    return ModelView(
        **_shown(model, version.state), code=version.code, summary=version.summary, failure=version.failure
    )


def _shown(model: Model, state: VersionState) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "description": model.description,
        "version": model.current_version,
        "state": state,
        "created_at": model.created_at,
        "updated_at": model.updated_at,
        "revision": model.row_version,
    }


def _item(row: AnyRow) -> ModelItem:
    return ModelItem(**_shown(row[0], row[1]))


def _version_item(row: ModelVersion) -> VersionItem:
    return VersionItem(
        model_id=row.model_id,
        version=row.version,
        state=row.state,
        created_at=row.created_at,
        validated_at=row.validated_at,
    )


def _new_version(session: AsyncSession, model: Model, code: str) -> ModelVersion:
    version = ModelVersion(
        model_id=model.id, version=model.current_version, code=code, state=VersionState.VALIDATING, generation=1
    )
    session.add(version)
    _ask_for_validation(session, model, version)
    return version


def _ask_for_validation(session: AsyncSession, model: Model, version: ModelVersion) -> None:
    code = ModelCode(model_id=model.id, version=version.version, name=model.name, code=version.code)
    outbox.enqueue(session, ValidationSpec(generation=version.generation, model=code))


async def _find(session: AsyncSession, model_id: int, *, lock: bool = False) -> Model:
    model = await session.get(Model, model_id, with_for_update=lock or None)
    if model is None:
        raise NotFoundError(f"There is no model {model_id}.")
    return model


async def _check_name(session: AsyncSession, name: str) -> None:
    taken = await session.scalar(select(Model.id).where(Model.name == name))
    if taken is not None:
        raise ConflictError(
            f"Model {taken} has that name already.",
            advice="Choose another name, or change that model.",
            pointer="/name",
        )


async def _configurations_with(session: AsyncSession, model_id: int) -> list[int]:
    column = ConfigurationModel.configuration_id
    found = await session.scalars(select(column).where(ConfigurationModel.model_id == model_id).order_by(column))
    return list(found)


async def _results_of(session: AsyncSession, model_id: int) -> list[int]:
    found = await session.scalars(select(Result.id).where(Result.model_id == model_id).order_by(Result.id).limit(100))
    return list(found)
