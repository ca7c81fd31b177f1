"""`Idempotency-Key`: a request that is sent again is carried out once, and answered as the first time.

The answer is stored in the transaction of the effect, so there is never one without the other. A second request that comes while the first
is under way waits for it, in the database.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api.db import Database, now
from kafka_ml_api.preconditions import etag
from kafka_ml_api.tables import IdempotentResponse
from kafka_ml_common.errors import ConflictError

V = TypeVar("V", bound=BaseModel)
UseCase = Callable[[AsyncSession], Awaitable[V]]

KEPT_HOURS = 24
REPLAYED = "Idempotency-Replayed"

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="chosen by the client, for one request; the same again within a day gets the same answer",
    ),
]


class Write:
    """Carries out a use case in a transaction of its own, once for each idempotency key."""

    def __init__(self, request: Request, key: Key = None) -> None:
        self._request = request
        self._key = key
        self._database: Database = request.app.state.database

    async def create(self, use_case: UseCase[V], collection: str, *, status: int = 201) -> Response:
        """Answer with the new resource, whose id is its view's, and its place below `collection`."""

        def respond(view: V) -> Response:
            return _answer(view, status, {"Location": f"/api/v1/{collection}/{view.id}"})  # type: ignore[attr-defined]

        return await self._once(use_case, respond)

    async def accept(self, use_case: UseCase[V], location: str) -> Response:
        """Answer 202 with the resource as it is now; what follows can be seen at `location`."""
        return await self._once(use_case, lambda view: _answer(view, 202, {"Location": f"/api/v1/{location}"}))

    async def _once(self, use_case: UseCase[V], respond: Callable[[V], Response]) -> Response:
        if self._key is None:
            async with self._database.transaction() as session:
                return respond(await use_case(session))
        path = self._request.url.path[:500]
        request_hash = hashlib.sha256(await self._request.body()).hexdigest()
        async with self._database.transaction() as session:
            row = {"key": self._key, "path": path, "request_hash": request_hash, "created_at": now()}
            # Waits here while another transaction with the same key is under way.
            claimed = await session.scalar(
                insert(IdempotentResponse).values(row).on_conflict_do_nothing().returning(IdempotentResponse.key)
            )
            stored = await session.get_one(IdempotentResponse, (self._key, path))
            if claimed is None:
                return _replay(stored, request_hash)
            response = respond(await use_case(session))
            stored.status = response.status_code
            stored.body = bytes(response.body)
            stored.headers = {name: response.headers[name] for name in ("location", "etag") if name in response.headers}
            return response


def _answer(view: BaseModel, status: int, headers: dict[str, str]) -> Response:
    revision = getattr(view, "revision", None)
    if revision is not None:
        headers["ETag"] = etag(revision)
    return Response(view.model_dump_json(by_alias=True), status, headers, "application/json")


def _replay(stored: IdempotentResponse, request_hash: str) -> Response:
    if stored.request_hash != request_hash:
        raise ConflictError(
            "That Idempotency-Key was used for another request.", advice="Choose a new key for each request."
        )
    headers = (stored.headers or {}) | {REPLAYED: "true"}
    return Response(stored.body, stored.status or 200, headers, "application/json")


Writes = Annotated[Write, Depends()]
