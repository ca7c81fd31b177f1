"""Events of one resource stay in order whoever sends them: every client must choose the same partition for a key."""

from collections.abc import Callable

from confluent_kafka import Consumer, Producer, TopicPartition

from kafka_ml_common.bus import Publisher
from kafka_ml_common.cloudevents import Record
from kafka_ml_common.settings import KafkaSettings


async def test_both_clients_choose_the_same_partition_for_a_key(kafka: str, topics: Callable[..., str]) -> None:
    topic = topics(partitions=3)
    settings = KafkaSettings(bootstrap_servers=kafka)
    keys = [f"deployments/{number}".encode() for number in range(30)]
    producer = Producer(settings.confluent() | {"partitioner": "murmur2_random"})
    for key in keys:
        producer.produce(topic, b"librdkafka", key)
    assert producer.flush(30) == 0
    async with Publisher(settings, "test") as publisher:
        for key in keys:
            await publisher.send(Record(topic, key, b"aiokafka"))
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(3)])
    partitions: dict[bytes, set[int]] = {}
    for _ in range(2 * len(keys)):
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        partitions.setdefault(message.key(), set()).add(message.partition())
    consumer.close()
    assert set(partitions) == set(keys)
    assert all(len(chosen) == 1 for chosen in partitions.values()), partitions
