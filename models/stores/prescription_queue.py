"""下一张: the oldest prescription that nobody has, given to one pharmacist of many who ask at once."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.prescription import PrescriptionState
from models.stores import policy as policies
from models.stores import steps
from models.stores.prescription import STORE
from models.stores.prescription_timeline import Waiting, waiting
from models.tables.prescription import PrescriptionRow


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
