"""病历 signed: every way that it may go, from the doctor's wish to the HIS's books, and what the end of a visit asks of it (D-4, D-6.1)."""

import base64
import json
import ssl
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from models.kernel import ids
from models.record import RecordState, RetryFiling, WithdrawRecord, read_statement
from models.revisit import Decline, DeclineReason, End, Enter, State
from models.stores import record as records
from models.stores import signature as signatures
from models.stores.signature import Signed
from models.tables.record import RecordSigningRow
from tests.client import Hands
from tests.process.desk import RecordDesk
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, opened, refused, signature_reported
from tests.signature.openssl import OpenSSL

S = RecordState


async def in_the_room(hospital: Hospital) -> Visit:
    """问诊中, the patient in the room, the record saved."""
    visit = await (await opened(hospital)).to(State.CONSULTING)
    await visit.does(Enter)
    await hospital.saved(visit.id, visit.unit.doctor_account_id)
    return visit


async def asked(visit: Visit) -> RecordDesk:
    """The doctor's phone shows it."""
    desk = await visit.asks_to_sign()
    await desk.happens()
    return desk


async def reported(desk: RecordDesk) -> RecordState:
    """The CA reports, and is asked."""
    await signature_reported(desk.hospital, desk.id)
    await desk.news()
    return desk.state


async def confirmed(desk: RecordDesk) -> RecordState:
    desk.hospital.signature.confirms(cast(UUID, desk.now.task_id))
    return await reported(desk)


async def row(desk: RecordDesk) -> RecordSigningRow:
    async with desk.hospital.database.reading() as db:
        return await db.get_one(RecordSigningRow, desk.id)


async def kept(hospital: Hospital, desk: RecordDesk) -> Signed | None:
    async with hospital.database.reading() as db:
        return await signatures.of_record(db, desk.id)


def later(hospital: Hospital, **by: float) -> None:
    cast(Hands, hospital.clock).forward(**by)


async def test_it_is_signed_then_filed_by_what_was_signed(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)

    desk = await visit.signs_record()

    assert desk.state is S.FILED
    assert await hospital.story(desk.id) == ["record.open", "record.request", "record.query", "record.file"]
    one = await kept(hospital, desk)
    assert one is not None
    said = read_statement(one.text)
    doctor = said.by
    assert (said.visit, said.patient, said.round, doctor) == (visit.id, visit.person.patient_id, 1, visit.unit.doctor_id)
    [written] = hospital.his.records.values()
    assert (written.number, written.record, written.signature, written.replaces) == (desk.id, said.record, one.signature, None)
    assert (written.practitioner_id, written.encounter_id) == (doctor, (await hospital.row(visit.id)).encounter_id)
    assert (await visit.does(End)).state is State.ENDED


async def test_openssl_verifies_it_from_what_is_stored_and_no_byte_may_change(hospital: Hospital, tmp_path: Path) -> None:
    one = await kept(hospital, await (await in_the_room(hospital)).signs_record())
    assert one is not None
    text, value = one.text.encode(), bytes.fromhex(one.signature.value)
    certificate = ssl.DER_cert_to_PEM_cert(base64.b64decode(one.signature.certificate))
    openssl = OpenSSL(tmp_path)

    assert openssl.verifies(certificate, text, value)
    for at in (0, len(text) // 2, len(text) - 1):
        changed = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        assert not openssl.verifies(certificate, changed, value)


async def test_the_text_is_kept_before_the_doctor_is_asked(hospital: Hospital) -> None:
    desk = await (await in_the_room(hospital)).asks_to_sign()
    hospital.signature.silent("request_sign")

    await desk.happens()

    assert hospital.signature.times("request_sign") == 2
    [task] = hospital.signature.tasks.values()
    assert json.loads(task.text)["record"]["diagnosis_code"] == "J44.900"
    async with hospital.database.reading() as db:
        assert await signatures.to_prove(db, task.task.number) == (task.task.staff_id, task.text)


@pytest.mark.parametrize("foul", ["another text", "another person", "another time"])
async def test_what_does_not_prove_leaves_a_draft_and_is_told(hospital: Hospital, foul: str) -> None:
    visit = await in_the_room(hospital)
    desk = await asked(visit)
    number, ca = cast(UUID, desk.now.task_id), hospital.signature
    if foul == "another time":
        later(hospital, days=-1)
        ca.confirms(number)
        later(hospital, days=1)
    else:
        text = ca.tasks[number].text.replace("J44", "J45") if foul == "another text" else None
        ca.confirms(number, text=text, by="doc-of-another" if foul == "another person" else None)

    with capture_logs() as lines:
        await reported(desk)

    why = {"another text": "signature.invalid", "another person": "signature.wrong_signer", "another time": "signature.untimely"}[foul]
    assert [(line["event"], line["trouble"]) for line in lines if line["log_level"] == "error"] == [("signature.not_proved", why)]
    assert (desk.state, (await row(desk)).reason, await kept(hospital, desk)) == (S.REFUSED, why, None)
    assert await refused(visit.does(End)) == "record.not_signed"
    assert not hospital.his.records


async def test_it_is_proved_against_the_text_as_it_was_kept(hospital: Hospital) -> None:
    """A release that knows no signing may save meanwhile: what was confirmed stays what it was, and the new is a draft."""
    visit = await in_the_room(hospital)
    desk = await asked(visit)
    async with hospital.database.transaction() as db:
        await db.execute(update(RecordSigningRow).values(state="withdrawn"))
    await hospital.saved(visit.id, visit.unit.doctor_account_id, "另作他议")
    async with hospital.database.transaction() as db:
        await db.execute(update(RecordSigningRow).values(state="signing"))

    assert await confirmed(desk) is S.FILING
    await desk.happens()

    assert [one.record.content.advice for one in hospital.his.records.values()] == ["继续吸入治疗"]
    assert await refused(visit.does(End)) == "record.not_signed"


async def test_the_doctor_refuses_on_the_phone(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    desk = await asked(visit)
    hospital.signature.declines(cast(UUID, desk.now.task_id))

    assert await reported(desk) is S.REFUSED
    assert (await row(desk)).reason == "signature.refused"
    assert await refused(visit.does(End)) == "record.not_signed"
    assert (await visit.signs_record()).state is S.FILED, "and signs after all, in the next round"


async def test_who_has_no_certificate_is_told_before_and_otherwise_by_the_ca(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    desk = await visit.asks_to_sign()
    hospital.signature.without_certificate.add(visit.unit.doctor_id)

    await desk.happens()

    assert (desk.state, (await row(desk)).reason) == (S.REFUSED, "signature.no_certificate")


async def test_a_time_out_never_signs(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    desk = await asked(visit)
    due_at = desk.now.due_at

    for _ in range(1000):
        if desk.state is not S.SIGNING:
            break
        await desk.alarm()

    assert hospital.clock() == due_at
    assert (desk.state, (await row(desk)).reason) == (S.EXPIRED, "signature.expired")
    assert await refused(visit.does(End)) == "record.not_signed"


async def test_confirmed_at_the_last_moment_and_never_reported_it_counts(hospital: Hospital) -> None:
    desk = await asked(await in_the_room(hospital))
    while not desk.now.last_call:
        await desk.alarm()
    hospital.signature.confirms(cast(UUID, desk.now.task_id))

    await desk.alarm()

    assert desk.state is S.FILING


async def test_the_ca_has_lost_the_task_and_asks_anew(hospital: Hospital) -> None:
    desk = await asked(await in_the_room(hospital))
    first = cast(UUID, desk.now.task_id)
    del hospital.signature.tasks[first]

    await desk.alarm()
    await desk.happens()

    assert desk.now.task_id not in {None, first}
    assert await confirmed(desk) is S.FILING


async def test_withdrawn_it_may_be_written_anew_and_the_late_confirmation_is_nobodys(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    desk, doctor = await asked(visit), visit.unit.doctor_account_id
    assert await refused(hospital.saved(visit.id, doctor)) == "record.signing"
    assert await refused(hospital.asked_to_sign(visit.id, doctor)) == "record.signing"

    await desk.happens(wish(WithdrawRecord, doctor))
    hospital.signature.confirms(next(iter(hospital.signature.tasks)))
    await hospital.saved(visit.id, doctor, "另作他议")

    assert (desk.state, await kept(hospital, desk)) == (S.WITHDRAWN, None)
    assert await refused(visit.does(End)) == "record.not_signed"


async def test_saved_again_it_is_signed_again_and_the_first_is_kept(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    first, doctor = await visit.signs_record(), visit.unit.doctor_account_id
    assert await refused(hospital.asked_to_sign(visit.id, doctor)) == "record.signed"
    await hospital.saved(visit.id, doctor, "改为每日两次")
    assert await refused(visit.does(End)) == "record.not_signed"

    second = await visit.signs_record()

    told = {desk.id: await kept(hospital, desk) for desk in (first, second)}
    assert [(read_statement(one.text).round, read_statement(one.text).record.content.advice) for one in told.values() if one] == [
        *((1, "继续吸入治疗"), (2, "改为每日两次"))
    ]
    assert hospital.his.records[second.id].replaces == first.id
    assert (await visit.does(End)).state is State.ENDED
    assert await refused(hospital.saved(visit.id, doctor)) == "record.not_now"


async def test_what_was_signed_before_the_last_does_not_count(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    await visit.signs_record()
    await hospital.saved(visit.id, visit.unit.doctor_account_id, "改为每日两次")
    await visit.signs_record()

    await hospital.saved(visit.id, visit.unit.doctor_account_id)

    assert await refused(visit.does(End)) == "record.not_signed"
    assert (await visit.signs_record()).state is S.FILED


async def test_of_a_visit_that_was_left_nothing_is_filed(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    desk = await asked(visit)
    await visit.does(Decline, reason=DeclineReason.IN_PERSON)

    assert await confirmed(desk) is S.REFUSED
    assert ((await row(desk)).reason, hospital.his.records) == ("record.visit_over", {})


async def test_the_his_away_delays_the_filing_and_never_the_end(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    desk = await asked(visit)
    assert await confirmed(desk) is S.FILING

    await visit.does(End)
    await visit.answers_survey()
    hospital.his.silent("write_record", times=3)
    hospital.his.silent("write_record", landed=True)
    await desk.happens()

    assert (visit.state, desk.state) == (State.CLOSED, S.FILED)
    assert (hospital.his.times("write_record"), list(hospital.his.records)) == (5, [desk.id])


@pytest.mark.parametrize("call", ["request_sign", "query"])
async def test_an_answer_of_the_ca_that_is_lost_is_asked_for_again(hospital: Hospital, call: str) -> None:
    visit = await in_the_room(hospital)
    hospital.signature.silent(call, landed=True, times=2)

    desk = await visit.signs_record()

    assert (desk.state, hospital.signature.times(call), len(hospital.signature.tasks)) == (S.FILED, 3, 1)


async def test_what_the_his_refuses_is_a_task_told_once_and_done_by_a_person(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    desk = await asked(visit)
    await confirmed(desk)
    hospital.his.refuses("write_record", "his.invalid")

    with capture_logs() as lines:
        await desk.happens()

    told = [(line["event"], line["record_id"], line["trouble"]) for line in lines if line["log_level"] == "error"]
    assert told == [("record.not_filed", str(desk.id), "his.invalid")]
    async with hospital.database.reading() as db:
        assert [(one.id, one.reason) for one in await records.stuck(db, None, 10)] == [(desk.id, "his.invalid")]
    assert (await visit.does(End)).state is State.ENDED, "it is signed: the end waits for nobody at the HIS"
    await reported(desk)
    assert desk.state is S.STUCK, "a report that comes late is noted"

    await desk.happens(wish(RetryFiling, ids.new()))
    await desk.happens()

    assert (desk.state, (await row(desk)).reason, list(hospital.his.records)) == (S.FILED, None, [desk.id])
    async with hospital.database.reading() as db:
        assert await records.stuck(db, None, 10) == []
    assert await hospital.unhandled() == 0


async def test_a_visit_does_not_sign_for_ever(hospital: Hospital) -> None:
    visit = await in_the_room(hospital)
    for _ in range(records.MAX):
        desk = await visit.asks_to_sign()
        await desk.happens()
        await desk.happens(wish(WithdrawRecord, visit.unit.doctor_account_id))

    assert await refused(hospital.asked_to_sign(visit.id, visit.unit.doctor_account_id)) == "record.too_many"
    async with hospital.database.reading() as db:
        rounds = await db.scalars(select(RecordSigningRow.round).order_by(RecordSigningRow.round))
        assert list(rounds) == list(range(1, records.MAX + 1))


async def test_it_is_signed_while_the_patient_is_seen(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.CONSULTING)
    doctor = visit.unit.doctor_account_id
    assert await refused(hospital.asked_to_sign(visit.id, doctor)) == "record.missing"
    await visit.to(State.CLOSED)

    assert await refused(hospital.asked_to_sign(visit.id, doctor)) == "record.not_now"
