"""What several endpoints take."""

from typing import Annotated

from fastapi import Depends, Header, Path, Request

from kafka_ml_api.db import Database
from kafka_ml_api.pagination import RowId

Id = Annotated[RowId, Path(description="id of the resource", examples=[1])]
IfMatch = Annotated[
    str | None,
    Header(
        max_length=200, description="the `ETag` that the client has seen; refused when the resource has changed since"
    ),
]


def _database(request: Request) -> Database:
    """The application's database."""
    found: Database = request.app.state.database
    return found


Db = Annotated[Database, Depends(_database)]
