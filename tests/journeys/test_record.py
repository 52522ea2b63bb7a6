"""病历 on the whole stack: signed on the phone before the end, refused by it, changed after it, and filed at a HIS that was away."""

import pytest

from stack.seed import DOCTOR
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, key, read, refused, until

WRITE = "POST /fhir/R4/Composition"
STAFF = f"doc-{DOCTOR}"


async def filed(hospital: Hospital, record_id: str) -> list[Json]:
    """What the HIS holds under its number."""
    return [one for one in (await hospital.his())["records"] if one["number"] == record_id.replace("-", "")]


async def test_no_visit_ends_on_a_record_that_is_not_signed_as_it_stands(hospital: Hospital) -> None:
    visit, doctor = await hospital.visit("entered"), hospital.doctor
    read(await doctor.record(visit.id))
    problem = refused(await doctor.answer(f"{visit.path}/end"), 409, "record.not_signed")
    assert "签名" in problem["title"]

    first = await doctor.act(f"{visit.path}/record/sign")
    refused(await doctor.record(visit.id), 409, "record.signing")
    await hospital.answer_on_phone(STAFF, visit.id, "refuse")
    assert (await visit.until_record("refused"))["signing"]["reason"] == "signature.refused"
    refused(await doctor.answer(f"{visit.path}/end"), 409, "record.not_signed")

    await visit.signs_record()
    stable = {"diagnosis_text": "慢性阻塞性肺疾病稳定期"}
    read(await doctor.record(visit.id, **stable))
    assert (await visit.record())["signed"] is None
    refused(await doctor.answer(f"{visit.path}/end"), 409, "record.not_signed")
    before = (await visit.record())["signing"]["id"]

    last = await visit.signs_record(**stable)
    await doctor.act(f"{visit.path}/end")
    await visit.to("closed")
    mine = await visit.patient.ask(f"{visit.path}/record")
    assert (mine["signed"], mine["record"]) == (last["signed"], last["record"])
    assert await filed(hospital, first["id"]) == []
    [kept], [replacing] = [await filed(hospital, one) for one in (before, last["signing"]["id"])]
    assert (kept["status"], kept["signed"], replacing["status"], replacing["signed"]) == ("final", 1, "amended", 1)
    assert replacing["replaces"] == kept["number"]


async def test_a_forged_signature_and_a_colleagues_sign_nothing(hospital: Hospital) -> None:
    visit, doctor = await hospital.visit("entered"), hospital.doctor
    read(await doctor.record(visit.id))
    for how, why in (
        ("other_text", "signature.invalid"),
        ("another", "signature.wrong_signer"),
        ("expired", "signature.certificate_expired"),
    ):
        record = await doctor.act(f"{visit.path}/record/sign")
        await hospital.confirm(STAFF, visit.id, how)
        assert (await visit.until_record("refused"))["signing"]["reason"] == why
        refused(await doctor.post(f"/v1/records/{record['id']}/withdraw", key=key()), 409, "record.not_now")
    refused(await doctor.answer(f"{visit.path}/end"), 409, "record.not_signed")
    await visit.to("closed")


async def test_withdrawn_it_is_written_anew(hospital: Hospital) -> None:
    visit, doctor = await hospital.visit("entered"), hospital.doctor
    read(await doctor.record(visit.id))
    record = await doctor.act(f"{visit.path}/record/sign")

    assert (await doctor.act(f"/v1/records/{record['id']}/withdraw"))["state"] == "withdrawn"

    read(await doctor.record(visit.id))
    await hospital.confirm(STAFF, visit.id)
    await visit.to("closed")
    assert (await visit.record())["signing"]["round"] == 2


@pytest.mark.long
async def test_the_his_away_holds_up_no_visit_and_has_the_record_in_the_end(hospital: Hospital) -> None:
    visit = await hospital.visit("entered")
    await hospital.go_wrong("his", WRITE, "lost", 0.1)
    await visit.signs_record("filing")

    await hospital.doctor.act(f"{visit.path}/end")
    await visit.to("closed")

    record = (await visit.until_record("filed"))["signing"]["id"]
    assert [one["signed"] for one in await filed(hospital, record)] == [1]


async def test_what_the_his_refuses_is_a_task_of_the_management(hospital: Hospital) -> None:
    visit, manager = await hospital.visit("entered"), hospital.manager
    fault = {"system": "his", "call": WRITE, "kind": "refused", "code": "invalid"}
    read(await hospital.outside.post("/faults", json=fault))
    record = (await visit.signs_record("stuck"))["signing"]
    await hospital.doctor.act(f"{visit.path}/end")
    await visit.to("closed")

    async def tasks() -> list[Json]:
        return [one for one in (await manager.ask("/v1/records"))["items"] if one["id"] == record["id"]]

    [task] = await tasks()
    assert (task["reason"], task["allowed"]) == ("his.invalid", ["retry"])
    await manager.act(f"/v1/records/{record['id']}/retry")
    await visit.until_record("filed")

    await until("the task to be gone", tasks, lambda seen: not seen)
    assert [one["signed"] for one in await filed(hospital, record["id"])] == [1]
