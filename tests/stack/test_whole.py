"""`make run`, stopped in every way there is: what was started is gone, and what was written is found again."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from stack import postgres, programs, temporal
from stack.process import gone
from stack.supervisor import Stack
from tests.stack.leftovers import processes_of
from tests.stack.terminal import free_base, make_run, stack_up, terminal

STOP_WITHIN_S = 5.0
LATER_START_WITHIN_S = 15.0
BUSY = 5
"""So many times longer may a machine take that is at other work: a part that does not end at all takes for ever."""


def test_what_parts_may_take_to_end_is_within_the_five_seconds() -> None:
    ground = [sum(within_s for _, within_s in steps) for steps in (postgres.STOP_BY, temporal.STOP_BY)]

    assert programs.SERVING_STOP_WITHIN_S + max(*ground, programs.SANDBOX_STOP_WITHIN_S) < STOP_WITHIN_S


def healthy_after_s(line: str) -> float:
    return float(line.split()[-2])


@pytest.mark.long
async def test_it_stops_when_told_and_a_later_start_finds_its_data(tmp_path: Path) -> None:
    base = free_base()
    async with terminal(*make_run(tmp_path, base)) as first:
        await first.until("Healthy after")
        began = time.monotonic()
        first.ctrl_c()
        await first.ended()
        assert time.monotonic() - began < STOP_WITHIN_S * BUSY
        assert not processes_of(tmp_path)
    made = (tmp_path / "postgres" / "PG_VERSION").stat().st_mtime_ns

    async with terminal(*stack_up(tmp_path, base)) as later:
        assert healthy_after_s(await later.until("Healthy after")) <= LATER_START_WITHIN_S * BUSY
        os.kill(later.pid, signal.SIGKILL)
        await all_gone(tmp_path)

    assert (tmp_path / "postgres" / "PG_VERSION").stat().st_mtime_ns == made


@pytest.mark.long
async def test_a_lost_part_is_told_with_its_log_and_can_be_started_again(tmp_path: Path) -> None:
    async with Stack(tmp_path) as stack:
        loss = asyncio.create_task(stack.loss())

        await stack.kill("worker")

        assert str(await loss).startswith("Worker died with signal SIGKILL. The end of its log:\n")
        await stack.start_part("worker")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{stack.addresses.worker_health}/health/ready")).status_code == 200

    assert not processes_of(tmp_path)


@pytest.mark.long
@pytest.mark.spare
@pytest.mark.parametrize(
    ("send", "number"),
    [
        pytest.param(os.kill, signal.SIGTERM, id="make is ended"),
        pytest.param(os.kill, signal.SIGKILL, id="make is killed"),
        pytest.param(os.killpg, signal.SIGHUP, id="the terminal is closed"),
    ],
)
async def test_it_goes_with_make_however_that_ends(tmp_path: Path, send: Callable[[int, int], None], number: int) -> None:
    async with terminal(*make_run(tmp_path, free_base())) as run:
        await run.until("Healthy after")
        send(run.pid, number)
        await all_gone(tmp_path)


async def all_gone(data_dir: Path) -> None:
    """The supervisor and every part it started end by themselves."""
    left = time.monotonic() + STOP_WITHIN_S * BUSY
    for pid, command in processes_of(data_dir).items():
        assert await gone(pid, within_s=left - time.monotonic()), command
    assert not processes_of(data_dir)
