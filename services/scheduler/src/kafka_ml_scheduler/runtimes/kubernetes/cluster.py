"""Cluster: the few requests that the runtime makes to the Kubernetes API, on objects as plain JSON.

kubernetes-asyncio does the connection, the login and its renewal. Its classes for objects are passed by: manifests and readings are
plain functions over JSON, and a watch does not lose what a class has no field for.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration

from kafka_ml_common.errors import ConflictError, InvalidError, NotFoundError, UnavailableError

Object = dict[str, Any]
Query = Sequence[tuple[str, str]]

FIELD_MANAGER = "kafka-ml-scheduler"
_SECONDS = 15.0
_WATCH_SECONDS = 240
"""How long one watch lasts; everything is listed anew after it, so that no event that was missed matters for longer."""
_MERGE, _APPLY, _JSON = "application/merge-patch+json", "application/apply-patch+yaml", "application/json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects, by its place in the API."""

    name: str
    prefix: str
    plural: str

    def path(self, namespace: str, name: str = "", part: str = "") -> str:
        """Path of the collection, of one object, or of a part of it such as its log."""
        return "/".join(filter(None, (self.prefix, "namespaces", namespace, self.plural, name, part)))


JOB = Kind("Job", "/apis/batch/v1", "jobs")
STATEFUL_SET = Kind("StatefulSet", "/apis/apps/v1", "statefulsets")
DEPLOYMENT = Kind("Deployment", "/apis/apps/v1", "deployments")
POD = Kind("Pod", "/api/v1", "pods")
EVENT = Kind("Event", "/api/v1", "events")
SCALED_OBJECT = Kind("ScaledObject", "/apis/keda.sh/v1alpha1", "scaledobjects")


class ExpiredError(Exception):
    """The cluster has forgotten the version from which a watch should go on: list again."""


class Cluster:
    """A connection to one namespace.

    Raises, from every method:
        UnavailableError: the API can't be reached, is busy, or does not let us.
        NotFoundError, ConflictError: there is none, or one already, or it was changed meanwhile.
        InvalidError: it does not take the object.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._client: ApiClient | None = None

    async def __aenter__(self) -> Self:
        settings = Configuration()
        try:
            try:
                config.load_incluster_config(client_configuration=settings)
            except config.ConfigException:
                await config.load_kube_config(client_configuration=settings)
        except (config.ConfigException, OSError) as error:
            raise UnavailableError(f"No way to the Kubernetes API is known: {error}.") from error
        self._client = ApiClient(settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    @property
    def client(self) -> ApiClient:
        """The library's client, for what it does itself."""
        assert self._client is not None  # noqa: S101 - used as a context
        return self._client

    async def find(self, kind: Kind, *, labels: str = "", fields: str = "") -> tuple[list[Object], str]:
        """All objects of a kind, and the version of the list, from which a watch goes on."""
        found = await self._ask("GET", kind.path(self._namespace), _selectors(labels, fields))
        # Entries of a list don't name their kind.
        return list(found.get("items") or []), str(found["metadata"].get("resourceVersion", ""))

    async def watch(self, kind: Kind, version: str, *, labels: str = "") -> AsyncIterator[tuple[str, Object]]:
        """What happens to objects of a kind after a version: ("ADDED" | "MODIFIED" | "DELETED", object), for some minutes.

        Raises:
            ExpiredError: that version is too old.
        """
        query = [
            *_selectors(labels, ""),
            ("watch", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(_WATCH_SECONDS)),
        ]
        query.append(("allowWatchBookmarks", "true"))
        response = await self._send("GET", kind.path(self._namespace), query, seconds=None)
        try:
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ExpiredError(str(event["object"].get("message")))
                if event["type"] != "BOOKMARK":
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise UnavailableError(f"The watch of {kind.plural} broke off: {error}.") from error
        finally:
            response.close()

    async def serves(self, kind: Kind) -> bool:
        """Whether the cluster knows the kind at all."""
        try:
            await self._ask("GET", kind.prefix)
        except NotFoundError:
            return False
        return True

    async def get(self, kind: Kind, name: str) -> Object:
        """One object."""
        return await self._ask("GET", kind.path(self._namespace, name))

    async def create(self, kind: Kind, manifest: Object) -> Object:
        """Make an object that must not be there yet."""
        query = [("fieldManager", FIELD_MANAGER)]
        return await self._ask("POST", kind.path(self._namespace), query, manifest, _JSON)

    async def apply(self, kind: Kind, manifest: Object) -> Object:
        """Make the object, or make it so (server-side apply)."""
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        path = kind.path(self._namespace, manifest["metadata"]["name"])
        return await self._ask("PATCH", path, query, manifest, _APPLY)

    async def patch(self, kind: Kind, name: str, change: Object) -> Object:
        """Change some fields (merge patch)."""
        return await self._ask(
            "PATCH", kind.path(self._namespace, name), [("fieldManager", FIELD_MANAGER)], change, _MERGE
        )

    async def delete(
        self, kind: Kind, name: str, *, uid: str | None = None, now: bool = False, foreground: bool = False
    ) -> None:
        """Delete an object, and then what belongs to it.

        Args:
            kind: of the object.
            name: of the object.
            uid: only if it is still this very object.
            now: without waiting for its processes to end, or for its node to say so.
            foreground: it stays to be seen until what belongs to it is gone.
        """
        options: Object = {"propagationPolicy": "Foreground" if foreground else "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if now:
            options["gracePeriodSeconds"] = 0
        await self._ask("DELETE", kind.path(self._namespace, name), body=options, content_type=_JSON)

    async def log(self, pod: str, container: str, lines: int, limit_bytes: int) -> str:
        """The last lines that a container printed."""
        query = [("container", container), ("tailLines", str(lines)), ("limitBytes", str(limit_bytes))]
        response = await self._send("GET", POD.path(self._namespace, pod, "log"), query)
        try:
            return (await response.read()).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnavailableError(f"The log of {pod} broke off: {error}.") from error

    async def _ask(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Object | None = None,
        content_type: str | None = None,
    ) -> Object:
        response = await self._send(method, path, query, body, content_type)
        try:
            found: Object = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise UnavailableError(f"The Kubernetes API broke off its answer: {error}.") from error
        return found

    async def _send(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Object | None = None,
        content_type: str | None = None,
        *,
        seconds: float | None = _SECONDS,
    ) -> aiohttp.ClientResponse:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=_SECONDS, sock_read=_WATCH_SECONDS + _SECONDS)
        headers = {"Accept": "application/json"}
        if content_type is not None:
            headers["Content-Type"] = content_type
        try:
            response: aiohttp.ClientResponse = await self.client.call_api(
                path,
                method,
                query_params=list(query),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=timeout,
            )
            if response.status < 300:
                return response
            text = await response.text(errors="replace")
        except (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise UnavailableError(f"The Kubernetes API can't be reached: {error or type(error).__name__}.") from error
        raise _refusal(response.status, text)


def _selectors(labels: str, fields: str) -> list[tuple[str, str]]:
    return [pair for pair in (("labelSelector", labels), ("fieldSelector", fields)) if pair[1]]


def _refusal(status: int, text: str) -> Exception:
    try:
        found: Mapping[str, Any] = json.loads(text)
        message = str(found.get("message") or text)
    except (ValueError, AttributeError):
        message = text
    message = message.strip()[:1000]
    match status:
        case 404:
            return NotFoundError(message)
        case 409:
            return ConflictError(message)
        case 410:
            return ExpiredError(message)
        case 400 | 413 | 422:
            return InvalidError(message)
        case 403:
            return UnavailableError(f"Kubernetes refuses: {message}")
        case _:
            return UnavailableError(f"Kubernetes answers {status}: {message}")
