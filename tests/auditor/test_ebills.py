"""E-bills: every way in which ours and the issuer's can differ, and both from what was earned."""

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import FEE_FEN, Hospital, one
from tests.auditor.issuer import at_the_issuer, billed

ARRIVED = ("requested", "cleared", "accepted", "arrived")


async def test_what_went_back_in_part_is_undone_and_billed_anew(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("closed"), *ARRIVED, cause="management", fen=2000)

    assert [one["total_fen"] for one in hospital.outside.bills] == [FEE_FEN, FEE_FEN, FEE_FEN - 2000]
    assert Kind.EBILL_TOTAL not in await hospital.kinds()


async def test_the_issuer_billed_what_we_do_not_know(hospital: Hospital) -> None:
    at_the_issuer(hospital, "0000009999", 1, bus_no=new().hex)

    [found] = await hospital.audit()

    assert (found.kind, found.theirs) == (Kind.EBILL_UNKNOWN, "1 fen")


async def test_issued_here_and_unknown_to_the_issuer(hospital: Hospital) -> None:
    await hospital.visit("closed")
    hospital.outside.bills.clear()

    assert await hospital.kinds() == {Kind.EBILL_MISSING, Kind.EBILL_TOTAL}


async def test_it_has_ended_here_without_what_the_issuer_has(hospital: Hospital) -> None:
    await hospital.visit("closed")
    await hospital.do("update invoice set state = 'void', code = null, number = null, check_code = null, issued_at = null")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set after = 'void' where process = 'invoice'")

    assert await hospital.kinds() == {Kind.EBILL_STATE}


@pytest.mark.parametrize(("key", "value"), [("number", "0000009999"), ("code", "99999999"), ("check_code", "abc124")])
async def test_a_bill_has_other_numbers_at_the_issuer(hospital: Hospital, key: str, value: str) -> None:
    await hospital.visit("closed")
    hospital.outside.bills[0][key] = value

    assert await hospital.kinds() == {Kind.EBILL_DIFFERS}


async def test_a_bill_is_over_another_amount_at_the_issuer(hospital: Hospital) -> None:
    await hospital.visit("closed")
    hospital.outside.bills[0]["total_fen"] = 4999

    assert await hospital.kinds() == {Kind.EBILL_DIFFERS, Kind.EBILL_TOTAL}


@pytest.mark.parametrize("part", ["fund_fen", "account_fen"])
async def test_fen_by_another_payer_at_the_issuer(hospital: Hospital, part: str) -> None:
    await hospital.visit("closed")
    hospital.outside.bills[0].update({part: FEE_FEN, "cash_fen": 0})

    assert await hospital.kinds() == {Kind.EBILL_DIFFERS}


async def test_a_red_bill_over_another_split_at_the_issuer(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    hospital.outside.bills[-1].update(fund_fen=FEE_FEN, cash_fen=0)

    assert await hospital.kinds() == {Kind.EBILL_RED}


async def test_undone_here_and_not_at_the_issuer(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    hospital.outside.bills.pop()

    assert await hospital.kinds() == {Kind.EBILL_RED, Kind.EBILL_TOTAL}


@pytest.mark.parametrize(("key", "value"), [("number", "0000009999"), ("code", "99999999"), ("check_code", "abc124")])
async def test_undone_by_another_red_bill_at_the_issuer(hospital: Hospital, key: str, value: str) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *ARRIVED)
    hospital.outside.bills[-1][key] = value

    assert await hospital.kinds() == {Kind.EBILL_RED}


async def test_two_bills_of_one_charge_stand_at_the_issuer(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, *ARRIVED, fen=2000)
    red = next(one for one in hospital.outside.bills if one["undoes"])
    hospital.outside.bills.remove(red)

    found = await hospital.kinds()

    assert {Kind.EBILL_TWICE, Kind.EBILL_TOTAL, Kind.EBILL_RED} <= found


async def test_money_was_settled_and_nothing_billed(hospital: Hospital) -> None:
    await hospital.visit("closed")
    await hospital.do("delete from invoice")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("delete from timeline where process = 'invoice'")
    hospital.outside.bills.clear()

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.EBILL_TOTAL, "5000 fen earned", "0 fen billed")


async def test_money_went_back_and_its_bill_stands(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, *ARRIVED)
    hospital.outside.bills.pop()
    await hospital.do("update invoice set reversed_at = null, red_code = null, red_number = null, red_check_code = null")

    assert await hospital.kinds() == {Kind.EBILL_TOTAL}


async def test_while_a_bill_is_at_work_its_total_says_nothing(hospital: Hospital) -> None:
    """Its issuer is away: that is told as a process which is not at its end, and as nothing else."""
    await hospital.visit("closed")
    hospital.outside.bills.clear()
    undone = "update invoice set state = 'issuing', version = 0, code = null, number = null, check_code = null, issued_at = null"
    await hospital.do(undone)
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("delete from timeline where process = 'invoice'")

    assert await hospital.kinds() == {Kind.ROW_OPEN}
    assert await hospital.kinds(standing={"invoice.issuing"}) == set()


async def test_a_visit_billed_by_hand_is_clean(hospital: Hospital) -> None:
    visit = await hospital.visit("unsettled")
    await hospital.given_back(visit, "cleared", "accepted", "arrived", cause="unsettled")
    assert hospital.outside.bills == []

    await billed(hospital, visit, FEE_FEN)

    assert await hospital.kinds() == {Kind.EBILL_TOTAL}
    assert one(hospital.outside.bills, undoes=None)["total_fen"] == FEE_FEN
