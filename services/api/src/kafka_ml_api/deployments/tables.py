"""Table: deployments."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kafka_ml_api.db import Base, CreatedAt, Id, Json, UpdatedAt, states
from kafka_ml_api.states import DeploymentState


class Deployment(Base):
    """A configuration whose models, in the versions of that moment, await or had a stream."""

    __tablename__ = "deployments"
    __table_args__ = (Index(None, "state", "id"),)

    id: Mapped[Id]
    configuration_id: Mapped[int] = mapped_column(ForeignKey("configurations.id"), index=True)
    description: Mapped[str] = mapped_column(default="")
    settings: Mapped[Json]
    """A `TrainingSettings`."""
    state: Mapped[DeploymentState] = mapped_column(states(DeploymentState), default=DeploymentState.AWAITING)
    datasource_id: Mapped[int | None] = mapped_column(ForeignKey("datasources.id"), index=True)
    failure: Mapped[Json | None]
    """Why the last stream that was sent for it was refused (a `Failure`); None once one matched."""
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    ended_at: Mapped[datetime | None]
