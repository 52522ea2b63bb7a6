"""The audit: a deed that it does not tell."""

import json

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import AT, Hospital
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.story import audited
from tests.auditor.wax import Plain

ARRIVED = ("requested", "cleared", "accepted", "arrived")


async def forgotten(hospital: Hospital, action: str = "%") -> None:
    await hospital.do("alter table audit disable trigger never_changed")
    await hospital.do("delete from audit where action like $1", action)


async def test_it_was_emptied(hospital: Hospital) -> None:
    visit = await hospital.visit("declined")
    await hospital.given_back(visit, *ARRIVED)
    assert await hospital.audit() == []
    await forgotten(hospital)

    found = await hospital.audit()

    assert {one.kind for one in found} == {Kind.AUDIT_MISSING}
    assert {one.about.split()[1] for one in found} == {"action=account:open", "action=patient:bind", "action=revisit.step"}
    assert await hospital.kinds(quiet=False) == {Kind.AUDIT_MISSING}


async def test_a_command_is_told_as_often_as_it_was_done_and_by_whom(hospital: Hospital) -> None:
    visit = await hospital.visit("declined")
    await hospital.given_back(visit, *ARRIVED)
    await hospital.do("alter table audit disable trigger never_changed")
    await hospital.do("delete from audit where id = (select max(id) from audit where action = 'revisit.step')")

    [found] = await hospital.audit()

    assert (found.ours, found.theirs, found.visit) == ("7 rows", "8 deeds", visit.id)
    assert found.about == f"revisit={visit.id} action=revisit.step account={hospital.account_id}"

    await audited(hospital, new(), "revisit.step", "revisit", visit.id)
    assert await hospital.kinds() == {Kind.AUDIT_MISSING, Kind.AUDIT_UNKNOWN}


@pytest.mark.parametrize("change", ["update timeline set by = null", "delete from timeline", "update timeline set name = 'revisit.other'"])
async def test_a_move_that_the_audit_tells_has_its_line(hospital: Hospital, change: str) -> None:
    visit = await hospital.visit("declined")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do(f"{change} where process = 'revisit' and version = 8")

    found = {one.kind: one for one in await hospital.audit(quiet=False)}

    told = found[Kind.AUDIT_UNKNOWN]
    assert told.about == f"revisit={visit.id} action=revisit.step account={hospital.account_id}"
    assert (told.ours, told.theirs, told.visit) == ("8 rows", "7 deeds", visit.id)


async def test_what_is_audited_and_is_no_move_may_stand_alone(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await audited(hospital, new(), "record:read", "revisit", visit.id)
    assert await hospital.audit() == []

    await audited(hospital, new(), "revisit.step", "revisit", visit.id)
    assert await hospital.kinds() == {Kind.AUDIT_UNKNOWN}


async def test_what_processes_do_by_themselves_is_no_deed(hospital: Hospital) -> None:
    await hospital.visit("closed")

    assert await hospital.audit() == []


@pytest.mark.parametrize("action", ["account:enlist", "record:write"])
async def test_who_was_enlisted_and_what_was_written(pharmacy: Pharmacy, action: str) -> None:
    await pharmacy.hospital.visit("closed")
    await forgotten(pharmacy.hospital, action)

    assert {(one.kind, one.about.split()[1]) for one in await pharmacy.hospital.audit()} == {(Kind.AUDIT_MISSING, f"action={action}")}


async def test_a_session(hospital: Hospital) -> None:
    id, account = new(), hospital.account_id
    times = {"created_at": AT, "seen_at": AT, "expires_at": AT}
    await hospital.insert("account_session", id=id, account_id=account, token_hash=b"hash", revoked_at=AT, **times)

    assert {one.about.split()[1] for one in await hospital.audit()} == {"action=account:sign_in", "action=account:sign_out"}

    for action in ("account:sign_in", "account:sign_out"):
        await audited(hospital, account, action, "session", id)
    assert await hospital.audit() == []


async def test_a_file(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    what = {"media_type": "image/png", "size": 1, "sha256": "0" * 64}
    await hospital.insert("intake_file", id=new(), revisit_id=visit.id, account_id=hospital.account_id, **what)

    [found] = await hospital.audit()

    assert (found.kind, found.visit, found.about.split()[1]) == (Kind.AUDIT_MISSING, visit.id, "action=intake:write")


async def test_management_gave_money_back(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("closed"), *ARRIVED, cause="management")
    await forgotten(hospital, "refund:begin")

    [found] = await hospital.audit()

    assert found.about.endswith("action=refund:begin account=anybody")


async def test_management_meant_another_sum_or_another_charge(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    refund_id = await hospital.given_back(visit, *ARRIVED, cause="management", fen=2000)
    right = {"charge_id": str(visit.charge_id), "amount_fen": 2000}
    await hospital.do("alter table audit disable trigger user")
    for changed, word in (
        ({}, None),
        ({"amount_fen": 2001}, "amount_fen"),
        ({"charge_id": "x"}, "charge_id"),
    ):
        await hospital.do("update audit set detail = $2 where subject_id = $1", refund_id, json.dumps(right | changed))

        found = [(one.kind, one.about, one.visit) for one in await hospital.audit()]

        assert found == ([(Kind.AUDIT_DIFFERS, f"refund={refund_id} {word}", visit.id)] if word else [])


async def test_a_transfer_bears_another_number_than_a_person_gave_it(hospital: Hospital) -> None:
    refund_id = await hospital.given_back(await hospital.visit("cancelled"), "requested", "cleared", "accepted", "stuck", "paid_out")
    await hospital.do("alter table timeline disable trigger never_changed")
    line = "update timeline set name = 'refund.pay_out', by = $2 where process_id = $1 and after = 'paid_out'"
    await hospital.do(line, refund_id, hospital.account_id)
    await audited(hospital, hospital.account_id, "refund.pay_out", "refund", refund_id, {"voucher": "HZ-1"})
    assert await hospital.audit() == []

    await hospital.do("update refund set voucher = 'HZ-2'")

    [found] = await hospital.audit()
    assert (found.kind, found.about) == (Kind.AUDIT_DIFFERS, f"refund={refund_id} voucher")
    assert (found.ours, found.theirs) == ("HZ-2", "HZ-1")


async def test_a_message_was_sent_again(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    first = await hospital.message(visit, "revisit_ended", state="undelivered")
    await hospital.message(visit, "revisit_ended", resend_of=first)
    await forgotten(hospital, "message:resend")

    [found] = await hospital.audit()

    assert found.about == f"message={first} action=message:resend account=anybody"


async def test_somebody_looked_into_past_prescriptions(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.insert("refill_past", patient_id=visit.id, told=Plain("sealed"), seen_at=AT)

    [found] = await hospital.audit()

    assert found.about == f"patient={visit.id} action=refill:read account=anybody"


@pytest.mark.parametrize(("process", "action"), [("record", "record:sign"), ("prescription", "prescription:write")])
async def test_a_document_was_opened_by_its_doctor(pharmacy: Pharmacy, process: str, action: str) -> None:
    hospital, doctor = pharmacy.hospital, pharmacy.accounts["doctor"]
    if process == "record":
        document = await pharmacy.record(await hospital.visit("consulting"), "signing", "filing", "filed")
    else:
        document = (await pharmacy.prescription("withdrawn")).id
    await hospital.do("alter table audit disable trigger never_changed")
    await hospital.do("delete from audit where subject_id = $1 and action = $2", document, action)

    [found] = await hospital.audit(standing={"revisit.consulting"})
    assert found.about == f"{process}={document} action={action} account={doctor}"

    await audited(hospital, doctor, action, process, document)
    assert await hospital.audit(standing={"revisit.consulting"}) == []


async def test_a_refill_was_copied(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("withdrawn")
    await pharmacy.hospital.do("update prescription set copied_from = 'past-1'")

    [found] = await pharmacy.hospital.audit()

    assert found.about.split()[1] == "action=refill:copy"


@pytest.mark.parametrize(("change", "ours"), [("insert", "finance patient"), ("delete", "none")])
async def test_a_patients_account_is_a_patients_and_nothing_else(hospital: Hospital, change: str, ours: str) -> None:
    if change == "insert":
        await hospital.insert("account_grant", account_id=hospital.account_id, role="finance")
    else:
        await hospital.do("truncate account_grant")

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.GRANT_DIFFERS, ours, "patient")
    assert found.about == f"account={hospital.account_id}"


async def test_staff_have_what_they_were_given_last(pharmacy: Pharmacy) -> None:
    hospital = pharmacy.hospital
    await pharmacy.enlisted("pharmacist", AT, "doctor")
    await pharmacy.enlisted("pharmacist", AT, "finance", "pharmacist")
    assert await hospital.audit() == []

    await hospital.do("delete from account_grant where role = 'finance'")

    [found] = await hospital.audit()
    assert (found.kind, found.ours, found.theirs) == (Kind.GRANT_DIFFERS, "pharmacist", "finance pharmacist")


async def test_a_doctor_was_suspended_and_resumed(hospital: Hospital) -> None:
    id = new()
    process = {"state": "done", "version": 1, "policy": "test-1"}
    await hospital.insert("suspension", id=id, doctor_id="doc-1", account_id=hospital.account_id, **process)
    await hospital.moved("suspension", id, id, "looking", "done")

    assert {one.about for one in await hospital.audit() if one.kind is Kind.AUDIT_MISSING} == {
        f"suspension={id} action=suspension:act account={hospital.account_id}",
        "doctor=None action=suspension:act account=anybody",
    }

    await hospital.do("update doctor set suspended_at = now()")
    await audited(hospital, hospital.account_id, "suspension:act", "suspension", id)
    assert await hospital.audit() == []
