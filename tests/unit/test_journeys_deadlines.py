"""Deadlines: one timer cuts off each waiting task in its time, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from bedrail.journeys.deadlines import Deadlines


def test_what_is_late_is_cancelled_and_what_is_not_gives_its_value():
    """Two tasks of different patience under one timer; the patient one is not disturbed."""
    cancelled = []

    async def slow() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled.append("slow")
            raise
        return "never"

    async def story() -> str:
        deadlines, go = Deadlines(), asyncio.Event()
        patient = asyncio.create_task(deadlines.within(10, go.wait()))
        with pytest.raises(TimeoutError):
            await deadlines.within(0.02, slow())
        assert not patient.done()
        go.set()
        assert await patient
        return await deadlines.within(5, asyncio.sleep(0, "value"))

    assert asyncio.run(story()) == "value"
    assert cancelled == ["slow"]


def test_a_cancellation_from_elsewhere_stays_one():
    """Whoever cancels the task itself gets a cancelled task, not a time-out."""

    async def story() -> None:
        task = asyncio.create_task(Deadlines().within(10, asyncio.sleep(10)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(story())


def test_no_time_left_is_late_at_once_and_the_task_goes_on_afterwards():
    """A budget already spent ends at the next look; the task can wait for other things again."""

    async def story() -> str:
        deadlines = Deadlines()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await deadlines.within(-1, asyncio.sleep(10))
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return await deadlines.within(1, asyncio.sleep(0.02, "went on"))

    assert asyncio.run(story()) == "went on"


def test_errors_pass_through():
    """What fails in time fails as it failed."""

    async def fail() -> None:
        raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        asyncio.run(Deadlines().within(1, fail()))
