"""A world for each of several people: one visit with all that can belong to it, and everybody who may come to it."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, insert, select, text, update

from models.account import Role
from models.charge import ChargeState, Trade, TradeState
from models.eligibility import HisPatient
from models.kernel import ids
from models.kernel.errors import known
from models.message import MessageState, Template
from models.patient import Relation
from models.prescription import PrescriptionState
from models.record import Record, RecordContent, RecordState
from models.refill import PastPrescriptions
from models.refund import Cause
from models.revisit import DeclineReason, State
from models.stores import account as accounts
from models.stores import chat as chats
from models.stores import delivery as deliveries
from models.stores import drug as drugs
from models.stores import intake as intakes
from models.stores import invoice as invoices
from models.stores import message as messages
from models.stores import patient as patients
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import record as records
from models.stores import refill as refills
from models.stores import refund as refunds
from models.stores import revisit as revisits
from models.stores import suspension as suspensions
from models.stores.database import Database
from models.stores.files import Files
from models.survey import ANSWERS_MIN
from models.suspension import Outcome
from models.tables.directory import ScheduleRow
from models.tables.message import MessageRow
from models.tables.record import RecordSigningRow
from models.tables.revisit import FileRow, IntakeRow, RevisitRow
from models.tables.suspension import SuspensionVisitRow
from models.tables.table import Table
from tests.account.builders import a_phone, staff_signed_in
from tests.api.rights import BODIES, LETTERS, QUERIES
from tests.builders import FEE_FEN, NAME, a_charge, rules
from tests.client import Hands, key
from tests.delivery.builders import an_address
from tests.intake.builders import a_png
from tests.prescription.builders import a_prescription
from tests.process.hospital import past_visit
from tests.record.builders import Visit, a_visit_of_people
from tests.refill.builders import SHELF, a_past_prescription
from tests.survey.builders import a_survey, answered, asked

ENDS_WITHIN_S: Final = 15
LEFT: Final = frozenset({"audit"})
"""Tables in which a refused request may leave a row: that somebody looked at a visit of their own."""


@dataclass
class World:
    """One visit with all that can belong to it, and who may come to it; ids by the name that a path, a body or a query gives them."""

    visit: Visit
    ids: dict[str, str] = field(default_factory=dict[str, str])
    staff: dict[Role, dict[str, str]] = field(default_factory=dict[Role, dict[str, str]])

    @property
    def by_role(self) -> dict[str, dict[str, str]]:
        """A letter's header: the patient's and the doctor's of the visit, anybody's of an office."""
        theirs = {"P": self.visit.patient, "D": self.visit.doctor}
        return theirs | {letter: self.staff[role] for letter, role in LETTERS.items() if role in self.staff}

    def beside(self, name: str) -> object:
        """How a body or a query says it."""
        return {"file_ids": [self.ids["file_id"]], "copied_from": self.ids["past_prescription"]}.get(name, self.ids.get(name))


async def worlds(database: Database, clock: Hands, folder: Path, state: State = State.CONSULTING, *, count: int = 2) -> list[World]:
    """So many of one hospital, each another patient's with another doctor; their visits stand there."""
    async with database.transaction() as db:
        await rules(db)
        await drugs.keep(db, SHELF, clock())
    staff = {role: (await staff_signed_in(database, clock, role))[1] for role in (Role.MANAGEMENT, Role.FINANCE, Role.PHARMACIST)}
    return [await _a_world(database, clock, folder, state, staff) for _ in range(count)]


async def _a_world(database: Database, clock: Hands, folder: Path, state: State, staff: dict[Role, dict[str, str]]) -> World:
    past = f"rx-{ids.new().hex[-8:]}"
    visit = await a_visit_of_people(database, clock, past_prescription=past, unstable=False)
    told: dict[str, UUID | str] = {"revisit_id": visit.id, "patient_id": visit.person.patient_id, "past_prescription": past}
    told |= {"schedule_id": visit.unit.id, "doctor_id": visit.unit.doctor_id, "file_id": await _a_file(database, folder, visit)}
    told |= await _with_money(database, clock, visit) | await _with_drugs(database, clock, visit, past)
    told |= {"doctor_account_id": visit.unit.doctor_account_id} | await _with_words(database, clock, visit)
    async with database.transaction() as db:
        signing = {"state": RecordState.SIGNING, "policy": "test-1", "visit_id": visit.id, "round": 1}
        told["record_id"] = record_id = ids.new()
        await db.execute(insert(RecordSigningRow).values(id=record_id, account_id=visit.unit.doctor_account_id, **signing))
        told["supplement_id"] = supplement_id = ids.new()
        await patients.supply(db, supplement_id, visit.person.patient_id, phone=a_phone(), address=None, now=clock())
        stopped = await suspensions.begin_of_doctor(db, visit.unit.doctor_id, visit.unit.doctor_account_id, clock(), policy="test-1")
        told["suspension_id"] = known(stopped)
        told["message_id"] = message_id = ids.new()
        said: dict[str, Any] = {"visit_id": visit.id, "due_at": clock()}
        await messages.enqueue(db, message_id, Template.REFUND_ARRIVED, a_phone(), {"amount": "50.00"}, **said)
        await db.execute(update(MessageRow).where(MessageRow.id == message_id).values(state=MessageState.FAILED, failure="sms.UNDELIV"))
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(state=state))
    plain = {name: str(id) for name, id in told.items()}
    return World(visit, plain | {"topics": f"revisit:{visit.id}"}, staff)


async def _a_file(database: Database, folder: Path, visit: Visit) -> UUID:
    content, file_id = a_png(), ids.new()
    sha256 = hashlib.sha256(content).hexdigest()
    await Files(folder).put(file_id, sha256, content)
    file = {"account_id": visit.person.account_id, "media_type": "image/png", "size": len(content), "sha256": sha256}
    async with database.transaction() as db:
        await db.execute(insert(FileRow).values(id=file_id, revisit_id=visit.id, **file))
    return file_id


async def _with_money(database: Database, clock: Hands, visit: Visit) -> dict[str, UUID | str]:
    async with database.transaction() as db:
        charge_id = await a_charge(db, visit.id, ChargeState.SETTLED)
        number = charge_id.hex
        trade = Trade(order_no=number, state=TradeState.PAID, transaction_id=f"42{number}"[:32], amount_fen=FEE_FEN, paid_at=clock())
        paid = known(await payments.keep(db, trade, charge_id=charge_id, visit_id=visit.id))
        bill = known(await invoices.begin(db, charge_id, clock()))
        refund = known(await refunds.begin(db, paid, Cause.MANAGEMENT, clock(), await policies.pinned(db, "test-1"), refund_id=ids.new()))
    return {"charge_id": charge_id, "invoice_id": bill.id, "refund_id": refund.id}


async def _with_drugs(database: Database, clock: Hands, visit: Visit, past: str) -> dict[str, UUID | str]:
    """A prescription that is being paid and its parcel, one that the doctor is writing, and one of the past."""
    prescription_id = await a_prescription(database, clock, visit, PrescriptionState.PAYING, queued_at=clock())
    draft_id = await a_prescription(database, clock, visit)
    encounter_id = f"enc-{past}"
    had = a_past_prescription(encounter_id, clock() - timedelta(days=30), number=past)
    seen = past_visit(encounter_id, clock() - timedelta(days=30))
    async with database.transaction() as db:
        phones = (await accounts.phone(db, visit.person.account_id),)
        born = (clock() - timedelta(days=25_000)).date()
        person = HisPatient(ids=(f"pat-{past}",), name="张秀英", birth_on=born, phones=phones)
        await refills.remember(db, visit.id, had)
        told = PastPrescriptions(patient=person, visits=(seen,), prescriptions=(had,))
        await refills.keep(db, visit.person.patient_id, told, clock())
        where: dict[str, Any] = {"prescription_id": prescription_id, "visit_id": visit.id, "address_id": await an_address(db)}
        parcel = await deliveries.begin(db, **where, policy="test-1", at=clock())
    return {"prescription_id": prescription_id, "draft_id": draft_id, "delivery_id": parcel.id}


async def _with_words(database: Database, clock: Hands, visit: Visit) -> dict[str, UUID | str]:
    """The same words, which nobody else has said, wherever somebody may say something; and an earlier visit."""
    said, note_id, at = f"夜间咳嗽加重，无发热。{ids.new().hex[-8:]}", ids.new(), clock()
    patient, doctor = visit.person.account_id, visit.unit.doctor_account_id
    before = past_visit(f"enc-{ids.new().hex[-8:]}", at - timedelta(days=40))
    async with database.transaction() as db:
        await intakes.keep(db, ids.new(), visit.id, said, ())
        await chats.say(db, ids.new(), visit.id, patient, "patient", said, at)
        content = RecordContent(complaint="咳嗽", history=said, advice="继续原方案。")
        record = Record(content=content, diagnosis_code="J44.900", diagnosis_text="慢性阻塞性肺疾病")
        await records.save(db, ids.new(), visit.id, doctor, record, at)
        await revisits.keep_note(db, note_id, visit.id, doctor, said)
        await revisits.keep_past_visits(db, visit.id, (before,))
        await asked(db, visit.id, visit.unit, at)
        await answered(db, visit.id, at, remark=said)
    return {"note_id": note_id, "said": said, "past_encounter_id": before.encounter_id}


async def family(database: Database, clock: Hands, folder: Path) -> list[World]:
    """Two worlds of one account, which opened a visit for each of its patients; the same doctor has both, in two clinics."""
    first, second = await worlds(database, clock, folder)
    account_id, doctor_id = first.visit.person.account_id, first.visit.unit.doctor_id
    async with database.transaction() as db:
        await patients.bind(db, account_id, NAME, second.visit.person.id_number, Relation.PARENT, clock())
        opened = update(RevisitRow).where(RevisitRow.id == second.visit.id)
        await db.execute(opened.values(account_id=account_id, doctor_id=doctor_id))
        await db.execute(update(ScheduleRow).where(ScheduleRow.id == second.visit.unit.id).values(doctor_id=doctor_id))
        said = select(IntakeRow.id).where(IntakeRow.revisit_id == RevisitRow.id).scalar_subquery()
        await db.execute(update(RevisitRow).values(intake_id=said))
        for one in (first, second):
            described = update(IntakeRow).where(IntakeRow.revisit_id == one.visit.id)
            await db.execute(described.values(file_ids=[one.ids["file_id"]]))
            met = {"suspension_id": UUID(one.ids["suspension_id"]), "revisit_id": one.visit.id}
            await db.execute(insert(SuspensionVisitRow).values(**met, outcome=Outcome.STOPPED, at=clock()))
    second.visit = replace(second.visit, patient=first.visit.patient, doctor=first.visit.doctor)
    return [first, second]


async def surveyed(database: Database, world: World, at: datetime) -> None:
    """So many have said then what they think of its doctor that nobody of them can be told."""
    async with database.transaction() as db:
        for _ in range(ANSWERS_MIN):
            await a_survey(db, world.visit.unit, at, {})


async def stands(database: Database, world: World, state: State) -> None:
    """Its visit has come there; who gave it back said why."""
    why = {"declined_for": DeclineReason.IN_PERSON, "note_id": UUID(world.ids["note_id"])} if state is State.DECLINED else {}
    async with database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == world.visit.id).values(state=state, **why))


async def knocks(
    api: httpx.AsyncClient,
    door: str,
    who: dict[str, str],
    told: Mapping[str, str],
    body: object = None,
    beside: Mapping[str, object] | None = None,
) -> httpx.Response:
    """A request at a door; ids of which nothing is told are nobody's. What stands `beside` the path goes where the door reads it."""
    method, path = door.split()
    for name in names_in(door):
        path = path.replace(f"{{{name}}}", told.get(name, str(ids.new())))
    if door.endswith("/files"):
        return await api.request(method, path, headers=who | key(), files={"file": ("a.png", a_png(), "image/png")})
    if method == "GET":
        asked: Any = QUERIES.get(door, {}) | dict(beside or {})
        asking = asyncio.create_task(api.request(method, path, headers=who, params=asked or None))
        if not (await asyncio.wait([asking], timeout=ENDS_WITHIN_S))[0]:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            pytest.fail(f"{door} with {asked} is answered without an end: who should be refused follows")
        return await asking
    whole: Any = BODIES.get(door, {}) if body is None else body
    return await api.request(method, path, headers=who | key(), json=whole | dict(beside or {}))


def names_in(door: str) -> list[str]:
    """Of the ids in its path, in their order."""
    return [part[1:-1] for part in door.split("/") if part.startswith("{")]


async def standing(database: Database) -> dict[str, Any]:
    """Where every process stands, and how many rows each table has."""
    found: dict[str, Any] = {}
    async with database.reading() as db:
        for table in Table.metadata.sorted_tables:
            if table.name not in LEFT:
                found[table.name] = await db.scalar(select(func.count()).select_from(table))
            if {"version", "state"} <= set(table.columns.keys()):
                rows = await db.execute(text(f"select id, version, state from {table.name} order by id"))
                found[f"{table.name} rows"] = [tuple(row) for row in rows]
    return found
