"""What goes wrong, and when: parts killed, stalled and restarted, and calls outside that are spoilt. All of it chosen by the seed."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import product
from random import Random
from typing import Final, Literal

import httpx

from stack.supervisor import PartName, Stack
from tests.faults import matrix, matrix_bills, matrix_drugs
from tests.faults.matrix import Asked, Spot, Told
from tests.journeys.people import read

Hit = Literal["kill", "pause", "restart"]
PARTS: Final[tuple[PartName, ...]] = ("worker", "api", "temporal", "postgres")
HITS: Final[tuple[Hit, ...]] = ("kill", "pause", "restart")
ROUND: Final = tuple(product(PARTS, HITS))
"""Every part is struck in every way before any is struck so again."""
PAUSE_S: Final = (3.0, 9.0)
BETWEEN_BLOWS_S: Final = (4.0, 14.0)
BETWEEN_FAULTS_S: Final = (0.2, 1.6)
SLOW_S: Final = (0.5, 12.0)
UNMET_S: Final = 20.0
"""A fault that no call has met in that time is taken back, so that the call may meet another."""
TAKES_TIME: Final = ("slow", "late", "duplicated")
SPOTS: Final[tuple[Spot, ...]] = (*matrix.SPOTS, *matrix_drugs.SPOTS, *matrix_bills.SPOTS)
"""Every call that a visit makes outside, and every notify."""


@dataclass(frozen=True, slots=True)
class Blow:
    """So long after the one before; `long_s` is how long a pause takes."""

    after_s: float
    part: PartName
    hit: Hit
    long_s: float


@dataclass(frozen=True, slots=True)
class Fault:
    """The next call of that name goes wrong."""

    system: str
    call: str
    kind: str
    seconds: float
    code: str | None


def blows(seed: str) -> Iterator[Blow]:
    """Without an end."""
    chance = Random(f"{seed} blows")
    while True:
        for part, hit in chance.sample(ROUND, len(ROUND)):
            yield Blow(chance.uniform(*BETWEEN_BLOWS_S), part, hit, chance.uniform(*PAUSE_S))


def faults(seed: str) -> Iterator[tuple[float, Fault]]:
    """Each with the pause before it, without an end: every call once before any is spoilt again."""
    chance = Random(f"{seed} faults")
    while True:
        for spot in chance.sample(SPOTS, len(SPOTS)):
            yield chance.uniform(*BETWEEN_FAULTS_S), _fault(chance, spot)


def _fault(chance: Random, spot: Spot) -> Fault:
    """A refusal only where it is no last word: what the party itself would mean by it has not happened there."""
    codes = [code for code, after in spot.refusals.items() if after in (Asked.AGAIN, Asked.LATER) or isinstance(after, Told)]
    kind = chance.choice([one for one in spot.kinds if one != "refused" or codes])
    seconds = round(chance.uniform(*SLOW_S), 1)
    code = chance.choice(codes) if kind == "refused" else None
    return Fault(spot.system, spot.call, kind, seconds if kind in TAKES_TIME else 0, code)


def told_of(fault: Fault) -> set[str]:
    """With which codes of ours people may be refused when that one is met.

    Of a call that several steps make it may be met by one that such a refusal was not meant for: it tells it as the party's own.
    """
    of_call = [one for one in SPOTS if (one.system, one.call) == (fault.system, fault.call)]
    told = {after.code for one in of_call for code, after in one.refusals.items() if code == fault.code and isinstance(after, Told)}
    foreign = fault.code is not None and any(fault.code not in one.refusals for one in of_call)
    return told | {f"{fault.system}.{fault.code}"} if foreign else told


@dataclass
class Faults:
    """Those that are set at the sandbox, one a call: many in a row would be an outage, which is another test."""

    outside: httpx.AsyncClient
    asked: Counter[str] = field(default_factory=Counter[str])
    met: Counter[str] = field(default_factory=Counter[str])
    refusals: set[str] = field(default_factory=set[str])
    """Codes with which people may have been refused, by faults that were met."""
    _set: dict[int, tuple[Fault, float]] = field(default_factory=dict[int, tuple[Fault, float]])

    async def add(self, fault: Fault) -> None:
        """Unless one still waits for that call."""
        await self.look()
        if (fault.system, fault.call) in [(one.system, one.call) for one, _ in self._set.values()]:
            return
        made = read(await self.outside.post("/faults", json=asdict(fault)))
        self._set[made["id"]] = fault, time.monotonic()
        self.asked[_named(fault)] += 1

    async def look(self, patience_s: float = UNMET_S) -> None:
        """Counts what was met since; what has waited for longer is taken back."""
        left = {one["id"] for one in read(await self.outside.get("/faults"))}
        for id, (fault, since) in list(self._set.items()):
            unmet = id in left
            if unmet and time.monotonic() - since < patience_s:
                continue
            if not unmet or (await self.outside.delete(f"/faults/{id}")).status_code == 404:  # met in this very moment
                self.met[_named(fault)] += 1
                self.refusals |= told_of(fault)
            del self._set[id]


@dataclass
class Weather:
    """Blows until it is told to stop; then everything stands again and every fault is gone."""

    stack: Stack
    faults: Faults
    seed: str
    hits: Counter[str] = field(default_factory=Counter[str])

    async def blow(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._blows(stop))
                both.create_task(self._spoils(stop))
        finally:
            await self.faults.look(patience_s=0)

    async def _blows(self, stop: asyncio.Event) -> None:
        for one in blows(self.seed):
            if await over(stop, one.after_s):
                return
            self.hits[f"{one.hit} {one.part}"] += 1
            await _struck(self.stack, one)

    async def _spoils(self, stop: asyncio.Event) -> None:
        for pause_s, one in faults(self.seed):
            if await over(stop, pause_s):
                return
            await self.faults.add(one)


async def _struck(stack: Stack, blow: Blow) -> None:
    match blow.hit:
        case "kill":
            await stack.kill(blow.part)
            await stack.start_part(blow.part)
        case "restart":
            await stack.stop_part(blow.part)
            await stack.start_part(blow.part)
        case "pause":
            stack.pause(blow.part)
            try:
                await asyncio.sleep(blow.long_s)
            finally:
                stack.resume(blow.part)


async def over(stop: asyncio.Event, within_s: float) -> bool:
    """Whether it was told to stop in that time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await stop.wait()
    return stop.is_set()


def _named(fault: Fault) -> str:
    return f"{fault.system} {fault.kind}"
