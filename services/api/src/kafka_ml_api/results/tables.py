"""Tables: results and their epochs."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from kafka_ml_api.db import Base, CreatedAt, Id, Json, UpdatedAt, states
from kafka_ml_api.states import ResultState


class Result(Base):
    """What the training of one model of a deployment became. Sizes are numbers of samples."""

    __tablename__ = "results"
    __table_args__ = (
        ForeignKeyConstraint(["model_id", "model_version"], ["model_versions.model_id", "model_versions.version"]),
        Index(None, "model_id", "model_version"),
        Index(None, "state", "id"),
    )

    id: Mapped[Id]
    deployment_id: Mapped[int] = mapped_column(ForeignKey("deployments.id"), index=True)
    model_id: Mapped[int]
    model_version: Mapped[int]
    state: Mapped[ResultState] = mapped_column(states(ResultState), default=ResultState.AWAITING)
    attempt: Mapped[int] = mapped_column(default=0)
    """Of the workload, as the scheduler counts; 0 before the first."""
    epochs: Mapped[int | None]
    epochs_done: Mapped[int] = mapped_column(default=0)
    training_size: Mapped[int | None]
    validation_size: Mapped[int | None]
    test_size: Mapped[int | None]
    skipped: Mapped[int | None]
    """Messages that could not be decoded and were left out."""
    input_shape: Mapped[list[Any] | None]
    training_metrics: Mapped[Json | None]
    validation_metrics: Mapped[Json | None]
    test_metrics: Mapped[Json | None]
    confusion_matrix: Mapped[Json | None]
    """A `ConfusionMatrix`."""
    failure: Mapped[Json | None]
    """A `Failure`."""
    model_object: Mapped[str | None]
    """Key of the stored model in the object store; None when nothing is stored."""
    model_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    duration_seconds: Mapped[float | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ResultEpoch(Base):
    """An epoch of a training; `epoch` counts from 1."""

    __tablename__ = "result_epochs"

    result_id: Mapped[int] = mapped_column(ForeignKey("results.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    metrics: Mapped[Json]
    duration_seconds: Mapped[float]
    samples_per_second: Mapped[float]
