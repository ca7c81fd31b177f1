"""The platform on this machine: the embedded stack and our own services, in the order of their start.

Processes run in the background and outlive the command that started them; whoever knows the folder finds, judges and stops them.
"""

import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from kafka_ml_cli.context import DEFAULT_PORT
from kafka_ml_common.errors import ConflictError, UnavailableError
from kafka_ml_local import Service, Stack, Status
from kafka_ml_local.ports import LOOPBACK, free_port, is_free, kept_ports
from kafka_ml_local.processes import write_atomically
from kafka_ml_local.stack import status

DEFAULT_KAFKA_PORT = 9092
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
_OF_ONE_SERVICE = (
    *("KAFKA_ML_DATABASE_URL", "KAFKA_ML_METRICS_PORT", "KAFKA_ML_STATE_FOLDER"),
    *("KAFKA_ML_SCHEDULER_URL", "KAFKA_ML_SCHEDULER_HOST", "KAFKA_ML_SCHEDULER_PORT", "KAFKA_ML_SCHEDULER_TOKEN"),
)
_READY_FILE_SECONDS = 15


@dataclass
class Platform:
    """Everything that runs on this machine, with its data in `folder`.

    Attributes:
        port: of the REST API; 0 takes the one used before, or 8000, or a free one.
    """

    folder: Path
    port: int = 0
    stack: Stack = field(init=False)
    api: Service = field(init=False)
    control: Service = field(init=False)
    scheduler: Service = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()
        self.stack = Stack(self.folder / "stack")
        self.api = self._service("api", self._api_is_ready)
        self.control = self._service("control", self._touched("control"))
        # The scheduler ends its workloads before itself, so it gets more time.
        self.scheduler = self._service("scheduler", self._touched("scheduler"), stop_within=40)

    @property
    def services(self) -> list[Service]:
        """Our own services, in the order of their start."""
        return [self.api, self.control, self.scheduler]

    @property
    def url(self) -> str:
        """Address of the REST API."""
        return f"http://127.0.0.1:{self._known_port()}"

    def start(self) -> Generator[str, None, None]:
        """Start what does not run, part by part, and yield what is being done.

        If a part fails and nothing ran before, what was started is stopped again.

        Raises:
            UnavailableError: a part did not start; names its log and the last lines.
            ConflictError: the API runs on another port than the one that was chosen.
        """
        started_here = not self.running
        try:
            yield "Kafka, PostgreSQL and an object store"
            self._choose_kafka_port()
            self.stack.start()
            self._choose_port()
            environment = self.environment()
            port, token = str(self._scheduler_port()), {"KAFKA_ML_SCHEDULER_TOKEN": self._scheduler_token()}
            of_api = {
                "KAFKA_ML_DATABASE_URL": self.stack.environment()["KAFKA_ML_DATABASE_URL"],
                "KAFKA_ML_SCHEDULER_URL": f"http://{LOOPBACK}:{port}",
            }
            yield "The API"
            self._start(self.api, environment | of_api | token)
            yield "Control and scheduler"
            self._start(self.control, environment)
            self._start(self.scheduler, environment | {"KAFKA_ML_SCHEDULER_PORT": port} | token)
            addresses = {"url": self.url, "kafka": self.stack.broker.bootstrap_servers}
            write_atomically(self.folder / "installation.json", json.dumps(addresses))
        except BaseException:  # KeyboardInterrupt too
            if started_here:
                self.stop()
            raise

    def stop(self) -> None:
        """Stop everything, whoever started it; data and logs stay."""
        for service in reversed(self.services):
            service.stop()
        self._end_orphans()
        self.stack.stop()

    def _end_orphans(self) -> None:
        """End workloads whose scheduler was killed. A host works in its run folder, and a guest ends with its host."""
        state = self.state_folder("scheduler").resolve()
        orphans = [process for process in psutil.process_iter() if _is_host_in(process, state)]
        for process in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(orphans, timeout=10)

    @property
    def running(self) -> bool:
        """Whether any part runs."""
        return any(service.running for service in (*self.services, *self.stack.services))

    def status(self) -> list[Status]:
        """How each part is."""
        ours = [status(service, (lambda: self.url) if service is self.api else str) for service in self.services]
        return [*self.stack.status(), *ours]

    def environment(self) -> dict[str, str]:
        """The variables of our services, without the database's address, which only the API gets."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED_ON or (name.startswith("KAFKA_ML_") and name not in _OF_ONE_SERVICE)
        }
        stack = {name: value for name, value in self.stack.environment().items() if name != "KAFKA_ML_DATABASE_URL"}
        return kept | stack | {"KAFKA_ML_API_PORT": str(self._known_port()), "PYTHONUNBUFFERED": "1"}

    def state_folder(self, name: str) -> Path:
        """Where a service keeps what it needs over restarts."""
        return self.folder / name

    def _service(self, name: str, ready: Callable[[], bool], stop_within: float = 20) -> Service:
        return Service(
            name=name,
            # Without -P the data folder, where it works, would be searched for modules.
            command=[sys.executable, "-P", "-m", f"kafka_ml_{name}"],
            folder=self.folder,
            ready=ready,
            start_within=90,
            stop_within=stop_within,
            working_folder=self.folder,
        )

    def _start(self, service: Service, environment: dict[str, str]) -> None:
        state = self.state_folder(service.name)
        state.mkdir(parents=True, exist_ok=True)
        if not service.running:
            (state / "ready").unlink(missing_ok=True)
        service.environment = environment | {"KAFKA_ML_STATE_FOLDER": str(state), "KAFKA_ML_ON_STOP": "stop"}
        service.start()

    def _touched(self, name: str) -> Callable[[], bool]:
        ready = self.state_folder(name) / "ready"

        def is_fresh() -> bool:
            try:
                return time.time() - ready.stat().st_mtime < _READY_FILE_SECONDS
            except FileNotFoundError:
                return False

        return is_fresh

    def _api_is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=3).is_success
        except httpx.HTTPError:
            return False

    def _choose_kafka_port(self) -> None:
        """Take the port that clients expect, if it is free at the first start; later the broker keeps what it had."""
        if not (self.stack.folder / "kafka").exists() and is_free(DEFAULT_KAFKA_PORT):
            self.stack.broker.port = DEFAULT_KAFKA_PORT

    def _choose_port(self) -> None:
        if self.api.running:
            if self.port not in (0, self._remembered_port()):
                raise ConflictError(
                    f"The API runs on port {self._remembered_port()} already.",
                    advice="`kafka-ml down` first, then choose another.",
                )
            return
        wanted = [self.port] if self.port else [self._remembered_port(), DEFAULT_PORT]
        free = next((port for port in wanted if is_free(port)), None)
        if free is None and self.port:
            raise UnavailableError(
                f"Port {self.port} is taken by another program.", advice="Choose another with --port."
            )
        self.port = free or free_port()
        write_atomically(self.folder / "api.port", str(self.port))

    def _scheduler_port(self) -> int:
        """Where the scheduler answers: as before while somebody counts on it, else if it is free."""
        file = self.folder / "scheduler.port"
        if self.api.running or self.scheduler.running:
            with contextlib.suppress(FileNotFoundError, ValueError):
                return int(json.loads(file.read_text())[0])
        return kept_ports(file, 1)[0]

    def _scheduler_token(self) -> str:
        """What the API tells the scheduler to be shown logs; made once, and for the owner's eyes."""
        file = self.folder / "scheduler.token"
        if not file.exists():
            write_atomically(file, secrets.token_urlsafe(32), mode=0o600)
        return file.read_text()

    def _known_port(self) -> int:
        return self.port or self._remembered_port()

    def _remembered_port(self) -> int:
        try:
            return int((self.folder / "api.port").read_text())
        except (FileNotFoundError, ValueError):
            return DEFAULT_PORT


def _is_host_in(process: psutil.Process, folder: Path) -> bool:
    try:
        ours = process.cmdline()[-1:] in (["kafka_ml_trainer"], ["kafka_ml_inferer"])
        return ours and Path(process.cwd()).is_relative_to(folder)
    except (psutil.Error, OSError):
        return False
