"""The object store: where trained models are kept. MinIO or any S3, through the `minio` client.

Keys are ours alone (`models/<result>/...`); nothing that a user wrote becomes part of one.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from kafka_ml_common.errors import NotFoundError, UnavailableError
from kafka_ml_common.settings import ObjectStoreSettings

_CHUNK_BYTES = 1 << 20


def model_key(result_id: int) -> str:
    """Key of a result's trained model in the Keras v3 format."""
    return f"models/{result_id}/model.keras"


def dataset_key(result_id: int) -> str:
    """Key of the manifest that says which ranges a result was trained, tested and validated on."""
    return f"models/{result_id}/dataset.json"


def metrics_key(result_id: int) -> str:
    """Key of a result's metrics. Written last: where it exists, the result is stored whole."""
    return f"models/{result_id}/metrics.json"


class ObjectStore:
    """Objects of one bucket. Blocking; services that run an event loop call it in a thread.

    Raises, from every method:
        UnavailableError: the store can't be reached or refuses.
        NotFoundError: no object has that key.
    """

    def __init__(self, settings: ObjectStoreSettings) -> None:
        self._bucket = settings.bucket
        self._endpoint = settings.endpoint
        self._client = Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret_key.get_secret_value(),
            secure=settings.secure,
            region=settings.region,
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=5, read=60), retries=urllib3.Retry(total=2, backoff_factor=0.2)
            ),
        )

    def ensure_bucket(self) -> None:
        """Create the bucket if it is missing."""
        with self._errors(self._bucket):
            if not self._client.bucket_exists(self._bucket):
                try:
                    self._client.make_bucket(self._bucket)
                except S3Error as error:
                    if error.code != "BucketAlreadyOwnedByYou":  # another service was faster
                        raise

    def check(self) -> None:
        """Find out whether the store answers."""
        with self._errors(self._bucket):
            self._client.bucket_exists(self._bucket)

    def put_file(self, key: str, path: Path, content_type: str = "application/octet-stream") -> None:
        """Store a file's bytes under `key`, in parts when large."""
        with self._errors(key):
            self._client.fput_object(self._bucket, key, str(path), content_type=content_type)

    def put_json(self, key: str, document: Any) -> None:
        """Store a document as JSON."""
        body = json.dumps(document).encode()
        with self._errors(key):
            self._client.put_object(self._bucket, key, io.BytesIO(body), len(body), content_type="application/json")

    def get_file(self, key: str, path: Path) -> None:
        """Write the object's bytes to `path`, whole or not at all."""
        with self._errors(key):
            self._client.fget_object(self._bucket, key, str(path))

    def get_json(self, key: str) -> Any:
        """The document stored as JSON under `key`."""
        return json.loads(b"".join(self.read(key)))

    def exists(self, key: str) -> bool:
        """Whether an object has that key."""
        try:
            self.size(key)
        except NotFoundError:
            return False
        return True

    def size(self, key: str) -> int:
        """The object's size in bytes."""
        with self._errors(key):
            return int(self._client.stat_object(self._bucket, key).size or 0)

    def read(self, key: str) -> Iterator[bytes]:
        """The object's bytes in pieces of at most 1 MiB."""
        with self._errors(key):
            response = self._client.get_object(self._bucket, key)
            try:
                yield from response.stream(_CHUNK_BYTES)
            finally:
                response.close()
                response.release_conn()

    def delete_folder(self, prefix: str) -> None:
        """Delete every object whose key starts with `prefix`, which ends with a slash."""
        with self._errors(prefix):
            for entry in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                self._client.remove_object(self._bucket, str(entry.object_name))

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            if error.code in ("NoSuchKey", "NoSuchBucket", "NoSuchObject"):
                raise NotFoundError(f"The object store has no {key}.") from error
            raise UnavailableError(f"The object store refused {key}: {error.code}.") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"The object store at {self._endpoint} can't be reached: {error}.") from error
