"""What there is to be asked about by each role, and a walk of each role through what it may do."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from models.kernel.clock import business_day, now
from stack.seed import OTHER_DOCTOR
from tests.intake.builders import a_png
from tests.journeys.document import Line
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, Patient, key, read, until
from tests.journeys.prescription import PLACE, WEEK, Prescription, queued
from tests.journeys.visit import CONDITION, SATISFIED, Visit

ROLES: Final = ("nobody", "patient", "doctor", "pharmacist", "manager", "finance")
RETURNED: Final = ("picked_up", "transit", "out_for_delivery", "refused", "returning", "signed")
"""A parcel that nobody takes, back at the pharmacy."""
OTHERS: Final = f"doc-{OTHER_DOCTOR}"
Lines = dict[str, Line]
Ids = dict[str, str]


def months_and_words() -> dict[str, dict[str, str]]:
    """What a route cannot be asked without, in its query."""
    today = business_day(now())
    spent = {"from": (today - timedelta(days=7)).isoformat(), "to": today.isoformat()}
    return {
        "GET /v1/drugs": {"q": "噻托溴铵"},
        "GET /v1/surveys/mine": {"month": today.isoformat()[:7]},
        "GET /v1/surveys/results": spent,
        "GET /again/{visit}": {},
    }


@dataclass(frozen=True, slots=True)
class World:
    """A visit of the role's own that has come to its end, and one thing of every kind that belongs to it."""

    visit: Visit
    ids: Ids


async def a_world(hospital: Hospital) -> World:
    """Described with a file, seen, recorded, prescribed; its parcel is on the way, and its e-bill is there."""
    visit = await hospital.visit("describing")
    file = read(await visit.patient.upload(f"{visit.path}/files", a_png(), key=key()))
    await visit.act("describe", {"text": CONDITION, "file_ids": [file["id"]]})
    await visit.to("entered")
    mine = await (await queued(visit)).handed_over()
    parcel = str((await mine.until("shipping"))["delivery_id"])
    await mine.ordered()
    await visit.end()
    await visit.billed()
    bills = await visit.patient.ask(f"/v1/patients/{visit.patient.id}/invoices")
    said = await hospital.manager.ask("/v1/messages", visit_id=visit.id)
    ids = {
        "revisit_id": visit.id,
        "patient_id": visit.patient.id,
        "charge_id": await visit.charge_id(),
        "prescription_id": mine.id,
        "delivery_id": parcel,
        "record_id": str((await visit.record())["signing"]["id"]),
        "file_id": str(file["id"]),
        "invoice_id": str(bills["items"][-1]["id"]),
        "message_id": str(said["items"][0]["id"]),
        "schedule_id": str(hospital.unit["schedule_id"]),
        "doctor_id": OTHERS,
        "visit": visit.id.replace("-", ""),
    }
    return World(visit, ids)


async def they_look(lines: Lines, ids: Ids) -> None:
    """Everything that can be read, by everybody."""
    asked = months_and_words()
    for line in lines.values():
        for label in line.operations:
            if label.startswith("GET "):
                await line.look(label, ids, **asked.get(label, {}))


async def they_walk(hospital: Hospital, lines: Lines) -> list[Visit]:
    """A refill from its opening to the survey, by its four people: its visits, to be brought to an end."""
    patient = Patient(hospital.http, await hospital.register())
    nobody, phone = lines["nobody"], {"phone": patient.card.phone}
    await nobody.ask("POST /v1/account/codes", {}, phone)
    opened = await nobody.ask("POST /v1/account/sessions", {}, phone | {"code": await hospital.code(patient.card.phone)})
    patient.headers = hospital.bearing(opened["token"])
    mine = lines["patient"].of(patient.headers)
    who = {"name": patient.card.name, "id_number": patient.card.id_number, "relation": "self"}
    patient.id = (await mine.ask("POST /v1/patients", {}, who))["id"]
    ids = {"patient_id": patient.id}
    past = (await mine.ask("GET /v1/patients/{patient_id}/past-prescriptions", ids))["items"][0]["number"]
    opened = await mine.ask("POST /v1/patients/{patient_id}/revisits", ids, {"past_prescription": past})
    visit, ids["revisit_id"] = Visit(hospital, patient, opened["id"]), opened["id"]
    await visit.until("consenting")
    await _books(mine, visit, ids)
    await _is_seen(mine, lines["doctor"], ids, past)
    drugs = Prescription(visit, await _prescribes(lines["doctor"], ids))
    await _is_reviewed(lines, drugs)
    await _chooses(mine, drugs, ids | {"prescription_id": drugs.id})
    await visit.signs_record()
    await lines["doctor"].ask("POST /v1/revisits/{revisit_id}/end", ids)
    await visit.until("ended")
    version = (await mine.ask("GET /v1/revisits/{revisit_id}/survey", ids))["questionnaire"]["version"]
    await mine.ask("POST /v1/revisits/{revisit_id}/survey", ids, {"version": version, "answers": SATISFIED})
    await mine.ask("GET /v1/revisits/{revisit_id}/again", ids)
    return [visit, *await _completes_and_leaves(hospital, mine)]


async def _books(mine: Line, visit: Visit, ids: Ids) -> None:
    shown = await mine.ask("GET /v1/consent-texts/revisit", {})
    stability = {"version": shown["stability_version"], "answers": dict.fromkeys(shown["stability"], True)}
    await mine.ask("POST /v1/revisits/{revisit_id}/self-check", ids, {"symptoms": [], "stability": stability})
    seen = {"text_version": shown["version"], "text_hash": shown["hash"]}
    await mine.ask("POST /v1/revisits/{revisit_id}/consent", ids, seen)
    await mine.ask("POST /v1/revisits/{revisit_id}/choose-slot", ids, {"slot_id": visit.hospital.hall})
    ids["file_id"] = (await mine.upload("POST /v1/revisits/{revisit_id}/files", ids, a_png()))["id"]
    told = {"text": CONDITION, "file_ids": [ids["file_id"]]}
    await mine.ask("POST /v1/revisits/{revisit_id}/describe", ids, told)
    await mine.ask("GET /v1/revisits/{revisit_id}/files/{file_id}", ids)
    ids["charge_id"] = await visit.charge_id()
    ordered = await mine.ask("POST /v1/charges/{charge_id}/orders", ids, {"scene": "native"})
    await visit.hospital.pay(ordered["charge"]["orders"][-1]["order_id"])
    await visit.until("booked")
    await mine.ask("POST /v1/revisits/{revisit_id}/check-in", ids)


async def _is_seen(mine: Line, doctor: Line, ids: Ids, past: str) -> None:
    await doctor.ask("POST /v1/revisits/{revisit_id}/accept", ids)
    await mine.ask("POST /v1/revisits/{revisit_id}/enter", ids)
    for line in (mine, doctor):
        await line.ask("POST /v1/revisits/{revisit_id}/chat", ids, {"text": "您好"})
    copied = await doctor.ask("POST /v1/revisits/{revisit_id}/prescriptions/copy", ids, {"copied_from": past})
    await doctor.ask("POST /v1/prescriptions/{prescription_id}/withdraw", {"prescription_id": copied["id"]})


async def _prescribes(doctor: Line, ids: Ids) -> str:
    opened = await doctor.ask("POST /v1/revisits/{revisit_id}/prescriptions", ids, WEEK)
    its = {"prescription_id": opened["id"]}
    await doctor.ask("POST /v1/prescriptions/{prescription_id}/amend", its, WEEK | {"advice": "规律吸入，四周后复查。"})
    return str(opened["id"])


async def _is_reviewed(lines: Lines, drugs: Prescription) -> None:
    """Questioned, answered, given back, amended, and approved in the end."""
    doctor, pharmacist, its = lines["doctor"], lines["pharmacist"], {"prescription_id": drugs.id}
    path, held = "POST /v1/prescriptions/{prescription_id}", {"take_over": True}

    async def signed() -> None:
        await doctor.ask(f"{path}/submit", its)
        await drugs.by_doctor()
        await drugs.until("queued")

    await signed()
    await pharmacist.ask("POST /v1/reviews/next", {})
    for act, body in (
        ("claim", {"take_over": True}),
        ("release", None),
        ("claim", {"take_over": True}),
        ("question", {"text": "请核对剂量"}),
    ):
        await pharmacist.ask(f"{path}/{act}", its, body)
    await doctor.ask(f"{path}/answer", its, {"text": "已核对"})
    await pharmacist.ask(f"{path}/claim", its, held)
    await pharmacist.ask(f"{path}/reject", its, {"text": "剂量有误", "remark": "dose"})
    await doctor.ask(f"{path}/amend", its, WEEK)
    await signed()
    await pharmacist.ask(f"{path}/claim", its, held)
    await pharmacist.ask(f"{path}/approve", its)
    await drugs.by_pharmacist()
    await drugs.until("choosing")
    await doctor.ask(f"{path}/extend", its, {"days": 2})
    for line in (doctor, pharmacist, lines["manager"]):
        await line.ask("GET /v1/prescriptions/{prescription_id}/signatures/proof", its)


async def _chooses(mine: Line, drugs: Prescription, its: Ids) -> None:
    card, path = drugs.visit.patient.card, "POST /v1/prescriptions/{prescription_id}"
    await mine.ask(f"{path}/choose", its, {"way": "parcel", "receiver": PLACE | {"name": card.name, "phone": card.phone}})
    await drugs.until("paying")
    await mine.ask(f"{path}/choose-again", its)
    await drugs.until("choosing")
    await mine.ask(f"{path}/cancel", its)


async def _completes_and_leaves(hospital: Hospital, mine: Line) -> list[Visit]:
    """Another of the family, of whom the hospital has no address."""
    card = await hospital.register(address=None)
    other = Patient(hospital.http, card)
    other.headers = mine.headers
    who = {"name": card.name, "id_number": card.id_number, "relation": "other"}
    other.id = (await mine.ask("POST /v1/patients", {}, who))["id"]
    ids = {"patient_id": other.id}
    ids["revisit_id"] = (await mine.ask("POST /v1/patients/{patient_id}/revisits", ids, {}))["id"]
    visit = Visit(hospital, other, ids["revisit_id"])
    await visit.until("completing")
    supplied = await mine.ask("POST /v1/patients/{patient_id}/supplements", ids, {"address": "北京市东城区蓬莱胡同7号"})
    await mine.ask("POST /v1/revisits/{revisit_id}/complete", ids, supplied)
    [past] = await mine.ask("GET /v1/revisits/{revisit_id}/past-visits", ids)
    await mine.ask("POST /v1/revisits/{revisit_id}/relate", ids, {"past_encounter_id": past["encounter_id"]})
    await mine.ask("POST /v1/revisits/{revisit_id}/cancel", ids)
    return [visit]


async def the_offices_work(hospital: Hospital, lines: Lines, world: World) -> list[Visit]:
    """The management, finance and the pharmacy: what is asked of tasks that have come about."""
    manager, finance, ids = lines["manager"], lines["finance"], world.ids
    await manager.ask("POST /v1/schedule/syncs", {})
    left = await _declined(hospital, lines)
    stopped = await manager.ask("POST /v1/doctors/{doctor_id}/suspension", ids)
    await manager.ask("GET /v1/suspensions/{suspension_id}", {"suspension_id": stopped["id"]})
    await manager.ask("POST /v1/doctors/{doctor_id}/resumption", ids)
    ids["suspension_id"] = stopped["id"]

    begun = await manager.ask("POST /v1/charges/{charge_id}/refunds", ids, {})
    ids["refund_id"] = begun["id"]
    for act, body in (("hand-over", {"office": "finance"}), ("retry", None), ("withdraw", None)):
        await world.visit.refund("stuck")  # the visit took place: a window must undo that first
        await finance.ask(f"POST /v1/refunds/{{refund_id}}/{act}", ids, body)
    closed = await hospital.visit("booked")
    [order] = (await closed.charge())["orders"]
    await hospital.will("CLOSED", order["order_id"])
    await closed.act("cancel")
    lost = await closed.refund("stuck")
    await finance.ask("POST /v1/refunds/{refund_id}/pay-out", {"refund_id": lost["id"]}, {"voucher": "HZ-2026-0099"})

    drugs = Prescription(world.visit, ids["prescription_id"])
    await drugs.carried(*RETURNED)

    async def parcel() -> Json:
        return await hospital.pharmacist.ask(f"/v1/deliveries/{ids['delivery_id']}")

    await until("the parcel to be back", parcel, lambda seen: seen["state"] == "returned")
    await lines["pharmacist"].ask("GET /v1/deliveries/{delivery_id}/receiver", ids)
    await lines["pharmacist"].ask("POST /v1/deliveries/{delivery_id}/decide", ids, {"decision": "refund"})
    return [left, closed]


async def _declined(hospital: Hospital, lines: Lines) -> Visit:
    """Its doctor has begun to sign, takes that back, and the visit goes no further."""
    left, doctor = await hospital.visit("entered"), lines["doctor"]
    ids = {"revisit_id": left.id}
    content = {"complaint": "活动后气短复诊", "history": "慢阻肺病史，规律吸入治疗。", "advice": "继续原方案。"}
    record = {"content": content, "diagnosis_code": "J44.900", "diagnosis_text": "慢性阻塞性肺疾病"}
    await doctor.ask("PUT /v1/revisits/{revisit_id}/record", ids, record)
    signing = await doctor.ask("POST /v1/revisits/{revisit_id}/record/sign", ids)
    await doctor.ask("POST /v1/records/{record_id}/withdraw", {"record_id": signing["id"]})
    await lines["manager"].ask("POST /v1/revisits/{revisit_id}/decline", ids, {"reason": "hospital", "note": None})
    await doctor.ask("GET /v1/revisits/{revisit_id}/decline", ids)
    return left


def people_of(hospital: Hospital) -> dict[str, Any]:
    """Who of the staff asks as which role."""
    staff = {"doctor": hospital.doctor, "pharmacist": hospital.pharmacist, "manager": hospital.manager, "finance": hospital.finance}
    return {"nobody": hospital.stranger()} | staff
