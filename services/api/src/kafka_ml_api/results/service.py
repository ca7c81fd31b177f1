"""What can be done with results. REST and commands come here; each function runs in the caller's transaction."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.errors import InUseError
from kafka_ml_api.pagination import AnyRow, Columns, Page, contains, read_page
from kafka_ml_api.results.schemas import (
    Curves,
    Epoch,
    EpochQuery,
    Epochs,
    ResultLog,
    ResultMetrics,
    ResultQuery,
    ResultView,
)
from kafka_ml_api.states import DEPLOYMENT
from kafka_ml_api.tables import Deployment, DiscardedFolder, Inference, Model, Result, ResultEpoch
from kafka_ml_common import topics
from kafka_ml_common.errors import ConflictError, NotFoundError
from kafka_ml_common.messages import ConfusionMatrix
from kafka_ml_common.objects import model_key


async def get(session: AsyncSession, result_id: int) -> ResultView:
    """One result.

    Raises:
        NotFoundError: there is none.
    """
    row = (await session.execute(_with_model().where(Result.id == result_id))).first()
    if row is None:
        raise _missing(result_id)
    return _view(row[0], row[1])


async def list_page(session: AsyncSession, query: ResultQuery) -> Page[ResultView]:
    """A page of the results."""
    statement = _with_model()
    if query.state:
        statement = statement.where(Result.state == query.state)
    if query.text:
        statement = statement.where(contains(Model.name, query.text))
    if query.deployment_id is not None:
        statement = statement.where(Result.deployment_id == query.deployment_id)
    if query.model_id is not None:
        statement = statement.where(Result.model_id == query.model_id)
    return await read_page(session, statement, query, Columns(Result.id), _row_view)


async def metrics(session: AsyncSession, result_id: int) -> ResultMetrics:
    """The metrics of each part; empty where there are none yet.

    Raises:
        NotFoundError: there is no such result.
    """
    result = await find(session, result_id)
    return ResultMetrics(
        training=result.training_metrics or {},
        validation=result.validation_metrics or {},
        test=result.test_metrics or {},
    )


async def epochs(session: AsyncSession, result_id: int, query: EpochQuery) -> Epochs:
    """Epochs after one that the client knows.

    Raises:
        NotFoundError: there is no such result.
    """
    await find(session, result_id)
    rows = await session.scalars(
        select(ResultEpoch)
        .where(ResultEpoch.result_id == result_id, ResultEpoch.epoch > query.after)
        .order_by(ResultEpoch.epoch)
        .limit(query.limit)
    )
    return Epochs(
        items=[
            Epoch(
                epoch=row.epoch,
                metrics=row.metrics,
                duration_seconds=row.duration_seconds,
                samples_per_second=row.samples_per_second,
            )
            for row in rows
        ]
    )


async def curves(session: AsyncSession, result_id: int, query: EpochQuery) -> Curves:
    """Each metric over the epochs.

    Raises:
        NotFoundError: there is no such result.
    """
    found = (await epochs(session, result_id, query)).items
    names = sorted({name for epoch in found for name in epoch.metrics})
    return Curves(
        epochs=[epoch.epoch for epoch in found],
        metrics={name: [epoch.metrics.get(name) for epoch in found] for name in names},
    )


async def confusion_matrix(session: AsyncSession, result_id: int) -> ConfusionMatrix:
    """The confusion matrix of a classifier.

    Raises:
        NotFoundError: there is no such result, or it has none.
    """
    result = await find(session, result_id)
    if result.confusion_matrix is None:
        raise NotFoundError(
            f"Result {result_id} has no confusion matrix.",
            advice="Finished classifiers with a test or validation part have one, unless the deployment does without.",
        )
    return ConfusionMatrix.model_validate(result.confusion_matrix)


async def log_of(session: AsyncSession, result_id: int) -> ResultLog:
    """What is kept of a training's output.

    Raises:
        NotFoundError: there is no such result.
    """
    result = await find(session, result_id)
    failure = result.failure or {}
    return ResultLog(
        state=result.state,
        log=failure.get("log"),
        traceback=failure.get("traceback"),
        message=failure.get("message"),
    )


async def stored_model(session: AsyncSession, result_id: int) -> str:
    """The key of a result's model in the object store.

    Raises:
        NotFoundError: there is no such result, or it has no model.
    """
    result = await find(session, result_id)
    if result.model_object is None:
        raise NotFoundError(f"Result {result_id} is {result.state} and has no stored model.")
    return result.model_object


async def delete(session: AsyncSession, result_id: int) -> None:
    """Delete a result that has ended, and its stored model.

    Raises:
        NotFoundError: there is no such result.
        ConflictError: its deployment has not ended, whose state follows from all its results.
        InUseError: an inference uses it.
    """
    # The deployment first, as everybody locks.
    deployment_id = (await find(session, result_id)).deployment_id
    deployment = await session.get(Deployment, deployment_id, with_for_update=True)
    result = await session.get(Result, result_id, with_for_update=True, populate_existing=True)
    if result is None or deployment is None:
        raise _missing(result_id)
    if not DEPLOYMENT.is_final(deployment.state):
        raise ConflictError(
            f"Deployment {deployment_id}, which result {result_id} belongs to, is {deployment.state}.",
            advice=f"Stop deployment {deployment_id}, or wait until it has ended.",
        )
    users = await inferences_of(session, [result_id])
    if users:
        raise InUseError(f"Result {result_id}", users, advice="Delete the inferences first.")
    await discard(session, result)
    await session.flush()


async def discard(session: AsyncSession, result: Result) -> None:
    """Delete a result's row, and have its objects deleted; the caller has checked that nothing needs them."""
    folder = model_key(result.id).rsplit("/", 1)[0] + "/"
    await session.execute(insert(DiscardedFolder).values(prefix=folder).on_conflict_do_nothing())
    outbox.withdraw(session, topics.WORKLOADS, f"training-{result.id}")
    await session.delete(result)
    outbox.tell(session, "results", result.id, "deleted")


async def inferences_of(session: AsyncSession, result_ids: Sequence[int]) -> list[str]:
    """The inferences that use one of these results, such as `inferences/3`."""
    found = await session.scalars(
        select(Inference.id).where(Inference.result_id.in_(result_ids)).order_by(Inference.id).limit(100)
    )
    return [f"inferences/{id_}" for id_ in found]


async def find(session: AsyncSession, result_id: int) -> Result:
    """The row of a result.

    Raises:
        NotFoundError: there is none.
    """
    result = await session.get(Result, result_id)
    if result is None:
        raise _missing(result_id)
    return result


def _missing(result_id: int) -> NotFoundError:
    return NotFoundError(f"There is no result {result_id}.")


def _with_model() -> Select[Result, str]:
    return select(Result, Model.name).join(Model, Model.id == Result.model_id)


def _row_view(row: AnyRow) -> ResultView:
    return _view(row[0], row[1])


def _view(result: Result, model_name: str) -> ResultView:
    return ResultView.model_validate(
        {name: getattr(result, name) for name in ResultView.model_fields if name not in ("model_name", "has_model")}
        | {"model_name": model_name, "has_model": result.model_object is not None}
    )
