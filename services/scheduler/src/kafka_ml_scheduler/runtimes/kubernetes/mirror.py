"""Mirror: what the cluster has of one kind, kept up to date by listing and then watching. What is missed is mended by the next list."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from kafka_ml_common.errors import KafkaMLError
from kafka_ml_scheduler.runtimes.kubernetes.cluster import Cluster, ExpiredError, Kind

log = structlog.get_logger(__name__)

Object = dict[str, Any]

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0


class Mirror:
    """Objects of one kind.

    Attributes:
        objects: by name.
        synced: set once everything that there is has been seen.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        labels: str,
        changed: Callable[[], None],
        gone: Callable[[Object], None] | None = None,
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._labels = labels
        self._changed = changed
        self._gone = gone
        self.objects: dict[str, Object] = {}
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                version = await self._list()
                self.synced.set()
                pause = _FIRST_PAUSE_SECONDS
                async for event, found in self._cluster.watch(self._kind, version, labels=self._labels):
                    self.take(event, found)
            except ExpiredError:
                continue
            except KafkaMLError as error:
                log.warning(
                    "lost sight of the cluster, will look again", kind=self._kind.plural, error=str(error), pause=pause
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def take(self, event: str, found: Object) -> None:
        """Take in what happened to an object; also what we did to it ourselves, before the watch tells."""
        name = found["metadata"]["name"]
        known = self.objects.get(name)
        if event == "DELETED":
            if known is not None and known["metadata"]["uid"] == found["metadata"]["uid"]:
                del self.objects[name]
                self._tell_gone(found)
        elif known is None or _version(known) < _version(found):
            self.objects[name] = found
        self._changed()

    async def _list(self) -> str:
        found, version = await self._cluster.find(self._kind, labels=self._labels)
        before, self.objects = self.objects, {entry["metadata"]["name"]: entry for entry in found}
        for name, known in before.items():
            present = self.objects.get(name)
            if present is None or present["metadata"]["uid"] != known["metadata"]["uid"]:
                self._tell_gone(known)
        self._changed()
        return version

    def _tell_gone(self, found: Object) -> None:
        if self._gone is not None:
            self._gone(found)


def _version(found: Object) -> int:
    """Versions are numbers that grow, for objects of one kind (KEP-5504; every etcd-backed API server does so)."""
    text = str(found["metadata"].get("resourceVersion") or "0")
    return int(text) if text.isdigit() else 0
