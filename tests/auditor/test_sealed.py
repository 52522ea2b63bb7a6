"""Sealed values that cannot be read."""

import json

import pytest

from tests.auditor import Kind
from tests.auditor.hospital import Hospital
from tests.auditor.ours_sealed import COLUMNS
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.seal import NoKeyError
from tests.auditor.wax import VAULT

FILLED = {
    *(("delivery_address", "place"), ("delivery_track", "text"), ("intake", "text"), ("record", "content"), ("patient", "id_number")),
    *(("message", "phone"), ("account", "phone"), ("prescription_content", "content"), ("signature", "text"), ("signature", "signature")),
}
"""Columns in which the books of one delivered prescription have something; the others are sealed alike."""


async def test_a_column_was_overwritten(pharmacy: Pharmacy) -> None:
    hospital = pharmacy.hospital
    await pharmacy.prescription("delivered")
    await hospital.unguarded()
    for table, column in sorted(FILLED):
        [row] = await hospital.wire.fetch(f"select {COLUMNS[table][0]} as id, {column} as value from {table} limit 1")
        await hospital.do(f"update {table} set {column} = $1 where {COLUMNS[table][0]} = $2", b"\x02k1" + bytes(40), row["id"])

        [found] = await hospital.audit()

        assert (found.kind, found.about, found.ours) == (Kind.CONTENT_SEALED, f"{table}={row['id']} column={column}", "does not open")
        await hospital.do(f"update {table} set {column} = $1 where {COLUMNS[table][0]} = $2", row["value"], row["id"])
    assert await hospital.audit() == []


@pytest.mark.parametrize("damage", ["''", "name", "overlay(id_number placing 'x' from 20)"], ids=("empty", "of another column", "one byte"))
async def test_a_value_was_emptied_moved_or_changed(hospital: Hospital, damage: str) -> None:
    visit = await hospital.visit("closed")
    await hospital.do(f"update patient set id_number = {damage}")

    [found] = await hospital.audit()

    assert (found.kind, found.about) == (Kind.CONTENT_SEALED, f"patient={visit.id} column=id_number")


@pytest.mark.parametrize("text", ["{", "[]", '{"prescribed": {}}', json.dumps({"prescribed": {"items": [{"dose": "much"}]}})])
async def test_a_prescription_that_opens_and_says_nothing(pharmacy: Pharmacy, text: str) -> None:
    prescription = await pharmacy.prescription("picked up")
    sealed = VAULT.seal("prescription_content.content", prescription.content_id, text)
    await pharmacy.hospital.do("update prescription_content set content = $1", sealed)

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.ours) == (Kind.CONTENT_SEALED, "opens, and cannot be understood")


async def test_another_hospitals_key_opens_nothing(hospital: Hospital) -> None:
    await hospital.visit("unpaid")

    assert {one.kind for one in await hospital.audit(column_keys={"k2": "00" * 16})} == {Kind.CONTENT_SEALED}


async def test_a_key_that_the_auditor_was_not_given_is_no_clean_book(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("picked up")

    with pytest.raises(NoKeyError, match="column key k1, which was not given"):
        await pharmacy.hospital.audit(column_keys={})
