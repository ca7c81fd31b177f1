"""Table: inferences."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kafka_ml_api.db import Base, CreatedAt, Id, Json, UpdatedAt, states
from kafka_ml_api.states import InferenceState


class Inference(Base):
    """A trained model that predicts what comes in on one topic into another."""

    __tablename__ = "inferences"
    __table_args__ = (Index(None, "state", "id"),)

    id: Mapped[Id]
    result_id: Mapped[int] = mapped_column(ForeignKey("results.id"), index=True)
    description: Mapped[str] = mapped_column(default="")
    input_topic: Mapped[str] = mapped_column(String(249))
    output_topic: Mapped[str] = mapped_column(String(249))
    input_format: Mapped[str] = mapped_column(String(40))
    input_config: Mapped[Json]
    settings: Mapped[Json]
    """An `InferenceSettings`."""
    replicas: Mapped[int]
    generation: Mapped[int] = mapped_column(default=1)
    """Of the workload; grows with each change of its spec. Events of an older one say nothing about this one."""
    state: Mapped[InferenceState] = mapped_column(states(InferenceState), default=InferenceState.PENDING)
    failure: Mapped[Json | None]
    """A `Failure`."""
    replicas_running: Mapped[int] = mapped_column(default=0)
    rate: Mapped[float] = mapped_column(default=0.0)
    """Predictions a second, of all replicas."""
    latency_p50_ms: Mapped[float | None]
    latency_p99_ms: Mapped[float | None]
    lag: Mapped[int] = mapped_column(BigInteger, default=0)
    """Messages that wait."""
    predicted: Mapped[int] = mapped_column(BigInteger, default=0)
    dead_letters: Mapped[int] = mapped_column(BigInteger, default=0)
    progress: Mapped[Json] = mapped_column(default=dict)
    """The last progress of each replica, by its number as text; what the sums above are made of."""
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
