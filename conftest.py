"""What tests stand on: a real Kafka, PostgreSQL and S3, each started when the first test wants it, in a folder of this test run.

A test asks for `kafka`, `postgres` or `s3`, or for something fresh of its own: `topic`, `topics`, `database_url`, `bucket`.
"""

import contextlib
import os
import re
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from filelock import FileLock, Timeout

from kafka_ml_local import Broker, ObjectStore, Postgres, Stack

RUN_PREFIX = "kafka-ml-tests-"
IN_USE = "in-use.lock"
TOPIC_DEADLINE = 15
"""Seconds in which a topic must have been made."""


def pytest_configure() -> None:
    """Let a run that is told to end (by `timeout`, or a CI's cancel) do so as with Ctrl-C: fixtures are torn down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a developer bring a broker of their own."""
    parser.addoption(
        "--kafka-bootstrap-servers",
        metavar="HOST:PORT",
        help="use this Kafka instead of starting one for the tests",
    )


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The embedded stack of this test run. Nothing of it runs until another fixture, or the test, starts it."""
    stop_abandoned_stacks()
    # not pytest's own temporary folder: those are kept after the run, and their paths are too long for a Unix socket
    folder = Path(tempfile.mkdtemp(prefix=RUN_PREFIX))
    with FileLock(folder / IN_USE):
        stack = Stack(folder)
        try:
            yield stack
        finally:
            stack.stop()
            shutil.rmtree(folder, ignore_errors=True)


def stop_abandoned_stacks() -> None:
    """Stop what test runs left behind that were killed: nobody holds their lock any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{RUN_PREFIX}*"):
        if folder.stat().st_uid == os.getuid() and (folder / IN_USE).exists():
            with contextlib.suppress(Timeout), FileLock(folder / IN_USE, timeout=0):
                Stack(folder).stop()
                shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def broker(stack: Stack) -> Broker:
    """The embedded broker, started; for tests that restart or kill it."""
    stack.broker.start()
    return stack.broker


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """Bootstrap servers of a running Kafka."""
    if outside := request.config.getoption("--kafka-bootstrap-servers"):
        return str(outside)
    started: Broker = request.getfixturevalue("broker")
    return started.bootstrap_servers


@pytest.fixture(scope="session")
def postgres(stack: Stack) -> Postgres:
    """A running PostgreSQL server."""
    stack.postgres.start()
    return stack.postgres


@pytest.fixture(scope="session")
def s3(stack: Stack) -> ObjectStore:
    """A running S3 server: `endpoint`, `access_key`, `secret_key`, `bucket`, `client()`."""
    stack.s3.start()
    return stack.s3


TopicFactory = Callable[..., str]
"""`topics(partitions=1, configs=None, name=None) -> name` of a topic that exists when the call returns."""


@pytest.fixture
def topics(kafka: str, request: pytest.FixtureRequest) -> Iterator[TopicFactory]:
    """Makes topics with fresh names, and removes them after the test."""
    admin = AdminClient({"bootstrap.servers": kafka})
    made: list[str] = []

    def make(partitions: int = 1, configs: Mapping[str, str] | None = None, name: str | None = None) -> str:
        topic = name or unique(request.node.name)
        futures = admin.create_topics([NewTopic(topic, partitions, 1, config=dict(configs or {}))])
        futures[topic].result(TOPIC_DEADLINE)
        made.append(topic)
        return topic

    yield make
    if made:
        for future in admin.delete_topics(made).values():
            with contextlib.suppress(KafkaException, TimeoutError):  # the test may have removed it, or the broker
                future.result(TOPIC_DEADLINE)


@pytest.fixture
def topic(topics: TopicFactory) -> str:
    """A fresh topic with one partition."""
    return topics()


@pytest.fixture
def bucket(s3: ObjectStore, request: pytest.FixtureRequest) -> str:
    """A fresh, empty bucket."""
    name = unique(request.node.name)[-60:].strip("-.")
    s3.client().make_bucket(name)
    return name


@pytest.fixture
def database_url(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh, empty database of PostgreSQL for this test, as a URL for SQLAlchemy with asyncpg."""
    name = unique(request.node.name).replace("-", "_")[-60:]
    yield postgres.create_database(name)
    postgres.drop_database(name)


def unique(test: str) -> str:
    """A name that tells which test it belongs to and is used only once; letters, digits and hyphens."""
    words = re.sub(r"[^a-z0-9]+", "-", test.lower()).strip("-")
    return f"{words[:40].strip('-')}-{uuid.uuid4().hex[:8]}"
