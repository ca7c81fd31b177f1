"""What the scheduler's own end, and that of the broker, do to workloads: nothing."""

import os
import signal
import sys

from kafka_ml_common import topics
from kafka_ml_common.messages import WorkloadState

PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED = WorkloadState


async def test_what_runs_is_adopted_after_the_scheduler_was_killed(
    scheduler, publisher, events, training, inference, until
):
    await scheduler.start()
    job, service = training("wait"), inference(replicas=2)
    await publisher.publish(job)
    await publisher.publish(service)
    await until(
        lambda: (
            scheduler.journal.starts(job) and scheduler.journal.starts(service, 1) and scheduler.journal.starts(service)
        )
    )
    scheduler.kill()
    await scheduler.start()
    assert [len(scheduler.journal.starts(spec)) for spec in (job, service)] == [1, 1]
    scheduler.journal.go(job)
    await events.wait_for(job, SUCCEEDED)
    await publisher.withdraw(topics.WORKLOADS, service.workload_id)
    await events.wait_for(service, STOPPED)
    assert not scheduler.alive()


async def test_ends_while_the_scheduler_was_away_are_learnt(scheduler, publisher, events, training, until):
    await scheduler.start()
    good, bad, killed = training("wait"), training("wait", attempts=1), training("wait", attempts=1)
    for spec in (good, bad, killed):
        await publisher.publish(spec)
        await until(lambda spec=spec: scheduler.journal.starts(spec))
    scheduler.kill()
    scheduler.journal.go(good)
    scheduler.journal.go(bad, 3)
    ((_, pid),) = scheduler.journal.starts(killed)
    os.killpg(os.getsid(pid), signal.SIGKILL)
    await until(lambda: not scheduler.alive())
    await scheduler.start()
    await events.wait_for(good, SUCCEEDED)
    assert (await events.wait_for(bad, FAILED)).failure.code == "crashed"
    assert (await events.wait_for(killed, FAILED)).failure.code == "lost"
    assert len(scheduler.journal.starts(good)) == 1


async def test_what_was_withdrawn_or_asked_for_while_the_scheduler_was_away(
    scheduler, publisher, events, training, until
):
    gone, fresh, running = training("wait"), training("finish"), training("wait")
    await scheduler.start()
    await publisher.publish(running)
    await until(lambda: scheduler.journal.starts(running))
    scheduler.kill()
    for spec in (gone, fresh):
        await publisher.publish(spec)
    for spec in (gone, running):
        await publisher.withdraw(topics.WORKLOADS, spec.workload_id)
    await scheduler.start()
    await events.wait_for(gone, STOPPED)
    await events.wait_for(running, STOPPED)
    await events.wait_for(fresh, SUCCEEDED)
    assert not scheduler.journal.starts(gone)
    told = len(events.of(gone)), len(events.of(fresh))
    scheduler.stop()
    await scheduler.start()
    assert (len(events.of(gone)), len(events.of(fresh))) == told


async def test_waiting_hosts_end_with_the_scheduler_and_their_folders_go(scheduler, until):
    await scheduler.start(warm_trainers=2, warm_inferers=1)
    await until(lambda: len(scheduler.alive()) == 3)
    scheduler.kill()
    await until(lambda: not scheduler.alive())
    await scheduler.start()
    assert not list((scheduler.state / "spares").iterdir())
    assert not list(scheduler.work.iterdir())


async def test_a_scheduler_that_is_stopped_keeps_workloads_running_by_default(scheduler, publisher, training, until):
    await scheduler.start(warm_trainers=1)
    spec = training("wait")
    await publisher.publish(spec)
    await until(lambda: scheduler.journal.starts(spec))
    assert scheduler.stop() == 0
    ((_, pid),) = scheduler.journal.starts(spec)
    assert scheduler.alive() == [pid]


async def test_a_scheduler_that_stops_all_leaves_no_process_and_the_next_resumes(
    scheduler, publisher, events, training, inference, until
):
    await scheduler.start(on_stop="stop", warm_trainers=1)
    job, service = training("wait", attempts=1), inference()
    await publisher.publish(job)
    await publisher.publish(service)
    await until(lambda: scheduler.journal.starts(job) and scheduler.journal.starts(service))
    assert scheduler.stop() == 0
    assert not scheduler.alive()
    assert scheduler.journal.pids("stopped.*") == [scheduler.journal.starts(service)[0][1]]
    scheduler.journal.go(job)
    await scheduler.start(on_stop="stop")
    await events.wait_for(job, SUCCEEDED)
    await until(lambda: len(scheduler.journal.starts(service)) == 2)
    assert [attempt for attempt, _ in scheduler.journal.starts(job)] == [1, 1]


async def test_a_second_scheduler_is_refused(scheduler):
    await scheduler.start()
    first, scheduler.process = scheduler.process, None
    try:
        scheduler.state.joinpath("ready").rename(scheduler.state / "aside")
        second = scheduler.spawn()
        assert second.wait(20) != 0
        assert "Another scheduler works in" in scheduler.printed()
    finally:
        scheduler.process = first


async def test_a_host_that_cannot_start_is_tried_ever_more_slowly_and_fails_its_training(
    scheduler, publisher, events, training, until
):
    await scheduler.start(sys.executable, "-m", "no_such_module", str(scheduler.journal.folder), warm_trainers=1)
    spec = training("finish", attempts=2)
    await publisher.publish(spec)
    failed = await events.wait_for(spec, FAILED)
    assert "No module named no_such_module" in failed.failure.message
    assert 1 <= scheduler.printed().count("a waiting host ended") <= 3


async def test_workloads_go_on_while_the_broker_restarts(
    broker, scheduler, publisher, events, inference, training, until
):
    await scheduler.start()
    service = inference()
    await publisher.publish(service)
    await until(lambda: scheduler.journal.starts(service))
    broker.stop()
    await until(lambda: not (scheduler.state / "ready").exists(), within=30)
    broker.start()
    await until((scheduler.state / "ready").exists, within=30)
    job = training("finish")
    await publisher.publish(job)
    await events.wait_for(job, SUCCEEDED, within=60)
    assert len(scheduler.journal.starts(service)) == 1
