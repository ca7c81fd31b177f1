"""REST endpoints of topics: what there is, what is in it, and what became of it."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from kafka_ml_api.datasources import service as datasources
from kafka_ml_api.inferences import service as inferences
from kafka_ml_api.pagination import Page
from kafka_ml_api.parameters import Db
from kafka_ml_api.problems import documented
from kafka_ml_api.reading import Retained, TopicReader
from kafka_ml_api.topics.messages import shown
from kafka_ml_api.topics.ribbon import Ribbon, ribbon_of
from kafka_ml_api.topics.schemas import (
    MessagesQuery,
    PartitionView,
    TopicDetail,
    TopicMessages,
    TopicQuery,
    TopicView,
)
from kafka_ml_common import topics
from kafka_ml_common.errors import InvalidError, NotFoundError
from kafka_ml_common.streams import InputFormat

router = APIRouter(prefix="/topics", tags=["topics"])

_OURS = frozenset(topic.name for topic in topics.TOPICS)

Name = Annotated[str, Path(pattern=r"^[a-zA-Z0-9._-]{1,249}$", description="of the topic", examples=["digits"])]


@router.get("", summary="List topics", responses=documented())
async def list_topics(query: Annotated[TopicQuery, Query()], request: Request) -> Page[TopicView]:
    """List Kafka's topics by name, with their sizes. Those of Kafka itself and of the platform are left out."""
    reader: TopicReader = request.app.state.reader
    part = (query.name or "").lower()
    names = [name for name in await reader.names() if is_users(name) and part in name.lower()]
    rest = [name for name in names if query.cursor is None or name > query.cursor]
    page = rest[: query.limit]
    items = [TopicView(name=t.name, partitions=t.partitions, messages=t.messages) for t in await reader.sizes(page)]
    return Page(items=items, next_cursor=page[-1] if len(rest) > query.limit else None)


@router.get("/{name}", summary="Get a topic", responses=documented(404))
async def get_topic(name: Name, request: Request) -> TopicDetail:
    """Get what each partition of a topic holds."""
    reader: TopicReader = request.app.state.reader
    kept = await reader.retained(_users(name))
    messages = sum(part.end - part.start for part in kept)
    return TopicDetail(name=name, messages=messages, partitions=_partitions(kept))


@router.get("/{name}/messages", summary="Look into a topic", responses=documented(404))
async def list_topic_messages(
    name: Name, query: Annotated[MessagesQuery, Query()], db: Db, request: Request
) -> TopicMessages:
    """Show committed messages: the newest, or those at an offset or a time; as text, JSON, bytes, and decoded if that is asked for."""
    reader: TopicReader = request.app.state.reader
    input_format, config = await _format(query, db)
    forwards = query.offset is not None or query.time is not None
    if query.time is not None:
        starts = (await reader.at_time(_users(name), [query.time]))[0]
        only = starts if query.partition is None else {query.partition: starts.get(query.partition, 0)}
        look = await reader.following(name, only, query.limit)
    elif query.partition is not None and query.offset is not None:
        look = await reader.following(_users(name), {query.partition: query.offset}, query.limit)
    else:
        ends = {query.partition: query.before} if query.partition is not None and query.before is not None else {}
        look = await reader.preceding(_users(name), query.limit, ends, query.partition)
    messages = await asyncio.to_thread(shown, look.records, input_format, config)
    return TopicMessages(topic=name, newest_first=not forwards, partitions=_partitions(look.kept), messages=messages)


@router.get("/{name}/ribbon", summary="See what became of a topic's messages", responses=documented(404))
async def get_topic_ribbon(name: Name, db: Db, request: Request) -> Ribbon:
    """Show which offsets are retained, which were training, test and validation, where inferences stand, and where their models changed."""
    return await ribbon_of(_users(name), db, request.app.state.reader)


async def _format(query: MessagesQuery, db: Db) -> tuple[InputFormat | None, dict[str, Any]]:
    try:
        async with db.transaction() as session:
            if query.datasource_id is not None:
                stream = (await datasources.get(session, query.datasource_id)).stream
                return stream.input_format, stream.input_config
            if query.inference_id is not None:
                inference = await inferences.get(session, query.inference_id)
                return inference.input_format, inference.input_config
    except NotFoundError as error:
        raise InvalidError(error.message) from error
    return None, {}


def _partitions(kept: Sequence[Retained]) -> list[PartitionView]:
    return [PartitionView(partition=part.partition, start=part.start, end=part.end) for part in kept]


def _users(name: str) -> str:
    """The name, if it is of a topic that users may look into."""
    if not is_users(name):
        raise NotFoundError(f"There is no topic {name} to look into.")
    return name


def is_users(name: str) -> bool:
    """Whether a topic is none of Kafka's own, nor of the platform and its tables."""
    return name not in _OURS and not name.startswith(("__", "kafka-ml.", "kafka-ml-control-"))
