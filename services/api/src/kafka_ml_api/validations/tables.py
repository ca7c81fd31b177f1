"""Tables: drafts of model code, for an hour."""

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from kafka_ml_api.db import Base, CreatedAt, Id, Json, states
from kafka_ml_api.states import VersionState


class Draft(Base):
    """Code that is still being written, of which only a hash is kept, and what its validation said."""

    __tablename__ = "drafts"

    id: Mapped[Id]
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    state: Mapped[VersionState] = mapped_column(states(VersionState), default=VersionState.VALIDATING)
    summary: Mapped[Json | None]
    failure: Mapped[Json | None]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
