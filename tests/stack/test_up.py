"""What a person gets who starts the stack where it cannot run, or stops it before it does."""

import os
import socket
from pathlib import Path

import pytest

from stack.data import HALF_MADE, DataFolder
from stack.errors import PartError
from stack.ports import HOST
from stack.supervisor import Stack
from tests.stack.leftovers import processes_of
from tests.stack.terminal import free_base, stack_up, terminal


async def test_a_taken_port_is_a_clear_error_and_nothing_is_started(tmp_path: Path) -> None:
    base = free_base()
    with socket.socket() as other:
        other.bind((HOST, base + 4))
        other.listen()

        async with terminal(*stack_up(tmp_path, base)) as run:
            code = await run.ended()

    assert code == 1
    assert f"Port {base + 4} on 127.0.0.1 is taken, and PostgreSQL needs it" in run.text
    assert not (tmp_path / "postgres").exists()
    assert not (tmp_path / "temporal").exists()


async def test_two_stacks_on_one_folder_are_a_clear_error(tmp_path: Path) -> None:
    with DataFolder(tmp_path).held():
        async with terminal(*stack_up(tmp_path, free_base())) as second:
            code = await second.ended()

    assert code == 1
    assert f"Another stack is running on the data folder {tmp_path}" in second.text


async def test_a_half_made_folder_is_a_clear_error_and_nothing_is_started(tmp_path: Path) -> None:
    (tmp_path / HALF_MADE).touch()

    async with terminal(*stack_up(tmp_path, free_base())) as run:
        code = await run.ended()

    assert code == 1
    assert f"The data folder {tmp_path} is half made" in run.text
    assert "Traceback" not in run.text
    assert set(os.listdir(tmp_path)) == {HALF_MADE, "lock"}


async def test_a_part_that_fails_shows_the_end_of_its_log_and_everything_is_stopped(tmp_path: Path) -> None:
    stack = Stack(tmp_path, settings={"SANDBOX_SEED": "many"})

    with pytest.raises(PartError) as failed:
        await stack.start()

    told = str(failed.value)
    assert told.startswith("Sandbox died with exit code 1")
    assert "unable to parse string as an integer" in told
    assert str(tmp_path / "logs" / "sandbox.log") in told
    assert not processes_of(tmp_path)


async def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    async with terminal(*stack_up(tmp_path, free_base())) as run:
        await run.until("PostgreSQL …")

        run.ctrl_c()

        assert await run.ended() == 130
    assert "Everything is stopped" in run.text
    assert not processes_of(tmp_path)
