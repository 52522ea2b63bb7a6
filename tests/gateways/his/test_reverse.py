"""Giving back what was settled: each answer, each refusal, and what a repeat of the same number answers."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from gateways.his.fhir import FhirHIS
from models.booking import Lock
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.his.conftest import LIMIT_S
from tests.gateways.his.hospital import DOCTOR, Hospital, payment

Fault = Callable[..., None]

REVERSE = "POST /fhir/R4/Invoice/{id}/$reverse"


async def refusal(call: Awaitable[object]) -> tuple[str, str]:
    with pytest.raises(DomainError) as refused:
        await call
    return refused.value.code, refused.value.kind


@pytest.fixture
def refund_no() -> str:
    return ids.new().hex


def reversals(hospital: Hospital, lock: Lock) -> list[tuple[str, int, int, str]]:
    rows = [row for row in hospital.book("reversals") if row["invoice_id"] == lock.invoice_id]
    return [(row["refund_no"], row["amount_fen"], row["cash_fen"], row["reason"]) for row in rows]


async def in_the_room(hospital: Hospital, his: FhirHIS) -> tuple[Lock, str]:
    """A booking whose patient is being seen, and the encounter."""
    patient = hospital.patient()["id"]
    booked = await hospital.booked(patient)
    await his.check_in(booked.appointment_id)
    return booked, await his.begin_encounter(ids.new(), booked.appointment_id, patient, DOCTOR, now())


async def test_a_booking_is_given_back_once(hospital: Hospital, his: FhirHIS, refund_no: str) -> None:
    booked = await hospital.booked()
    assert not await his.reversed(refund_no)
    for _ in range(2):
        await his.reverse(booked.invoice_id, refund_no, 5000, "patient")
    assert await his.reversed(refund_no)
    assert not (await his.bill(booked.invoice_id)).open
    assert hospital.appointment(booked) == "cancelled"
    assert reversals(hospital, booked) == [(refund_no, 5000, 5000, "patient")]


async def test_its_place_is_free_again(hospital: Hospital, his: FhirHIS, refund_no: str) -> None:
    slot = hospital.slot(capacity=1)
    lock = await hospital.locked(slot)
    await his.settle(lock.invoice_id, payment())
    await his.reverse(lock.invoice_id, refund_no, 5000, "patient")
    assert (await hospital.locked(slot)).live


async def test_a_part_leaves_the_booking(hospital: Hospital, his: FhirHIS, refund_no: str) -> None:
    booked = await hospital.booked()
    await his.reverse(booked.invoice_id, refund_no, 2000, "management")
    bill = await his.bill(booked.invoice_id)
    assert (bill.amount_fen, bill.open, hospital.appointment(booked)) == (3000, False, "booked")
    assert await refusal(his.reverse(booked.invoice_id, ids.new().hex, 3001, "management")) == ("his.amount-differs", "conflict")
    assert await refusal(his.reverse(booked.invoice_id, refund_no, 1999, "management")) == ("his.amount-differs", "conflict")
    await his.reverse(booked.invoice_id, ids.new().hex, 3000, "management")
    assert hospital.appointment(booked) == "cancelled"


async def test_it_is_refused_by_the_his_in_its_own_words(hospital: Hospital, his: FhirHIS, refund_no: str) -> None:
    locked, given_back, dispensed = await hospital.locked(), await hospital.booked(), await hospital.booked()
    seen, encounter = await in_the_room(hospital, his)
    await his.finish_encounter(encounter, now() + timedelta(seconds=1))
    await his.reverse(given_back.invoice_id, ids.new().hex, 5000, "patient")
    hospital.outside.post(f"/his/desk/invoices/{dispensed.invoice_id}/dispense").raise_for_status()

    async def refused(lock: Lock) -> tuple[str, str]:
        return await refusal(his.reverse(lock.invoice_id, refund_no, 5000, "patient"))

    assert await refused(locked) == ("his.not-settled", "conflict")
    assert await refused(given_back) == ("his.already-reversed", "conflict")
    assert await refused(dispensed) == ("his.dispensed", "conflict")
    assert await refused(seen) == ("his.executed", "conflict")
    assert await refusal(his.reverse("inv-nowhere", refund_no, 5000, "patient")) == ("his.not-found", "conflict")
    assert not await his.reversed(refund_no)


async def test_a_visit_under_way_ends_with_its_money(hospital: Hospital, his: FhirHIS, refund_no: str) -> None:
    seen, encounter = await in_the_room(hospital, his)
    await his.reverse(seen.invoice_id, refund_no, 5000, "declined")
    assert hospital.appointment(seen) == "cancelled"
    assert await refusal(his.finish_encounter(encounter, now())) == ("his.not-booked", "conflict")


async def test_a_settlement_that_comes_after_is_refused(hospital: Hospital, his: FhirHIS, refund_no: str) -> None:
    lock, money = await hospital.locked(), payment()
    await his.settle(lock.invoice_id, money)
    await his.reverse(lock.invoice_id, refund_no, 5000, "patient")
    assert await refusal(his.settle(lock.invoice_id, money)) == ("his.already-reversed", "conflict")
    assert await his.settled(money.payment_no)


@pytest.mark.parametrize("kind", ["slow", "lost"])
async def test_a_reversal_that_nobody_answered_is_unknown_and_done_once_when_asked_again(
    hospital: Hospital, his: FhirHIS, fault: Fault, refund_no: str, kind: str
) -> None:
    booked = await hospital.booked()
    fault("his", REVERSE, kind, LIMIT_S * 2)
    with pytest.raises(Unknown):
        await his.reverse(booked.invoice_id, refund_no, 5000, "patient")
    await his.reverse(booked.invoice_id, refund_no, 5000, "patient")
    assert await his.reversed(refund_no)
    assert len(reversals(hospital, booked)) == 1


@pytest.mark.parametrize("kind", ["lost", "tampered"])
async def test_a_reversal_whose_answer_is_lost_or_unreadable_is_there_to_be_found(
    hospital: Hospital, his: FhirHIS, fault: Fault, refund_no: str, kind: str
) -> None:
    booked = await hospital.booked()
    fault("his", REVERSE, kind, 0.05)
    with pytest.raises(Unknown):
        await his.reverse(booked.invoice_id, refund_no, 5000, "patient")
    assert await his.reversed(refund_no)


async def test_a_reversal_that_arrives_twice_is_done_once(hospital: Hospital, his: FhirHIS, fault: Fault, refund_no: str) -> None:
    booked = await hospital.booked()
    fault("his", REVERSE, "duplicated", 0)
    await his.reverse(booked.invoice_id, refund_no, 5000, "patient")
    assert len(reversals(hospital, booked)) == 1
