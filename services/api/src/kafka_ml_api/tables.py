"""Tables of the machinery (events, outbox, idempotency keys), and, by its imports, the list of all tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kafka_ml_api.configurations.tables import Configuration, ConfigurationModel
from kafka_ml_api.datasources.tables import Datasource
from kafka_ml_api.db import Base, BigId, CreatedAt, Json
from kafka_ml_api.deployments.tables import Deployment
from kafka_ml_api.inferences.tables import Inference
from kafka_ml_api.models.tables import Model, ModelVersion
from kafka_ml_api.results.tables import Result, ResultEpoch
from kafka_ml_api.validations.tables import Draft

__all__ = [
    "Base",
    "Configuration",
    "ConfigurationModel",
    "Datasource",
    "Deployment",
    "DiscardedFolder",
    "Draft",
    "IdempotentResponse",
    "Inference",
    "Model",
    "ModelVersion",
    "OutboxMessage",
    "Result",
    "ResultEpoch",
    "StoredEvent",
]


class StoredEvent(Base):
    """An event as it came from Kafka; the same event twice is one row (CloudEvents: source and id together are unique)."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        Index(None, "subject", "id"),
        Index(None, "type", "id"),
        Index(None, "correlation_id", "id", postgresql_where=text("correlation_id IS NOT NULL")),
        Index(None, "time"),
    )

    id: Mapped[BigId]
    source: Mapped[str] = mapped_column(String(200))
    event_id: Mapped[str] = mapped_column(String(200))
    partition: Mapped[int]
    offset: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(200))
    subject: Mapped[str] = mapped_column(String(200))
    correlation_id: Mapped[str | None] = mapped_column(String(200))
    time: Mapped[datetime]
    data: Mapped[Json]


class OutboxMessage(Base):
    """A message that a committed change has to send, and the relay has not yet sent."""

    __tablename__ = "outbox"

    id: Mapped[BigId]
    topic: Mapped[str] = mapped_column(String(249))
    key: Mapped[bytes] = mapped_column(LargeBinary)
    value: Mapped[bytes | None] = mapped_column(LargeBinary)
    """None is a tombstone."""
    headers: Mapped[list[Any]]
    """Pairs of name and text."""
    created_at: Mapped[CreatedAt]


class DiscardedFolder(Base):
    """A folder of the object store whose result is deleted, and whose objects are yet to be."""

    __tablename__ = "discarded_folders"

    prefix: Mapped[str] = mapped_column(String(200), primary_key=True)
    created_at: Mapped[CreatedAt]


class IdempotentResponse(Base):
    """The answer to a request that carried an `Idempotency-Key`, kept for its repetitions."""

    __tablename__ = "idempotent_responses"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    path: Mapped[str] = mapped_column(String(500), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    headers: Mapped[Json | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
