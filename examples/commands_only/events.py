"""Commands out, events in: CloudEvents 1.0 in binary Kafka mode (attributes in `ce_` headers, JSON in the value), with confluent-kafka alone.

The full list of commands and events, with their schemas, is the AsyncAPI document of an installation: `/asyncapi.json`.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

COMMANDS, EVENTS = "kafka-ml.commands", "kafka-ml.events"
SOURCE = "/examples/commands_only"
CONTACT_SECONDS = 15


class RefusedError(Exception):
    """A command was rejected, or what it asked for failed; told in a sentence."""


@dataclass(frozen=True)
class Event:
    """An event.

    Attributes:
        type: what happened, such as `kafka-ml.training.finished`.
        subject: the resource that it happened to, such as `results/7`.
        correlation_id: `ce_id` of the command that it answers, if it answers one.
        data: as the AsyncAPI document describes it for the type.
    """

    type: str
    subject: str
    correlation_id: str | None
    data: dict[str, Any]

    @classmethod
    def of(cls, message: Message) -> Event:
        headers = {name: (value or b"").decode() for name, value in message.headers() or ()}
        return cls(
            headers.get("ce_type", ""),
            headers.get("ce_subject", ""),
            headers.get("ce_correlationid"),
            json.loads(message.value() or b"{}"),
        )


class Bus:
    """Sends commands and awaits events. Only events from now on are seen."""

    def __init__(self, bootstrap_servers: str) -> None:
        # Before the first command is sent, so that no answer is missed.
        self._consumer = consumer_from_end(bootstrap_servers, EVENTS)
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})
        self._seen: list[Event] = []

    def close(self) -> None:
        self._consumer.close()

    def ask(self, command: str, **data: Any) -> dict[str, Any]:
        """Send a command and give back the resource that it was about, as the answer shows it ({} for one that is gone).

        Raises:
            RefusedError: the command was rejected; with the problem details (RFC 9457) of the answer.
        """
        command_id = str(uuid.uuid4())
        headers = {
            "ce_specversion": "1.0",
            "ce_id": command_id,  # the same id and source again have no second effect, and get the same answer
            "ce_type": command,
            "ce_source": SOURCE,
            "content-type": "application/json",
        }
        failures: list[str] = []
        self._producer.produce(
            COMMANDS,
            key=command,  # commands with one key keep their order
            value=json.dumps(data),
            headers=[(name, text.encode()) for name, text in headers.items()],
            on_delivery=lambda error, _: failures.append(error.str()) if error else None,
        )
        if self._producer.flush(CONTACT_SECONDS) or failures:
            raise RefusedError(
                f"{command} could not be sent: {failures[0] if failures else 'the broker does not answer'}."
            )
        answer = self.wait(lambda event: event.correlation_id == command_id, f"the answer to {command}")
        if answer.type == "kafka-ml.command.rejected":
            problem = answer.data["problem"]
            raise RefusedError(f"{command} was rejected: {problem['detail']} {problem.get('advice') or ''}".rstrip())
        return answer.data["document"] or {}

    def wait_for_state(self, resource: str, wanted: str, *others: str, seconds: float = 300) -> None:
        """Wait until the API shows a resource in the state that is wanted, or in one of the others.

        Whoever did the work (a trainer, say) tells of it before the API has taken note, and a command that builds on it would come too
        early then. `kafka-ml.resource.changed` is the API's own event.

        Raises:
            RefusedError: the resource got into one of the other states; with the reason, if an event gave one.
        """
        state = self.wait_for_any_state(resource, {wanted, *others}, seconds=seconds)
        if state != wanted:
            failures = [event.data.get("failure") for event in self._seen if event.subject == resource]
            reason = next((failure["message"] for failure in failures if failure), "no reason was given.")
            raise RefusedError(f"{resource} is {state}: {reason}")

    def wait_for_any_state(self, resource: str, states: set[str], *, seconds: float = 60) -> str:
        """Wait until the API shows a resource in one of the states; which."""

        def fits(event: Event) -> bool:
            about_it = event.type == "kafka-ml.resource.changed" and event.subject == resource
            return about_it and event.data["state"] in states

        state: str = self.wait(fits, f"{resource} as {' or '.join(sorted(states))}", seconds).data["state"]
        return state

    def wait(self, fits: Callable[[Event], bool], what: str, seconds: float = 60) -> Event:
        """The first event that fits, of those that came since this bus was opened.

        What comes before it is kept: an event may be there before its turn to be asked for, as each partition has an order of its own.
        """
        deadline = time.monotonic() + seconds
        looked_at = 0
        while True:
            for event in self._seen[looked_at:]:
                if fits(event):
                    return event
            looked_at = len(self._seen)
            message = self._consumer.poll(0.5)
            if message is not None and message.error() is None:
                self._seen.append(Event.of(message))
            elif time.monotonic() > deadline:
                raise RefusedError(f"{what} did not come within {seconds:g} s. Does the installation run?")


def consumer_from_end(bootstrap_servers: str, topic: str) -> Consumer:
    """A consumer of what comes to a topic from now on, without what transactions took back.

    Raises:
        RefusedError: the broker can't be reached, or has no such topic.
    """
    # No group is needed to read all partitions and commit nothing, but librdkafka wants a name.
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"example-{uuid.uuid4().hex}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "log_level": 2,  # a broker that can't be reached is told once, by our own error
        }
    )
    try:
        partitions = consumer.list_topics(topic, CONTACT_SECONDS).topics[topic].partitions
        if not partitions:
            raise RefusedError(f"There is no topic {topic} at {bootstrap_servers}. Is that the installation's broker?")
        ends = [
            consumer.get_watermark_offsets(TopicPartition(topic, number), CONTACT_SECONDS)[1] for number in partitions
        ]
    except KafkaException as error:
        raise RefusedError(f"Kafka at {bootstrap_servers} can't be reached: {error.args[0].str()}.") from error
    consumer.assign([TopicPartition(topic, number, end) for number, end in zip(partitions, ends, strict=True)])
    return consumer
