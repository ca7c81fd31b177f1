"""Apache Kafka: one node in KRaft mode, broker and controller in one process."""

import base64
import json
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from kafka_ml_common.errors import UnavailableError
from kafka_ml_local.java import environment, java, properties_text
from kafka_ml_local.ports import LOOPBACK, is_open, kept_ports
from kafka_ml_local.processes import Service, write_atomically

JVM_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseG1GC",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)

# A single replica; few partitions of the internal topics, as each costs files and time at start. The first rebalance of a group
# doesn't wait for more members. Topics appear when written to, as producers of the earlier Kafka-ML rely on.
# After a crash the broker is let back in only when its former session has run out, so that one is short.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "true",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "broker.heartbeat.interval.ms": "1000",
    "broker.session.timeout.ms": "4000",
    "group.initial.rebalance.delay.ms": "0",
    "log.segment.bytes": str(128 * 1024 * 1024),
    "message.max.bytes": str(16 * 1024 * 1024),
    "replica.fetch.max.bytes": str(16 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
}


@dataclass
class Broker:
    """A Kafka broker on the loopback interface, its data in `<folder>/kafka`.

    Attributes:
        folder: holds the data, logs and process records of the stack.
        port: 0 takes the port of the last start if it is free, else any.
    """

    folder: Path
    port: int = 0
    service: Service = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder).expanduser().absolute()
        # Paths are told relative to the working folder: Kafka splits `log.dirs` at commas
        self.service = Service(
            "kafka",
            self._prepare,
            self.folder,
            ready=self._serves,
            stop_within=20,
            working_folder=self._home,
            environment=environment(),
        )
        self._addresses = self._home / "ports.json"

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, as Kafka clients want it. Known once the broker was started."""
        return f"{LOOPBACK}:{self._ports()[0]}"

    def start(self) -> None:
        """Start the broker, or find it running, and wait until it answers clients.

        Raises:
            UnavailableError: with the reason, the log's name and its last lines.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        self.service.start()

    def stop(self) -> None:
        """Stop the broker; its data stays."""
        self.service.stop()

    @property
    def _home(self) -> Path:
        return self.folder / "kafka"

    @property
    def _properties(self) -> Path:
        return self._home / "server.properties"

    def _ports(self) -> tuple[int, int]:
        try:
            broker, controller = json.loads(self._addresses.read_text())
        except FileNotFoundError:
            raise UnavailableError("The Kafka broker was never started.", advice="Start it first.") from None
        return broker, controller

    def _prepare(self) -> list[str]:
        if self.port:
            write_atomically(self._addresses, json.dumps([self.port, kept_ports(self._home / "controller.json", 1)[0]]))
        else:
            kept_ports(self._addresses, 2)
        broker, controller = self._ports()
        settings = SETTINGS | {
            "log.dirs": "data",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{broker}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        }
        write_atomically(self._properties, properties_text(settings))
        self._format()
        return java("kafka", "kafka.Kafka", self._properties.name, options=JVM_OPTIONS)

    def _format(self) -> None:
        """Give the data folder its cluster id, once. What an interrupted attempt left behind is removed first."""
        cluster = self._home / "cluster.id"
        if cluster.exists():
            return
        shutil.rmtree(self._home / "data", ignore_errors=True)
        # Kafka writes ids as 16 bytes in URL-safe base64; one that begins with "-" would be taken for an option
        identity = "K" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        arguments = ("format", "--cluster-id", identity, "--config", self._properties.name)
        command = java(
            "kafka", "kafka.tools.StorageTool", *arguments, options=(*JVM_OPTIONS, "-XX:TieredStopAtLevel=1")
        )
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=self._home,
            env=environment(),
        )
        if done.returncode != 0:
            raise UnavailableError(f"Kafka could not prepare {self._home / 'data'}:\n{done.stdout}{done.stderr}")
        write_atomically(cluster, identity)

    def _serves(self) -> bool:
        if not is_open(self._ports()[0]):
            return False
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            # Another broker may have taken the port between our choice and our start; its answers are not ours.
            return bool(client.list_topics(timeout=5).cluster_id == (self._home / "cluster.id").read_text())
        except KafkaException:
            return False
