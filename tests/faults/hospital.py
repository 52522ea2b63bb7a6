"""A hospital whose outside is the sandbox on its wires, and our ends of those wires, where each call is seen."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from uuid import UUID

from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from activities.schedule import ScheduleActivities
from api.wiring import Wiring, wire
from gateways.sms.port import SMS
from gateways.wechat_pay.account import WeChatPayAccount
from models.account import Role
from models.kernel.vault import Vault
from models.policy import Policy
from models.process import News
from models.schedule import HisSchedule
from models.stores import directory
from models.stores.database import Database
from models.stores.open_rows import PROCESSES
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

    async def begin(self, process: str, id: UUID, visit: UUID) -> None:
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


class Hospital(process.Hospital):
    """The hospital of the stand-in desks; whom its activities ask is reached over the wire."""

    def __init__(self, database: Database, outside: Outside, parties: Parties) -> None:
        self.outside, self.seen = outside, Seen()
        super().__init__(database, outside.clock, self.seen)
        line: dict[str, Any] = {
            name: self._line(getattr(parties, name)) for name in ("his", "wechat_pay", "logistics", "review", "signature")
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
    outside: Outside
    api: FastAPI
    policy: Policy
    unit: Unit
    complete: Person
    incomplete: Person
    """Of this one the HIS lacks phone and address."""
    finance: UUID

    @asynccontextmanager
    async def morning(self, **limits: float) -> AsyncGenerator[tuple[Hospital, str]]:
        """A hospital of its own at nine o'clock, and its database's URL."""
        await self.outside.begins_again()
        async with self.prepared.clone() as url, self.outside.parties(**limits) as parties:
            database = Database(url, self.vault)
            wire(self.api, await _parts(database, self.outside.clock, self.outside.merchant))
            yield Hospital(database, self.outside, parties), url
            await self.outside.clock.begins_again()
            await database.close()


@asynccontextmanager
async def founded(server: Server, vault: Vault, outside: Outside, api: FastAPI) -> AsyncGenerator[Town]:
    """The mirror is pulled by the real activity, the people are registered at the HIS's own desk."""
    async with server.clone() as url, outside.parties() as parties:
        database = Database(url, vault)
        hospital = Hospital(database, outside, parties)
        await cast(Any, hospital.work(cast(Any, ScheduleActivities.sync)))()
        (schedule,) = [one for one in await parties.his.schedules((process.MORNING.date(),)) if one.id == UNIT]
        slots = [one.id for one in await parties.his.slots((UNIT,)) if one.remaining]
        async with database.transaction() as db:
            policy = await rules(db)
            doctor, finance = await a_staff_member(db), await a_staff_member(db, Role.FINANCE)
            await a_staff_member(db, Role.MANAGEMENT)
            await directory.appoint(db, DOCTOR, doctor)
            complete, incomplete = await a_person(db), await a_person(db)
        await _registered(outside, complete, phone=PHONE, address=ADDRESS)
        await _registered(outside, incomplete)
        await database.close()
        outside.is_the_beginning()
        yield Town(Server(url), vault, outside, api, policy, _unit(schedule, doctor, slots), complete, incomplete, finance)


async def _registered(outside: Outside, person: Person, **known: str) -> None:
    card = {"name": NAME, "id_number": person.id_number, "encounters": [{"days_ago": 30}]} | known
    (await outside.http.post("/his/desk/patients", json=card)).raise_for_status()


def _unit(schedule: HisSchedule, doctor: UUID, slots: list[str]) -> Unit:
    whose = (schedule.doctor_id, doctor, schedule.department_id)
    return Unit(schedule.id, *whose, schedule.starts_at, schedule.ends_at, tuple(slots))


async def _parts(database: Database, clock: World, merchant: WeChatPayAccount) -> Wiring:
    """Of an API that knows the bank's key."""
    parts = await wiring(database, clock)
    return Wiring(settings=_trusting(merchant), database=database, temporal=parts.temporal, clock=clock, live=parts.live)


def _trusting(merchant: WeChatPayAccount) -> Settings:
    keys = {"private_key": SecretStr(merchant.private_key), "apiv3_key": SecretStr(merchant.apiv3_key), "public_key": merchant.public_key}
    names = {"appid": merchant.appid, "mchid": merchant.mchid, "serial_no": merchant.serial_no, "public_key_id": merchant.public_key_id}
    known = settings()
    told = {"wechat_pay": known.wechat_pay.model_copy(update=keys | names), "public_url": merchant.notify_url.rpartition("/webhooks")[0]}
    return known.model_copy(update=told)
