"""REST endpoints of results."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import PlainTextResponse, StreamingResponse

from kafka_ml_api.idempotency import Writes
from kafka_ml_api.inferences import service as inferences
from kafka_ml_api.inferences.schemas import InferenceView
from kafka_ml_api.logs import PLAIN, Logs, Which
from kafka_ml_api.pagination import Page
from kafka_ml_api.parameters import Db, Id
from kafka_ml_api.problems import WRITE_STATUSES, documented
from kafka_ml_api.results import service
from kafka_ml_api.results.schemas import (
    Curves,
    EpochQuery,
    Epochs,
    ResultLog,
    ResultMetrics,
    ResultQuery,
    ResultView,
)
from kafka_ml_api.states import RESULT
from kafka_ml_common.messages import ConfusionMatrix
from kafka_ml_common.objects import ObjectStore
from kafka_ml_common.requests import ResultInferenceCreate

router = APIRouter(prefix="/results", tags=["results"])

_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get("", summary="List results", responses=documented())
async def list_results(query: Annotated[ResultQuery, Query()], db: Db) -> Page[ResultView]:
    """List results, the newest first."""
    async with db.transaction() as session:
        return await service.list_page(session, query)


@router.get("/{id}", summary="Get a result", responses=documented(404))
async def get_result(id: Id, db: Db) -> ResultView:  # noqa: A002 - the name in the path
    """Get a result."""
    async with db.transaction() as session:
        return await service.get(session, id)


@router.delete("/{id}", status_code=204, summary="Delete a result", responses=documented(*WRITE_STATUSES, 404, 409))
async def delete_result(id: Id, db: Db) -> None:  # noqa: A002 - the name in the path
    """Delete a result that has ended, and its model. Refused while an inference uses it."""
    async with db.transaction() as session:
        await service.delete(session, id)


@router.get("/{id}/metrics", summary="Get a result's metrics", responses=documented(404))
async def get_result_metrics(id: Id, db: Db) -> ResultMetrics:  # noqa: A002 - the name in the path
    """Get the metrics of training, validation and test; empty where there are none yet."""
    async with db.transaction() as session:
        return await service.metrics(session, id)


@router.get("/{id}/epochs", summary="List a result's epochs", responses=documented(404))
async def list_result_epochs(id: Id, query: Annotated[EpochQuery, Query()], db: Db) -> Epochs:  # noqa: A002
    """List the epochs in order, each with its metrics, duration and speed."""
    async with db.transaction() as session:
        return await service.epochs(session, id, query)


@router.get("/{id}/curves", summary="Get a result's curves", responses=documented(404))
async def get_result_curves(id: Id, query: Annotated[EpochQuery, Query()], db: Db) -> Curves:  # noqa: A002
    """Get each metric as one list over the epochs."""
    async with db.transaction() as session:
        return await service.curves(session, id, query)


@router.get("/{id}/confusion-matrix", summary="Get a result's confusion matrix", responses=documented(404))
async def get_result_confusion_matrix(id: Id, db: Db) -> ConfusionMatrix:  # noqa: A002 - the name in the path
    """Get the confusion matrix of a classifier."""
    async with db.transaction() as session:
        return await service.confusion_matrix(session, id)


@router.get("/{id}/logs", summary="Get a failed training's last lines", responses=documented(404))
async def get_result_logs(id: Id, db: Db) -> ResultLog:  # noqa: A002 - the name in the path
    """Get what is kept of a training's output: the last lines of a failed one. `/log` has the whole, while there is one."""
    async with db.transaction() as session:
        return await service.log_of(session, id)


@router.get(
    "/{id}/log",
    response_class=PlainTextResponse,
    summary="Get a training's log",
    responses=documented(404) | PLAIN,
)
async def get_result_log(id: Id, query: Which, db: Db, logs: Logs) -> Response:  # noqa: A002 - the name in the path
    """Get what a training has printed, also while it runs: that of its last attempt. Kept for a while after its end."""
    async with db.transaction() as session:
        await service.find(session, id)

    async def ended() -> bool:
        async with db.transaction() as session:
            return RESULT.is_final((await service.find(session, id)).state)

    return await logs.read(f"training-{id}", query, f"result {id}", ended)


@router.get(
    "/{id}/model",
    response_class=StreamingResponse,
    summary="Download a trained model",
    responses=documented(404) | {200: {"description": "The model in the Keras v3 format.", "content": _BINARY}},
)
async def download_model(id: Id, db: Db, request: Request) -> Response:  # noqa: A002 - the name in the path
    """Download the trained model, a `.keras` file."""
    async with db.transaction() as session:
        key = await service.stored_model(session, id)
    store: ObjectStore = request.app.state.objects
    size = await run_in_threadpool(store.size, key)
    headers = {"Content-Disposition": f'attachment; filename="result-{id}.keras"', "Content-Length": str(size)}
    return StreamingResponse(_pieces(store, key), headers=headers, media_type="application/octet-stream")


@router.head(
    "/{id}/model",
    response_class=Response,
    summary="Get the size of a trained model",
    responses={404: {"description": "There is no such result, or it has no model."}},
)
async def head_model(id: Id, db: Db, request: Request) -> Response:  # noqa: A002 - the name in the path
    """Get the headers of the download alone."""
    answer = await download_model(id, db, request)
    return Response(None, headers=dict(answer.headers))


@router.post(
    "/{id}/inferences",
    status_code=201,
    response_model=InferenceView,
    tags=["inferences"],
    summary="Deploy a result for inference",
    responses=documented(*WRITE_STATUSES, 404, 409),
)
async def create_inference_of_result(
    id: Id,  # noqa: A002 - the name in the path
    body: ResultInferenceCreate,
    write: Writes,
    request: Request,
) -> Response:
    """Have the trained model predict what comes in on one topic into another. Missing topics are created."""
    maker = request.app.state.topic_maker
    return await write.create(lambda session: inferences.create_for_result(session, id, body, maker), "inferences")


async def _pieces(store: ObjectStore, key: str) -> AsyncIterator[bytes]:
    pieces: Iterator[bytes] = store.read(key)
    async for piece in iterate_in_threadpool(pieces):
        yield piece
