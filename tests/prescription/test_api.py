"""处方 and 审方 over HTTP: who may do what to which, and what is refused clearly and leaves nothing behind."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from models.account import Role
from models.kernel import ids
from models.prescription import PrescriptionState
from models.revisit import State
from models.stores import prescription as prescriptions
from models.stores.database import Database
from models.tables.delivery import DeliveryAddressRow
from models.tables.prescription import PrescriptionContentRow, PrescriptionNoteRow, PrescriptionRow
from models.tables.process import InboxRow, TimelineRow
from models.tables.revisit import RevisitRow
from tests.account.builders import staff_signed_in
from tests.client import Hands, key
from tests.delivery.builders import a_receiver
from tests.prescription.builders import a_prescription
from tests.prescription.desk import content, item
from tests.record.builders import Headers, Visit, a_visit_of_people, audited

STATES = PrescriptionState
BODY: dict[str, Any] = content().model_dump(mode="json")
RECEIVER: dict[str, Any] = a_receiver().model_dump(mode="json")
WORDS = {"text": "请核对剂量。"}
NOBODYS = "bfbc2918-199a-43ef-95e1-dcb79f33808c"
BY_DOCTOR: dict[str, Any] = {"amend": BODY, "submit": {}, "withdraw": {}, "answer": WORDS, "extend": {"days": 2}}
BY_PHARMACIST: dict[str, Any] = {
    "claim": {},
    "release": {},
    "approve": {},
    "question": WORDS,
    "reject": WORDS | {"remark": "dose"},
}
BY_PATIENT: dict[str, Any] = {"choose": {"way": "parcel", "receiver": RECEIVER}, "cancel": {}}
ACTS: dict[str, Any] = BY_DOCTOR | BY_PHARMACIST | BY_PATIENT
TABLES = (PrescriptionRow, PrescriptionContentRow, PrescriptionNoteRow, DeliveryAddressRow, InboxRow)
Refusal = tuple[int, str]


@pytest_asyncio.fixture
async def visit(database: Database, clock: Hands) -> Visit:
    """In 问诊中, with everybody around it signed in."""
    return await a_visit_of_people(database, clock)


@pytest_asyncio.fixture
async def pharmacist(database: Database, clock: Hands) -> Headers:
    _, headers = await staff_signed_in(database, clock, Role.PHARMACIST)
    return headers


async def writes(api: httpx.AsyncClient, visit: Visit, headers: Headers, body: Any = BODY) -> httpx.Response:
    """Under a key of its own, unless it has one."""
    return await api.post(f"/v1/revisits/{visit.id}/prescriptions", json=body, headers=key() | headers)


async def acts(api: httpx.AsyncClient, prescription_id: UUID | str, act: str, headers: Headers, body: Any = None) -> httpx.Response:
    asked = ACTS[act] if body is None else body
    return await api.post(f"/v1/prescriptions/{prescription_id}/{act}", json=asked, headers=key() | headers)


async def rows(database: Database) -> list[int]:
    """How many of each thing that an act on a prescription could leave behind."""
    async with database.reading() as db:
        return [await db.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def refusal(answer: httpx.Response) -> Refusal:
    return answer.status_code, answer.json()["code"]


# Written


async def test_written_it_is_a_draft_of_what_was_said(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    opened = await writes(api, visit, visit.doctor)
    told = (await api.get(f"/v1/prescriptions/{opened.json()['id']}", headers=visit.doctor)).json()

    assert (opened.status_code, opened.json()["state"]) == (201, "drafting")
    assert (told["revisit_id"], told["state"], told["content"]) == (str(visit.id), "drafting", BODY)
    assert await audited(database, UUID(told["id"]), "prescription:write") == [(visit.unit.doctor_account_id, None)]


async def test_sent_again_it_is_the_same_draft(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    once = visit.doctor | key()
    first, again = [await writes(api, visit, once) for _ in range(2)]

    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert await rows(database) == [1, 1, 0, 0, 0]


async def test_the_same_key_for_another_body_is_another_wish(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    once = visit.doctor | key()
    await writes(api, visit, once)
    before = await rows(database)

    refused = await writes(api, visit, once, BODY | {"advice": "每日一次。"})

    assert refusal(refused) == (422, "request.key_reused")
    assert await rows(database) == before


@pytest.mark.parametrize("state", [State.WAITING, State.ENDED, State.CLOSED, State.DECLINED])
async def test_only_while_consulting(api: httpx.AsyncClient, database: Database, clock: Hands, state: State) -> None:
    over = await a_visit_of_people(database, clock, state)

    assert refusal(await writes(api, over, over.doctor)) == (409, "prescription.visit_over")
    assert await rows(database) == [0] * len(TABLES)


async def test_only_with_the_patient_in_the_room(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    async with database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(entered_at=None))

    assert refusal(await writes(api, visit, visit.doctor)) == (409, "prescription.visit_over")


async def test_a_visit_has_only_so_many(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    for _ in range(prescriptions.MAX):
        await a_prescription(database, clock, visit)

    refused = await writes(api, visit, visit.doctor)

    assert refusal(refused) == (409, "prescription.too_many")
    assert (await rows(database))[0] == prescriptions.MAX
    async with database.transaction() as db:
        one = select(PrescriptionRow.id).limit(1).scalar_subquery()
        await db.execute(update(PrescriptionRow).where(PrescriptionRow.id == one).values(state=STATES.WITHDRAWN))
    assert (await writes(api, visit, visit.doctor)).status_code == 201  # one that is over unused counts no more


ITEM: dict[str, Any] = item().model_dump(mode="json")
PRESCRIBED: dict[str, Any] = BODY["prescribed"]


def with_item(**changes: Any) -> dict[str, Any]:
    return BODY | {"prescribed": PRESCRIBED | {"items": [ITEM | changes]}}


NO_PRESCRIPTIONS: dict[str, Any] = {
    "nothing": {},
    "no_object": [BODY],
    "unknown_field": BODY | {"signed": True},
    "unknown_field_of_what_is_judged": BODY | {"prescribed": PRESCRIBED | {"signed": True}},
    "unknown_field_of_an_item": with_item(price_fen=1),
    "no_code": with_item(drug_code="../tio"),
    "no_dose": with_item(dose="0"),
    "negative_dose": with_item(dose="-1"),
    "infinite_dose": with_item(dose="Infinity"),
    "no_number": with_item(dose="NaN"),
    "too_fine_a_dose": with_item(dose="0.0001"),
    "no_frequency": with_item(frequency="hourly"),
    "no_route": with_item(route="intravenous"),
    "no_days": with_item(days=0),
    "more_than_a_year": with_item(days=367),
    "half_a_day": with_item(days=1.5),
    "no_packs": with_item(packs=0),
    "a_thousand_packs": with_item(packs=1000),
    "no_diagnosis": BODY | {"prescribed": PRESCRIBED | {"diagnosis_code": "感冒"}},
    "empty_words": BODY | {"diagnosis_text": " "},
    "a_control_character": BODY | {"reason": "a\u0000b"},
    "too_many_words": BODY | {"advice": "多" * 201},
}


@pytest.mark.parametrize("body", NO_PRESCRIPTIONS.values(), ids=NO_PRESCRIPTIONS)
async def test_what_no_prescription_is(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, body: Any) -> None:
    """Neither written nor amended to."""
    draft = await a_prescription(database, clock, visit)
    before = await rows(database)

    assert refusal(await writes(api, visit, visit.doctor, body)) == (422, "request.invalid")
    assert refusal(await acts(api, draft, "amend", visit.doctor, body)) == (422, "request.invalid")
    assert await rows(database) == before


async def test_a_list_without_end_is_refused(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    body = BODY | {"prescribed": PRESCRIBED | {"items": [ITEM] * 1000}}

    assert refusal(await writes(api, visit, visit.doctor, body)) == (422, "request.invalid")
    assert await rows(database) == [0] * len(TABLES)


# Acts

NO_WISHES: dict[str, tuple[str, Any]] = {
    "parcel_without_receiver": ("choose", {"way": "parcel"}),
    "pickup_with_receiver": ("choose", {"way": "pickup", "receiver": RECEIVER}),
    "at_hospital_with_receiver": ("choose", {"way": "at_hospital", "receiver": RECEIVER}),
    "no_way": ("choose", {"way": "drone"}),
    "receiver_without_a_phone": ("choose", {"way": "parcel", "receiver": RECEIVER | {"phone": "12345"}}),
    "receiver_of_unknown_fields": ("choose", {"way": "parcel", "receiver": RECEIVER | {"id_number": "1"}}),
    "choose_and_pay": ("choose", {"way": "pickup", "amount_fen": 1}),
    "one_day": ("extend", {"days": 1}),
    "four_days": ("extend", {"days": 4}),
    "days_as_words": ("extend", {"days": "3"}),
    "days_and_more": ("extend", {"days": 3, "hours": 1}),
    "silent_answer": ("answer", {"text": " "}),
    "silent_question": ("question", {"text": ""}),
    "question_and_more": ("question", WORDS | {"remark": "dose"}),
    "rejected_without_words": ("reject", {"remark": "dose"}),
    "rejected_without_remark": ("reject", WORDS),
    "rejected_for_nothing_known": ("reject", WORDS | {"remark": "mood"}),
    "take_over_by_force": ("claim", {"take_over": True, "force": True}),
}


@pytest.mark.parametrize(("act", "body"), NO_WISHES.values(), ids=NO_WISHES)
async def test_a_wish_that_says_too_little_or_too_much(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: Headers, act: str, body: Any
) -> None:
    number = await a_prescription(database, clock, visit, STATES.QUEUED, queued_at=clock())
    before = await rows(database)
    who = visit.patient if act in BY_PATIENT else pharmacist if act in BY_PHARMACIST else visit.doctor

    refused = await acts(api, number, act, who, body)

    assert refusal(refused) == (422, "request.invalid")
    assert RECEIVER["detail"] not in refused.text
    assert await rows(database) == before


@pytest.mark.parametrize("act", [name for name, body in ACTS.items() if body == {} and name not in {"claim", "submit"}])
async def test_an_act_without_parameters_takes_none(api: httpx.AsyncClient, visit: Visit, pharmacist: Headers, act: str) -> None:
    who = visit.patient if act in BY_PATIENT else pharmacist if act in BY_PHARMACIST else visit.doctor

    assert refusal(await acts(api, NOBODYS, act, who, {"sure": True})) == (400, "request.unexpected")


@pytest.mark.parametrize("act", ACTS)
async def test_without_a_key_nothing_is_begun(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: Headers, act: str
) -> None:
    number = await a_prescription(database, clock, visit, STATES.QUEUED, queued_at=clock())
    before = await rows(database)
    who = visit.patient if act in BY_PATIENT else pharmacist if act in BY_PHARMACIST else visit.doctor

    acted = await api.post(f"/v1/prescriptions/{number}/{act}", json=ACTS[act], headers=who)
    written = await api.post(f"/v1/revisits/{visit.id}/prescriptions", json=BODY, headers=visit.doctor)

    assert refusal(acted) == refusal(written) == (400, "request.key_missing")
    assert await rows(database) == before


@pytest.mark.parametrize("act", ACTS)
async def test_what_was_done_under_a_key_is_answered_again_and_stands_for_that_body_alone(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, act: str
) -> None:
    """Whatever has become of it since; and nothing is asked of a run."""
    number = await a_prescription(database, clock, visit, STATES.EXPIRED, queued_at=clock())
    reviewer, theirs = await staff_signed_in(database, clock, Role.PHARMACIST)
    who, by = (theirs, reviewer) if act in BY_PHARMACIST else (visit.doctor, visit.unit.doctor_account_id)
    if act in BY_PATIENT:
        who, by = visit.patient, visit.person.account_id
    said = ids.body_hash(json.dumps(ACTS[act], sort_keys=True).encode())
    answers: list[httpx.Response] = []
    for version, body in enumerate((said, "another")):
        once, path = key(), f"/v1/prescriptions/{number}/{act}"
        intent_id = ids.of_intent(by, f"POST /v1/prescriptions/{{prescription_id}}/{act}", path, once["Idempotency-Key"])
        of = {"process": "prescription", "process_id": number, "visit_id": visit.id, "step": str(intent_id), "name": f"prescription.{act}"}
        async with database.transaction() as db:
            db.add(TimelineRow(**of, version=7 + version, before="any", after="then", by=by, body=body, at=clock()))
        answers.append(await acts(api, number, act, who | once))
    again, other = answers

    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert (again.json()["state"], again.json()["version"]) == ("then", 7)
    assert refusal(other) == (422, "request.key_reused")


# Rights


async def test_each_act_is_of_its_own_people(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: Headers
) -> None:
    """The patient does not write, the doctor does not review, the pharmacist does neither write nor choose."""
    number = await a_prescription(database, clock, visit, STATES.QUEUED, queued_at=clock())
    before = await rows(database)
    others = {"patient": BY_DOCTOR | BY_PHARMACIST, "doctor": BY_PHARMACIST | BY_PATIENT, "pharmacist": BY_DOCTOR | BY_PATIENT}
    people = {"patient": visit.patient, "doctor": visit.doctor, "pharmacist": pharmacist}

    answers = [await acts(api, number, act, people[who]) for who, theirs in others.items() for act in theirs]
    answers += [await writes(api, visit, people[who]) for who in ("patient", "pharmacist")]
    answers += [await api.get("/v1/drugs", params={"q": "tio"}, headers=people[who]) for who in ("patient", "pharmacist")]
    answers += [await api.get("/v1/reviews", headers=people[who]) for who in ("patient", "doctor")]

    assert {refusal(one) for one in answers} == {(403, "account.forbidden")}
    assert await rows(database) == before


async def test_a_stranger_is_asked_who_he_is(api: httpx.AsyncClient, visit: Visit) -> None:
    answers = [await writes(api, visit, {})] + [await acts(api, NOBODYS, act, {}) for act in ACTS]
    reads = ("/v1/reviews", "/v1/drugs?q=a", f"/v1/prescriptions/{NOBODYS}", f"/v1/revisits/{visit.id}/prescriptions")
    answers += [await api.get(path) for path in reads]

    assert {refusal(one) for one in answers} == {(401, "account.anonymous")}


async def test_another_doctors_visit_is_not_found(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    number = await a_prescription(database, clock, visit)
    before, other = await rows(database), visit.other_doctor

    acted = [await acts(api, number, act, other) for act in BY_DOCTOR] + [await api.get(f"/v1/prescriptions/{number}", headers=other)]
    of_visit = [await writes(api, visit, other), await api.get(f"/v1/revisits/{visit.id}/prescriptions", headers=other)]

    assert {refusal(one) for one in acted} == {(404, "prescription.missing")}
    assert {refusal(one) for one in of_visit} == {(404, "revisit.missing")}
    assert await rows(database) == before


async def test_another_patients_is_not_found(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    number = await a_prescription(database, clock, visit, STATES.CHOOSING, queued_at=clock())
    before = await rows(database)

    answers = [await acts(api, number, act, visit.stranger) for act in BY_PATIENT]
    answers.append(await api.get(f"/v1/prescriptions/{number}", headers=visit.stranger))

    assert {refusal(one) for one in answers} == {(404, "prescription.missing")}
    assert refusal(await api.get(f"/v1/revisits/{visit.id}/prescriptions", headers=visit.stranger)) == (404, "revisit.missing")
    assert await rows(database) == before


async def test_pharmacists_find_what_has_come_to_them(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: Headers
) -> None:
    draft = await a_prescription(database, clock, visit)
    before = await rows(database)

    answers = [await acts(api, number, act, pharmacist) for number in (draft, NOBODYS) for act in BY_PHARMACIST]
    answers.append(await api.get(f"/v1/prescriptions/{draft}", headers=pharmacist))

    assert {refusal(one) for one in answers} == {(404, "prescription.missing")}
    assert await rows(database) == before


# Read


async def test_a_patient_sees_it_from_the_signature_on(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    draft = await a_prescription(database, clock, visit)
    signed = await a_prescription(database, clock, visit, STATES.QUEUED, queued_at=clock())

    for who in (visit.patient, visit.relative):
        listed = (await api.get(f"/v1/revisits/{visit.id}/prescriptions", headers=who)).json()
        assert [one["id"] for one in listed] == [str(signed)]
        assert refusal(await api.get(f"/v1/prescriptions/{draft}", headers=who)) == (404, "prescription.missing")
        assert (await api.get(f"/v1/prescriptions/{signed}", headers=who)).json()["state_text"] == "药师审核中"
    assert len((await api.get(f"/v1/revisits/{visit.id}/prescriptions", headers=visit.doctor)).json()) == 2


@pytest.mark.parametrize("state", [STATES.DRAFTING, STATES.CHECKING, STATES.SIGNING])
async def test_what_was_amended_is_a_draft_again_until_it_is_signed(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    """A pharmacist gave the first back; what the doctor writes since is nobody's but theirs."""
    content_id = ids.new()
    number = await a_prescription(database, clock, visit, state, queued_at=clock(), content_id=content_id)
    async with database.transaction() as db:
        anew = content(item(days=5)).model_copy(update={"advice": "改为五天。"})
        await prescriptions.keep_content(db, content_id, number, visit.unit.doctor_account_id, anew)

    told = await api.get(f"/v1/prescriptions/{number}", headers=visit.patient)

    assert "改为五天。" not in told.text


async def test_who_reads_anothers_prescription_leaves_a_trace(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: Headers
) -> None:
    number = await a_prescription(database, clock, visit, STATES.QUEUED, queued_at=clock())

    for who in (visit.patient, visit.doctor, visit.relative, pharmacist, visit.stranger, visit.other_doctor):
        await api.get(f"/v1/prescriptions/{number}", headers=who)

    assert [purpose for _, purpose in await audited(database, number, "prescription:read")] == ["treatment", "relative", "review"]


async def test_notes_and_findings_are_for_staff(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: Headers
) -> None:
    number = await a_prescription(database, clock, visit, STATES.CHOOSING, queued_at=clock())
    told = {who: (await api.get(f"/v1/prescriptions/{number}", headers=headers)).json() for who, headers in
            (("patient", visit.patient), ("doctor", visit.doctor), ("pharmacist", pharmacist))}  # fmt: skip

    assert {one["content"]["diagnosis_text"] for one in told.values()} == {"慢性阻塞性肺疾病"}
    assert (told["patient"]["before"], told["patient"]["verdict"], told["patient"]["notes"]) == (None, None, [])
