"""`make run` after installing: start the stack, walk a patient through it, stay up until asked to stop."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from stack.errors import PartError, WalkError
from stack.ports import Ports
from stack.programs import Policy
from stack.supervisor import Addresses, Stack

INTERRUPTED = 130


def say(line: str) -> None:
    """One line for the person at the terminal, at once even when it goes into a pipe."""
    with contextlib.suppress(OSError):  # a closed terminal has no reader, and must not keep us from stopping in order
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


async def up(*, port_base: int, data_dir: Path, once: bool, policy: Policy) -> int:
    """Run the stack until a signal, a part's death or, with `once`, the end of the walk; answers the exit code."""
    asked_to_stop = asyncio.Event()
    on_stop(asked_to_stop.set)
    began = time.perf_counter()
    stack = Stack(data_dir, ports=Ports.from_base(port_base), policy=policy, report=lambda line: say(f"  {line}"))
    say(f"Starting Fuzhen 复诊 on ports {port_base} to {port_base + 5}, data in {data_dir}")
    life = asyncio.create_task(_live(stack, began, once=once))
    asked = asyncio.create_task(asked_to_stop.wait())
    await asyncio.wait({life, asked}, return_when=asyncio.FIRST_COMPLETED)
    if asked.done():
        say("Stopping …")
    asked.cancel()
    life.cancel()
    stopping = time.perf_counter()
    try:
        code = await life
    except asyncio.CancelledError:
        code = INTERRUPTED
    finally:
        await stack.stop()
    say(f"Everything is stopped, in {time.perf_counter() - stopping:.1f} s.")
    return code


async def _live(stack: Stack, began: float, *, once: bool) -> int:
    await stack.start()
    # The demonstration brings in every room with it; before the start it would hold the parts up by a second or two.
    from stack.seed import DEMO_SIGN_INS
    from stack.walk_visit import walk

    say(f"Healthy after {time.perf_counter() - began:.1f} s")
    loss = asyncio.create_task(stack.loss())
    try:
        walked = await _unless_lost(asyncio.ensure_future(walk(stack.addresses)), loss)
    except WalkError as stuck:  # the stack is well: who asked for it may look for the reason
        say(f"  The walk did not come to its end: {stuck}")
        walked = False
    if once:
        loss.cancel()
        return 0 if walked else 1
    _show(stack.addresses, DEMO_SIGN_INS)
    try:
        raise await loss
    except asyncio.CancelledError:
        return 0  # being stopped is how a stack that is up ends


async def _unless_lost(walking: "asyncio.Future[bool]", loss: "asyncio.Task[PartError]") -> bool:
    """The walk's answer; a part that dies meanwhile is what is wrong, not the walk."""
    try:
        await asyncio.wait({walking, loss}, return_when=asyncio.FIRST_COMPLETED)
        if loss.done():
            raise loss.result()
        return walking.result()
    finally:
        walking.cancel()


def _show(addresses: Addresses, sign_ins: Sequence[str]) -> None:
    say("")
    say(f"  API and its documentation   {addresses.api_docs}")
    say(f"  Temporal UI                 {addresses.temporal_ui}")
    say(f"  Sandbox console             {addresses.console}")
    for line in sign_ins:
        say(f"  {line}")
    say("")
    say("Ctrl-C stops everything.")


def on_stop(act: Callable[[], object]) -> None:
    """Whoever asks us to stop, by Ctrl-C or otherwise, has this done."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup a closed terminal is ignored, and stays so.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, act)
