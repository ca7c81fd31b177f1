"""Avro schemas whose data are vectors: a flat record of numbers, or a lone number, array or text."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import fastavro
import orjson
from fastavro.schema import SchemaParseException

from kafka_ml_common.formats import StreamError

MAX_FIELDS = 10_000
ADVICE = "A sample's fields are numbers, booleans, enums, or arrays of numbers; flatten records within records."
BROKEN = (EOFError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError, struct.error, RecursionError)
"""What fastavro raises for schemas, data and records that are not as they should be."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a flat record.

    Attributes:
        kind: `float double boolean int long enum array string`.
        symbols: of an enum.
        branch: where the field is a union with null, the branch that holds its value (0 or 1).
        schema: what fastavro needs to know, without logical types.
    """

    name: str
    kind: str
    schema: Any
    symbols: tuple[str, ...] = ()
    branch: int | None = None


def parse_schema(text: str) -> tuple[tuple[Field, ...], Any, bool]:
    """The fields of a schema, the schema that fastavro reads and writes with, and whether it is a record."""
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError:
        # The earlier system also takes the text of a Python dict.
        try:
            schema = orjson.loads(text.replace("'", '"'))
        except orjson.JSONDecodeError as error:
            raise StreamError(f"The Avro schema is no JSON: {error}.") from error
    is_record = isinstance(schema, dict) and schema.get("type") == "record"
    if is_record:
        raw = schema.get("fields")
        if not isinstance(raw, list) or not 0 < len(raw) <= MAX_FIELDS or not all(isinstance(f, dict) for f in raw):
            raise StreamError(f"The Avro schema needs a list of 1 to {MAX_FIELDS} fields.")
        fields = tuple(_field(str(f.get("name")), f.get("type")) for f in raw)
        if len({field.name for field in fields}) < len(fields):
            raise StreamError("The Avro schema has two fields of one name.")
        plain: Any = {
            "type": "record",
            "name": schema.get("name"),
            "namespace": schema.get("namespace", ""),
            "fields": [{"name": f.name, "type": f.schema} for f in fields],
        }
    else:
        fields = (_field("value", schema),)
        plain = fields[0].schema
    try:
        return fields, fastavro.parse_schema(plain), is_record
    except (SchemaParseException, *BROKEN) as error:
        raise StreamError(f"The Avro schema is not valid: {str(error)[:300]}.") from error


def _field(name: str, schema: Any, branch: int | None = None) -> Field:
    match schema:
        case "float" | "double" | "boolean" | "int" | "long" | "string":
            return Field(name, schema, schema, branch=branch)
        case {"type": "array", "items": "float" | "double" | "int" | "long" | "boolean" as items} if branch is None:
            return Field(name, "array", {"type": "array", "items": items})
        case {"type": "enum", "name": str(enum), "symbols": [*symbols]}:
            plain = {"type": "enum", "name": enum, "symbols": symbols}
            return Field(name, "enum", plain, symbols=tuple(map(str, symbols)), branch=branch)
        case {"type": str(inner)} if inner in ("float", "double", "boolean", "int", "long", "string"):
            # A logical type, such as timestamp-millis, stays the number that is on the wire.
            return _field(name, inner, branch)
        case ["null", other] if branch is None:
            return _union(name, other, 1)
        case [other, "null"] if branch is None:
            return _union(name, other, 0)
        case _:
            raise StreamError(f"Field {name[:100]} of the Avro schema is no number.", advice=ADVICE)


def _union(name: str, schema: Any, branch: int) -> Field:
    field = _field(name, schema, branch)
    both = ["null", field.schema] if branch else [field.schema, "null"]
    return Field(name, field.kind, both, field.symbols, branch)
