"""What replicas report, summed up."""

from kafka_ml_api.progress import record, silence, totals
from kafka_ml_common.messages import InferenceProgress


def report(replica: int, predicted: int, *, rate: float = 10.0, p50: float | None = 2.0, lag: int = 5):
    return InferenceProgress(
        inference_id=1,
        generation=1,
        replica=replica,
        predicted=predicted,
        dead_letters=1,
        rate=rate,
        latency_p50_ms=p50,
        latency_p99_ms=None if p50 is None else p50 * 4,
        lag=lag,
    )


def test_replicas_add_up() -> None:
    progress = record(record({}, report(0, 100)), report(1, 50, rate=30.0, p50=6.0))
    sums = totals(progress, 2)
    assert (sums.predicted, sums.dead_letters, sums.rate, sums.lag) == (150, 2, 40.0, 10)
    assert sums.latency_p50_ms == 5.0
    assert sums.latency_p99_ms == 24.0


def test_a_replica_that_starts_anew_does_not_take_back_what_was_predicted() -> None:
    progress = record(record(record({}, report(0, 100)), report(0, 20)), report(0, 30))
    assert totals(progress, 1).predicted == 130


def test_replicas_that_were_scaled_away_count_but_do_not_flow() -> None:
    progress = record(record({}, report(0, 100)), report(1, 50))
    sums = totals(progress, 1)
    assert (sums.predicted, sums.rate, sums.lag) == (150, 10.0, 5)


def test_nothing_flows_once_all_are_silent() -> None:
    sums = totals(silence(record({}, report(0, 100))), 1)
    assert (sums.predicted, sums.rate, sums.latency_p99_ms) == (100, 0.0, None)


def test_without_reports_everything_is_zero() -> None:
    sums = totals({}, 3)
    assert (sums.predicted, sums.rate, sums.lag, sums.latency_p50_ms) == (0, 0.0, 0, None)
