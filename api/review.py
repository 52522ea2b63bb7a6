"""审方: the pharmacists' one queue, and what they do with a prescription that they hold (D-3.1)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from api.act import ActionOut, as_pharmacist, noted, on_prescription, request_id, wish
from api.cursor import After, Limit, cut, open_id_cursor, seal_cursor
from api.history_process import WhoOut
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.prescription import WordsIn
from api.problems import problems
from api.security import may
from api.wiring import Body, Now, Reading, Wired
from models.account import Principal
from models.prescription import Approve, ClaimReview, Question, Reject, ReleaseReview, Remark
from models.review import Level, NoAnswer
from models.stores import history as histories
from models.stores import prescription_queue as waiting
from models.stores import prescription_timeline as reading
from models.stores.history import Person

router = APIRouter(tags=["review"])
MayReview = Annotated[Principal, Depends(may("review:act"))]
OUT_OF_TURN = ("prescription.not_now", "process.busy")
ACT = problems(
    conflict=(*OUT_OF_TURN, "review.not_held"),
    missing=("prescription.missing",),
    forbidden=("review.own",),
)


class WaitingOut(BaseModel):
    """A prescription in the queue, by when it came; `held_until` in the future: another pharmacist has it."""

    id: UUID
    queued_at: datetime
    round: int
    level: Level | NoAnswer | None = Field(
        description="The rational-drug review's word; `failed`: it gave none, and nobody has checked it."
    )
    held_by: WhoOut | None
    held_until: datetime | None
    mine: bool


class QueueOut(BaseModel):
    items: list[WaitingOut]
    next: str | None


@router.get("/v1/reviews", responses=problems(malformed=("request.cursor",)))
async def queue(me: MayReview, db: Reading, now: Now, after: After = None, limit: Limit = 20) -> QueueOut:
    """待审方, the oldest first; what they prescribed themselves is not in it."""
    found = await reading.queue(db, me.account_id, open_id_cursor("reviews", after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor("reviews", one.queued_at, one.id))
    people = await histories.people(db, {one.pharmacist_id for one in page if one.pharmacist_id})
    return QueueOut(items=[_waiting(one, me, now, people) for one in page], next=further)


def _waiting(one: reading.Waiting, me: Principal, now: datetime, people: Mapping[UUID, Person]) -> WaitingOut:
    held = one.held(now)
    return WaitingOut(
        id=one.id,
        queued_at=one.queued_at,
        round=one.round,
        level=one.level,
        held_by=WhoOut.of(one.pharmacist_id, people) if held else None,
        held_until=one.held_until if held else None,
        mine=held and one.pharmacist_id == me.account_id,
    )


@router.post(
    "/v1/reviews/next",
    status_code=200,
    response_model=WaitingOut,
    responses=problems() | {204: {"description": "None is free now; the same key may ask again."}},
)
async def following(me: MayReview, intent: Intent, wiring: Wired, now: Now) -> WaitingOut | Response:
    """下一张: the oldest that nobody has, held for who asks as by `claim`; the same key again is the same prescription."""

    async def effect() -> WaitingOut:
        found = await waiting.take(db, intent.id, me.account_id, now, body=intent.body, request=request_id())
        if found is None:
            raise _NoneFree
        return _waiting(found, me, now, await histories.people(db, {me.account_id}))

    try:
        async with wiring.database.transaction() as db:
            return await once(db, intent, effect, WaitingOut, 200)
    except _NoneFree:  # nothing was done under this key
        return Response(status_code=204)


class _NoneFree(Exception):  # noqa: N818  (no error)
    """The queue has none for who asks."""


class UncollectedOut(BaseModel):
    """待取药, and nobody has come for too long; `number` is the HIS's."""

    id: UUID
    revisit_id: UUID
    number: str
    ready_at: datetime


class UncollectedListOut(BaseModel):
    items: list[UncollectedOut]
    next: str | None


@router.get("/v1/drugs/uncollected", responses=problems(malformed=("request.cursor",)))
async def uncollected(_: MayReview, db: Reading, after: After = None, limit: Limit = 20) -> UncollectedListOut:
    """逾期未取: a task of the pharmacy until the HIS says that they were handed out."""
    found = await reading.uncollected(db, open_id_cursor("uncollected", after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor("uncollected", one.created_at, one.id))
    items = [UncollectedOut(id=one.id, revisit_id=one.revisit_id, number=one.number, ready_at=one.ready_at) for one in page]
    return UncollectedListOut(items=items, next=further)


class ClaimIn(Body):
    """`take_over`: from a pharmacist who holds it; it is recorded."""

    take_over: bool = False


@router.post(
    "/v1/prescriptions/{prescription_id}/claim",
    response_model=ActionOut,
    responses=problems(
        conflict=(*OUT_OF_TURN, "review.held"),
        missing=("prescription.missing",),
        forbidden=("review.own",),
    ),
)
async def claim(prescription_id: UUID, body: ClaimIn, me: MayReview, intent: Intent, pathways: AskPathways) -> ActionOut:
    """领取: held for a while, so that nobody else reviews it."""
    asked = wish(ClaimReview, intent, take_over=body.take_over)
    return await on_prescription(pathways, prescription_id, as_pharmacist(me), intent, asked)


@router.post("/v1/prescriptions/{prescription_id}/release", response_model=ActionOut, responses=ACT)
async def release(prescription_id: UUID, me: MayReview, intent: Intent, pathways: AskPathways) -> ActionOut:
    """放回: into the queue, at its old place."""
    return await on_prescription(pathways, prescription_id, as_pharmacist(me), intent, wish(ReleaseReview, intent))


@router.post(
    "/v1/prescriptions/{prescription_id}/approve",
    response_model=ActionOut,
    responses=problems(
        conflict=(*OUT_OF_TURN, "review.not_held", "signature.broken"),
        missing=("prescription.missing",),
        forbidden=("review.own",),
    ),
)
async def approve(prescription_id: UUID, me: MayReview, intent: Intent, pathways: AskPathways) -> ActionOut:
    """审方通过; it counts once the pharmacist has confirmed it on their phone."""
    return await on_prescription(pathways, prescription_id, as_pharmacist(me), intent, wish(Approve, intent))


@router.post("/v1/prescriptions/{prescription_id}/question", response_model=ActionOut, responses=ACT)
async def question(prescription_id: UUID, body: WordsIn, me: MayReview, intent: Intent, wiring: Wired, pathways: AskPathways) -> ActionOut:
    """质疑: the doctor answers, or amends."""
    note_id = await noted(wiring.database, prescription_id, as_pharmacist(me), intent, Question, body.text)
    return await on_prescription(pathways, prescription_id, as_pharmacist(me), intent, wish(Question, intent, note_id=note_id))


class RejectIn(WordsIn):
    """驳回 is never without words."""

    remark: Remark


@router.post("/v1/prescriptions/{prescription_id}/reject", response_model=ActionOut, responses=ACT)
async def reject(prescription_id: UUID, body: RejectIn, me: MayReview, intent: Intent, wiring: Wired, pathways: AskPathways) -> ActionOut:
    """驳回, with a remark: the doctor amends it, or takes it back."""
    note_id = await noted(wiring.database, prescription_id, as_pharmacist(me), intent, Reject, body.text)
    asked = wish(Reject, intent, remark=body.remark, note_id=note_id)
    return await on_prescription(pathways, prescription_id, as_pharmacist(me), intent, asked)
