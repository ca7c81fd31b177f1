"""The database: engine, sessions, column types, and what its failures mean to a client.

Every use case runs in one transaction (`Database.transaction`). Whoever changes a resource locks its row first, so that changes of one
resource, and the messages that they leave in the outbox, have one order.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import orjson
from sqlalchemy import BigInteger, DateTime, Enum, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column

from kafka_ml_common.errors import ConflictError, InvalidError, UnavailableError

S = TypeVar("S", bound=StrEnum)

_CONNECT_SECONDS = 5
_QUEUE_SECONDS = 30
_STATEMENT_MS = 30_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNREACHABLE = "The database can't be reached just now."
_TRY_AGAIN = "Try again in a moment."
# SQLSTATEs: 08 connection, 40 deadlock or serialization, 53 resources, 57 shutdown or cancelled, 25006 read-only (a standby), 55P03 lock,
# 25P03 idle too long: https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRY_AGAIN_STATES = ("08", "40", "53", "57", "25006", "25P03", "55P03")


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def states(kind: type[S]) -> Enum:
    """Column type of a state: its text, checked by the database."""
    return Enum(
        kind, native_enum=False, length=16, create_constraint=True, values_callable=lambda k: [s.value for s in k]
    )


Id = Annotated[int, mapped_column(primary_key=True)]
CreatedAt = Annotated[datetime, mapped_column(default=now)]
UpdatedAt = Annotated[datetime, mapped_column(default=now, onupdate=now)]
Json = dict[str, Any]
"""A JSON object in a `jsonb` column."""


class Base(DeclarativeBase):
    """Base of the tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: DateTime(timezone=True),
        str: Text(),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
    }


BigId = Annotated[int, mapped_column(BigInteger, primary_key=True)]


def to_json(value: Any) -> str:
    """JSON that `jsonb` takes: NUL and lone surrogates become U+FFFD, NaN and the infinities become null."""
    try:
        encoded = orjson.dumps(value).decode()
    except TypeError:  # lone surrogates, or integers of more than 64 bits
        return json.dumps(_storable(value), allow_nan=False)
    return json.dumps(_storable(value), allow_nan=False) if "\\u0000" in encoded else encoded


def storable_text(value: str) -> str:
    """Text that PostgreSQL takes: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", value)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {storable_text(str(name)): _storable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(part) for part in value]
    return value


class Database:
    """The connection pool.

    Raises, from every method:
        UnavailableError: PostgreSQL can't be reached, or has no connection to spare.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=_QUEUE_SECONDS,
            pool_pre_ping=True,
            json_serializer=to_json,
            json_deserializer=orjson.loads,
            connect_args={
                "timeout": _CONNECT_SECONDS,
                "server_settings": {
                    "application_name": "kafka-ml-api",
                    "statement_timeout": str(_STATEMENT_MS),
                    "idle_in_transaction_session_timeout": str(_STATEMENT_MS),
                },
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that commits when the block ends, and rolls back when it raises."""
        async with _translated(), self._sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection of its own, for locks and notifications."""
        async with _translated(), self.engine.connect() as connection:
            yield connection

    async def check(self) -> None:
        """Find out whether the database answers."""
        async with self.connection() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _meaning(error) from error
    except (PoolTimeoutError, OSError, TimeoutError) as error:
        raise UnavailableError(_UNREACHABLE, advice=_TRY_AGAIN) from error


def _meaning(error: DBAPIError) -> Exception:
    """What a failed statement means to a client. Use cases check before they write; this is for what happens in between."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or not state or state.startswith(_TRY_AGAIN_STATES):
        return UnavailableError(_UNREACHABLE, advice=_TRY_AGAIN)
    if state == "42P01":
        return UnavailableError("The database's tables are not made yet.", advice=_TRY_AGAIN)
    if state == "23505":
        return ConflictError("Something with that name exists already.", advice="Choose another name.", pointer="/name")
    if state == "23503":
        return ConflictError("Something that this needs, or that needs this, was changed by someone else just now.")
    if state.startswith("22"):
        return InvalidError(
            "A value can't be stored: it is out of range, or has characters that a database can't hold."
        )
    return error
