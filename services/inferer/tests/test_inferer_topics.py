"""Topics that are deleted, made anew or cut while an inference has a place in them; and what the output topic doesn't take."""

import os
import subprocess
import sys

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from kafka_ml_common import topics as platform

# Names of headers are text for every client; this one is made to write another, with its own code in Python.
SEND_A_NAME_THAT_IS_NO_TEXT = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class Name(str):
    def encode(self, *_):
        return bytes([0xFF, 0xFE])

async def send():
    async with AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
        await producer.send_and_wait(sys.argv[2], bytes.fromhex(sys.argv[3]), headers=[(Name("xx"), b"1")])

asyncio.run(send())
"""


def inputs(messages):
    """Offsets of the inputs that these are of."""
    return [int(dict(message.headers())["kafka-ml-input"].rsplit(b":", 1)[1]) for message in messages]


def dead_letters(bench, source):
    found = bench.reader(platform.DEAD_LETTERS).to_end()
    prefix = f"{source}:".encode()
    return [message for message in found if dict(message.headers())["kafka-ml-input"].startswith(prefix)]


def test_an_input_topic_that_is_made_anew_is_read_from_its_beginning(bench, topics):
    source, target = topics(), topics()
    sample = bench.trained["mlp"].x[0].tobytes()
    inferer = bench.start(bench.spec(source, target, start_from="latest"))
    inferer.says("reads partitions")
    bench.produce(source, [sample] * 100)
    reader = bench.reader(target)
    assert len(reader.read(100)) == 100
    admin = AdminClient({"bootstrap.servers": bench.kafka})
    admin.delete_topics([source])[source].result(30)
    bench.until(lambda: source not in admin.list_topics(timeout=10).topics, "the topic to be gone")
    topics(name=source)
    bench.produce(source, [sample] * 10)
    assert inputs(reader.read(10)) == list(range(10))
    assert inferer.stop() == 0


def test_a_topic_that_was_cut_below_the_committed_offset_is_read_again_and_says_so(bench, topics):
    source, target = topics(), topics()
    spec = bench.spec(source, target)
    bench.produce(source, [bench.trained["mlp"].x[0].tobytes()] * 10)
    group = Consumer({"bootstrap.servers": bench.kafka, "group.id": f"kafka-ml-inference-{spec.inference_id}"})
    group.commit(offsets=[TopicPartition(source, 0, 1000)], asynchronous=False)
    inferer = bench.start(spec)
    assert inputs(bench.read(target, 10)) == list(range(10))
    inferer.says("the topic was made anew or cut")


def test_messages_that_retention_deletes_before_they_are_read_are_passed_over_aloud(bench, topics):
    source, target = topics(), topics()
    spec = bench.spec(source, target)
    bench.produce(source, [bench.trained["mlp"].x[0].tobytes()] * 10)
    group = Consumer({"bootstrap.servers": bench.kafka, "group.id": f"kafka-ml-inference-{spec.inference_id}"})
    group.commit(offsets=[TopicPartition(source, 0, 2)], asynchronous=False)
    admin = AdminClient({"bootstrap.servers": bench.kafka})
    admin.delete_records([TopicPartition(source, 0, 6)])[TopicPartition(source, 0)].result(30)
    inferer = bench.start(spec)
    assert inputs(bench.read(target, 4)) == [6, 7, 8, 9]
    inferer.says("messages were deleted by retention")


def test_predictions_that_the_output_topic_does_not_take_are_put_aside_and_the_rest_flows(bench, topics):
    source, target = topics(configs={"max.message.bytes": str(5 << 20)}), topics(configs={"max.message.bytes": "600"})
    sample = bench.trained["mlp"].x[0].tobytes()
    bench.produce(source, [sample] * 200)
    bench.produce(source, [sample], key=bytes(2 << 20))
    bench.produce(source, [sample], headers=[("long", bytes(2 << 20)), ("short", b"1")])
    bench.produce(source, [sample] * 200)
    bench.start(bench.spec(source, target))
    assert inputs(bench.read(target, 400)) == [*range(200), *range(202, 402)]
    keyed, headed = dead_letters(bench, source)
    told = dict(keyed.headers())
    assert told["kafka-ml-reason"] == b"too_large"
    assert told["kafka-ml-key-cut-from-bytes"] == str(2 << 20).encode()
    assert (len(keyed.key()), keyed.value()) == (64 << 10, sample)
    told = dict(headed.headers())
    assert (told["short"], told["kafka-ml-headers-left-out"]) == (b"1", b"1")
    assert "long" not in told


def test_a_header_whose_name_is_no_text_puts_the_message_aside(bench, topics):
    source, target = topics(), topics()
    sample = bench.trained["mlp"].x[0].tobytes()
    bench.produce(source, [sample])
    command = [sys.executable, "-c", SEND_A_NAME_THAT_IS_NO_TEXT, bench.kafka, source, sample.hex()]
    subprocess.run(command, env=os.environ | {"AIOKAFKA_NO_EXTENSIONS": "1"}, check=True, timeout=60)
    bench.produce(source, [sample])
    bench.start(bench.spec(source, target))
    assert inputs(bench.read(target, 2)) == [0, 2]
    (letter,) = dead_letters(bench, source)
    assert letter.value() == sample
    assert b"no UTF-8" in dict(letter.headers())["kafka-ml-message"]


def test_a_guest_that_is_killed_before_it_has_loaded_does_not_fail_the_inference(bench, topics):
    spec = bench.spec(topics(), topics())
    inferer = bench.waiting()
    guest = bench.until(inferer.guest_if_any, "the guest to start")
    os.kill(guest, 9)
    inferer.assign(spec)
    assert inferer.process.wait(60) == os.EX_TEMPFAIL
    assert bench.events(spec.inference_id, "kafka-ml.inference.failed") == []


@pytest.mark.thorough
def test_two_processes_of_one_replica_double_nothing(bench, topics):
    source, target = topics(2), topics(2)
    spec = bench.spec(source, target, max_batch=16)
    sample = bench.trained["mlp"].x[0].tobytes()
    both = [bench.waiting(), bench.waiting()]
    for inferer in both:
        inferer.assign(spec)
    for inferer in both:
        inferer.says("reads partitions")
    reader, sent, found = bench.reader(target, 2), 0, []
    for _ in range(20):
        for partition in range(2):
            bench.produce(source, [sample] * 50, partition=partition)
        sent += 50
    # They take the transactional ids from each other until one gives way; if none has, one is made to.
    if all(inferer.process.poll() is None for inferer in both):
        both[0].process.terminate()
    assert bench.until(lambda: [i for i in both if i.process.poll() is not None], "one of them to end")
    found += reader.read(2 * sent - len(found))
    found += reader.to_end()
    for partition in range(2):
        mine = [message for message in found if message.partition() == partition]
        assert inputs(mine) == list(range(sent))
