"""Commands, command messages and paths that the documentation names are there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main

from kafka_ml_api.openapi import document
from kafka_ml_cli.main import app
from kafka_ml_common.requests import COMMAND_TYPES

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = DOCS / "guide"


def command_lines() -> Iterator[list[str]]:
    """Each `kafka-ml ...` in a block of shell, as its words."""
    for page in sorted(DOCS.rglob("*.md")):
        for block in re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S):
            for line in block.splitlines():
                if line.startswith("kafka-ml "):
                    yield shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize("words", list(command_lines()), ids=" ".join)
def test_command_lines(words: list[str]) -> None:
    command = typer.main.get_command(app)
    context = click.Context(command)
    words = [re.sub(r"^\$?[A-Z][A-Z_]+$", "1", word) for word in words]
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    with command.make_context(command.name, words, resilient_parsing=False) as parsed:
        assert parsed.params is not None


def test_command_messages() -> None:
    table = re.findall(r"^\| (`kafka-ml\..*?) \|", (GUIDE / "by-program.md").read_text(encoding="utf-8"), re.M)
    told = set()
    for cell in table:
        first, *more = re.findall(r"`([^`]+)`", cell)
        told |= {first, *(first.rpartition(".")[0] + name for name in more)}
    assert told == set(COMMAND_TYPES)


def test_paths() -> None:
    known = [re.sub(r"\{\w+\}", "[^/]+", path.removeprefix("/api/v1")) for path in json.loads(document())["paths"]]
    text = "\n".join(page.read_text(encoding="utf-8") for page in GUIDE.glob("*.md"))
    written = re.findall(r"(?:\$api/|/api/v1/|(?:GET|POST|PATCH|DELETE) /)(\w[\w/$.{}-]+)", text)
    told = {f"/{path.removeprefix('api/v1/')}" for path in written}
    assert len(told) > 10
    assert [path for path in told if not any(re.fullmatch(pattern, path) for pattern in known)] == []
