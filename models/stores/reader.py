"""Who opens what belongs to a visit's record, and as what."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import and_, exists, null, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError
from models.patient import Relation
from models.revisit import State
from models.stores.queue import listed
from models.stores.timeline import Reach
from models.tables.directory import DoctorRow
from models.tables.patient import BindingRow
from models.tables.revisit import RevisitRow


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
        .where(BindingRow.account_id == reach.account_id, BindingRow.patient_id == RevisitRow.patient_id)
        .scalar_subquery()
    )
    doctors = exists().where(DoctorRow.account_id == reach.account_id, DoctorRow.id == RevisitRow.doctor_id).correlate(RevisitRow)
    treats = and_(doctors, listed())
    sides = [relation.is_not(None)] if reach.as_patient else []
    sides += [treats] if reach.as_doctor else []
    bound_as = relation if reach.as_patient else null()
    found = select(RevisitRow.state, bound_as).where(RevisitRow.id == revisit_id, or_(False, *sides))
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("revisit.missing", "missing")
    return _reader(*row)


def _reader(state: str, bound_as: str | None) -> Reader:
    return Reader("doctor" if bound_as is None else "patient", None if bound_as is None else Relation(bound_as), State(state))
