"""Contents: what was said, written or seen, and is not there."""

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import AT, Hospital
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.wax import VAULT, Plain

EMPTIED = {
    "consent": {"consent of self_check", "consent of revisit"},
    "intake": {"intake"},
    "record": {"record"},
    "survey_answer": {"survey's answer"},
    "survey_answer, survey": {"survey"},
    "patient_binding": {"binding"},
}
"""What is missing of a visit that was closed, by the tables that somebody emptied."""


@pytest.mark.parametrize(("tables", "missing"), EMPTIED.items(), ids=EMPTIED)
async def test_a_table_was_emptied(hospital: Hospital, tables: str, missing: set[str]) -> None:
    visit = await hospital.visit("closed")
    assert await hospital.audit() == []
    await hospital.do(f"truncate {tables}")

    found = await hospital.audit()

    assert {(one.kind, one.ours, one.visit) for one in found} == {(Kind.CONTENT_MISSING, f"no {what}", visit.id) for what in missing}
    assert await hospital.kinds(quiet=False) == {Kind.CONTENT_MISSING}


async def test_it_is_of_another_visit(hospital: Hospital) -> None:
    visit, other = await hospital.visit("closed"), await hospital.visit("closed")
    await hospital.do("update intake set revisit_id = $2 where revisit_id = $1", visit.id, other.id)
    await hospital.do("update survey_answer set survey_id = (select id from survey where revisit_id = $1)", other.id)

    found = await hospital.audit()

    assert {(one.ours, one.visit) for one in found} == {("no intake", visit.id), ("no survey's answer", visit.id)}


async def test_a_picture_that_belongs_to_what_was_described(hospital: Hospital) -> None:
    visit, file_id = await hospital.visit("booked"), new()
    await hospital.do(f"update intake set file_ids = '[\"{file_id}\"]'")

    [found] = await hospital.audit(standing={"revisit.booked"})

    assert (found.kind, found.ours, found.about) == (Kind.CONTENT_MISSING, "no file", f"visit={visit.id} file={file_id}")


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ("refusal = 'emergency'", None),
        ("unstable = false", "consent of stability"),
        ("note_id = gen_random_uuid()", "note"),
    ],
    ids=("emergency", "stability", "note"),
)
async def test_what_the_row_says_was_said(hospital: Hospital, change: str, missing: str | None) -> None:
    """The self-check of an emergency was answered on the way."""
    await hospital.visit("closed")
    await hospital.do(f"update revisit set {change}")
    if missing is None:
        await hospital.do("update consent set detail = '{\"symptoms\": [\"chest_pain\"]}' where scene = 'self_check'")

    assert [one.ours for one in await hospital.audit()] == ([f"no {missing}"] if missing else [])
    await hospital.do("truncate consent")
    assert "no consent of self_check" in {one.ours for one in await hospital.audit()}


async def test_what_the_his_lacked_of_a_patient_was_supplied(hospital: Hospital) -> None:
    visit = await hospital.visit("booked")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set before = 'completing' where process_id = $1 and after = 'consenting'", visit.id)

    [found] = [one for one in await hospital.audit(standing={"revisit.booked"}) if one.kind is Kind.CONTENT_MISSING]

    assert (found.ours, found.theirs) == ("no supplement", "completing > consenting")


@pytest.mark.parametrize(("state", "missing"), [("open", "answered survey, end of its survey"), ("lapsed", "answered survey")])
async def test_a_survey_that_was_answered_is(hospital: Hospital, state: str, missing: str) -> None:
    visit = await hospital.visit("closed")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set name = 'survey.answer' where process_id = $1 and after = 'closed'", visit.id)
    assert await hospital.audit() == []

    await hospital.do("update survey set state = $1, answer_id = null", state)

    assert {one.ours for one in await hospital.audit()} == {f"no {one}" for one in missing.split(", ")}


async def test_a_survey_whose_answers_were_emptied(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.do("update survey_answer set answers = '{}'")

    assert [(one.ours, one.visit) for one in await hospital.audit()] == [("no survey's answer", visit.id)]


async def test_the_prescription_that_a_refill_began_from(hospital: Hospital) -> None:
    """Who was refused may have named one that the HIS does not have."""
    visit = await hospital.visit("closed")
    await hospital.do("update revisit set past_prescription = 'past-1'")

    assert [(one.ours, one.visit) for one in await hospital.audit()] == [("no past prescription", visit.id)]

    await hospital.do("update revisit set past_prescribed = $1", VAULT.seal("revisit.past_prescribed", visit.id, "{}"))
    assert await hospital.audit() == []


async def test_a_line_of_a_chat(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    for number in (1, 2, 3):
        line = {"number": number, "account_id": hospital.account_id, "side": "patient", "text": Plain("sealed"), "at": AT}
        await hospital.insert("chat", id=new(), revisit_id=visit.id, **line)
    assert await hospital.audit() == []

    await hospital.do("delete from chat where number = 2")

    assert [one.ours for one in await hospital.audit()] == ["no line of its chat with number [2]"]


async def test_a_record_that_was_signed(pharmacy: Pharmacy) -> None:
    hospital = pharmacy.hospital
    await pharmacy.record(await hospital.visit("consulting"), "signing", "filing", "filed")
    assert await hospital.audit(standing={"revisit.consulting"}) == []

    await hospital.do("truncate record")
    await hospital.do("update signature set signature = null, signed_at = null")

    found = [one for one in await hospital.audit(standing={"revisit.consulting"}) if one.kind is Kind.CONTENT_MISSING]
    assert {one.ours for one in found} == {"no record", "no signature"}


async def test_words_about_a_prescription_and_its_content(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("withdrawn")
    await pharmacy.hospital.do("update prescription set note_id = gen_random_uuid()")
    await pharmacy.hospital.do("truncate prescription_content cascade")

    assert {one.ours for one in await pharmacy.hospital.audit()} == {"no remark", "no content"}


@pytest.mark.parametrize(
    ("stage", "mark"), [("shipping", "picked_up"), ("delivered", "delivered"), ("returned", "refused"), ("returned", "delivered")]
)
async def test_where_a_parcel_was_seen(pharmacy: Pharmacy, stage: str, mark: str) -> None:
    prescription = await pharmacy.prescription(stage)
    await pharmacy.hospital.do("delete from delivery_track where mark = $1", mark)

    found = [one for one in await pharmacy.hospital.audit() if one.kind is Kind.CONTENT_MISSING]

    assert [(one.ours, one.visit) for one in found] == [(f"no track that says {mark}", prescription.money.id)]
