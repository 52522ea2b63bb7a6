"""What all examples of the stateful test begin with: two people who may pay, in our books and in the sandbox's."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from gateways.wechat_pay.account import WeChatPayAccount
from models.account import Role
from models.kernel.vault import Vault
from models.policy import Policy
from models.revisit import ChooseSlot, Consent, Describe, SelfCheck
from models.schedule import HisSchedule, HisSlot, SlotState
from models.stores import directory
from models.stores.database import Database
from models.tables.table import Table
from tests.account.builders import a_staff_member
from tests.builders import FEE_FEN, NAME, NOTICE, a_person, an_opened_visit, rules
from tests.database import Server
from tests.process.hospital import MORNING, wish
from tests.process.outside import World
from tests.refund.stateful_desk import SandboxHospital
from tests.refund.stateful_outside import Outside, served
from tests.settings import NOWHERE, settings
from worker.settings import Settings

DOCTOR: Final = "doc-wangjianguo"
UNIT: Final = f"sch-wangjianguo-{MORNING:%Y%m%d}-afternoon"
PEOPLE: Final = 2


@dataclass(frozen=True)
class Town:
    """Our database, the outside, and who works at the hospital. Everything lives in the runner's loop."""

    runner: asyncio.Runner
    database: Database
    outside: Outside
    clock: World
    slot_id: str
    patient: UUID
    doctor: UUID
    finance: UUID

    async def begins_again(self) -> None:
        """All books are those of the beginning."""
        await self.outside.begins_again()
        async with self.database.transaction() as db:
            await db.execute(text(_as_one(_BEGINS_AGAIN)))


_NAMES: Final = [table.name for table in Table.metadata.sorted_tables]
"""Whom another refers to comes first."""
_BEGINNING: Final = [
    "create schema beginning",
    *(f"create table beginning.{name} as table public.{name}" for name in _NAMES),
]
_BEGINS_AGAIN: Final = [
    f"truncate {', '.join(_NAMES)}",  # what may not be changed may still be cleared away whole, by who owns the database
    *(f"insert into public.{name} select * from beginning.{name}" for name in _NAMES),
]


def _as_one(statements: list[str]) -> str:
    return f"do $$ begin {'; '.join(statements)}; end $$"


@asynccontextmanager
async def founded(
    runner: asyncio.Runner, server: Server, vault: Vault, data: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Town]:
    """Two people may pay from here on."""
    clock = World()
    async with served(data, clock, monkeypatch) as outside, server.clone() as url:
        database = Database(url, vault)
        async with database.transaction() as db:
            policy = await rules(db)
            doctor, finance = await a_staff_member(db), await a_staff_member(db, Role.FINANCE)
        hospital = SandboxHospital(database, clock, outside.his, outside.wechat_pay)
        slot_id = await _slot(database, outside, doctor)
        patient, *_ = [await _is_about_to_pay(hospital, outside, policy, slot_id) for _ in range(PEOPLE)]
        outside.is_the_beginning()
        async with database.transaction() as db:
            await db.execute(text(_as_one(_BEGINNING)))
        yield Town(runner, database, outside, clock, slot_id, patient, doctor, finance)
        await database.close()


async def _slot(database: Database, outside: Outside, doctor: UUID) -> str:
    """An hour of the afternoon at the HIS, and in our mirror."""
    (unit,) = [one for one in await outside.his.schedules((MORNING.date(),)) if one.id == UNIT]
    starts_at = unit.starts_at + timedelta(hours=3)
    ends_at = starts_at + timedelta(hours=1)
    told = {"capacity": PEOPLE, "fee_fen": FEE_FEN}
    wished = {"schedule": UNIT, "start": starts_at.isoformat(), "end": ends_at.isoformat()} | told
    slot_id = (await outside.http.post("/his/desk/slots", json=wished)).raise_for_status().json()["id"]
    slot = HisSlot(
        id=slot_id,
        schedule_id=UNIT,
        starts_at=starts_at,
        ends_at=ends_at,
        remaining=PEOPLE,
        state=SlotState.OPEN,
        version="1",
        **told,
    )
    await _mirror(database, outside, unit, slot, doctor)
    return slot_id


async def _mirror(database: Database, outside: Outside, unit: HisSchedule, slot: HisSlot, doctor: UUID) -> None:
    departments = await outside.his.departments()
    doctors = tuple(one for one in await outside.his.doctors() if one.id == DOCTOR)
    async with database.transaction() as db:
        await directory.write(db, departments, doctors, (unit,), (slot,), MORNING)
        await directory.appoint(db, DOCTOR, doctor)


async def _is_about_to_pay(hospital: SandboxHospital, outside: Outside, policy: Policy, slot_id: str) -> UUID:
    """A person walks to where they may pay; nothing goes wrong on the way. Answers their account."""
    async with hospital.database.transaction() as db:
        person = await a_person(db)
        visit_id = await an_opened_visit(db, person, policy, hospital.clock())
    card = {"name": NAME, "id_number": person.id_number, "phone": "13900200001", "address": "北京市东城区和平里中街3号"}
    seen = {"encounters": [{"days_ago": 30}]}
    (await outside.http.post("/his/desk/patients", json=card | seen)).raise_for_status()
    desk, by = await hospital.desk("revisit", visit_id), person.account_id
    await desk.happens()
    await desk.happens(wish(SelfCheck, by, symptoms=()))
    await desk.happens(wish(Consent, by, text_version=NOTICE.version, text_hash=NOTICE.hash))
    await desk.happens(wish(ChooseSlot, by, slot_id=slot_id))
    await desk.happens(wish(Describe, by, intake_id=await hospital.described(visit_id)))
    assert desk.now.state == "paying"
    return by


def trusting(merchant: WeChatPayAccount) -> Settings:
    """Of an API that knows the bank's key."""
    keys = {"private_key": SecretStr(merchant.private_key), "apiv3_key": SecretStr(merchant.apiv3_key), "public_key": merchant.public_key}
    names = {"appid": merchant.appid, "mchid": merchant.mchid, "serial_no": merchant.serial_no, "public_key_id": merchant.public_key_id}
    known = settings()
    return known.model_copy(update={"wechat_pay": known.wechat_pay.model_copy(update=keys | names), "public_url": NOWHERE})
