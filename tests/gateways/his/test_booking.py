"""Locks, bills, settlements: each answer, each refusal, and what a repeat of the same number answers."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from gateways.his.fhir import FhirHIS
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.his.conftest import LIMIT_S
from tests.gateways.his.hospital import Hospital, payment

Fault = Callable[..., None]


async def refusal(call: Awaitable[object]) -> tuple[str, str]:
    with pytest.raises(DomainError) as refused:
        await call
    return refused.value.code, refused.value.kind


async def test_a_lock_has_a_bill_and_an_end(hospital: Hospital, his: FhirHIS) -> None:
    lock = await hospital.locked(hospital.slot(fee_fen=8050))
    assert lock.live
    assert lock.fee_fen == 8050
    assert timedelta(minutes=29) < lock.expires_at - now() <= timedelta(minutes=30)
    bill = await his.bill(lock.invoice_id)
    assert (bill.invoice_id, bill.amount_fen, bill.open) == (lock.invoice_id, 8050, True)
    assert hospital.appointment(lock) == "pending"


async def test_the_same_claim_again_is_the_same_lock(hospital: Hospital, his: FhirHIS) -> None:
    claim, slot, patient = ids.new(), hospital.slot(), hospital.patient()["id"]
    first = await his.lock(claim, slot, patient)
    assert await his.lock(claim, slot, patient) == first
    assert await his.find_lock(claim) == first


async def test_a_claim_that_never_came_is_none(his: FhirHIS) -> None:
    assert await his.find_lock(ids.new()) is None


async def test_a_released_lock_is_not_live_and_its_repeat_neither(hospital: Hospital, his: FhirHIS) -> None:
    claim, slot, patient = ids.new(), hospital.slot(), hospital.patient()["id"]
    lock = await his.lock(claim, slot, patient)
    for _ in range(2):  # done already is done
        await his.release(lock.appointment_id)
    again = await his.lock(claim, slot, patient)
    assert (again.appointment_id, again.live) == (lock.appointment_id, False)
    assert again == await his.find_lock(claim)
    assert not (await his.bill(lock.invoice_id)).open


async def test_who_was_cancelled_by_a_stop_is_found_though_the_place_is_open_again(hospital: Hospital, his: FhirHIS) -> None:
    slot, other = hospital.slot(), hospital.slot()
    held, booked, left, elsewhere, late = (ids.new() for _ in range(5))
    await hospital.locked(slot, claim_id=held)
    await his.settle((await hospital.locked(slot, claim_id=booked)).invoice_id, payment())
    await his.release((await hospital.locked(slot, claim_id=left)).appointment_id)
    await hospital.locked(other, claim_id=elsewhere)
    assert await his.stopped((slot, other)) == frozenset()

    hospital.stop(slot)
    hospital.resume()
    await hospital.locked(slot, claim_id=late)

    assert await his.stopped((slot, other)) == {held, booked}
    assert await his.stopped((other,)) == frozenset()
    assert await his.stopped(()) == frozenset()


async def test_a_lock_is_refused_by_the_his_in_its_own_words(hospital: Hospital, his: FhirHIS) -> None:
    full, stopped, patient = hospital.slot(capacity=1), hospital.slot(), hospital.patient()["id"]
    await hospital.locked(full)
    hospital.stop(stopped)
    assert await refusal(his.lock(ids.new(), full, patient)) == ("his.slot-full", "conflict")
    assert await refusal(his.lock(ids.new(), stopped, patient)) == ("his.slot-stopped", "conflict")
    await his.lock(ids.new(), hospital.slot(), patient)
    assert await refusal(his.lock(ids.new(), hospital.slot(), patient)) == ("his.duplicate-booking", "conflict")
    assert await refusal(his.lock(ids.new(), "slot-nowhere", patient)) == ("his.invalid", "invalid")


async def test_settling_books_and_is_told_once(hospital: Hospital, his: FhirHIS) -> None:
    lock, money = await hospital.locked(), payment()
    assert not await his.settled(money.payment_no)
    for _ in range(2):
        await his.settle(lock.invoice_id, money)
    assert await his.settled(money.payment_no)
    assert not (await his.bill(lock.invoice_id)).open
    assert hospital.appointment(lock) == "booked"
    kept = [row for row in hospital.book("settlements") if row["payment_no"] == money.payment_no]
    assert [(row["channel_no"], row["amount_fen"], row["cash_fen"], row["account_fen"], row["fund_fen"]) for row in kept] == [
        (money.channel_no, 5000, 5000, 0, 0)
    ]


async def test_settling_is_refused_by_the_his_in_its_own_words(hospital: Hospital, his: FhirHIS) -> None:
    booked, slot = await hospital.booked(), hospital.slot()
    differs, released, stopped = await hospital.locked(), await hospital.locked(), await hospital.locked(slot)
    await his.release(released.appointment_id)
    hospital.stop(slot)
    assert await refusal(his.settle(differs.invoice_id, payment(4999))) == ("his.amount-differs", "conflict")
    assert await refusal(his.settle(released.invoice_id, payment())) == ("his.lock-expired", "conflict")
    assert await refusal(his.settle(stopped.invoice_id, payment())) == ("his.slot-stopped", "conflict")
    assert await refusal(his.settle(booked.invoice_id, payment())) == ("his.paid-elsewhere", "conflict")


async def test_a_paid_booking_is_not_released(hospital: Hospital, his: FhirHIS) -> None:
    booked = await hospital.booked()
    assert await refusal(his.release(booked.appointment_id)) == ("his.settled", "conflict")


async def test_checking_in_needs_a_booking_and_is_done_once(hospital: Hospital, his: FhirHIS) -> None:
    locked, booked = await hospital.locked(), await hospital.booked()
    assert await refusal(his.check_in(locked.appointment_id)) == ("his.not-booked", "conflict")
    for _ in range(2):
        await his.check_in(booked.appointment_id)
    assert hospital.appointment(booked) == "checked-in"


async def test_who_did_not_come_is_noted_once(hospital: Hospital, his: FhirHIS) -> None:
    locked, booked = await hospital.locked(), await hospital.booked()
    assert await refusal(his.no_show(locked.appointment_id)) == ("his.not-booked", "conflict")
    for _ in range(2):
        await his.no_show(booked.appointment_id)
    assert hospital.appointment(booked) == "noshow"


async def test_what_the_his_does_not_have_is_refused(his: FhirHIS) -> None:
    assert await refusal(his.bill("inv-nowhere")) == ("his.not-found", "conflict")
    assert await refusal(his.release("apt-nowhere")) == ("his.not-found", "conflict")


@pytest.mark.parametrize("kind", ["slow", "lost"])
async def test_a_lock_that_nobody_answered_is_unknown_and_the_same_number_finds_it(
    hospital: Hospital, his: FhirHIS, fault: Fault, kind: str
) -> None:
    claim, slot, patient = ids.new(), hospital.slot(), hospital.patient()["id"]
    fault("his", "POST /fhir/R4/Appointment", kind, LIMIT_S * 10)
    began = now()
    with pytest.raises(Unknown):
        await his.lock(claim, slot, patient)
    assert now() - began < timedelta(seconds=LIMIT_S * 5)

    again = await his.lock(claim, slot, patient)
    assert again.live
    assert await his.find_lock(claim) == again
    assert len([row for row in hospital.book("appointments") if row["claim_no"] == claim.hex]) == 1


async def test_a_lock_lost_after_taking_effect_is_there_to_be_found(hospital: Hospital, his: FhirHIS, fault: Fault) -> None:
    claim, slot, patient = ids.new(), hospital.slot(capacity=1), hospital.patient()["id"]
    fault("his", "POST /fhir/R4/Appointment", "lost", 0.05)
    with pytest.raises(Unknown, match="504"):
        await his.lock(claim, slot, patient)
    found = await his.find_lock(claim)
    assert found is not None
    assert found.live
    assert await his.lock(claim, slot, patient) == found


async def test_a_settlement_that_nobody_answered_is_asked_and_told_again(hospital: Hospital, his: FhirHIS, fault: Fault) -> None:
    lock, money = await hospital.locked(), payment()
    fault("his", "POST /fhir/R4/Invoice/{id}/$settle", "lost", 0.05)
    with pytest.raises(Unknown):
        await his.settle(lock.invoice_id, money)
    assert await his.settled(money.payment_no)
    await his.settle(lock.invoice_id, money)
    assert len([row for row in hospital.book("settlements") if row["payment_no"] == money.payment_no]) == 1


async def test_a_move_that_nobody_answered_is_done_when_asked_again(hospital: Hospital, his: FhirHIS, fault: Fault) -> None:
    locked, booked, away = await hospital.locked(), await hospital.booked(), await hospital.booked()
    moves = [(his.release, locked, "cancelled"), (his.check_in, booked, "checked-in"), (his.no_show, away, "noshow")]
    for move, lock, state in moves:
        fault("his", "PUT /fhir/R4/Appointment/{id}", "lost", 0.05)
        with pytest.raises(Unknown):
            await move(lock.appointment_id)
        await move(lock.appointment_id)
        assert hospital.appointment(lock) == state
