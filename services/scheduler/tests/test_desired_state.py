"""What should run, from the records of the log alone."""

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Envelope, Record, encode
from kafka_ml_scheduler.desired import NO_SPEC, DesiredState, ended_record


def record_of(spec, name):
    return encode(Envelope(data=spec, source="/tests", id=name))


def tombstone(spec):
    return Record(topics.WORKLOADS, spec.key.encode(), None)


def state_after(*records):
    desired = DesiredState()
    for record in records:
        desired.apply(record)
    return desired


def test_the_last_spec_of_a_workload_counts(training):
    spec = training()
    newer = spec.model_copy(update={"generation": 2})
    desired = state_after(record_of(spec, "a"), record_of(newer, "b"))
    assert desired.workloads[spec.key].spec == newer


def test_a_users_tombstone_withdraws_until_the_scheduler_has_answered_it(training):
    spec = training()
    records = [record_of(spec, "a"), tombstone(spec)]
    assert state_after(*records).workloads[spec.key].withdrawn
    assert not state_after(*records, ended_record(spec.key.encode(), "a")).workloads


def test_a_workload_that_has_ended_is_not_wanted_whatever_tombstones_follow(training):
    spec = training()
    desired = state_after(record_of(spec, "a"), ended_record(spec.key.encode(), "a"), tombstone(spec))
    assert not desired.workloads


def test_a_users_tombstone_whose_spec_is_gone_is_noted_until_it_is_answered(training, inference, validation):
    for spec in (training(), inference()):
        desired = state_after(tombstone(spec))
        assert not desired.workloads
        assert list(desired.withdrawn_unknown) == [spec.key]
        desired.apply(ended_record(spec.key.encode(), NO_SPEC))
        assert not desired.withdrawn_unknown
        desired.apply(tombstone(spec))
        assert not desired.withdrawn_unknown
        assert not state_after(
            record_of(spec, "a"), ended_record(spec.key.encode(), "a"), tombstone(spec)
        ).withdrawn_unknown
        assert not state_after(tombstone(spec), record_of(spec, "a")).withdrawn_unknown
    assert not state_after(tombstone(validation())).withdrawn_unknown
    assert not state_after(Record(topics.WORKLOADS, b"training-x", None)).withdrawn_unknown


def test_a_spec_that_is_written_while_garbage_is_replaced_is_kept_and_written_again(training):
    spec = training()
    good = record_of(spec, "a")
    replacement = ended_record(spec.key.encode(), NO_SPEC)
    desired = state_after(Record(topics.WORKLOADS, spec.key.encode(), b"{"), good, replacement)
    assert not desired.workloads[spec.key].withdrawn
    assert desired.take_overwritten() == [good]


def test_a_spec_that_comes_while_the_earlier_one_ends_is_kept_and_written_again(training):
    spec = training()
    again = record_of(spec.model_copy(update={"generation": 2}), "b")
    records = [record_of(spec, "a"), again, ended_record(spec.key.encode(), "a")]
    desired = state_after(*records)
    assert desired.workloads[spec.key].id == "b"
    assert desired.take_overwritten() == [again]
    assert desired.take_overwritten() == []
    assert state_after(*records, again).take_overwritten() == []
    assert state_after(*records, again, ended_record(spec.key.encode(), "b")).take_overwritten() == []


def test_garbage_leaves_the_workload_as_it_was_and_is_to_be_replaced(training):
    spec = training()
    good = record_of(spec, "a")
    garbage = Record(topics.WORKLOADS, spec.key.encode(), b"{")
    desired = state_after(good, garbage)
    assert desired.workloads[spec.key].spec == spec
    (refused,) = desired.take_refused()
    assert (refused.record, refused.instead) == (garbage, good)
    assert state_after(good, garbage, good).take_refused() == []
    (unknown,) = state_after(garbage).take_refused()
    assert unknown.instead is None


def test_a_spec_under_another_workloads_key_is_refused(training):
    spec = training()
    stray = Record(topics.WORKLOADS, b"inference-1", record_of(spec, "a").value, record_of(spec, "a").headers)
    desired = state_after(stray)
    assert not desired.workloads
    assert len(desired.take_refused()) == 1
