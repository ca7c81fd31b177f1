"""How the scheduler runs workloads, with real processes on the real broker."""

import asyncio
import signal

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Record
from kafka_ml_common.messages import WorkloadState

PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED = WorkloadState


async def test_a_training_runs_once_is_told_about_and_leaves_the_log(
    scheduler, publisher, events, training, workloads_in_log
):
    await scheduler.start(warm_trainers=1)
    spec = training("finish")
    await publisher.publish(spec)
    await publisher.publish(spec)
    done = await events.wait_for(spec, SUCCEEDED)
    assert (done.owner, done.event_key, done.kind) == (spec.subject, spec.event_key, "training")
    while spec.workload_id in await workloads_in_log():
        pass
    scheduler.stop()
    await scheduler.start()
    assert [attempt for attempt, _ in scheduler.journal.starts(spec)] in (
        [1],
        [1, 1],
    )  # the repeat may have come after the end
    assert (scheduler.state / "runs" / spec.workload_id / "0" / "log").exists()
    assert not list(scheduler.work.glob("*/*"))


async def test_a_crashed_training_is_tried_again_and_then_failed_with_the_reason(
    scheduler, publisher, events, training
):
    await scheduler.start()
    spec = training("exit 3", attempts=2)
    await publisher.publish(spec)
    again = await events.wait_for(spec, PENDING, attempt=2)
    failed = await events.wait_for(spec, FAILED)
    assert again.failure is not None
    assert "exit code 3; the last that it printed is: what went wrong is this" in again.failure.message
    assert failed.failure is not None
    assert failed.failure.message.endswith("It was tried 2 times.")
    assert failed.failure.log == "what went wrong is this"
    assert [attempt for attempt, _ in scheduler.journal.starts(spec)] == [1, 2]


async def test_a_killed_training_says_so(scheduler, publisher, events, training):
    await scheduler.start()
    spec = training(f"signal {signal.SIGKILL:d}", attempts=1)
    await publisher.publish(spec)
    failed = await events.wait_for(spec, FAILED)
    assert failed.failure is not None
    assert failed.failure.code == "killed"


async def test_a_host_that_lacks_something_for_a_while_uses_up_no_attempt(
    scheduler, publisher, events, training, until
):
    await scheduler.start()
    spec = training("exit 75", attempts=1)
    await publisher.publish(spec)
    await until(lambda: len(scheduler.journal.starts(spec)) == 3)
    assert {attempt for attempt, _ in scheduler.journal.starts(spec)} == {1}
    assert FAILED.value not in events.states(spec)


async def test_a_withdrawn_training_stops_gracefully(scheduler, publisher, events, training, until, workloads_in_log):
    await scheduler.start()
    spec = training("wait")
    await publisher.publish(spec)
    await until(lambda: scheduler.journal.starts(spec))
    await publisher.withdraw(topics.WORKLOADS, spec.workload_id)
    await events.wait_for(spec, STOPPED)
    assert scheduler.journal.pids("stopped.*") == [pid for _, pid in scheduler.journal.starts(spec)]
    assert spec.workload_id not in await workloads_in_log()


async def test_a_host_that_does_not_stop_is_killed(scheduler, publisher, events, inference, until):
    await scheduler.start(stop_seconds=0.5)
    spec = inference("stubborn")
    await publisher.publish(spec)
    await until((scheduler.journal.folder / f"{spec.workload_id}.deaf").exists)
    await publisher.withdraw(topics.WORKLOADS, spec.workload_id)
    await events.wait_for(spec, STOPPED)
    assert not scheduler.alive()


async def test_an_inference_is_scaled_without_touching_the_others_and_restarted_when_it_crashes(
    scheduler, publisher, events, inference, until
):
    await scheduler.start(warm_inferers=1)
    spec = inference(replicas=1)
    await publisher.publish(spec)
    await events.wait_for(spec, RUNNING, replicas_running=1)
    await publisher.publish(spec.model_copy(update={"replicas": 3, "generation": 2}))
    await events.wait_for(spec, RUNNING, replicas_running=3, generation=2)
    await until(lambda: all(scheduler.journal.starts(spec, replica) for replica in range(3)))
    await publisher.publish(spec.model_copy(update={"replicas": 1, "generation": 3}))
    await events.wait_for(spec, RUNNING, replicas_running=1, generation=3)
    await until(lambda: len(scheduler.journal.pids("stopped.*")) == 2)
    ((_, pid),) = scheduler.journal.starts(spec)
    assert scheduler.is_alive(pid)
    scheduler.journal.go(spec, 1)
    crashed = await events.wait_for(spec, PENDING, replicas_running=0, generation=3)
    assert crashed.failure is not None
    await until(lambda: len(scheduler.journal.starts(spec)) >= 2)
    await publisher.withdraw(topics.WORKLOADS, spec.workload_id)
    await events.wait_for(spec, STOPPED)


async def test_a_changed_inference_is_replaced_one_replica_after_another(
    scheduler, publisher, events, inference, until
):
    await scheduler.start()
    spec = inference(replicas=2)
    await publisher.publish(spec)
    await events.wait_for(spec, RUNNING, replicas_running=2)
    await until(lambda: scheduler.journal.starts(spec, 0) and scheduler.journal.starts(spec, 1))
    await publisher.publish(spec.model_copy(update={"model_object": "models/2/model.keras", "generation": 2}))
    await until(lambda: len(scheduler.journal.starts(spec, 0)) == len(scheduler.journal.starts(spec, 1)) == 2)
    assert min(status.replicas_running for status in events.of(spec) if status.generation == 2) == 1


async def test_fifty_trainings_at_once_each_run_once_and_few_at_a_time(scheduler, publisher, events, training, until):
    await scheduler.start(max_parallel=4, warm_trainers=2)
    specs = [training("finish") for _ in range(50)]
    await asyncio.gather(*(publisher.publish(spec) for spec in specs))
    for spec in specs:
        await events.wait_for(spec, SUCCEEDED, within=90)
    assert all(len(scheduler.journal.starts(spec)) == 1 for spec in specs)
    waited = [s for spec in specs for s in events.of(spec) if s.failure is not None and s.failure.code == "waiting"]
    assert len(waited) >= 40
    running: set[str] = set()
    most = 0
    ours = {spec.workload_id for spec in specs}
    for _, status in sorted(events.told, key=lambda told: told[0]):
        if status.workload_id in ours:
            (running.add if status.state is RUNNING else running.discard)(status.workload_id)
            most = max(most, len(running))
    assert 1 <= most <= 4


async def test_a_validation_does_not_wait_for_trainings(scheduler, publisher, events, training, validation):
    await scheduler.start(max_parallel=1)
    long, check = training("wait"), validation("finish")
    await publisher.publish(long)
    await events.wait_for(long, RUNNING)
    await publisher.publish(check)
    await events.wait_for(check, SUCCEEDED)


async def test_a_specification_larger_than_a_pipe_reaches_its_host(scheduler, publisher, events, training):
    await scheduler.start()
    spec = training("finish " + "x" * 190_000)
    await publisher.publish(spec)
    await events.wait_for(spec, SUCCEEDED)


async def test_garbage_is_put_aside_once_and_the_rest_goes_on(scheduler, publisher, events, training, workloads_in_log):
    running = training("wait")
    await publisher.publish(running)
    await publisher.send(Record(topics.WORKLOADS, b"garbage", b"{}"))
    await publisher.send(Record(topics.WORKLOADS, running.workload_id.encode(), b"\xff"))
    await scheduler.start()
    spec = training("finish")
    await publisher.publish(spec)
    await events.wait_for(spec, SUCCEEDED)
    await events.wait_for(running, RUNNING)
    log = await workloads_in_log()
    assert "garbage" not in log
    assert log[running.workload_id].value != b"\xff"
    assert scheduler.printed().count('"dead letter"') == 2


async def test_a_stop_whose_workload_the_log_has_forgotten_is_answered_once(scheduler, publisher, events, training):
    gone = training()
    await publisher.withdraw(topics.WORKLOADS, gone.workload_id)
    await scheduler.start()
    stopped = await events.wait_for(gone, STOPPED)
    assert stopped.owner == gone.subject
    for _ in range(2):
        # Passes follow each other: when this one has ended, the pass that answered the stop has too.
        after = training("finish")
        await publisher.publish(after)
        await events.wait_for(after, SUCCEEDED)
        scheduler.kill()
        await scheduler.start()
    assert events.states(gone) == ["stopped"]
