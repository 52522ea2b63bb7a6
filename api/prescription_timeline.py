"""What people read of prescriptions: one, those of a visit, and what waits for its doctor (P-5, D-3.1)."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.act import reach_of
from api.cursor import LIMIT, After, Limit, cut, open_id_cursor, seal_cursor
from api.history_process import WhoOut
from api.prescription import MayWrite
from api.problems import problems
from api.reader import Side, prescription_of
from api.security import may
from api.sentences import sentence
from api.wiring import Now, Reading, Wired
from models.account import Principal
from models.drug import Drug, LineChange
from models.eligibility import age_on
from models.kernel.clock import business_day
from models.kernel.text import masked_name
from models.patient import SEX_TEXTS, Sex
from models.prescription import (
    BY_DOCTOR,
    BY_PATIENT,
    BY_PHARMACIST,
    COMMANDS,
    PrescriptionContent,
    PrescriptionState,
    Remark,
    Way,
)
from models.process import allowed
from models.refill import Copied
from models.review import Level, NoAnswer, Verdict
from models.stores import drug as catalogue
from models.stores import history as histories
from models.stores import prescription_queue as waiting
from models.stores import prescription_timeline as reading
from models.stores import reader as readers
from models.stores import refill as refills
from models.timeline_prescription import IN_REVIEW, PRESCRIPTION_TEXTS, REASON_TEXTS, may_be_shown, patient_state, patient_text

router = APIRouter(tags=["prescription"])
MayRead = Annotated[Principal, Depends(may("prescription:read"))]
_THEIRS: Final[dict[Side, frozenset[str]]] = {"doctor": BY_DOCTOR, "pharmacist": BY_PHARMACIST, "patient": BY_PATIENT}


class MineOut(BaseModel):
    """A prescription of mine that waits for me: to be finished, signed, answered or amended."""

    id: UUID
    revisit_id: UUID
    version: int
    state: PrescriptionState
    state_text: str = Field(examples=["质疑中"])
    due_at: datetime | None = Field(description="Until then; it ends unused afterwards.")
    remark: Remark | None = Field(description="Why a pharmacist gave it back; their words are among its `notes`.")
    reason: str | None = Field(
        description="Why no person but the review or the HIS gave it back; `review.restricted` wants a justification.",
        examples=["review.restricted"],
    )
    reason_text: str | None = Field(examples=[REASON_TEXTS["review.restricted"]])


def _reason_text(reason: str | None) -> str | None:
    """In words: our own, or the sentence of what was refused."""
    return reason and (REASON_TEXTS.get(reason) or sentence(reason, "conflict"))


class MineListOut(BaseModel):
    """The most urgent first; `next` is the cursor of the following page."""

    items: list[MineOut]
    next: str | None


@router.get("/v1/prescriptions/mine", responses=problems(malformed=("request.cursor",)))
async def mine(me: MayWrite, db: Reading, after: After = None, limit: Limit = LIMIT) -> MineListOut:
    """待我处理: what I prescribed and have not signed yet, and what a pharmacist questioned or gave back, also after the visit."""
    found = await waiting.mine(db, me.account_id, open_id_cursor("prescriptions/mine", after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor("prescriptions/mine", one.key, one.id))
    items = [
        MineOut(
            id=one.id,
            revisit_id=one.revisit_id,
            version=one.version,
            state=one.state,
            state_text=PRESCRIPTION_TEXTS[one.state],
            due_at=one.due_at,
            remark=one.remark,
            reason=one.reason,
            reason_text=_reason_text(one.reason),
        )
        for one in page
    ]
    return MineListOut(items=items, next=further)


class ForWhomOut(BaseModel):
    """Whom it is for, as far as a pharmacist judges by it (处方管理办法 art. 6 [G]).

    Allergies, weight and pregnancy are asked by no form here: unknown, unless the patient tells of them in `complaint`.
    """

    name: str = Field(examples=["张**"])
    sex: Sex
    sex_text: str = Field(examples=["女"])
    age: int = Field(examples=[76])
    department: str | None = Field(examples=["慢阻肺门诊"])
    doctor: str | None = Field(description="Who prescribes.", examples=["王建国"])
    complaint: str | None = Field(description="What the patient described before the visit; null: nothing.")

    @classmethod
    def of(cls, one: reading.ForWhom, now: datetime) -> Self:
        return cls(
            name=masked_name(one.name),
            sex=one.sex,
            sex_text=SEX_TEXTS[one.sex],
            age=age_on(one.born, business_day(now)),
            department=one.department,
            doctor=one.doctor,
            complaint=one.complaint,
        )


class NoteOut(BaseModel):
    """What pharmacist and doctor wrote to each other."""

    by: WhoOut | None = Field(description="By name.")
    side: Literal["doctor", "pharmacist"]
    text: str | None = Field(description="Null: it cannot be opened any more; the hospital's log tells of it.")
    at: datetime


class PrescriptionOut(BaseModel):
    """A prescription as its people read it; pharmacists and doctor see the review's findings and the notes, the patient does not."""

    id: UUID
    number: str = Field(description="At the HIS, once it is there; an amended prescription is another one there.")
    revisit_id: UUID
    state: PrescriptionState
    state_text: Annotated[str, Field(examples=["待审方"])]
    version: int
    round: int
    due_at: datetime | None
    valid_until: datetime | None
    content: PrescriptionContent | None = Field(description="Null for the patient's side until a pharmacist has approved it.")
    before: PrescriptionContent | None = Field(description="What the amendment changed: the content that was submitted before.")
    before_broken: bool = Field(
        default=False, description="There was one, and it cannot be opened any more: what was changed is not known. Told to the log."
    )
    changes: tuple[LineChange, ...] | None = Field(default=None, description="Line by line against `before`.")
    copied: Copied | None = Field(default=None, description="Line by line against the past prescription that it was copied from.")
    drugs: list[Drug]
    review: Level | NoAnswer | None
    verdict: Verdict | None
    justification: str | None = Field(description="Of its doctor, for what the review objects to in this content; among `notes` as well.")
    notes: list[NoteOut]
    patient: ForWhomOut | None = Field(default=None, description="For pharmacists while it is under review, told to the audit.")
    reason: str | None
    reason_text: str | None = None
    remark: str | None
    way: Way | None
    amount_fen: int | None
    charge_id: UUID | None
    delivery_id: UUID | None = Field(description="The parcel that its drugs are in; sent again, the last one.")
    pickup_code: str | None
    allowed: list[str] = Field(
        description="What this caller's side may ask now; of a pharmacist all but `claim_review` wants the hold.",
        examples=[["choose", "cancel_drugs"]],
    )


@router.get("/v1/prescriptions/{prescription_id}", responses=problems(missing=("prescription.missing",), conflict=("sealed.broken",)))
async def one(prescription_id: UUID, me: MayRead, wiring: Wired, now: Now) -> PrescriptionOut:
    """For its doctor, for pharmacists once it has come to them, and for the patient's side once it is signed.

    What is prescribed the patient's side reads once a pharmacist has approved it; until then 药师审核中 (药品网络销售监督管理办法 [G]).
    """
    async with prescription_of(wiring, me, prescription_id) as (db, side):
        told = await reading.told(db, prescription_id)
        among_staff = side != "patient"
        offered = [one for one in allowed(told.state, COMMANDS) if one in _THEIRS[side]]
        if not among_staff and not may_be_shown(told.state, priced=told.amount_fen is not None):
            hidden: dict[str, Any] = {"drugs": [], "before": None, "verdict": None, "notes": [], "allowed": offered}
            return PrescriptionOut(**told.in_review(), state_text=patient_text(told.state), **hidden)
        notes = await reading.notes(db, prescription_id) if among_staff else []
        people = await histories.people(db, {note.by for note in notes})
        judged = side == "pharmacist" and told.state in IN_REVIEW
        return PrescriptionOut(
            **(told.common() if among_staff else told.approved()),
            state_text=PRESCRIPTION_TEXTS[told.state],
            reason_text=_reason_text(told.reason),
            drugs=list((await catalogue.catalogue(db, [item.drug_code for item in told.content.prescribed.items])).values()),
            before=told.before if among_staff else None,
            before_broken=told.before_broken and among_staff,
            changes=told.changes if among_staff else None,
            copied=await refills.copied(db, prescription_id),
            verdict=told.verdict if among_staff else None,
            notes=[
                NoteOut(
                    by=WhoOut.of(note.by, people),
                    side="doctor" if note.by == told.prescriber else "pharmacist",
                    text=note.text,
                    at=note.at,
                )
                for note in notes
            ],
            patient=ForWhomOut.of(await reading.for_whom(db, prescription_id), now) if judged else None,
            allowed=offered,
        )


class ListedOut(BaseModel):
    id: UUID
    state: PrescriptionState
    state_text: str
    version: int
    created_at: datetime


@router.get("/v1/revisits/{revisit_id}/prescriptions", responses=problems(missing=("revisit.missing",)))
async def of_visit(revisit_id: UUID, me: MayRead, db: Reading) -> list[ListedOut]:
    """Those of a visit, oldest first; the patient's side sees them from the doctor's first signature on, amended ones too."""
    reader = await readers.of_visit(db, revisit_id, reach_of(me))
    theirs = reader.side == "patient"
    rows = await reading.of_visit(db, revisit_id, signed_only=theirs)
    state, text = (patient_state, patient_text) if theirs else (PrescriptionState, PRESCRIPTION_TEXTS.__getitem__)
    return [
        ListedOut(id=row.id, state=state(row.state), state_text=text(row.state), version=row.version, created_at=row.created_at)
        for row in rows
    ]
