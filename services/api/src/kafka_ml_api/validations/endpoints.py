"""REST endpoints of validations."""

from fastapi import APIRouter, Response

from kafka_ml_api.idempotency import Writes
from kafka_ml_api.parameters import Db, Id
from kafka_ml_api.problems import WRITE_STATUSES, documented
from kafka_ml_api.validations import service
from kafka_ml_api.validations.schemas import DraftCreate, DraftView

router = APIRouter(prefix="/validations", tags=["models"])


@router.post(
    "",
    status_code=202,
    response_model=DraftView,
    summary="Validate code that is being written",
    responses=documented(*WRITE_STATUSES, 409),
)
async def create_validation(request: DraftCreate, write: Writes) -> Response:
    """Have code built as a model's would be, without keeping a model. `state` tells the outcome within seconds.

    The same code is not built again within minutes: the answer then has the outcome that is known.
    """
    return await write.create(lambda session: service.create(session, request), "validations", status=202)


@router.get("/{id}", summary="Get a validation", responses=documented(404))
async def get_validation(id: Id, db: Db) -> DraftView:  # noqa: A002 - the name in the path
    """Get what the validation of a draft said."""
    async with db.transaction() as session:
        return await service.get(session, id)
