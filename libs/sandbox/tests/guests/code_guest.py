"""A guest for the tests: runs any code, with the channel at hand, as hostile as the test wants."""

from collections.abc import Mapping
from typing import Any

from kafka_ml_sandbox.channel import Channel
from kafka_ml_sandbox.usercode import run_code


def echo(channel: Channel, payload: dict[str, Any]) -> Mapping[str, object]:
    return payload


def double(channel: Channel, payload: dict[str, Any]) -> None:
    rows = payload["rows"]
    channel.array("y")[:rows] = channel.array("x")[:rows] * 2


def count_until_told(channel: Channel, payload: dict[str, Any]) -> Mapping[str, object]:
    """Report numbers until the host says stop."""
    number = 0
    while not (told := channel.poll()):
        number += 1
        channel.send("number", {"number": number})
    return {"told": told}


def run(channel: Channel, payload: dict[str, Any]) -> Mapping[str, object]:
    """Run `code`; what it assigns to `result` is the answer."""
    return {"result": run_code(payload["code"], {"channel": channel}).get("result")}


HANDLERS = {"echo": echo, "double": double, "count_until_told": count_until_told, "run": run}
