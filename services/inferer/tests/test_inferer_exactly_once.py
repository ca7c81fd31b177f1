"""Each input has exactly one prediction, in order per partition, whatever happens to the replicas."""

import os
import signal
import time
from collections import defaultdict

import pytest
from confluent_kafka import Consumer, TopicPartition


def lineage(message):
    """Partition and offset of the input that a prediction is of."""
    _, partition, offset = dict(message.headers())["kafka-ml-input"].decode().rsplit(":", 2)
    return int(partition), int(offset)


def assert_each_once_in_order(messages, per_partition, partitions):
    found = defaultdict(list)
    for message in messages:
        partition, offset = lineage(message)
        found[partition].append(offset)
    assert {partition: offsets == list(range(per_partition)) for partition, offsets in found.items()} == dict.fromkeys(
        range(partitions), True
    )


@pytest.mark.thorough
def test_killed_several_times_in_the_middle_of_batches(bench, topics):
    source, target = topics(), topics()
    count = 60_000
    sample = bench.trained["mlp"].x[0].tobytes()
    spec = bench.spec(source, target, max_batch=256)
    reader = bench.reader(target)
    bench.produce(source, [sample] * count)
    current = bench.start(spec)
    found = []
    for _ in range(3):
        spare = bench.waiting()
        found += reader.read(2_000)
        current.kill()
        current = spare
        current.assign(spec)
    found += reader.read(count - len(found))
    assert_each_once_in_order(found + reader.to_end(), count, 1)


@pytest.mark.thorough
def test_one_replica_becomes_three_and_one_again(bench, topics):
    partitions, count = 4, 20_000
    source, target = topics(partitions), topics(partitions)
    sample = bench.trained["mlp"].x[0].tobytes()
    spec = bench.spec(source, target, max_batch=64)
    first, *more = [bench.waiting() for _ in range(3)]
    first.assign(spec, 0)
    reader = bench.reader(target, partitions)
    for partition in range(partitions):
        bench.produce(source, [sample] * (count // 2), partition=partition)
    found = reader.read(1_000)
    for replica, inferer in enumerate(more, 1):
        inferer.assign(spec, replica)
    for inferer in more:
        inferer.says("reads partitions")
    for partition in range(partitions):
        bench.produce(source, [sample] * (count // 2), partition=partition)
    found += reader.read(2_000)
    assert more[0].stop() == 0
    first.kill()
    found += reader.read(partitions * count - len(found))
    assert_each_once_in_order(found + reader.to_end(), count, partitions)
    assert more[1].stop() == 0


def test_a_guest_that_is_killed_is_replaced_and_nothing_is_lost(bench, topics):
    source, target = topics(), topics()
    count = 40_000
    spec = bench.spec(source, target, max_batch=128)
    inferer = bench.start(spec)
    reader = bench.reader(target)
    bench.produce(source, [bench.trained["mlp"].x[0].tobytes()] * count)
    found = reader.read(1_000)
    os.kill(inferer.guest(), signal.SIGKILL)
    found += reader.read(count - len(found))
    inferer.says("recovered")
    assert_each_once_in_order(found + reader.to_end(), count, 1)
    assert inferer.stop() == 0


def test_a_graceful_stop_commits_what_it_has_and_the_next_goes_on_from_there(bench, topics):
    source, target = topics(), topics()
    spec = bench.spec(source, target)
    inferer = bench.start(spec)
    sample = bench.trained["mlp"].x[0].tobytes()
    bench.produce(source, [sample] * 500)
    reader = bench.reader(target)
    found = reader.read(500)
    asked = time.monotonic()
    assert inferer.stop() == 0
    assert time.monotonic() - asked < 5
    follower = Consumer({"bootstrap.servers": bench.kafka, "group.id": f"kafka-ml-inference-{spec.inference_id}"})
    assert follower.committed([TopicPartition(source, 0)])[0].offset == 500
    progress = bench.events(spec.inference_id, "kafka-ml.inference.progress")[-1]
    assert (progress["predicted"], progress["dead_letters"], progress["lag"]) == (500, 0, 0)
    assert len(bench.events(spec.inference_id, "kafka-ml.inference.ready")) == 1
    assert_each_once_in_order(found + reader.to_end(), 500, 1)


def test_at_least_once_gives_every_prediction_in_order(bench, topics):
    source, target = topics(), topics()
    bench.produce(source, [bench.trained["mlp"].x[0].tobytes()] * 5_000)
    inferer = bench.start(bench.spec(source, target, delivery="at_least_once", max_batch=512))
    reader = bench.reader(target)
    found = reader.read(5_000)
    assert_each_once_in_order(found + reader.to_end(), 5_000, 1)
    assert inferer.stop() == 0


def test_a_waiting_inferer_whose_input_ends_goes_quietly(bench):
    inferer = bench.waiting()
    inferer.process.stdin.close()
    assert inferer.process.wait(30) == 0


def test_a_topic_that_does_not_exist_yet_is_waited_for_and_read_from_its_beginning(bench, topics, topic):
    source = f"{topic}-later"
    inferer = bench.start(bench.spec(source, topic, start_from="latest"))
    inferer.says("the input topic does not exist yet")
    topics(name=source)
    bench.produce(source, [bench.trained["mlp"].x[0].tobytes()] * 10)
    assert len(bench.read(topic, 10)) == 10


def test_latest_begins_with_what_comes_after_it_is_ready(bench, topics):
    source, target = topics(), topics()
    sample = bench.trained["mlp"].x[0].tobytes()
    bench.produce(source, [sample] * 7)
    spec = bench.spec(source, target, start_from="latest")
    bench.start(spec)
    bench.until(lambda: bench.events(spec.inference_id, "kafka-ml.inference.ready"), "the inference to be ready")
    bench.produce(source, [sample] * 3)
    assert [lineage(message)[1] for message in bench.read(target, 3)] == [7, 8, 9]


def test_a_replica_tells_where_it_begins_also_one_that_goes_on_with_another_model(bench, topics):
    source, target = topics(partitions=2), topics(partitions=2)
    sample = bench.trained["mlp"].x[0].tobytes()
    bench.produce(source, [sample] * 5, partition=1)
    spec = bench.spec(source, target)
    inferer = bench.start(spec)
    bench.read(target, 5, 2)
    assert inferer.stop() == 0
    bench.start(spec.model_copy(update={"generation": spec.generation + 1}))
    ready = bench.until(
        lambda: found if len(found := bench.events(spec.inference_id, "kafka-ml.inference.ready")) > 1 else None,
        "the second replica to be ready",
    )
    assert [(event["generation"], event["positions"]) for event in ready] == [
        (spec.generation, {f"{source}:0": 0, f"{source}:1": 0}),
        (spec.generation + 1, {f"{source}:0": 0, f"{source}:1": 5}),
    ]


@pytest.mark.thorough
def test_a_replica_that_stood_still_in_the_middle_of_a_transaction_does_not_predict_twice(bench, topics):
    """Whether what it was committing counts is not known to it, and meanwhile another has taken over."""
    source, target = topics(), topics()
    count = 60_000
    spec = bench.spec(source, target, max_batch=64)
    reader = bench.reader(target)
    stopped, follower = bench.waiting(), bench.waiting()
    bench.produce(source, [bench.trained["mlp"].x[0].tobytes()] * count)
    stopped.assign(spec)
    found = reader.read(2_000)
    stopped.process.send_signal(signal.SIGSTOP)
    # Another replica doesn't end its transaction, and waits for that: longer than its session and its transaction last.
    follower.assign(spec, replica=1)
    found += reader.read(5_000)
    stopped.process.send_signal(signal.SIGCONT)
    found += reader.read(count - len(found))
    assert_each_once_in_order(found + reader.to_end(), count, 1)
