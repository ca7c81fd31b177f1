"""Housekeeping: objects of deleted results, drafts that were checked long ago and answers to
idempotency keys that are too old, go."""

import asyncio
from datetime import timedelta

from sqlalchemy import delete, select

from kafka_ml_api.db import Database, now
from kafka_ml_api.idempotency import KEPT_HOURS
from kafka_ml_api.tables import DiscardedFolder, Draft, IdempotentResponse
from kafka_ml_api.validations.service import KEPT_HOURS as DRAFT_HOURS
from kafka_ml_common.objects import ObjectStore

_PAUSE_SECONDS = 20.0
_BATCH = 20


class Housekeeping:
    """Tidies up behind what was deleted. Several at once do no harm."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._database = database
        self._objects = objects

    async def run(self) -> None:
        """Tidy up until cancelled.

        Raises:
            UnavailableError: database or object store can't be reached; what is left is done the next time.
        """
        while True:
            while await self.empty_folders() == _BATCH:
                pass
            await self.forget_answers()
            await self.forget_drafts()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def empty_folders(self) -> int:
        """Delete the objects of some deleted results; gives how many results."""
        async with self._database.transaction() as session:
            found = await session.scalars(select(DiscardedFolder).limit(_BATCH).with_for_update(skip_locked=True))
            folders = found.all()
            for folder in folders:
                await asyncio.to_thread(self._objects.delete_folder, folder.prefix)
                await session.delete(folder)
        return len(folders)

    async def forget_answers(self) -> None:
        """Delete the stored answers whose time is over."""
        before = now() - timedelta(hours=KEPT_HOURS)
        async with self._database.transaction() as session:
            await session.execute(delete(IdempotentResponse).where(IdempotentResponse.created_at < before))

    async def forget_drafts(self) -> None:
        """Delete the drafts whose time is over. Their work has ended by then, or is of no use to anybody."""
        before = now() - timedelta(hours=DRAFT_HOURS)
        async with self._database.transaction() as session:
            await session.execute(delete(Draft).where(Draft.created_at < before))
