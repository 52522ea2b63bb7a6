"""The ledger: every way in which it can be wrong in itself, against our rows, and against the outside."""

from tests.auditor import Kind
from tests.auditor.hospital import FEE_FEN, Hospital, one


async def test_an_entry_does_not_sum_to_zero(hospital: Hospital) -> None:
    """PostgreSQL refuses it, unless somebody took the trigger away."""
    visit = await hospital.visit("closed")
    await hospital.do("alter table ledger_leg disable trigger ledger_leg_balances")
    entry_id = await hospital.entry("charge.paid", visit.charge_id, to="wechat_pay", of="patient_due", fen=1)
    await hospital.do("insert into ledger_leg (entry_id, account, amount_fen) values ($1, 'wechat_pay', 2)", entry_id)

    found = await hospital.audit()

    [unbalanced] = [one for one in found if one.kind is Kind.LEDGER_UNBALANCED]
    assert unbalanced.ours == "wechat_pay +1, patient_due -1, wechat_pay +2"
    assert {one.kind for one in found} == {Kind.LEDGER_UNBALANCED, Kind.LEDGER_LEGS, Kind.LEDGER_ROWS, Kind.LEDGER_BANK}


async def test_an_entry_without_legs(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.do(
        "insert into ledger_entry (id, cause, charge_id, at) values (gen_random_uuid(), 'charge.paid', $1, now())", visit.charge_id
    )

    assert await hospital.kinds() == {Kind.LEDGER_UNBALANCED, Kind.LEDGER_LEGS}


async def test_an_entry_moves_other_accounts_than_its_cause(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.entry("charge.paid", visit.charge_id, to="wechat_pay", of="suspense", fen=1)

    assert Kind.LEDGER_LEGS in await hospital.kinds()


async def test_an_entry_of_a_cause_that_nobody_knows(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    for to, of in (("wechat_pay", "patient_due"), ("patient_due", "wechat_pay")):
        await hospital.entry("charge.mended", visit.charge_id, to=to, of=of, fen=1)

    assert await hospital.kinds() == {Kind.LEDGER_LEGS}


async def test_money_that_came_is_not_in_the_books(hospital: Hospital) -> None:
    """The rows have it, the ledger does not: the bank has more than stands at it."""
    payment_id = await hospital.unwanted(None, "unknown_order")
    await hospital.given_back(None, "cleared", "accepted", "arrived", payment_id=payment_id, cause="unknown_order")
    hospital.outside.payments.append({"transaction_id": "4200-x", "out_trade_no": "x", "total_fen": 300})
    row = "insert into payment (id, channel, transaction_id, order_no, amount_fen, unwanted, paid_at) "
    await hospital.do(row + "values (gen_random_uuid(), 'wechat_pay', '4200-x', 'x', 300, 'unknown_order', now())")

    found = await hospital.audit()

    assert {(one.kind, one.ours, one.theirs) for one in found if one.kind in {Kind.LEDGER_ROWS, Kind.LEDGER_BANK}} == {
        (Kind.LEDGER_ROWS, "wechat_pay 0 fen", "300 fen"),
        (Kind.LEDGER_ROWS, "suspense 0 fen", "-300 fen"),
        (Kind.LEDGER_BANK, "0 fen", "300 fen"),
    }


async def test_a_settlement_is_booked_twice(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.entry("charge.settled", visit.charge_id, to="patient_due", of="hospital_income")

    found = await hospital.audit()

    assert {(one.kind, one.ours, one.theirs) for one in found} == {
        (Kind.LEDGER_ROWS, "patient_due 5000 fen", "0 fen"),
        (Kind.LEDGER_ROWS, "hospital_income -10000 fen", "-5000 fen"),
        (Kind.LEDGER_SIGN, "patient_due 5000 fen", "never above zero"),
        (Kind.LEDGER_HIS, "-10000 fen", "-5000 fen"),
        (Kind.EBILL_TOTAL, "10000 fen earned", "5000 fen billed"),
    }


async def test_the_his_has_settled_less_than_is_booked_as_income(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    one(hospital.outside.settlements, invoice_id=visit.invoice_id)["amount_fen"] = FEE_FEN - 1

    assert await hospital.kinds() == {Kind.LEDGER_HIS, Kind.SETTLEMENT_DIFFERS}


async def test_a_refund_is_booked_as_taken_that_is_not(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, "requested", "cleared")
    await hospital.entry("refund.accepted", visit.charge_id, to="refund_in_transit", of="wechat_pay")

    assert await hospital.kinds(standing={"refund.cleared"}) == {Kind.LEDGER_ROWS, Kind.LEDGER_BANK}


async def test_more_stands_on_its_way_back_than_left(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.entry("refund.closed", visit.charge_id, to="wechat_pay", of="refund_in_transit")

    found = await hospital.audit()

    assert (Kind.LEDGER_SIGN, "refund_in_transit -5000 fen", "never below zero") in {(one.kind, one.ours, one.theirs) for one in found}
