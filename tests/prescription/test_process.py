"""处方 from the doctor's draft to the drug in the patient's hand, and every other end that it may come to."""

from datetime import timedelta

import pytest

from models.drug import Dispensing
from models.kernel import ids
from models.message import Template
from models.prescription import (
    Amend,
    Answer,
    Approve,
    CancelDrugs,
    Choose,
    ClaimReview,
    Extend,
    PrescriptionState,
    Question,
    Reject,
    ReleaseReview,
    Remark,
    Submit,
    Way,
    Withdraw,
)
from models.prescription_his import Filing
from models.review import Level, Verdict
from models.revisit import Decline, DeclineReason, End, State
from models.signature import verify
from models.stores import prescription_timeline as reading
from models.stores import signature as signatures
from models.tables.prescription import PrescriptionRow
from tests.prescription.desk import Case, a_pharmacist, content, item, written
from tests.process.hospital import Hospital
from tests.process.signature import trusted
from tests.process.visit import refused

S = PrescriptionState


async def test_the_whole_way_to_the_patients_hand(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.READY)
    code = (await row(case)).pickup_code

    await case.pharmacy(Dispensing.HANDED_OUT)

    assert case.state is S.COMPLETED
    assert code is not None
    assert len(code) == 6
    told = await hospital.told(case.visit.id)
    assert {Template.PRESCRIPTION_APPROVED, Template.DRUGS_READY} <= set(told)
    assert await hospital.unhandled() == 0


async def test_both_signatures_are_proved_again_from_what_is_stored(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.PRICING)

    async with hospital.database.reading() as db:
        kept = await signatures.of_prescription(db, case.id)
        staff = [await signatures.staff_id(db, one.account_id) for one in kept]

    assert [one.side for one in kept] == ["doctor", "pharmacist"]
    for one, name in zip(kept, staff, strict=True):
        verify(one.text, one.signature, trusted(), by=name)
        assert await refused(_verified(one.text.replace("tio", "tlo"), one.signature, name)) == "signature.invalid"


async def _verified(text: str, signature: object, by: str) -> None:
    verify(text, signature, trusted(), by=by)  # type: ignore[arg-type]


async def test_what_the_law_forbids_is_refused_by_name_and_stays_a_draft(hospital: Hospital) -> None:
    case = await written(hospital, content(item(days=8)))

    assert await refused(case.does(Submit)) == "prescription.rules"

    assert case.state is S.DRAFTING
    assert hospital.review.asked == []


async def test_what_the_review_denies_is_written_anew(hospital: Hospital) -> None:
    case = await written(hospital)
    hospital.review.says = Verdict(level=Level.DENY)

    await case.to(S.CHECKING)
    await case.desk.happens()
    assert case.state is S.DRAFTING

    hospital.review.says = Verdict(level=Level.OK)
    await case.does(Amend, content_id=await case.writes(content(item("amb"))))
    await case.to(S.QUEUED)
    assert case.now.round == 2


async def test_a_review_that_gives_no_answer_leaves_it_to_a_person(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.CHECKING)
    hospital.review.silent("check")

    await case.desk.happens()

    assert case.state is S.SIGNING
    async with hospital.database.reading() as db:
        assert (await reading.told(db, case.id)).review == "failed"


async def test_a_forged_signature_moves_nothing_on(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.SIGNING)
    await case.desk.happens()
    hospital.signature.confirms(hospital.signature.pending(), text="another text")

    await case.is_told()

    assert case.state is S.DRAFTING
    assert (await row(case)).reason == "signature.invalid"


async def test_another_persons_signature_is_not_the_doctors(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.SIGNING)
    await case.desk.happens()
    hospital.signature.confirms(hospital.signature.pending(), by="doc-somebody")

    await case.is_told()

    assert case.state is S.DRAFTING


async def test_a_doctor_without_a_certificate_cannot_sign(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.SIGNING)
    async with hospital.database.reading() as db:
        hospital.signature.without_certificate.add(await signatures.staff_id(db, case.visit.unit.doctor_account_id))

    await case.desk.happens()

    assert (case.state, (await row(case)).reason) == (S.DRAFTING, "signature.no_certificate")


async def test_a_signature_that_is_refused_on_the_phone_goes_back_to_its_person(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.COUNTERSIGNING)
    await case.desk.happens()
    hospital.signature.declines(hospital.signature.pending())

    await case.is_told()
    assert case.state is S.QUEUED

    await case.does(Approve)
    await case.to(S.CHOOSING)


async def test_a_pharmacist_questions_and_the_doctor_answers(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.QUEUED)
    waits_since = (await row(case)).queued_at
    await case.does(ClaimReview)
    await case.does(Question, note_id=ids.new())
    assert case.state is S.QUESTIONED

    await case.does(Answer, note_id=ids.new())

    assert case.state is S.QUEUED
    assert (await row(case)).queued_at == waits_since
    await case.to(S.PRICING)


async def test_a_rejected_one_is_amended_signed_and_reviewed_again(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.QUEUED)
    await case.does(ClaimReview)
    await case.does(Reject, remark=Remark.DOSE, note_id=ids.new())
    assert case.state is S.RETURNED
    assert Template.PRESCRIPTION_RETURNED in await hospital.told(case.visit.id)

    await case.does(Amend, content_id=await case.writes(content(item("amb"))))
    await case.to(S.CHOOSING)

    (filed,) = hospital.his.filed.values()
    assert [line.item.drug_code for line in filed.written.lines] == ["amb"]
    assert case.now.round == 2


async def test_what_is_held_is_nobody_elses(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.QUEUED)
    other = await a_pharmacist(hospital)

    assert await refused(case.does(Approve)) == "review.not_held"
    await case.does(ClaimReview)
    assert await refused(case.does(ClaimReview, by=other)) == "review.held"
    assert await refused(case.does(Approve, by=other)) == "review.not_held"

    await case.does(ClaimReview, by=other, take_over=True)
    assert await refused(case.does(Approve)) == "review.not_held"
    await case.does(ReleaseReview, by=other)
    assert await refused(case.does(Approve, by=other)) == "review.not_held"


async def test_a_hold_lapses(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.QUEUED)
    await case.does(ClaimReview)
    hospital.clock.at += timedelta(minutes=11)  # type: ignore[attr-defined]

    await case.does(ClaimReview, by=await a_pharmacist(hospital))


async def test_nobody_reviews_their_own(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.QUEUED)

    assert await refused(case.does(ClaimReview, by=case.visit.unit.doctor_account_id)) == "review.own"


async def test_waiting_long_tells_pharmacists_then_the_management_and_never_approves(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.QUEUED)

    await case.desk.alarm()
    assert (await hospital.told(case.visit.id)).count(Template.REVIEW_QUEUE) == 1
    await case.desk.alarm()
    assert case.now.last_call
    await case.desk.alarm()

    assert case.state is S.EXPIRED
    assert Template.PRESCRIPTION_EXPIRED in await hospital.told(case.visit.id)


async def test_it_is_valid_on_its_day_and_to_the_third_at_most(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.CHOOSING)
    until = case.now.valid_until
    assert until is not None

    await case.does(Extend, days=3)
    assert case.now.valid_until == until + timedelta(days=2)
    assert hospital.his.filed[case.now.content_id].valid_until == case.now.valid_until

    await case.desk.alarm()
    assert case.state is S.EXPIRED
    assert hospital.his.filed[case.now.content_id].filing is Filing.CANCELLED


async def test_what_the_his_refuses_goes_back_to_the_doctor(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.PRICING)
    hospital.his.stock((hospital.his.catalogue["tio"].model_copy(update={"stopped": True}),))

    await case.desk.happens()

    assert (case.state, (await row(case)).reason) == (S.RETURNED, "his.drug-stopped")


@pytest.mark.parametrize("state", [S.DRAFTING, S.SIGNING, S.QUEUED, S.RETURNED, S.QUESTIONED])
async def test_the_doctor_takes_it_back_until_it_is_approved(hospital: Hospital, state: PrescriptionState) -> None:
    case = await written(hospital)
    if state in {S.RETURNED, S.QUESTIONED}:
        await case.to(S.QUEUED)
        await case.does(ClaimReview)
        if state is S.RETURNED:
            await case.does(Reject, remark=Remark.DOSE, note_id=ids.new())
        else:
            await case.does(Question, note_id=ids.new())
    else:
        await case.to(state)
        if state is S.SIGNING:
            await case.desk.happens()

    await case.does(Withdraw)

    assert case.state is S.WITHDRAWN


async def test_unpaid_another_way_may_be_chosen(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.PAYING)
    charge = await case.charge()
    await charge.alarm()
    await case.desk.news()
    assert case.state is S.CHOOSING

    await case.does(Choose, way=Way.AT_HOSPITAL)
    await case.pharmacy(Dispensing.PAID)
    assert case.state is S.DISPENSING
    await case.to(S.COMPLETED)


async def test_not_wanted_before_paying(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.CHOOSING)

    await case.does(CancelDrugs)

    assert case.state is S.CANCELLED
    assert hospital.his.filed[case.now.content_id].filing is Filing.CANCELLED


async def test_paid_and_not_wanted_goes_back_until_it_is_prepared(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.DISPENSING)
    await case.does(CancelDrugs)

    assert case.state is S.CANCELLED
    assert await hospital.wanted_back(case.now.charge_id) == [("patient", 1450)]


async def test_prepared_it_is_not_cancelled(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.DISPENSING)
    hospital.his.goes_on(case.now.content_id, Dispensing.PREPARED)

    assert await refused(case.does(CancelDrugs)) == "prescription.prepared"
    assert case.state is S.DISPENSING


async def test_a_visit_does_not_end_over_an_unsigned_one_and_closes_after_its_last(hospital: Hospital) -> None:
    case = await written(hospital)
    await hospital.recorded(case.visit.id, case.visit.unit.doctor_account_id)
    assert await refused(case.visit.does(End)) == "prescription.unsigned"

    await case.to(S.QUEUED)
    await case.visit.does(End)
    await case.visit.answers_survey()
    assert case.visit.state is State.ENDED

    await case.to(S.COMPLETED)
    await case.visit.desk.news()
    assert case.visit.state is State.CLOSED


@pytest.mark.parametrize("state", [S.QUEUED, S.COMPLETED], ids=["with the pharmacist", "with the patient"])
async def test_a_visit_with_a_signed_one_is_not_declined(hospital: Hospital, state: S) -> None:
    case = await (await written(hospital)).to(state)

    assert await refused(case.visit.does(Decline, reason=DeclineReason.NOT_SUITED)) == "prescription.signed"


async def test_a_visit_is_declined_when_its_patient_took_no_drugs(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.CHOOSING)
    await case.does(CancelDrugs)

    await case.visit.does(Decline, reason=DeclineReason.NOT_SUITED)

    assert case.visit.state is State.DECLINED


async def test_a_draft_outlives_its_day_unsigned(hospital: Hospital) -> None:
    case = await written(hospital)

    await case.desk.alarm()

    assert case.state is S.WITHDRAWN


@pytest.mark.parametrize("state", [S.QUEUED, S.CHOOSING, S.PAYING, S.CLOSING, S.DISPENSING, S.READY])
async def test_a_report_of_the_ca_that_comes_after_its_answer_is_noted_wherever_it_stands(hospital: Hospital, state: S) -> None:
    case = await (await written(hospital)).to(S.PAYING if state is S.CLOSING else state)
    if state is S.CLOSING:
        await case.does(CancelDrugs)

    await case.is_told()

    assert case.state is state
    assert await hospital.unhandled() == (1 if state is S.CLOSING else 0), "what the charge was asked"


@pytest.mark.parametrize("chosen", [False, True], ids=["nothing chosen", "at the hospital"])
@pytest.mark.parametrize("state", [Dispensing.PAID, Dispensing.PREPARED, Dispensing.HANDED_OUT])
async def test_paid_at_a_window_it_goes_on_there_however_far_it_is(hospital: Hospital, state: Dispensing, chosen: bool) -> None:
    case = await (await written(hospital)).to(S.CHOOSING)
    if chosen:
        await case.does(Choose, way=Way.AT_HOSPITAL)

    await case.pharmacy(state)

    assert (case.state, case.now.way) == (S.DISPENSING, Way.AT_HOSPITAL)
    await case.desk.alarm()
    assert case.state is {Dispensing.PAID: S.DISPENSING, Dispensing.PREPARED: S.READY, Dispensing.HANDED_OUT: S.COMPLETED}[state]


async def test_asked_while_nothing_is_paid_it_stays_valid_to_its_end(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.CHOOSING)

    await case.is_asked_after()

    assert (case.state, case.now.wake_at) == (S.CHOOSING, case.now.valid_until)


async def row(case: Case) -> PrescriptionRow:
    async with case.hospital.database.reading() as db:
        return await db.get_one(PrescriptionRow, case.id)
