"""诊室: who may speak, write and end, and when."""

import asyncio

from tests.journeys.hospital import Hospital
from tests.journeys.people import key, read, refused


async def test_the_patient_speaks_after_entering_and_nobody_after_the_end(hospital: Hospital) -> None:
    visit, doctor = await hospital.visit("consulting"), hospital.doctor
    chat, line = f"{visit.path}/chat", {"text": "您好"}

    refused(await visit.patient.post(chat, line, key=key()), 409, "chat.not_now")
    refused(await doctor.post(f"{visit.path}/end", key=key()), 409, "revisit.not_entered")
    read(await doctor.post(chat, line, key=key()))
    await visit.act("enter")
    refused(await doctor.post(f"{visit.path}/end", key=key()), 409, "record.missing")
    refused(await doctor.post(f"{visit.path}/record/sign", key=key()), 409, "record.missing")
    refused(await doctor.record(visit.id, diagnosis_code=None), 422, "request.invalid")
    refused(await doctor.record(visit.id, diagnosis_text=" "), 422, "request.invalid")
    refused(await doctor.record(visit.id, diagnosis_code="感冒"), 422, "request.invalid")
    refused(await doctor.record(visit.id, content={"complaint": "气短", "history": "一" * 2001, "advice": "复查"}), 422, "request.invalid")
    refused(await doctor.post(f"{visit.path}/end", key=key()), 409, "record.missing")
    refused(await visit.patient.get(f"{visit.path}/record"), 404, "record.not_written")
    assert (await visit.now())["state"] == "consulting"

    longest = "咳" * 2000
    read(await visit.patient.post(chat, {"text": longest}, key=key()))
    await visit.to("closed")
    for speaker in (visit.patient, doctor):
        refused(await speaker.post(chat, line, key=key()), 409, "chat.not_now")
    refused(await doctor.record(visit.id), 409, "record.not_now")
    assert [one["text"] for one in (await visit.patient.ask(chat))["items"]] == ["您好", longest]


async def test_lines_said_at_once_stand_in_one_order_and_each_once(hospital: Hospital) -> None:
    visit = await hospital.visit("entered")
    chat, mine = f"{visit.path}/chat", key()
    said = [hospital.doctor.post(chat, {"text": f"问题{n}"}, key=key()) for n in range(5)]
    said += [visit.patient.post(chat, {"text": f"回答{n}"}, key=key()) for n in range(5)]
    said += [visit.patient.post(chat, {"text": "按了很多次"}, key=mine) for _ in range(4)]

    answers = [read(answer) for answer in await asyncio.gather(*said)]

    lines = (await visit.patient.ask(chat))["items"]
    assert [line["number"] for line in lines] == list(range(1, 12))
    assert sorted(line["text"] for line in lines).count("按了很多次") == 1
    assert {line["number"] for line in lines} == {answer["number"] for answer in answers}
    first = await visit.patient.ask(chat, limit="4")
    assert [line["number"] for line in (await visit.patient.ask(chat, after=str(first["next"])))["items"]] == list(range(5, 12))
    await visit.to("closed")


async def test_a_doctor_on_two_devices_accepts_once(hospital: Hospital) -> None:
    visit = await hospital.visit("waiting")

    answers = await asyncio.gather(*(hospital.doctor.post(f"{visit.path}/accept", key=key()) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    for answer in answers:
        if answer.is_error:
            refused(answer, 409, "revisit.not_now")
    assert (await visit.steps()).count("queue.accept") == 1
    await visit.to("closed")


async def test_a_record_written_again_replaces_what_was_there(hospital: Hospital) -> None:
    visit, doctor = await hospital.visit("entered"), hospital.doctor
    read(await doctor.record(visit.id, diagnosis_text="慢性支气管炎", diagnosis_code="J42.x00"))
    read(await doctor.record(visit.id))

    assert (await doctor.ask(f"{visit.path}/record"))["record"]["diagnosis_code"] == "J44.900"
    await visit.to("closed")


async def test_the_doctors_lists_follow_the_visit(hospital: Hospital) -> None:
    visit = await hospital.visit("booked")
    for state, which in (("booked", "booked"), ("waiting", "waiting"), ("consulting", "consulting"), ("closed", "ended")):
        await visit.to(state)
        assert await _lists(hospital, visit.id) == [which]
    row = await _row(hospital, visit.id, "ended")
    assert (row["name"], row["badge"]) == (visit.patient.card.name, None)


async def _lists(hospital: Hospital, visit: str) -> list[str]:
    return [which for which in ("booked", "waiting", "consulting", "ended") if await _row(hospital, visit, which)]


async def _row(hospital: Hospital, visit: str, which: str) -> dict[str, object]:
    """Page by page, as the desk scrolls."""
    path, after = f"/v1/queue/{hospital.unit['schedule_id']}", {}
    while True:
        page = await hospital.doctor.ask(path, list=which, limit="100", **after)
        found = [row for row in page["items"] if row["revisit_id"] == visit]
        if found or page["next"] is None:
            return found[0] if found else {}
        after = {"after": page["next"]}
