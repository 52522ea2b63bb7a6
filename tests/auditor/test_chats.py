"""Conversations: a line that stands otherwise than it was said, or is not there."""

import json
from uuid import UUID

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import AT, Hospital, Visit
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.wax import VAULT, Plain


async def said(hospital: Hospital, visit: Visit, number: int, account_id: UUID, side: str) -> UUID:
    """A line, and what was answered to who said it."""
    id, words = new(), f"line {number}"
    line = {"id": id, "revisit_id": visit.id, "number": number, "account_id": account_id, "side": side, "at": AT}
    await hospital.insert("chat", text=Plain(words), **line)
    answer = json.dumps({"id": str(id), "number": number, "side": side, "text": words, "at": AT.isoformat()})
    await hospital.insert("intent", id=id, account_id=account_id, body="hash", status=201, answer=Plain(answer))
    return id


@pytest.fixture(name="lines")
async def _lines(pharmacy: Pharmacy) -> list[UUID]:
    """The doctor's, and the patient's."""
    hospital, doctor = pharmacy.hospital, pharmacy.accounts["doctor"]
    visit = await hospital.visit("closed")
    await hospital.do("update doctor set account_id = $1", doctor)
    await hospital.do("update revisit set doctor_id = 'doc-1'")
    return [await said(hospital, visit, 1, doctor, "doctor"), await said(hospital, visit, 2, hospital.account_id, "patient")]


async def test_a_line_of_each_side(pharmacy: Pharmacy, lines: list[UUID]) -> None:
    assert lines
    assert await pharmacy.hospital.audit() == []


async def test_other_words_stand_there(pharmacy: Pharmacy, lines: list[UUID]) -> None:
    await pharmacy.hospital.do("update chat set text = $1 where id = $2", VAULT.seal("chat.text", lines[1], "……"), lines[1])

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.ours, found.about) == (Kind.CONTENT_CHANGED, "another text", f"chat={lines[1]} number=2")
    assert await pharmacy.hospital.kinds(quiet=False) == {Kind.CONTENT_CHANGED}


async def test_the_last_line_is_not_there(pharmacy: Pharmacy, lines: list[UUID]) -> None:
    await pharmacy.hospital.do("delete from chat where number = 2")

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.about) == (Kind.CONTENT_MISSING, f"chat={lines[1]}")


async def test_side_and_account_were_changed(pharmacy: Pharmacy, lines: list[UUID]) -> None:
    doctor, patient = pharmacy.accounts["doctor"], pharmacy.hospital.account_id
    for account, side in ((patient, "doctor"), (doctor, "patient"), (pharmacy.accounts["pharmacist"], "doctor")):
        await pharmacy.hospital.do("update chat set account_id = $1, side = $2 where id = $3", account, side, lines[0])

        found = await pharmacy.hospital.audit()

        assert {one.kind for one in found} == {Kind.CONTENT_CHANGED}
        assert any(one.theirs == "another account's" for one in found)


async def test_a_doctor_who_was_replaced_had_said_something(pharmacy: Pharmacy, lines: list[UUID]) -> None:
    assert lines
    await pharmacy.hospital.do("update revisit set doctor_id = 'doc-2', rearranged_at = $1", AT)

    assert Kind.CONTENT_CHANGED not in await pharmacy.hospital.kinds()
