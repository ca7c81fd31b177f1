"""The pure parts: batching, percentiles, partitions; and the guest without Kafka."""

import pytest

from kafka_ml_inferer.batching import collect
from kafka_ml_inferer.model import Model
from kafka_ml_inferer.records import output_partition
from kafka_ml_inferer.reporting import percentile_ms


class Arrivals:
    """Gives what has "arrived" at each call, and notes what it was asked for."""

    def __init__(self, *arrivals):
        self.arrivals = list(arrivals)
        self.asked = []

    def __call__(self, most, seconds):
        self.asked.append((most, seconds))
        return self.arrivals.pop(0) if self.arrivals else []


def test_a_message_alone_goes_on_without_waiting():
    consume = Arrivals(["a"], [])
    assert collect(consume, most=100, idle_seconds=0.1, wait_seconds=1) == ["a"]
    assert consume.asked == [(1, 0.1), (99, 0)]


def test_a_burst_is_collected_while_it_keeps_coming():
    consume = Arrivals(["a"], ["b", "c"], ["d"], [], ["later"])
    assert collect(consume, most=100, idle_seconds=0.1, wait_seconds=1) == ["a", "b", "c", "d"]


def test_a_full_batch_does_not_wait():
    consume = Arrivals(["a"], ["b", "c"])
    assert collect(consume, most=3, idle_seconds=0.1, wait_seconds=1) == ["a", "b", "c"]
    assert len(consume.asked) == 2


def test_a_burst_waits_no_longer_than_it_may():
    consume = Arrivals(["a"], ["b"], ["c"], ["d"])
    assert collect(consume, most=100, idle_seconds=0.1, wait_seconds=0) == ["a", "b"]


def test_percentiles_weigh_batches_by_their_messages():
    assert percentile_ms([(0.5, 1), (0.001, 98), (0.1, 1)], 0.5) == 1.0
    assert percentile_ms([(0.5, 1), (0.001, 98), (0.1, 1)], 0.99) == 100.0
    assert percentile_ms([], 0.5) is None


def test_each_input_partition_goes_to_one_output_partition():
    assert [output_partition(number, 2) for number in range(4)] == [0, 1, 0, 1]
    assert [output_partition(number, 4) for number in range(4)] == [0, 1, 2, 3]


@pytest.fixture
def model(tmp_path):
    model = Model(tmp_path)
    yield model
    model.close()


@pytest.mark.thorough
def test_a_model_that_needs_too_much_memory_for_large_batches_gets_smaller_ones(bench, model):
    trained = bench.trained["hungry"]
    spec = bench.spec("in", "out", "hungry", max_batch=4096, memory_mb=1024)
    model.load(spec, trained.file)
    assert 16 <= model.capacity < 4096
    slot = model.slots[0]
    slot.input[:10] = trained.x[:10]
    assert model.predict(slot, 10).result() == {}
    assert slot.output[:10] == pytest.approx(trained.y[:10], abs=1e-5)
