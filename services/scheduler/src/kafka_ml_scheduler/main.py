"""The scheduler's wiring: a runtime, the reconciler that drives it, and a sign of life, until a signal ends it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
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
from kafka_ml_scheduler.plan import START_SECONDS
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

    runtime: Literal["process", "kubernetes"] = Field(
        "process", description="where workloads run: as processes of this machine, or as pods of a cluster"
    )
    state_folder: Path = Field(
        Path.home() / ".kafka-ml" / "scheduler", description="run folders, logs and the sign of life"
    )
    work_folder: Path | None = Field(None, description="where hosts get folders for large files")
    warm_trainers: int = Field(2, ge=0, description="training hosts that wait for work")
    warm_inferers: int = Field(1, ge=0, description="inference hosts that wait for work")
    max_parallel: int = Field(max(2, os.cpu_count() or 1), ge=1, description="trainings that may run at once")
    start_seconds: float = Field(
        START_SECONDS, gt=0, description="how long a missing image or Secret may keep a training from starting"
    )
    on_stop: Literal["keep", "stop"] = Field(
        "keep",
        description="whether workloads go on when the scheduler is stopped, to be adopted by the next, or end and resume then",
    )

    def work_folders(self) -> dict[HostKind, Path]:
        """Where each kind of host gets folders."""
        if self.work_folder is None:
            return default_work_folders(self.state_folder)
        return {"trainer": self.work_folder, "inferer": self.work_folder}


Lead = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
"""Does the work that it is given, as soon as no other scheduler does."""


async def serve(settings: SchedulerSettings, kafka: KafkaSettings, runtime: Runtime, lead: Lead | None = None) -> None:
    """Run the scheduler until SIGTERM or SIGINT.

    Raises:
        UnavailableError: it may not work any more, as another one does.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    reconciler = Reconciler(kafka, runtime, max_parallel=settings.max_parallel, start_seconds=settings.start_seconds)
    sign = settings.state_folder / "ready"
    await runtime.open()

    async def work() -> None:
        tasks = [asyncio.create_task(reconciler.run()), asyncio.create_task(runtime.tend())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def serve_when_chosen() -> None:
        await (lead(work) if lead is not None else work())

    parts = [
        asyncio.create_task(serve_when_chosen(), name="work"),
        asyncio.create_task(_give_signs(sign, reconciler, kafka), name="signs of life"),
    ]
    stopped = asyncio.create_task(stopping.wait(), name="wait for a signal")
    log.info("scheduler started", runtime=settings.runtime, max_parallel=settings.max_parallel)
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
                    if reconciler.at_work and time.monotonic() - reconciler.passed_at > _FRESH_SECONDS:
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
    """Run the scheduler; the exit code is 0 unless it could not."""
    telemetry.configure("scheduler")
    settings, kafka = SchedulerSettings(), KafkaSettings()
    try:
        runtime, lead = _on_kubernetes(kafka) if settings.runtime == "kubernetes" else (_as_processes(settings), None)
        asyncio.run(serve(settings, kafka, runtime, lead))
    except KafkaMLError as error:
        log.error("the scheduler can't run", error=str(error))
        return 1
    return 0


def _as_processes(settings: SchedulerSettings) -> Runtime:
    return ProcessRuntime(
        settings.state_folder,
        work_folders=settings.work_folders(),
        warm={"trainer": settings.warm_trainers, "inferer": settings.warm_inferers},
    )


def _on_kubernetes(kafka: KafkaSettings) -> tuple[Runtime, Lead | None]:
    # Its client takes 50 MB and a second to import; who schedules processes needs none of it.
    from kafka_ml_scheduler.runtimes.kubernetes.leadership import lead
    from kafka_ml_scheduler.runtimes.kubernetes.runtime import KubernetesRuntime
    from kafka_ml_scheduler.runtimes.kubernetes.settings import KubernetesSettings

    chosen = KubernetesSettings()
    runtime = KubernetesRuntime(chosen, kafka.bootstrap_servers)
    if chosen.lease is None:
        return runtime, None
    lease, identity = chosen.lease, chosen.pod_name or socket.gethostname()
    return runtime, lambda work: lead(runtime.client, lease, chosen.namespace, identity, work)


if __name__ == "__main__":
    sys.exit(main())
