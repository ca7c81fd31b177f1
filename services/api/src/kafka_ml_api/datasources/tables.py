"""Table: the data streams that were announced and exist, or existed, in the log."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from kafka_ml_api.db import Base, CreatedAt, Id, Json


class Datasource(Base):
    """A data stream: ranges of the log, and how to read them."""

    __tablename__ = "datasources"

    id: Mapped[Id]
    fingerprint: Mapped[str] = mapped_column(String(200), unique=True)
    """Hash of what the stream is, the same for each announcement of it."""
    deployment_id: Mapped[int] = mapped_column(BigInteger, index=True)
    """The deployment that it was first announced for; one of that id need not exist."""
    stream: Mapped[Json]
    """A `ControlMessage`."""
    created_at: Mapped[CreatedAt]
