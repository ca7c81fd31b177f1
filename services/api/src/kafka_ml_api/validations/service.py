"""Use cases: validate code that is still being written.

It takes the way of a model's version: a workload for the scheduler, a validator, an event. What was validated a moment ago is not
validated again, as people undo what they have typed.
"""

import hashlib
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kafka_ml_api import outbox
from kafka_ml_api.db import now
from kafka_ml_api.states import VersionState
from kafka_ml_api.tables import Draft
from kafka_ml_api.validations.schemas import DraftCreate, DraftView
from kafka_ml_common import topics
from kafka_ml_common.errors import NotFoundError
from kafka_ml_common.messages import Failure
from kafka_ml_common.workloads import ModelCode, ValidationSpec

KEPT_HOURS = 1
_FRESH = timedelta(minutes=10)
# Told by circumstances and not by the code; the next time may be better.
_PASSING = frozenset({"stopped", "killed", "timeout", "out_of_memory"})
_GIVEN_UP = Failure(code="stopped", message="It was given up, as newer code took its place.")


async def create(session: AsyncSession, request: DraftCreate) -> DraftView:
    """Have code validated, or give what the same code's validation has said."""
    if request.supersedes is not None:
        await _give_up(session, request.supersedes)
    code_hash = hashlib.sha256(request.code.encode()).digest()
    known = await session.scalar(
        select(Draft)
        .where(Draft.code_hash == code_hash, Draft.created_at > now() - _FRESH, Draft.state != VersionState.VALIDATING)
        .order_by(Draft.id.desc())
        .limit(1)
    )
    if known is not None and (known.failure or {}).get("code") not in _PASSING:
        return view(known)
    draft = Draft(code_hash=code_hash, state=VersionState.VALIDATING)
    session.add(draft)
    await session.flush()
    code = ModelCode(model_id=0, version=0, name="draft", code=request.code)
    # Tried once: who has written on by then has asked anew.
    outbox.enqueue(session, ValidationSpec(model=code, draft=draft.id, attempts=1))
    return view(draft)


async def get(session: AsyncSession, draft_id: int) -> DraftView:
    """What the validation of a draft said.

    Raises:
        NotFoundError: there is none, or no longer one.
    """
    draft = await session.get(Draft, draft_id)
    if draft is None:
        raise NotFoundError(f"There is no validation {draft_id}, or no longer one.")
    return view(draft)


def view(draft: Draft) -> DraftView:
    """A draft as it is shown."""
    return DraftView.model_validate(
        {name: getattr(draft, name) for name in ("id", "state", "summary", "failure", "created_at")}
    )


async def _give_up(session: AsyncSession, draft_id: int) -> None:
    draft = await session.get(Draft, draft_id, with_for_update=True)
    if draft is not None and draft.state is VersionState.VALIDATING:
        # Said here, as of work that was withdrawn before anybody began with it nobody else tells the end.
        draft.state, draft.failure = VersionState.INVALID, _GIVEN_UP.model_dump(mode="json")
        outbox.withdraw(session, topics.WORKLOADS, f"validation-draft-{draft_id}")
