"""Each once: whatever the outside has a second time is told, an exact copy too."""

from collections.abc import Callable

import pytest

from tests.auditor import Kind
from tests.auditor.hospital import Hospital
from tests.auditor.issuer import at_the_issuer
from tests.auditor.once import OWN
from tests.auditor.outside import Outside, Row
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.theirs import Theirs

ARRIVED = ("requested", "cleared", "accepted", "arrived")
FILED = ("signing", "filing", "filed")


async def _everything(pharmacy: Pharmacy) -> None:
    """A row at least in every list."""
    prescription = await pharmacy.prescription("delivered")
    await pharmacy.record(prescription.money, *FILED)
    await pharmacy.hospital.given_back(await pharmacy.hospital.visit("cancelled"), *ARRIVED)


@pytest.mark.parametrize("name", OWN)
async def test_an_exact_copy_of_a_row(pharmacy: Pharmacy, name: str) -> None:
    await _everything(pharmacy)
    assert await pharmacy.hospital.audit() == []
    rows: list[Row] = getattr(pharmacy.outside, name)
    rows += [dict(rows[-1])]

    found = [one for one in await pharmacy.hospital.audit() if one.kind is Kind.ROWS_TWICE]

    assert found
    assert {(one.ours, one.theirs, one.about.split()[0]) for one in found} == {("one row", "2 rows", f"list={name}")}


def _second_bill(outside: Outside) -> Row:
    return outside.bills[0] | {"number": "0000009998"}


def _second_red(outside: Outside) -> Row:
    return outside.bills[-1] | {"number": "0000009998"}


def _second_appointment(outside: Outside) -> Row:
    return outside.appointments[0] | {"id": "apt-x"}


def _second_encounter(outside: Outside) -> Row:
    return outside.encounters[0] | {"id": "enc-x"}


@pytest.mark.parametrize(
    ("name", "column", "second"),
    [
        pytest.param("bills", "bus_no", _second_bill, id="e-bill"),
        pytest.param("bills", "undoes", _second_red, id="red bill"),
        pytest.param("appointments", "claim_no", _second_appointment, id="appointment"),
        pytest.param("encounters", "visit_no", _second_encounter, id="encounter"),
    ],
)
async def test_a_second_one_under_our_number_with_another_of_its_own(
    pharmacy: Pharmacy, name: str, column: str, second: Callable[[Outside], Row]
) -> None:
    await _everything(pharmacy)
    rows: list[Row] = getattr(pharmacy.outside, name)
    rows += [second(pharmacy.outside)]

    found = [one for one in await pharmacy.hospital.audit() if one.kind is Kind.ROWS_TWICE]

    assert f"list={name} {column}={rows[-1][column]}" in {one.about for one in found}


async def test_while_a_visit_is_under_way_too(hospital: Hospital) -> None:
    await hospital.visit("waiting")
    hospital.outside.appointments.append(hospital.outside.appointments[0] | {"id": "apt-x"})

    assert await hospital.kinds(quiet=False) == {Kind.ROWS_TWICE}


async def test_a_red_bill_of_a_bill_that_nobody_has(hospital: Hospital) -> None:
    at_the_issuer(hospital, "0000009999", 1, undoes="0000009998")

    [found] = await hospital.audit()

    assert (found.kind, found.about) == (Kind.EBILL_UNKNOWN, "bill=0000009999 undoes=0000009998")


def test_of_every_list_it_is_known_what_is_each_rows_own() -> None:
    """Lines and scans have no number among what is read of them, texts may be repeated once, and are counted."""
    assert set(Theirs.__dataclass_fields__) - set(OWN) == {"lines", "scans", "texts"}
