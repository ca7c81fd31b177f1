"""REST endpoints of inferences."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import PlainTextResponse

from kafka_ml_api.idempotency import Writes
from kafka_ml_api.inferences import service
from kafka_ml_api.inferences.live import LivePredictions, Watched, Watcher
from kafka_ml_api.inferences.schemas import InferenceQuery, InferenceView
from kafka_ml_api.logs import PLAIN, Logs, Which
from kafka_ml_api.pagination import Page
from kafka_ml_api.parameters import Db, Id
from kafka_ml_api.previews import PredictionsPreview, PreviewQuery, headers_of, predictions_of
from kafka_ml_api.problems import WRITE_STATUSES, documented
from kafka_ml_api.reading import TopicReader
from kafka_ml_api.states import INFERENCE
from kafka_ml_common.codecs import codec_for
from kafka_ml_common.requests import InferenceCreate, InferenceModelSwap, InferenceScale

router = APIRouter(prefix="/inferences", tags=["inferences"])


@router.post(
    "",
    status_code=201,
    response_model=InferenceView,
    summary="Deploy a trained model for inference",
    responses=documented(*WRITE_STATUSES, 409),
)
async def create_inference(body: InferenceCreate, write: Writes, request: Request) -> Response:
    """Have a trained model predict what comes in on one topic into another. Missing topics are created."""
    maker = request.app.state.topic_maker
    return await write.create(lambda session: service.create(session, body, maker), "inferences")


@router.get("", summary="List inferences", responses=documented())
async def list_inferences(query: Annotated[InferenceQuery, Query()], db: Db) -> Page[InferenceView]:
    """List inferences, the newest first, with their rate, latency and lag."""
    async with db.transaction() as session:
        return await service.list_page(session, query)


@router.get("/{id}", summary="Get an inference", responses=documented(404))
async def get_inference(id: Id, db: Db) -> InferenceView:  # noqa: A002 - the name in the path
    """Get an inference."""
    async with db.transaction() as session:
        return await service.get(session, id)


@router.post(
    "/{id}/scale",
    status_code=202,
    response_model=InferenceView,
    summary="Scale an inference",
    responses=documented(*WRITE_STATUSES, 404, 409),
)
async def scale_inference(id: Id, request: InferenceScale, write: Writes) -> Response:  # noqa: A002
    """Change how many replicas share the input's partitions; 0 pauses it."""
    return await write.accept(lambda session: service.scale(session, id, request), f"inferences/{id}")


@router.post(
    "/{id}/model",
    status_code=202,
    response_model=InferenceView,
    summary="Give an inference another model",
    responses=documented(*WRITE_STATUSES, 404, 409),
)
async def swap_inference_model(id: Id, request: InferenceModelSwap, write: Writes) -> Response:  # noqa: A002
    """Have the inference go on with another trained model, of the same input format and shapes."""
    return await write.accept(lambda session: service.swap_model(session, id, request), f"inferences/{id}")


@router.post(
    "/{id}/stop",
    status_code=202,
    response_model=InferenceView,
    summary="Stop an inference",
    responses=documented(*WRITE_STATUSES, 404, 409),
)
async def stop_inference(id: Id, write: Writes) -> Response:  # noqa: A002 - the name in the path
    """Stop an inference for good: what was read is predicted and committed, and nothing more."""
    return await write.accept(lambda session: service.stop(session, id), f"inferences/{id}")


@router.delete("/{id}", status_code=204, summary="Delete an inference", responses=documented(*WRITE_STATUSES, 404, 409))
async def delete_inference(id: Id, db: Db) -> None:  # noqa: A002 - the name in the path
    """Delete an inference that was stopped, or failed."""
    async with db.transaction() as session:
        await service.delete(session, id)


@router.get(
    "/{id}/log",
    response_class=PlainTextResponse,
    summary="Get a replica's log",
    responses=documented(404) | PLAIN,
)
async def get_inference_log(id: Id, query: Which, db: Db, logs: Logs) -> Response:  # noqa: A002 - the name in the path
    """Get what a replica of an inference has printed, also while it runs. Kept for a while after its end."""
    async with db.transaction() as session:
        await service.get(session, id)

    async def ended() -> bool:
        async with db.transaction() as session:
            return INFERENCE.is_final((await service.get(session, id)).state)

    return await logs.read(f"inference-{id}", query, f"replica {query.replica} of inference {id}", ended)


@router.get("/{id}/predictions", summary="Look at the last predictions", responses=documented(404))
async def preview_predictions(
    id: Id,  # noqa: A002
    query: Annotated[PreviewQuery, Query()],
    db: Db,
    request: Request,
) -> PredictionsPreview:
    """Show the last committed predictions of an inference, the newest first, each with the message that it was made for."""
    reader: TopicReader = request.app.state.reader
    async with db.transaction() as session:
        inference = await service.get(session, id)
    topic = inference.output_topic
    # Other inferences may share the topic.
    mine = str(id)
    records = await reader.last(topic, query.limit, lambda record: headers_of(record).get("kafka-ml-inference") == mine)
    labels = codec_for(inference.input_format, inference.input_config).labels
    return PredictionsPreview(topic=topic, predictions=predictions_of(records, labels))


@router.get(
    "/{id}/predictions/live",
    response_class=EventSourceResponse,
    summary="Follow predictions as they are made",
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, **documented(404)},
)
async def follow_predictions(id: Id, db: Db, request: Request) -> EventSourceResponse:  # noqa: A002
    """Stream what an inference predicts from now on, in at most four events a second: how many, of which classes, and some of them.

    The data of an event is a `LivePredictions` in JSON. One without predictions comes at least every two seconds.
    """
    async with db.transaction() as session:
        found = await service.get(session, id)
    watcher: Watcher = request.app.state.watcher
    watcher.check_room(id)
    watched = Watched(id, found.output_topic, found.input_format, found.input_config)
    return EventSourceResponse(_sent(watcher.watch(watched)), ping=15, send_timeout=30, sep="\n")


async def _sent(summaries: AsyncGenerator[LivePredictions, None]) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="connected", retry=1000)
    async with aclosing(summaries):
        async for summary in summaries:
            yield ServerSentEvent(summary.model_dump_json())
