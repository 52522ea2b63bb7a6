"""What goes wrong, and when: parts killed, stalled and restarted, and calls outside that are spoilt. All of it chosen by the seed."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Final

from stack.supervisor import PartName, Stack
from tests.faults import matrix, matrix_bills, matrix_drugs
from tests.faults.matrix import Asked, Spot, Told
from tests.journeys.hospital import Hospital
from tests.journeys.people import read

PARTS: Final[tuple[PartName, ...]] = ("worker", "worker", "api", "temporal", "postgres")
BLOWS: Final = ("kill", "kill", "pause", "restart")
PAUSE_S: Final = (3.0, 9.0)
BETWEEN_BLOWS_S: Final = (4.0, 14.0)
BETWEEN_FAULTS_S: Final = (0.2, 1.6)
SLOW_S: Final = (0.5, 12.0)
TAKES_TIME: Final = ("slow", "late", "duplicated")
SPOTS: Final[tuple[Spot, ...]] = (*matrix.SPOTS, *matrix_drugs.SPOTS, *matrix_bills.SPOTS)
"""Every call that a visit makes outside, and every notify."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The next call of that name goes wrong."""

    system: str
    call: str
    kind: str
    seconds: float
    code: str | None


def fault(chance: Random) -> Fault:
    """A refusal only where it is no last word: what the party itself would mean by it has not happened there."""
    spot = chance.choice(SPOTS)
    codes = [code for code, after in spot.refusals.items() if after in (Asked.AGAIN, Asked.LATER) or isinstance(after, Told)]
    kind = chance.choice([one for one in spot.kinds if one != "refused" or codes])
    seconds = round(chance.uniform(*SLOW_S), 1)
    code = chance.choice(codes) if kind == "refused" else None
    return Fault(spot.system, spot.call, kind, seconds if kind in TAKES_TIME else 0, code)


@dataclass
class Weather:
    """Blows until it is told to stop; then everything stands again and every fault is gone."""

    hospital: Hospital
    seed: str
    counted: Counter[str] = field(default_factory=Counter[str])

    async def blow(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._blows(stop))
                both.create_task(self._faults(stop))
        finally:
            await self.hospital.outside.delete("/faults")

    async def _blows(self, stop: asyncio.Event) -> None:
        chance, stack = Random(f"{self.seed} blows"), self.hospital.stack
        while not await over(stop, chance.uniform(*BETWEEN_BLOWS_S)):
            part, how, long = chance.choice(PARTS), chance.choice(BLOWS), chance.uniform(*PAUSE_S)
            self.counted[f"{how} {part}"] += 1
            await _struck(stack, part, how, long)

    async def _faults(self, stop: asyncio.Event) -> None:
        chance = Random(f"{self.seed} faults")
        while not await over(stop, chance.uniform(*BETWEEN_FAULTS_S)):
            one = fault(chance)
            waiting = [(left["system"], left["call"]) for left in await self.hospital.faults()]
            if (one.system, one.call) in waiting:  # one a call: many in a row would be an outage, which is another test
                continue
            self.counted[f"{one.system} {one.kind}"] += 1
            read(await self.hospital.outside.post("/faults", json=asdict(one)))


async def _struck(stack: Stack, part: PartName, how: str, long: float) -> None:
    match how:
        case "kill":
            await stack.kill(part)
            await stack.start_part(part)
        case "restart":
            await stack.stop_part(part)
            await stack.start_part(part)
        case _:
            stack.pause(part)
            try:
                await asyncio.sleep(long)
            finally:
                stack.resume(part)


async def over(stop: asyncio.Event, within_s: float) -> bool:
    """Whether it was told to stop in that time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await stop.wait()
    return stop.is_set()
