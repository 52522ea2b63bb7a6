"""A prescription that ends unpaid is not payable at the hospital any more: what no window can take money for is over on both sides."""

from typing import Final

import pytest

from models.drug import Dispensing
from models.message import Template
from models.prescription import CancelDrugs, Choose, ChooseAgain, PrescriptionState, Way
from models.prescription_his import Filing
from tests.prescription.desk import later, written
from tests.process.hospital import Hospital

S: Final = PrescriptionState


@pytest.mark.parametrize("at_window", [False, True], ids=["unpaid", "paid at a window"])
async def test_not_wanted_while_a_charge_is_open_it_is_no_more_payable_at_the_hospital(hospital: Hospital, at_window: bool) -> None:
    """If a window has taken the money all the same, the drugs are the patient's."""
    case = await (await written(hospital)).to(S.PAYING)
    await case.does(CancelDrugs)
    await (await case.charge()).news()
    if at_window:
        hospital.his.goes_on(case.now.content_id, Dispensing.PAID)
    hospital.his.silent("cancel_prescription", landed=True)

    await case.desk.news()

    filed = hospital.his.filed[case.now.content_id]
    if at_window:
        assert (case.state, case.now.way, filed.filing) == (S.DISPENSING, Way.AT_HOSPITAL, Filing.ACTIVE)
        await case.to(S.COMPLETED)
    else:
        assert (case.state, filed.filing) == (S.CANCELLED, Filing.CANCELLED)


async def test_another_way_is_chosen_while_the_first_is_being_paid(hospital: Hospital) -> None:
    """Nobody waits two hours for a slip of the finger, and the drugs are not given up for it."""
    case = await (await written(hospital)).to(S.PAYING)
    first = await case.charge()

    await case.does(ChooseAgain)
    assert case.state is S.PAYING, "until it is known that no money came"
    await first.news()
    await case.desk.news()
    assert (case.state, case.now.way, hospital.his.filed[case.now.content_id].filing) == (S.CHOOSING, None, Filing.ACTIVE)

    await case.does(Choose, way=Way.AT_HOSPITAL)
    assert case.state is S.AT_HOSPITAL
    await case.does(Choose, way=Way.PICKUP)
    await case.pays()
    assert (case.state, case.now.way) == (S.DISPENSING, Way.PICKUP)


async def test_who_chose_again_and_had_paid_keeps_what_was_paid(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.PAYING)
    way = case.now.way
    await case.does(ChooseAgain)

    await case.pays()

    assert (case.state, case.now.way) == (S.DISPENSING, way)
    assert await hospital.wanted_back(case.now.charge_id) == []


async def test_valid_no_longer_before_it_was_paid_it_has_expired_and_its_patient_is_told(hospital: Hospital) -> None:
    """Chosen shortly before its end, the order ends with it: the hour is the patient's, not their wish."""
    case = await (await written(hospital)).to(S.CHOOSING)
    assert case.now.valid_until is not None
    later(case, seconds=(case.now.valid_until - hospital.clock()).total_seconds() - 1800)
    await case.does(Choose, way=Way.PICKUP)
    charge = await case.charge()
    assert charge.now.due_at == case.now.valid_until

    await charge.alarm()
    await case.desk.news()
    await case.desk.alarm()

    assert (case.state, hospital.clock() >= case.now.valid_until) == (S.EXPIRED, True)
    assert hospital.his.filed[case.now.content_id].filing is Filing.CANCELLED
    assert (await hospital.told(case.visit.id)).count(Template.PRESCRIPTION_EXPIRED) == 1


async def test_what_the_his_did_not_settle_is_no_more_payable_there(hospital: Hospital) -> None:
    """The money goes back by itself, and no window takes it a second time."""
    case = await (await written(hospital)).to(S.PAYING)
    hospital.his.refuses("settle", "his.amount-differs")

    await case.pays()

    assert case.state is S.CANCELLED
    assert hospital.his.filed[case.now.content_id].filing is Filing.CANCELLED
    assert await hospital.wanted_back(case.now.charge_id) == [("unsettled", 1450)]


async def test_a_refusal_that_says_nothing_of_the_money_is_no_payment(hospital: Hospital) -> None:
    """Only that it is settled, or handed out, means that a window has the money: all else is asked again."""
    case = await (await written(hospital)).to(S.PAYING)
    await case.does(CancelDrugs)
    await (await case.charge()).news()
    hospital.his.refuses("cancel_prescription", "his.invalid")

    await case.desk.news()

    assert (case.state, hospital.his.filed[case.now.content_id].filing) == (S.CANCELLED, Filing.CANCELLED)
