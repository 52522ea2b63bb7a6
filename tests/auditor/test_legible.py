"""A row whose content cannot be understood is told, and breaks nothing."""

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import AT, Hospital
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.wax import VAULT


@pytest.mark.parametrize("value", ['["x"]', "[1]", "7", '{"a": 1}'])
async def test_pictures_that_are_no_numbers(hospital: Hospital, value: str) -> None:
    visit = await hospital.visit("closed")
    await hospital.do("update intake set file_ids = $1", value)

    [found] = await hospital.audit()

    assert (found.kind, found.visit, found.about.partition(" ")[2]) == (Kind.ROW_ILLEGIBLE, visit.id, "column=file_ids")


async def test_answers_that_are_none(hospital: Hospital) -> None:
    await hospital.visit("closed")
    await hospital.do("update survey_answer set answers = '7'")

    assert await hospital.kinds() == {Kind.ROW_ILLEGIBLE}


async def test_what_came_and_is_no_event(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    came = {"kind": "reported", "party": "wechat_pay", "external_id": "1", "handled_at": AT, "outcome": "done"}
    await hospital.insert("inbox", id=new(), process="charge", process_id=visit.charge_id, event="[]", **came)

    assert await hospital.kinds() == {Kind.ROW_ILLEGIBLE}


async def test_rules_without_their_times(hospital: Hospital) -> None:
    await hospital.insert("policy", version="test-0", line="test", effective_at=AT, rules='{"enter_s": 300}')

    assert await hospital.kinds() == {Kind.ROW_ILLEGIBLE}


@pytest.mark.parametrize(("table", "column"), [("message", "params"), ("delivery_address", "place")])
@pytest.mark.parametrize("value", ["no json", "[]", "{"])
async def test_sealed_words_and_places_that_are_none(pharmacy: Pharmacy, table: str, column: str, value: str) -> None:
    await pharmacy.prescription("delivered")
    [row] = await pharmacy.hospital.wire.fetch(f"select id from {table} limit 1")
    sealed = VAULT.seal(f"{table}.{column}", row["id"], value)
    await pharmacy.hospital.do(f"update {table} set {column} = $2 where id = $1", row["id"], sealed)

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.ours) == (Kind.CONTENT_SEALED, "opens, and cannot be understood")
