"""The embedded stack over starts, stops and crashes. Its folder's name is as awkward as a user's may be."""

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from minio import Minio
from minio.error import S3Error

from kafka_ml_common.errors import UnavailableError
from kafka_ml_local import Broker, ObjectStore, Postgres, Stack

AWKWARD = "Kafka-ML, Prüfung = 1"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that the tests of this module may kill."""
    stack = Stack(tmp_path_factory.mktemp("stack") / AWKWARD)
    try:
        yield stack
    finally:
        stack.stop()


def produce(broker: Broker, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "acks": "all"})
    errors: list[object] = []
    producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(30) == 0
    assert errors == [None]


def first_value(broker: Broker, topic: str) -> bytes | None:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test"})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


def kill(process: psutil.Process | None) -> None:
    assert process is not None
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], timeout=10)


def write_everywhere(stack: Stack, name: str) -> None:
    produce(stack.broker, name, b"kept")
    stack.postgres.execute(f"CREATE TABLE {name} AS SELECT 42 AS answer", "kafka_ml")
    stack.s3.client().put_object("kafka-ml", name, BytesIO(b"kept"), 4, "text/x-test", metadata={"note": "kept"})


def assert_kept(stack: Stack, name: str) -> None:
    assert first_value(stack.broker, name) == b"kept"
    assert [row["answer"] for row in stack.postgres.execute(f"SELECT answer FROM {name}", "kafka_ml")] == [42]
    assert stack.s3.client().get_object("kafka-ml", name).data == b"kept"
    described = stack.s3.client().stat_object("kafka-ml", name)
    assert described.content_type == "text/x-test"
    assert described.metadata is not None
    assert described.metadata["x-amz-meta-note"] == "kept"


def test_a_restart_keeps_data_and_addresses_and_leaves_no_process(own):
    own.start()
    write_everywhere(own, "restart")
    before = own.environment()
    processes = [
        process for service in own.services for process in [service.process, *service.process.children(recursive=True)]
    ]
    own.stop()
    assert [process for process in processes if process.is_running()] == []
    assert [status.running for status in own.status()] == [False, False, False]
    own.start()
    assert own.environment() == before
    assert_kept(own, "restart")


def test_a_second_start_changes_nothing(own):
    own.start()
    pids = [status.pid for status in own.status()]
    again = Stack(own.folder)
    again.start()
    assert [status.pid for status in again.status()] == pids
    assert again.environment() == own.environment()


@pytest.mark.thorough
def test_parallel_starts_end_with_one_stack(own):
    own.stop()
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda stack: stack.start(), [Stack(own.folder) for _ in range(3)]))
    write_everywhere(own, "parallel")
    assert_kept(own, "parallel")


def test_killed_parts_come_back_with_their_data(own):
    own.start()
    write_everywhere(own, "killed")
    before = own.environment()
    for service in own.services:
        kill(service.process)
    assert [status.running for status in own.status()] == [False, False, False]
    own.start()
    assert own.environment() == before
    assert_kept(own, "killed")


def test_a_killed_postgres_comes_back_though_a_session_of_it_was_busy(own):
    own.postgres.start()
    with ThreadPoolExecutor(1) as thread:
        session = thread.submit(own.postgres.execute, "SELECT pg_sleep(60)")
        while not own.postgres.execute("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"):
            assert not session.done()
        kill(own.postgres.service.process)
        own.postgres.start()
        assert session.exception(30) is not None
    assert own.postgres.execute("SELECT 1 AS one")[0]["one"] == 1


@pytest.mark.thorough
def test_half_made_data_folders_are_made_again(tmp_path):
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "meta.properties").write_text("cluster.id=")
    (tmp_path / "postgres" / "data.new").mkdir(parents=True)
    (tmp_path / "postgres" / "data.new" / "PG_VERSION").write_text("18")
    with Stack(tmp_path) as stack:
        assert all(status.ready for status in stack.status())


def test_a_taken_port_is_replaced_at_the_next_start(own):
    own.s3.start()
    before = own.s3.endpoint
    own.s3.stop()
    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):
        own.s3.start()
        assert own.s3.endpoint != before
        assert own.s3.client().bucket_exists("kafka-ml")


@pytest.mark.thorough
def test_a_broker_that_cannot_start_names_its_log(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = Broker(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(UnavailableError) as failure:
            broker.start()
    assert str(tmp_path / "logs" / "kafka.log") in str(failure.value)
    assert "Address already in use" in str(failure.value)
    assert not broker.service.running


def test_addresses_of_what_was_never_started_are_refused(tmp_path):
    for address in (
        lambda: Broker(tmp_path).bootstrap_servers,
        lambda: ObjectStore(tmp_path).endpoint,
        lambda: Postgres(tmp_path).url,
    ):
        with pytest.raises(UnavailableError, match="never started"):
            address()


def test_the_object_store_refuses_strangers(own):
    own.s3.start()
    stranger = Minio(own.s3.endpoint, own.s3.access_key, "wrong", secure=False)
    with pytest.raises(S3Error):
        stranger.list_buckets()
    assert (own.folder / "s3" / "credentials.json").stat().st_mode & 0o077 == 0


def test_an_object_larger_than_one_part_is_stored_whole(own):
    own.s3.start()
    content = bytes(range(256)) * (12 * 4096)
    own.s3.client().put_object("kafka-ml", "large", BytesIO(content), -1, part_size=5 * 1024 * 1024)
    assert own.s3.client().get_object("kafka-ml", "large").data == content


def test_nothing_listens_beyond_this_machine(own):
    own.start()
    for service in own.services:
        for process in [service.process, *service.process.children(recursive=True)]:
            addresses = {c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
            assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_databases_are_made_and_dropped_also_while_in_use(own):
    own.postgres.start()
    url = own.postgres.create_database("short-lived")
    assert url.startswith("postgresql+asyncpg://")
    with ThreadPoolExecutor(1) as thread:
        session = thread.submit(own.postgres.execute, "SELECT pg_sleep(60)", "short-lived")
        while not own.postgres.execute("SELECT 1 FROM pg_stat_activity WHERE datname = 'short-lived'"):
            assert not session.done()
        own.postgres.drop_database("short-lived")
        assert session.exception(30) is not None
    assert not own.postgres.execute("SELECT 1 FROM pg_database WHERE datname = 'short-lived'")


async def test_synchronous_calls_work_where_an_event_loop_runs(own):
    own.postgres.start()
    assert own.postgres.execute("SELECT 1 AS one")[0]["one"] == 1
