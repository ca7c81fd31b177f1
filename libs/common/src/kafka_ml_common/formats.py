"""Input formats: how a stream's values and keys are encoded, and the `input_config` that says so. Pure."""

from __future__ import annotations

import json
import math
import re
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from kafka_ml_common.errors import InvalidError

MAX_SCHEMA_CHARACTERS = 200_000
MAX_DIMENSIONS = 16
MAX_SAMPLE_ITEMS = 1 << 26
"""Numbers in one sample at most; more can't arrive in one Kafka message of a sane size."""

TYPES = {
    "uint8": "u1",
    "int8": "i1",
    "uint16": "<u2",
    "int16": "<i2",
    "uint32": "<u4",
    "int32": "<i4",
    "uint64": "<u8",
    "int64": "<i8",
    "half": "<f2",
    "float16": "<f2",
    "float32": "<f4",
    "single": "<f4",
    # numpy's `float` is Python's float: 64 bits. The earlier system reads the name so, too.
    "float": "<f8",
    "double": "<f8",
    "float64": "<f8",
    "bool": "?",
    "string": "U",
    "str": "U",
}
"""Names of element types in control messages -> numpy type codes. Bytes on the wire are little-endian."""


class StreamError(InvalidError, ValueError):
    """A range, control message, key or format description that can't be understood. (A ValueError too, for Pydantic.)"""

    code = "invalid-stream"


class InputFormat(StrEnum):
    """How values and keys of a stream's messages are encoded."""

    RAW = "RAW"
    AVRO = "AVRO"
    JSON = "JSON"
    TELEGRAF_STR_JSON = "TELEGRAF_STR_JSON"


def parse_shape(value: Any) -> tuple[int, ...] | None:
    """A sample's shape from `"28 28"`, `28` or `[28, 28]`; None from what says nothing (`""`, null). One item may be -1.

    Raises:
        StreamError: something else, or a shape that no message can have.
    """
    if value is None or (isinstance(value, str) and not value.strip()) or value == []:
        return None
    items = value.split() if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    if len(items) > MAX_DIMENSIONS:
        raise StreamError(f"A shape has at most {MAX_DIMENSIONS} dimensions, not {len(items)}.")
    shape = []
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int | str) or not re.fullmatch(r"-1|[0-9]{1,9}", str(item)):
            raise StreamError(f"{shown(item)} is no dimension of a shape.", advice='Write shapes like "28 28".')
        shape.append(int(item))
    known = [size for size in shape if size != -1]
    if 0 in known or len(shape) - len(known) > 1 or math.prod(known) > MAX_SAMPLE_ITEMS:
        raise StreamError(
            f"The shape {tuple(shape)} is not possible: dimensions are positive, one may be -1, "
            f"and a sample has at most {MAX_SAMPLE_ITEMS} numbers."
        )
    return tuple(shape)


def _type_name(value: Any) -> Any:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value not in TYPES:
        raise StreamError(f"{shown(value)} is no known type.", advice=f"Known types are: {', '.join(TYPES)}.")
    return value


def _checked_shape(value: Any) -> Any:
    parse_shape(value)
    return value


TypeName = Annotated[str | None, BeforeValidator(_type_name)]
Shape = Annotated[str | int | list[int] | None, BeforeValidator(_checked_shape)]


class _Config(BaseModel):
    """Base of the input configurations; keys that are not known are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=False)


class _ArrayConfig(_Config):
    data_type: TypeName = None
    label_type: TypeName = None
    data_reshape: Shape = None
    label_reshape: Shape = None

    @property
    def data_shape(self) -> tuple[int, ...] | None:
        """Shape of a sample, None when the messages tell."""
        return parse_shape(self.data_reshape)

    @property
    def label_shape(self) -> tuple[int, ...] | None:
        """Shape of a label, `()` for a scalar (written "1"), None when the messages tell."""
        shape = parse_shape(self.label_reshape)
        return () if shape == (1,) else shape


class RawConfig(_ArrayConfig):
    """RAW: arrays' bytes. Without `label_type` the stream has no labels."""

    @model_validator(mode="after")
    def _has_a_type(self) -> Self:
        if self.data_type is None:
            raise StreamError("RAW data needs data_type in input_config.", advice="For instance: uint8.")
        return self


class JsonConfig(_ArrayConfig):
    """JSON and TELEGRAF_STR_JSON. Numbers are read as float32 unless a type is given; keys, where there are any, are labels."""


class AvroConfig(_Config):
    """AVRO: one schemaless datum a message; the schemas are JSON, as text. Without `label_scheme` there are no labels.

    `data_type` and `label_type` (of ours, optional) choose the element type of the vectors.
    """

    data_scheme: str = Field(max_length=MAX_SCHEMA_CHARACTERS)
    label_scheme: str | None = Field(None, max_length=MAX_SCHEMA_CHARACTERS)
    data_type: TypeName = None
    label_type: TypeName = None

    @field_validator("data_scheme", "label_scheme", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if isinstance(value, dict | list):
            return json.dumps(value)
        return None if value == "" else value


InputConfig = RawConfig | AvroConfig | JsonConfig


def parse_config(input_format: InputFormat, input_config: dict[str, Any]) -> InputConfig:
    """The typed form of a control message's `input_config`.

    Raises:
        StreamError: it does not fit the format.
    """
    try:
        match input_format:
            case InputFormat.RAW:
                return RawConfig.model_validate(input_config)
            case InputFormat.AVRO:
                return AvroConfig.model_validate(input_config)
            case InputFormat.JSON | InputFormat.TELEGRAF_STR_JSON:
                return JsonConfig.model_validate(input_config)
    except ValidationError as error:
        raise as_stream_error(f"The input_config does not fit {input_format}", error) from error


def shown(value: object) -> str:
    """The value as it is quoted in an error, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."


def as_stream_error(what: str, error: ValidationError) -> StreamError:
    """The first of Pydantic's complaints, as one sentence."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    reason = cause.message if isinstance(cause, StreamError) else f"{first['msg']}."
    advice = cause.advice if isinstance(cause, StreamError) else None
    where = ".".join(map(str, first["loc"]))
    pointer = "".join(f"/{part}" for part in first["loc"]) or None
    return StreamError(f"{what}: {f'{where}: ' if where else ''}{reason}", advice=advice, pointer=pointer)
