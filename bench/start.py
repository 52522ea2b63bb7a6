"""From the command to healthy, on a machine where everything is installed: a first start on an empty folder, and a second on the same."""

import asyncio
import contextlib
import re
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.result import Result
from stack.errors import StackError
from stack.ports import Ports
from stack.programs import PROJECT

BUDGET_S = 15
HEALTHY = re.compile(r"^Healthy after ([0-9.]+) s$")
WITHIN_S = 60.0


async def measure() -> list[Result]:
    """Without a bare program: the seconds of the command itself, its interpreter's start included."""
    with TemporaryDirectory(prefix="bench-") as folder:
        first, second = [await _seconds(Path(folder) / "stack") for _ in range(2)]
    return [
        Result.of("start to healthy on an empty folder, s", first, at_most=BUDGET_S),
        Result.of("start to healthy on the same again, s", second, at_most=BUDGET_S),
    ]


async def _seconds(data: Path) -> float:
    """Until the command says that all is healthy; then it is asked to stop, and has stopped when this returns."""
    command = [sys.executable, "-m", "stack", "up", "--once", "--port-base", str(_free_base()), "--data", str(data)]
    began = asyncio.get_running_loop().time()
    stack = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said: list[str] = []
    try:
        async with asyncio.timeout(WITHIN_S):
            return await _healthy(stack, said) - began
    except TimeoutError:
        raise StackError(_told(f"was not healthy within {WITHIN_S:.0f} s", said)) from None
    finally:
        if stack.returncode is None:
            stack.send_signal(signal.SIGTERM)
        await stack.communicate()


async def _healthy(stack: asyncio.subprocess.Process, said: list[str]) -> float:
    """When it said so."""
    if stack.stdout is None:
        raise RuntimeError("started without a pipe")
    async for line in stack.stdout:
        said.append(line.decode().rstrip())
        if HEALTHY.match(said[-1]):
            return asyncio.get_running_loop().time()
    raise StackError(_told("ended", said))


def _told(happened: str, said: Sequence[str]) -> str:
    return "\n".join((f"The stack {happened}. It said:", *said))


def _free_base() -> int:
    """Of six free ports in a row, below those that the kernel lends to outgoing connections."""
    while True:
        base = 20_000 + secrets.randbelow(11_000)
        with contextlib.suppress(StackError):
            Ports.from_base(base).check_free()
            return base
