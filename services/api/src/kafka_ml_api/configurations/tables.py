"""Tables: configurations and the models in them."""

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from kafka_ml_api.db import Base, CreatedAt, Id, UpdatedAt


class Configuration(Base):
    """A set of models that learn from the same stream."""

    __tablename__ = "configurations"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    description: Mapped[str] = mapped_column(default="")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    row_version: Mapped[int] = mapped_column(Integer)

    __mapper_args__ = {"version_id_col": row_version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class ConfigurationModel(Base):
    """A model's place in a configuration."""

    __tablename__ = "configuration_models"

    configuration_id: Mapped[int] = mapped_column(ForeignKey("configurations.id", ondelete="CASCADE"), primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"), primary_key=True, index=True)
    position: Mapped[int]
