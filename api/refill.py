"""复诊续方: past prescriptions of this hospital as its own entry, and the draft that is copied from one (P-3, D-3.1).

The entry is read by the patient's side before a revisit is opened from one of them (`POST /v1/patients/{id}/revisits`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.act import as_doctor, request_id
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.prescription import MayWrite, OpenedOut, begin_draft
from api.problems import problems
from api.security import may
from api.wiring import Body, Now, Wired
from models.account import Principal
from models.drug import Drug
from models.eligibility import HisPatient, PastNumber, Refusal
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.patient import Relation
from models.prescription_his import PastPrescription
from models.refill import Copied, LeftOut, Look, copy_of, draft_of, judge_refill
from models.stores import account as accounts
from models.stores import audit
from models.stores import consent as consents
from models.stores import drug as catalogue
from models.stores import patient as patients
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import reader as readers
from models.stores import refill as refills
from models.stores.refill import Kept
from models.timeline import REFUSAL_TEXTS

router = APIRouter(tags=["refill"])
MayOpen = Annotated[Principal, Depends(may("revisit:open"))]
FRESH: Final = timedelta(seconds=60)
"""Opened again so soon, the screen shows what is kept; whoever opens a revisit from it is judged anew by what the HIS then says."""


class PastLineOut(BaseModel):
    """One drug as it was taken then."""

    drug_code: str
    drug_name: str = Field(examples=["噻托溴铵粉吸入剂"])
    words: str = Field(examples=["每次1粒 每日一次 吸入"])


class PastPrescriptionOut(BaseModel):
    """A past prescription; `left_out` are its drugs that cannot be had online again, `refusal` says why none can."""

    number: str
    written_at: datetime
    department: str | None = Field(description="Null for what was prescribed online.", examples=["慢阻肺门诊"])
    doctor: str
    diagnosis: str
    lines: list[PastLineOut]
    left_out: tuple[LeftOut, ...]
    refusal: Refusal | None = Field(description="Null: a revisit may be opened from it.")
    refusal_text: str | None

    @classmethod
    def of(cls, past: PastPrescription, kept: Kept, drugs: Mapping[str, Drug], now: datetime, window_months: int) -> Self:
        visit = next((one for one in kept.told.visits if one.encounter_id == past.encounter_id), None)
        verdict = judge_refill(kept.told, past.number, drugs, now, window_months)
        refusal = verdict if isinstance(verdict, Refusal) else None
        return cls(
            number=past.number,
            written_at=past.written_at,
            department=visit.department if visit else None,
            doctor=past.doctor,
            diagnosis=past.diagnosis_text,
            lines=[PastLineOut(drug_code=one.drug_code, drug_name=one.drug_name, words=one.words) for one in past.lines],
            left_out=copy_of(past, drugs).left_out,
            refusal=refusal,
            refusal_text=REFUSAL_TEXTS[refusal] if refusal else None,
        )


class PastPrescriptionsOut(BaseModel):
    """Newest first, as the HIS told them at `seen_at`; `refusal` when it does not know such a person."""

    seen_at: datetime
    refusal: Refusal | None
    refusal_text: str | None
    items: list[PastPrescriptionOut]


@router.get(
    "/v1/patients/{patient_id}/past-prescriptions",
    responses=problems(missing=("patient.missing",), forbidden=("refill.not_proved",), unavailable=("refill.not_told",)),
)
async def past_prescriptions(patient_id: UUID, me: MayOpen, wiring: Wired, now: Now, pathways: AskPathways) -> PastPrescriptionsOut:
    """What this person went home with from the hospital in the last three years, online or not, and whether it may be had again (续方).

    Asked of the HIS; 503 `refill.not_told` when it says nothing in time. It is told to an account whose relation to the patient was proved,
    or whose phone the hospital has for them, and to no other: 403 `refill.not_proved`. Each reading leaves an audit row.
    """
    async with wiring.database.transaction() as db:
        relation = (await patients.one(db, me.account_id, patient_id)).relation
        await audit.record(db, me.account_id, "refill:read", "patient", patient_id, None if relation is Relation.SELF else "relative")
    async with wiring.database.reading() as db:
        kept = await refills.kept(db, patient_id)
    if kept is None or kept.seen_at <= now - FRESH:
        await pathways.look(Look(id=ids.new(), request=request_id(), patient_id=patient_id))
        async with wiring.database.reading() as db:
            kept = await refills.kept(db, patient_id)
    if kept is None:
        raise DomainError("refill.not_told", "unavailable")
    async with wiring.database.reading() as db:
        if not await _may_see(db, me.account_id, patient_id, kept.told.patient):
            raise DomainError("refill.not_proved", "forbidden")
        months = (await policies.in_force(db, wiring.settings.policy, now)).rules.window_months
        drugs = await catalogue.catalogue(db, [line.drug_code for one in kept.told.prescriptions for line in one.lines])
    refusal = Refusal.NOT_FOUND if kept.told.patient is None else None
    return PastPrescriptionsOut(
        seen_at=kept.seen_at,
        refusal=refusal,
        refusal_text=REFUSAL_TEXTS[refusal] if refusal else None,
        items=[PastPrescriptionOut.of(one, kept, drugs, now, months) for one in kept.told.prescriptions],
    )


async def _may_see(db: AsyncSession, account_id: UUID, patient_id: UUID, person: HisPatient | None) -> bool:
    """Of nobody there is nothing to see."""
    if person is None or await patients.proved(db, account_id, patient_id):
        return True
    return await accounts.phone(db, account_id) in person.phones


class CopyIn(Body):
    """The past prescription that the visit began from, and the doctor's word where its patient did not confirm that all is stable."""

    copied_from: PastNumber
    though_unstable: Annotated[bool, Field(strict=True)] = False


class DraftOut(OpenedOut):
    """The draft, against the past prescription."""

    copied: Copied


@router.post(
    "/v1/revisits/{revisit_id}/prescriptions/copy",
    status_code=201,
    response_model=DraftOut,
    responses=problems(
        conflict=(
            *("prescription.visit_over", "prescription.too_many", "prescription.rounds_exhausted"),
            *("refill.unstable", "refill.nothing_left", "refill.not_copied"),
        ),
        missing=("revisit.missing", "refill.missing"),
    ),
)
async def copy(revisit_id: UUID, body: CopyIn, me: MayWrite, intent: Intent, wiring: Wired, now: Now, pathways: AskPathways) -> DraftOut:
    """续方: a draft of the past prescription's drugs that the catalogue still has, to be changed, submitted and judged as any other.

    Where not all is stable it is copied only on the doctor's word (`refill.unstable` names what was not confirmed).
    """

    async def effect() -> OpenedOut:
        await readers.of_visit(db, revisit_id, as_doctor(me))
        past = await refills.remembered(db, revisit_id)
        if past is None or past.number != body.copied_from:
            raise DomainError("refill.missing", "missing")
        answers = await consents.stability(db, revisit_id)
        unstable = [str(one) for one in answers.unstable] if answers else []
        if unstable and not body.though_unstable:
            raise DomainError("refill.unstable", "conflict", unstable=unstable)
        made = copy_of(past, await catalogue.catalogue(db, [line.drug_code for line in past.lines]))
        if not made.items:
            raise DomainError("refill.nothing_left", "conflict", left_out=[one.model_dump(mode="json") for one in made.left_out])
        await audit.record(db, me.account_id, "refill:copy", "prescription", intent.id, though_unstable=bool(unstable))
        return await begin_draft(db, me, intent.id, revisit_id, draft_of(past, made.items), now, past.number)

    async with wiring.database.transaction() as db:
        opened = await once(db, intent, effect, OpenedOut)  # ids alone: what was copied is sealed
        row = await prescriptions.load(db, opened.id)
    await pathways.runs.begin("prescription", opened.id, revisit_id, row)
    async with wiring.database.reading() as db:
        return DraftOut(id=opened.id, state=opened.state, copied=known(await refills.copied(db, opened.id)))
