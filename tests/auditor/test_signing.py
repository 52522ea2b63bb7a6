"""What stands in a row and was not signed so."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.auditor import Kind, story
from tests.auditor.hospital import AT
from tests.auditor.pharmacy import WRITTEN, Pharmacy
from tests.auditor.signing import same
from tests.auditor.wax import VAULT

FILED = ("signing", "filing", "filed")
CHANGED = {
    "content": json.dumps(story.RECORD["content"] | {"advice": "另行安排"}),
    "diagnosis_code": "I10.x00",
    "diagnosis_text": "高血压",
}


async def resealed(pharmacy: Pharmacy, table: str, column: str, value: str) -> UUID:
    """Another value stands in the one row of a table."""
    [row] = await pharmacy.hospital.wire.fetch(f"select id from {table}")
    sealed = VAULT.seal(f"{table}.{column}", row["id"], value)
    await pharmacy.hospital.do(f"update {table} set {column} = $1", sealed)
    return row["id"]


@pytest.mark.parametrize(("column", "value"), CHANGED.items(), ids=CHANGED)
async def test_a_record_was_changed_after_it_was_signed(pharmacy: Pharmacy, column: str, value: str) -> None:
    visit = await pharmacy.hospital.visit("closed")
    await pharmacy.record(visit, *FILED)
    assert await pharmacy.hospital.audit() == []
    await resealed(pharmacy, "record", column, value)

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.ours, found.visit) == (Kind.CONTENT_CHANGED, f"another {column}", visit.id)
    assert value not in str(found)


async def test_a_record_that_was_saved_anew_and_not_signed_yet(pharmacy: Pharmacy) -> None:
    await pharmacy.record(await pharmacy.hospital.visit("closed"), *FILED)
    await resealed(pharmacy, "record", "diagnosis_code", "I10.x00")
    await pharmacy.hospital.do("update record set saved_at = $1", AT + timedelta(days=1))

    assert await pharmacy.hospital.audit() == []


async def test_a_text_of_another_patients_record(pharmacy: Pharmacy) -> None:
    await pharmacy.record(await pharmacy.hospital.visit("closed"), *FILED)
    await pharmacy.hospital.visit("closed")
    text = json.dumps({"document": "record", "visit": "x", "patient": "y", "by": "doc-1", "record": story.RECORD})
    await resealed(pharmacy, "signature", "text", text)

    assert "another visit patient" in {one.ours for one in await pharmacy.hospital.audit() if one.kind is Kind.CONTENT_CHANGED}


async def test_a_prescription_was_changed_after_it_was_signed(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("queued")
    await resealed(pharmacy, "prescription_content", "content", json.dumps(WRITTEN | {"diagnosis_text": "高血压"}))

    [found] = await pharmacy.hospital.audit(standing={"prescription.queued"})

    assert (found.kind, found.ours, found.visit) == (Kind.CONTENT_CHANGED, "another content", prescription.money.id)
    assert "高血压" not in str(found)


async def test_what_the_review_found_is_not_as_grave(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("queued")
    await resealed(pharmacy, "prescription_content", "findings", json.dumps({"level": "inform", "findings": []}))
    await pharmacy.hospital.do("update prescription_content set level = 'inform'")
    assert await pharmacy.hospital.audit(standing={"prescription.queued"}) == []

    await pharmacy.hospital.do("update prescription_content set level = 'ok'")

    assert [one.ours for one in await pharmacy.hospital.audit(standing={"prescription.queued"})] == ["another level"]


@pytest.mark.parametrize(
    ("said", "stands", "fits"),
    [
        ({"dose": "1.5"}, {"dose": "1.50"}, True),
        ({"dose": "1.5"}, {"dose": "15"}, False),
        (["e\u0301"], ["\u00e9"], True),
        (["a"], ["a", "b"], False),
        ({"a": None}, {}, False),
        ("a", "b", False),
    ],
)
def test_word_for_word(said: Any, stands: Any, fits: bool) -> None:
    assert same(said, stands) is fits
