"""An order that was refused to a person, landed at the channel all the same, and was paid there."""

from models.charge import ChargeState, Order, Scene
from models.kernel import ids
from models.revisit import State
from tests.builders import FEE_FEN
from tests.charge.builders import paying
from tests.process.hospital import Hospital, wish
from tests.process.visit import refused


async def test_the_same_wish_again_finds_that_it_is_paid(hospital: Hospital) -> None:
    """It used to be asked again without end, and held the charge for ever."""
    visit = await paying(hospital)
    order = wish(Order, visit.person.account_id, scene=Scene.NATIVE)
    number = ids.derived("charge_order", order.id).hex
    hospital.wechat_pay.refuses("order", "wechat_pay.no_auth")
    assert await refused(visit.charge.happens(order)) == "wechat_pay.no_auth"
    await hospital.wechat_pay.order(  # what was under way since then
        number, scene=Scene.NATIVE, amount_fen=FEE_FEN, description="-", expires_at=hospital.clock()
    )
    hospital.wechat_pay.pay(number)

    await visit.charge.happens(order)
    await visit.charge.happens()
    await visit.desk.news()

    assert (visit.charge.state, visit.state) == (ChargeState.SETTLED, State.BOOKED)
    assert hospital.wechat_pay.takings_fen == FEE_FEN
