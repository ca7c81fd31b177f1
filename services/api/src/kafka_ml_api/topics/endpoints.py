"""REST endpoint of topics."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from kafka_ml_api.pagination import Page
from kafka_ml_api.problems import documented
from kafka_ml_api.reading import TopicReader
from kafka_ml_api.topics.schemas import TopicQuery, TopicView
from kafka_ml_common import topics

router = APIRouter(prefix="/topics", tags=["topics"])

_OURS = frozenset(topic.name for topic in topics.TOPICS)


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


def is_users(name: str) -> bool:
    """Whether a topic is none of Kafka's own, nor of the platform and its tables."""
    return name not in _OURS and not name.startswith(("__", "kafka-ml.", "kafka-ml-control-"))
