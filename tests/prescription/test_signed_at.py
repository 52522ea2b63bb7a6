"""When the CA says that somebody signed: after they were asked and not in the future, since certificates are judged by that time."""

from datetime import timedelta

import pytest

from models.message import TEXTS, Template
from models.policy import STANDARD
from models.prescription import Approve, ClaimReview, PrescriptionState, ReleaseReview
from models.tables.prescription import PrescriptionRow
from tests.prescription.desk import Case, a_pharmacist, later, written
from tests.process.hospital import Hospital
from tests.process.signature import Asked
from tests.process.visit import refused

S = PrescriptionState
BACK = {S.SIGNING: S.DRAFTING, S.COUNTERSIGNING: S.QUEUED}
ON = {S.SIGNING: S.QUEUED, S.COUNTERSIGNING: S.PRICING}


async def said_to_be_signed(case: Case, by: timedelta) -> None:
    """Asked ten minutes after the step before, confirmed ten minutes later; the CA tells another time, so much off."""
    later(case, minutes=10)
    await case.desk.happens()
    later(case, minutes=10)
    ca = case.hospital.signature
    number = ca.pending()
    ca.confirms(number)
    asked = ca.tasks[number]
    assert asked.task.signature is not None
    moved = asked.task.signature.model_copy(update={"signed_at": asked.task.signature.signed_at + by})
    ca.tasks[number] = Asked(asked.task.model_copy(update={"signature": moved}), asked.text)
    await case.is_told()


@pytest.mark.parametrize("state", [S.SIGNING, S.COUNTERSIGNING])
@pytest.mark.parametrize("by", [timedelta(minutes=2), timedelta(days=30), -timedelta(minutes=22), -timedelta(days=30)])
async def test_at_a_time_that_cannot_be_it_is_not_proved(hospital: Hospital, state: PrescriptionState, by: timedelta) -> None:
    """The certificate is valid then as well: the time alone tells."""
    case = await (await written(hospital)).to(state)

    await said_to_be_signed(case, by)

    assert case.state is BACK[state]
    async with hospital.database.reading() as db:
        assert (await db.get_one(PrescriptionRow, case.id)).reason == "signature.untimely"


@pytest.mark.parametrize("state", [S.SIGNING, S.COUNTERSIGNING])
@pytest.mark.parametrize("by", [timedelta(seconds=50), timedelta(), -timedelta(minutes=9)])
async def test_clocks_may_differ_a_little(hospital: Hospital, state: PrescriptionState, by: timedelta) -> None:
    case = await (await written(hospital)).to(state)

    await said_to_be_signed(case, by)

    assert case.state is ON[state]


async def test_asked_anew_an_earlier_signature_does_not_count(hospital: Hospital) -> None:
    """Sent back once and asked again: what was signed at the first time is of the first time."""
    case = await (await written(hospital)).to(S.SIGNING)
    await said_to_be_signed(case, timedelta(days=1))
    await case.to(S.SIGNING)

    await said_to_be_signed(case, -timedelta(minutes=25))

    assert case.state is S.DRAFTING


# 待药师签名 has its own time


async def approved(hospital: Hospital) -> Case:
    """By its pharmacist, whose phone shows it."""
    case = await (await written(hospital)).to(S.COUNTERSIGNING)
    await case.desk.happens()
    return case


async def row(case: Case) -> PrescriptionRow:
    async with case.hospital.database.reading() as db:
        return await db.get_one(PrescriptionRow, case.id)


async def test_an_approval_not_confirmed_in_time_is_none_and_the_queue_is_told_again(hospital: Hospital) -> None:
    """Its pharmacist is reminded once on the way; a time-out never approves."""
    case = await approved(hospital)
    begun, told = hospital.clock(), await hospital.told(case.visit.id)
    assert case.now.due_at == begun + timedelta(seconds=STANDARD.review_sign_s)

    while case.state is S.COUNTERSIGNING:
        await case.desk.alarm()

    assert hospital.clock() == begun + timedelta(seconds=STANDARD.review_sign_s)
    found = await row(case)
    assert (case.state, found.reason, found.pharmacist_id, found.held_until) == (S.QUEUED, "signature.expired", None, None)
    assert (case.now.due_at, case.now.last_call) == (case.now.valid_until, False)
    after = await hospital.told(case.visit.id)
    assert [after.count(Template.REVIEW_WAITING), told.count(Template.REVIEW_WAITING)] == [1, 0]
    assert "待签名" in TEXTS[Template.REVIEW_WAITING].text
    await case.desk.alarm()
    assert Template.REVIEW_QUEUE in await hospital.told(case.visit.id)
    assert case.state is S.QUEUED


async def test_a_refused_approval_is_told_of_again(hospital: Hospital) -> None:
    """Back with its pharmacist; and not silent until midnight."""
    case = await approved(hospital)
    hospital.signature.declines(hospital.signature.pending())
    await case.is_told()

    assert (case.state, (await row(case)).pharmacist_id) == (S.QUEUED, case.pharmacist)
    assert case.now.wake_at == hospital.clock() + timedelta(seconds=STANDARD.review_remind_s)


async def test_an_approval_may_be_taken_back_by_who_gave_it(hospital: Hospital) -> None:
    case = await approved(hospital)
    other = await a_pharmacist(hospital)
    assert await refused(case.does(ReleaseReview, by=other)) == "review.not_held"

    await case.does(ReleaseReview)

    assert (case.state, case.now.task_id, (await row(case)).pharmacist_id) == (S.QUEUED, None, None)
    hospital.signature.confirms(hospital.signature.pending())
    await case.is_told()
    assert case.state is S.QUEUED  # what the phone confirms now is nobody's


async def test_another_pharmacist_takes_it_over_only_by_saying_so(hospital: Hospital) -> None:
    case = await approved(hospital)
    other = await a_pharmacist(hospital)
    assert await refused(case.does(ClaimReview)) == "prescription.not_now"
    assert await refused(case.does(ClaimReview, by=other)) == "review.held"

    await case.does(ClaimReview, by=other, take_over=True)

    assert (case.state, (await row(case)).pharmacist_id) == (S.QUEUED, other)
    assert (await case.does(Approve, by=other)).state is S.COUNTERSIGNING


async def test_while_it_waits_the_ca_is_asked_more_and_more_rarely(hospital: Hospital) -> None:
    """Every five seconds would be 120 times in ten minutes: each one a step of the row and of its run."""
    case = await (await written(hospital)).to(S.SIGNING)
    await case.desk.happens()
    begun, first, times = hospital.clock(), case.now.wake_at, 0

    while hospital.clock() < begun + timedelta(minutes=10):
        await case.desk.alarm()
        times += 1

    assert first == begun + timedelta(seconds=5)
    assert times < 25
    assert case.now.wake_at is not None
    assert case.now.wake_at <= hospital.clock() + timedelta(minutes=5)
