"""Records that were signed: what the HIS has of them, and our rows say otherwise."""

import json

from models.kernel.ids import new
from tests.auditor import Kind, story
from tests.auditor.pharmacy import WORDS, Pharmacy

FILED = ("signing", "filing", "filed")


async def test_records_that_were_signed_or_not(pharmacy: Pharmacy) -> None:
    for states in (FILED, ("signing", "refused"), ("signing", "expired"), ("signing", "withdrawn")):
        await pharmacy.record(await pharmacy.hospital.visit("closed"), *states)

    assert await pharmacy.hospital.audit() == []


async def test_the_his_has_a_record_that_nobody_here_signed(pharmacy: Pharmacy) -> None:
    pharmacy.kept(await pharmacy.hospital.visit("closed"), new().hex)

    assert await pharmacy.hospital.kinds() == {Kind.RECORD_UNKNOWN}


async def test_a_record_stands_otherwise_at_the_his(pharmacy: Pharmacy) -> None:
    visit = await pharmacy.hospital.visit("closed")
    await pharmacy.record(visit, *FILED)
    record = pharmacy.outside.records[0]
    right = dict(record)

    for changed, word in (({"signed": 0}, "not signed"), ({"encounter_id": "enc-x"}, "of another visit"), (None, "no such record")):
        record.update(right | (changed or {}))
        if changed is None:
            pharmacy.outside.records.clear()
        [found] = await pharmacy.hospital.audit()

        assert (found.kind, found.ours, found.theirs, found.visit) == (Kind.RECORD_STATE, "filed", word, visit.id)


async def test_it_is_of_another_patient_by_another_doctor_or_of_another_diagnosis(pharmacy: Pharmacy) -> None:
    visit = await pharmacy.hospital.visit("closed")
    await pharmacy.record(visit, *FILED)
    record = pharmacy.outside.records[0]
    right = dict(record)

    for column, value, word in (("patient_id", "pat-x", "patient"), ("practitioner_id", "doc-x", "doctor"), ("icd10", "I10", "diagnosis")):
        record.update(right | {column: value})

        [found] = await pharmacy.hospital.audit()

        assert (found.kind, found.ours, found.visit) == (Kind.RECORD_DIFFERS, f"another {word}", visit.id)
        assert "I10" not in str(found)


async def test_it_stands_in_other_words_or_under_another_signature(pharmacy: Pharmacy) -> None:
    visit = await pharmacy.hospital.visit("closed")
    await pharmacy.record(visit, *FILED)
    record = pharmacy.outside.records[0]
    right = dict(record)

    for column, value, word in (
        ("words", str(right["words"]).replace(json.dumps(WORDS[-1])[1:-1], "x"), "words"),
        ("words", json.dumps(json.loads(str(right["words"]))[:3]), "words"),
        ("signatures", json.dumps(["AAAA"]), "signature"),
        ("signatures", "[]", "signature"),
    ):
        record.update(right | {column: value})

        [found] = await pharmacy.hospital.audit()

        assert (found.kind, found.ours, found.visit) == (Kind.RECORD_DIFFERS, f"another {word}", visit.id)
        assert WORDS[0] not in str(found)


async def test_its_words_have_marks_and_lines_of_their_own(pharmacy: Pharmacy) -> None:
    """Nothing in them is markup."""
    said = {"document": "record", "record": {**story.RECORD, "diagnosis_text": "a < b & c\n<br/>"}}
    visit = await pharmacy.hospital.visit("closed")
    await pharmacy.record(visit, *FILED)
    record = pharmacy.outside.records[0]
    record["words"] = json.dumps(
        [*json.loads(str(record["words"]))[:2], "<div>a &lt; b &amp; c<br/>&lt;br/&gt;</div>", f"<div>{WORDS[-1]}</div>"]
    )
    [number] = [one["id"] for one in await pharmacy.hospital.wire.fetch("select id from signature")]
    await pharmacy.resealed(number, json.dumps(said))

    assert Kind.RECORD_DIFFERS not in await pharmacy.hospital.kinds()


async def test_a_signature_of_a_record_that_the_ca_does_not_know(pharmacy: Pharmacy) -> None:
    visit = await pharmacy.hospital.visit("closed")
    await pharmacy.record(visit, *FILED)
    pharmacy.outside.tasks.clear()

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.visit) == (Kind.SIGNATURE_MISSING, visit.id)


async def test_nothing_here_says_what_a_record_at_the_his_is_of(pharmacy: Pharmacy) -> None:
    visit = await pharmacy.hospital.visit("closed")
    await pharmacy.record(visit, *FILED)
    await pharmacy.hospital.do("delete from signature")

    assert "another diagnosis signature" in {one.ours for one in await pharmacy.hospital.audit() if one.kind is Kind.RECORD_DIFFERS}
