"""Paid at a hospital window while an order is open here: it goes on there, and what was paid here too goes back."""

from typing import Final

import pytest

from models.charge import ChargeState, Order, Scene
from models.drug import Dispensing
from models.kernel import ids
from models.prescription import Choose, DrugsReported, PrescriptionState, Way
from tests.prescription.desk import Case, written
from tests.process.desk import ChargeDesk
from tests.process.hospital import Hospital, wish
from tests.process.visit import refused, reported

S: Final = PrescriptionState


async def ordered(case: Case) -> tuple[ChargeDesk, str]:
    """The code is on the patient's screen."""
    charge, order = await case.charge(), wish(Order, case.visit.person.account_id, scene=Scene.NATIVE)
    await charge.happens(order)
    return charge, ids.derived("charge_order", order.id).hex


@pytest.mark.parametrize("state", [Dispensing.PAID, Dispensing.PREPARED, Dispensing.HANDED_OUT])
async def test_not_paid_here_the_order_is_closed_and_it_goes_on_at_the_hospital(hospital: Hospital, state: Dispensing) -> None:
    case = await (await written(hospital)).to(S.PAYING)
    charge, _ = await ordered(case)

    await case.pharmacy(state)
    assert case.state is S.CLOSING
    await charge.news()
    assert charge.state is ChargeState.CLOSED
    await case.desk.news()

    assert (case.state, case.now.way) == (S.DISPENSING, Way.AT_HOSPITAL)
    assert await hospital.wanted_back(charge.id) == []
    await case.desk.alarm()
    assert case.state is {Dispensing.PAID: S.DISPENSING, Dispensing.PREPARED: S.READY, Dispensing.HANDED_OUT: S.COMPLETED}[state]
    assert await hospital.unhandled() == 0


async def test_paid_here_too_what_came_here_goes_back_once(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.PAYING)
    charge, order = await ordered(case)
    hospital.wechat_pay.pay(order)

    await case.pharmacy(Dispensing.PAID)
    await charge.news()
    await charge.happens()
    assert charge.state is ChargeState.UNSETTLED
    await case.desk.news()

    assert (case.state, case.now.way) == (S.DISPENSING, Way.AT_HOSPITAL)
    assert await hospital.wanted_back(charge.id) == [("unsettled", 1450)]
    await case.to(S.COMPLETED)


async def test_a_report_that_the_his_does_not_bear_out_is_put_off(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.PAYING)
    charge, _ = await ordered(case)

    assert await refused(case.is_asked_after()) == "prescription.not_now"

    assert (case.state, charge.state) == (S.PAYING, ChargeState.OPEN)
    assert [type(one) for one in await hospital.waiting(case.id)] == [DrugsReported]


async def test_what_the_his_calls_paid_was_our_own_payment(hospital: Hospital) -> None:
    """Settled a moment ago, and its charge's word is on its way: it is dispensed as chosen."""
    case = await (await written(hospital)).to(S.PAYING)
    charge, order = await ordered(case)
    hospital.wechat_pay.pay(order)
    await reported(hospital, charge.id)
    await charge.news()
    await charge.happens()
    assert charge.state is ChargeState.SETTLED
    settled = (await hospital.waiting(case.id))[0]

    await case.is_asked_after()
    assert case.state is S.CLOSING
    await case.desk.happens(settled)

    assert (case.state, case.now.way) == (S.DISPENSING, Way.PICKUP)
    assert await hospital.wanted_back(charge.id) == []


async def test_while_nothing_is_paid_there_another_way_may_be_chosen(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.CHOOSING)
    await case.does(Choose, way=Way.AT_HOSPITAL)

    await case.does(Choose, way=Way.PICKUP)

    assert (case.state, case.now.way) == (S.PAYING, Way.PICKUP)
    await case.to(S.COMPLETED)


async def test_paid_there_already_it_goes_on_there_whatever_is_chosen(hospital: Hospital) -> None:
    """The window's report may be on its way, or lost."""
    case = await (await written(hospital)).to(S.CHOOSING)
    await case.does(Choose, way=Way.AT_HOSPITAL)
    hospital.his.goes_on(case.now.content_id, Dispensing.PAID)

    await case.does(Choose, way=Way.PICKUP)

    assert (case.state, case.now.way, case.now.charge_id) == (S.DISPENSING, Way.AT_HOSPITAL, None)
    await case.to(S.COMPLETED)
