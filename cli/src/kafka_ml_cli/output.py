"""What the commands print: tables and details for people, JSON for machines."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console()
errors = Console(stderr=True)

_COLOURS = {
    "valid": "green",
    "finished": "green",
    "running": "cyan",
    "pending": "yellow",
    "validating": "yellow",
    "awaiting": "yellow",
    "stopping": "yellow",
    "stopped": "dim",
    "invalid": "red",
    "failed": "red",
}


def print_json(document: Any) -> None:
    """Print a document as JSON and nothing else."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_text(text: str) -> None:
    """Print text as it is; on a terminal without what could steer it, as anybody may have written the model that printed it."""
    if sys.stdout.isatty():
        text = "".join(letter for letter in text if letter in "\n\t" or unicodedata.category(letter) != "Cc")
    sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")


def print_list(items: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print items as a table of some of their fields, or as JSON."""
    if as_json:
        print_json(list(items))
        return
    if not items:
        console.print(empty, style="dim")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            column.replace("_", " "), justify="right" if isinstance(items[0].get(column), int | float) else "left"
        )
    for item in items:
        table.add_row(*(cell(column, item.get(column)) for column in columns))
    console.print(table)


def print_one(item: Mapping[str, Any], *, as_json: bool, hide: Iterable[str] = ()) -> None:
    """Print one document, field by field, or as JSON."""
    if as_json:
        print_json(dict(item))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    hidden = set(hide)
    for name, value in item.items():
        if value not in (None, "", [], {}) and name not in hidden:
            table.add_row(name.replace("_", " "), cell(name, value))
    console.print(table)


def cell(name: str, value: Any) -> str:
    """A value as it stands in a table; what users wrote can't colour or link anything."""
    if value is None:
        return "-"
    if name == "state":
        colour = _COLOURS.get(str(value), "default")
        return f"[{colour}]{escape(str(value))}[/{colour}]"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, str) and name.endswith("_at"):
        return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, dict) and value and all(isinstance(number, int | float) for number in value.values()):
        return escape(", ".join(f"{key} {number:.4g}" for key, number in value.items()))
    if isinstance(value, dict | list):
        return escape(json.dumps(value, default=str))
    return escape(str(value))
