"""Codecs: what producers wrote comes back as arrays, and a bad message never takes its neighbours with it."""

import json
from pathlib import Path

import numpy as np
import pytest

from kafka_ml_common.codecs import CodecError, codec_for, encode_predictions, is_unlabelled
from kafka_ml_common.formats import StreamError
from kafka_ml_common.streams import ControlMessage, split_sizes

LEGACY = json.loads((Path(__file__).parent / "legacy_wire.json").read_text())["cases"]
MIXED = json.dumps(
    {
        "type": "record",
        "name": "Mixed",
        "fields": [
            {"name": "t", "type": "float"},
            {"name": "n", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "on", "type": "boolean"},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B", "C"]}},
            {"name": "maybe", "type": ["null", "double"]},
        ],
    }
)


@pytest.mark.parametrize("case", LEGACY, ids=lambda case: case["topic"])
def test_streams_of_the_earlier_sinks_decode_as_they_were_meant(case):
    control = ControlMessage.from_bytes(json.dumps(case["control_value"]).encode())
    codec = codec_for(control.input_format, control.input_config)
    values = [bytes.fromhex(message["value_hex"]) for message in case["messages"]]
    keys = [bytes.fromhex(message["key_hex"]) for message in case["messages"]]

    samples = codec.decode_samples(values, keys)

    assert samples.errors == ()
    assert samples.x.tolist() == case["means"]["x"]
    assert samples.y.tolist() == case["means"]["y"]
    assert samples.y.shape == (len(keys),)
    assert samples.x.dtype.name == case["means"].get("x_dtype", "float32")
    assert samples.x.shape[1:] == codec.sample_shape
    sizes = split_sizes(control.size, control.validation_rate, control.test_rate)
    assert (sizes.test, sizes.validation) == (case["means"]["test"], case["means"]["validation"])
    assert sizes.training + sizes.test + sizes.validation == len(values)
    assert sizes.training >= case["means"]["train"]


@pytest.mark.parametrize("case", LEGACY, ids=lambda case: case["topic"])
def test_arrays_are_encoded_as_the_earlier_sinks_did(case):
    codec = codec_for(case["control_value"]["input_format"], case["control_value"]["input_config"])
    x, y = np.array(case["means"]["x"]), np.array(case["means"]["y"])
    assert [value.hex() for value in codec.encode(x)] == [message["value_hex"] for message in case["messages"]]
    assert [key.hex() for key in codec.encode_labels(y)] == [message["key_hex"] for message in case["messages"]]


def test_a_raw_message_of_wrong_length_or_null_leaves_its_neighbours_alone():
    codec = codec_for("RAW", {"data_type": "int16", "data_reshape": "2"})
    # One byte too many and one too few add up to the right sum.
    decoded = codec.decode([b"\1\0\2\0", b"\1\0\2\0\3", b"\1\0\2", None, b"\3\0\4\0"])
    assert decoded.array.tolist() == [[1, 2], [3, 4]]
    assert decoded.good.tolist() == [0, 4]
    assert [error.index for error in decoded.errors] == [1, 2, 3]
    assert decoded.errors[0].reason == "has 5 bytes instead of 4"
    assert decoded.errors[2].reason == "is null"


def test_the_shape_that_most_raw_messages_have_is_taken_when_none_is_given():
    codec = codec_for("RAW", {"data_type": "float32", "label_type": "uint8", "data_reshape": "", "label_reshape": None})
    assert codec.sample_shape is None
    decoded = codec.decode([b"1234", b"12345678", b"", b"87654321", b"123"])
    assert codec.sample_shape == (2,)
    assert decoded.good.tolist() == [1, 3]
    assert codec.decode([b"1234"]).errors[0].reason == "has 4 bytes instead of 8"
    assert codec.decode_labels([b"\0", b"\7"]).array.tolist() == [0, 7]
    assert codec.label_shape == ()


def test_an_open_dimension_is_found_from_the_first_batch():
    codec = codec_for("RAW", {"data_type": "uint8", "data_reshape": "2 -1"})
    assert codec.decode([bytes(6), bytes(7)]).array.shape == (1, 2, 3)


def test_a_shape_known_from_the_training_fixes_what_the_configuration_leaves_open():
    codec = codec_for("RAW", {"data_type": "uint8"}, sample_shape=(2, 2))
    decoded = codec.decode([bytes(3), bytes(4)])
    assert decoded.array.shape == (1, 2, 2)
    assert codec_for("RAW", {"data_type": "uint8", "data_reshape": "4"}, sample_shape=(2, 2)).sample_shape == (4,)


def test_an_empty_batch_is_an_empty_array():
    for codec in (
        codec_for("RAW", {"data_type": "uint8", "data_reshape": "2 2"}),
        codec_for("JSON", {"data_reshape": "2 2"}),
        codec_for("AVRO", {"data_scheme": MIXED}),
        codec_for("RAW", {"data_type": "string"}),
    ):
        decoded = codec.decode([])
        assert len(decoded.array) == len(decoded.good) == len(decoded.errors) == 0
        assert decoded.array.shape[1:] == codec.sample_shape


def test_raw_booleans_are_valid_whatever_the_bytes():
    decoded = codec_for("RAW", {"data_type": "bool", "data_reshape": "3"}).decode([b"\0\1\x80"])
    assert decoded.array.view(np.uint8).tolist() == [[0, 1, 1]]


def test_text_labels_are_text():
    codec = codec_for("RAW", {"data_type": "uint8", "label_type": "string", "label_reshape": "1"})
    labels = codec.decode_labels(["Löwe".encode(), b"\xff", b"cat", None, b"x" * 10_000])
    assert labels.array.tolist() == ["Löwe", "cat"]
    assert [error.index for error in labels.errors] == [1, 3, 4]
    assert codec.encode_labels(np.array(["Löwe"])) == ["Löwe".encode()]


def test_avro_is_decoded_by_column_as_fastavro_wrote_it():
    codec = codec_for("AVRO", {"data_scheme": MIXED, "data_type": "float64"})
    records = [
        {"t": 1.5, "n": n, "on": True, "kind": "C", "maybe": 0.25}
        for n in (0, -1, 63, 64, -65, 10**6, 2**40, -(2**40), 2**62, -(2**62))
    ]
    messages = codec.data.encode_records(records)
    decoded = codec.decode(messages)
    assert decoded.errors == ()
    assert decoded.array.tolist() == [[1.5, float(r["n"]), 1, 2, 0.25] for r in records]
    extremes = codec_for("AVRO", {"data_scheme": '"long"', "data_type": "int64"})
    numbers = [2**63 - 1, -(2**63), 0]
    assert extremes.decode(extremes.data.encode_records(numbers)).array[:, 0].tolist() == numbers


def test_avro_errors_say_what_is_wrong_and_leave_neighbours_alone():
    codec = codec_for("AVRO", {"data_scheme": MIXED})
    good, null = codec.data.encode_records(
        [{"t": 1.0, "n": 5, "on": False, "kind": "A", "maybe": m} for m in (2.0, None)]
    )
    endless = good[:4] + b"\xff" * 20
    symbol = good[:4] + b"\x0a\x00\x08\x02" + good[8:]
    decoded = codec.decode([good, null, good[:-1], good + b"\0", good, None, b"", endless, symbol, good])
    assert decoded.good.tolist() == [0, 4, 9]
    assert decoded.array.tolist() == [[1, 5, 0, 0, 2]] * 3
    assert {error.index: error.reason for error in decoded.errors} == {
        1: "has null in field maybe",
        2: "is shorter than its Avro schema says",
        3: "is longer than its Avro schema says",
        5: "is null",
        6: "is shorter than its Avro schema says",
        7: "holds a number of more than 64 bits",
        8: "has no known symbol in field kind",
    }


def test_avro_arrays_make_a_vector_and_lengths_in_the_billions_are_not_believed():
    scheme = '{"type":"record","name":"A","fields":[{"name":"v","type":{"type":"array","items":"float"}},{"name":"n","type":"int"}]}'
    codec = codec_for("AVRO", {"data_scheme": scheme})
    first, second, short = codec.data.encode_records([{"v": [1, 2], "n": 3}, {"v": [4, 5], "n": 6}, {"v": [1], "n": 1}])
    billions = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\0" * 8
    decoded = codec.decode([first, billions, short, second, None, first + b"\0"])
    assert decoded.array.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert decoded.good.tolist() == [0, 3]
    assert [error.index for error in decoded.errors] == [1, 2, 4, 5]
    assert codec.sample_shape == (3,)


def test_avro_labels_take_the_type_that_the_schema_suggests():
    def label(schema):
        return codec_for("AVRO", {"data_scheme": '"float"', "label_scheme": schema})

    assert label('"boolean"').label_dtype == np.bool_
    assert label('"int"').label_dtype == np.int64
    assert label('"double"').label_dtype == np.float32
    text = label('{"type":"record","name":"L","fields":[{"name":"class","type":"string"}]}')
    keys = text.labels.encode_records([{"class": "cat"}, {"class": "horse"}])
    assert text.decode_labels([keys[0], b"\x7fxx", keys[1]]).array.tolist() == ["cat", "horse"]
    assert text.label_shape == ()


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "[",
        '"string and more"',
        '{"type":"record","name":"R","fields":[]}',
        '{"type":"record","name":"R","fields":[{"name":"x","type":"R"}]}',
        '{"type":"record","name":"R","fields":[{"name":"x","type":"bytes"}]}',
        '{"type":"record","name":"R","fields":[{"name":"x","type":"float"},{"name":"x","type":"float"}]}',
        '{"type":"record","name":"R","fields":[{"name":"x","type":"float"},{"name":"y","type":"string"}]}',
        '{"type":"record","fields":[{"name":"x","type":"float"}]}',
        "[" * 5000 + "]" * 5000,
        '{"type":' * 3000 + '"int"' + "}" * 3000,
    ],
)
def test_schemas_whose_data_are_no_vector_are_refused(schema):
    with pytest.raises(StreamError):
        codec_for("AVRO", {"data_scheme": schema})


def test_json_arrays_objects_and_numbers():
    codec = codec_for("JSON", {})
    assert codec.decode([b"[1, 2.5]", b"[3, 4]"]).array.tolist() == [[1, 2.5], [3, 4]]
    assert codec.sample_shape == (2,)
    assert codec.dtype == np.float32
    assert codec.decode([b'{"a": 1, "b": 2}', b'{"a": 3, "b": true}']).array.tolist() == [[1, 2], [3, 1]]
    assert codec_for("JSON", {}).decode([b"[[1,2],[3,4]]"]).array.shape == (1, 2, 2)
    assert codec_for("JSON", {}).decode([b"7", b"8"]).array.tolist() == [[7], [8]]
    assert codec_for("JSON", {"data_reshape": "2 2"}).decode([b"[1,2,3,4]"]).array.shape == (1, 2, 2)
    assert codec_for("JSON", {"label_type": "int64"}).decode_labels([b"[3]", b"4"]).array.tolist() == [3, 4]


def test_bad_json_leaves_its_neighbours_alone():
    codec = codec_for("JSON", {"data_reshape": "2"})
    bad = [
        *(b"[1", b"2]", b'["1", 2]', b"[1, null]", b"[[1], [2, 3]]", b"[]", b"[1,2,3]", b"{}", b"\xff", b"", None),
        *(b"[" * 5000 + b"]" * 5000, b"[" * 100 + b"1" + b"]" * 100, b'{"a": {"b": 1}, "c": 2}', b'"12"', b"[1],[2"),
    ]
    messages = [b"[0, 1]"]
    for message in bad:
        messages += [message, b"[2, 3]"]
    decoded = codec.decode(messages)
    assert decoded.good.tolist() == list(range(0, len(messages), 2))
    assert [error.index for error in decoded.errors] == list(range(1, len(messages), 2))
    assert decoded.array.tolist() == [[0, 1]] + [[2, 3]] * len(bad)


def test_json_takes_what_python_writes_for_nan():
    array = codec_for("JSON", {}).decode([b"[NaN, -Infinity]"]).array
    assert np.isnan(array[0, 0])
    assert array[0, 1] == -np.inf


def test_numbers_that_a_type_cannot_hold_are_errors_of_their_message_only():
    codec = codec_for("JSON", {"data_type": "uint8"})
    decoded = codec.decode([b"[1, 2]", b"[256, 0]", b"[0.5, 0]", b"[-1, 0]", b"[255, 0]"])
    assert decoded.array.tolist() == [[1, 2], [255, 0]]


def test_telegraf_documents_hold_the_array_as_text():
    message = json.dumps({"fields": {"value": "[1, 2]"}, "name": "m", "tags": {}}).encode()
    codec = codec_for("TELEGRAF_STR_JSON", {})
    decoded = codec.decode([message, json.dumps(message.decode()).encode(), b"{}", b'{"fields": {"value": 3}}', b"1"])
    assert decoded.array.tolist() == [[1, 2], [1, 2]]
    assert [error.index for error in decoded.errors] == [2, 3, 4]


def test_ten_megabytes_in_a_message_are_one_sample():
    codec = codec_for("RAW", {"data_type": "uint8"})
    assert codec.decode([bytes(10_000_000)]).array.shape == (1, 10_000_000)


def test_a_stream_without_labels_says_so():
    for form, config in (
        ("RAW", {"data_type": "uint8", "label_type": ""}),
        ("JSON", {}),
        ("AVRO", {"data_scheme": MIXED}),
    ):
        codec = codec_for(form, config)
        assert not codec.labelled
        with pytest.raises(CodecError, match="no labels"):
            codec.decode_labels([b"1"])
    assert is_unlabelled(None)
    assert is_unlabelled(b"\0")
    assert not is_unlabelled(b"\1")


def test_a_sample_needs_both_value_and_label():
    codec = codec_for("RAW", {"data_type": "uint8", "label_type": "int16", "data_reshape": "1", "label_reshape": "1"})
    samples = codec.decode_samples([b"1", b"22", b"3", b"4"], [b"\1\0", b"\2\0", None, b"\4\0"])
    assert samples.x[:, 0].tolist() == [ord("1"), ord("4")]
    assert samples.y.tolist() == [1, 4]
    assert samples.good.tolist() == [0, 3]
    assert [error.index for error in samples.errors] == [1, 2]
    assert samples.errors[1].reason == "has a key that is null"


def test_predictions_are_written_a_row_a_message_and_read_back_exactly():
    rows = np.random.default_rng(1).random((100, 10), np.float32)
    written = encode_predictions(rows)
    assert np.array_equal(np.array([json.loads(m)["values"] for m in written], np.float32), rows)
    assert encode_predictions(np.array([[0.1]], np.float32)) == [b'{"values":[0.1]}']
    assert encode_predictions(np.array([[np.nan, np.inf, 1]])) == [b'{"values":[null,null,1.0]}']
    assert encode_predictions(np.array([1, 2])) == [b'{"values":[1]}', b'{"values":[2]}']
    assert json.loads(encode_predictions(np.ones((1, 2, 2), np.float16))[0]) == {"values": [[1, 1], [1, 1]]}
    assert encode_predictions(np.empty((0, 10))) == []
    assert encode_predictions(np.empty((2, 0))) == [b'{"values":[]}'] * 2
