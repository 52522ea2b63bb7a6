"""A refusal of the HIS after an attempt that nobody heard of: what it took is settled."""

from models.charge import ChargeState
from models.revisit import State
from tests.builders import FEE_FEN
from tests.charge.builders import paying, says
from tests.process.hospital import Hospital
from tests.process.visit import Visit


async def paid(hospital: Hospital) -> Visit:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders())
    await visit.is_reported()
    return visit


async def test_what_landed_unheard_is_settled_though_its_repeat_is_refused(hospital: Hospital) -> None:
    visit = await paid(hospital)
    hospital.his.silent("settle", landed=True)
    hospital.his.refuses("settle", "his.lock-expired")

    await visit.charge.happens()
    await visit.desk.news()

    assert (visit.charge.state, visit.state) == (ChargeState.SETTLED, State.BOOKED)
    assert await hospital.wanted_back(visit.charge.id) == []
    assert hospital.his.kept_fen == FEE_FEN


async def test_what_never_landed_is_refused(hospital: Hospital) -> None:
    visit = await paid(hospital)
    hospital.his.silent("settle")
    hospital.his.refuses("settle", "his.lock-expired")

    await visit.charge.happens()

    assert await says(hospital, visit) == ["unsettled"]
    assert await hospital.wanted_back(visit.charge.id) == [("unsettled", FEE_FEN)]
