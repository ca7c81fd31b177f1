"""What the scheduler decides, without doing it."""

import dataclasses

import pytest

from kafka_ml_common.cloudevents import Record
from kafka_ml_common.messages import Failure, WorkloadState
from kafka_ml_common.placement import Autoscaling
from kafka_ml_common.workloads import STORING_SECONDS, InferenceSettings
from kafka_ml_scheduler.desired import NO_SPEC, Wanted
from kafka_ml_scheduler.plan import (
    GRACE_SECONDS,
    HINDRANCES,
    Finish,
    Forget,
    Start,
    Stop,
    pause_after,
    reconcile,
    time_limit,
)
from kafka_ml_scheduler.runtimes.base import Ending, Phase, Run

NOW = 1_000_000.0
CRASH = Failure(code="crashed", message="It ended with exit code 1.")


def wanted(*specs, withdrawn=False):
    return {spec.workload_id: Wanted(spec, Record("w", b"", b""), f"id-{spec.key}", None, withdrawn) for spec in specs}


def running(spec, replica=0, *, attempt=1, started_at=NOW - 5, phase=Phase.RUNNING):
    return Run(spec, replica, attempt, attempt, phase, started_at)


def ended(spec, ending, replica=0, *, attempt=1, tries=1, ago=100.0, ran=10.0):
    failure = CRASH if ending in (Ending.CRASHED, Ending.TEMPORARY, Ending.OVERDUE) else None
    return Run(spec, replica, attempt, tries, Phase.ENDED, NOW - ago - ran, NOW - ago, ending, failure)


def plan(desired, *runs, max_parallel=2, **more):
    return reconcile(desired, runs, now=NOW, max_parallel=max_parallel, **more)


def states(made):
    return [status.state for status in made.statuses]


def test_a_new_training_is_pending_and_started(training):
    spec = training()
    made = plan(wanted(spec))
    assert made.actions == [Start(spec, 0, 1, 1)]
    assert states(made) == [WorkloadState.PENDING]


def test_what_runs_as_wanted_is_left_alone(training, inference):
    job, service = training(), inference()
    made = plan(wanted(job, service), running(job), running(service))
    assert made.actions == []
    assert sorted(states(made)) == [WorkloadState.RUNNING] * 2


def test_trainings_wait_for_a_slot_in_the_order_in_which_they_came(training):
    specs = [training() for _ in range(4)]
    made = plan(wanted(*specs), running(specs[3]))
    assert made.actions == [Start(specs[0], 0, 1, 1)]
    waiting = {status.workload_id for status in made.statuses if status.failure and status.failure.code == "waiting"}
    assert waiting == {specs[1].workload_id, specs[2].workload_id}


def test_one_validation_more_than_trainings_may_run_and_goes_first(training, validation):
    job, other, first, second = training(), training(), validation(), validation()
    made = plan(wanted(job, other, first, second), running(job), running(other))
    assert made.actions == [Start(first, 0, 1, 1)]


def test_a_crash_uses_up_an_attempt_and_waits_before_the_next(training):
    spec = training()
    made = plan(wanted(spec), ended(spec, Ending.CRASHED, ago=0.5))
    assert made.actions == []
    assert made.wake_at == NOW + 0.5
    (status,) = made.statuses
    assert (status.state, status.attempt, status.failure) == (WorkloadState.PENDING, 2, CRASH)
    assert plan(wanted(spec), ended(spec, Ending.CRASHED)).actions == [Start(spec, 0, 2, 2)]


def test_the_last_attempt_that_crashes_fails_the_training(training):
    spec = training()
    made = plan(wanted(spec), ended(spec, Ending.CRASHED, attempt=3))
    (finish,) = made.actions
    assert isinstance(finish, Finish)
    assert finish.status.state is WorkloadState.FAILED
    assert finish.status.failure.message == "It ended with exit code 1. It was tried 3 times."
    assert finish.answers == f"id-{spec.key}"


def test_what_ends_for_want_of_something_is_tried_again_without_using_an_attempt(training):
    spec = training()
    assert plan(wanted(spec), ended(spec, Ending.TEMPORARY, attempt=3, tries=9)).actions == [Start(spec, 0, 3, 10)]


def test_a_training_that_the_scheduler_stopped_for_itself_resumes(training):
    spec = training()
    assert plan(wanted(spec), ended(spec, Ending.STOPPED, attempt=2)).actions == [Start(spec, 0, 2, 1)]


def test_a_done_training_is_finished(training):
    spec = training()
    (finish,) = plan(wanted(spec), ended(spec, Ending.DONE)).actions
    assert finish == Finish(finish.status, f"id-{spec.key}", (0,))
    assert finish.status.state is WorkloadState.SUCCEEDED


def test_a_training_beyond_its_time_limit_is_stopped_and_fails_at_once(training):
    spec = training(timeout_seconds=60)
    limit = 60 + STORING_SECONDS + GRACE_SECONDS  # a result may wait for the object store after the training's own time
    made = plan(wanted(spec), running(spec, started_at=NOW - limit))
    (stop,) = made.actions
    assert stop.overdue.code == "timeout"
    assert f"{limit:g} seconds" in stop.overdue.message
    (finish,) = plan(wanted(spec), ended(spec, Ending.OVERDUE)).actions
    assert finish.status.state is WorkloadState.FAILED
    early = plan(wanted(spec), running(spec, started_at=NOW))
    assert (early.actions, early.wake_at) == ([], NOW + limit)


def test_a_validation_has_nothing_to_store_and_less_time(validation):
    spec = validation()
    assert time_limit(spec) == spec.timeout_seconds + GRACE_SECONDS


def test_a_workload_that_was_withdrawn_and_that_nobody_knows_is_told_to_have_stopped(training, inference):
    for spec in (training(), inference()):
        made = reconcile({}, (), now=NOW, max_parallel=2, withdrawn_unknown=[spec.workload_id])
        (finish,) = made.actions
        assert (finish.status.state, finish.status.owner) == (WorkloadState.STOPPED, spec.subject)
        assert (finish.answers, finish.replicas) == (NO_SPEC, ())
        assert finish.status.generation >= 2**31 - 1
        # One that still runs is stopped first, and its run knows more.
        stopping = reconcile({}, [running(spec)], now=NOW, max_parallel=2, withdrawn_unknown=[spec.workload_id])
        assert stopping.actions == [Stop(spec.workload_id, 0)]
        over = [ended(spec, Ending.DONE)]
        (finish,) = reconcile({}, over, now=NOW, max_parallel=2, withdrawn_unknown=[spec.workload_id]).actions
        assert (finish.status.event_key, finish.answers) == (spec.event_key, NO_SPEC)


def test_a_withdrawn_workload_stops_then_is_told_to_have_stopped(training):
    spec = training()
    assert plan(wanted(spec, withdrawn=True), running(spec)).actions == [Stop(spec.workload_id, 0)]
    assert plan(wanted(spec, withdrawn=True), running(spec, phase=Phase.STOPPING)).actions == []
    for runs in ([ended(spec, Ending.STOPPED)], [ended(spec, Ending.CRASHED)], []):
        (finish,) = plan(wanted(spec, withdrawn=True), *runs).actions
        assert finish.status.state is WorkloadState.STOPPED


def test_what_runs_without_being_in_the_log_stops_and_is_told_without_a_tombstone(inference):
    spec = inference(replicas=2)
    made = plan({}, running(spec, 0), running(spec, 1))
    assert made.actions == [Stop(spec.workload_id, 0), Stop(spec.workload_id, 1)]
    (finish,) = plan({}, ended(spec, Ending.STOPPED, 0), ended(spec, Ending.STOPPED, 1)).actions
    assert (finish.answers, finish.replicas) == (None, (0, 1))


def test_how_a_withdrawn_training_ended_by_itself_is_not_called_stopped(training):
    spec = training(attempts=1)
    for ending, state in ((Ending.DONE, WorkloadState.SUCCEEDED), (Ending.CRASHED, WorkloadState.FAILED)):
        (finish,) = plan(wanted(spec, withdrawn=True), ended(spec, ending)).actions
        assert finish.status.state is state


def test_more_replicas_start_and_fewer_stop_while_the_rest_stay(inference):
    spec = inference(replicas=2)
    more = spec.model_copy(update={"replicas": 3, "generation": 2})
    less = spec.model_copy(update={"replicas": 1, "generation": 3})
    runs = [running(spec, 0), running(spec, 1)]
    assert plan(wanted(more), *runs).actions == [Start(more, 2, 1, 1)]
    assert plan(wanted(less), *runs).actions == [Stop(spec.workload_id, 1)]
    assert plan(wanted(less), runs[0], ended(spec, Ending.STOPPED, 1)).actions == [Forget(spec.workload_id, 1)]


def test_no_replicas_is_a_pause(inference):
    made = plan(wanted(inference(replicas=0)))
    assert states(made) == [WorkloadState.RUNNING]
    assert made.actions == []


def test_another_model_replaces_one_replica_after_another(inference):
    old = inference(replicas=2)
    new = old.model_copy(update={"model_object": "other", "generation": 2})
    assert plan(wanted(new), running(old, 0), running(old, 1)).actions == [Stop(old.workload_id, 0)]
    stopping = running(old, 0, phase=Phase.STOPPING)
    assert plan(wanted(new), stopping, running(old, 1)).actions == []
    assert plan(wanted(new), ended(old, Ending.STOPPED, 0), running(old, 1)).actions == [Start(new, 0, 1, 1)]
    assert plan(wanted(new), running(new, 0), running(old, 1)).actions == [Stop(old.workload_id, 1)]
    crashed = ended(new, Ending.CRASHED, 0, ago=0.1)
    assert plan(wanted(new), crashed, running(old, 1)).actions == []


def test_a_replica_restarts_for_ever_and_anew_after_a_minute_of_health(inference):
    spec = inference()
    assert plan(wanted(spec), ended(spec, Ending.CRASHED, attempt=9, tries=9)).actions == [Start(spec, 0, 10, 10)]
    healthy = ended(spec, Ending.CRASHED, attempt=9, tries=9, ran=61, ago=1)
    assert plan(wanted(spec), healthy).actions == [Start(spec, 0, 1, 1)]


def test_a_changed_training_starts_over_once_the_earlier_one_has_stopped(training):
    old = training("one")
    new = old.model_copy(update={"model": old.model.model_copy(update={"code": "two"}), "generation": 2})
    assert plan(wanted(new), running(old)).actions == [Stop(old.workload_id, 0)]
    assert plan(wanted(new), ended(old, Ending.DONE)).actions == [Start(new, 0, 1, 1)]


@pytest.mark.parametrize(("tries", "seconds"), [(1, 1), (2, 2), (5, 16), (6, 30), (1000, 30)])
def test_pauses_double_up_to_half_a_minute(tries, seconds):
    assert pause_after(tries) == seconds


def test_planning_twice_gives_the_same(training, inference):
    job, service = training(), inference(replicas=2)
    desired, runs = wanted(job, service), [ended(job, Ending.CRASHED), running(service, 1)]
    assert dataclasses.asdict(plan(desired, *runs)) == dataclasses.asdict(plan(desired, *runs))


def hindered(spec, code, *, asked_at=NOW - 5, phase=Phase.PENDING):
    failure = Failure(code=code, message="Something is missing.")
    return Run(spec, 0, 1, 1, phase, asked_at, failure=failure, replicas_running=0)


def test_what_has_not_begun_is_pending_with_its_reason_and_takes_a_slot(training):
    spec, other = training(), training()
    made = plan(wanted(spec, other), hindered(spec, "unschedulable"), max_parallel=1)
    assert made.actions == []
    told = {
        status.workload_id: (status.state, status.failure.code, status.replicas_running) for status in made.statuses
    }
    assert told[spec.workload_id] == (WorkloadState.PENDING, "unschedulable", 0)
    assert told[other.workload_id] == (WorkloadState.PENDING, "waiting", 0)


@pytest.mark.parametrize("code", sorted(HINDRANCES))
def test_what_waiting_does_not_mend_is_given_up_with_its_reason(training, validation, code):
    for spec in (training(), validation()):
        early = plan(wanted(spec), hindered(spec, code, asked_at=NOW - 29), start_seconds=30)
        assert (early.actions, early.wake_at) == ([], NOW + 1)
        (stop,) = plan(wanted(spec), hindered(spec, code, asked_at=NOW - 30), start_seconds=30).actions
        assert (stop.workload_id, stop.replica, stop.overdue.code) == (spec.workload_id, 0, code)
        assert stop.overdue.message == "Something is missing. It did not start within 30 seconds."
        over = Run(spec, 0, 1, 1, Phase.ENDED, NOW - 30, NOW, Ending.OVERDUE, stop.overdue)
        (finish,) = plan(wanted(spec), over).actions
        assert (finish.status.state, finish.status.failure) == (WorkloadState.FAILED, stop.overdue)


@pytest.mark.parametrize("code", ["unschedulable", "lost", "crashed"])
def test_a_node_may_come_by_itself_and_is_waited_for(training, code):
    spec = training()
    made = plan(wanted(spec), hindered(spec, code, asked_at=NOW - 1_000_000), start_seconds=30)
    assert (made.actions, made.wake_at, states(made)) == ([], None, [WorkloadState.PENDING])


def test_nothing_that_never_ran_is_called_running_while_it_is_stopped(training):
    spec = training()
    stopping = hindered(spec, "image_not_found", phase=Phase.STOPPING)
    for desired in (wanted(spec), wanted(spec, withdrawn=True), {}):
        made = plan(desired, stopping)
        assert made.actions == []
        assert [(status.state, status.replicas_running) for status in made.statuses] == [(WorkloadState.PENDING, 0)]
    assert states(plan(wanted(spec), running(spec, phase=Phase.STOPPING))) == [WorkloadState.RUNNING]


def group(spec, at_work=1, *, replicas=None, phase=Phase.RUNNING, failure=None, **more):
    """The run of an inference whose replicas the runtime keeps."""
    there = spec.replicas if replicas is None else replicas
    more = {"replicas_wanted": there} | more
    kept = spec.model_copy(update={"replicas": there})
    return Run(kept, 0, 1, 1, phase, NOW - 5, failure=failure, replicas_running=at_work, **more)


def keep(spec, *runs, **more):
    return plan(wanted(spec, **more), *runs, keeps_replicas=True)


def test_a_group_is_applied_when_it_is_missing_outdated_or_of_another_size(inference):
    spec = inference(replicas=2)
    old = spec.model_copy(update={"model_object": "other"})
    for runs in ((), (group(old),), (group(spec, replicas=1),), (group(spec, replicas=0),)):
        assert keep(spec, *runs).actions == [Start(spec, 0, 1, 1)]
    assert keep(spec, group(spec)).actions == []
    assert keep(spec, group(spec.model_copy(update={"generation": 7}))).actions == []


def test_a_group_is_not_touched_while_its_predecessor_goes(inference):
    spec = inference()
    assert keep(spec, group(spec, replicas=9, phase=Phase.STOPPING)).actions == []


def test_a_group_runs_if_one_replica_does_and_tells_how_many_and_what_is_wrong(inference):
    spec = inference(replicas=3)
    made = keep(spec, group(spec, 2, failure=CRASH))
    (status,) = made.statuses
    assert (status.state, status.replicas_running, status.replicas_wanted) == (WorkloadState.RUNNING, 2, 3)
    assert status.failure == CRASH
    (status,) = keep(spec, group(spec, 0, failure=CRASH)).statuses
    assert (status.state, status.replicas_running, status.failure) == (WorkloadState.PENDING, 0, CRASH)
    (status,) = keep(spec).statuses
    assert (status.state, status.replicas_running, status.failure) == (WorkloadState.PENDING, 0, None)
    none = spec.model_copy(update={"replicas": 0})
    assert states(keep(none, group(none, 0))) == [WorkloadState.RUNNING]


def test_a_group_whose_start_is_hindered_is_never_given_up(inference):
    spec = inference()
    run = dataclasses.replace(
        group(spec, 0), started_at=0.0, failure=Failure(code="image_not_found", message="No image.")
    )
    made = keep(spec, run)
    assert (made.actions, states(made)) == ([], [WorkloadState.PENDING])


def test_the_size_of_a_group_that_scales_by_itself_is_left_alone_but_pauses_count(inference):
    lag = InferenceSettings(autoscaling=Autoscaling(max_replicas=9))
    spec = inference(replicas=1, settings=lag)
    scaled = group(spec, 4, replicas=5, scales_itself=True)
    made = keep(spec, scaled)
    (status,) = made.statuses
    assert (made.actions, status.replicas_running, status.replicas_wanted) == ([], 4, 5)
    pause = spec.model_copy(update={"replicas": 0})
    assert keep(pause, scaled).actions == [Start(pause, 0, 1, 1)]
    assert keep(pause, group(pause, 0)).actions == []
    assert keep(spec, group(pause, 0)).actions == [Start(spec, 0, 1, 1)]
    to_zero = group(spec, 0, replicas_wanted=0, scales_itself=True)
    (status,) = keep(spec, to_zero).statuses
    assert (status.state, status.replicas_wanted) == (WorkloadState.RUNNING, 0)
    assert keep(spec, to_zero).actions == []


def test_without_what_scales_it_the_asked_for_size_counts(inference):
    spec = inference(replicas=3, settings=InferenceSettings(autoscaling=Autoscaling(max_replicas=9)))
    assert keep(spec, group(spec, 2, replicas=2)).actions == [Start(spec, 0, 1, 1)]
    assert keep(spec, group(spec, 3)).actions == []


def test_a_withdrawn_group_stops_as_one_and_then_is_told_to_have_stopped(inference):
    spec = inference(replicas=3)
    made = keep(spec, group(spec, 3), withdrawn=True)
    assert made.actions == [Stop(spec.workload_id, 0)]
    (status,) = made.statuses
    assert (status.state, status.replicas_running, status.replicas_wanted) == (WorkloadState.RUNNING, 3, 3)
    assert keep(spec, group(spec, 3, phase=Phase.STOPPING), withdrawn=True).actions == []
    (finish,) = keep(spec, withdrawn=True).actions
    assert (finish.status.state, finish.answers, finish.replicas) == (WorkloadState.STOPPED, f"id-{spec.key}", ())


def test_a_group_that_nobody_wants_is_told_to_have_stopped_though_nothing_is_left_of_it(inference):
    spec = inference(replicas=2)
    stopping = plan({}, group(spec, 2), keeps_replicas=True)
    (status,) = stopping.statuses
    told = {spec.workload_id: status}
    assert stopping.actions == [Stop(spec.workload_id, 0)]
    assert plan({}, group(spec, 2, phase=Phase.STOPPING), told=told).actions == []
    (finish,) = plan({}, told=told).actions
    assert (finish.status.state, finish.status.replicas_running, finish.answers) == (WorkloadState.STOPPED, 0, None)
    assert plan(wanted(spec), group(spec, 2), told=told, keeps_replicas=True).actions == []
