"""Tables: models, and the versions of their code."""

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kafka_ml_api.db import Base, CreatedAt, Id, Json, UpdatedAt, states
from kafka_ml_api.states import VersionState


class Model(Base):
    """A model; its code is in its versions, which stay as long as it does."""

    __tablename__ = "models"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    description: Mapped[str] = mapped_column(default="")
    current_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    row_version: Mapped[int] = mapped_column(Integer)

    versions: Mapped[list["ModelVersion"]] = relationship(
        back_populates="model", cascade="all, delete-orphan", passive_deletes=True, order_by="ModelVersion.version"
    )

    __mapper_args__ = {"version_id_col": row_version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class ModelVersion(Base):
    """One version of a model's code and what its validation said."""

    __tablename__ = "model_versions"

    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    state: Mapped[VersionState] = mapped_column(states(VersionState), default=VersionState.VALIDATING)
    generation: Mapped[int] = mapped_column(default=1)
    """Of the validation's workload; grows when the version is validated again."""
    summary: Mapped[Json | None]
    failure: Mapped[Json | None]
    created_at: Mapped[CreatedAt]
    validated_at: Mapped[datetime | None]

    model: Mapped[Model] = relationship(back_populates="versions")
