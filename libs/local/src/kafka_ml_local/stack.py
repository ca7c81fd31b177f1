"""The three parts together: what a platform on one machine stands on."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from kafka_ml_local.broker import Broker
from kafka_ml_local.postgres import Postgres
from kafka_ml_local.processes import Service
from kafka_ml_local.s3 import ObjectStore


@dataclass(frozen=True, slots=True)
class Status:
    """One part of the stack, now.

    Attributes:
        pid: None if it doesn't run.
        memory: resident, of it and its children, in bytes; 0 if it doesn't run.
    """

    name: str
    running: bool
    ready: bool
    pid: int | None
    memory: int
    address: str | None
    log: Path


@dataclass
class Stack:
    """Kafka, PostgreSQL and S3 with all their data in one folder. As a context manager: started, and stopped at the end."""

    folder: Path
    broker: Broker = field(init=False)
    postgres: Postgres = field(init=False)
    s3: ObjectStore = field(init=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder).expanduser().absolute()
        self.broker = Broker(self.folder)
        self.postgres = Postgres(self.folder)
        self.s3 = ObjectStore(self.folder)

    @property
    def services(self) -> list[Service]:
        """The processes of the stack."""
        return [self.broker.service, self.postgres.service, self.s3.service]

    def start(self) -> None:
        """Start what doesn't run, all at once, and wait until everything serves. If one part fails, those started here are stopped.

        Raises:
            UnavailableError: the reason of the part that failed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        found = {service.name for service in self.services if service.running}
        try:
            _all_at_once([self.broker.start, self.postgres.start, self.s3.start])
        except BaseException:  # KeyboardInterrupt too
            _all_at_once([service.stop for service in self.services if service.name not in found])
            raise

    def stop(self) -> None:
        """Stop everything, whoever started it; the data stays."""
        _all_at_once([self.broker.stop, self.postgres.stop, self.s3.stop])

    def environment(self) -> dict[str, str]:
        """The variables by which services of Kafka-ML find the stack. Known once it was started."""
        return {
            "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "KAFKA_ML_DATABASE_URL": self.postgres.url,
            "KAFKA_ML_S3_ENDPOINT": self.s3.endpoint,
            "KAFKA_ML_S3_ACCESS_KEY": self.s3.access_key,
            "KAFKA_ML_S3_SECRET_KEY": self.s3.secret_key,
            "KAFKA_ML_S3_SECURE": "false",
            "KAFKA_ML_S3_BUCKET": self.s3.bucket,
        }

    def status(self) -> list[Status]:
        """What runs, serves, and how much memory it takes. No address holds a password."""
        addresses: list[Callable[[], str]] = [
            lambda: self.broker.bootstrap_servers,
            lambda: str(self.postgres.sockets),
            lambda: self.s3.endpoint,
        ]
        return [status(service, address) for service, address in zip(self.services, addresses, strict=True)]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def status(service: Service, address: Callable[[], str]) -> Status:
    """Look at a service; its address is asked for only if it runs."""
    process = service.process
    memory = 0
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory = sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])
    return Status(
        name=service.name,
        running=process is not None,
        ready=process is not None and service.is_ready(),
        pid=process.pid if process else None,
        memory=memory,
        address=address() if process else None,
        log=service.log,
    )


def _all_at_once(actions: list[Callable[[], None]]) -> None:
    """Run all in threads of their own, wait for all, then raise the first error."""
    with ThreadPoolExecutor(max(1, len(actions))) as threads:
        done = [threads.submit(action) for action in actions]
    for action in done:
        action.result()
