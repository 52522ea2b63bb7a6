"""处方 of a visit: written and signed by its doctor, chosen and paid by the patient (P-3, P-5, D-3.1). Words are stored, ids travel."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from api.act import ActionOut, as_doctor, as_patient, on_prescription, reach_of, request_id, wish
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.problems import problems
from api.reader import prescription_of
from api.security import may
from api.wiring import Body, Now, Reading, Wired, wrong
from models.account import Principal
from models.delivery import Receiver
from models.drug import Drug, LineChange
from models.kernel import ids
from models.kernel.clock import business_day, end_of
from models.kernel.text import Paragraph
from models.prescription import (
    Amend,
    Answer,
    CancelDrugs,
    Choose,
    Extend,
    NoAnswer,
    PrescriptionContent,
    PrescriptionState,
    Submit,
    Way,
    Withdraw,
)
from models.refill import Copied
from models.review import Level, Verdict
from models.stores import audit, timeline
from models.stores import delivery as deliveries
from models.stores import drug as catalogue
from models.stores import prescription as prescriptions
from models.stores import prescription_timeline as reading
from models.stores import reader as readers
from models.stores import refill as refills
from models.stores import revisit as revisits
from models.timeline_prescription import PRESCRIPTION_TEXTS, may_be_shown, patient_text

router = APIRouter(tags=["prescription"])
MayRead = Annotated[Principal, Depends(may("prescription:read"))]
MayWrite = Annotated[Principal, Depends(may("prescription:write"))]
MayChoose = Annotated[Principal, Depends(may("prescription:choose"))]
OUT_OF_TURN = ("prescription.not_now", "process.busy")
ACT = problems(conflict=OUT_OF_TURN, missing=("prescription.missing",), invalid=("request.key_reused",))


class PrescriptionIn(Body, PrescriptionContent):
    """What is prescribed, in whole: an amendment replaces it."""


class OpenedOut(BaseModel):
    id: UUID
    state: PrescriptionState


@router.post(
    "/v1/revisits/{revisit_id}/prescriptions",
    status_code=201,
    response_model=OpenedOut,
    responses=problems(
        conflict=("prescription.visit_over", "prescription.too_many"), missing=("revisit.missing",), invalid=("request.key_reused",)
    ),
)
async def write(
    revisit_id: UUID, body: PrescriptionIn, me: MayWrite, intent: Intent, wiring: Wired, now: Now, pathways: AskPathways
) -> OpenedOut:
    """开处方, by the visit's doctor while they see the patient. Kept as a draft, whatever it breaks: judged when it is submitted."""

    async def effect() -> OpenedOut:
        await readers.of_visit(db, revisit_id, as_doctor(me))
        return await begin_draft(db, me, intent.id, revisit_id, PrescriptionContent.model_validate(body.model_dump()), now)

    async with wiring.database.transaction() as db:
        opened = await once(db, intent, effect, OpenedOut)
        row = await prescriptions.load(db, opened.id)
    await pathways.runs.begin("prescription", opened.id, revisit_id, row)
    return opened


async def begin_draft(
    db: AsyncSession, me: Principal, id: UUID, visit: UUID, content: PrescriptionContent, now: datetime, copied_from: str | None = None
) -> OpenedOut:
    """For whoever has asked whose visit it is. Raises what `prescriptions.begin` raises."""
    told: dict[str, Any] = {"policy": (await revisits.facts(db, visit)).policy, "copied_from": copied_from, "request": request_id()}
    await prescriptions.begin(db, id, visit, me.account_id, content, at=now, due_at=end_of(business_day(now)), **told)
    await audit.record(db, me.account_id, "prescription:write", "prescription", id)
    return OpenedOut(id=id, state=PrescriptionState.DRAFTING)


@router.post(
    "/v1/prescriptions/{prescription_id}/amend",
    response_model=ActionOut,
    responses=problems(conflict=OUT_OF_TURN, missing=("prescription.missing",), invalid=("request.key_reused", "prescription.content")),
)
async def amend(
    prescription_id: UUID, body: PrescriptionIn, me: MayWrite, intent: Intent, wiring: Wired, pathways: AskPathways
) -> ActionOut:
    """修改: the draft, or what a pharmacist questioned or gave back; signed and reviewed again."""
    content_id = ids.derived("prescription_content", intent.id, intent.body)
    async with wiring.database.transaction() as db:
        where = await timeline.prescription(db, prescription_id, as_doctor(me))
        if where.state in Amend.allowed_in:
            content = PrescriptionContent.model_validate(body.model_dump())
            await prescriptions.keep_content(db, content_id, prescription_id, me.account_id, content)
    return await on_prescription(pathways, prescription_id, as_doctor(me), intent, wish(Amend, intent, content_id=content_id))


@router.post(
    "/v1/prescriptions/{prescription_id}/submit",
    response_model=ActionOut,
    responses=problems(
        conflict=(*OUT_OF_TURN, "prescription.visit_over"), missing=("prescription.missing",), invalid=("prescription.rules",)
    ),
)
async def submit(prescription_id: UUID, me: MayWrite, intent: Intent, pathways: AskPathways) -> ActionOut:
    """提交: held to the law's floors, reviewed (合理用药), then to be confirmed on the doctor's phone.

    Refused as `prescription.rules` with everything that it breaks and the drug it is about.
    """
    return await on_prescription(pathways, prescription_id, as_doctor(me), intent, wish(Submit, intent))


@router.post("/v1/prescriptions/{prescription_id}/withdraw", response_model=ActionOut, responses=ACT)
async def withdraw(prescription_id: UUID, me: MayWrite, intent: Intent, pathways: AskPathways) -> ActionOut:
    """撤回, before a pharmacist has approved it."""
    return await on_prescription(pathways, prescription_id, as_doctor(me), intent, wish(Withdraw, intent))


class WordsIn(Body):
    text: Paragraph


@router.post("/v1/prescriptions/{prescription_id}/answer", response_model=ActionOut, responses=ACT)
async def answer(prescription_id: UUID, body: WordsIn, me: MayWrite, intent: Intent, wiring: Wired, pathways: AskPathways) -> ActionOut:
    """答复药师, without changing the prescription."""
    note_id = ids.derived("prescription_note", intent.id, intent.body)
    async with wiring.database.transaction() as db:
        where = await timeline.prescription(db, prescription_id, as_doctor(me))
        if where.state in Answer.allowed_in:
            await prescriptions.keep_note(db, note_id, prescription_id, me.account_id, body.text)
    return await on_prescription(pathways, prescription_id, as_doctor(me), intent, wish(Answer, intent, note_id=note_id))


class ExtendIn(Body):
    """Days of validity in all, counted from the first."""

    days: Annotated[int, Field(strict=True, ge=2, le=3)]


@router.post("/v1/prescriptions/{prescription_id}/extend", response_model=ActionOut, responses=ACT)
async def extend(prescription_id: UUID, body: ExtendIn, me: MayWrite, intent: Intent, pathways: AskPathways) -> ActionOut:
    """延长有效期, to the third day at most."""
    return await on_prescription(pathways, prescription_id, as_doctor(me), intent, wish(Extend, intent, days=body.days))


class ChooseIn(Body):
    """取药方式; what is paid online is 自费 and cannot be claimed from the insurance afterwards. A parcel needs its receiver."""

    way: Way
    receiver: Receiver | None = None

    @model_validator(mode="after")
    def _has_a_receiver(self) -> Self:
        if (self.way is Way.PARCEL) is (self.receiver is None):
            raise wrong("receiver", "extra_forbidden" if self.receiver else "missing")
        return self


@router.post(
    "/v1/prescriptions/{prescription_id}/choose",
    response_model=ActionOut,
    responses=problems(conflict=OUT_OF_TURN, missing=("prescription.missing",), invalid=("request.key_reused", "delivery.address_missing")),
)
async def choose(prescription_id: UUID, body: ChooseIn, me: MayChoose, intent: Intent, wiring: Wired, pathways: AskPathways) -> ActionOut:
    """选择取药方式: a charge is open then, or the HIS's bill waits at the hospital."""
    address_id = ids.derived("delivery_address", intent.id, intent.body) if body.receiver else None
    if body.receiver and address_id:
        async with wiring.database.transaction() as db:
            where = await timeline.prescription(db, prescription_id, as_patient(me))
            if where.state in Choose.allowed_in:
                await deliveries.keep_address(db, address_id, me.account_id, body.receiver)
    asked = wish(Choose, intent, way=body.way, address_id=address_id)
    return await on_prescription(pathways, prescription_id, as_patient(me), intent, asked)


@router.post(
    "/v1/prescriptions/{prescription_id}/cancel",
    response_model=ActionOut,
    responses=problems(
        conflict=(*OUT_OF_TURN, "prescription.prepared", "prescription.paid", "prescription.paid_at_window"),
        missing=("prescription.missing",),
    ),
)
async def cancel(prescription_id: UUID, me: MayChoose, intent: Intent, pathways: AskPathways) -> ActionOut:
    """不要了: free until 调配; what was paid goes back the way it came."""
    return await on_prescription(pathways, prescription_id, as_patient(me), intent, wish(CancelDrugs, intent))


class NoteOut(BaseModel):
    """What pharmacist and doctor wrote to each other."""

    by: UUID
    text: str
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
    changes: tuple[LineChange, ...] | None = Field(default=None, description="Line by line against `before`.")
    copied: Copied | None = Field(default=None, description="Line by line against the past prescription that it was copied from.")
    drugs: list[Drug]
    review: Level | NoAnswer | None
    verdict: Verdict | None
    notes: list[NoteOut]
    reason: str | None
    remark: str | None
    way: Way | None
    amount_fen: int | None
    charge_id: UUID | None
    delivery_id: UUID | None
    pickup_code: str | None


@router.get("/v1/prescriptions/{prescription_id}", responses=problems(missing=("prescription.missing",)))
async def one(prescription_id: UUID, me: MayRead, wiring: Wired) -> PrescriptionOut:
    """For its doctor, for pharmacists once it has come to them, and for the patient's side once it is signed.

    What is prescribed the patient's side reads once a pharmacist has approved it; until then 药师审核中 (药品网络销售监督管理办法 [G]).
    """
    async with prescription_of(wiring, me, prescription_id) as (db, side):
        told = await reading.told(db, prescription_id)
        among_staff = side != "patient"
        if not among_staff and not may_be_shown(told.state, priced=told.amount_fen is not None):
            return PrescriptionOut(**told.in_review(), state_text=patient_text(told.state), drugs=[], before=None, verdict=None, notes=[])
        notes = await reading.notes(db, prescription_id) if among_staff else []
        return PrescriptionOut(
            **told.common(),
            state_text=PRESCRIPTION_TEXTS[told.state],
            drugs=list((await catalogue.catalogue(db, [item.drug_code for item in told.content.prescribed.items])).values()),
            before=told.before if among_staff else None,
            changes=told.changes if among_staff else None,
            copied=await refills.copied(db, prescription_id),
            verdict=told.verdict if among_staff else None,
            notes=[NoteOut(by=note.by, text=note.text, at=note.at) for note in notes],
        )


class ListedOut(BaseModel):
    id: UUID
    state: PrescriptionState
    state_text: str
    version: int
    created_at: datetime


@router.get("/v1/revisits/{revisit_id}/prescriptions", responses=problems(missing=("revisit.missing",)))
async def of_visit(revisit_id: UUID, me: MayRead, db: Reading) -> list[ListedOut]:
    """Those of a visit, oldest first; the patient's side sees them from the doctor's signature on."""
    reader = await readers.of_visit(db, revisit_id, reach_of(me))
    theirs = reader.side == "patient"
    rows = await reading.of_visit(db, revisit_id, signed_only=theirs)
    text = patient_text if theirs else PRESCRIPTION_TEXTS.__getitem__
    return [
        ListedOut(id=row.id, state=row.state, state_text=text(row.state), version=row.version, created_at=row.created_at) for row in rows
    ]


class DrugsOut(BaseModel):
    items: list[Drug]


@router.get("/v1/drugs", responses=problems())
async def drugs(me: MayWrite, db: Reading, q: Annotated[str, Query(min_length=1, max_length=40)]) -> DrugsOut:
    """药品目录 by a part of a name or a code, in the order of names; at most 20. Banned and stopped ones are shown as what they are."""
    return DrugsOut(items=await catalogue.search(db, q, 20))
