"""An output topic that can't be made at once is made as soon as Kafka allows it."""

import threading

from kafka_ml_common.errors import UnavailableError
from kafka_ml_inferer import target


class Broker:
    """Refuses so many attempts to make a topic; lists it once it is made."""

    def __init__(self, refusals):
        self.refusals = refusals
        self.partitions = 0

    def partitions_of(self, topic):
        return self.partitions

    def make(self):
        if self.refusals:
            self.refusals -= 1
            raise UnavailableError("Kafka does not answer.")
        self.partitions = 3


def test_making_a_topic_is_tried_again_until_it_succeeds(monkeypatch):
    monkeypatch.setattr(target, "_POLL_SECONDS", 0.001)
    broker = Broker(refusals=2)
    assert target._wait(broker, "out", "waiting", threading.Event(), make=broker.make) == 3


def test_waiting_ends_when_the_replica_is_asked_to_stop():
    stop = threading.Event()
    stop.set()
    assert target._wait(Broker(0), "in", "waiting", stop) == 0
