"""Desired state: what `kafka-ml.workloads` says should run. Pure: records go in, the workloads that are wanted come out.

When a workload has ended for good, the scheduler itself writes its tombstone, with the id of the spec that it answers in a header. So a
restarted scheduler knows what is done from the log alone, and tells such a tombstone from one by which a user withdraws a workload.
"""

import re
from dataclasses import dataclass, replace

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Record, by_type, decode, headers_of
from kafka_ml_common.errors import InvalidError
from kafka_ml_common.workloads import SPECS
from kafka_ml_scheduler.runtimes.base import Spec

ANSWERS = "kafka-ml-answers"
"""Header of our tombstones: the `ce_id` of the spec whose workload has ended."""

NO_SPEC = "none"
"""What a tombstone answers where the log has no spec. A spec that is written meanwhile is thus not taken for withdrawn."""

SPEC_TYPES = by_type(SPECS)

_STOPPABLE = re.compile(r"(training|inference)-[1-9][0-9]{0,18}", re.ASCII)
"""Workloads that a user can stop, and then waits to hear of."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A workload of the log.

    Attributes:
        record: the spec as it came.
        id: its `ce_id`.
        withdrawn: a user's tombstone followed it.
    """

    spec: Spec
    record: Record
    id: str
    traceparent: str | None
    withdrawn: bool = False


def ended_record(key: bytes | None, answers: str) -> Record:
    """The tombstone by which the scheduler says that the workload of the spec `answers` has ended for good."""
    return Record(topics.WORKLOADS, key, None, ((ANSWERS, answers.encode()),))


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is no workload spec, and what takes its place in the log: the spec that it came after, or None."""

    record: Record
    reason: InvalidError
    instead: Record | None


class DesiredState:
    """What the records so far come to."""

    def __init__(self) -> None:
        self.workloads: dict[str, Wanted] = {}
        """By workload id, the longest known first."""
        self.withdrawn_unknown: dict[str, None] = {}
        """Workloads that a user withdrew, whose spec the log no longer has: it was compacted while the scheduler was away."""
        self._answered: set[str] = set()
        self._overwritten: dict[str, Record] = {}
        self._refused: dict[str, Refused] = {}

    def apply(self, record: Record) -> None:
        """Take in the next record."""
        key = (record.key or b"").decode(errors="replace")
        self._overwritten.pop(key, None)
        self._refused.pop(key, None)
        self.withdrawn_unknown.pop(key, None)
        if record.value is None:
            self._end(key, headers_of(record).get(ANSWERS))
            return
        try:
            wanted = _wanted(record, key)
        except InvalidError as error:
            known = self.workloads.get(key)
            self._refused[key] = Refused(record, error, known.record if known and not known.withdrawn else None)
        else:
            self.workloads[key] = wanted
            self._answered.discard(key)

    def take_overwritten(self) -> list[Record]:
        """Specs whose place in the log a tombstone for an earlier spec has taken; they have to be written once more.

        That happens when a workload is asked for anew just while the scheduler says that it has ended.
        """
        records = list(self._overwritten.values())
        self._overwritten.clear()
        return records

    def take_refused(self) -> list[Refused]:
        """Records that are no specs and that nothing followed. Once they are replaced in the log, no restart meets them again."""
        refused = list(self._refused.values())
        self._refused.clear()
        return refused

    def _end(self, key: str, answers: str | None) -> None:
        wanted = self.workloads.get(key)
        if wanted is None:
            if answers is not None:
                self._answered.add(key)
            elif key not in self._answered and _STOPPABLE.fullmatch(key):
                self.withdrawn_unknown[key] = None
        elif answers is None:
            self.workloads[key] = replace(wanted, withdrawn=True)
        elif answers == wanted.id:
            del self.workloads[key]
            self._answered.add(key)
        elif not wanted.withdrawn:
            self._overwritten[key] = wanted.record


def _wanted(record: Record, key: str) -> Wanted:
    envelope = decode(record, SPEC_TYPES)
    spec = envelope.data
    if not isinstance(spec, Spec) or spec.workload_id != key:
        raise InvalidError(f"The workload {spec.workload_id[:200]} came under another key: {key[:200]}.")
    return Wanted(spec, record, envelope.id, envelope.traceparent)
