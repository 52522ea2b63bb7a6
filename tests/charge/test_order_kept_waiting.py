"""An order whose channel is silent until it is too late to pay: the charge still comes to its end."""

from datetime import timedelta
from typing import cast

import pytest

from activities.charge import ChargeActivities
from models.charge import ChargeState, Order, OrderState, Scene
from models.kernel.errors import DomainError, Unknown
from models.revisit import State
from models.stores import charge as charges
from tests.client import Hands
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, opened


async def an_order_without_an_answer(hospital: Hospital, *, landed: bool) -> tuple[Visit, Order]:
    """Asked for in time; when the channel speaks again there is no time left to pay."""
    visit = await (await opened(hospital)).to(State.PAYING)
    charge, order = visit.charge.now, wish(Order, visit.person.account_id, scene=Scene.NATIVE)
    cast(Hands, hospital.clock).at = charge.due_at - timedelta(seconds=61) if charge.due_at else hospital.clock()
    hospital.wechat_pay.silent("order", landed=landed)
    with pytest.raises(Unknown):
        await hospital.work(ChargeActivities.order)(charge, order)
    cast(Hands, hospital.clock).forward(seconds=5)
    await hospital.hand_time_is_up()
    return visit, order


@pytest.mark.parametrize("landed", [False, True], ids=["never came there", "is open there"])
async def test_too_late_is_refused_and_leaves_nothing_payable(hospital: Hospital, landed: bool) -> None:
    visit, order = await an_order_without_an_answer(hospital, landed=landed)

    with pytest.raises(DomainError, match=r"charge\.too_late"):
        await hospital.work(ChargeActivities.order)(visit.charge.now, order)

    assert hospital.wechat_pay.payable == []
    async with hospital.database.reading() as db:
        assert [one.state for one in (await charges.facts(db, visit.charge.id)).orders] == [OrderState.CLOSED]


@pytest.mark.parametrize("landed", [False, True], ids=["never came there", "is open there"])
async def test_the_charge_and_the_visit_end_at_their_time(hospital: Hospital, landed: bool) -> None:
    visit, order = await an_order_without_an_answer(hospital, landed=landed)
    with pytest.raises(DomainError, match=r"charge\.too_late"):
        await hospital.work(ChargeActivities.order)(visit.charge.now, order)

    await visit.charge.alarm()
    await visit.desk.news()

    assert (visit.charge.state, visit.state) == (ChargeState.CLOSED, State.CANCELLED)
    assert await hospital.taken(visit.unit.slot_ids[0]) == 0
