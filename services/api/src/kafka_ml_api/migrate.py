"""Migrations at start: one process at a time, under an advisory lock of PostgreSQL; the others wait and find the work done."""

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from kafka_ml_api.db import Database
from kafka_ml_common.errors import InvalidError

log = structlog.get_logger(__name__)

MIGRATION_LOCK = 0x6B6D6C01
"""Key of the advisory lock; a number that only this service uses."""


def config() -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return made


async def migrate(database: Database) -> None:
    """Bring the database's tables to this version of the service.

    Raises:
        UnavailableError: the database can't be reached.
        InvalidError: a newer version of the service has been here.
    """
    async with database.connection() as connection:
        # The lock lasts as long as the transaction, and PostgreSQL's DDL is part of it: all migrations happen, or none.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        await connection.run_sync(_upgrade)
        await connection.commit()


def _upgrade(connection: Connection) -> None:
    settings = config()
    settings.attributes["connection"] = connection
    try:
        command.upgrade(settings, "head")
    except CommandError as error:
        raise InvalidError(
            f"The database can't be brought to this version: {error}.",
            advice="It was used by a newer Kafka-ML; start that one, or restore a backup.",
        ) from error
