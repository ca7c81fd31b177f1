"""Codecs under any bytes: they never crash, every message is either decoded or has a reason, and good neighbours are never lost."""

import io
import json

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from kafka_ml_common.avro_schema import BROKEN
from kafka_ml_common.codecs import codec_for, encode_predictions

SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "a", "type": "float"},
        {"name": "b", "type": "long"},
        {"name": "c", "type": ["double", "null"]},
        {"name": "d", "type": "boolean"},
    ],
}
ARRAYS = {
    "type": "record",
    "name": "R",
    "fields": [{"name": "a", "type": {"type": "array", "items": "long"}}, {"name": "b", "type": "int"}],
}
STREAMS = {
    "raw": ("RAW", {"data_type": "uint16", "data_reshape": "2 2"}, np.arange(4).reshape(2, 2)),
    "bool": ("RAW", {"data_type": "bool", "data_reshape": "3"}, np.array([True, False, True])),
    "fixed avro": (
        "AVRO",
        {"data_scheme": '{"type":"record","name":"R","fields":[{"name":"x","type":"double"}]}'},
        [7.5],
    ),
    "avro": ("AVRO", {"data_scheme": json.dumps(SCHEMA)}, np.array([1.5, -300, 2.5, 1])),
    "json": ("JSON", {"data_reshape": "2 2"}, np.array([[1, 2], [3, 4.5]])),
}


def batches(good: bytes):
    """Batches of anything, among them good messages and what is nearly one."""
    cut = st.integers(0, len(good)).map(lambda end: good[:end])
    flipped = st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)).map(
        lambda change: good[: change[0]] + bytes([change[1]]) + good[change[0] + 1 :]
    )
    return st.lists(st.one_of(st.just(good), st.none(), st.binary(max_size=40), cut, flipped), max_size=12)


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
def test_every_message_is_decoded_or_has_a_reason(name, data):
    form, config, sample = STREAMS[name]
    codec = codec_for(form, config)
    sample = np.asarray(sample, codec.dtype)
    good = codec.encode(sample[None])[0]
    messages = data.draw(batches(good))

    decoded = codec.decode(messages)

    assert sorted([*decoded.good.tolist(), *(error.index for error in decoded.errors)]) == list(range(len(messages)))
    assert decoded.array.shape == (len(decoded.good), *sample.shape)
    assert decoded.array.dtype == codec.dtype
    rows = dict(zip(decoded.good.tolist(), decoded.array, strict=True))
    for index, message in enumerate(messages):
        if message == good:
            assert np.array_equal(rows[index], sample)


@given(st.lists(st.one_of(st.none(), st.binary(max_size=60)), max_size=10))
def test_avro_by_column_agrees_with_fastavro(messages):
    codec = codec_for("AVRO", {"data_scheme": json.dumps(SCHEMA), "data_type": "float64"})
    decoded = codec.decode(messages)
    rows = dict(zip(decoded.good.tolist(), decoded.array.tolist(), strict=True))
    for index, message in enumerate(messages):
        expected = fastavro_row(message)
        assert (index in rows) == (expected is not None)
        if expected is not None:
            assert np.array_equal(rows[index], expected, equal_nan=True)


def fastavro_row(message):
    if message is None:
        return None
    stream = io.BytesIO(message)
    try:
        record = fastavro.schemaless_reader(stream, SCHEMA, None)
        if stream.tell() != len(message) or record["c"] is None or not -(2**63) <= record["b"] < 2**63:
            return None
        return [float(record[name]) for name in "abcd"]
    except BROKEN:
        return None


@given(st.lists(st.one_of(st.none(), st.binary(max_size=60)), max_size=10))
def test_records_with_arrays_and_open_json_survive_any_bytes(messages):
    for form, config in (
        ("AVRO", {"data_scheme": json.dumps(ARRAYS)}),
        ("JSON", {}),
        ("TELEGRAF_STR_JSON", {}),
        ("RAW", {"data_type": "string"}),
    ):
        decoded = codec_for(form, config).decode(messages)
        assert len(decoded.good) + len(decoded.errors) == len(messages)
        assert len(decoded.array) == len(decoded.good)


@given(
    npst.arrays(
        st.sampled_from([np.uint8, np.int16, np.float16, np.float32, np.int64, np.float64, np.bool_]),
        npst.array_shapes(min_dims=2, max_dims=4, max_side=5),
    )
)
def test_what_raw_writes_raw_reads(array):
    shape = " ".join(map(str, array.shape[1:]))
    codec = codec_for("RAW", {"data_type": array.dtype.name, "data_reshape": shape})
    decoded = codec.decode(codec.encode(array))
    assert decoded.array.dtype == array.dtype
    assert decoded.array.tobytes() == array.tobytes()


@given(
    npst.arrays(
        np.float32,
        npst.array_shapes(min_dims=2, max_dims=3, max_side=5),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_what_json_writes_json_reads(array):
    codec = codec_for("JSON", {})
    assert np.array_equal(codec.decode(codec.encode(array)).array, array)
    predictions = [json.loads(message)["values"] for message in encode_predictions(array)]
    assert np.array_equal(np.array(predictions, np.float32), array)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_what_avro_writes_avro_reads(numbers):
    codec = codec_for("AVRO", {"data_scheme": '"long"', "label_scheme": '"long"', "data_type": "int64"})
    array = np.array(numbers, np.int64)
    assert codec.decode(codec.encode(array[:, None])).array[:, 0].tolist() == numbers
    assert codec.decode_labels(codec.encode_labels(array)).array.tolist() == numbers
