"""Our own story: what is not at its end, what was not handled, and a timeline that tells something else than the rows."""

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import AT, FEE_FEN, Hospital

REPORTED = (
    "insert into inbox (id, process, process_id, kind, event, party, external_id) values ($1, $2, $3, 'reported', '{}', 'wechat_pay', $4)"
)


async def test_a_visit_that_has_not_ended(hospital: Hospital) -> None:
    visit = await hospital.visit("booked")

    [found] = await hospital.audit()

    assert (found.kind, found.about, found.ours) == (Kind.ROW_OPEN, f"revisit={visit.id}", "booked")
    assert await hospital.audit(standing={"revisit.booked"}) == []
    assert await hospital.audit(quiet=False) == []


async def test_a_charge_and_a_refund_that_have_not_ended(hospital: Hospital) -> None:
    await hospital.visit("paying")
    await hospital.given_back(await hospital.visit("cancelled"), "requested", "cleared", "accepted")

    found = await hospital.audit(standing={"revisit.paying"})

    assert {(one.kind, one.ours) for one in found} == {(Kind.ROW_OPEN, "open"), (Kind.ROW_OPEN, "accepted")}


async def test_a_row_that_a_step_holds(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.do("update revisit set step = 'revisit.close@1' where id = $1", visit.id)

    assert await hospital.kinds() == {Kind.ROW_FENCED}
    assert await hospital.kinds(quiet=False) == set()


async def test_something_that_came_and_was_not_handled(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    inbox_id = new()
    await hospital.do(REPORTED, inbox_id, "charge", visit.charge_id, "notify-1")

    [found] = await hospital.audit()

    assert (found.kind, found.visit) == (Kind.INBOX_UNHANDLED, visit.id)
    assert await hospital.audit(standing={"inbox.reported"}) == []
    await hospital.do("update inbox set handled_at = now(), outcome = 'done' where id = $1", inbox_id)
    assert await hospital.audit() == []


async def test_a_key_that_was_done_twice(hospital: Hospital) -> None:
    """PostgreSQL refuses it, unless somebody took the constraint away."""
    visit = await hospital.visit("closed")
    await hospital.do("alter table timeline drop constraint uq_timeline_process_id_step, disable trigger never_changed")
    await hospital.do("update timeline set step = 'step@1' where process_id = $1 and version = 2", visit.id)

    [found] = await hospital.audit()

    assert (found.kind, found.about) == (Kind.TIMELINE_TWICE, f"revisit={visit.id} step=step@1")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("update revisit set version = version + 1", id="a move that was not told"),
        pytest.param("update revisit set state = 'absent'", id="another state than was told last"),
        pytest.param("delete from timeline where version = 2", id="a line that is gone"),
        pytest.param("delete from timeline where version = 0", id="how it was opened is gone"),
        pytest.param("update timeline set after = 'choosing' where version = 0", id="it was opened as something else"),
        pytest.param("update timeline set before = 'waiting' where process = 'revisit' and version = 2", id="a line that begins elsewhere"),
    ],
)
async def test_a_row_and_its_timeline_tell_two_stories(hospital: Hospital, damage: str) -> None:
    visit = await hospital.visit("unpaid")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do(damage)

    [found] = await hospital.audit()

    assert (found.kind, found.visit) == (Kind.TIMELINE_GAP, visit.id)


async def test_what_is_under_way_is_not_judged_unless_all_is_quiet(hospital: Hospital) -> None:
    """The bank has the money and the notify is on its way."""
    visit = await hospital.visit("paying")
    hospital.outside.payments.append({"transaction_id": "4200-x", "out_trade_no": visit.order_id.hex, "total_fen": FEE_FEN})

    assert await hospital.kinds(quiet=False) == set()
    assert Kind.MONEY_UNKNOWN in await hospital.kinds(standing={"revisit.paying", "charge.open"})
    assert Kind.MONEY_UNKNOWN in await hospital.kinds(quiet=False, standing={"revisit.paying", "charge.open"})


async def test_money_of_nobody_is_judged_once_its_report_was_handled(hospital: Hospital) -> None:
    hospital.outside.payments.append({"transaction_id": "4200-x", "out_trade_no": "x", "total_fen": FEE_FEN})
    inbox_id = new()
    await hospital.do(REPORTED.replace("{}", '{"order_no": "x"}'), inbox_id, "charge", None, "notify-1")
    assert await hospital.kinds(quiet=False) == set()

    await hospital.do("update inbox set handled_at = now() where id = $1", inbox_id)

    assert Kind.MONEY_UNKNOWN in await hospital.kinds(quiet=False)


async def test_a_report_of_one_sum_excuses_no_other(hospital: Hospital) -> None:
    hospital.outside.payments.append({"transaction_id": "4200-x", "out_trade_no": "x", "total_fen": FEE_FEN})
    await hospital.do(REPORTED.replace("{}", '{"order_no": "y"}'), new(), "charge", None, "notify-1")

    assert await hospital.kinds(quiet=False) == {Kind.MONEY_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}


async def test_money_of_nobody_that_goes_back_is_not_judged_on_its_way(hospital: Hospital) -> None:
    payment_id = await hospital.unwanted(None, "unknown_order")
    await hospital.given_back(None, "cleared", "accepted", payment_id=payment_id, cause="unknown_order")
    hospital.outside.refunds.clear()
    hospital.deliver(new(), "sign_in_code")

    assert await hospital.kinds(quiet=False) == {Kind.MESSAGE_UNKNOWN}


async def test_a_refund_that_is_stuck_is_judged_while_it_waits(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), "requested", "cleared", "accepted", "stuck")
    hospital.outside.refunds[0]["status"] = "SUCCESS"

    assert await hospital.kinds(quiet=False) == {Kind.REFUND_STATE}


async def test_only_the_visits_that_are_asked_for(hospital: Hospital) -> None:
    visit, other = await hospital.visit("booked"), await hospital.visit("paying")
    await hospital.message(None, "sign_in_code", state="due", due_at=AT)

    assert {one.about for one in await hospital.audit(visits={visit.id})} == {f"revisit={visit.id}"}
    assert {one.visit for one in await hospital.audit(visits={other.id})} == {other.id}
