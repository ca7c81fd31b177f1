"""Endpoint: what an installation is, and how its parts are."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from kafka_ml_api.health import Health
from kafka_ml_api.logs import RunLogs
from kafka_ml_api.problems import documented
from kafka_ml_api.settings import ApiSettings
from kafka_ml_common import topics

router = APIRouter(prefix="/about", tags=["operations"])

Runtime = Literal["process", "kubernetes"]
_RUNTIMES: dict[str, Runtime] = {"process": "process", "kubernetes": "kubernetes"}


class Check(BaseModel):
    """A part that the platform needs."""

    name: str = Field(examples=["kafka"])
    healthy: bool
    detail: str = Field(description="what is wrong with it; `ok` when nothing is")


class About(BaseModel):
    """What an installation is, and how its parts are."""

    version: str = Field(examples=["0.1.0"])
    bootstrap_servers: str = Field(description="of Kafka, as producers should use them", examples=["localhost:9092"])
    security_protocol: str = Field(examples=["PLAINTEXT"])
    control_topic: str = Field(description="where data streams are announced")
    runtime: Runtime | None = Field(
        description="where trainings and inferences run: as processes beside the scheduler, or as pods; null when it has not told"
    )
    logs: bool = Field(description="whether logs of trainings, inferences and validations can be shown")
    ready: bool = Field(description="whether all that is needed is there")
    checks: list[Check]


@router.get("", summary="About this installation", responses=documented())
async def get_about(request: Request) -> About:
    """Tell how to reach Kafka from outside, and how the platform's parts are."""
    settings: ApiSettings = request.app.state.settings
    health: Health = request.app.state.health
    logs: RunLogs = request.app.state.run_logs
    readiness = await health.readiness()
    checks = readiness.checks | {"scheduler": await logs.check()}
    return About(
        version=request.app.version,
        bootstrap_servers=settings.advertised_bootstrap or settings.kafka.bootstrap_servers,
        security_protocol=settings.kafka.security_protocol,
        control_topic=topics.CONTROL,
        runtime=_RUNTIMES.get(logs.runtime or ""),
        logs=logs.known,
        ready=readiness.ready,
        checks=[Check(name=name, healthy=answer == "ok", detail=answer) for name, answer in checks.items()],
    )
