"""When the CA says that somebody signed: after they were asked and not in the future, since certificates are judged by that time."""

from datetime import timedelta

import pytest

from models.prescription import PrescriptionState
from models.tables.prescription import PrescriptionRow
from tests.prescription.desk import Case, later, written
from tests.process.hospital import Hospital
from tests.process.signature import Asked

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
