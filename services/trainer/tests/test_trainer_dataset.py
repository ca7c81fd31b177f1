"""Reading: exact ranges of a real log become arrays in the order of the control message; what can't be used is told with its place."""

import errno
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import ControlMessage, format_ranges
from kafka_ml_trainer.dataset import Dataset, read
from kafka_ml_trainer.log import LogReader
from kafka_ml_trainer.problems import Stopped, TrainingError
from kafka_ml_trainer.stopping import Stop

VECTORS = {"data_type": "float32", "label_type": "int64", "data_reshape": "3", "label_reshape": ""}
X = np.arange(90, dtype=np.float32).reshape(30, 3)
Y = np.arange(30)


def load(
    bench: Any, ranges: str, config: dict[str, Any] = VECTORS, form: str = "RAW", **options: Any
) -> tuple[Dataset, np.ndarray, np.ndarray, dict[str, bool]]:
    arrays: dict[str, np.ndarray] = {}
    on_disk: dict[str, bool] = {}

    full = options.pop("full", False)

    def share(name: str, shape: Any, dtype: Any, disk: bool) -> np.ndarray:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        arrays[name], on_disk[name] = np.zeros(shape, dtype), disk
        return arrays[name]

    rates = {name: options.pop(name, 0.0) for name in ("validation_rate", "test_rate")}
    stream = ControlMessage(topic=ranges, input_format=form, input_config=config, **rates)
    kafka = KafkaSettings(bootstrap_servers=options.pop("kafka", bench.kafka))
    go_on = options.pop("go_on", lambda: None)
    with LogReader(kafka, patience_seconds=options.pop("patience", 20), go_on=go_on) as log:
        found = read(
            stream, log, share, memory_bytes=options.pop("memory_bytes", 1 << 20), skip=options.pop("skip", False)
        )
    count = found.sizes.training + found.sizes.test + found.sizes.validation
    return found, arrays["x"][:count], arrays["y"][:count], on_disk


def test_partitions_are_read_in_the_order_of_the_announcement(bench: Any, topics: Callable[..., str]) -> None:
    topic = topics(3)
    bench.send(topic, X, Y, config=VECTORS, partitions=3)
    found, x, y, on_disk = load(
        bench, f"{topic}:2:0:10,{topic}:1:0:0,{topic}:0:4:8,{topic}:1:9:10", test_rate=0.3, validation_rate=0.1
    )
    assert y.tolist() == [*range(20, 30), 4, 5, 6, 7, 19]
    assert (x[:, 0] == y * 3).all()
    assert (found.sizes.training, found.sizes.test, found.sizes.validation) == (10, 4, 1)
    assert {name: format_ranges(pieces) for name, pieces in found.parts.items()} == {
        "training": f"{topic}:2:0:10",
        "test": f"{topic}:0:4:8",
        "validation": f"{topic}:1:9:10",
    }
    assert on_disk == {"x": False, "y": False}


def test_aborted_transactions_and_their_markers_are_passed_over(bench: Any, topic: str) -> None:
    producer = Producer({"bootstrap.servers": bench.kafka, "transactional.id": topic})
    producer.init_transactions(10)
    for number, commit in ((0, True), (1, False), (2, True)):
        producer.begin_transaction()
        for row in range(5):
            producer.produce(topic, X[number].tobytes(), np.int64(number * 10 + row).tobytes())
        producer.flush(10)  # else the messages of an aborted one are never sent
        producer.commit_transaction(10) if commit else producer.abort_transaction(10)
    # 15 messages and three markers; the range ends with one.
    found, _, y, _ = load(bench, f"{topic}:0:0:18")
    assert y.tolist() == [0, 1, 2, 3, 4, 20, 21, 22, 23, 24]
    assert format_ranges(found.parts["training"]) == f"{topic}:0:0:17"


def test_an_unfinished_transaction_is_waited_for_and_not_taken_for_lost_data(bench: Any, topic: str) -> None:
    producer = Producer({"bootstrap.servers": bench.kafka, "transactional.id": topic})
    producer.init_transactions(10)
    producer.begin_transaction()
    for row in range(5):
        producer.produce(topic, X[row].tobytes(), np.int64(row).tobytes())
    producer.flush(10)
    with pytest.raises(UnavailableError, match=f"gave nothing from {topic}:0 at offset 0 for 4 seconds"):
        load(bench, f"{topic}:0:0:5", patience=4)
    producer.commit_transaction(10)
    assert load(bench, f"{topic}:0:0:5")[2].tolist() == [0, 1, 2, 3, 4]


def test_a_json_stream_has_the_shape_that_its_first_batch_tells(bench: Any, topic: str) -> None:
    rows = [json.dumps([[i, i + 1], [i + 2, i + 3]]).encode() for i in range(12)]
    ranges = bench.send_bytes(topic, rows, [str(i % 3).encode() for i in range(12)])
    found, x, y, _ = load(bench, ranges, {}, "JSON", test_rate=0.5)
    assert found.sample_shape == (2, 2)
    assert found.label_shape == ()
    assert x[4].tolist() == [[4, 5], [6, 7]]
    assert y.tolist() == [0, 1, 2] * 4


def test_an_avro_stream_is_a_vector_of_its_fields(bench: Any, topic: str) -> None:
    def schema(*names: str) -> str:
        return json.dumps(
            {"type": "record", "name": "r", "fields": [{"name": name, "type": "double"} for name in names]}
        )

    config = {"data_scheme": schema("a", "b", "c"), "label_scheme": schema("y")}
    ranges = bench.send(topic, X, Y.astype(float), form="AVRO", config=config)
    _, x, y, _ = load(bench, ranges, config, "AVRO")
    assert (x == X).all()
    assert (y == Y).all()


def test_more_data_than_memory_allows_goes_to_disk_in_windows(bench: Any, topic: str) -> None:
    ranges = bench.send(topic, X, Y, config=VECTORS)
    found, _, _, on_disk = load(bench, ranges, memory_bytes=100)
    assert on_disk == {"x": True, "y": True}
    assert found.window is not None


def test_a_bad_message_is_refused_with_its_place_or_counted_when_skipped(bench: Any, topic: str) -> None:
    values = [row.tobytes() for row in X]
    keys: list[bytes | None] = [np.int64(label).tobytes() for label in Y]
    values[7] = b"short"
    keys[9] = None
    values[11] = np.array([1, np.nan, 2], np.float32).tobytes()
    ranges = bench.send_bytes(topic, values, keys)
    with pytest.raises(TrainingError, match=rf"The message at {topic}:0:7 .*5 bytes") as refused:
        load(bench, ranges)
    assert refused.value.code == "bad_data"
    with pytest.raises(TrainingError, match=f"The message at {topic}:0:9 has no label"):
        load(bench, f"{topic}:0:8:12")
    with pytest.raises(TrainingError, match=f"1 message of the stream hold.* NaN .* the first at {topic}:0:11"):
        load(bench, f"{topic}:0:10:30")
    found, _, y, _ = load(bench, ranges, skip=True, test_rate=0.5)
    assert found.skipped == 3
    assert y.tolist() == [number for number in range(30) if number not in (7, 9, 11)]
    assert format_ranges(found.parts["training"]) == f"{topic}:0:0:17"


def test_a_stream_without_a_usable_message_is_told_why(bench: Any, topic: str) -> None:
    values = [np.full(3, np.nan, np.float32).tobytes()] * 2 + [b"short"]
    ranges = bench.send_bytes(topic, values, [np.int64(1).tobytes()] * 3)
    with pytest.raises(TrainingError, match=r"all of its 3 messages .* 1 could not be decoded and 2 hold NaN"):
        load(bench, ranges, skip=True)
    with pytest.raises(TrainingError, match="all of its 2 messages were left out, as 2 hold NaN"):
        load(bench, f"{topic}:0:0:2", skip=True)


def test_a_full_disk_is_told_with_what_is_missing(bench: Any, topic: str) -> None:
    ranges = bench.send(topic, X, Y, config=VECTORS)
    with pytest.raises(
        TrainingError, match=r"no space .* on the disk .*No space left.* KAFKA_ML_WORK_FOLDER"
    ) as refused:
        load(bench, ranges, memory_bytes=100, full=True)
    assert refused.value.code == "disk_full"


def test_a_range_that_retention_took_is_refused_with_the_first_offset_there_is(bench: Any, topic: str) -> None:
    ranges = bench.send(topic, X, Y, config=VECTORS)
    admin = AdminClient({"bootstrap.servers": bench.kafka})
    for future in admin.delete_records([TopicPartition(topic, 0, 12)]).values():
        future.result(10)
    with pytest.raises(TrainingError, match="first offset there is now is 12") as refused:
        load(bench, ranges)
    assert refused.value.code == "data_gone"


@pytest.mark.parametrize(
    ("ranges", "config", "form", "code", "sentence"),
    [
        ("{topic}:0:0:99", VECTORS, "RAW", "data_gone", "ends at offset 30"),
        ("none-such:0:0:9", VECTORS, "RAW", "data_gone", "no partition none-such:0"),
        ("{topic}:0:0:0", VECTORS, "RAW", "no_samples", "has no samples"),
        ("{topic}:0:0:30", VECTORS | {"label_type": None}, "RAW", "unlabelled", "no labels"),
        ("{topic}:0:0:30", VECTORS | {"label_type": "string"}, "RAW", "bad_data", "labels are text"),
    ],
)
def test_a_stream_that_cant_be_trained_on_is_refused(
    bench: Any, topic: str, ranges: str, config: dict[str, Any], form: str, code: str, sentence: str
) -> None:
    bench.send(topic, X, Y, config=VECTORS)
    with pytest.raises(TrainingError, match=sentence) as refused:
        load(bench, ranges.format(topic=topic), config, form)
    assert refused.value.code == code


def test_a_stream_that_is_all_test_leaves_nothing_to_train_on(bench: Any, topic: str) -> None:
    ranges = bench.send(topic, X, Y, config=VECTORS)
    with pytest.raises(TrainingError, match="None of the stream's 30 samples is left for training"):
        load(bench, ranges, test_rate=1.0)


def test_reading_ends_when_it_is_asked_to(bench: Any, topic: str) -> None:
    ranges = bench.send(topic, X, Y, config=VECTORS)
    stop = Stop()
    stop.ask()
    with pytest.raises(Stopped):
        load(bench, ranges, go_on=stop.check)


@pytest.mark.thorough
def test_reading_ends_when_kafka_is_gone(bench: Any, topic: str) -> None:
    ranges = bench.send(topic, X, Y, config=VECTORS)
    with pytest.raises(UnavailableError, match="failed while"):
        load(bench, ranges, kafka="127.0.0.1:1", patience=0.1)
