"""Avro records as vectors: a record's fields in schema order are one vector of numbers.

Batches are decoded by column and not by message: each field is read for all messages at once, with one cursor a message. (Avro
numbers are little-endian floats or zigzag varints: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding.) Lengths
that a message claims are never trusted. Records that hold arrays or text go through fastavro, a message at a time.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import fastavro
import numpy as np
from numpy.typing import NDArray

from kafka_ml_common.arrays import (
    MAX_TEXT,
    Array,
    CodecError,
    Decoded,
    Shape,
    cast,
    collect,
    dtype_of,
    join,
    lengths,
    number_array,
    split,
)
from kafka_ml_common.avro_schema import ADVICE, BROKEN, Field, parse_schema
from kafka_ml_common.formats import StreamError

_FIXED: dict[str, np.dtype[Any]] = {"float": np.dtype("<f4"), "double": np.dtype("<f8"), "boolean": np.dtype("?")}
_VARINTS = ("int", "long", "enum")


class AvroVectors:
    """Decodes and encodes schemaless Avro data of one schema.

    Element type, unless `type_name` gives one: float32 for samples. For labels (`label=True`) bool if all fields are boolean,
    int64 if all are whole numbers (an enum counts as its position), else float32. Whole numbers above 2**24 lose digits in
    float32; choose float64 or int64 in `data_type` where that matters. A lone field of a label gives a scalar.

    Raises:
        StreamError: the schema is no Avro schema, or its data are no vector.
    """

    def __init__(self, schema: str, *, label: bool = False, type_name: str | None = None) -> None:
        self._label = label
        self._fields, self._schema, self._is_record = parse_schema(schema)
        kinds = {field.kind for field in self._fields}
        self._vectorised = not kinds & {"array", "string"}
        self._text = kinds == {"string"} and len(self._fields) == 1
        if "string" in kinds and not self._text:
            raise StreamError("Text stands among the Avro schema's fields, but a sample is numbers.", advice=ADVICE)
        self._dtype = np.dtype("U") if self._text else dtype_of(type_name, self._default_type(kinds))
        if self._dtype.kind in "biu" and kinds & {"float", "double"}:
            raise StreamError(f"The Avro schema has floats, which do not fit the type {self._dtype.name}.")
        if self._dtype.kind == "U" and not self._text:
            raise StreamError("The Avro schema has numbers, but the type asks for text.")
        self._shape: Shape | None = None
        if self._vectorised or self._text:
            self._shape = () if len(self._fields) == 1 and (label or self._text) else (len(self._fields),)
        self._record: np.dtype[Any] | None = None
        if all(field.kind in _FIXED and field.branch is None for field in self._fields):
            self._record = np.dtype([(f"f{i}", _FIXED[field.kind]) for i, field in enumerate(self._fields)])

    def _default_type(self, kinds: set[str]) -> str:
        if not self._label or kinds & {"float", "double", "array"}:
            return "float32"
        return "bool" if kinds == {"boolean"} else "int64"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of decoded arrays."""
        return self._dtype

    @property
    def shape(self) -> Shape | None:
        """Shape of one sample: (fields,), or () for a lone label; with arrays in the record known after the first batch."""
        return self._shape

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the record's fields in schema order; None where the schema is no record."""
        return tuple(field.name for field in self._fields) if self._is_record else None

    def decode(self, messages: Sequence[bytes | None]) -> Decoded:
        """Decode a batch; errors say which field is wrong."""
        if not self._vectorised:
            return self._decode_each(messages)
        if self._record is not None:
            columns, good, errors = self._fixed_columns(messages, self._record)
        else:
            columns, good, errors = self._columns(messages)
        out = np.empty((len(good), len(columns)), self._dtype)
        lossy: NDArray[np.bool_] = np.zeros(len(good), np.bool_)
        for position, column in enumerate(columns):
            with np.errstate(invalid="ignore", over="ignore"):
                out[:, position] = column
            if self._dtype.kind in "biu":
                lossy |= out[:, position] != column
        if lossy.any():
            errors += [(int(i), f"holds a number that {self._dtype.name} can't") for i in good[lossy]]
            out, good = out[~lossy], good[~lossy]
        return collect(out.reshape(len(good), *(self._shape or ())), good, errors)

    def _fixed_columns(
        self, messages: Sequence[bytes | None], record: np.dtype[Any]
    ) -> tuple[list[Array], NDArray[np.intp], list[tuple[int, str]]]:
        sizes = lengths(messages)
        fits = sizes == record.itemsize
        good = np.flatnonzero(fits)
        rows = np.frombuffer(join(messages, good), record)
        errors = [(int(i), _wrong_size(int(sizes[i]), record.itemsize)) for i in np.flatnonzero(~fits)]
        columns = []
        for name, field in zip(record.names or (), self._fields, strict=True):
            column = rows[name]
            # Any byte but 0 and 1 would make an invalid numpy boolean.
            columns.append(column.view(np.uint8) != 0 if field.kind == "boolean" else column)
        return columns, good, errors

    def _columns(self, messages: Sequence[bytes | None]) -> tuple[list[Array], NDArray[np.intp], list[tuple[int, str]]]:
        sizes = lengths(messages)
        present = np.maximum(sizes, 0)
        ends = np.cumsum(present)
        cursors = _Cursors(b"".join(m for m in messages if m is not None), ends - present, ends)
        cursors.fault(sizes < 0, "is null")
        columns = [cursors.read(field) for field in self._fields]
        cursors.finish()
        good = np.flatnonzero(cursors.faults == 0)
        bad = np.flatnonzero(cursors.faults)
        errors = [(int(i), cursors.reasons[cursors.faults[i]]) for i in bad]
        return ([column[good] for column in columns] if len(bad) else columns), good, errors

    def _decode_each(self, messages: Sequence[bytes | None]) -> Decoded:
        rows: list[Any] = []
        good: list[int] = []
        errors: list[tuple[int, str]] = []
        for index, message in enumerate(messages):
            try:
                rows.append(self._read_one(message))
                good.append(index)
            except BROKEN as error:
                own = type(error) is ValueError and error.args and str(error).startswith(("is ", "holds ", "has "))
                errors.append((index, str(error) if own else "is no datum of the Avro schema"))
        if self._text:
            return collect(np.array(rows, np.dtype("U")).reshape(len(rows)), good, errors)
        if rows and self._shape is None:
            self._shape = (Counter(map(len, rows)).most_common(1)[0][0],)
        size = self._shape[0] if self._shape else 0
        errors += [
            (i, f"has {len(row)} numbers instead of {size}")
            for i, row in zip(good, rows, strict=True)
            if len(row) != size
        ]
        kept = [(i, row) for i, row in zip(good, rows, strict=True) if len(row) == size]
        array = np.stack([row for _, row in kept]) if kept else np.empty((0, size), self._dtype)
        return collect(array, [i for i, _ in kept], errors)

    def _read_one(self, message: bytes | None) -> Any:
        if message is None:
            raise ValueError("is null")
        stream = io.BytesIO(message)
        datum = fastavro.schemaless_reader(stream, self._schema, None)
        if stream.tell() != len(message):
            raise ValueError("is longer than its Avro schema says")
        values = [datum[field.name] for field in self._fields] if self._is_record else [datum]
        if self._text:
            if len(values[0]) > MAX_TEXT:
                raise ValueError(f"has more than {MAX_TEXT} characters")
            return values[0]
        if None in values:
            raise ValueError(f"has null in field {self._fields[values.index(None)].name}")
        flat: list[Any] = []
        for field, value in zip(self._fields, values, strict=True):
            if field.kind == "enum":
                value = field.symbols.index(value)
            flat.extend(value if isinstance(value, list) else [value])
        return cast(number_array(flat), self._dtype)

    def encode(self, array: Array) -> list[bytes]:
        """One datum a row of `array`, shape (n, fields) or (n,) for a lone field."""
        rows = np.asarray(array).reshape(len(array), -1)
        if any(field.kind == "array" for field in self._fields):
            if len(self._fields) > 1:
                raise CodecError("Rows can't be divided among the arrays of the Avro schema.", advice="Send records.")
            values: list[Any] = rows.tolist()
            return self.encode_records(values if not self._is_record else [{self._fields[0].name: v} for v in values])
        if rows.shape[1] != len(self._fields):
            raise CodecError(f"Samples have {rows.shape[1]} numbers, but the Avro schema {len(self._fields)} fields.")
        if self._record is not None:
            records = np.empty(len(rows), self._record)
            for position, name in enumerate(self._record.names or ()):
                records[name] = rows[:, position]
            return split(records.reshape(-1, 1))
        columns = []
        for position, field in enumerate(self._fields):
            column = rows[:, position]
            if field.kind in ("int", "long", "enum") and column.dtype.kind not in "biu":
                column = column.astype(np.int64)
            listed = column.tolist()
            columns.append([field.symbols[v] for v in listed] if field.kind == "enum" else listed)
        if not self._is_record:
            return self.encode_records(columns[0])
        names = [field.name for field in self._fields]
        return self.encode_records([dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)])

    def encode_records(
        self, records: Iterable[Mapping[str, Any] | Any], *, what: str = "Sample", first_index: int = 0
    ) -> list[bytes]:
        """One datum a record (mappings of field names to values; bare values where the schema is no record).

        Args:
            what: what a record is, for errors.
            first_index: position of the first record, for errors.

        Raises:
            CodecError: a record doesn't fit the schema; names its position.
        """
        stream = io.BytesIO()
        data = []
        for index, record in enumerate(records, first_index):
            stream.seek(0)
            stream.truncate()
            self._check_whole(record, f"{what} {index}")
            try:
                fastavro.schemaless_writer(stream, self._schema, record)
            except BROKEN as error:
                raise CodecError(f"{what} {index} doesn't fit the Avro schema: {error}.") from error
            data.append(stream.getvalue())
        return data

    def _check_whole(self, record: Any, what: str) -> None:
        # fastavro would write 1.5 as the long 1.
        for field in self._fields:
            value = record.get(field.name) if isinstance(record, Mapping) else record
            if field.kind in ("int", "long") and isinstance(value, float) and not value.is_integer():
                raise CodecError(f"{what} doesn't fit the Avro schema: {field.name} is {value}, but should be whole.")


class _Cursors:
    """A place in each of n messages that lie one after the other in one buffer."""

    def __init__(self, joined: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        # Padded, so that reads that begin at or before an end stay inside; whoever reads over its end is found by `finish`.
        self._buffer = np.frombuffer(joined + bytes(16), np.uint8)
        self._at = starts
        self._ends = ends
        self.reasons = [""]
        self.faults: NDArray[np.int64] = np.zeros(len(starts), np.int64)

    def fault(self, where: NDArray[np.bool_], reason: str) -> None:
        """Note a reason for messages that have none yet."""
        if where.any():
            self.faults[where & (self.faults == 0)] = len(self.reasons)
            self.reasons.append(reason)

    def read(self, field: Field) -> Array:
        """The field's value in each message, as far as it goes."""
        if field.branch is not None:
            branch = self._varints()
            self.fault((branch != field.branch) & (branch >= 0) & (branch <= 1), f"has null in field {field.name}")
            self.fault(branch != field.branch, "is no datum of the Avro schema")
        if field.kind == "boolean":
            switched: NDArray[np.bool_] = self._bytes(1)[:, 0] != 0
            return switched
        if field.kind in _FIXED:
            dtype = _FIXED[field.kind]
            numbers: Array = np.ascontiguousarray(self._bytes(dtype.itemsize)).view(dtype)[:, 0]
            return numbers
        values = self._varints()
        if field.kind == "enum":
            self.fault((values < 0) | (values >= len(field.symbols)), f"has no known symbol in field {field.name}")
        return values

    def finish(self) -> None:
        """Every message must end where its last field does."""
        self.fault(self._at < self._ends, "is longer than its Avro schema says")

    def _bytes(self, size: int) -> NDArray[np.uint8]:
        taken: NDArray[np.uint8] = self._buffer[self._at[:, None] + np.arange(size)]
        self._forward(np.int64(size))
        return taken

    def _varints(self) -> NDArray[np.int64]:
        first = self._buffer[self._at]
        number = (first & 0x7F).astype(np.uint64)
        used = np.ones(len(first), np.int64)
        # Most numbers are one byte long; only the others are looked at again.
        longer = np.flatnonzero(first & 0x80)
        for position in range(1, 10):
            if not len(longer):
                break
            byte = self._buffer[self._at[longer] + position]
            number[longer] |= (byte & 0x7F).astype(np.uint64) << np.uint64(7 * position)
            used[longer] += 1
            longer = longer[byte & 0x80 != 0]
        if len(longer):
            endless = np.zeros(len(first), np.bool_)
            endless[longer] = True
            self.fault(endless, "holds a number of more than 64 bits")
        self._forward(used)
        negative = -(number & np.uint64(1)).astype(np.int64)
        return (number >> np.uint64(1)).astype(np.int64) ^ negative

    def _forward(self, size: Any) -> None:
        at = self._at + size
        self.fault(at > self._ends, "is shorter than its Avro schema says")
        self._at = np.minimum(at, self._ends)


def _wrong_size(size: int, wanted: int) -> str:
    return "is null" if size < 0 else f"has {size} bytes instead of {wanted}"
