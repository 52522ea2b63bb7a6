"""Who opens what belongs to a visit's record, and as what."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, null, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import ChargeState
from models.kernel.errors import DomainError
from models.patient import Relation
from models.queue import LISTED
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

    def condition(self) -> ColumnElement[bool]:
        """True for the rows of `revisit` that this caller reaches, whatever else the question around it joins."""
        if self.everywhere:
            return true()
        sides = [self.patients()] if self.as_patient else []
        sides += [self.doctors()] if self.as_doctor else []
        return or_(false(), *sides)

    def patients(self) -> ColumnElement[bool]:
        theirs = or_(RevisitRow.account_id == self.account_id, BindingRow.verified_at.is_not(None))
        bound = exists().where(BindingRow.account_id == self.account_id, BindingRow.patient_id == RevisitRow.patient_id, theirs)
        return bound.correlate(RevisitRow)

    def doctors(self) -> ColumnElement[bool]:
        treats = exists().where(DoctorRow.account_id == self.account_id, DoctorRow.id == RevisitRow.doctor_id)
        return and_(treats.correlate(RevisitRow), listed())


def listed() -> ColumnElement[bool]:
    """True for visits that are the doctor's to see: from 待报到 on, and never one that was left before it was booked."""
    settled = exists().where(ChargeRow.id == RevisitRow.charge_id, ChargeRow.state == ChargeState.SETTLED).correlate(RevisitRow)
    return or_(
        RevisitRow.state.in_([state for state in LISTED if state is not State.CANCELLED]),
        and_(RevisitRow.state == State.CANCELLED, settled),
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
        .where(BindingRow.account_id == reach.account_id, BindingRow.patient_id == RevisitRow.patient_id, reach.patients())
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
