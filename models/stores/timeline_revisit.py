"""What people read of visits: one, a patient's list, and the timeline. Who may see it is said by the SQL.

The list and the timeline are the hot reads: one statement each, the question who is calling included.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import DateTime, Integer, Text, Uuid, and_, bindparam, cast, exists, func, join, literal_column, outerjoin, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from models.account import Principal
from models.kernel.errors import DomainError
from models.refund import Cause, RefundState
from models.stores import suspension_timeline
from models.stores.account import ME, Bearer, mine, principal_of
from models.stores.database import Ask, Asked
from models.stores.reader import Reach, reached
from models.tables.charge import ChargeRow, PaymentRow, RefundRow
from models.tables.directory import DepartmentRow, DoctorRow
from models.tables.patient import BindingRow
from models.tables.process import InboxRow, TimelineRow
from models.tables.revisit import RevisitRow
from models.tables.suspension import SuspensionRow, SuspensionVisitRow


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as its screen shows it."""

    id: UUID
    patient_id: UUID
    account_id: UUID
    version: int
    state: str
    due_at: datetime | None
    under_way: str | None
    missing: list[str]
    refusal: str | None
    reason: str | None
    leaving_as: str | None
    declined_for: str | None
    past_encounter_id: str | None
    past_prescription: str | None
    unstable: bool | None
    self_checked: bool
    slot_id: str | None
    slot_starts_at: datetime | None
    unit_ends_at: datetime | None
    department: str | None
    doctor: str | None
    charge_id: UUID | None
    charge_state: str | None
    entered: bool
    passed_over: bool
    created_at: datetime


_CHARGE = aliased(ChargeRow)
_PATIENT = bindparam("patient_id", type_=Uuid())
_NEWEST = (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))
_VISIT = len(ME.c)
"""Where what is asked begins, behind who asks."""

_SHOWN: Final = (
    RevisitRow.id,
    RevisitRow.patient_id,
    RevisitRow.account_id,
    RevisitRow.version,
    RevisitRow.state,
    RevisitRow.due_at,
    RevisitRow.under_way["kind"].astext,
    cast(RevisitRow.missing, Text),
    RevisitRow.refusal,
    RevisitRow.reason,
    RevisitRow.leaving_as,
    RevisitRow.declined_for,
    RevisitRow.past_encounter_id,
    RevisitRow.past_prescription,
    RevisitRow.unstable,
    RevisitRow.self_checked_at.is_not(None),
    RevisitRow.slot_id,
    RevisitRow.slot_starts_at,
    RevisitRow.unit_ends_at,
    DepartmentRow.name,
    DoctorRow.name,
    RevisitRow.charge_id,
    ChargeRow.state,
    RevisitRow.entered_at.is_not(None),
    RevisitRow.passed_over_at.is_not(None),
    RevisitRow.created_at,
)
"""A `Visit`, in its order."""
_MISSING: Final = [one.name for one in fields(Visit)].index("missing")


def _visit(shown: Sequence[Any]) -> Visit:
    values = list(shown)
    values[_MISSING] = json.loads(values[_MISSING] or "[]")
    return Visit(*values)


def _with_names(visits: Any) -> Any:
    return (
        visits.outerjoin(ChargeRow, ChargeRow.id == RevisitRow.charge_id)
        .outerjoin(DepartmentRow, DepartmentRow.id == RevisitRow.department_id)
        .outerjoin(DoctorRow, DoctorRow.id == RevisitRow.doctor_id)
    )


async def visit(db: AsyncSession, revisit_id: UUID, reach: Reach) -> Visit:
    """Raises `revisit.missing`."""
    asked = select(*_SHOWN).select_from(RevisitRow).where(RevisitRow.id == revisit_id, reach.condition())
    found = (await db.execute(_with_names(asked))).one_or_none()
    if found is None:
        raise DomainError("revisit.missing", "missing")
    return _visit(found)


@dataclass(frozen=True, slots=True)
class Done:
    """A step of the visit, its charge or a refund, as people read it. `by` is the person who asked for it."""

    process: str
    process_id: UUID
    name: str
    before: str
    after: str
    by: UUID | None
    at: datetime
    asked_at: datetime | None
    """When the event that it served was kept for its run; None of a wish that got its answer at once."""


@dataclass(frozen=True, slots=True)
class Money:
    """A charge as its payer sees it."""

    id: UUID
    payable: str
    """What it is for, by the process that wants it paid."""
    state: str
    amount_fen: int
    pay_until: datetime | None
    paid_at: datetime | None
    paid_fen: int | None
    reserved_fen: int | None
    """Of what was paid, on its way back."""
    refunded_fen: int | None


@dataclass(frozen=True, slots=True)
class Back:
    """A refund as its payer sees it."""

    id: UUID
    cause: Cause
    amount_fen: int
    state: RefundState
    requested_at: datetime
    promised_at: datetime | None
    accepted_at: datetime | None
    arrived_at: datetime | None


@dataclass(frozen=True, slots=True)
class Story:
    """A visit with all that was done for it, its charges, its refunds and what became of its clinic, each in order."""

    visit: Visit
    steps: list[Done]
    money: list[Money]
    refunds: list[Back]
    suspensions: list[suspension_timeline.Cause]


def _rows(of: type[Any], columns: tuple[Any, ...], source: Any, *order: Any) -> Any:
    """Rows that belong to the visit of a statement, in order, as one JSON text in the shape of `of`."""
    named: list[Any] = [
        one for name, column in zip(fields(of), columns, strict=True) for one in (literal_column(f"'{name.name}'", Text), column)
    ]
    listed = func.json_agg(func.json_build_object(*named)).aggregate_order_by(*order)
    return select(cast(func.coalesce(listed, literal_column("'[]'")), Text)).select_from(source).correlate(RevisitRow)


_THEIRS: Final = reached(
    ME.c.account_id, as_patient=mine("revisit:read"), as_doctor=mine("revisit:accept"), everywhere=mine("revisit:read_any")
)
_STORY: Final = Asked(
    _with_names(
        select(
            *ME.c,
            *_SHOWN,
            _rows(
                Done,
                (
                    *(TimelineRow.process, TimelineRow.process_id, TimelineRow.name, TimelineRow.before, TimelineRow.after),
                    *(TimelineRow.by, TimelineRow.at, InboxRow.created_at),
                ),
                outerjoin(
                    TimelineRow,
                    InboxRow,
                    and_(InboxRow.process_id == TimelineRow.process_id, cast(InboxRow.id, Text) == TimelineRow.step),
                ),
                TimelineRow.at,
                TimelineRow.id,
            )
            .where(TimelineRow.visit_id == RevisitRow.id)
            .scalar_subquery(),
            _rows(
                Money,
                (
                    *(_CHARGE.id, _CHARGE.payable, _CHARGE.state, _CHARGE.amount_fen, _CHARGE.due_at, PaymentRow.paid_at),
                    *(PaymentRow.amount_fen, PaymentRow.reserved_fen, PaymentRow.refunded_fen),
                ),
                outerjoin(_CHARGE, PaymentRow, and_(PaymentRow.charge_id == _CHARGE.id, PaymentRow.unwanted.is_(None))),
                _CHARGE.created_at,
            )
            .where(_CHARGE.visit_id == RevisitRow.id)
            .scalar_subquery(),
            _rows(
                Back,
                (
                    *(RefundRow.id, RefundRow.cause, RefundRow.amount_fen, RefundRow.state),
                    *(RefundRow.created_at, RefundRow.due_at, RefundRow.accepted_at, RefundRow.arrived_at),
                ),
                RefundRow,
                RefundRow.created_at,
                RefundRow.id,
            )
            .where(RefundRow.visit_id == RevisitRow.id)
            .scalar_subquery(),
            _rows(
                suspension_timeline.Cause,
                suspension_timeline.CAUSE,
                join(SuspensionVisitRow, SuspensionRow, SuspensionRow.id == SuspensionVisitRow.suspension_id),
                SuspensionVisitRow.at,
                SuspensionRow.id,
            )
            .where(SuspensionVisitRow.revisit_id == RevisitRow.id)
            .scalar_subquery(),
        )
        .select_from(ME)
        .outerjoin(RevisitRow, and_(RevisitRow.id == bindparam("revisit_id", type_=Uuid()), _THEIRS))
    )
)
_DONE, _MONEY, _BACK = TypeAdapter(list[Done]), TypeAdapter(list[Money]), TypeAdapter(list[Back])
_CAUSES = TypeAdapter(list[suspension_timeline.Cause])


async def story(ask: Ask, bearer: Bearer, revisit_id: UUID) -> tuple[Principal | None, Story | None]:
    """Who asks, and the visit if they reach it."""
    rows = await ask(_STORY, {**bearer.asked, "revisit_id": revisit_id})
    me = principal_of(rows[0] if rows else None, bearer.now)
    if not rows or rows[0][_VISIT] is None:
        return me, None
    *shown, steps, money, back, stops = rows[0][_VISIT:]
    paid, gone = _MONEY.validate_json(money), _BACK.validate_json(back)
    return me, Story(_visit(shown), _DONE.validate_json(steps), paid, gone, _CAUSES.validate_json(stops))


_LIST: Final = Asked(
    _with_names(
        select(*ME.c, exists().where(BindingRow.account_id == ME.c.account_id, BindingRow.patient_id == _PATIENT), *_SHOWN)
        .select_from(ME)
        .outerjoin(
            RevisitRow,
            and_(
                RevisitRow.patient_id == _PATIENT,
                tuple_(RevisitRow.created_at, RevisitRow.id)
                < tuple_(bindparam("at", type_=DateTime(timezone=True)), bindparam("id", type_=Uuid())),
                _THEIRS,
            ),
        )
    )
    .order_by(RevisitRow.created_at.desc(), RevisitRow.id.desc())
    .limit(bindparam("limit", type_=Integer()))
)


async def visits_of_patient(
    ask: Ask, bearer: Bearer, patient_id: UUID, before: tuple[datetime, UUID] | None, limit: int
) -> tuple[Principal | None, list[Visit] | None]:
    """Who asks, and the patient's visits, newest first; None for a patient whom they are not bound to."""
    at, id = before or _NEWEST
    rows = await ask(_LIST, {**bearer.asked, "patient_id": patient_id, "at": at, "id": id, "limit": limit})
    me = principal_of(rows[0] if rows else None, bearer.now)
    if not rows or not rows[0][_VISIT]:
        return me, None
    return me, [_visit(row[_VISIT + 1 :]) for row in rows if row[_VISIT + 1] is not None]
