"""Rows that tests of several capabilities begin from. A test names only what it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.booking import ClaimState
from models.charge import ChargeState
from models.consent import ConsentText
from models.eligibility import Opening
from models.kernel import ids
from models.kernel.clock import SHANGHAI, business_day
from models.patient import Relation
from models.policy import STANDARD, Policy
from models.revisit import State
from models.schedule import HisDepartment, HisDoctor, HisSchedule, HisSlot, Period, SlotState
from models.stores import directory
from models.stores import patient as patients
from models.stores import policy as policies
from models.stores import revisit as revisits
from models.tables.charge import ChargeRow
from models.tables.revisit import ClaimRow, RevisitRow
from tests.account.builders import a_patient, a_staff_member
from tests.patient.builders import an_id_number

LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=SHANGHAI)
FEE_FEN: Final = 5000
NAME: Final = "张秀英"


async def rules(db: AsyncSession, changes: Mapping[str, int] | None = None) -> Policy:
    """A version of the test line, in force for long, with a notice of consent: the standard rules but for `changes`."""
    policy = Policy(version="test-1", line="test", effective_at=LONG_AGO, rules=STANDARD.model_copy(update=changes))
    await policies.publish(db, policy)
    await policies.publish_text(db, "revisit", NOTICE)
    return policy


NOTICE: Final = ConsentText(version="notice-1", title="知情同意书", text="线上复诊不能进行体格检查。", effective_at=LONG_AGO)


@dataclass(frozen=True, slots=True)
class Unit:
    """A 就诊单元 of a doctor with an account, and its slots in order."""

    id: str
    doctor_id: str
    doctor_account_id: UUID
    department_id: str
    starts_at: datetime
    ends_at: datetime
    slot_ids: tuple[str, ...]


async def a_unit(
    db: AsyncSession,
    starts_at: datetime,
    *,
    lasts: timedelta = timedelta(hours=3),
    slots: int = 1,
    capacity: int = 1,
    fee_fen: int = FEE_FEN,
) -> Unit:
    """As the mirror has it after a pull; its slots share its time evenly."""
    name = ids.new().hex[:8]
    upper, department = (
        HisDepartment(id=f"u-{name}", name="内科", parent_id=None),
        HisDepartment(id=f"d-{name}", name="呼吸科", parent_id=f"u-{name}"),
    )
    doctor = HisDoctor(id=f"doc-{name}", name="王建国", title="主任医师", department_id=department.id)
    schedule = HisSchedule(
        id=f"unit-{name}",
        doctor_id=doctor.id,
        department_id=department.id,
        on=business_day(starts_at),
        period=Period.MORNING,
        starts_at=starts_at,
        ends_at=starts_at + lasts,
        version="1",
    )
    each = lasts / slots
    given = tuple(
        HisSlot(
            id=f"slot-{name}-{number}",
            schedule_id=schedule.id,
            starts_at=starts_at + each * number,
            ends_at=starts_at + each * (number + 1),
            capacity=capacity,
            remaining=capacity,
            fee_fen=fee_fen,
            state=SlotState.OPEN,
            version="1",
        )
        for number in range(slots)
    )
    await directory.write(db, (upper, department), (doctor,), (schedule,), given, starts_at)
    account_id = await a_staff_member(db, Role.DOCTOR)
    await directory.appoint(db, doctor.id, account_id)
    return Unit(schedule.id, doctor.id, account_id, department.id, starts_at, schedule.ends_at, tuple(one.id for one in given))


@dataclass(frozen=True, slots=True)
class Person:
    """A patient bound to an account of their own."""

    account_id: UUID
    patient_id: UUID
    id_number: str


async def a_person(db: AsyncSession) -> Person:
    account_id, number = await a_patient(db), an_id_number()
    bound = await patients.bind(db, account_id, NAME, number, Relation.SELF, LONG_AGO)
    return Person(account_id, bound.id, number)


async def an_opened_visit(db: AsyncSession, person: Person, policy: Policy, at: datetime, *, past_encounter_id: str | None = None) -> UUID:
    """As the API opens one: the row, and no run yet."""
    revisit_id, due_at = ids.new(), at + timedelta(seconds=policy.rules.draft_s)
    opening = Opening(past_encounter_id=past_encounter_id)
    await revisits.insert_opened(db, revisit_id, person.account_id, person.patient_id, opening, policy=policy.version, at=at, due_at=due_at)
    return revisit_id


async def a_visit(db: AsyncSession, state: State = State.CONSENTING, *, person: Person | None = None, **columns: Any) -> UUID:
    """A row in any state as if a pathway had led there; for its claim and its charge there are builders beside."""
    revisit_id, whose = ids.new(), person or await a_person(db)
    await db.execute(
        insert(RevisitRow).values(
            **{"id": revisit_id, "state": state, "policy": "test-1", "account_id": whose.account_id, "patient_id": whose.patient_id}
            | columns
        )
    )
    return revisit_id


async def a_claim(
    db: AsyncSession, revisit_id: UUID, patient_id: UUID, unit: Unit, state: ClaimState = ClaimState.HELD, **columns: Any
) -> UUID:
    """A claim's row as it stands; `taken` of its slot is not counted here."""
    claim_id = ids.new()
    place = {"slot_id": unit.slot_ids[0], "schedule_id": unit.id}
    await db.execute(
        insert(ClaimRow).values(**{"id": claim_id, "revisit_id": revisit_id, "patient_id": patient_id, "state": state} | place | columns)
    )
    return claim_id


async def a_charge(db: AsyncSession, visit_id: UUID, state: ChargeState = ChargeState.OPEN, **columns: Any) -> UUID:
    """A charge for a visit's service fee."""
    charge_id = ids.new()
    payable = {"payable": "revisit", "payable_id": visit_id, "invoice_id": "inv-1", "amount_fen": FEE_FEN}
    await db.execute(
        insert(ChargeRow).values(**{"id": charge_id, "state": state, "policy": "test-1", "visit_id": visit_id} | payable | columns)
    )
    return charge_id
