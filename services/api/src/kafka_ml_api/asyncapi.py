"""The AsyncAPI 3.0 document, made from the topic table and the message classes, so that it can't differ from what is sent.

It is written from the platform's point of view: `receive` is what others may send to it. See https://www.asyncapi.com/docs/reference/specification/v3.0.0.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from kafka_ml_api.asyncapi_page import page
from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Message
from kafka_ml_common.messages import EVENTS, CommandCompleted, CommandRejected
from kafka_ml_common.requests import COMMANDS
from kafka_ml_common.streams import ControlMessage
from kafka_ml_common.workloads import SPECS, DeploymentRequest

Document = dict[str, Any]

ANSWERS: tuple[type[Message], ...] = (CommandCompleted, CommandRejected)
_MESSAGES: dict[str, tuple[type[BaseModel], ...]] = {
    topics.COMMANDS: COMMANDS,
    topics.EVENTS: EVENTS,
    topics.DEPLOYMENTS: (DeploymentRequest,),
    topics.WORKLOADS: SPECS,
    topics.CONTROL: (ControlMessage,),
}
_DEAD_LETTER = "DeadLetter"
_SERVICES = frozenset({"api", "control", "scheduler", "every service", "all"})
_KAFKA_BINDING = "0.5.0"

router = APIRouter()


@router.get("/asyncapi.json", summary="The AsyncAPI 3.0 document of every topic and message", tags=["documents"])
async def asyncapi_json(request: Request) -> dict[str, Any]:
    """Describe what is sent and received on Kafka; the counterpart of `/openapi.json`."""
    return asyncapi_document(request.app.state.settings.kafka.bootstrap_servers)


@router.get("/asyncapi", response_class=HTMLResponse, summary="The AsyncAPI document for people", tags=["documents"])
async def asyncapi_html(request: Request) -> HTMLResponse:
    """Show the AsyncAPI document as one page that loads nothing else."""
    document = asyncapi_document(request.app.state.settings.kafka.bootstrap_servers)
    return HTMLResponse(
        page(document), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    )


@lru_cache(maxsize=4)
def asyncapi_document(bootstrap_servers: str = "localhost:9092") -> Document:
    """The document; made once, so not to be changed.

    Args:
        bootstrap_servers: comma-separated `host:port`, shown as the servers to connect to.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kafka-ML",
            "version": version("kafka-ml-api"),
            "description": "What Kafka-ML receives and sends on Apache Kafka. Messages of the platform's own topics are CloudEvents 1.0 in binary "
            "mode: attributes are Kafka headers that start with ce_, the data is JSON.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            f"kafka{number or ''}": {"host": host.strip(), "protocol": "kafka"}
            for number, host in enumerate(bootstrap_servers.split(","))
        },
        "channels": {channel_id(topic.name): _channel(topic) for topic in topics.TOPICS},
        "operations": {name: operation for topic in topics.TOPICS for name, operation in _operations(topic)},
        "components": {
            "messages": _messages(),
            "schemas": _schemas(),
            "correlationIds": {
                "command": {
                    "description": "the ce_id of the command that an event answers",
                    "location": "$message.header#/ce_correlationid",
                }
            },
        },
    }


def channel_id(topic: str) -> str:
    """The name that a topic has as a channel of the document: `kafka-ml.events` is `events`."""
    return "control" if topic == topics.CONTROL else topic.removeprefix("kafka-ml.")


def _names(topic: str) -> list[str]:
    return [message.__name__ for message in _MESSAGES.get(topic, ())] or [_DEAD_LETTER]


def _channel(topic: topics.Topic) -> Document:
    configuration: Document = {"cleanup.policy": [topic.cleanup.value]}
    if topic.retention_ms is not None:
        configuration["retention.ms"] = topic.retention_ms
    return {
        "address": topic.name,
        "description": f"{topic.says} Written by {', '.join(topic.written_by)}; read by {', '.join(topic.read_by)}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _names(topic.name)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }


def _operations(topic: topics.Topic) -> list[tuple[str, Document]]:
    channel = channel_id(topic.name)
    operations = []
    for action, parties in (("receive", topic.read_by), ("send", topic.written_by)):
        if not _SERVICES.intersection(parties):
            continue
        operation: Document = {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": topic.says,
            "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in _names(topic.name)],
        }
        if topic.name == topics.COMMANDS:
            events = channel_id(topics.EVENTS)
            operation["reply"] = {
                "channel": {"$ref": f"#/channels/{events}"},
                "messages": [{"$ref": f"#/channels/{events}/messages/{answer.__name__}"} for answer in ANSWERS],
            }
        operations.append((f"{action}-{channel}", operation))
    return operations


def _messages() -> Document:
    messages = {
        message.__name__: _message(message) for topic in topics.TOPICS for message in _MESSAGES.get(topic.name, ())
    }
    messages[_DEAD_LETTER] = {
        "name": _DEAD_LETTER,
        "title": _DEAD_LETTER,
        "summary": "A message that could not be processed, as it was, with headers that say from where and why.",
        "contentType": "application/octet-stream",
        "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
        "payload": {"description": "the bytes of the original message"},
    }
    return messages


def _message(message: type[BaseModel]) -> Document:
    cloud_event = issubclass(message, Message)
    document: Document = {
        "name": message.type if issubclass(message, Message) else message.__name__,
        "title": message.__name__,
        "summary": (inspect.getdoc(message) or "").partition("\n\n")[0].replace("\n", " "),
        "contentType": "application/json",
        "headers": {"$ref": f"#/components/schemas/{'CloudEventHeaders' if cloud_event else 'ControlHeaders'}"},
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": _KAFKA_BINDING}},
    }
    if cloud_event and issubclass(message, ANSWERS):
        document["correlationId"] = {"$ref": "#/components/correlationIds/command"}
    return document


def _schemas() -> Document:
    classes = [message for messages in _MESSAGES.values() for message in messages]
    _, definitions = models_json_schema(
        [(message, "validation") for message in classes], ref_template="#/components/schemas/{model}"
    )
    schemas: Document = dict(sorted(definitions["$defs"].items()))
    return schemas | {
        "CloudEventHeaders": _CLOUD_EVENT_HEADERS,
        "ControlHeaders": _CONTROL_HEADERS,
        "DeadLetterHeaders": _DEAD_LETTER_HEADERS,
    }


def _headers(description: str, required: list[str], **texts: str) -> Document:
    return {
        "type": "object",
        "description": description,
        "required": required,
        "properties": {
            name.replace("__", "-"): {"type": "string", "description": text} for name, text in texts.items()
        },
    }


_CLOUD_EVENT_HEADERS = _headers(
    "Attributes of a CloudEvent 1.0 as Kafka headers, UTF-8.",
    ["ce_specversion", "ce_id", "ce_type", "ce_source"],
    ce_specversion="always 1.0",
    ce_id="unique together with ce_source; a command that is sent again with the same pair has its effect once",
    ce_type="the message's name, such as kafka-ml.model.create",
    ce_source="who sent it",
    ce_time="when it happened, RFC 3339",
    ce_subject="the resource that it is about, such as results/7",
    ce_correlationid="in an answer: the ce_id of the command",
    traceparent="W3C trace context",
    content__type="application/json",
)
_CONTROL_HEADERS = _headers(
    "No header is needed. Without one the key is a big-endian unsigned integer, the id of the deployment.",
    [],
    kafka__ml__key="text: the key is the id in decimal digits",
)
_DEAD_LETTER_HEADERS = _headers(
    "The original headers and these.",
    ["kafka-ml-source", "kafka-ml-input", "kafka-ml-reason", "kafka-ml-message"],
    kafka__ml__source="the service that gave up",
    kafka__ml__input="topic:partition:offset of the message",
    kafka__ml__reason="stable name of the kind of reason",
    kafka__ml__message="the reason, for people",
)
