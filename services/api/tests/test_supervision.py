"""Background parts: their failures show, and are over once they run again."""

import asyncio
from typing import Any

from kafka_ml_api.supervision import Part
from kafka_ml_common.errors import UnavailableError

DEADLINE = 20


async def test_a_part_that_failed_and_runs_again_is_ready_again(running: Any) -> None:
    attempts = 0
    failed, runs = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            failed.set()
            raise UnavailableError("gone") if attempts == 1 else RuntimeError("odd")
        runs.set()
        await asyncio.Event().wait()

    part = Part("work", work)
    async with asyncio.timeout(DEADLINE), running(part.keep()):
        await failed.wait()
        await asyncio.sleep(0)
        assert part.problem == "gone"
        assert not part.ready
        await runs.wait()
        assert part.ready


async def test_a_step_is_not_ready_before_it_was_carried_out() -> None:
    attempts = 0
    seen: list[bool] = []

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        seen.append(part.ready)
        if attempts == 1:
            raise UnavailableError("gone")

    part = Part("work", work)
    async with asyncio.timeout(DEADLINE):
        await part.step()
    assert seen == [False, False]
    assert part.ready


async def test_a_part_that_does_not_reach_what_it_needs_is_not_ready(running: Any) -> None:
    runs = asyncio.Event()

    async def work() -> None:
        runs.set()
        await asyncio.Event().wait()

    well = True
    part = Part("work", work, healthy=lambda: well)
    async with asyncio.timeout(DEADLINE), running(part.keep()):
        await runs.wait()
        assert part.ready
        well = False
        assert not part.ready
