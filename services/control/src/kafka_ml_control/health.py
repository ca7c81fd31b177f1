"""Whether control makes progress: told by a file that is touched while it does.

A running process proves nothing: a stream processor can sit there with its connections open and consume no more. So what counts is that
the group's committed offsets reach the log's end, or at least move.
"""

import os
import time
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
_STALLED_AFTER_SECONDS = 60.0
_SOURCES = tuple(StreamRange(topic, 0, 0, 0) for topic in (topics.DEPLOYMENTS, topics.CONTROL))


@dataclass
class Progress:
    """Compares what is committed with what there is."""

    committed: dict[str, int] = field(default_factory=dict)
    moved_at: float = field(default_factory=time.monotonic)

    def observe(self, committed: dict[str, int], ends: dict[str, int], now: float) -> bool:
        """Whether the group keeps up: nothing waits, or something was committed within the last minute."""
        waiting = any(end > committed.get(topic, 0) for topic, end in ends.items() if end)
        if committed != self.committed or not waiting:
            self.committed, self.moved_at = committed, now
        return now - self.moved_at < _STALLED_AFTER_SECONDS


def install(app: ControlApp) -> None:
    """Touch `<KAFKA_ML_STATE_FOLDER>/ready` every few seconds while control makes progress, where that folder is set."""
    folder = os.environ.get("KAFKA_ML_STATE_FOLDER")
    if not folder:
        return
    ready = Path(folder, "ready")
    ready.unlink(missing_ok=True)
    progress = Progress()

    @app.timer(_CHECK_SECONDS)
    async def check() -> None:
        try:
            ends = {
                topic: offsets[1]
                for (topic, _), offsets in (await app.offsets.of(_SOURCES)).items()
                if offsets is not None
            }
            healthy = progress.observe(await _committed(app), ends, time.monotonic())
        except (KafkaError, UnavailableError) as error:
            log.warning("the broker did not answer", error=str(error))
            return
        if healthy:
            _touch(ready)
        else:
            log.error("records wait, but none was handled for a minute")


async def _committed(app: ControlApp) -> dict[str, int]:
    admin = AIOKafkaAdminClient(**app.kafka.aiokafka())
    try:
        await admin.start()
        offsets = await admin.list_consumer_group_offsets(APP_ID)
        return {partition.topic: entry.offset for partition, entry in offsets.items()}
    finally:
        await admin.close()


def _touch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
