"""What control decides, without a broker."""

from typing import Any

import pytest

from kafka_ml_common.streams import ControlMessage, StreamRange
from kafka_ml_common.training import TrainingSettings
from kafka_ml_common.workloads import DeploymentRequest, ModelCode, Target
from kafka_ml_control.health import Progress
from kafka_ml_control.matching import MAX_EARLY_STREAMS, Pairing, check_ranges, training_specs, unsupported


def a_stream(topic: str = "digits:0:0:10", **fields: Any) -> ControlMessage:
    return ControlMessage(topic=topic, input_format="RAW", input_config={"data_type": "uint8"}, **fields)


def a_request(deployment_id: int = 300, results: tuple[int, ...] = (1, 2)) -> DeploymentRequest:
    targets = tuple(
        Target(result_id=result, model=ModelCode(model_id=result + 10, version=1, name="m", code="model = ..."))
        for result in results
    )
    return DeploymentRequest(deployment_id=deployment_id, targets=targets, settings=TrainingSettings(batch_size=16))


def test_each_model_of_a_deployment_becomes_one_workload_named_after_its_result() -> None:
    specs = training_specs(a_request(), a_stream())
    assert [spec.workload_id for spec in specs] == ["training-1", "training-2"]
    assert {spec.settings.batch_size for spec in specs} == {16}
    assert specs == training_specs(a_request(), a_stream())


def test_a_deployment_awaits_its_stream_until_it_has_one() -> None:
    assert not Pairing().awaits_stream
    waiting = Pairing().with_request(a_request())
    assert waiting.awaits_stream
    matched = waiting.with_match(a_stream())
    assert not matched.awaits_stream
    assert matched.matched == a_stream(description="announced again").fingerprint()


def test_early_streams_are_kept_in_order_once_each_and_not_without_bound() -> None:
    pairing = Pairing().with_early(a_stream("a:0:0:1")).with_early(a_stream("b:0:0:1")).with_early(a_stream("a:0:0:1"))
    assert [stream.topic for stream in pairing.early] == ["a:0:0:1", "b:0:0:1"]
    for number in range(2 * MAX_EARLY_STREAMS):
        pairing = pairing.with_early(a_stream(f"c:0:{number}:{number + 1}"))
    assert len(pairing.early) == MAX_EARLY_STREAMS


def test_a_pairing_survives_being_stored() -> None:
    pairing = Pairing().with_early(a_stream()).with_request(a_request())
    assert Pairing.model_validate(pairing.model_dump(mode="json")) == pairing


@pytest.mark.parametrize(
    ("ranges", "offsets", "code"),
    [
        ("t:0:5:10", {("t", 0): (0, 10)}, None),
        ("t:0:5:10,t:1:7:7", {("t", 0): (0, 10), ("t", 1): (0, 7)}, None),
        ("t:0:5:10", {("t", 0): (6, 10)}, "data_gone"),
        ("t:0:5:11", {("t", 0): (0, 10)}, "beyond_the_log"),
        ("t:3:5:10", {("t", 3): None}, "no_such_partition"),
        ("t:0:5:5,t:1:0:0", {("t", 0): (0, 10), ("t", 1): (0, 10)}, "empty_stream"),
        # An empty range says where the partition stood; what happened to it since does not matter.
        ("t:0:5:10,t:1:2:2", {("t", 0): (0, 10), ("t", 1): (9, 9)}, None),
    ],
)
def test_ranges_must_be_in_the_log(
    ranges: str, offsets: dict[tuple[str, int], tuple[int, int] | None], code: str | None
) -> None:
    failure = check_ranges([StreamRange.parse(text) for text in ranges.split(",")], offsets)
    assert (failure.code if failure else None) == code


def test_data_that_retention_took_names_the_first_offset_there_is() -> None:
    failure = check_ranges([StreamRange("t", 0, 5, 10)], {("t", 0): (7, 20)})
    assert failure is not None
    assert "first offset still there is 7" in failure.message


def test_what_is_not_available_yet_is_refused_in_a_sentence() -> None:
    incremental = unsupported(a_stream("digits", incremental=True))
    assert incremental is not None
    assert "Incremental" in incremental.message
    assert unsupported(a_stream(unsupervised_topic="u:0:0:3")) is not None
    assert unsupported(a_stream()) is None


def test_progress_means_that_offsets_move_while_something_waits() -> None:
    progress = Progress(moved_at=0.0)
    assert progress.observe({"t": 5}, waiting=True, now=1.0)
    assert progress.observe({"t": 5}, waiting=True, now=20.0)
    assert not progress.observe({"t": 5}, waiting=True, now=22.0)
    assert progress.observe({"t": 6}, waiting=True, now=23.0)
    assert progress.observe({"t": 6}, waiting=False, now=1000.0)
