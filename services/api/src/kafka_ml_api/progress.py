"""How an inference is doing, put together from what its replicas report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka_ml_common.messages import InferenceProgress

Progress = dict[str, Any]
"""By a replica's number, as text: its last report, and what earlier processes of that replica did (`*_before`)."""

_COUNTS = ("predicted", "dead_letters")


@dataclass(frozen=True, slots=True)
class Totals:
    """All replicas together. `rate` is predictions a second, `lag` messages that wait."""

    predicted: int
    dead_letters: int
    rate: float
    lag: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None


def record(progress: Mapping[str, Any], event: InferenceProgress) -> Progress:
    """The progress with one replica's new report in it.

    A process counts from 0, so a count that is lower than before tells of a new process; what the former did is kept.
    """
    before: dict[str, Any] = progress.get(str(event.replica), {})
    entry = event.model_dump(mode="json", exclude={"inference_id", "replica"})
    restarted = any(entry[count] < before.get(count, 0) for count in _COUNTS)
    for count in _COUNTS:
        entry[f"{count}_before"] = before.get(f"{count}_before", 0) + (before.get(count, 0) if restarted else 0)
    return {**progress, str(event.replica): entry}


def silence(progress: Mapping[str, Any]) -> Progress:
    """The progress once no replica runs: counts stay, nothing flows."""
    quiet = {"rate": 0.0, "latency_p50_ms": None, "latency_p99_ms": None}
    return {replica: {**entry, **quiet} for replica, entry in progress.items()}


def totals(progress: Mapping[str, Any], replicas: int) -> Totals:
    """Sum up. Replicas that were scaled away keep their counts, but have no rate, lag or latency any more.

    The median is the mean of the replicas' medians, weighted by their rates (an estimate); the 99th percentile is the worst of theirs.
    """
    entries = list(progress.values())
    current = [entry for replica, entry in progress.items() if int(replica) < replicas]
    return Totals(
        predicted=sum(entry["predicted"] + entry["predicted_before"] for entry in entries),
        dead_letters=sum(entry["dead_letters"] + entry["dead_letters_before"] for entry in entries),
        rate=sum((entry["rate"] or 0.0 for entry in current), 0.0),
        lag=sum(entry["lag"] for entry in current),
        latency_p50_ms=_weighted((entry["latency_p50_ms"], entry["rate"] or 0.0) for entry in current),
        latency_p99_ms=max(
            (entry["latency_p99_ms"] for entry in current if entry["latency_p99_ms"] is not None), default=None
        ),
    )


def _weighted(values: Iterable[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None]
    total = sum(weight for _, weight in known)
    if not known:
        return None
    if total <= 0:
        return sum(value for value, _ in known) / len(known)
    return sum(value * weight for value, weight in known) / total
