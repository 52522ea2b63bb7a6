"""A hospital whose outside is the sandbox on its wires, and our ends of those wires, where each call is seen."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text, update

from activities.drug_catalogue import DrugCatalogue
from activities.schedule import ScheduleActivities
from api.webhooks import his, sf, signature, wechat_pay
from api.wiring import Wiring, wire
from gateways.sms.port import SMS
from models.account import Role
from models.kernel.vault import Vault
from models.policy import Policy
from models.process import AnyRow, News
from models.schedule import HisSchedule
from models.stores import directory
from models.stores.database import Database
from models.stores.open_rows import PROCESSES
from models.tables.account import AccountRow
from stack.seed import PHARMACIST
from tests.account.builders import a_staff_member
from tests.builders import NAME, Person, Unit, a_person, rules
from tests.client import wiring
from tests.database import Server
from tests.process import hospital as process
from tests.process.outside import Outside, World
from tests.settings import settings
from worker.settings import Settings
from worker.wiring import Parties

DOCTOR: Final = "doc-wangjianguo"
STAFF: Final = f"pha-{PHARMACIST}"
"""Of the pharmacist, at the CA."""
UNIT: Final = f"sch-wangjianguo-{process.MORNING:%Y%m%d}-afternoon"
PHONE, ADDRESS = "13900200001", "北京市东城区和平里中街3号"
HAND_S: Final = 6.0
"""Between two attempts of a step whose outcome is not known."""


@dataclass(frozen=True)
class Call:
    """A call of a port: the number under which it was asked, and what the row said meanwhile that is under way."""

    method: str
    number: object
    under_way: tuple[str, ...]


@dataclass
class Seen:
    """Every call outside, in order; and what was knocked for."""

    calls: list[Call] = field(default_factory=list[Call])
    knocks: list[tuple[str, UUID, News]] = field(default_factory=list[tuple[str, UUID, News]])

    async def begin(self, process: str, id: UUID, visit: UUID, row: AnyRow | None = None) -> None:
        """Every row has its desk already."""

    async def knock(self, process: str, id: UUID, event: News) -> None:
        self.knocks.append((process, id, event))

    def of(self, method: str, *, since: int = 0) -> list[Call]:
        return [one for one in self.calls[since:] if one.method == method]


class _Line:
    """Our end of a wire: what the row says is read while the call is still to come, which nobody else changes until it has ended."""

    def __init__(self, party: object, database: Database, seen: Seen) -> None:
        self._party, self._database, self._seen = party, database, seen

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._party, name)

        async def asked(*args: Any, **fields: Any) -> Any:
            self._seen.calls.append(Call(name, args[0] if args else None, await _under_way(self._database)))
            return await call(*args, **fields)

        return asked


_STANDING = " union all ".join(
    f"select '{process} ' || coalesce(under_way ->> 'kind', split_part(step, '@', 1)) from {table.__tablename__} where step is not null"
    for process, (table, _) in PROCESSES.items()
)


async def _under_way(database: Database) -> tuple[str, ...]:
    async with database.reading() as db:
        return tuple(await db.scalars(text(_STANDING)))


class Wires(Outside):
    """Each party tells our API what it has to tell, at its own door."""

    TELLING = ("wechat_notify", "signature_task", "his_message", "logistics_push")

    def __init__(
        self, address: str, data: Path, clock: World, credentials: dict[str, Any], http: httpx.AsyncClient, notify_url: str
    ) -> None:
        super().__init__(address, data, clock, credentials, http, notify_url)
        self.keys, self._api = credentials, notify_url.removesuffix(wechat_pay.PATH)
        self._ca = replace(self._ca, notify_url=f"{self._api}{signature.PATH}")

    async def listen(self) -> None:
        """HIS and carrier are told where we listen."""
        for desk, path in (("/his/desk/listener", his.PATH), ("/logistics/desk/push", sf.PATH)):
            (await self.http.put(desk, json={"url": f"{self._api}{path}"})).raise_for_status()

    async def confirms(self, staff_id: str) -> None:
        """A finger on the one task of a phone."""
        (task,) = (await self.http.get("/signature/phone/tasks", params={"staff_id": staff_id})).raise_for_status().json()
        (await self.http.post(f"/signature/phone/tasks/{task['number']}/confirm", json={})).raise_for_status()

    def is_pending(self, number: UUID) -> bool:
        """Whether a phone still shows that task."""
        return any(one["number"] == number.hex and one["state"] == "PENDING" for one in self.rows("signature_task"))

    async def pharmacy(self, number: str, act: str) -> None:
        """Somebody at the HIS's pharmacy."""
        (await self.http.post(f"/his/desk/prescriptions/{number}/{act}")).raise_for_status()

    async def carries(self, order_no: str, move: str) -> None:
        """Somebody at the carrier."""
        (await self.http.post(f"/logistics/desk/parcels/{order_no}/moves", json={"move": move})).raise_for_status()

    def _on_their_way(self) -> int:
        counted = " + ".join(f"(SELECT count(*) FROM {table} WHERE due_at <= :at)" for table in self.TELLING)
        return self._books.execute(f"SELECT {counted}", {"at": self.clock().timestamp()}).fetchone()[0]


class Hospital(process.Hospital):
    """The hospital of the stand-in desks; whom its activities ask is reached over the wire."""

    def __init__(self, database: Database, outside: Wires, parties: Parties) -> None:
        self.outside, self.seen = outside, Seen()
        super().__init__(database, outside.clock, self.seen)
        line: dict[str, Any] = {
            name: self._line(getattr(parties, name)) for name in ("his", "wechat_pay", "logistics", "review", "signature", "issuer")
        }
        self.lines, self.sms = replace(self.parties, **line, trusted=parties.trusted), cast(SMS, self._line(parties.sms))
        self.asks(self.lines, self.seen)

    def _line(self, party: object) -> object:
        return _Line(party, self.database, self.seen)

    async def hand_time_is_up(self) -> None:
        """The pause before a step is done again, by both clocks."""
        await super().hand_time_is_up()
        await self.outside.clock.passes(HAND_S)


@dataclass(frozen=True)
class Town:
    """What every case begins with: a template of our database, the sandbox's books, a person or two."""

    prepared: Server
    vault: Vault
    outside: Wires
    api: FastAPI
    policy: Policy
    unit: Unit
    complete: Person
    incomplete: Person
    """Of this one the HIS lacks phone and address."""
    finance: UUID
    pharmacist: UUID

    @asynccontextmanager
    async def morning(self, **limits: float) -> AsyncGenerator[tuple[Hospital, str]]:
        """A hospital of its own at nine o'clock, and its database's URL."""
        await self.outside.begins_again()
        async with self.prepared.clone() as url, self.outside.parties(**limits) as parties:
            database = Database(url, self.vault)
            wire(self.api, await _parts(database, self.outside.clock, self.outside))
            yield Hospital(database, self.outside, parties), url
            await self.outside.clock.begins_again()
            await database.close()


@asynccontextmanager
async def founded(server: Server, vault: Vault, outside: Wires, api: FastAPI) -> AsyncGenerator[Town]:
    """The mirror is pulled by the real activity, the people are registered at the HIS's own desk."""
    async with server.clone() as url, outside.parties() as parties:
        database = Database(url, vault)
        hospital = Hospital(database, outside, parties)
        await cast(Any, hospital.work(cast(Any, ScheduleActivities.sync)))()
        (schedule,) = [one for one in await parties.his.schedules((process.MORNING.date(),)) if one.id == UNIT]
        await DrugCatalogue(database, parties.his, outside.clock).pull()
        slots = [one.id for one in await parties.his.slots((UNIT,)) if one.remaining]
        async with database.transaction() as db:
            policy = await rules(db)
            doctor, finance = await a_staff_member(db), await a_staff_member(db, Role.FINANCE)
            await a_staff_member(db, Role.MANAGEMENT)
            pharmacist = await a_staff_member(db, Role.PHARMACIST)
            for account_id, staff_id in ((doctor, DOCTOR), (pharmacist, STAFF)):
                await db.execute(update(AccountRow).where(AccountRow.id == account_id).values(staff_id=staff_id))
            await directory.appoint(db, DOCTOR, doctor)
            complete, incomplete = await a_person(db), await a_person(db)
        await _registered(outside, complete, phone=PHONE, address=ADDRESS)
        await _registered(outside, incomplete)
        await outside.listen()
        await database.close()
        outside.is_the_beginning()
        yield Town(Server(url), vault, outside, api, policy, _unit(schedule, doctor, slots), complete, incomplete, finance, pharmacist)


async def _registered(outside: Outside, person: Person, **known: str) -> None:
    card = {"name": NAME, "id_number": person.id_number, "encounters": [{"days_ago": 30}]} | known
    (await outside.http.post("/his/desk/patients", json=card)).raise_for_status()


def _unit(schedule: HisSchedule, doctor: UUID, slots: list[str]) -> Unit:
    whose = (schedule.doctor_id, doctor, schedule.department_id)
    return Unit(schedule.id, *whose, schedule.starts_at, schedule.ends_at, tuple(slots))


async def _parts(database: Database, clock: World, outside: Wires) -> Wiring:
    """Of an API that knows the keys of whoever tells it something."""
    parts = await wiring(database, clock)
    return Wiring(settings=_trusting(outside), database=database, temporal=parts.temporal, clock=clock, live=parts.live)


def _trusting(outside: Wires) -> Settings:
    known, merchant = settings(), outside.merchant
    keys = {"private_key": SecretStr(merchant.private_key), "apiv3_key": SecretStr(merchant.apiv3_key), "public_key": merchant.public_key}
    names = {"appid": merchant.appid, "mchid": merchant.mchid, "serial_no": merchant.serial_no, "public_key_id": merchant.public_key_id}
    ca, hospital = outside.keys["signature"], outside.keys["his"]
    told = {
        "wechat_pay": known.wechat_pay.model_copy(update=keys | names),
        "signature": known.signature.model_copy(update=ca | {"app_secret": SecretStr(ca["app_secret"])}),
        "his": known.his.model_copy(update=hospital | {name: SecretStr(hospital[name]) for name in ("client_secret", "webhook_key")}),
        "public_url": merchant.notify_url.rpartition("/webhooks")[0],
    }
    return known.model_copy(update=told)
