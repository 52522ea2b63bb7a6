"""The hospital's books: bills, settlements, reversals, places and online visits that differ from ours."""

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import FEE_FEN, SLOT, Hospital, one

ARRIVED = ("requested", "cleared", "accepted", "arrived")
HELD = {"id": "apt-x", "slot_id": SLOT, "patient_id": "pat-x"}


async def test_a_bill_for_another_amount(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    one(hospital.outside.invoices, id=visit.invoice_id)["total_fen"] = 4000

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.BILL_DIFFERS, "5000 fen", "4000 fen")


@pytest.mark.parametrize(
    ("stage", "changed"),
    [
        ("closed", {"status": "cancelled"}),
        ("closed", {"status": "issued"}),
        ("closed", {"reversed_fen": 1}),
        ("unpaid", {"status": "issued"}),
        ("unsettled", {"status": "balanced"}),
    ],
)
async def test_a_bill_in_another_state(hospital: Hospital, stage: str, changed: dict[str, str | int]) -> None:
    visit = await hospital.visit(stage)
    if stage == "unsettled":
        await hospital.given_back(visit, "cleared", "accepted", "arrived", cause="unsettled")
    one(hospital.outside.invoices, id=visit.invoice_id).update(changed)

    [found] = await hospital.audit()

    assert (found.kind, found.visit) == (Kind.BILL_STATE, visit.id)


@pytest.mark.parametrize("changed", [{"status": "balanced"}, {"reversed_fen": 0}])
async def test_a_bill_of_what_went_back_in_another_state(hospital: Hospital, changed: dict[str, str | int]) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, *ARRIVED)
    one(hospital.outside.invoices, id=visit.invoice_id).update(changed)

    assert await hospital.kinds() == {Kind.BILL_STATE}


@pytest.mark.parametrize("name", ["settlements", "reversals"])
@pytest.mark.parametrize("part", ["fund_fen", "account_fen"])
async def test_fen_by_another_payer(hospital: Hospital, name: str, part: str) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    getattr(hospital.outside, name)[0].update({part: FEE_FEN, "cash_fen": 0})

    [found] = await hospital.audit()

    assert found.kind is (Kind.SETTLEMENT_DIFFERS if name == "settlements" else Kind.REVERSAL_DIFFERS)
    assert (found.ours, found.ours == found.theirs) == ("fund 0 account 0 cash 5000 fen", False)


async def test_a_charge_without_a_bill(hospital: Hospital) -> None:
    await hospital.visit("closed")
    hospital.outside.invoices.clear()

    assert await hospital.kinds() == {Kind.BILL_DIFFERS, Kind.BOOKING_DIFFERS}


async def test_settled_here_and_not_at_the_his(hospital: Hospital) -> None:
    await hospital.visit("closed")
    hospital.outside.settlements.clear()

    assert await hospital.kinds() == {Kind.SETTLEMENT_MISSING, Kind.LEDGER_HIS}


async def test_a_settlement_under_another_channel_number(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    one(hospital.outside.settlements, invoice_id=visit.invoice_id)["channel_no"] = "4200-x"

    [found] = await hospital.audit()

    assert found.kind is Kind.SETTLEMENT_DIFFERS
    assert found.ours == f"{visit.invoice_id} wechat_pay {visit.transaction_id} 5000"


async def test_settled_at_the_his_and_not_here(hospital: Hospital) -> None:
    visit = await hospital.visit("unsettled")
    await hospital.given_back(visit, "cleared", "accepted", "arrived", cause="unsettled")
    settled = {"payment_no": visit.charge_id.hex, "invoice_id": visit.invoice_id, "channel": "wechat_pay"}
    hospital.outside.settlements.append(settled | {"channel_no": visit.transaction_id, "amount_fen": FEE_FEN})

    assert await hospital.kinds() == {Kind.SETTLEMENT_UNKNOWN, Kind.LEDGER_HIS}


async def test_cleared_here_and_not_reversed_at_the_his(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    hospital.outside.reversals.clear()

    assert await hospital.kinds() == {Kind.REVERSAL_MISSING, Kind.LEDGER_HIS}


async def test_a_reversal_of_another_amount(hospital: Hospital) -> None:
    refund_id = await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    one(hospital.outside.reversals, refund_no=refund_id.hex)["amount_fen"] = 4000

    assert await hospital.kinds() == {Kind.REVERSAL_DIFFERS, Kind.LEDGER_HIS}


async def test_reversed_at_the_his_and_not_cleared_here(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    refund_id = await hospital.given_back(visit, "requested")
    hospital.outside.reversals.append({"refund_no": refund_id.hex, "invoice_id": visit.invoice_id, "amount_fen": FEE_FEN})

    assert await hospital.kinds(standing={"refund.requested"}) == {Kind.REVERSAL_UNKNOWN, Kind.LEDGER_HIS}


async def test_the_his_reversed_under_a_number_that_nobody_knows(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    hospital.outside.reversals.append({"refund_no": new().hex, "invoice_id": visit.invoice_id, "amount_fen": 10})

    assert await hospital.kinds() == {Kind.REVERSAL_UNKNOWN, Kind.LEDGER_HIS}


@pytest.mark.parametrize(
    ("stage", "status"),
    [("paying", "cancelled"), ("booked", "pending"), ("booked", "cancelled"), ("waiting", "booked"), ("closed", "checked-in")],
)
async def test_a_claim_stands_otherwise_at_the_his(hospital: Hospital, stage: str, status: str) -> None:
    visit = await hospital.visit(stage)
    one(hospital.outside.appointments, id=visit.appointment_id)["status"] = status

    [found] = await hospital.audit(standing={f"revisit.{stage}", "charge.open"})

    assert (found.kind, found.theirs, found.visit) == (Kind.BOOKING_STATE, status, visit.id)


async def test_a_live_claim_that_the_his_does_not_know(hospital: Hospital) -> None:
    await hospital.visit("booked")
    hospital.outside.appointments.clear()

    assert await hospital.kinds(standing={"revisit.booked"}) == {Kind.BOOKING_STATE}


async def test_a_claim_names_another_slot_than_its_appointment(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    one(hospital.outside.appointments, id=visit.appointment_id)["slot_id"] = "slot-2"

    assert await hospital.kinds() == {Kind.BOOKING_DIFFERS}


@pytest.mark.parametrize(("name", "kind"), [("appointments", Kind.BOOKING_DIFFERS), ("encounters", Kind.ENCOUNTER_DIFFERS)])
async def test_for_another_patient(hospital: Hospital, name: str, kind: Kind) -> None:
    visit = await hospital.visit("closed")
    getattr(hospital.outside, name)[0]["patient_id"] = "pat-x"

    [found] = await hospital.audit()

    assert (found.kind, found.theirs, found.visit) == (kind, "another patient", visit.id)


@pytest.mark.parametrize("status", ["pending", "booked", "checked-in"])
async def test_the_his_holds_a_place_that_was_let_go(hospital: Hospital, status: str) -> None:
    visit = await hospital.visit("unpaid")
    one(hospital.outside.appointments, id=visit.appointment_id)["status"] = status

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.BOOKING_UNCLAIMED, "released", status)


async def test_the_his_holds_a_place_for_a_claim_that_does_not_exist(hospital: Hospital) -> None:
    hospital.outside.appointments.append(
        {"id": "apt-x", "claim_no": new().hex, "slot_id": SLOT, "patient_id": "pat-x", "status": "pending"}
    )

    assert await hospital.kinds() == {Kind.BOOKING_UNCLAIMED}


async def test_what_the_hospitals_own_window_books_is_not_ours(hospital: Hospital) -> None:
    """It numbers otherwise, and takes places all the same."""
    numbers = {"payment_no": "window-1", "invoice_id": "inv-x", "channel": "cash", "channel_no": "1"}
    hospital.outside.appointments.append(
        {"id": "apt-x", "claim_no": "window-1", "slot_id": SLOT, "patient_id": "pat-x", "status": "booked"}
    )
    hospital.outside.settlements.append(numbers | {"amount_fen": FEE_FEN})
    hospital.outside.reversals.append({"refund_no": "window-2", "invoice_id": "inv-x", "amount_fen": FEE_FEN})
    assert await hospital.audit() == []

    one(hospital.outside.slots, id=SLOT)["capacity"] = 0

    assert await hospital.kinds() == {Kind.SLOT_OVERSOLD}


async def test_a_window_gives_back_what_we_settled(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    hospital.outside.reversals.append({"refund_no": "window-2", "invoice_id": visit.invoice_id, "amount_fen": FEE_FEN})

    assert await hospital.kinds() == {Kind.REVERSAL_UNKNOWN, Kind.LEDGER_HIS}


async def test_the_his_holds_a_place_whose_money_has_gone_back(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, *ARRIVED)
    one(hospital.outside.appointments, id=visit.appointment_id)["status"] = "booked"

    assert await hospital.kinds() == {Kind.BOOKING_UNCLAIMED}


async def test_a_claim_takes_a_place_of_a_visit_that_is_over(hospital: Hospital) -> None:
    visit = await hospital.visit("unpaid")
    await hospital.do("update booking set state = 'held' where id = $1", visit.claim_id)

    assert await hospital.kinds() == {Kind.BOOKING_LEFT, Kind.BOOKING_STATE, Kind.SLOT_TAKEN}


async def test_an_online_visit_that_the_his_has_not_finished(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    one(hospital.outside.encounters, id=visit.encounter_id)["status"] = "in-progress"

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.ENCOUNTER_DIFFERS, "closed", f"{visit.encounter_id} in-progress")


async def test_an_online_visit_that_was_left_and_goes_on_at_the_his(hospital: Hospital) -> None:
    """Whatever has become of its money."""
    visit = await hospital.visit("declined")
    await hospital.given_back(visit, "requested")
    one(hospital.outside.encounters, id=visit.encounter_id)["status"] = "in-progress"

    [found] = await hospital.audit(standing={"refund.requested"})

    assert (found.kind, found.ours, found.theirs) == (Kind.ENCOUNTER_LEFT, "declined", f"{visit.encounter_id} in-progress")


async def test_an_online_visit_that_was_left_and_that_the_his_has_finished_is_told_where_it_said_so(hospital: Hospital) -> None:
    """An end that landed after its doctor was told no: the refund waits for a window, and that is a task of its own."""
    visit = await hospital.visit("declined")
    await hospital.given_back(visit, "requested")
    one(hospital.outside.encounters, id=visit.encounter_id)["status"] = "finished"
    assert await hospital.kinds(standing={"refund.requested"}) == {Kind.ENCOUNTER_DIFFERS}

    await hospital.do("update revisit set refusal = 'his.executed' where id = $1", visit.id)

    assert await hospital.kinds(standing={"refund.requested"}) == set()


async def test_an_online_visit_that_the_his_does_not_know(hospital: Hospital) -> None:
    await hospital.visit("closed")
    hospital.outside.encounters.clear()

    assert await hospital.kinds() == {Kind.ENCOUNTER_DIFFERS}


async def test_an_online_visit_at_the_his_of_nobody(hospital: Hospital) -> None:
    hospital.outside.encounters.append(
        {"id": "enc-x", "visit_no": new().hex, "appointment_id": "apt-x", "patient_id": "pat-x", "practitioner_id": "doc-1"}
        | {"status": "in-progress"}
    )

    assert await hospital.kinds() == {Kind.ENCOUNTER_DIFFERS}


async def test_more_places_taken_than_claimed(hospital: Hospital) -> None:
    await hospital.visit("closed")
    await hospital.do("update slot set taken = taken + 1")

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.SLOT_TAKEN, "2 taken", "1 claims")


async def test_more_places_given_away_than_there_are(hospital: Hospital) -> None:
    await hospital.visit("closed")
    one(hospital.outside.slots, id=SLOT).update(capacity=3, sold_at_window=3)

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.SLOT_OVERSOLD, "1 claims", "4 of 3 places")
