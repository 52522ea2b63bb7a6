"""One run: a hospital of its own, people in waves, weather over them; then calm, and the verdict."""

import asyncio
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import httpx

from stack.supervisor import Stack
from tests.chaos.aftercare import brought_to_an_end, refunds_retried
from tests.chaos.client import Persistent
from tests.chaos.exits import WAYS, Walker
from tests.chaos.verdict import verdict
from tests.chaos.weather import Weather
from tests.journeys.backstage import backstage
from tests.journeys.conftest import NOTIFY_RETRY_S
from tests.journeys.crowd import crowd, notified
from tests.journeys.hospital import Hospital
from tests.journeys.people import Patient
from tests.journeys.visit import EXITS, Visit

WAVE: Final = 40
"""So many people have slots of one opening; a slot is open for a quarter of an hour."""
AT_ONCE: Final = 8


@dataclass
class Told:
    """What a run was and what it found."""

    seed: str
    pathways: int
    seconds: float = 0.0
    walked: Counter[str] = field(default_factory=Counter[str])
    """By the way that was chosen, and where it ended."""
    weather: Counter[str] = field(default_factory=Counter[str])
    cut_short: list[str] = field(default_factory=list[str])
    """Ways that a deadline or the weather ended otherwise, and how; no fault by themselves."""
    commands: int = 0
    repeats: int = 0
    wrong: list[str] = field(default_factory=list[str])


async def run(seed: str, pathways: int, minutes: float, data: Path) -> Told:
    """The same seed makes the same choices. The weather ends after `minutes` at the latest; who is on the way then goes on in calm."""
    told, line = Told(seed, pathways), Persistent()
    began = time.monotonic()
    async with Stack(data, policy="test", settings={"SANDBOX_NOTIFY_RETRY_S": NOTIFY_RETRY_S}) as stack:
        hospital = Hospital(stack, data)
        await hospital.open()
        plain = hospital.http
        hospital.speak(httpx.AsyncClient(base_url=stack.addresses.api, timeout=20, transport=line))
        try:
            visits = await _walked(hospital, told, minutes)
            for part in stack.lost():  # nobody who was struck is left down: it ended by itself
                told.wrong.append(f"the {part} ended by itself; the end of its log: {hospital.log(part)[-1500:]}")
                await stack.start_part(part)
            hands = asyncio.Semaphore(AT_ONCE)
            ends = await asyncio.gather(*(_ended(hands, one) for one in visits))
            told.wrong += [
                f"{one.id} cannot be brought further than {end}" for one, end in zip(visits, ends, strict=True) if end not in EXITS
            ]
            await notified(hospital, within_s=300)
            await refunds_retried(hospital)
            told.wrong += await verdict(hospital, line.answered, line.broken)
        finally:
            await plain.aclose()
            await hospital.aclose()
    told.seconds, told.commands, told.repeats = time.monotonic() - began, len(line.answered), line.counted["repeats"]
    return told


async def _ended(hands: asyncio.Semaphore, visit: Visit) -> str:
    async with hands:
        return await brought_to_an_end(visit)


async def _walked(hospital: Hospital, told: Told, minutes: float) -> list[Visit]:
    """Wave by wave, under one weather. Answers every visit that was begun."""
    stop = asyncio.Event()
    chance = Random(f"{told.seed} ways")
    ways = chance.choices(list(WAYS), [weight for _, weight in WAYS.values()], k=told.pathways)
    weather = Weather(hospital, told.seed, told.weather)
    async with backstage(hospital) as behind:
        people = await crowd(behind, told.pathways)
    asyncio.get_running_loop().call_later(minutes * 60, stop.set)
    blowing: asyncio.Task[None] | None = None
    try:
        for first in range(0, told.pathways, WAVE):
            wave = range(first, min(first + WAVE, told.pathways))
            slots = await hospital.hall_again(sum(ways[number] == "stopped" for number in wave))
            blowing = blowing or asyncio.create_task(weather.blow(stop))
            hands = asyncio.Semaphore(AT_ONCE)
            walks = [
                _way(
                    told, hands, ways[number], Walker(hospital, people[number], Random(f"{told.seed} {number}"), _slot(slots, ways[number]))
                )
                for number in wave
            ]
            await asyncio.gather(*walks)
    finally:
        stop.set()
        if blowing:
            await blowing
    return [Visit(hospital, person, id) for person in people for id in await _visits_of(person)]


async def _way(told: Told, hands: asyncio.Semaphore, name: str, walker: Walker) -> None:
    async with hands:
        try:
            visit = await WAYS[name][0](walker)
            told.walked[f"{name}: {(await visit.now())['state']}"] += 1
        except (AssertionError, httpx.TransportError) as otherwise:
            told.walked[f"{name}: otherwise"] += 1
            where = traceback.extract_tb(otherwise.__traceback__)
            own = next((one for one in reversed(where) if one.filename.endswith("exits.py")), where[-1])
            told.cut_short.append(f"{name} at line {own.lineno}, {own.line}: {str(otherwise)[:300]}")


async def _visits_of(person: Patient) -> list[str]:
    return [one["id"] for one in (await person.ask(f"/v1/patients/{person.id}/revisits"))["items"]]


def _slot(slots: list[str], way: str) -> str:
    return slots.pop() if way == "stopped" else ""
