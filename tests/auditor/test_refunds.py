"""Money that went back: every way in which our refunds and the bank's can differ."""

import json
from datetime import timedelta

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import AT, FEE_FEN, Hospital, Visit, one

ARRIVED = ("requested", "cleared", "accepted", "arrived")


def at_the_bank(hospital: Hospital, visit: Visit, *, fen: int = FEE_FEN, status: str = "SUCCESS") -> None:
    """A refund that nobody here asked for."""
    numbers = {"out_refund_no": new().hex, "transaction_id": visit.transaction_id, "out_trade_no": visit.order_id.hex}
    hospital.outside.refunds.append({**numbers, "refund_fen": fen, "status": status})


async def test_the_bank_gave_back_what_we_do_not_know(hospital: Hospital) -> None:
    at_the_bank(hospital, await hospital.visit("closed"), fen=1)

    found = {one.kind: one for one in await hospital.audit()}

    assert set(found) == {Kind.REFUND_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}
    assert found[Kind.REFUND_UNKNOWN].theirs == "SUCCESS, 1 fen"
    assert (found[Kind.LEDGER_BANK].ours, found[Kind.LEDGER_BANK].theirs) == ("5000 fen", "4999 fen")


async def test_two_refunds_at_the_bank_where_one_is_due(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, *ARRIVED)
    at_the_bank(hospital, visit)

    assert await hospital.kinds() == {Kind.REFUND_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}


async def test_a_number_that_the_bank_closed_is_known_by_the_attempts_before_the_present_one(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    refund_id = await hospital.given_back(visit, *ARRIVED)
    at_the_bank(hospital, visit, status="CLOSED")
    assert await hospital.kinds() == {Kind.REFUND_UNKNOWN}

    await hospital.do("update refund set attempt = 1 where id = $1", refund_id)

    assert await hospital.audit() == []


async def test_a_refund_is_another_amount_at_the_bank(hospital: Hospital) -> None:
    refund_id = await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    one(hospital.outside.refunds, out_refund_no=refund_id.hex)["refund_fen"] = 4000

    assert await hospital.kinds() == {Kind.REFUND_DIFFERS, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}


async def test_a_refund_is_another_payments_at_the_bank(hospital: Hospital) -> None:
    refund_id = await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    other = await hospital.visit("closed")
    one(hospital.outside.refunds, out_refund_no=refund_id.hex)["transaction_id"] = other.transaction_id

    assert Kind.REFUND_DIFFERS in await hospital.kinds()


@pytest.mark.parametrize("status", ["PROCESSING", "ABNORMAL"])
async def test_a_refund_has_arrived_here_and_not_at_the_bank(hospital: Hospital, status: str) -> None:
    refund_id = await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    one(hospital.outside.refunds, out_refund_no=refund_id.hex)["status"] = status

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.REFUND_STATE, "arrived", status)


async def test_a_refund_has_arrived_here_that_the_bank_closed(hospital: Hospital) -> None:
    refund_id = await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    one(hospital.outside.refunds, out_refund_no=refund_id.hex)["status"] = "CLOSED"

    assert await hospital.kinds() == {Kind.REFUND_STATE, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}


async def test_a_refund_has_arrived_here_that_the_bank_does_not_have(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    hospital.outside.refunds.clear()

    assert await hospital.kinds() == {Kind.REFUND_STATE, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}


async def test_a_refund_is_on_its_way_here_and_has_arrived(hospital: Hospital) -> None:
    refund_id = await hospital.given_back(await hospital.visit("cancelled"), "requested", "cleared", "accepted")
    one(hospital.outside.refunds, out_refund_no=refund_id.hex)["status"] = "SUCCESS"

    [found] = await hospital.audit(standing={"refund.accepted"})

    assert (found.kind, found.ours, found.theirs) == (Kind.REFUND_STATE, "accepted", "SUCCESS")


async def test_two_refunds_of_ours_where_one_is_due(hospital: Hospital) -> None:
    """Another cause gave the whole back a second time, and the payment does not say so."""
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, *ARRIVED)
    await hospital.do("update payment set refunded_fen = 0")
    await hospital.given_back(visit, *ARRIVED, cause="not_accepted")

    twice = {
        Kind.REFUND_TWICE,
        Kind.REFUND_CAUSE,
        Kind.PAYMENT_REFUNDED,
        Kind.KEPT_OURS,
        Kind.KEPT_AT_BANK,
        Kind.LEDGER_SIGN,
        Kind.EBILL_TOTAL,
    }
    assert await hospital.kinds() == twice


async def test_one_cause_gave_back_twice(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    for fen in (2000, 3000):
        await hospital.given_back(visit, *ARRIVED, fen=fen)
    one(hospital.outside.appointments, id=visit.appointment_id)["status"] = "cancelled"

    assert await hospital.kinds() == {Kind.REFUND_TWICE}


async def test_a_payment_holds_more_than_its_refunds_under_way(hospital: Hospital) -> None:
    await hospital.visit("closed")
    await hospital.do("update payment set reserved_fen = 1")

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.PAYMENT_RESERVED, "1 fen", "0 fen in refunds under way")


async def test_a_payment_says_less_was_given_back_than_was(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    await hospital.do("update payment set refunded_fen = 4999")

    assert await hospital.kinds() == {Kind.PAYMENT_REFUNDED}


@pytest.mark.parametrize("cause", ["second", "other_amount", "patient"])
async def test_the_right_sum_went_back_of_the_wrong_payment_or_for_another_cause(hospital: Hospital, cause: str) -> None:
    """The bank's totals agree; the fee is undone at the HIS, and what nobody wanted stays in suspense."""
    visit = await hospital.visit("closed")
    payment_id = await hospital.unwanted(visit, "second")
    await hospital.given_back(visit, *ARRIVED, cause=cause)

    found = [one for one in await hospital.audit() if one.kind is Kind.REFUND_CAUSE]

    assert {one.ours for one in found} == {"nothing goes back", cause if cause == "patient" else f"{cause} 5000 fen"}
    assert f"payment={payment_id}" in {one.about.split()[0] for one in found}


@pytest.mark.parametrize("fen", [FEE_FEN, FEE_FEN - 1])
async def test_of_what_nobody_wanted_less_goes_back(hospital: Hospital, fen: int) -> None:
    visit = await hospital.visit("closed")
    payment_id = await hospital.unwanted(visit, "late")
    await hospital.given_back(visit, "cleared", "accepted", "arrived", payment_id=payment_id, cause="late", fen=fen)

    assert (Kind.REFUND_CAUSE in await hospital.kinds()) == (fen < FEE_FEN)


async def test_management_said_no_sum_and_some_of_what_was_left_stayed(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    refund_id = await hospital.given_back(visit, *ARRIVED, cause="management", fen=2000)
    assert await hospital.audit() == []
    await hospital.do("alter table audit disable trigger never_changed")
    said = json.dumps({"charge_id": str(visit.charge_id), "amount_fen": None})
    await hospital.do("update audit set detail = $2 where subject_id = $1", refund_id, said)

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.REFUND_LEFT, "2000 fen", "5000 fen were left")
    assert (found.about, found.visit) == (f"refund={refund_id} cause=management", visit.id)
    assert Kind.REFUND_LEFT in await hospital.kinds(quiet=False)


async def test_of_what_a_visit_paid_some_stays(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED, fen=4999)

    assert Kind.REFUND_LEFT in await hospital.kinds()


@pytest.mark.parametrize(
    ("state", "after_s", "left"),
    [
        ("arrived", 60, 3000),
        ("arrived", -60, 5000),
        ("withdrawn", 60, (3000, 5000)),
        ("arrived", 0, (3000, 5000)),
        ("arrived", 20, (3000, 5000)),
    ],
)
async def test_what_was_left_when_it_was_asked_for(hospital: Hospital, state: str, after_s: int, left: int | tuple[int, int]) -> None:
    """Another went back before, or after, or it may be either; of a window's, which was withdrawn, nobody knows how long it was kept."""
    visit = await hospital.visit("cancelled")
    way = ARRIVED if state == "arrived" else ("requested", "stuck", "withdrawn")
    first = await hospital.given_back(visit, *way, cause="patient" if after_s == 20 else "management", fen=2000)
    second = await hospital.given_back(visit, *ARRIVED, cause="patient", fen=1)
    await hospital.do("update refund set created_at = $1 where id = $2", AT, first)
    await hospital.do("update refund set created_at = $1, cause = 'absent' where id = $2", AT + timedelta(seconds=after_s), second)

    [found] = [one for one in await hospital.audit() if one.about.startswith(f"refund={second}") and one.kind is Kind.REFUND_LEFT]

    told = f"{left[0]} fen to {left[1]} fen" if isinstance(left, tuple) else f"{left} fen"
    assert found.theirs == f"{told} were left"


@pytest.mark.parametrize(
    ("stage", "reason", "cause", "is_told"),
    [
        ("cancelled", "patient", "patient", False),
        ("cancelled", None, "absent", True),
        ("declined", "declined", "declined", False),
        ("declined", "not_accepted", "not_accepted", False),
        ("declined", "not_accepted", "declined", True),
        ("absent", "absent", "suspended", True),
        ("suspended", "suspended", "suspended", False),
        ("closed", None, "patient", True),
        ("closed", None, "management", False),
        ("unsettled", "unsettled", "unsettled", False),
        ("unsettled", "unsettled", "patient", True),
        ("cancelled", "patient", "unsettled", True),
    ],
)
async def test_a_fee_goes_back_as_its_visit_was_left(
    hospital: Hospital, stage: str, reason: str | None, cause: str, *, is_told: bool
) -> None:
    visit = await hospital.visit(stage)
    refund_id = await hospital.given_back(visit, *ARRIVED, cause=cause)
    await hospital.do("update revisit set reason = $1", reason)

    found = [one for one in await hospital.audit() if one.kind is Kind.REFUND_CAUSE]

    assert [one.about for one in found] == [f"refund={refund_id} charge={visit.charge_id}"] * is_told
    assert all((one.ours, one.visit) == (cause, visit.id) for one in found)
