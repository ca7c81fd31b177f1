"""An S3 server on a local folder: S3Proxy."""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minio import Minio
from minio.error import MinioException, S3Error
from urllib3 import PoolManager, Retry
from urllib3.exceptions import HTTPError

from kafka_ml_common.errors import UnavailableError
from kafka_ml_local.java import environment, java, properties_text
from kafka_ml_local.ports import LOOPBACK, is_open, kept_ports
from kafka_ml_local.processes import Service, write_atomically

JVM_OPTIONS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "--sun-misc-unsafe-memory-access=allow",
)

LOGBACK = """\
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} %-5level %logger{24} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
"""


@dataclass
class ObjectStore:
    """An S3 server on the loopback interface, its objects in `<folder>/s3/objects`.

    Attributes:
        folder: holds the data, logs and process records of the stack.
        port: 0 takes the port of the last start if it is free, else any.
        bucket: made at start.
    """

    folder: Path
    port: int = 0
    bucket: str = "kafka-ml"
    service: Service = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder).expanduser().absolute()
        self.service = Service(
            "s3",
            self._prepare,
            self.folder,
            ready=self._serves,
            stop_within=10,
            working_folder=self._home,
            environment=environment(),
        )

    @property
    def endpoint(self) -> str:
        """`host:port`, as the `minio` client wants it. Known once the server was started."""
        return f"{LOOPBACK}:{self._port()}"

    @property
    def access_key(self) -> str:
        """Random, made at the first start and kept in the folder."""
        return str(self._read("credentials.json")["access_key"])

    @property
    def secret_key(self) -> str:
        """Random, made at the first start and kept in the folder, readable by the user only."""
        return str(self._read("credentials.json")["secret_key"])

    def client(self) -> Minio:
        """A client that gives up quickly, without retries."""
        pool = PoolManager(timeout=5, retries=Retry(0))
        return Minio(self.endpoint, self.access_key, self.secret_key, secure=False, http_client=pool)

    def start(self) -> None:
        """Start the server, or find it running, wait until it answers, and see that its bucket exists.

        Raises:
            UnavailableError: with the reason, the log's name and its last lines.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        self.service.start()
        client = self.client()
        if not client.bucket_exists(self.bucket):
            try:
                client.make_bucket(self.bucket)
            except S3Error as error:
                if error.code != "BucketAlreadyOwnedByYou":  # another start at the same time was faster
                    raise

    def stop(self) -> None:
        """Stop the server; the objects stay."""
        self.service.stop()

    @property
    def _home(self) -> Path:
        return self.folder / "s3"

    def _port(self) -> int:
        return int(self._read("ports.json")[0])

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self._home / name).read_text())
        except FileNotFoundError:
            raise UnavailableError("The S3 server was never started.", advice="Start it first.") from None

    def _prepare(self) -> list[str]:
        credentials = self._home / "credentials.json"
        if not credentials.exists():
            keys = {"access_key": secrets.token_hex(10), "secret_key": secrets.token_hex(20)}
            write_atomically(credentials, json.dumps(keys), mode=0o600)
        if self.port:
            write_atomically(self._home / "ports.json", json.dumps([self.port]))
        else:
            kept_ports(self._home / "ports.json", 1)
        objects = self._home / "objects"
        objects.mkdir(exist_ok=True)
        settings = {
            "s3proxy.endpoint": f"http://{self.endpoint}",
            "s3proxy.authorization": "aws-v2-or-v4",
            "s3proxy.identity": self.access_key,
            "s3proxy.credential": self.secret_key,
            "s3proxy.v4-max-non-chunked-request-size": str(256 * 1024 * 1024),
            "jclouds.provider": "filesystem-nio2",
            # absolute: with a relative one, uploads in several parts fail (S3Proxy 2.9)
            "jclouds.filesystem.basedir": str(objects),
            # the provider insists on credentials, and ignores them
            "jclouds.identity": "none",
            "jclouds.credential": "none",
        }
        properties, logback = self._home / "s3proxy.properties", self._home / "logback.xml"
        write_atomically(properties, properties_text(settings), mode=0o600)
        write_atomically(logback, LOGBACK)
        options = (*JVM_OPTIONS, f"-Dlogback.configurationFile={logback.name}")
        return java("s3proxy", "org.gaul.s3proxy.Main", "--properties", properties.name, options=options)

    def _serves(self) -> bool:
        if not is_open(self._port()):
            return False
        try:
            self.client().list_buckets()
        except (MinioException, HTTPError):
            return False
        return True
