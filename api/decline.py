"""退诊: the doctor gives a visit back, with a reason that the patient reads; what was paid goes back the way it came (D-2.3)."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, model_validator

from api.act import ActionOut, as_doctor, on_revisit, reach_of, wish
from api.idempotency import Intent
from api.pathways import AskPathways
from api.problems import problems
from api.reader import read_of
from api.security import may
from api.wiring import Body, Wired, wrong
from models.account import Principal
from models.kernel import ids
from models.kernel.errors import DomainError
from models.kernel.text import Paragraph
from models.revisit import Decline, DeclineReason
from models.stores import revisit as revisits
from models.stores import timeline
from models.timeline import DECLINE_TEXTS

router = APIRouter(prefix="/v1/revisits/{revisit_id}/decline", tags=["revisit"])
MayDecline = Annotated[Principal, Depends(may("revisit:decline"))]
MayRead = Annotated[Principal, Depends(may("record:read"))]


class DeclineIn(Body):
    """Why, and what else the patient should know; `other` says nothing without words."""

    reason: DeclineReason
    note: Paragraph | None = None

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.reason is DeclineReason.OTHER and self.note is None:
            raise wrong("note")
        return self


@router.post(
    "",
    response_model=ActionOut,
    responses=problems(
        conflict=("revisit.not_now", "process.busy", "prescription.signed"),
        missing=("revisit.missing",),
        invalid=("decline.reason",),
    ),
)
async def decline(revisit_id: UUID, body: DeclineIn, me: MayDecline, intent: Intent, pathways: AskPathways, wiring: Wired) -> ActionOut:
    """退诊, from 待接诊 or 问诊中: by the doctor, or by the management for a reason of the hospital.

    The words are stored first, their id travels.
    """
    reach = as_doctor(me) if me.may("revisit:accept") else reach_of(me)
    if (body.reason is DeclineReason.HOSPITAL) is reach.as_doctor:
        raise DomainError("decline.reason", "invalid")
    note_id = ids.derived("note", intent.id, intent.body) if body.note else None
    if body.note and note_id:
        async with wiring.database.transaction() as db:
            where = await timeline.revisit(db, revisit_id, reach)
            if where.state in Decline.allowed_in:
                await revisits.keep_note(db, note_id, revisit_id, me.account_id, body.note)
    asked = wish(Decline, intent, reason=body.reason, note_id=note_id)
    return await on_revisit(pathways, revisit_id, reach, intent, asked)


class DeclinedOut(BaseModel):
    reason: DeclineReason
    text: str
    note: str | None


@router.get("", responses=problems(missing=("revisit.missing", "revisit.not_declined")))
async def why(revisit_id: UUID, me: MayRead, wiring: Wired) -> DeclinedOut:
    """What the doctor said, for the visit's two sides."""
    async with read_of(wiring, me, revisit_id, "revisit:decline") as (db, _):
        found = await revisits.declined(db, revisit_id)
    if found is None:
        raise DomainError("revisit.not_declined", "missing")
    return DeclinedOut(reason=found.reason, text=DECLINE_TEXTS[found.reason], note=found.note)
