"""Whether control makes progress: told by a file that is touched while it does; and what is done when it does not.

A running process proves nothing: a stream processor can sit there with its connections open and consume no more. So what counts is that
the group's committed offsets reach the log's end, or at least move. Faust can lose sight of a record that is fetched in the moment in which
partitions are assigned (its consumer gives up handing it on when the flow is suspended, and goes on behind it). The record's offset is not
committed then, so starting anew reads it again; and since the same records lead to the same workloads, starting anew is always safe.
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from kafka_ml_common import topics
from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.streams import StreamRange
from kafka_ml_control.app import APP_ID, ControlApp

log = structlog.get_logger(__name__)

_CHECK_SECONDS = 3.0
_STALLED_AFTER_SECONDS = 20.0
_SOURCES = (topics.DEPLOYMENTS, topics.CONTROL)


@dataclass
class Progress:
    """Compares what is committed with what waits."""

    committed: Mapping[str, int] = field(default_factory=dict)
    moved_at: float = field(default_factory=time.monotonic)

    def observe(self, committed: Mapping[str, int], *, waiting: bool, now: float) -> bool:
        """Whether the group keeps up: nothing waits, or something was committed a short while ago."""
        if committed != self.committed or not waiting:
            self.committed, self.moved_at = committed, now
        return now - self.moved_at < _STALLED_AFTER_SECONDS


def install(app: ControlApp) -> None:
    """Look every few seconds: touch `<KAFKA_ML_STATE_FOLDER>/ready` while control makes progress, start anew when it stalls."""
    folder = os.environ.get("KAFKA_ML_STATE_FOLDER")
    ready = Path(folder, "ready") if folder else None
    if ready is not None:
        ready.parent.mkdir(parents=True, exist_ok=True)
        ready.unlink(missing_ok=True)
    progress = Progress()

    @app.timer(_CHECK_SECONDS)
    async def check() -> None:
        try:
            committed = await _committed(app)
            healthy = progress.observe(committed, waiting=await _waits(app, committed), now=time.monotonic())
        except (KafkaError, UnavailableError) as error:
            log.warning("the broker did not answer", error=str(error))
            progress.moved_at = time.monotonic()
            return
        if not healthy:
            _start_anew()
        if ready is not None:
            ready.touch()


async def _committed(app: ControlApp) -> dict[str, int]:
    admin = AIOKafkaAdminClient(**app.kafka.aiokafka())
    try:
        await admin.start()
        offsets = await admin.list_consumer_group_offsets(APP_ID)
        return {partition.topic: entry.offset for partition, entry in offsets.items()}
    finally:
        await admin.close()


async def _waits(app: ControlApp, committed: Mapping[str, int]) -> bool:
    """Whether a record waits that is not handled. Offsets alone don't tell: a transaction's marker has one too."""
    bounds = await app.offsets.of(StreamRange(topic, 0, 0, 0) for topic in _SOURCES)
    for (topic, partition), present in bounds.items():
        first, end = present or (0, 0)
        start = max(first, committed.get(topic, 0))
        if start < end and await app.offsets.has_record(topic, partition, start):
            return True
    return False


def _start_anew() -> None:
    log.error("records wait, but none was handled for a while; starting anew", seconds=_STALLED_AFTER_SECONDS)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves, as we were started
