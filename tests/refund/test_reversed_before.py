"""A refusal of the HIS after an attempt that nobody heard of: what it let go is let go."""

from models.refund import RefundState
from models.revisit import Cancel, State
from tests.process.desk import RefundDesk
from tests.process.hospital import Hospital
from tests.process.visit import opened


async def requested(hospital: Hospital) -> RefundDesk:
    visit = await (await opened(hospital)).to(State.BOOKED)
    await visit.does(Cancel)
    return await visit.refund()


async def test_what_landed_unheard_is_let_go_though_its_repeat_is_refused(hospital: Hospital) -> None:
    refund = await requested(hospital)
    hospital.his.silent("reverse", landed=True)
    hospital.his.refuses("reverse", "his.dispensed")

    await refund.happens()

    assert refund.state is RefundState.CLEARED
    assert hospital.his.kept_fen == 0


async def test_what_never_landed_is_a_persons_task(hospital: Hospital) -> None:
    refund = await requested(hospital)
    hospital.his.silent("reverse")
    hospital.his.refuses("reverse", "his.dispensed")

    await refund.happens()

    assert (refund.state, refund.now.trouble) == (RefundState.STUCK, "his.dispensed")
