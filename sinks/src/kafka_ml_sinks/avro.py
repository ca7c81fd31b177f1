"""The Avro sink, and schemas inferred from a first record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Unpack

import numpy as np

from kafka_ml_common.arrays import CodecError
from kafka_ml_common.avro import AvroVectors
from kafka_ml_common.streams import InputFormat
from kafka_ml_sinks.sink import Sink, SinkOptions

_AVRO_TYPES = {"b": "boolean", "i": "long", "u": "long", "f": "double", "U": "string"}


def infer_schema(name: str, sample: Any, field: str) -> str:
    """The Avro schema, as JSON text, of records like `sample`.

    Args:
        name: of the record.
        sample: a mapping, a dataclass, a pandas row, or a bare value or array, which becomes the record's only field.
        field: name of the only field of a bare value.

    Raises:
        CodecError: a field is neither number, boolean, text nor array of numbers.
    """
    record = as_record(sample, field)
    fields = [{"name": key, "type": _avro_type(key, value)} for key, value in record.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "kafka_ml", "fields": fields})


def as_record(sample: Any, field: str) -> dict[str, Any]:
    """The sample as a record of plain Python values; bare values get the name `field`."""
    if dataclasses.is_dataclass(sample) and not isinstance(sample, type):
        sample = {f.name: getattr(sample, f.name) for f in dataclasses.fields(sample)}
    elif not isinstance(sample, Mapping):
        sample = {field: sample}
    return {
        str(key): value.tolist() if isinstance(value, np.generic | np.ndarray) else value
        for key, value in sample.items()
    }


def _avro_type(name: str, value: Any) -> Any:
    array = np.asarray(value)
    kind = _AVRO_TYPES.get(array.dtype.kind)
    if kind is None or array.ndim > 1 or (array.ndim == 1 and kind == "string"):
        raise CodecError(f"Field {name} is neither number, boolean, text nor array of numbers: {str(value)[:80]}.")
    return {"type": "array", "items": kind} if array.ndim else kind


class AvroSink(Sink):
    """Sends records (mappings, dataclasses, pandas rows) as schemaless Avro data.

    Args:
        data_scheme, label_scheme: Avro schemas as JSON text or mappings; inferred from the first record when None. A label that is
            no record becomes the record's only field.
        data_scheme_filename, label_scheme_filename: files with the schemas, as in the earlier library.
    """

    input_format: ClassVar[InputFormat] = InputFormat.AVRO

    def __init__(
        self,
        bootstrap_servers: str | None = None,
        topic: str = "",
        deployment_id: int | str = 0,
        *,
        data_scheme: str | Mapping[str, Any] | None = None,
        label_scheme: str | Mapping[str, Any] | None = None,
        data_scheme_filename: str | Path | None = None,
        label_scheme_filename: str | Path | None = None,
        **options: Unpack[SinkOptions],
    ) -> None:
        super().__init__(bootstrap_servers, topic, deployment_id, **options)
        self._data_scheme = _text(data_scheme, data_scheme_filename)
        self._label_scheme = _text(label_scheme, label_scheme_filename)
        self._data = AvroVectors(self._data_scheme) if self._data_scheme else None
        self._label = AvroVectors(self._label_scheme, label=True) if self._label_scheme else None
        self._labelled: bool | None = None

    def _encode(self, x: Any, y: Any | None, first_index: int) -> tuple[list[bytes], list[bytes] | None]:
        if self._labelled is None:
            self._labelled = y is not None
        if self._labelled != (y is not None):
            missing = "no label" if y is None else "a label"
            raise CodecError(f"Sample {first_index} has {missing}, unlike those before it.")
        rows = records(x)
        if self._data is None:
            self._data_scheme = infer_schema("Sample", rows[0], "value")
            self._data = AvroVectors(self._data_scheme)
        values = encode_records(self._data, rows, "Sample", first_index)
        if y is None:
            return values, None
        labels = records(y)
        if len(labels) != len(rows):
            raise CodecError(f"There are {len(rows)} samples, but {len(labels)} labels.")
        if self._label is None:
            self._label_scheme = infer_schema("Label", labels[0], "label")
            self._label = AvroVectors(self._label_scheme, label=True)
        return values, encode_records(self._label, labels, "Label", first_index)

    def _input_config(self) -> dict[str, Any]:
        return {"data_scheme": self._data_scheme, "label_scheme": self._label_scheme if self._labelled else None}


def records(data: Any) -> list[Any]:
    """A list of records (or rows) from a frame, an array or any iterable."""
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        found: list[Any] = data.to_dict("records")
        return found
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    return list(data)


def encode_records(vectors: AvroVectors, rows: list[Any], what: str, first_index: int) -> list[bytes]:
    """One datum a record, dataclass, or row of values in the schema's order."""
    names = vectors.names
    plain: list[Any]
    if names is None:
        plain = [record.tolist() if isinstance(record, np.generic | np.ndarray) else record for record in rows]
    else:
        plain = [_named(record, names) for record in rows]
    return vectors.encode_records(plain, what=what, first_index=first_index)


def _named(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if len(names) > 1 and isinstance(record, np.ndarray | list | tuple):
        values = record.tolist() if isinstance(record, np.ndarray) else record
        if len(values) != len(names):
            return {"": values}
        return dict(zip(names, values, strict=True))
    return as_record(record, names[0])


def _text(scheme: str | Mapping[str, Any] | None, filename: str | Path | None) -> str | None:
    if scheme is None and filename is not None:
        return Path(filename).read_text(encoding="utf-8")
    return json.dumps(scheme) if isinstance(scheme, Mapping) else scheme
