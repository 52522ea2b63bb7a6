"""Signatures: to the text and the person, what our rows and the CA's books disagree on."""

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.finding import told
from tests.auditor.hospital import one
from tests.auditor.pharmacy import DOCTOR, PHARMACIST, Pharmacy, Prescription


@pytest.mark.parametrize("state", ["SIGNED", "PENDING"])
async def test_the_ca_asked_somebody_what_we_do_not_know(pharmacy: Pharmacy, state: str) -> None:
    pharmacy.task(new(), DOCTOR, "0" * 64, "0" * 128)["state"] = state

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.SIGNATURE_UNKNOWN, "no such number", state)


async def test_proved_here_and_not_signed_at_the_ca(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("picked up")
    task = _task(pharmacy, prescription, 0)

    for state in ("PENDING", "REFUSED", "EXPIRED", "no such task"):
        task["state"] = state
        if state == "no such task":
            pharmacy.outside.tasks.remove(task)
        [found] = await pharmacy.hospital.audit()

        assert (found.kind, found.theirs, found.visit) == (Kind.SIGNATURE_MISSING, state, prescription.money.id)


async def test_the_ca_has_another_text_another_signature_or_another_person(pharmacy: Pharmacy) -> None:
    task = _task(pharmacy, await pharmacy.prescription("picked up"), 1)
    right = dict(task)

    for column, value, what in (("digest", "0" * 64, "digest"), ("signature", "0" * 128, "signature"), ("staff_id", DOCTOR, "signer")):
        task.update(right | {column: value})
        [found] = await pharmacy.hospital.audit()

        assert (found.kind, found.ours) == (Kind.SIGNATURE_DIFFERS, f"another {what}")
        assert value not in told([found])


async def test_a_text_that_was_changed_here_after_it_was_signed(pharmacy: Pharmacy) -> None:
    """Moved from another row it does not open at all; sealed anew it has another digest."""
    prescription = await pharmacy.prescription("picked up")
    await pharmacy.resealed(prescription.signatures[0], "another text")

    assert await pharmacy.hospital.kinds() == {Kind.SIGNATURE_DIFFERS, Kind.CONTENT_CHANGED}


@pytest.mark.parametrize("side", ["doctor", "pharmacist"])
async def test_signed_at_the_ca_and_forgotten_here(pharmacy: Pharmacy, side: str) -> None:
    prescription = await pharmacy.prescription("picked up")
    await pharmacy.signed(prescription.money, prescription.id, prescription.content_id, side, proved=False)

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.SIGNATURE_UNHEEDED, "not proved", "SIGNED")


async def test_a_signature_that_could_not_be_proved_was_set_aside_and_the_next_one_not(pharmacy: Pharmacy) -> None:
    """The timeline says for one of them that the prescription went back to its doctor."""
    prescription = await pharmacy.prescription("withdrawn")
    await pharmacy.set_aside(prescription)
    await pharmacy.signed(prescription.money, prescription.id, prescription.content_id, "doctor", proved=False)
    assert await pharmacy.hospital.audit() == []

    await pharmacy.signed(prescription.money, prescription.id, prescription.content_id, "doctor", proved=False)

    assert await pharmacy.hospital.kinds() == {Kind.SIGNATURE_UNHEEDED}


async def test_one_person_signed_on_both_sides(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("picked up")
    await pharmacy.hospital.do("update signature set account_id = $1", pharmacy.accounts["pharmacist"])
    _task(pharmacy, prescription, 0)["staff_id"] = PHARMACIST

    assert await pharmacy.hospital.kinds() == {Kind.SIGNATURE_ALONE, Kind.CONTENT_CHANGED, Kind.ROW_WHOSE}
    assert Kind.SIGNATURE_ALONE in await pharmacy.hospital.kinds(quiet=False)


def _task(pharmacy: Pharmacy, prescription: Prescription, at: int) -> dict[str, object]:
    return one(pharmacy.outside.tasks, number=prescription.signatures[at].hex)
