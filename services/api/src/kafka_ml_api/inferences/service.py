"""What can be done with inferences. REST and commands come here; each function runs in the caller's transaction."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.inferences.schemas import InferenceQuery, InferenceView
from kafka_ml_api.inferences.topics import TopicMaker
from kafka_ml_api.pagination import AnyRow, Columns, Page, contains, read_page
from kafka_ml_api.states import INFERENCE, RESULT, InferenceState
from kafka_ml_api.tables import Datasource, Deployment, Inference, Model, ModelVersion, Result
from kafka_ml_common import topics
from kafka_ml_common.errors import ConflictError, InvalidError, NotFoundError
from kafka_ml_common.requests import InferenceCreate, InferenceModelSwap, InferenceScale, ResultInferenceCreate
from kafka_ml_common.streams import ControlMessage, InputFormat, StreamError, parse_config
from kafka_ml_common.workloads import InferenceSettings, InferenceSpec, ModelCode

_OUR_TOPICS = frozenset(topic.name for topic in topics.TOPICS)
_MAX_PARTITIONS = 100


@dataclass(frozen=True, slots=True)
class _Trained:
    """A trained model with where it comes from; `stream` is what it was trained on."""

    result: Result
    model: Model
    version: ModelVersion
    stream: ControlMessage | None

    @property
    def code(self) -> ModelCode:
        return ModelCode(
            model_id=self.model.id, version=self.version.version, name=self.model.name, code=self.version.code
        )

    @property
    def output_shape(self) -> Any:
        return (self.version.summary or {}).get("output_shape")


async def create(session: AsyncSession, request: InferenceCreate, maker: TopicMaker) -> InferenceView:
    """Deploy a trained model between two topics, which are created if they are missing.

    Raises:
        InvalidError: the result does not exist, the topics can't be used, or the input's format is unknown or does not fit.
        ConflictError: the result has no trained model.
        UnavailableError: Kafka can't be reached.
    """
    try:
        trained = await _trained(session, request.result_id)
    except NotFoundError as error:
        raise InvalidError(error.message, pointer="/result_id") from error
    _check_topics(request)
    input_format, input_config = _input_of(request, trained)
    # No more replicas than partitions have work.
    most = max(request.replicas, request.autoscaling.max_replicas if request.autoscaling else 1)
    await maker.ensure(
        {request.input_topic: "/input_topic", request.output_topic: "/output_topic"}, min(most, _MAX_PARTITIONS)
    )
    inference = Inference(
        result_id=request.result_id,
        description=request.description,
        input_topic=request.input_topic,
        output_topic=request.output_topic,
        input_format=input_format.value,
        input_config=input_config,
        settings=request.settings().model_dump(mode="json"),
        replicas=request.replicas,
        generation=1,
        progress={},
    )
    session.add(inference)
    await session.flush()
    _ask_for(session, inference, trained)
    outbox.tell(session, "inferences", inference.id, "created", inference.state)
    await session.flush()
    return _view(inference, trained.model.name, trained.version.model_id, trained.version.version)


async def create_for_result(
    session: AsyncSession, result_id: int, request: ResultInferenceCreate, maker: TopicMaker
) -> InferenceView:
    """The same, for a result that the path names.

    Raises:
        NotFoundError: there is no such result.
    """
    await _trained(session, result_id)
    return await create(session, InferenceCreate(result_id=result_id, **request.model_dump()), maker)


async def get(session: AsyncSession, inference_id: int) -> InferenceView:
    """One inference.

    Raises:
        NotFoundError: there is none.
    """
    row = (await session.execute(_with_model().where(Inference.id == inference_id))).first()
    if row is None:
        raise _missing(inference_id)
    return _view(*row)


async def list_page(session: AsyncSession, query: InferenceQuery) -> Page[InferenceView]:
    """A page of the inferences."""
    statement = _with_model()
    if query.state:
        statement = statement.where(Inference.state == query.state)
    if query.text:
        statement = statement.where(
            or_(
                *(
                    contains(column, query.text)
                    for column in (Model.name, Inference.input_topic, Inference.output_topic)
                )
            )
        )
    if query.result_id is not None:
        statement = statement.where(Inference.result_id == query.result_id)
    return await read_page(session, statement, query, Columns(Inference.id), _row_view)


async def scale(session: AsyncSession, inference_id: int, request: InferenceScale) -> InferenceView:
    """Change the number of replicas. Those that go on are not disturbed, so the generation stays.

    Raises:
        NotFoundError: there is no such inference.
        ConflictError: it is being stopped, or has ended.
    """
    inference = await _going(session, inference_id)
    inference.replicas = request.replicas
    _ask_for(session, inference, await _trained(session, inference.result_id))
    return await _updated(session, inference)


async def swap_model(session: AsyncSession, inference_id: int, request: InferenceModelSwap) -> InferenceView:
    """Give an inference another trained model that takes the same input and gives the same kind of output.

    Raises:
        NotFoundError: there is no such inference.
        InvalidError: there is no such result.
        ConflictError: the inference is being stopped or has ended, or the other model does not fit.
    """
    inference = await _going(session, inference_id)
    try:
        new = await _trained(session, request.result_id)
    except NotFoundError as error:
        raise InvalidError(error.message, pointer="/result_id") from error
    _check_fits(await _trained(session, inference.result_id), new, inference)
    inference.result_id = request.result_id
    inference.generation += 1
    _ask_for(session, inference, new)
    return await _updated(session, inference)


async def stop(session: AsyncSession, inference_id: int) -> InferenceView:
    """Stop an inference: what was read is predicted and committed, and nothing more.

    Raises:
        NotFoundError: there is no such inference.
        ConflictError: it is being stopped, or has ended.
    """
    inference = await _going(session, inference_id)
    inference.state = INFERENCE.advance(inference.state, InferenceState.STOPPING)
    _withdraw(session, inference_id)
    return await _updated(session, inference)


async def delete(session: AsyncSession, inference_id: int) -> None:
    """Delete an inference that has ended, or is about to.

    Raises:
        NotFoundError: there is no such inference.
        ConflictError: it has not been stopped.
    """
    inference = await _find_locked(session, inference_id)
    if inference.state in (InferenceState.PENDING, InferenceState.RUNNING):
        raise ConflictError(f"Inference {inference_id} is {inference.state}.", advice="Stop it first.")
    _withdraw(session, inference_id)
    await session.delete(inference)
    outbox.tell(session, "inferences", inference_id, "deleted")
    await session.flush()


def _check_topics(request: InferenceCreate) -> None:
    for field in ("input_topic", "output_topic"):
        name = getattr(request, field)
        if name in (".", "..") or name in _OUR_TOPICS or name.startswith("__"):
            raise InvalidError(
                f"Topic {name} is not for data.", advice="Choose a topic of your own.", pointer=f"/{field}"
            )
    if request.input_topic == request.output_topic:
        raise InvalidError(
            "Input and output are the same topic, so predictions would be predicted for ever.",
            advice="Choose another output topic.",
            pointer="/output_topic",
        )


def _input_of(request: InferenceCreate, trained: _Trained) -> tuple[InputFormat, dict[str, Any]]:
    """Format and configuration of the input: those that were asked for, else those that the model was trained on."""
    stream = trained.stream
    input_format = request.input_format or (stream.input_format if stream else None)
    if input_format is None:
        raise InvalidError(
            f"What result {trained.result.id} was trained on is not known.",
            advice="Give input_format and input_config.",
            pointer="/input_format",
        )
    same = stream is not None and input_format is stream.input_format
    config = (
        request.input_config if request.input_config is not None else stream.input_config if stream and same else {}
    )
    try:
        parse_config(input_format, config)
    except StreamError as error:
        raise InvalidError(error.message, advice=error.advice, pointer="/input_config") from error
    return input_format, config


def _check_fits(old: _Trained, new: _Trained, inference: Inference) -> None:
    if new.stream is not None and new.stream.input_format.value != inference.input_format:
        raise ConflictError(
            f"Result {new.result.id} was trained on {new.stream.input_format}, but the inference reads "
            f"{inference.input_format}.",
            advice="Deploy it as an inference of its own.",
            pointer="/result_id",
        )
    for what, before, after in (
        ("takes input", old.result.input_shape, new.result.input_shape),
        ("gives output", old.output_shape, new.output_shape),
    ):
        if before is not None and after is not None and before != after:
            raise ConflictError(
                f"The model of result {new.result.id} {what} of shape {after}, the present one {before}.",
                advice="Deploy it as an inference of its own.",
                pointer="/result_id",
            )


async def _trained(session: AsyncSession, result_id: int) -> _Trained:
    """A result's trained model.

    Raises:
        NotFoundError: there is no such result.
        ConflictError: it has no trained model.
    """
    row = (
        await session.execute(
            select(Result, Model, ModelVersion, Datasource.stream)
            .join(Model, Model.id == Result.model_id)
            .join(
                ModelVersion,
                (ModelVersion.model_id == Result.model_id) & (ModelVersion.version == Result.model_version),
            )
            .join(Deployment, Deployment.id == Result.deployment_id)
            .outerjoin(Datasource, Datasource.id == Deployment.datasource_id)
            .where(Result.id == result_id)
            .with_for_update(of=Result, key_share=True, read=True)
        )
    ).first()
    if row is None:
        raise NotFoundError(f"There is no result {result_id}.")
    result, model, version, stream = row
    if result.model_object is None or not RESULT.is_final(result.state):
        raise ConflictError(
            f"Result {result_id} is {result.state} and has no trained model.",
            advice="Only finished results, and stopped ones with an epoch done, can be deployed.",
            pointer="/result_id",
        )
    return _Trained(result, model, version, ControlMessage.model_validate(stream) if stream else None)


def _ask_for(session: AsyncSession, inference: Inference, trained: _Trained) -> None:
    spec = InferenceSpec(
        generation=inference.generation,
        inference_id=inference.id,
        result_id=trained.result.id,
        model=trained.code,
        model_object=trained.result.model_object or "",
        input_format=InputFormat(inference.input_format),
        input_config=inference.input_config,
        input_topic=inference.input_topic,
        output_topic=inference.output_topic,
        replicas=inference.replicas,
        settings=InferenceSettings.model_validate(inference.settings),
    )
    outbox.enqueue(session, spec)


def _withdraw(session: AsyncSession, inference_id: int) -> None:
    outbox.withdraw(session, topics.WORKLOADS, f"inference-{inference_id}")


async def _updated(session: AsyncSession, inference: Inference) -> InferenceView:
    outbox.tell(session, "inferences", inference.id, "updated", inference.state)
    await session.flush()
    return await get(session, inference.id)


async def _going(session: AsyncSession, inference_id: int) -> Inference:
    inference = await _find_locked(session, inference_id)
    if inference.state not in (InferenceState.PENDING, InferenceState.RUNNING):
        raise ConflictError(f"Inference {inference_id} is {inference.state}.", advice="Deploy the result anew.")
    return inference


async def _find_locked(session: AsyncSession, inference_id: int) -> Inference:
    inference = await session.get(Inference, inference_id, with_for_update=True)
    if inference is None:
        raise _missing(inference_id)
    return inference


def _missing(inference_id: int) -> NotFoundError:
    return NotFoundError(f"There is no inference {inference_id}.")


def _with_model() -> Select[Inference, str, int, int]:
    return (
        select(Inference, Model.name, Result.model_id, Result.model_version)
        .join(Result, Result.id == Inference.result_id)
        .join(Model, Model.id == Result.model_id)
    )


def _row_view(row: AnyRow) -> InferenceView:
    return _view(row[0], row[1], row[2], row[3])


def _view(inference: Inference, model_name: str, model_id: int, model_version: int) -> InferenceView:
    joined = {"model_name": model_name, "model_id": model_id, "model_version": model_version}
    own = {name: getattr(inference, name) for name in InferenceView.model_fields if name not in joined}
    return InferenceView.model_validate(own | joined)
