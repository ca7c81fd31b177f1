"""Endpoint: the whole at a glance. What runs, what failed and why, what waits."""

from enum import StrEnum
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api.pagination import AnySelect
from kafka_ml_api.parameters import Db
from kafka_ml_api.problems import documented
from kafka_ml_api.states import DeploymentState, InferenceState, ResultState, VersionState
from kafka_ml_api.tables import Configuration, Datasource, Deployment, Inference, Model, ModelVersion, Result

router = APIRouter(prefix="/overview", tags=["operations"])

_MOST = 10
_CURRENT = (ModelVersion.model_id == Model.id) & (ModelVersion.version == Model.current_version)

Kind = Literal["models", "deployments", "results", "inferences"]


class Trouble(BaseModel):
    """Something that failed, or waits for a reason."""

    resource: Kind
    id: int
    name: str = Field(description="of the model or configuration")
    state: str
    code: str
    message: str = Field(description="why")


class Overview(BaseModel):
    """How many there are of everything, by state, and what needs somebody to look at it."""

    models: dict[str, int] = Field(description="by state of the current version", examples=[{"valid": 2}])
    configurations: int
    deployments: dict[str, int]
    datasources: int
    results: dict[str, int]
    inferences: dict[str, int]
    troubles: list[Trouble] = Field(description="the newest of each kind, ten at most")


@router.get("", summary="The whole at a glance", responses=documented())
async def get_overview(db: Db) -> Overview:
    """Count everything by state, and tell what failed or waits, and why."""
    async with db.transaction() as session:
        return Overview(
            models=await _by_state(
                session, select(ModelVersion.state, func.count()).join(Model, _CURRENT), VersionState
            ),
            configurations=await session.scalar(select(func.count()).select_from(Configuration)) or 0,
            deployments=await _by_state(session, select(Deployment.state, func.count()), DeploymentState),
            datasources=await session.scalar(select(func.count()).select_from(Datasource)) or 0,
            results=await _by_state(session, select(Result.state, func.count()), ResultState),
            inferences=await _by_state(session, select(Inference.state, func.count()), InferenceState),
            troubles=await _troubles(session),
        )


async def _by_state(session: AsyncSession, statement: AnySelect, kind: type[StrEnum]) -> dict[str, int]:
    column = statement.selected_columns[0]
    counted = {str(state): number for state, number in await session.execute(statement.group_by(column))}
    return {state.value: counted.get(state.value, 0) for state in kind}


async def _troubles(session: AsyncSession) -> list[Trouble]:
    model = select(Model.id, Model.name, ModelVersion.state, ModelVersion.failure).join(ModelVersion, _CURRENT)
    deployment = select(Deployment.id, Configuration.name, Deployment.state, Deployment.failure).join(
        Configuration, Configuration.id == Deployment.configuration_id
    )
    result = select(Result.id, Model.name, Result.state, Result.failure).join(Model, Model.id == Result.model_id)
    inference = (
        select(Inference.id, Model.name, Inference.state, Inference.failure)
        .join(Result, Result.id == Inference.result_id)
        .join(Model, Model.id == Result.model_id)
    )
    kinds: tuple[tuple[Kind, AnySelect], ...] = (
        ("inferences", inference),
        ("results", result),
        ("deployments", deployment),
        ("models", model),
    )
    found = []
    for kind, statement in kinds:
        identity, failure = statement.selected_columns[0], statement.selected_columns[3]
        for row in await session.execute(statement.where(failure.is_not(None)).order_by(identity.desc()).limit(_MOST)):
            number, name, state, why = row
            found.append(
                Trouble(resource=kind, id=number, name=name, state=state, code=why["code"], message=why["message"])
            )
    return found
