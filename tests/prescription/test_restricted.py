"""慎用: what the rational-drug review restricts is signed with its doctor's justification, which the pharmacist reads, and not without."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from models.account import Role
from models.kernel import ids
from models.prescription import Amend, Prescription, PrescriptionState, Submit
from models.review import Level, ReviewFinding, Verdict
from models.stores import prescription as prescriptions
from models.stores import prescription_timeline as reading
from models.stores.database import Database
from models.tables.prescription import PrescriptionNoteRow
from models.tables.process import TimelineRow
from tests.account.builders import staff_signed_in
from tests.client import Hands
from tests.prescription.builders import a_prescription
from tests.prescription.desk import Case, content, item, written
from tests.prescription.test_api import acts, refusal, rows
from tests.process.hospital import Hospital
from tests.process.visit import refused
from tests.record.builders import a_visit_of_people

S = PrescriptionState
FOUND = ReviewFinding(drug_code="tio", level=Level.RESTRICT, code="dose-max", sentence="超过最大日剂量")
RESTRICTED = Verdict(level=Level.RESTRICT, findings=(FOUND,))
WHY = "既往同剂量耐受良好，已告知风险。"


async def a_restricted_draft(hospital: Hospital) -> Case:
    """Submitted once, and come back."""
    case = await written(hospital)
    hospital.review.says = RESTRICTED
    await is_submitted(case)
    return case


async def justified(case: Case, *, by: UUID | None = None, of: UUID | None = None) -> UUID:
    """The words, kept before the step."""
    note_id, doctor = ids.new(), case.visit.unit.doctor_account_id
    async with case.hospital.database.transaction() as db:
        await prescriptions.keep_note(db, note_id, of or case.id, by or doctor, WHY)
    return note_id


async def is_submitted(case: Case, note_id: UUID | None = None) -> Prescription:
    await case.does(Submit, note_id=note_id)
    return await case.desk.happens()


async def is_declined(case: Case) -> None:
    """By its doctor, on their phone."""
    await case.desk.happens()
    case.hospital.signature.declines(case.hospital.signature.pending())
    await case.is_told()
    assert case.state is S.DRAFTING


async def told(case: Case) -> reading.Told:
    async with case.hospital.database.reading() as db:
        return await reading.told(db, case.id)


async def test_without_a_justification_it_is_its_doctors_again_with_what_was_found(hospital: Hospital) -> None:
    case = await a_restricted_draft(hospital)

    for _ in range(2):  # submitted again as it stands, it comes back again
        read = await told(case)
        assert (case.state, read.reason, read.verdict, read.justification) == (S.DRAFTING, "review.restricted", RESTRICTED, None)
        await is_submitted(case)

    assert len(hospital.review.checked) == 1  # one content, one number


async def test_with_one_the_same_content_is_signed(hospital: Hospital) -> None:
    case = await a_restricted_draft(hospital)

    await is_submitted(case, await justified(case))

    read = await told(case)
    assert (case.state, read.reason, read.verdict, read.justification) == (S.SIGNING, None, RESTRICTED, WHY)
    async with hospital.database.reading() as db:
        assert [note.text for note in await reading.notes(db, case.id)] == [WHY]


async def test_it_stands_for_its_content_and_for_no_other(hospital: Hospital) -> None:
    """Not confirmed on the phone, it is signed without being justified again; written anew, it is judged anew."""
    case = await a_restricted_draft(hospital)
    await is_submitted(case, await justified(case))
    await is_declined(case)
    await is_submitted(case)
    assert case.state is S.SIGNING

    await is_declined(case)
    await case.does(Amend, content_id=await case.writes(content(item(days=5))))
    await is_submitted(case)

    assert (case.state, (await told(case)).justification) == (S.DRAFTING, None)


async def test_no_justification_lets_pass_what_is_denied(hospital: Hospital) -> None:
    case = await written(hospital)
    hospital.review.says = Verdict(level=Level.DENY)

    await is_submitted(case, await justified(case))

    assert (case.state, (await told(case)).reason) == (S.DRAFTING, "review.denied")


async def test_one_that_nobody_asked_for_is_kept_and_read(hospital: Hospital) -> None:
    case = await written(hospital)

    await is_submitted(case, await justified(case))

    assert (case.state, (await told(case)).justification) == (S.SIGNING, WHY)


async def test_a_silent_review_does_not_let_pass_what_it_has_restricted(hospital: Hospital) -> None:
    case = await a_restricted_draft(hospital)
    hospital.review.silent("check")

    await is_submitted(case)

    assert (case.state, (await told(case)).reason) == (S.DRAFTING, "review.restricted")


async def test_somebody_elses_words_justify_nothing(hospital: Hospital) -> None:
    case = await a_restricted_draft(hospital)
    other = await written(hospital)
    strange = [await justified(case, by=case.pharmacist), await justified(case, of=other.id), ids.new()]

    for note_id in strange:
        assert await refused(case.does(Submit, note_id=note_id)) == "prescription.content"

    assert (case.state, case.now.round) == (S.DRAFTING, 1)


# Over HTTP

NO_JUSTIFICATIONS = {
    "empty": {"justification": " "},
    "over_long": {"justification": "多" * 2001},
    "control_character": {"justification": "a\u0000b"},
    "no_text": {"justification": 7},
    "somebody_elses": {"note_id": "bfbc2918-199a-43ef-95e1-dcb79f33808c"},
}


@pytest.mark.parametrize("body", NO_JUSTIFICATIONS.values(), ids=NO_JUSTIFICATIONS)
async def test_what_no_justification_is(api: httpx.AsyncClient, database: Database, clock: Hands, body: dict[str, object]) -> None:
    visit = await a_visit_of_people(database, clock)
    draft = await a_prescription(database, clock, visit)
    before = await rows(database)

    assert refusal(await acts(api, draft, "submit", visit.doctor, body)) == (422, "request.invalid")
    assert await rows(database) == before


async def test_doctor_and_pharmacist_read_it_with_the_findings_and_the_patient_does_not(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit = await a_visit_of_people(database, clock)
    number = await a_prescription(database, clock, visit, S.CHOOSING, queued_at=clock(), amount_fen=1450)
    doctor, note_id = visit.unit.doctor_account_id, ids.new()
    async with database.transaction() as db:
        content_id = (await prescriptions.load(db, number)).content_id
        await prescriptions.reviewed(db, content_id, RESTRICTED)
        await prescriptions.keep_note(db, note_id, number, doctor, WHY)
        of = {"process": "prescription", "process_id": number, "visit_id": visit.id, "step": str(ids.new()), "name": "prescription.submit"}
        said = {"content_id": str(content_id), "note_id": str(note_id)}
        db.add(TimelineRow(**of, version=2, before="drafting", after="checking", by=doctor, body="", at=clock(), detail=said))
    _, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)

    for who in (visit.doctor, pharmacist):
        read = (await api.get(f"/v1/prescriptions/{number}", headers=who)).json()
        assert (read["justification"], [one["text"] for one in read["notes"]]) == (WHY, [WHY])
        assert [one["sentence"] for one in read["verdict"]["findings"]] == [FOUND.sentence]
    assert WHY not in (await api.get(f"/v1/prescriptions/{number}", headers=visit.patient)).text

    async with database.transaction() as db:  # words that do not open any more keep nobody from reading the rest
        await db.execute(update(PrescriptionNoteRow).where(PrescriptionNoteRow.id == note_id).values(text=b"\x04test" + bytes(60)))
    read = (await api.get(f"/v1/prescriptions/{number}", headers=pharmacist)).json()
    assert (read["justification"], [one["text"] for one in read["notes"]], read["review"]) == (None, [None], "restrict")


async def test_its_doctors_list_says_what_to_do(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    await a_prescription(database, clock, visit, reason="review.restricted")

    [mine] = (await api.get("/v1/prescriptions/mine", headers=visit.doctor)).json()["items"]

    assert (mine["reason"], "填写用药理由" in mine["reason_text"]) == ("review.restricted", True)
