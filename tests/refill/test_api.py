"""既往处方 and the copied draft over HTTP: whose they are, what they say of each line, what is refused (P-3, D-3.1)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select, text, update

from models.consent import STABILITY_HASH, STABILITY_VERSION, Stability
from models.eligibility import HisPatient
from models.kernel import ids
from models.prescription import PrescriptionState
from models.prescription_his import PastPrescription
from models.refill import PastPrescriptions
from models.revisit import State
from models.stores import account as accounts
from models.stores import consent as consents
from models.stores import drug as drugs
from models.stores import prescription as prescriptions
from models.stores import refill as refills
from models.stores.database import Database
from models.tables.prescription import PrescriptionRow
from models.tables.revisit import RevisitRow
from tests.builders import rules
from tests.client import Hands, key
from tests.prescription.desk import AMBROXOL, content, item
from tests.process.hospital import past_visit
from tests.record.builders import Headers, Visit, a_visit_of_people, audited
from tests.refill.builders import SHELF, a_line, a_past_prescription

NUMBER = "rx-enc-1"


@pytest_asyncio.fixture
async def visit(database: Database, clock: Hands) -> Visit:
    """A refill in 问诊中, with everybody around it signed in; its patient had 噻托溴铵, a narcotic and 氨溴索 a month ago."""
    made = await a_visit_of_people(database, clock, past_prescription=NUMBER, unstable=False)
    async with database.transaction() as db:
        await rules(db)
        await drugs.keep(db, SHELF, clock())
        await refills.remember(db, made.id, the_past(clock))
    return made


def the_past(clock: Hands, **changes: Any) -> PastPrescription:
    return a_past_prescription("enc-1", clock() - timedelta(days=30), a_line(), a_line("mor"), a_line("amb"), **changes)


async def told_by_the_his(database: Database, clock: Hands, visit: Visit, *past: PastPrescription) -> None:
    """As the last look left it; the hospital has the patient's own phone."""
    async with database.transaction() as db:
        phones = ("13900000000", await accounts.phone(db, visit.person.account_id))
        person = HisPatient(ids=("pat-1",), name="张秀英", birth_on=(clock() - timedelta(days=25_000)).date(), phones=phones)
        told = PastPrescriptions(patient=person, visits=(past_visit("enc-1", clock() - timedelta(days=30)),), prescriptions=past)
        await refills.keep(db, visit.person.patient_id, told, clock())


async def listed(api: httpx.AsyncClient, visit: Visit, headers: Headers) -> httpx.Response:
    return await api.get(f"/v1/patients/{visit.person.patient_id}/past-prescriptions", headers=headers)


async def copies(api: httpx.AsyncClient, visit: Visit, headers: Headers, **body: Any) -> httpx.Response:
    """Under a key of its own, unless it has one."""
    asked = {"copied_from": NUMBER} | body
    return await api.post(f"/v1/revisits/{visit.id}/prescriptions/copy", json=asked, headers=key() | headers)


async def answered(database: Database, clock: Hands, visit: Visit, *unstable: Stability) -> None:
    """As the self-check left it."""
    said = [str(one) for one in unstable]
    async with database.transaction() as db:
        told = {"version": STABILITY_VERSION, "text_hash": STABILITY_HASH}
        await consents.record(db, ids.new(), visit.id, visit.person.account_id, "stability", at=clock(), unstable=said, **told)
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(unstable=bool(unstable)))


async def drafts(database: Database) -> int:
    async with database.reading() as db:
        return await db.scalar(select(func.count()).select_from(PrescriptionRow)) or 0


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def marked(told: dict[str, Any]) -> dict[str, str]:
    return {one["drug_code"]: one["change"] for one in told["copied"]["changes"]}


# The entry


async def test_each_says_what_may_be_had_again_and_what_not(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    old = a_past_prescription("enc-0", clock() - timedelta(days=300), number="rx-old")
    await told_by_the_his(database, clock, visit, the_past(clock), old)

    told = (await listed(api, visit, visit.patient)).json()

    assert [(one["number"], one["department"], one["refusal"]) for one in told["items"]] == [
        (NUMBER, "呼吸科", None),
        ("rx-old", None, "out_of_window"),
    ]
    assert [one["drug_name"] for one in told["items"][0]["lines"]] == ["噻托溴铵", "吗啡缓释片", "氨溴索"]
    assert told["items"][0]["left_out"] == [
        {"drug_code": "mor", "drug_name": "吗啡缓释片", "why": ["banned"], "why_text": ["麻醉、精神、毒性、放射性药品不能在线上开具"]}
    ]
    assert told["items"][1]["refusal_text"]


async def test_of_which_nothing_is_left_it_is_said(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    await told_by_the_his(database, clock, visit, a_past_prescription("enc-1", clock() - timedelta(days=30), a_line("mor"), a_line("gone")))

    [only] = (await listed(api, visit, visit.patient)).json()["items"]

    assert (only["refusal"], [one["why"] for one in only["left_out"]]) == ("nothing_left", [["banned"], ["unknown_drug"]])


async def test_reading_leaves_a_trace_of_everybody(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    await told_by_the_his(database, clock, visit, the_past(clock))

    for who in (visit.patient, visit.relative):
        assert (await listed(api, visit, who)).status_code == 200

    found = await audited(database, visit.person.patient_id, "refill:read")
    assert [purpose for _, purpose in found] == [None, "relative"]


async def test_only_for_an_account_that_is_bound(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    await told_by_the_his(database, clock, visit, the_past(clock))

    assert refusal(await listed(api, visit, visit.stranger)) == (404, "patient.missing")
    assert refusal(await listed(api, visit, visit.doctor)) == (403, "account.forbidden")
    assert await audited(database, visit.person.patient_id, "refill:read") == []


async def test_who_only_knows_name_and_number_is_told_nothing(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    """The hospital has another phone, and nobody has proved that they belong together; the reading is in the audit all the same."""
    await told_by_the_his(database, clock, visit, the_past(clock))
    async with database.transaction() as db:
        await db.execute(text("update patient_binding set verified_at = null"))

    seen = [await listed(api, visit, who) for who in (visit.relative, visit.patient)]

    assert refusal(seen[0]) == (403, "refill.not_proved")
    assert "items" not in seen[0].json()
    assert seen[1].status_code == 200
    assert [purpose for _, purpose in await audited(database, visit.person.patient_id, "refill:read")] == ["relative", None]


async def test_of_whom_the_hospital_does_not_know_there_is_nothing_to_hide(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    async with database.transaction() as db:
        await refills.keep(db, visit.person.patient_id, PastPrescriptions(patient=None), clock())

    told = (await listed(api, visit, visit.patient)).json()

    assert (told["refusal"], told["items"]) == ("not_found", [])


@pytest.mark.parametrize("before", [False, True], ids=["never looked at", "looked at long ago"])
async def test_when_nobody_tells_nothing_old_is_shown(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, before: bool
) -> None:
    """Here no Temporal is there to look."""
    if before:
        await told_by_the_his(database, clock, visit, the_past(clock))
        clock.forward(seconds=61)

    assert refusal(await listed(api, visit, visit.patient)) == (503, "refill.not_told")


# The draft


async def test_one_call_copies_what_the_catalogue_still_has(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    made = await copies(api, visit, visit.doctor)
    told = (await api.get(f"/v1/prescriptions/{made.json()['id']}", headers=visit.doctor)).json()

    assert (made.status_code, made.json()["state"]) == (201, "drafting")
    assert told["content"]["prescribed"] | {"items": None} == content().model_dump(mode="json")["prescribed"] | {"items": None}
    assert [one["drug_code"] for one in told["content"]["prescribed"]["items"]] == ["tio", "amb"]
    assert marked(made.json()) == marked(told) == {"tio": "unchanged", "amb": "unchanged", "mor": "removed"}
    assert [(one["drug_code"], one["why"]) for one in made.json()["copied"]["left_out"]] == [("mor", ["banned"])]
    assert await audited(database, UUID(made.json()["id"]), "refill:copy") == [(visit.unit.doctor_account_id, None)]


async def test_what_is_written_anew_is_compared_with_nothing(api: httpx.AsyncClient, visit: Visit) -> None:
    body = content().model_dump(mode="json")
    written = (await api.post(f"/v1/revisits/{visit.id}/prescriptions", json=body, headers=key() | visit.doctor)).json()

    assert (await api.get(f"/v1/prescriptions/{written['id']}", headers=visit.doctor)).json()["copied"] is None


async def test_amended_it_says_line_by_line_what_was_changed(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    made = (await copies(api, visit, visit.doctor)).json()
    prescription_id, content_id = UUID(made["id"]), ids.new()
    async with database.transaction() as db:  # as its process puts an amendment in force
        amended = content(item("tio", days=14), item("new"))
        await prescriptions.keep_content(db, content_id, prescription_id, visit.unit.doctor_account_id, amended)
        await db.execute(update(PrescriptionRow).where(PrescriptionRow.id == prescription_id).values(content_id=content_id))

    told = (await api.get(f"/v1/prescriptions/{made['id']}", headers=visit.doctor)).json()

    assert marked(told) == {"tio": "changed", "new": "added", "mor": "removed", AMBROXOL.code: "removed"}


async def test_sent_again_it_is_the_same_draft(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    once = visit.doctor | key()
    first, again = [await copies(api, visit, once) for _ in range(2)]

    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert await drafts(database) == 1


async def test_nothing_of_it_stands_where_answers_are_kept(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    await copies(api, visit, visit.doctor)

    async with database.reading() as db:
        kept = list(await db.scalars(text("select answer::text from intent")))
    assert kept
    assert not [one for one in kept if "tio" in one or "噻托" in one]


async def test_where_not_all_is_stable_it_is_copied_on_the_doctors_word_alone(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    await answered(database, clock, visit, Stability.REACTION)

    refused = await copies(api, visit, visit.doctor)
    assert refusal(refused) == (409, "refill.unstable")
    assert refused.json()["params"] == {"unstable": ["reaction"]}
    assert await drafts(database) == 0

    assert (await copies(api, visit, visit.doctor, though_unstable=True)).status_code == 201


async def test_the_doctor_sees_before_accepting_what_is_wanted_and_whether_all_is_stable(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    await answered(database, clock, visit, Stability.USE)

    told = (await api.get(f"/v1/revisits/{visit.id}/intake", headers=visit.doctor)).json()["refill"]

    assert told["prescription"]["number"] == NUMBER
    assert (told["stability"]["unstable"], told["stability"]["version"]) == (["use"], STABILITY_VERSION)
    queued = (await api.get(f"/v1/queue/{visit.unit.id}", params={"list": "consulting"}, headers=visit.doctor)).json()["items"]
    assert [(one["refill"], one["unstable"]) for one in queued] == [(True, True)]


async def test_only_its_own_doctor_and_only_the_visits_own_past(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    assert refusal(await copies(api, visit, visit.other_doctor)) == (404, "revisit.missing")
    assert refusal(await copies(api, visit, visit.patient)) == (403, "account.forbidden")
    assert refusal(await copies(api, visit, visit.doctor, copied_from="rx-of-somebody")) == (404, "refill.missing")
    assert await drafts(database) == 0


async def test_a_revisit_of_another_entry_has_nothing_to_copy(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    other = await a_visit_of_people(database, clock)

    assert refusal(await copies(api, other, other.doctor)) == (404, "refill.missing")


async def test_after_the_visit_nothing_is_copied(api: httpx.AsyncClient, database: Database, visit: Visit) -> None:
    async with database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(state=State.ENDED))

    assert refusal(await copies(api, visit, visit.doctor)) == (409, "prescription.visit_over")


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"lines": (a_line("mor"),)}, "refill.nothing_left"), ({"diagnosis_code": None}, "refill.not_copied")],
    ids=["nothing left", "no diagnosis"],
)
async def test_what_cannot_be_a_draft_is_written_by_hand(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, changes: dict[str, Any], code: str
) -> None:
    async with database.transaction() as db:
        await refills.remember(db, visit.id, the_past(clock).model_copy(update=changes))

    assert refusal(await copies(api, visit, visit.doctor)) == (409, code)
    assert await drafts(database) == 0


async def test_the_patient_reads_no_line_of_it_before_a_pharmacist_has_approved(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    made = (await copies(api, visit, visit.doctor)).json()
    async with database.transaction() as db:
        row = update(PrescriptionRow).where(PrescriptionRow.id == UUID(made["id"]))
        await db.execute(row.values(state=PrescriptionState.QUEUED, queued_at=clock()))

    told = (await api.get(f"/v1/prescriptions/{made['id']}", headers=visit.patient)).json()

    assert (told["content"], told["copied"], told["changes"]) == (None, None, None)


# Its opening and its questions


@pytest.mark.parametrize(
    "opening",
    [{"past_prescription": NUMBER, "past_encounter_id": "enc-1"}, {"past_prescription": "rx 1; drop"}, {"past_prescription": ""}],
    ids=["both ways", "no number", "nothing"],
)
async def test_an_opening_that_cannot_be_is_refused_at_the_door(api: httpx.AsyncClient, visit: Visit, opening: dict[str, str]) -> None:
    answer = await api.post(f"/v1/patients/{visit.person.patient_id}/revisits", json=opening, headers=key() | visit.patient)

    assert refusal(answer) == (422, "request.invalid")


async def test_it_is_shown_as_what_it_is(api: httpx.AsyncClient, visit: Visit) -> None:
    opening = {"past_prescription": NUMBER}
    opened = await api.post(f"/v1/patients/{visit.person.patient_id}/revisits", json=opening, headers=key() | visit.patient)

    told = (await api.get(f"/v1/revisits/{opened.json()['id']}/timeline", headers=visit.patient)).json()

    assert (told["revisit"]["past_prescription"], told["revisit"]["unstable"]) == (NUMBER, None)
    assert [one["title"] for one in told["steps"]] == ["发起复诊续方"]


@pytest.mark.parametrize(
    "stability",
    [
        {"version": STABILITY_VERSION, "answers": {"use": True}},
        {"version": STABILITY_VERSION, "answers": {one.value: "perhaps" for one in Stability}},
        {"version": STABILITY_VERSION, "answers": {one.value: True for one in Stability} | {"weather": True}},
        {"answers": {one.value: True for one in Stability}},
    ],
    ids=["not all", "not yes or no", "unknown", "no version"],
)
async def test_questions_are_answered_in_whole(api: httpx.AsyncClient, visit: Visit, stability: dict[str, Any]) -> None:
    body: dict[str, Any] = {"symptoms": [], "stability": stability}

    assert refusal(await api.post(f"/v1/revisits/{visit.id}/self-check", json=body, headers=key() | visit.patient)) == (
        422,
        "request.invalid",
    )


async def test_the_questions_are_shown_with_their_version(api: httpx.AsyncClient, visit: Visit) -> None:
    shown = (await api.get("/v1/consent-texts/revisit", headers=visit.patient)).json()

    assert set(shown["stability"]) == set(Stability)
    assert shown["stability_version"] == STABILITY_VERSION


async def test_in_the_place_of_a_stopped_refill_another_is_opened(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """再次预约: what it begins with is what opens it."""
    visit = await a_visit_of_people(database, clock, state=State.SUSPENDED, past_prescription=NUMBER, past_encounter_id="enc-1")
    async with database.transaction() as db:
        await rules(db)

    again = (await api.get(f"/v1/revisits/{visit.id}/again", headers=visit.patient)).json()

    opening = {name: again[name] for name in ("past_prescription", "past_encounter_id")}
    assert opening == {"past_prescription": NUMBER, "past_encounter_id": None}
    answer = await api.post(f"/v1/patients/{again['patient_id']}/revisits", json=opening, headers=visit.patient | key())
    assert answer.status_code == 201
