"""A prescription as it leaves the house: the text that is signed, what the review is asked, what the HIS is told."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError, known
from models.patient import sex_of
from models.prescription import Prescription, PrescriptionContent, PrescriptionState
from models.prescription_his import Written, WrittenLine
from models.review import Facts
from models.signature import Signature, Trusted, canonical, doubt
from models.stores import drug as drugs
from models.stores import prescription as prescriptions
from models.stores import signature as signatures
from models.stores.database import vault
from models.stores.signature import Kept, Side, Signer, ToSign, staff_id
from models.tables.patient import PatientRow
from models.tables.revisit import RevisitRow

Act = Literal["prescribed", "reviewed"]
ACTS: Final[dict[Side, Act]] = {"doctor": "prescribed", "pharmacist": "reviewed"}
TITLES = {PrescriptionState.SIGNING: "处方签名", PrescriptionState.COUNTERSIGNING: "审方签名"}


class Statement(BaseModel):
    """What is signed of a prescription: its canonical text is what the phone shows. Personal: never in a history."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    document: Literal["prescription"] = "prescription"
    prescription: UUID
    round: int
    patient: UUID
    prescriber: str
    content: PrescriptionContent
    act: Act
    by: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A signature of a prescription that says it was proved: by whom, in which round and of which content."""

    id: UUID
    side: Side
    account_id: UUID
    content_id: UUID
    signed_at: datetime
    round: int | None
    """None where the text cannot be read."""
    by: str
    said: tuple[str, Signature] | None
    trouble: str | None
    """What is wrong whatever the signature proves: it does not open (`sealed.broken`), or says something else (`signature.invalid`)."""

    def doubt(self, trusted: Trusted) -> str | None:
        """Why it proves nothing; None: proved. Some 50 ms of a core."""
        if self.trouble or self.said is None:
            return self.trouble
        text, signature = self.said
        return doubt(text, signature, trusted, by=self.by)


async def to_sign(db: AsyncSession, now: Prescription) -> ToSign:
    """Who signs what in this state: the canonical text of a prescription as it stands, the same on every call.

    The pharmacist's says that they have reviewed what the doctor wrote.
    """
    facts_ = await prescriptions.facts(db, now.id)
    written = await prescriptions.content(db, now.content_id)
    doctor = Signer(facts_.account_id, await staff_id(db, facts_.account_id))
    signer = doctor
    if now.state is PrescriptionState.COUNTERSIGNING:
        pharmacist_id = known(facts_.pharmacist_id)
        signer = Signer(pharmacist_id, await staff_id(db, pharmacist_id))
    side: Side = "pharmacist" if signer is not doctor else "doctor"
    said = Statement(
        prescription=now.id,
        round=now.round,
        patient=facts_.patient_id,
        prescriber=doctor.staff_id,
        content=written,
        act=ACTS[side],
        by=signer.staff_id,
    )
    return ToSign(
        signer=signer,
        side=side,
        title=TITLES[now.state],
        text=canonical(said),
        prescription_id=now.id,
        content_id=now.content_id,
    )


async def claims(db: AsyncSession, prescription_id: UUID) -> list[Claim]:
    """All signatures of a prescription that were proved once, oldest first, each held against the content that it is of."""
    facts_ = await prescriptions.facts(db, prescription_id)
    return [await _claim(db, facts_, one) for one in await signatures.kept(db, prescription_id)]


async def standing(db: AsyncSession, now: Prescription, side: Side) -> Claim | None:
    """The one by which a side signed this round of this content, the doctor who prescribed or the pharmacist who holds it; None: none."""
    facts_ = await prescriptions.facts(db, now.id)
    who = facts_.account_id if side == "doctor" else facts_.pharmacist_id
    ours = [one for one in await signatures.kept(db, now.id) if (one.side, one.content_id, one.account_id) == (side, now.content_id, who)]
    one = await _claim(db, facts_, ours[-1]) if ours else None
    return one if one is None or one.round in (None, now.round) else None


async def _claim(db: AsyncSession, facts_: prescriptions.Facts, one: Kept) -> Claim:
    stated, by, trouble = _stated(one), "", None
    try:
        prescriber, by = await staff_id(db, facts_.account_id), await staff_id(db, one.account_id)
        written = await prescriptions.content(db, one.content_id)
        if one.said is None:
            trouble = "sealed.broken"
        elif stated is None or (one.side == "doctor" and one.account_id != facts_.account_id):
            trouble = "signature.invalid"
        else:
            wanted = {"prescription": facts_.id, "patient": facts_.patient_id, "prescriber": prescriber, "content": written}
            whole = stated.model_copy(update=wanted | {"act": ACTS[one.side], "by": by})
            trouble = None if canonical(whole) == canonical(stated) else "signature.invalid"
    except DomainError as refused:  # it does not open, or its signer has no number any more
        trouble = refused.code
    return Claim(
        id=one.id,
        side=one.side,
        account_id=one.account_id,
        content_id=one.content_id,
        signed_at=one.signed_at,
        round=stated.round if stated else None,
        by=by,
        said=one.said,
        trouble=trouble,
    )


def _stated(one: Kept) -> Statement | None:
    try:
        return Statement.model_validate_json(one.said[0]) if one.said else None
    except ValidationError:
        return None


async def written(db: AsyncSession, now: Prescription) -> Written:
    """The prescription as both signed it, for the HIS. Its number is that of its content: another content is another prescription there.

    It was written when it was first submitted, inside the visit, however late it is amended.
    """
    facts_ = await prescriptions.facts(db, now.id)
    what = await prescriptions.content(db, now.content_id)
    signed = {one.side: one.signature for one in await signatures.of_content(db, now.content_id)}
    return Written(
        number=now.content_id,
        encounter_id=facts_.encounter_id,
        his_patient_id=facts_.his_patient_id,
        practitioner_id=await staff_id(db, facts_.account_id),
        pharmacist_id=await staff_id(db, known(facts_.pharmacist_id)),
        written_at=await prescriptions.first_submitted_at(db, now.id),
        valid_until=known(now.valid_until),
        diagnosis_code=what.prescribed.diagnosis_code,
        diagnosis_text=what.diagnosis_text,
        note=what.reason or what.advice,
        lines=await _lines(db, what),
        by_doctor=signed["doctor"],
        by_pharmacist=signed["pharmacist"],
    )


async def to_review(db: AsyncSession, now: Prescription, on: date) -> tuple[Facts, tuple[WrittenLine, ...]]:
    """What the rational-drug review is asked: of whom it is for age and sex, and nothing by which they could be told.

    Weight, pregnancy and allergies are asked by no form here and stand in no record, so they stay unknown, and are not told.
    What a patient tells of them in their own words the pharmacist reads, who judges (`prescription_timeline.for_whom`).
    """
    what, patient = await prescriptions.content(db, now.content_id), await _patient(db, now.visit_id)
    number = vault(db).open("patient.id_number", patient.id, patient.id_number)
    born = patient.birth_on
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    facts_ = Facts(age_months=months, sex=sex_of(number), diagnosis_codes=(what.prescribed.diagnosis_code,))
    return facts_, await _lines(db, what)


async def _patient(db: AsyncSession, visit_id: UUID) -> PatientRow:
    found = await db.scalar(select(PatientRow).join(RevisitRow, RevisitRow.patient_id == PatientRow.id).where(RevisitRow.id == visit_id))
    return known(found)


async def _lines(db: AsyncSession, what: PrescriptionContent) -> tuple[WrittenLine, ...]:
    items = what.prescribed.items
    catalogue = await drugs.catalogue(db, [item.drug_code for item in items])
    return tuple(WrittenLine(item=item, drug=catalogue[item.drug_code]) for item in items)
