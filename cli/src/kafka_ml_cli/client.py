"""The REST API as the commands use it: JSON in and out, problem details turned into one sentence, every page of a list."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from kafka_ml_common.errors import ConflictError, InvalidError, KafkaMLError, NotFoundError, UnavailableError

_ERRORS: dict[int, type[KafkaMLError]] = {
    400: InvalidError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    413: InvalidError,
    422: InvalidError,
    503: UnavailableError,
}

Document = dict[str, Any]


class Client:
    """A client of one installation.

    Raises, from every method:
        UnavailableError: nothing answers at the URL, or a part that the API needs is down.
        NotFoundError, ConflictError, InvalidError: as the API says.
    """

    def __init__(self, url: str, *, timeout: float = 30) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Document:
        """The document at a path, such as `models/3`."""
        return self._ask("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Document:
        """What became of a POST."""
        return self._ask("POST", path, json=body if body is not None else {})

    def patch(self, path: str, body: Mapping[str, Any]) -> Document:
        """The document after a change."""
        return self._ask("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Delete what is at a path."""
        self._ask("DELETE", path)

    def all(self, path: str, **query: Any) -> list[Document]:
        """Every item of a list, page by page."""
        items: list[Document] = []
        cursor: str | None = None
        while True:
            page = self.get(path, limit=100, cursor=cursor, **query)
            items += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return items

    def text(self, path: str, **query: Any) -> str:
        """The text at a path, such as a log."""
        return self._send("GET", path, params=query).text

    def download(self, path: str, target: Path) -> int:
        """Write the bytes at a path to a file, whole or not at all; how many there were."""
        part = target.with_name(target.name + ".part")
        try:
            with self._http.stream("GET", path) as response, part.open("wb") as file:
                if response.status_code >= httpx.codes.BAD_REQUEST:
                    response.read()
                    raise _error_of(response)
                for piece in response.iter_bytes():
                    file.write(piece)
            part.replace(target)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error
        finally:
            part.unlink(missing_ok=True)
        return target.stat().st_size

    def events(self, **query: Any) -> Iterator[Document]:
        """Events as they happen, each with its `type`, `subject` and `data`, until the connection ends."""
        params = {name: value for name, value in query.items() if value is not None}
        try:
            with self._http.stream("GET", "events", params=params, timeout=httpx.Timeout(30, read=None)) as response:
                if response.status_code >= httpx.codes.BAD_REQUEST:
                    response.read()
                    raise _error_of(response)
                named = False
                for line in response.iter_lines():
                    if line.startswith("data:") and not named:
                        yield json.loads(line[5:])
                    named = line.startswith("event:") or (named and line != "")  # heartbeats have a name
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    def wait(self, path: str, ended: frozenset[str], *, seconds: float, every: float = 0.25) -> Iterator[Document]:
        """The document at a path each time that it is looked at, until its `state` is one of `ended`.

        Raises:
            UnavailableError: the state did not become one of `ended` in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            document = self.get(path)
            yield document
            if document["state"] in ended:
                return
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"{path} is still {document['state']} after {seconds:.0f} s.",
                    advice="See `kafka-ml status` and `kafka-ml logs`.",
                )
            time.sleep(every)

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **arguments)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise _error_of(response)
        return response

    def _ask(self, method: str, path: str, **arguments: Any) -> Document:
        response = self._send(method, path, **arguments)
        try:
            return dict(response.json()) if response.content else {}
        except ValueError as error:
            raise UnavailableError(
                f"What answers at {self.url} is no Kafka-ML.", advice="Set KAFKA_ML_URL to where the API runs."
            ) from error

    def _unreachable(self, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"Nothing answers at {self.url} ({error}).",
            advice="Start the platform with `kafka-ml up`, or set KAFKA_ML_URL to where it runs.",
        )


def _error_of(response: httpx.Response) -> KafkaMLError:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    detail = problem.get("detail") or problem.get("title") or f"The API answered {response.status_code}."
    fields = "; ".join(
        f"{entry.get('pointer', '')}: {entry.get('detail', '')}" for entry in problem.get("errors") or ()
    )
    return _ERRORS.get(response.status_code, KafkaMLError)(
        f"{detail} ({fields})" if fields else str(detail), advice=problem.get("advice")
    )
