"""The scheduler's wiring: a runtime, the reconciler that drives it, and a sign of life, until a signal ends it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafka_ml_common import telemetry
from kafka_ml_common.errors import KafkaMLError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_scheduler.http import HttpSettings, serve_http
from kafka_ml_scheduler.reconciler import Reconciler
from kafka_ml_scheduler.runtimes.base import Runtime
from kafka_ml_scheduler.runtimes.pool import HostKind
from kafka_ml_scheduler.runtimes.process import ProcessRuntime, default_work_folders

log = structlog.get_logger(__name__)

_SIGN_SECONDS = 2.0
_FRESH_SECONDS = 10.0


class SchedulerSettings(BaseSettings):
    """How the scheduler works, from `KAFKA_ML_...` variables."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_", extra="ignore")

    state_folder: Path = Field(
        Path.home() / ".kafka-ml" / "scheduler", description="run folders, logs and the sign of life"
    )
    work_folder: Path | None = Field(None, description="where hosts get folders for large files")
    warm_trainers: int = Field(2, ge=0, description="training hosts that wait for work")
    warm_inferers: int = Field(1, ge=0, description="inference hosts that wait for work")
    max_parallel: int = Field(max(2, os.cpu_count() or 1), ge=1, description="trainings that may run at once")
    on_stop: Literal["keep", "stop"] = Field(
        "keep",
        description="whether workloads go on when the scheduler is stopped, to be adopted by the next, or end and resume then",
    )

    def work_folders(self) -> dict[HostKind, Path]:
        """Where each kind of host gets folders."""
        if self.work_folder is None:
            return default_work_folders(self.state_folder)
        return {"trainer": self.work_folder, "inferer": self.work_folder}


async def serve(settings: SchedulerSettings, kafka: KafkaSettings, runtime: Runtime) -> None:
    """Run the scheduler until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await runtime.open()
    reconciler = Reconciler(kafka, runtime, max_parallel=settings.max_parallel)
    sign = settings.state_folder / "ready"
    parts = [
        asyncio.create_task(reconciler.run(), name="reconciler"),
        asyncio.create_task(_give_signs(sign, reconciler, kafka), name="signs of life"),
    ]
    stopped = asyncio.create_task(stopping.wait(), name="wait for a signal")
    log.info("scheduler started", state_folder=str(settings.state_folder), max_parallel=settings.max_parallel)
    try:
        async with serve_http(HttpSettings(), runtime, ready=lambda: _is_fresh(sign)):
            await asyncio.wait([*parts, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for part in (*parts, stopped):
            part.cancel()
        outcomes = await asyncio.gather(*parts, return_exceptions=True)
        await runtime.close(stop=settings.on_stop == "stop" and stopping.is_set())
        log.info("scheduler stopped", workloads=settings.on_stop)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
            raise outcome


async def _give_signs(sign: Path, reconciler: Reconciler, kafka: KafkaSettings) -> None:
    """Touch the file while passes are made and the broker answers; remove it when not. Liveness is progress, not a process."""
    sign.unlink(missing_ok=True)  # noqa: ASYNC240 - a local file, once
    while True:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with _admin(kafka) as admin:
                while True:
                    await asyncio.wait_for(admin.describe_cluster(), _FRESH_SECONDS / 2)
                    if time.monotonic() - reconciler.passed_at > _FRESH_SECONDS:
                        break
                    _touch(sign)
                    await asyncio.sleep(_SIGN_SECONDS)
        sign.unlink(missing_ok=True)  # noqa: ASYNC240
        await asyncio.sleep(_SIGN_SECONDS / 4)


@contextlib.asynccontextmanager
async def _admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka.aiokafka())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _touch(sign: Path) -> None:
    sign.parent.mkdir(parents=True, exist_ok=True)
    sign.touch()


def _is_fresh(sign: Path) -> bool:
    try:
        return time.time() - sign.stat().st_mtime < _FRESH_SECONDS
    except OSError:
        return False


def main() -> int:
    """Run the scheduler with the process runtime; the exit code is 0 unless it could not."""
    telemetry.configure("scheduler")
    settings = SchedulerSettings()
    runtime = ProcessRuntime(
        settings.state_folder,
        work_folders=settings.work_folders(),
        warm={"trainer": settings.warm_trainers, "inferer": settings.warm_inferers},
    )
    try:
        asyncio.run(serve(settings, KafkaSettings(), runtime))
    except KafkaMLError as error:
        log.error("the scheduler can't run", error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
