"""A prescription as it leaves the house: the text that is signed, what the review is asked, what the HIS is told."""

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import known
from models.prescription import Prescription, PrescriptionContent, PrescriptionState
from models.prescription_his import Written, WrittenLine
from models.review import Facts
from models.signature import canonical
from models.stores import drug as drugs
from models.stores import prescription as prescriptions
from models.stores import signature as signatures
from models.stores.database import vault
from models.stores.signature import Signer, ToSign, staff_id
from models.tables.patient import PatientRow
from models.tables.revisit import RevisitRow

TITLES = {PrescriptionState.SIGNING: "处方签名", PrescriptionState.COUNTERSIGNING: "审方签名"}


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
    said = {
        "document": "prescription",
        "prescription": now.id,
        "round": now.round,
        "patient": facts_.patient_id,
        "prescriber": doctor.staff_id,
        "content": written,
        "act": "reviewed" if signer is not doctor else "prescribed",
        "by": signer.staff_id,
    }
    return ToSign(
        signer=signer,
        side="pharmacist" if signer is not doctor else "doctor",
        title=TITLES[now.state],
        text=canonical(said),
        prescription_id=now.id,
        content_id=now.content_id,
    )


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
    """What the rational-drug review is asked: of whom it is for age and sex, and nothing by which they could be told."""
    what, patient = await prescriptions.content(db, now.content_id), await _patient(db, now.visit_id)
    number = vault(db).open("patient.id_number", patient.id, patient.id_number)
    born = patient.birth_on
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    sex = "male" if int(number[16]) % 2 else "female"
    facts_ = Facts(age_months=months, sex=sex, diagnosis_codes=(what.prescribed.diagnosis_code,))
    return facts_, await _lines(db, what)


async def _patient(db: AsyncSession, visit_id: UUID) -> PatientRow:
    found = await db.scalar(select(PatientRow).join(RevisitRow, RevisitRow.patient_id == PatientRow.id).where(RevisitRow.id == visit_id))
    return known(found)


async def _lines(db: AsyncSession, what: PrescriptionContent) -> tuple[WrittenLine, ...]:
    items = what.prescribed.items
    catalogue = await drugs.catalogue(db, [item.drug_code for item in items])
    return tuple(WrittenLine(item=item, drug=catalogue[item.drug_code]) for item in items)
