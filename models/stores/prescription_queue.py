"""What waits for whom: 下一张, the oldest that nobody has, for one pharmacist of many who ask at once; and what waits for its doctor."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from models.prescription import PrescriptionState, Remark
from models.stores import policy as policies
from models.stores import steps
from models.stores.prescription import STORE
from models.stores.prescription_timeline import Waiting, waiting
from models.tables.prescription import RUNNING, PrescriptionRow


async def take(db: AsyncSession, wish: UUID, account_id: UUID, at: datetime, *, body: str, request: str) -> Waiting | None:
    """Held for the account as `review.claim` holds it, under the wish's id as key; None when none is free. Never what they prescribed.

    Nobody waits for another: what is being taken at this moment is passed over, so of so many who ask the oldest so many are given. It is
    the row that is taken; the process finds its version moved and looks again, as after any other hand.
    """
    free = (
        select(*PrescriptionRow.__table__.c)
        .where(
            PrescriptionRow.state == PrescriptionState.QUEUED,
            PrescriptionRow.account_id != account_id,
            PrescriptionRow.step.is_(None),
            or_(PrescriptionRow.held_until.is_(None), PrescriptionRow.held_until <= at),
        )
        .order_by(PrescriptionRow.queued_at, PrescriptionRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = (await db.execute(free)).mappings().one_or_none()
    if found is None:
        return None
    rules = (await policies.pinned(db, found["policy"])).rules
    hold = {"pharmacist_id": account_id, "held_until": at + timedelta(seconds=rules.review_hold_s)}
    mark = steps.Mark(
        key=str(wish), name="review.claim", at=at, by=account_id, body=body, request=request or None, detail={"take_over": False}
    )
    if await steps.move(db, STORE.table, STORE.snapshot(dict(found)), PrescriptionState.QUEUED, mark, hold, None) is None:
        raise RuntimeError("a locked row was moved by another hand")
    return await waiting(db, found["id"])


FOR_ITS_DOCTOR: Final = frozenset(
    {PrescriptionState.DRAFTING, PrescriptionState.SIGNING, PrescriptionState.QUESTIONED, PrescriptionState.RETURNED}
)
"""Nothing goes on before its doctor does."""
_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mine:
    """A prescription that waits for its doctor."""

    id: UUID
    revisit_id: UUID
    version: int
    state: PrescriptionState
    due_at: datetime | None
    remark: Remark | None
    """A pharmacist's, of the last giving back."""
    reason: str | None

    @property
    def key(self) -> datetime:
        """Its place in the list; what has no deadline stands last."""
        return self.due_at or _NEVER


async def mine(db: AsyncSession, account_id: UUID, after: tuple[datetime, UUID] | None, limit: int) -> list[Mine]:
    """What waits for the doctor who prescribed it, by its deadline, the earliest first."""
    due = func.coalesce(PrescriptionRow.due_at, _NEVER)
    query = select(PrescriptionRow).where(
        PrescriptionRow.account_id == account_id,
        PrescriptionRow.state.in_(sorted(FOR_ITS_DOCTOR)),
        text(RUNNING),  # implied, and said so that its index serves
    )
    if after is not None:
        query = query.where(tuple_(due, PrescriptionRow.id) > tuple_(*after))
    rows = await db.scalars(query.order_by(due, PrescriptionRow.id).limit(limit))
    return [
        Mine(
            id=row.id,
            revisit_id=row.visit_id,
            version=row.version,
            state=PrescriptionState(row.state),
            due_at=row.due_at,
            remark=Remark(row.remark) if row.remark and row.state == PrescriptionState.RETURNED and row.reason is None else None,
            reason=row.reason,
        )
        for row in rows
    ]
