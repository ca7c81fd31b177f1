"""Ranges, control messages and the split."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafka_ml_common.messages import StreamRecorded
from kafka_ml_common.streams import (
    ControlMessage,
    InputFormat,
    SplitSizes,
    StreamError,
    StreamRange,
    format_ranges,
    parse_ranges,
    split_sizes,
)

LEGACY = json.loads((Path(__file__).parent / "legacy_wire.json").read_text())["cases"]
RAW = {"topic": "a:0:0:10", "input_format": "RAW", "input_config": {"data_type": "uint8"}}


def control(**changes):
    return ControlMessage.from_bytes(json.dumps(RAW | changes).encode())


def test_ranges_are_read_and_written():
    text = "a.b-c_d:0:0:10,a.b-c_d:1:5:5"
    assert parse_ranges(text) == (StreamRange("a.b-c_d", 0, 0, 10), StreamRange("a.b-c_d", 1, 5, 5))
    assert format_ranges(parse_ranges(text)) == text
    assert [piece.size for piece in parse_ranges(text)] == [10, 0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1 parts"),
        ("a:0:0", "3 parts"),
        ("a:0:0:1:2", "5 parts"),
        ("a:x:0:1", "partition"),
        ("a:0:-1:1", "start"),
        ("a:0:0:1.5", "end"),
        ("a:0:0:²", "end"),
        ("a:0:5:1", "not after"),
        ("a b:0:0:1", "no name"),
        (".:0:0:1", "no name"),
        ("ä:0:0:1", "no name"),
        ("a" * 250 + ":0:0:1", "no name"),
        ("a:0:0:9999999999999999999", "no range"),
        ("a:99999999999:0:1", "out of bounds"),
        ("a:0:0:10,a:0:9:20", "overlap"),
        (",".join(["a:0:0:0"] * 10_001), "at most"),
    ],
)
def test_errors_in_ranges_say_which_part_is_wrong(text, complaint):
    with pytest.raises(StreamError, match=complaint):
        parse_ranges(text)


@pytest.mark.parametrize("case", LEGACY, ids=lambda case: case["topic"])
def test_control_messages_of_the_earlier_sinks_are_kept_as_they_are(case):
    message = ControlMessage.from_bytes(json.dumps(case["control_value"]).encode())
    assert json.loads(message.to_bytes()) == case["control_value"]
    assert message.size == case["control_value"]["total_msg"]
    assert ControlMessage.decode_key(bytes.fromhex(case["control_key_hex"])) in (7, 12594, 9)


def test_what_earlier_producers_leave_out_or_write_as_null_is_understood():
    message = control(
        validation_rate=None, test_rate=0, description=None, dataset_restrictions=None, incremental=None, total_msg=None
    )
    assert message == control()
    assert (message.validation_rate, message.incremental, message.input_format) == (0.0, False, InputFormat.RAW)
    assert control(unknown="field") == message


def test_keys_of_the_input_configuration_that_are_not_known_are_kept():
    config = {"data_type": "uint8", "theirs": {"a": [1]}}
    assert json.loads(control(input_config=config).to_bytes())["input_config"] == config


def test_incremental_streams_name_a_topic_instead_of_ranges():
    message = control(topic="live", incremental=True)
    assert message.live_topic == "live"
    assert message.ranges == ()
    assert control(topic="a:0:0:1", incremental=True).live_topic is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"validation_rate": 0.7, "test_rate": 0.4}, "more than 1"),
        ({"validation_rate": -0.1}, "validation_rate"),
        ({"test_rate": 1.1}, "test_rate"),
        ({"test_rate": "much"}, "test_rate"),
        ({"topic": "a"}, "four"),
        ({"topic": "a b", "incremental": True}, "no name"),
        ({"unsupervised_topic": "a:0:2:1"}, "no range"),
        ({"input_format": "XML"}, "input_format"),
        ({"input_config": {"data_type": "complex64"}}, "no known type"),
        ({"input_config": {}}, "needs data_type"),
        ({"input_config": {"data_type": "uint8", "data_reshape": "28 x"}}, "no dimension"),
        ({"input_config": {"data_type": "uint8", "data_reshape": "99999 99999"}}, "not possible"),
        ({"input_config": {"data_type": "uint8", "data_reshape": "0"}}, "not possible"),
        ({"input_config": {"data_type": "uint8", "data_reshape": "1 " * 17}}, "dimensions"),
        ({"input_config": {"data_type": "uint8", "data_reshape": [True]}}, "no dimension"),
        ({"input_format": "AVRO", "input_config": {"data_type": "uint8"}}, "data_scheme"),
        ({"input_config": [1]}, "input_config"),
    ],
)
def test_control_messages_that_do_not_fit_together_are_refused_with_the_reason(changes, complaint):
    with pytest.raises(StreamError, match=complaint):
        control(**changes)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"1", b"\xff\xfe", b"[" * 100_000, b" " * (1 << 20) + b"1"])
def test_values_that_are_no_control_message_are_refused(value):
    with pytest.raises(StreamError):
        ControlMessage.from_bytes(value)


def test_a_fingerprint_is_that_of_the_stream_and_not_of_its_description():
    assert control().fingerprint() == control(description="again", validation_rate=0, total_msg=10).fingerprint()
    assert control().fingerprint() != control(topic="a:0:0:11").fingerprint()
    assert control().fingerprint() != control(test_rate=0.1).fingerprint()


def test_a_control_message_survives_being_part_of_an_event():
    event = StreamRecorded(deployment_id=1, fingerprint="f", stream=control(validation_rate=0.25))
    assert StreamRecorded.model_validate_json(event.model_dump_json()) == event


@given(st.integers(0, 2**63 - 1))
def test_a_key_of_ours_is_read_back(deployment_id):
    assert ControlMessage.decode_key(*ControlMessage.encode_key(deployment_id)) == deployment_id


def test_a_key_without_our_header_is_a_big_endian_number():
    assert ControlMessage.decode_key(b"1") == 49
    assert ControlMessage.decode_key(b"1", [("kafka-ml-key", b"text")]) == 1
    assert ControlMessage.decode_key(b"1", [("kafka-ml-key", b"other"), ("x", None)]) == 49
    assert ControlMessage.decode_key(b"\x01\x00") == 256


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        (None, []),
        (b"", None),
        (b"\xff" * 8, []),
        (b"123456789", []),
        (b"x", [("kafka-ml-key", b"text")]),
        (b"-1", [("kafka-ml-key", b"text")]),
        ("²".encode(), [("kafka-ml-key", b"text")]),
        (b"9" * 19, [("kafka-ml-key", b"text")]),
        (b"9" * 100_000, [("kafka-ml-key", b"text")]),
    ],
)
def test_keys_of_no_known_form_are_refused(key, headers):
    with pytest.raises(StreamError):
        ControlMessage.decode_key(key, headers)


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_garbage_is_refused_and_never_crashes(value, key):
    with pytest.raises(StreamError):
        ControlMessage.from_bytes(value)
    try:
        ControlMessage.decode_key(key)
    except StreamError:
        assert not key or len(key) >= 8


def test_the_split_rounds_down_and_the_rest_is_trained_on():
    assert split_sizes(10, 0.2, 0.2) == SplitSizes(training=6, test=2, validation=2)
    assert split_sizes(5, 0.1, 0.1) == SplitSizes(training=5, test=0, validation=0)
    assert split_sizes(7, 0.5, 0.5) == SplitSizes(training=1, test=3, validation=3)
    assert split_sizes(0, 0.5, 0) == SplitSizes(0, 0, 0)


@given(st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_a_split_is_complete_and_no_part_is_smaller_than_in_the_earlier_system(total, first, second):
    validation_rate, test_rate = first, second * (1 - first)
    sizes = split_sizes(total, validation_rate, test_rate)
    assert sizes.training + sizes.test + sizes.validation == total
    assert sizes.validation == int(validation_rate * total)
    assert sizes.test == int(test_rate * total)
    assert sizes.training >= max(0, int((1 - (validation_rate + test_rate)) * total) - 1)
