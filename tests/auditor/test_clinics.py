"""A stopped clinic: who was forgotten, who was told too often, and who was told for nothing."""

from uuid import UUID

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.clinics import TOLD
from tests.auditor.hospital import AT, SLOT, UNIT, Hospital, Visit

ARRIVED = ("requested", "cleared", "accepted", "arrived")


async def a_stop(hospital: Hospital, *met: Visit, state: str = "done") -> UUID:
    """The clinic's one slot is stopped, and these visits were found there."""
    suspension_id = new()
    await hospital.do("update slot set state = 'stopped' where id = $1", SLOT)
    moves = ("looking", "clearing", "done")[: ("looking", "clearing", "done").index(state) + 1]
    process = {"state": state, "version": len(moves) - 1, "policy": "test-1"}
    await hospital.insert("suspension", id=suspension_id, schedule_id=UNIT, schedule_version="2", **process)
    await hospital.moved("suspension", suspension_id, suspension_id, *moves)
    for visit in met:
        await hospital.insert("suspension_visit", suspension_id=suspension_id, revisit_id=visit.id, outcome="stopped", at=AT)
    return suspension_id


async def stopped(hospital: Hospital, *, times: int = 1) -> Visit:
    """A visit that has gone, was refunded, and was told so many times."""
    visit = await hospital.visit("suspended")
    await hospital.given_back(visit, *ARRIVED, cause="suspended")
    for _ in range(times):
        await hospital.message(visit, TOLD)
    return visit


async def test_everybody_has_gone_and_was_told_once(hospital: Hospital) -> None:
    await a_stop(hospital, await stopped(hospital), await stopped(hospital))

    assert await hospital.audit() == []


async def test_nobody_told_them(hospital: Hospital) -> None:
    await a_stop(hospital, await stopped(hospital, times=0))

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.CLINIC_TOLD, f"0 of {TOLD}", "suspended: 1")


async def test_they_were_told_twice(hospital: Hospital) -> None:
    await a_stop(hospital, await stopped(hospital, times=2))

    assert await hospital.kinds() == {Kind.CLINIC_TOLD, Kind.MESSAGE_AGAIN}


async def test_what_reached_nobody_and_was_sent_again_is_told_once(hospital: Hospital) -> None:
    visit = await stopped(hospital, times=0)
    first = await hospital.message(visit, TOLD, state="undelivered")
    await hospital.message(visit, TOLD, resend_of=first)
    await a_stop(hospital, visit)

    assert await hospital.audit() == []


async def test_who_heard_of_the_stop_at_their_check_in_was_met(hospital: Hospital) -> None:
    visit = await stopped(hospital)
    assert await hospital.kinds() == {Kind.CLINIC_UNMET}

    await hospital.do("update booking set stopped_at = now() where revisit_id = $1", visit.id)

    assert await hospital.audit() == []


async def test_somebody_whose_visit_took_place_was_told(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.message(visit, TOLD)

    assert await hospital.kinds() == {Kind.CLINIC_TOLD}


async def test_a_visit_has_gone_that_no_stop_has_met(hospital: Hospital) -> None:
    await stopped(hospital)

    assert await hospital.kinds() == {Kind.CLINIC_UNMET}


async def test_a_visit_was_forgotten_in_what_is_stopped(hospital: Hospital) -> None:
    await hospital.visit("booked")
    await a_stop(hospital)

    assert await hospital.kinds(standing={"revisit.booked"}) == {Kind.CLINIC_LEFT}


async def test_who_is_being_seen_and_who_was_are_left_alone(hospital: Hospital) -> None:
    for stage in ("consulting", "closed"):
        await hospital.visit(stage)
    await a_stop(hospital)

    assert await hospital.audit(standing={"revisit.consulting"}) == []


async def test_a_stop_under_way_has_not_forgotten_anybody_yet(hospital: Hospital) -> None:
    await hospital.visit("booked")
    await a_stop(hospital, state="clearing")

    assert await hospital.kinds(standing={"revisit.booked"}) == {Kind.ROW_OPEN}
