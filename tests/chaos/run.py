"""One run: a hospital of its own, people in waves, weather over them; then calm, and the verdict."""

import asyncio
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from models.kernel.clock import business_day, now
from stack.supervisor import Stack
from tests.chaos.aftercare import brought_to_an_end, refunds_settled
from tests.chaos.calm import rightly_waiting
from tests.chaos.client import Persistent
from tests.chaos.verdict import unexplained, verdict
from tests.chaos.walker import Walker
from tests.chaos.ways import WAYS, chosen, in_turn, of_walker
from tests.chaos.weather import ROUND, SPOTS, Faults, Weather
from tests.journeys.backstage import backstage
from tests.journeys.conftest import NOTIFY_RETRY_S
from tests.journeys.crowd import away, crowd, notified, stand
from tests.journeys.hospital import Hospital
from tests.journeys.people import Patient
from tests.journeys.rows import STANDS
from tests.journeys.visit import EXITS, Visit

WAVE: Final = 40
"""So many people have slots of one opening; a slot is open for a quarter of an hour."""
AT_ONCE: Final = 8
RIVALS: Final = 2
"""Of who wants the one place of a slot."""
REGISTERED: Final[Mapping[str, Mapping[str, Any]]] = {
    "out_of_window": {"encounters": [{"days_ago": 190}]},
    "no_record": {"encounters": []},
    "too_young": {"birth_on": f"{business_day(now()).year - 3}-01-01"},
    **{way: {"phone": None, "address": None} for way in ("data_wanting", "left_while_data_is_wanting")},
}
"""By their way, what is different about people at the HIS: who may not revisit, and of whom it lacks something."""
OF_A_SLOT: Final = ("stopped", "contended")
OF_A_CLINIC: Final = ("moved", "replaced", "resumed")
ABSENT_WITHIN: Final = timedelta(seconds=15)
"""Of the beginning their time to check in is over."""


@dataclass
class Told:
    """What a run was and what it found."""

    seed: str
    pathways: int
    seconds: float = 0.0
    walked: Counter[str] = field(default_factory=Counter[str])
    """By the way that was chosen, and where it ended."""
    hits: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    met: Counter[str] = field(default_factory=Counter[str])
    """Of the faults, those that a call has met."""
    cut_short: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Ways that a deadline or the weather ended otherwise, and how."""
    commands: int = 0
    repeats: int = 0
    wrong: list[str] = field(default_factory=list[str])

    def unmet(self) -> Iterator[str]:
        """What only another run, a longer one, would show."""
        taken = {one.partition(":")[0] for one in self.walked}
        kinds = {f"{spot.system} {kind}" for spot in SPOTS for kind in spot.kinds}
        for what, these in (
            ("ways", [way for way in WAYS if way not in taken]),
            ("parts", [f"{hit} {part}" for part, hit in ROUND if not self.hits[f"{hit} {part}"]]),
            ("faults", sorted(kind for kind in kinds if not self.met[kind])),
        ):
            yield f"{what}: {', '.join(these) or 'none'}"


async def run(seed: str, pathways: int, minutes: float, data: Path) -> Told:
    """The same seed makes the same choices. The weather ends after `minutes` at the latest; with none every way is taken in turn."""
    told = Told(seed, pathways)
    began = time.monotonic()
    async with Stack(data, policy="test", settings={"SANDBOX_NOTIFY_RETRY_S": NOTIFY_RETRY_S}) as stack:
        hospital = Hospital(stack, data)
        await hospital.open()
        staff = {one.headers["Authorization"]: UUID((await one.ask("/v1/account"))["account_id"]) for one in hospital.staff()}
        plain, line = hospital.http, Persistent(staff)
        hospital.speak(httpx.AsyncClient(base_url=stack.addresses.api, timeout=20, transport=line))
        faults = Faults(hospital.outside, told.faults, told.met)
        try:
            visits = await _walked(hospital, told, minutes, Weather(stack, faults, seed, told.hits))
            told.wrong += unexplained(told.cut_short, pathways, faults.refusals, calm=not minutes)
            await _settled(hospital, told, visits)
            told.wrong += await verdict(hospital, line)
        finally:
            await plain.aclose()
            await hospital.aclose()
    told.seconds, told.commands, told.repeats = time.monotonic() - began, len(line.answered), line.counted["repeats"]
    return told


async def _settled(hospital: Hospital, told: Told, visits: Sequence[Visit]) -> None:
    """First as it stands, then to the end of everything."""
    for part in hospital.stack.lost():  # nobody who was struck is left down: it ended by itself
        told.wrong.append(f"the {part} ended by itself; the end of its log: {hospital.log(part)[-1500:]}")
        await hospital.stack.start_part(part)
    told.wrong += [f"as it stood: {one}" for one in await rightly_waiting(hospital)]
    hands = asyncio.Semaphore(AT_ONCE)
    ends = await asyncio.gather(*(_ended(hands, one) for one in visits))
    told.wrong += [f"{one.id} cannot be brought further than {end}" for one, end in zip(visits, ends, strict=True) if end not in EXITS]
    try:
        await notified(hospital, within_s=300)
        told.wrong += await refunds_settled(hospital, visits)
    except AssertionError as stands:
        told.wrong.append(f"it does not settle: {stands}")


async def _ended(hands: asyncio.Semaphore, visit: Visit) -> str:
    async with hands:
        return await brought_to_an_end(visit)


async def _walked(hospital: Hospital, told: Told, minutes: float, weather: Weather) -> list[Visit]:
    """Wave by wave, under one weather. Answers every visit that was begun."""
    stop = asyncio.Event()
    ways = chosen(told.seed, told.pathways) if minutes else in_turn(told.pathways)
    clinics = [one["id"] for one in await hospital.clinics_to_come()]
    ways = fitting(ways, len(clinics))
    walkers = await _walkers(hospital, told.seed, ways, iter(clinics))
    asyncio.get_running_loop().call_later(minutes * 60, stop.set)
    blowing: asyncio.Task[None] | None = None
    try:
        for first in range(0, told.pathways, WAVE):
            wave = range(first, min(first + WAVE, told.pathways))
            slots = await hospital.hall_again(sum(ways[number] in OF_A_SLOT for number in wave))
            if minutes and not blowing:
                blowing = asyncio.create_task(weather.blow(stop))
            hands = asyncio.Semaphore(AT_ONCE)
            for number in wave:
                if ways[number] in OF_A_SLOT:
                    walkers[number] = replace(walkers[number], slot=slots.pop())
            await asyncio.gather(*(_way(told, hands, ways[number], walkers[number]) for number in wave))
    finally:
        stop.set()
        if blowing:
            await blowing
    people = [person for one in walkers for person in (one.patient, *one.rivals, *one.family)]
    return [Visit(hospital, person, id) for person in people for id in await _visits_of(person)]


def fitting(ways: Sequence[str], clinics: int) -> list[str]:
    """Whoever would change a clinic needs one of their own; without one they are seen as most are."""
    left = iter(range(clinics))
    return [way if way not in OF_A_CLINIC or next(left, None) is not None else "seen" for way in ways]


async def _walkers(hospital: Hospital, seed: str, ways: Sequence[str], clinics: Iterator[str]) -> list[Walker]:
    """One for each way, by its number, before there is any weather. Who will be absent is booked, and has little time left."""
    async with backstage(hospital) as behind:
        usual = iter(await crowd(behind, len(ways) + RIVALS * ways.count("contended")))
        others = {way: iter(await crowd(behind, ways.count(way), **wish)) for way, wish in REGISTERED.items()}
        walkers = [
            Walker(
                hospital=hospital,
                patient=next(others.get(way, usual)),
                chance=of_walker(seed, number),
                slot=next(clinics) if way in OF_A_CLINIC else "",
                rivals=tuple(islice(usual, RIVALS if way == "contended" else 0)),
            )
            for number, way in enumerate(ways)
        ]
        if absent := [number for number, way in enumerate(ways) if way == "absent"]:
            async with away(hospital):
                people = [walkers[number].patient for number in absent]
                stood = await stand(behind, people, STANDS["booked"], hospital.hall, lasts=ABSENT_WITHIN)
            for number, visit in zip(absent, stood, strict=True):
                walkers[number] = replace(walkers[number], stood=visit)
    return walkers


async def _way(told: Told, hands: asyncio.Semaphore, name: str, walker: Walker) -> None:
    async with hands:
        try:
            visit = await WAYS[name][0](walker)
            told.walked[f"{name}: {(await visit.now())['state']}"] += 1
        except Exception as otherwise:  # noqa: BLE001  whatever it is, the others walk on, and it is judged with all
            told.walked[f"{name}: otherwise"] += 1
            where = traceback.extract_tb(otherwise.__traceback__)
            own = next((one for one in reversed(where) if Path(one.filename).stem.startswith("exits")), where[-1])
            said = str(otherwise) if isinstance(otherwise, AssertionError) else f"{type(otherwise).__name__}: {otherwise}"
            told.cut_short.append((f"{name} at line {own.lineno}, {own.line}", said[:4000]))


async def _visits_of(person: Patient) -> list[str]:
    return [one["id"] for one in (await person.ask(f"/v1/patients/{person.id}/revisits"))["items"]]
