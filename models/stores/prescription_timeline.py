"""What screens read of prescriptions: one whole, a visit's, the pharmacists' queue, the catalogue."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, and_, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from models.drug import LineChange, changes
from models.kernel.errors import DomainError, known
from models.patient import Sex, sex_of
from models.prescription import UNSIGNED, PrescriptionContent, PrescriptionState, Remark, Way
from models.review import Level, NoAnswer, Verdict
from models.stores import delivery as deliveries
from models.stores import intake as intakes
from models.stores import patient as patients
from models.stores import prescription as prescriptions
from models.stores.database import vault
from models.tables.directory import DepartmentRow, DoctorRow
from models.tables.patient import PatientRow
from models.tables.prescription import PrescriptionContentRow, PrescriptionNoteRow, PrescriptionRow
from models.tables.process import TimelineRow
from models.tables.revisit import RevisitRow
from models.tables.signature import SignatureRow
from models.timeline_prescription import patient_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A prescription in whole; who may read which part is said by the route."""

    id: UUID
    number: str
    """At the HIS, once it is there: that of its content."""
    revisit_id: UUID
    prescriber: UUID
    state: PrescriptionState
    version: int
    round: int
    due_at: datetime | None
    valid_until: datetime | None
    content: PrescriptionContent
    before: PrescriptionContent | None
    before_broken: bool
    """There is one and it does not open: what the amendment changed is not shown."""
    review: Level | NoAnswer | None
    """The review's level, or that it gave no answer; None: not asked yet."""
    verdict: Verdict | None
    justification: str | None
    """Why its doctor holds the present content right, whatever the review says of it."""
    reason: str | None
    remark: Remark | None
    way: Way | None
    amount_fen: int | None
    charge_id: UUID | None
    delivery_id: UUID | None
    pickup_code: str | None

    @property
    def changes(self) -> tuple[LineChange, ...] | None:
        """Line by line against what was submitted before."""
        return changes(self.before.prescribed.items, self.content.prescribed.items) if self.before else None

    def common(self) -> dict[str, Any]:
        """What its doctor and the pharmacists read."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in {"prescriber", "before", "before_broken", "verdict"}}

    def approved(self) -> dict[str, Any]:
        """What the patient's side may read once a pharmacist has approved it: what was said on the way there is the staff's."""
        return self.common() | dict.fromkeys(("review", "remark", "justification"))

    def in_review(self) -> dict[str, Any]:
        """What they may read before: nothing of what is prescribed, nor what is said of it, nor whose desk it lies on."""
        return self.approved() | dict.fromkeys(("content", "reason")) | {"state": patient_state(self.state)}


async def told(db: AsyncSession, prescription_id: UUID) -> Told:
    """Raises `prescription.missing`, `sealed.broken` where the present content does not open: amended, it may be read again."""
    row = await db.get(PrescriptionRow, prescription_id)
    if row is None:
        raise DomainError("prescription.missing", "missing")
    asked = await db.get_one(PrescriptionContentRow, row.content_id)
    before, before_broken = await _before(db, row)
    note_id = await prescriptions.justification(db, row.id, row.content_id)
    return Told(
        id=row.id,
        number=row.content_id.hex,
        revisit_id=row.visit_id,
        prescriber=row.account_id,
        state=PrescriptionState(row.state),
        version=row.version,
        round=row.round,
        due_at=row.due_at,
        valid_until=row.valid_until,
        content=await prescriptions.content(db, row.content_id),
        before=before,
        before_broken=before_broken,
        review=_level(asked.level),
        verdict=await prescriptions.verdict(db, row.content_id),
        justification=_words(db, await db.get_one(PrescriptionNoteRow, note_id)) if note_id else None,
        reason=row.reason,
        remark=Remark(row.remark) if row.remark else None,
        way=Way(row.way) if row.way else None,
        amount_fen=row.amount_fen,
        charge_id=row.charge_id,
        delivery_id=await deliveries.last(db, row.id),
        pickup_code=row.pickup_code,
    )


def _level(said: str | None) -> Level | NoAnswer | None:
    if said is None:
        return None
    return NoAnswer.FAILED if said == NoAnswer.FAILED else Level(said)


async def _before(db: AsyncSession, row: PrescriptionRow) -> tuple[PrescriptionContent | None, bool]:
    """The content that was signed last, where it is another than the present one; and whether there is one that does not open."""
    last = (
        select(SignatureRow.content_id)
        .where(SignatureRow.prescription_id == row.id, SignatureRow.content_id != row.content_id)
        .order_by(SignatureRow.created_at.desc())
        .limit(1)
    )
    content_id = await db.scalar(last)
    if content_id is None:
        return None, False
    try:
        return await prescriptions.content(db, content_id), False
    except DomainError as refused:
        if refused.code != "sealed.broken":
            raise
        return None, True


@dataclass(frozen=True, slots=True)
class Note:
    by: UUID
    text: str | None
    """None: it does not open any more."""
    at: datetime


async def notes(db: AsyncSession, prescription_id: UUID) -> list[Note]:
    """Those that were sent, oldest first; words whose step was refused are not."""
    sent = select(TimelineRow.detail["note_id"].astext).where(TimelineRow.process_id == prescription_id)
    rows = await db.scalars(
        select(PrescriptionNoteRow)
        .where(PrescriptionNoteRow.prescription_id == prescription_id, cast(PrescriptionNoteRow.id, Text).in_(sent))
        .order_by(PrescriptionNoteRow.created_at)
    )
    return [Note(row.account_id, _words(db, row), row.created_at) for row in rows]


def _words(db: AsyncSession, row: PrescriptionNoteRow) -> str | None:
    """One that does not open, of which the log is told, keeps nobody from reading the prescription: it can be said again."""
    try:
        return vault(db).open("prescription_note.text", row.id, row.text)
    except DomainError as refused:
        if refused.code != "sealed.broken":
            raise
        return None


@dataclass(frozen=True, slots=True)
class ForWhom:
    """Whom a prescription is for and who prescribed it, as a pharmacist judges by it. The name is open here, and masked by who shows it."""

    name: str
    sex: Sex
    born: date
    department: str | None
    doctor: str | None
    complaint: str | None
    """What the patient described before the visit, in their own words; None: nothing."""


async def for_whom(db: AsyncSession, prescription_id: UUID) -> ForWhom:
    """What stands on a 处方 beside what is prescribed (处方管理办法 art. 6 [G]), and the complaint."""
    query = (
        select(RevisitRow.id, PatientRow.id, PatientRow.birth_on, DepartmentRow.name, DoctorRow.name)
        .select_from(PrescriptionRow)
        .join(RevisitRow, RevisitRow.id == PrescriptionRow.visit_id)
        .join(PatientRow, PatientRow.id == RevisitRow.patient_id)
        .outerjoin(DepartmentRow, DepartmentRow.id == RevisitRow.department_id)
        .outerjoin(DoctorRow, DoctorRow.account_id == PrescriptionRow.account_id)
        .where(PrescriptionRow.id == prescription_id)
    )
    visit_id, patient_id, born, department, doctor = (await db.execute(query)).one()
    described = await intakes.of_revisit(db, visit_id)
    sex = sex_of(await patients.id_number(db, patient_id))
    return ForWhom(await patients.name(db, patient_id), sex, born, department, doctor, described.text if described else None)


async def entered_at(db: AsyncSession, prescription_id: UUID) -> datetime:
    """When it came to where it stands."""
    moves = select(func.max(TimelineRow.at)).where(TimelineRow.process_id == prescription_id, TimelineRow.before != TimelineRow.after)
    return known(await db.scalar(moves))


_SIGNED_ONCE: Final = PrescriptionRow.queued_at.is_not(None)
"""By its doctor: from then on it is in review, or past it, for its patient."""
_AS_SIGNED: Final = and_(_SIGNED_ONCE, PrescriptionRow.state.not_in(UNSIGNED))
"""As it stands: an amendment is a draft again, and nobody's but its doctor's."""


async def shown(db: AsyncSession, prescription_id: UUID, *, to_patient: bool) -> bool:
    """Whether others than its doctor may read of it now: a patient that it is in review, also while it is amended."""
    found = select(PrescriptionRow.id).where(PrescriptionRow.id == prescription_id, _SIGNED_ONCE if to_patient else _AS_SIGNED)
    return await db.scalar(found) is not None


@dataclass(frozen=True, slots=True)
class Listed:
    id: UUID
    state: PrescriptionState
    version: int
    created_at: datetime


async def of_visit(db: AsyncSession, visit_id: UUID, *, signed_only: bool) -> list[Listed]:
    """Oldest first."""
    query = select(PrescriptionRow).where(PrescriptionRow.visit_id == visit_id).order_by(PrescriptionRow.created_at, PrescriptionRow.id)
    if signed_only:
        query = query.where(_SIGNED_ONCE)
    return [Listed(row.id, PrescriptionState(row.state), row.version, row.created_at) for row in await db.scalars(query)]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A prescription in the pharmacists' queue."""

    id: UUID
    queued_at: datetime
    round: int
    level: Level | NoAnswer | None
    pharmacist_id: UUID | None
    held_until: datetime | None

    def held(self, at: datetime) -> bool:
        """Whether a pharmacist has it at that instant."""
        return self.held_until is not None and self.held_until > at


_QUEUED: Final = select(PrescriptionRow, PrescriptionContentRow.level).join(
    PrescriptionContentRow, PrescriptionContentRow.id == PrescriptionRow.content_id
)


async def queue(db: AsyncSession, account_id: UUID, after: tuple[datetime, UUID] | None, limit: int) -> list[Waiting]:
    """Oldest first; never what the account prescribed itself."""
    query = _QUEUED.where(PrescriptionRow.state == PrescriptionState.QUEUED, PrescriptionRow.account_id != account_id)
    if after is not None:
        query = query.where(tuple_(PrescriptionRow.queued_at, PrescriptionRow.id) > tuple_(*after))
    found = await db.execute(query.order_by(PrescriptionRow.queued_at, PrescriptionRow.id).limit(limit))
    return [_waiting(row, level) for row, level in found]


async def waiting(db: AsyncSession, prescription_id: UUID) -> Waiting:
    """One of the queue."""
    row, level = (await db.execute(_QUEUED.where(PrescriptionRow.id == prescription_id))).one()
    return _waiting(row, level)


def _waiting(row: PrescriptionRow, level: str | None) -> Waiting:
    return Waiting(row.id, row.queued_at or row.created_at, row.round, _level(level), row.pharmacist_id, row.held_until)


@dataclass(frozen=True, slots=True)
class Uncollected:
    """Drugs that have been ready for too long: somebody of the pharmacy looks after them."""

    id: UUID
    revisit_id: UUID
    number: str
    """At the HIS."""
    created_at: datetime
    ready_at: datetime


async def uncollected(db: AsyncSession, after: tuple[datetime, UUID] | None, limit: int) -> list[Uncollected]:
    """Those whose time to be fetched is over, by when they were prescribed."""
    ready = (
        select(func.max(TimelineRow.at))
        .where(TimelineRow.process_id == PrescriptionRow.id, TimelineRow.before != TimelineRow.after)
        .correlate(PrescriptionRow)
        .scalar_subquery()
    )
    query = select(PrescriptionRow, ready).where(PrescriptionRow.state == PrescriptionState.READY, PrescriptionRow.due_at.is_(None))
    if after is not None:
        query = query.where(tuple_(PrescriptionRow.created_at, PrescriptionRow.id) > tuple_(*after))
    found = await db.execute(query.order_by(PrescriptionRow.created_at, PrescriptionRow.id).limit(limit))
    return [Uncollected(row.id, row.visit_id, row.content_id.hex, row.created_at, at or row.moved_at) for row, at in found]
