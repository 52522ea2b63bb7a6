"""The running hospital as a test meets it: its API, the outside world of the sandbox, its staff and its places."""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from temporalio.client import Client

from models.kernel.clock import business_day, now
from stack.seed import DOCTOR, FINANCE, MANAGER, OTHER_DOCTOR, PASSWORD, PHARMACIST, PHONES
from stack.supervisor import PartName, Stack
from tests.auditor import assert_nothing_differs
from tests.journeys.people import WITHIN_S, Card, Desk, Doctor, Json, Patient, Person, key, read, until
from tests.journeys.visit import Visit

BEGAN_AGO, LEFT = timedelta(minutes=5), timedelta(minutes=20)
"""Of the 就诊单元 that the journeys use: far enough from both its ends."""
STAYS_OPEN = timedelta(minutes=11)
"""Of a hall, whose slot lasts for a quarter of an hour."""
DAYS_AHEAD = 7
"""For so many the demo hospital has clinics."""
SPARE = {1: 4, 3: 1, 10: 1}
"""Slots by capacity, opened before the first journey: to pull the whole mirror for each would take a second a time."""
_CARRIERS = ("135", "136", "137", "138", "139", "150", "151", "158", "159", "182", "187", "188")
_HANS = "蓁蔚翊骁芃翀霖玥曦昀岚钰沅澍珩璟晗昱滢煜琬瑭桓祎"


class Hospital:
    """A stack that is up, and who is who there."""

    def __init__(self, stack: Stack, data: Path) -> None:
        self.stack, self.data = stack, data
        self.http = httpx.AsyncClient(base_url=stack.addresses.api, timeout=30, trust_env=False)
        self.outside = httpx.AsyncClient(base_url=stack.addresses.sandbox, timeout=30, trust_env=False)
        self.doctor, self.other_doctor = Doctor(self.http), Doctor(self.http)
        self.manager, self.finance, self.pharmacist = Desk(self.http), Desk(self.http), Desk(self.http)
        self.hall = ""
        """A slot with room for every visit of the session, in a 就诊单元 that is open now."""
        self.unit: Json = {}
        self._to_come: set[str] = set()
        """就诊单元 that somebody was given: moved to this minute, it is theirs all the same, and no hall."""
        self._open_until = now()
        self._opening = asyncio.Lock()
        self._spare: dict[int, list[str]] = {}
        self.private: set[str] = set()
        """What must stand in no log and no history: names, numbers and phones of everybody here, and what they sign in with."""
        self._phones = itertools.count(random.SystemRandom().randrange(10**8))

    async def open(self) -> None:
        """Staff sign in, and a slot with room for everybody is opened."""
        staff: dict[str, Person] = {DOCTOR: self.doctor, OTHER_DOCTOR: self.other_doctor}
        staff |= {MANAGER: self.manager, FINANCE: self.finance, PHARMACIST: self.pharmacist}
        await asyncio.gather(*(self._sign_in_staff(person, login) for login, person in staff.items()))
        await self._open_hall()
        for capacity, count in SPARE.items():
            self._spare[capacity] = [await self._opened(capacity) for _ in range(count)]
        await self.pulled()

    def staff(self) -> tuple[Person, ...]:
        return self.doctor, self.other_doctor, self.manager, self.finance, self.pharmacist

    async def aclose(self) -> None:
        await self.http.aclose()
        await self.outside.aclose()

    def speak(self, http: httpx.AsyncClient) -> None:
        """Everybody over another line from now on."""
        self.http = http
        for one in self.staff():
            one.speak(http)

    # People

    async def register(self, **wish: Any) -> Card:
        """A new person with a phone, an address and a visit of forty days ago, unless the wish says otherwise."""
        phone = self._phone()
        usual: Json = {"name": _name(), "phone": phone, "address": f"北京市东城区蓬莱胡同{phone[-4:]}号", "encounters": [{}]}
        told = {name: value for name, value in (usual | wish).items() if value is not None}
        found = read(await self.outside.post("/his/desk/patients", json=told))
        self.private |= {found["name"], found["id_number"], phone}
        return Card(id=found["id"], name=found["name"], id_number=found["id_number"], phone=phone)

    async def patient(self, card: Card | None = None, **wish: Any) -> Patient:
        """Signed in on a phone of their own, and bound."""
        patient = Patient(self.http, card or await self.register(**wish))
        await self.sign_in(patient)
        await patient.bind("self")
        return patient

    async def family(self, members: int) -> list[Patient]:
        """People of one account: bound by the first of them."""
        first = await self.patient()
        others = [Patient(self.http, await self.register()) for _ in range(members - 1)]
        for other in others:
            other.headers = first.headers
            await other.bind("other")
        return [first, *others]

    async def sign_in(self, patient: Patient) -> None:
        """By the code on their phone."""
        phone = {"phone": patient.card.phone}
        read(await self.http.post("/v1/account/codes", json=phone))
        opened = read(await self.http.post("/v1/account/sessions", json=phone | {"code": await self.code(patient.card.phone)}))
        patient.headers = self.bearing(opened["token"])

    async def _sign_in_staff(self, person: Person, login: str) -> None:
        secret = {"login": login, "password": PASSWORD}
        read(await self.http.post("/v1/account/staff/codes", json=secret))
        opened = read(await self.http.post("/v1/account/staff/sessions", json=secret | {"code": await self.code(PHONES[login])}))
        person.headers = self.bearing(opened["token"])

    def bearing(self, token: str) -> dict[str, str]:
        """The header of a session, which must stand in no log."""
        self.private.add(token)
        return {"Authorization": f"Bearer {token}"}

    async def visit(self, to: str = "consenting", patient: Patient | None = None) -> Visit:
        """A new visit, walked to a state of the straight way."""
        patient = patient or await self.patient()
        return await Visit(self, patient, await patient.open()).to(to)

    def stranger(self) -> Person:
        """Nobody is signed in."""
        return Person(self.http)

    # Places

    async def slot(self, *, capacity: int) -> str:
        """A slot of the open 就诊单元 that nobody else of the session uses."""
        if spare := self._spare.get(capacity):
            return spare.pop()
        fresh = await self._opened(capacity)
        await self.pulled()
        return fresh

    async def hall_again(self, alone: int = 0) -> list[str]:
        """A hall in a 就诊单元 that goes on for a while, and so many slots that nobody else uses."""
        await self._open_hall()
        slots = [await self._opened(1) for _ in range(alone)]
        await self.pulled()
        return slots

    async def stays_open(self) -> None:
        """Another hall when this one is about to end; spare slots of its time end with it."""
        async with self._opening:
            if now() > self._open_until:
                self._spare.clear()
                await self.hall_again()

    async def _open_hall(self) -> None:
        self.unit = await self._open_unit()
        self.hall = await self._opened(9_000)
        self._open_until = now() + STAYS_OPEN

    async def clinics_to_come(self) -> list[Json]:
        """A slot of each 就诊单元 of the demo doctor that begins on another day, when no other doctor has one: nobody else is in it."""
        slots: dict[str, Json] = {}
        begun = {one["schedule_id"] for one in await self._slots_on(0)}  # that of this evening goes on after midnight
        for ahead in range(1, DAYS_AHEAD):
            found = await self._slots_on(ahead)
            slots |= {one["schedule_id"]: one for one in reversed(found) if one["period"] in {"evening", "night"}}
        slots = {id: one for id, one in slots.items() if id not in begun}
        self._to_come |= set(slots)
        return list(slots.values())

    async def _slots_on(self, ahead: int) -> list[Json]:
        on = (business_day(now()) + timedelta(days=ahead)).isoformat()
        return (await self.manager.ask("/v1/slots", doctor_id=f"doc-{DOCTOR}", on=on, limit="100"))["items"]

    async def slot_that_is_over(self) -> str:
        """It ended a minute ago."""
        over = await self._opened(3, starts=-timedelta(minutes=3), lasts=timedelta(minutes=2))
        await self.pulled()
        return over

    async def _opened(self, capacity: int, *, starts: timedelta = timedelta(), lasts: timedelta = timedelta(minutes=15)) -> str:
        starts_at = now() + starts
        span = {"start": starts_at.isoformat(), "end": (starts_at + lasts).isoformat()}
        wish = {"schedule": self.unit["schedule_id"], "capacity": capacity} | span
        return str(read(await self.outside.post("/his/desk/slots", json=wish))["id"])

    async def pulled(self) -> None:
        """The mirror holds what the HIS holds at this moment. A pull that began before is not enough, so it is asked for until one did."""
        asked_at = now()

        async def pull() -> datetime:
            await self.manager.post("/v1/schedule/syncs", key=key())
            return datetime.fromisoformat((await self.manager.ask("/v1/departments"))["synced_at"])

        await until("the mirror to be pulled", pull, lambda synced_at: synced_at > asked_at)

    async def _open_unit(self) -> Json:
        """The demo doctor has one at any minute that has begun and goes on for a while."""

        async def look() -> list[Json]:
            found = await self.manager.ask("/v1/slots", doctor_id="doc-wangjianguo", limit="100")
            halls = [one for one in found["items"] if one["schedule_id"] not in self._to_come]
            return [one for one in halls if datetime.fromisoformat(one["unit_ends_at"]) - now() > LEFT]

        return (await until("an open 就诊单元", look, bool))[0]

    # The outside

    async def texts(self, phone: str, template: str | None = None) -> list[Json]:
        """What the phone shows, oldest first."""
        found = read(await self.outside.get(f"/sms/phones/{phone}/messages"))
        return [one for one in reversed(found) if template in {None, one["template_code"]}]

    async def code(self, phone: str, before: int = 0) -> str:
        """The newest sign-in code, read where a person reads it."""

        async def look() -> list[Json]:
            return [one for one in await self.texts(phone) if "验证码" in one["text"]]

        text = (await until(f"a code on {phone[:3]}****", look, lambda found: len(found) > before))[-1]["text"]
        return "".join(char for char in text.partition("验证码")[2] if char.isdigit())[:6]

    async def confirm(self, staff_id: str, about: str, how: str = "own") -> None:
        """The signer's phone shows the task about that id; a finger confirms it. Other tasks of theirs are left alone."""
        await self.answer_on_phone(staff_id, about, "confirm", {"how": how})

    async def answer_on_phone(self, staff_id: str, about: str, act: str, body: Json | None = None) -> None:
        """`confirm`, `refuse` or `expire`, as soon as the task is there."""

        async def task() -> list[Json]:
            found = read(await self.outside.get("/signature/phone/tasks", params={"staff_id": staff_id}))
            return [one for one in found if UUID(about).hex in one["text"].replace("-", "")]

        (one,) = await until(f"a task on the phone of {staff_id}", task, bool)
        read(await self.outside.post(f"/signature/phone/tasks/{UUID(one['number']).hex}/{act}", json=body or {}))

    async def pay(self, order_id: str) -> None:
        """The phone scans the code."""
        read(await self.outside.post(f"/wechat/cashier/{UUID(order_id).hex}/pay", json={}))

    async def will(self, fate: str, order_id: str, *, times: int = 1) -> None:
        """How the bank ends the next refunds of an order: `ABNORMAL`, `CLOSED`, or `NOT_ENOUGH` of the merchant's own money."""
        told = {"fate": fate, "out_trade_no": UUID(order_id).hex, "times": times}
        read(await self.outside.post("/wechat/cashier/refunds/next", json=told))

    async def bank(self, *order_ids: str) -> Json:
        """The bank's orders, payments and notifies of these numbers."""
        numbers = {UUID(one).hex for one in order_ids}
        books = read(await self.outside.get("/books/wechat_pay"))
        return {name: [row for row in rows if row["out_trade_no"] in numbers] for name, rows in books.items()}

    async def his(self) -> Json:
        """The HIS's books."""
        return read(await self.outside.get("/books/his"))

    async def go_wrong(self, system: str, call: str, kind: str, seconds: float) -> None:
        """The next call of that name."""
        read(await self.outside.post("/faults", json={"system": system, "call": call, "kind": kind, "seconds": seconds}))

    async def faults(self) -> list[Json]:
        """Those that no call has met yet."""
        return read(await self.outside.get("/faults"))

    @asynccontextmanager
    async def fault(self, system: str, call: str, kind: str, *, seconds: float) -> AsyncGenerator[Callable[[], Awaitable[list[Json]]]]:
        """The next call of that name goes wrong. Gives a wait until it has been met."""
        await self.go_wrong(system, call, kind, seconds)
        try:
            yield lambda: until(f"{call} to be met", self.faults, lambda left: not left)
        finally:
            await self.outside.delete("/faults")

    async def audited(self, *visits: Visit) -> None:
        """The auditor finds nothing that differs of these visits, and nothing unfinished."""
        at = self.stack.addresses
        ids = {UUID(visit.id) for visit in visits}
        how: Json = {"visits": ids, "standing": {"refund.stuck"}, "column_keys": self.column_keys, "files_dir": self.files}
        await assert_nothing_differs(at.database_url, at.sandbox, within_s=WITHIN_S, **how)

    @property
    def column_keys(self) -> dict[str, str]:
        """What opens sealed columns, for the auditor; made once by the stack."""
        return {"k1": (self.data / "secrets" / "column-key").read_text()}

    @property
    def files(self) -> Path:
        """Where uploads, papers and histories lie."""
        return self.data / "files"

    async def killed(self, part: PartName) -> None:
        """By `kill -9`, and started again: people read what they read before."""
        await self.stack.kill(part)
        await self.stack.start_part(part)

        async def look() -> int:
            return (await self.manager.get("/v1/departments")).status_code

        await until("screens to be read again", look, lambda status: status == 200)

    async def temporal(self) -> Client:
        """The engine, for a hand that reaches into it."""
        return await Client.connect(self.stack.addresses.temporal)

    def log(self, part: str) -> str:
        """What a part has written so far, before it was started again too."""
        written = [self.data / "logs" / f"{part}.log{aside}" for aside in (".1", "")]
        return "".join(one.read_text() for one in written if one.exists())

    def lines(self, part: str, *events: str) -> list[Json]:
        """Its log lines of these events."""
        written = [{"event": ""} | json.loads(line) for line in self.log(part).splitlines() if line.startswith("{")]
        return [line for line in written if line["event"] in events]

    def _phone(self) -> str:
        number = next(self._phones) % 10**9
        return f"{_CARRIERS[number % len(_CARRIERS)]}{number % 10**8:08d}"


def _name() -> str:
    """Nobody else has it, so that it can be looked for."""
    return "欧阳" + "".join(random.SystemRandom().sample(_HANS, 4))
