"""处方 of a visit: written and signed by its doctor, chosen and paid by the patient (P-3, P-5, D-3.1). Words are stored, ids travel."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from api.act import ActionOut, as_doctor, as_patient, noted, on_prescription, request_id, wish
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.problems import problems
from api.security import may
from api.wiring import Body, Now, Reading, Wired, wrong
from models.account import Principal
from models.delivery import Receiver
from models.drug import Drug
from models.kernel import ids
from models.kernel.clock import business_day, end_of
from models.kernel.text import Paragraph
from models.prescription import (
    Amend,
    Answer,
    CancelDrugs,
    Choose,
    ChooseAgain,
    Extend,
    PrescriptionContent,
    PrescriptionState,
    Submit,
    Way,
    Withdraw,
)
from models.stores import audit, timeline
from models.stores import delivery as deliveries
from models.stores import drug as catalogue
from models.stores import prescription as prescriptions
from models.stores import reader as readers
from models.stores import revisit as revisits

router = APIRouter(tags=["prescription"])
MayWrite = Annotated[Principal, Depends(may("prescription:write"))]
MayChoose = Annotated[Principal, Depends(may("prescription:choose"))]
OUT_OF_TURN = ("prescription.not_now", "process.busy")
ACT = problems(conflict=OUT_OF_TURN, missing=("prescription.missing",))


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
        conflict=("prescription.visit_over", "prescription.too_many", "prescription.rounds_exhausted"),
        missing=("revisit.missing",),
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
    responses=problems(
        conflict=(*OUT_OF_TURN, "prescription.rounds_exhausted"),
        missing=("prescription.missing",),
        invalid=("prescription.content",),
    ),
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


class SubmitIn(Body):
    """Nothing, or why it is right all the same (理由)."""

    justification: Paragraph | None = Field(default=None, description="Read by the pharmacist beside what the review says.")


@router.post(
    "/v1/prescriptions/{prescription_id}/submit",
    response_model=ActionOut,
    responses=problems(
        conflict=(*OUT_OF_TURN, "prescription.visit_over", "prescription.rounds_exhausted"),
        missing=("prescription.missing",),
        invalid=("prescription.rules",),
    ),
)
async def submit(
    prescription_id: UUID, me: MayWrite, intent: Intent, wiring: Wired, pathways: AskPathways, body: SubmitIn | None = None
) -> ActionOut:
    """提交: held to the law's floors, reviewed (合理用药), then to be confirmed on the doctor's phone.

    Refused as `prescription.rules` with everything that it breaks and the drug it is about. What the review denies is a draft again, its
    `reason` `review.denied`; so is what it restricts (慎用), with `review.restricted`, unless its doctor has justified this very content.
    """
    note_id = None
    if body and body.justification:
        note_id = await noted(wiring.database, prescription_id, as_doctor(me), intent, Submit, body.justification)
    return await on_prescription(pathways, prescription_id, as_doctor(me), intent, wish(Submit, intent, note_id=note_id))


@router.post("/v1/prescriptions/{prescription_id}/withdraw", response_model=ActionOut, responses=ACT)
async def withdraw(prescription_id: UUID, me: MayWrite, intent: Intent, pathways: AskPathways) -> ActionOut:
    """撤回, before a pharmacist has approved it."""
    return await on_prescription(pathways, prescription_id, as_doctor(me), intent, wish(Withdraw, intent))


class WordsIn(Body):
    text: Paragraph


@router.post("/v1/prescriptions/{prescription_id}/answer", response_model=ActionOut, responses=ACT)
async def answer(prescription_id: UUID, body: WordsIn, me: MayWrite, intent: Intent, wiring: Wired, pathways: AskPathways) -> ActionOut:
    """答复药师, without changing the prescription."""
    note_id = await noted(wiring.database, prescription_id, as_doctor(me), intent, Answer, body.text)
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
    responses=problems(
        conflict=OUT_OF_TURN,
        missing=("prescription.missing",),
        invalid=("delivery.address_missing", "delivery.unreachable"),
    ),
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


@router.post("/v1/prescriptions/{prescription_id}/choose-again", response_model=ActionOut, responses=ACT)
async def choose_again(prescription_id: UUID, me: MayChoose, intent: Intent, pathways: AskPathways) -> ActionOut:
    """重新选择取药方式, while it is being paid: the charge closes, and `choose` may be asked again. If money came, it goes on as paid."""
    return await on_prescription(pathways, prescription_id, as_patient(me), intent, wish(ChooseAgain, intent))


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


class DrugsOut(BaseModel):
    items: list[Drug]


@router.get("/v1/drugs", responses=problems())
async def drugs(me: MayWrite, db: Reading, q: Annotated[str, Query(min_length=1, max_length=40)]) -> DrugsOut:
    """药品目录 by a part of a name or a code, in the order of names; at most 20. Banned and stopped ones are shown as what they are."""
    return DrugsOut(items=await catalogue.search(db, q, 20))
