"""Money that people paid: every way in which ours and the bank's books can differ."""

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import FEE_FEN, Hospital, one
from tests.auditor.pharmacy import Pharmacy

ARRIVED = ("requested", "cleared", "accepted", "arrived")


async def test_money_at_the_bank_that_our_books_do_not_know(hospital: Hospital) -> None:
    hospital.outside.payments.append({"transaction_id": "4200-x", "out_trade_no": "not-ours", "total_fen": 700})

    found = {one.kind: one for one in await hospital.audit()}

    assert set(found) == {Kind.MONEY_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}
    unknown = found[Kind.MONEY_UNKNOWN]
    assert (unknown.about, unknown.ours, unknown.theirs) == ("transaction=4200-x order=not-ours", "no such order", "700 fen")
    assert (found[Kind.LEDGER_BANK].ours, found[Kind.LEDGER_BANK].theirs) == ("0 fen", "700 fen")


async def test_money_at_the_bank_for_an_order_of_ours_that_we_hold_for_unpaid(hospital: Hospital) -> None:
    visit = await hospital.visit("unpaid")
    hospital.outside.payments.append({"transaction_id": "4200-x", "out_trade_no": visit.order_id.hex, "total_fen": FEE_FEN})

    found = await hospital.audit()

    assert {one.kind for one in found} == {Kind.MONEY_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}
    assert {one.visit for one in found} == {visit.id}


async def test_a_payment_is_another_amount_at_the_bank(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    one(hospital.outside.payments, transaction_id=visit.transaction_id)["total_fen"] = FEE_FEN + 1

    found = {one.kind: one for one in await hospital.audit()}

    assert set(found) == {Kind.MONEY_DIFFERS, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}
    assert found[Kind.MONEY_DIFFERS].ours.startswith("5000 fen on order")
    assert found[Kind.MONEY_DIFFERS].theirs.startswith("5001 fen on order")


async def test_a_payment_is_for_another_order_at_the_bank(hospital: Hospital) -> None:
    visit, other = await hospital.visit("closed"), await hospital.visit("unpaid")
    one(hospital.outside.payments, transaction_id=visit.transaction_id)["out_trade_no"] = other.order_id.hex

    assert Kind.MONEY_DIFFERS in await hospital.kinds()


async def test_a_payment_of_ours_that_the_bank_never_took(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    hospital.outside.payments.remove(one(hospital.outside.payments, transaction_id=visit.transaction_id))

    assert await hospital.kinds() == {Kind.MONEY_NOT_AT_BANK, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}


async def test_an_order_for_another_amount(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    one(hospital.outside.orders, out_trade_no=visit.order_id.hex)["total_fen"] = 1

    assert await hospital.kinds() == {Kind.ORDER_DIFFERS}


async def test_an_order_that_we_hold_for_paid_and_the_bank_does_not(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    one(hospital.outside.orders, out_trade_no=visit.order_id.hex)["state"] = "CLOSED"

    assert await hospital.kinds() == {Kind.ORDER_DIFFERS}


async def test_an_open_order_that_the_bank_does_not_have(hospital: Hospital) -> None:
    await hospital.visit("paying")
    hospital.outside.orders.clear()

    assert await hospital.kinds(standing={"revisit.paying", "charge.open"}) == {Kind.ORDER_DIFFERS}


async def test_an_order_that_is_closed_here_and_can_still_be_paid(hospital: Hospital) -> None:
    visit = await hospital.visit("unpaid")
    one(hospital.outside.orders, out_trade_no=visit.order_id.hex)["state"] = "NOTPAY"

    assert await hospital.kinds() == {Kind.ORDER_STILL_PAYABLE}


async def test_an_order_that_can_be_paid_and_that_nobody_here_knows(hospital: Hospital) -> None:
    hospital.outside.orders.append({"out_trade_no": (order_id := new()).hex, "total_fen": FEE_FEN, "state": "NOTPAY"})

    [found] = await hospital.audit()

    assert (found.kind, found.about, found.theirs) == (Kind.ORDER_UNKNOWN, f"order={order_id.hex}", "NOTPAY, 5000 fen")


async def test_the_orders_of_money_that_came_are_gone(hospital: Hospital) -> None:
    """The one that a charge names is missed first of all."""
    visit = await hospital.visit("closed")
    payment_id = await hospital.unwanted(visit, "second")
    await hospital.given_back(visit, "cleared", "accepted", "arrived", payment_id=payment_id, cause="second")
    assert await hospital.audit() == []
    await hospital.do("delete from charge_order where id <> $1", visit.order_id)

    [found] = await hospital.audit()
    assert (found.kind, found.ours, found.theirs, found.visit) == (Kind.ORDER_UNKNOWN, "no such order", "paid", visit.id)

    await hospital.do("delete from charge_order")
    assert await hospital.kinds() == {Kind.ROW_MISSING}


async def test_money_of_one_charge_on_an_order_of_another(hospital: Hospital) -> None:
    visit, other = await hospital.visit("closed"), await hospital.visit("unpaid")
    await hospital.do("update charge_order set charge_id = $1 where id = $2", other.charge_id, visit.order_id)

    assert Kind.ORDER_UNKNOWN in await hospital.kinds()


async def test_an_order_was_asked_for_and_is_gone(hospital: Hospital) -> None:
    """The bank has closed it, so no money tells of it; the timeline does."""
    visit = await hospital.visit("unpaid")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set name = 'charge.order' where process_id = $1", visit.charge_id)
    assert await hospital.audit() == []
    await hospital.do("delete from charge_order")

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs, found.visit) == (Kind.ORDER_UNKNOWN, "no order", "asked for", visit.id)


async def test_a_settled_charge_that_names_no_payment(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.do("update charge set paid_order_id = null where id = $1", visit.charge_id)

    assert await hospital.kinds() == {Kind.CHARGE_PAYMENT}


async def test_a_closed_charge_with_a_payment_of_its_own(hospital: Hospital) -> None:
    visit = await hospital.visit("unpaid")
    await hospital.payment(visit, visit.payment_id, visit.order_id.hex, visit.transaction_id)

    assert Kind.CHARGE_PAYMENT in await hospital.kinds()


async def test_a_patient_is_charged_twice(hospital: Hospital) -> None:
    """The second sum stands in suspense, and nobody gives it back."""
    visit = await hospital.visit("closed")
    await hospital.unwanted(visit, "second")

    found = {one.kind: one for one in await hospital.audit()}

    assert set(found) == {Kind.CHARGED_TWICE, Kind.KEPT_OURS, Kind.KEPT_AT_BANK, Kind.REFUND_CAUSE}
    assert found[Kind.CHARGED_TWICE].theirs.count("5000 fen") == 2
    assert (found[Kind.KEPT_OURS].ours, found[Kind.KEPT_OURS].theirs) == ("10000 fen came, 0 fen went back, 0 fen will", "5000 fen due")


async def test_a_patient_is_charged_twice_at_the_bank_alone(hospital: Hospital) -> None:
    visit, order_id = await hospital.visit("closed"), new()
    await hospital.order(visit.charge_id, order_id, "closed", "SUCCESS")
    hospital.outside.payments.append({"transaction_id": "4200-x", "out_trade_no": order_id.hex, "total_fen": FEE_FEN})

    assert await hospital.kinds() == {Kind.CHARGED_TWICE, Kind.MONEY_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}


async def test_a_visit_that_ended_without_service_keeps_its_fee(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    one(hospital.outside.appointments, id=visit.appointment_id)["status"] = "cancelled"

    found = {one.kind: one for one in await hospital.audit()}

    assert set(found) == {Kind.KEPT_OURS, Kind.KEPT_AT_BANK}
    assert found[Kind.KEPT_OURS].theirs == "0 fen due"


async def test_a_visit_that_took_place_gave_its_fee_back(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("closed"), "requested", "cleared", "accepted", "arrived")

    assert {Kind.KEPT_OURS, Kind.KEPT_AT_BANK} <= await hospital.kinds()


async def test_a_refund_that_left_the_bank_and_is_withdrawn_here(hospital: Hospital) -> None:
    """Our books keep the fee with good reason; the bank's do not keep it."""
    visit = await hospital.visit("closed")
    refund_id = await hospital.given_back(visit, "requested", "stuck", "withdrawn", cause="management")
    numbers = {"out_refund_no": refund_id.hex, "transaction_id": visit.transaction_id, "out_trade_no": visit.order_id.hex}
    hospital.outside.refunds.append({**numbers, "refund_fen": FEE_FEN, "status": "SUCCESS"})

    assert await hospital.kinds() == {Kind.REFUND_STATE, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}


async def test_of_drugs_that_are_not_to_be_a_fen_stays(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("given back")
    await pharmacy.hospital.given_back(prescription.money, *ARRIVED, fen=FEE_FEN - 1)

    found = [one for one in await pharmacy.hospital.audit() if one.kind is Kind.KEPT_OURS]

    assert [(one.ours, one.visit) for one in found] == [("4999 fen of 5000 fen went back", prescription.money.id)]
