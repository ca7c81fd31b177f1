"""The AsyncAPI document is whole, and says what the code does."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from kafka_ml_api.asyncapi import asyncapi_document, channel_id
from kafka_ml_api.asyncapi_page import page
from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Envelope, encode
from kafka_ml_common.messages import EVENTS, Failure, TrainingFailed
from kafka_ml_common.requests import COMMANDS, CreateModel
from kafka_ml_common.workloads import SPECS

_KEY = re.compile(r"^[\w\d.\-_]+$")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(asyncapi_document("one:9092,two:9092")))


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def test_every_reference_leads_to_something(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert len(found) > 100
    for reference in found:
        assert reference.startswith("#/")
        assert resolve(document, reference) is not None


def test_it_has_the_structure_of_asyncapi_3(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(document["info"])
    allowed = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    assert set(document) <= allowed
    for server in document["servers"].values():
        assert server["host"]
        assert server["protocol"] == "kafka"
    for part in ("channels", "operations", "servers"):
        assert all(_KEY.match(name) for name in document[part])
    for kind in document["components"].values():
        assert all(_KEY.match(name) for name in kind)


def test_operations_use_messages_of_their_own_channel_as_the_specification_demands(document: dict[str, Any]) -> None:
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        for party in (operation, operation.get("reply", operation)):
            channel = party["channel"]["$ref"]
            assert resolve(document, channel)
            assert all(message["$ref"].startswith(f"{channel}/messages/") for message in party["messages"])


def test_every_topic_and_message_of_the_code_is_there(document: dict[str, Any]) -> None:
    assert {channel["address"] for channel in document["channels"].values()} == {t.name for t in topics.TOPICS}
    names = {message["name"] for message in document["components"]["messages"].values()}
    assert {message.type for message in (*EVENTS, *COMMANDS, *SPECS)} <= names
    assert set(document["operations"]) >= {"receive-commands", "receive-control", "send-events", "send-workloads"}


def test_commands_are_answered_by_events_that_carry_their_id(document: dict[str, Any]) -> None:
    reply = document["operations"]["receive-commands"]["reply"]
    assert reply["channel"]["$ref"] == f"#/channels/{channel_id(topics.EVENTS)}"
    for reference in reply["messages"]:
        message = resolve(document, resolve(document, reference["$ref"])["$ref"])
        location = resolve(document, message["correlationId"]["$ref"])["location"]
        assert location == "$message.header#/ce_correlationid"


@pytest.mark.parametrize(
    "message",
    [
        CreateModel(name="digits", code="model = None"),
        TrainingFailed(deployment_id=1, result_id=2, failure=Failure(code="killed", message="It was killed.")),
    ],
)
def test_what_is_really_sent_fits_the_schemas(document: dict[str, Any], message: Any) -> None:
    record = encode(Envelope(message, "test", correlation_id="1"))
    described = document["components"]["messages"][type(message).__name__]
    for reference, instance in (
        (described["payload"]["$ref"], json.loads(record.value or b"")),
        (described["headers"]["$ref"], {name: value.decode() for name, value in record.headers}),
    ):
        schema = {**resolve(document, reference), "components": document["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(instance)


def test_all_schemas_are_valid_json_schema(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_the_page_shows_every_message_and_escapes_what_it_shows(document: dict[str, Any]) -> None:
    html = page(document)
    for message in (*EVENTS, *COMMANDS):
        assert message.type in html
    for target in set(re.findall(r'href="#([^"]+)"', html)):
        assert f'id="{target}"' in html
    hostile = json.loads(json.dumps(document).replace("What happened.", "<script>alert(1)</script>"))
    assert "<script" not in page(hostile)
    assert "http://" not in html
