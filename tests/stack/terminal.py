"""`make run` and `python -m stack up` as a person at a terminal has them."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from stack.errors import StackError
from stack.ports import Ports
from tests.house.rooms import HOUSE


def free_base() -> int:
    """A base of six free ports in a row, below those the kernel hands out."""
    while True:
        base = random.randrange(20_000, 32_000)
        with contextlib.suppress(StackError):
            Ports.from_base(base).check_free()
            return base


class Terminal:
    """A command in a process group of its own, as a shell starts it, and the lines it wrote so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def until(self, words: str) -> str:
        """Read on until a line has these words."""
        async for line in self._read():
            if words in line:
                return line
        raise AssertionError(f"it ended without saying {words!r}:\n{self.text}")

    async def ended(self) -> int:
        """Read to the end; its exit code."""
        async for _ in self._read():
            continue
        return await self._process.wait()

    def ctrl_c(self) -> None:
        """The terminal sends it to every process of the group in the foreground."""
        os.killpg(self.pid, signal.SIGINT)

    async def _read(self) -> AsyncGenerator[str]:
        assert self._process.stdout
        async for raw in self._process.stdout:
            self.lines.append(raw.decode().rstrip())
            yield self.lines[-1]


@contextlib.asynccontextmanager
async def terminal(*command: str) -> AsyncGenerator[Terminal]:
    """Run a command; whatever the test did, its group is gone afterwards."""
    pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=both, cwd=HOUSE, start_new_session=True)
    try:
        yield Terminal(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


def stack_up(data_dir: Path, base: int) -> tuple[str, ...]:
    """The command behind `make run`."""
    return (sys.executable, "-m", "stack", "up", "--data", str(data_dir), "--port-base", str(base))


def make_run(data_dir: Path, base: int) -> tuple[str, ...]:
    """`make run` in this environment: the stamp is taken as it is, so nothing is installed."""
    return ("make", "-o", ".venv/stack.stamp", "run", f"DATA={data_dir}", f"PORT_BASE={base}")
