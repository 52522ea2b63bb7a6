"""A process lives no longer than its starter, and stops within its share."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import pytest

from stack.errors import PartError
from stack.process import Process, gone, tether
from tests.house.rooms import HOUSE

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
STARTER = """
    import asyncio, signal, sys
    from pathlib import Path
    from stack.process import Process, tether

    async def main():
        part = Process("Part", ["sleep", "600"], log=Path(sys.argv[1]), tether=tether(signal.SIGKILL), settings={})
        part.start()
        sys.stdout.write(f"{part.pid}\\n")
        sys.stdout.flush()
        await part.ended()

    asyncio.run(main())
"""


def a_process(log: Path, *command: str) -> Process:
    return Process("Part", command, log=log, tether=tether(signal.SIGKILL), settings={"FUZHEN_ONLY": "ours"})


async def test_a_killed_starter_takes_its_processes_along(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(STARTER), str(tmp_path / "part.log")]
    starter = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=HOUSE)
    assert starter.stdout
    pid = int(await starter.stdout.readline())

    starter.kill()
    await starter.wait()

    assert await gone(pid, within_s=30)


async def test_a_process_whose_starter_died_before_the_tether_held_does_not_begin(tmp_path: Path) -> None:
    forked_by_another = ["sh", "-c", '"$@" & wait $!', "sh", *tether(signal.SIGKILL)]
    begun = tmp_path / "begun"

    orphan = await asyncio.create_subprocess_exec(*forked_by_another, "touch", str(begun))

    assert await orphan.wait() == 1
    assert not begun.exists()


async def test_a_process_deaf_to_its_signal_is_killed_when_its_share_is_over(tmp_path: Path) -> None:
    process = a_process(tmp_path / "part.log", sys.executable, "-c", DEAF)
    process.start()
    while not process.wrote("deaf"):
        assert await process.ended(0.01) is None

    began = time.monotonic()
    await process.stop((signal.SIGTERM, 0.2))

    assert time.monotonic() - began < 10
    assert await process.ended() == -signal.SIGKILL


async def test_what_a_process_left_in_its_session_goes_with_it(tmp_path: Path) -> None:
    process = a_process(tmp_path / "part.log", "sh", "-c", "sleep 600 & echo $!")
    process.start()
    await process.ended()

    assert await gone(int(process.tail()), within_s=30)


async def test_a_failed_command_tells_its_last_lines_and_where_its_log_is(tmp_path: Path) -> None:
    process = a_process(tmp_path / "part.log", "sh", "-c", "seq 1 30; exit 3")

    with pytest.raises(PartError) as failed:
        await process.run()

    told = str(failed.value)
    assert "Part ended with exit code 3" in told
    assert "\n    11\n" in told
    assert "\n    10\n" not in told
    assert str(tmp_path / "part.log") in told


async def test_the_end_of_the_log_is_that_of_this_start(tmp_path: Path) -> None:
    (tmp_path / "part.log").write_text("an older run\n")
    process = a_process(tmp_path / "part.log", "echo", "this run")

    await process.run()

    assert process.tail() == "this run"
    assert not process.wrote("an older run")


async def test_a_part_gets_its_settings_and_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZHEN_STRAY", "theirs")
    monkeypatch.setenv("http_proxy", "theirs")
    process = a_process(tmp_path / "part.log", "env")

    await process.run()

    assert process.wrote("FUZHEN_ONLY=ours")
    assert not process.wrote("theirs")


async def test_waiting_for_a_process_that_is_not_there_is_over_at_once() -> None:
    over = await asyncio.create_subprocess_exec("true")
    await over.wait()

    assert await gone(over.pid, within_s=0)
    assert not await gone(os.getpid(), within_s=0.01)


async def test_a_process_that_is_to_come_further_may_not_stand_still(tmp_path: Path) -> None:
    stands = a_process(tmp_path / "part.log", "sleep", "600")

    with pytest.raises(PartError, match="Part has not come any further for 1 s"):
        await stands.run(far=lambda: 0, within_s=0.6)

    assert not stands.alive


async def test_a_process_that_comes_further_may_take_its_time(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    steps.touch()
    goes_on = a_process(tmp_path / "part.log", "sh", "-c", f"for n in 1 2 3 4 5; do echo $n >> {steps}; sleep 0.5; done")

    await goes_on.run(far=lambda: steps.stat().st_size, within_s=2)

    assert steps.read_text().split() == ["1", "2", "3", "4", "5"]
