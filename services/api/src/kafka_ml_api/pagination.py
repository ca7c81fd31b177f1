"""Pages of a list by keyset: each page begins where the one before ended, so its cost does not depend on how far in it is."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Row, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from kafka_ml_common.errors import InvalidError

T = TypeVar("T")
AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]

RowId = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""An id in a path or a query, where it comes as text."""

_MAX_ID = 2**63 - 1


class Page(BaseModel, Generic[T]):
    """A page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="for the next page's `cursor`; null on the last page")


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200, description="items on a page at most")
    cursor: str | None = Field(
        None, max_length=1000, description="where the page begins: `next_cursor` of the page before"
    )


class PageQuery(_Query):
    """Which page of a list, by id."""

    sort: Literal["id", "-id"] = Field("-id", description="order; with `-` the newest come first")


class NamedPageQuery(_Query):
    """Which page of a list of things with names."""

    sort: Literal["id", "-id", "name", "-name"] = Field("-id", description="order; with `-` the last come first")
    name: str | None = Field(None, max_length=200, description="part of the name, in any case")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a list is sorted by: mapped attributes. (They are descriptors, which a type checker would read through here.)"""

    id: Any
    name: Any = None

    def of(self, sort: str) -> list[InstrumentedAttribute[Any]]:
        """The columns of an order; the id comes last and decides between equals."""
        return [self.name, self.id] if sort.endswith("name") and self.name is not None else [self.id]


async def read_page(
    session: AsyncSession,
    statement: AnySelect,
    query: PageQuery | NamedPageQuery,
    columns: Columns,
    view: Callable[[AnyRow], T],
) -> Page[T]:
    """The page of a statement's rows that `query` asks for.

    Raises:
        InvalidError: the cursor is none of this list in this order.
    """
    order = columns.of(query.sort)
    descending = query.sort.startswith("-")
    if query.cursor is not None:
        last = tuple_(*_decode(query.cursor, query.sort, len(order)))
        statement = statement.where(tuple_(*order) < last if descending else tuple_(*order) > last)
    statement = statement.order_by(*(column.desc() if descending else column.asc() for column in order))
    keyed = statement.add_columns(*(column.label(f"key_{number}") for number, column in enumerate(order)))
    # One row more than asked for tells whether another page follows.
    rows = (await session.execute(keyed.limit(query.limit + 1))).all()
    items = [view(row) for row in rows[: query.limit]]
    cursor = _encode(query.sort, rows[query.limit - 1][-len(order) :]) if len(rows) > query.limit else None
    return Page(items=items, next_cursor=cursor)


def contains(column: ColumnElement[str] | InstrumentedAttribute[str], part: str) -> ColumnElement[bool]:
    """Whether a column has `part` somewhere, in any case."""
    return column.icontains(part.replace("\x00", ""), autoescape=True)


def _encode(sort: str, key: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, *key])).decode().rstrip("=")


def _decode(cursor: str, sort: str, columns: int) -> list[Any]:
    try:
        key: list[Any]
        used, *key = orjson.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        *names, last_id = key
    except (ValueError, TypeError, binascii.Error) as error:
        raise _unknown() from error
    fits = used == sort and len(key) == columns and type(last_id) is int and 0 <= last_id <= _MAX_ID
    if not fits or not all(isinstance(name, str) and "\x00" not in name for name in names):
        raise _unknown()
    return key


def _unknown() -> InvalidError:
    return InvalidError(
        "The cursor does not belong to this list in this order.",
        advice="Take next_cursor of the page before, and keep the sort.",
        pointer="/cursor",
    )
