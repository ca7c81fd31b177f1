"""Code that is still being written is validated without becoming a model."""

from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select

from kafka_ml_api.housekeeping import Housekeeping
from kafka_ml_api.projector import Projector
from kafka_ml_api.tables import Draft, OutboxMessage
from kafka_ml_api.validations import service
from kafka_ml_api.validations.schemas import DraftCreate
from kafka_ml_common.bus import Publisher
from kafka_ml_common.cloudevents import Envelope, Record
from kafka_ml_common.messages import DraftChecked, Event, Failure, ModelSummary, WorkloadState, WorkloadStatus
from kafka_ml_common.settings import KafkaSettings

CODE = "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile(loss='mse')"
SUMMARY = ModelSummary(layers=(), parameters=3, trainable_parameters=3, input_shape=(2,), output_shape=(1,))


async def draft(api: AsyncClient, code: str = CODE, **more: Any) -> dict[str, Any]:
    response = await api.post("/validations", json={"code": code, **more})
    assert response.status_code == 202, response.text
    view = dict(response.json())
    assert response.headers["location"] == f"/api/v1/validations/{view['id']}"
    return view


async def happen(app: FastAPI, event: Event) -> None:
    """What the validator and the scheduler tell, without them."""
    projector = Projector(app.state.database, KafkaSettings(), Publisher(KafkaSettings(), "test"))
    await projector.project(Envelope(event, "test"), Record("t", b"", b""))


def status(draft_id: int, state: WorkloadState, failure: Failure | None = None) -> WorkloadStatus:
    return WorkloadStatus(
        workload_id=f"validation-draft-{draft_id}",
        kind="validation",
        owner=f"validations/{draft_id}",
        event_key=f"validations/{draft_id}",
        generation=1,
        state=state,
        failure=failure,
    )


async def test_a_draft_is_validated_and_its_outcome_can_be_read(api: AsyncClient, app: FastAPI):
    made = await draft(api)
    assert made["state"] == "validating"
    waiting = Failure(code="no_memory", message="It waits for memory.")
    await happen(app, status(made["id"], WorkloadState.PENDING, waiting))
    assert (await api.get(f"/validations/{made['id']}")).json()["failure"]["code"] == "no_memory"
    await happen(app, DraftChecked(draft=made["id"], summary=SUMMARY))
    found = (await api.get(f"/validations/{made['id']}")).json()
    assert (found["state"], found["summary"]["parameters"], found["failure"]) == ("valid", 3, None)
    # Too late to change it.
    await happen(app, status(made["id"], WorkloadState.FAILED, waiting))
    assert (await api.get(f"/validations/{made['id']}")).json()["state"] == "valid"
    assert (await api.get("/models")).json()["items"] == []


async def test_the_same_code_is_not_validated_again_unless_it_was_given_up(api: AsyncClient, app: FastAPI):
    first = await draft(api)
    wrong = Failure(code="model_error", message="There is no layer Danse.", line=1)
    await happen(app, DraftChecked(draft=first["id"], failure=wrong))
    again = await draft(api)
    assert (again["id"], again["state"], again["failure"]["line"]) == (first["id"], "invalid", 1)
    other = await draft(api, CODE + "\n")
    await happen(app, status(other["id"], WorkloadState.STOPPED))
    assert (await api.get(f"/validations/{other['id']}")).json()["failure"]["code"] == "stopped"
    assert (await draft(api, CODE + "\n"))["id"] != other["id"]


async def test_a_newer_draft_gives_up_the_one_before(api: AsyncClient, app: FastAPI):
    async with app.state.database.transaction() as session:
        first = await service.create(session, DraftCreate(code=CODE))
        newer = await service.create(session, DraftCreate(code=CODE + "\n", supersedes=first.id))
        withdrawn = (await session.scalars(select(OutboxMessage.key).where(OutboxMessage.value.is_(None)))).all()
    assert withdrawn == [b"validation-draft-%d" % first.id]
    given_up = (await api.get(f"/validations/{first.id}")).json()
    assert (given_up["state"], given_up["failure"]["code"]) == ("invalid", "stopped")
    # The outcome that comes all the same is too late; and the code may be asked for again.
    await happen(app, DraftChecked(draft=first.id, summary=SUMMARY))
    assert (await api.get(f"/validations/{first.id}")).json()["state"] == "invalid"
    assert (await draft(api, supersedes=newer.id))["state"] == "validating"


async def test_a_draft_that_has_ended_or_never_was_is_not_given_up(api: AsyncClient, app: FastAPI):
    first = await draft(api)
    await happen(app, DraftChecked(draft=first["id"], summary=SUMMARY))
    assert (await draft(api, CODE + "\n", supersedes=first["id"]))["state"] == "validating"
    assert (await api.get(f"/validations/{first['id']}")).json()["state"] == "valid"
    assert (await draft(api, CODE + "\n\n", supersedes=999))["state"] == "validating"
    assert (await api.get("/validations/999")).status_code == 404


async def test_a_request_that_is_sent_again_asks_for_one_validation(api: AsyncClient):
    key = {"Idempotency-Key": "k"}
    answers = [await api.post("/validations", json={"code": CODE}, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()


async def test_drafts_are_forgotten_after_an_hour(api: AsyncClient, app: FastAPI):
    made = await draft(api)
    housekeeping = Housekeeping(app.state.database, app.state.objects)
    await housekeeping.forget_drafts()
    assert (await api.get(f"/validations/{made['id']}")).status_code == 200
    async with app.state.database.transaction() as session:
        row = await session.get_one(Draft, made["id"])
        row.created_at = row.created_at.replace(year=2020)
    await housekeeping.forget_drafts()
    assert (await api.get(f"/validations/{made['id']}")).status_code == 404


async def test_a_draft_without_code_is_refused(api: AsyncClient):
    response = await api.post("/validations", json={"code": ""})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/code")
    response = await api.post("/validations", json={"code": CODE, "supersedes": 0})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/supersedes")
