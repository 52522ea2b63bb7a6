"""Who opens what belongs to a visit's record, and as what."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, null, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import ChargeState
from models.kernel.errors import DomainError
from models.patient import Relation
from models.queue import IF_BOOKED, LISTED
from models.revisit import State
from models.tables.charge import ChargeRow
from models.tables.directory import DoctorRow
from models.tables.patient import BindingRow
from models.tables.revisit import RevisitRow


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose visits a caller reaches: as a patient's account, as a doctor, or all of them.

    An account reaches its patients' visits: those that it opened, and all when its relation to the patient was proved, since a name and
    a number are known to many. A doctor reaches the visits that were booked with them.
    """

    account_id: UUID
    as_patient: bool = False
    as_doctor: bool = False
    everywhere: bool = False
    as_pharmacist: bool = False
    """Prescriptions that have come to the pharmacists, and nothing else."""

    def condition(self) -> ColumnElement[bool]:
        """True for the rows of `revisit` that this caller reaches, whatever else the question around it joins."""
        return reached(
            self.account_id, as_patient=_said(self.as_patient), as_doctor=_said(self.as_doctor), everywhere=_said(self.everywhere)
        )


def reached(
    account: UUID | ColumnElement[UUID],
    *,
    as_patient: ColumnElement[bool],
    as_doctor: ColumnElement[bool],
    everywhere: ColumnElement[bool],
) -> ColumnElement[bool]:
    """The same where the statement itself finds out who is calling."""
    return or_(everywhere, and_(as_patient, _patients(account)), and_(as_doctor, _doctors(account)))


def _patients(account: UUID | ColumnElement[UUID]) -> ColumnElement[bool]:
    theirs = or_(RevisitRow.account_id == account, BindingRow.verified_at.is_not(None))
    bound = exists().where(BindingRow.account_id == account, BindingRow.patient_id == RevisitRow.patient_id, theirs)
    return bound.correlate_except(BindingRow)


def _doctors(account: UUID | ColumnElement[UUID]) -> ColumnElement[bool]:
    treats = exists().where(DoctorRow.account_id == account, DoctorRow.id == RevisitRow.doctor_id)
    return and_(treats.correlate_except(DoctorRow), listed())


def _said(yes: bool) -> ColumnElement[bool]:
    return true() if yes else false()


def listed() -> ColumnElement[bool]:
    """True for visits that are the doctor's to see: from 待报到 on, and never one that was left before it was booked."""
    settled = exists().where(ChargeRow.id == RevisitRow.charge_id, ChargeRow.state == ChargeState.SETTLED).correlate(RevisitRow)
    return or_(
        *(RevisitRow.state == state for state in LISTED if state not in IF_BOOKED),
        and_(or_(*(RevisitRow.state == state for state in sorted(IF_BOOKED))), settled),
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """One side of a visit: an account bound to its patient, or its doctor."""

    side: Literal["patient", "doctor"]
    relation: Relation | None
    """What the patient is to the account; None for the doctor."""
    state: State

    @property
    def purpose(self) -> str | None:
        """Why others than the patient read, for the audit row that they leave; None: one's own record is in the access log."""
        if self.side == "doctor":
            return "treatment"
        return None if self.relation is Relation.SELF else "relative"


async def of_visit(db: AsyncSession, revisit_id: UUID, reach: Reach) -> Reader:
    """Raises `revisit.missing` for who is neither of its sides; a doctor is one only of visits that were booked."""
    relation = (
        select(BindingRow.relation)
        .where(BindingRow.account_id == reach.account_id, BindingRow.patient_id == RevisitRow.patient_id, _patients(reach.account_id))
        .correlate(RevisitRow)
        .scalar_subquery()
    )
    found = select(RevisitRow.state, relation if reach.as_patient else null()).where(RevisitRow.id == revisit_id, reach.condition())
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("revisit.missing", "missing")
    return _reader(*row)


def _reader(state: str, bound_as: str | None) -> Reader:
    return Reader("doctor" if bound_as is None else "patient", None if bound_as is None else Relation(bound_as), State(state))
