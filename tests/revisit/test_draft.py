"""From 线上复诊 to a choice of slots: eligibility, data, self-check and consent (P-2.1, P-2.2)."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from models.consent import ConsentText, Symptom
from models.eligibility import Refusal, RegulatorField
from models.kernel import ids
from models.revisit import Cancel, Complete, Consent, Reason, Relate, SelfCheck, State
from models.stores import patient as patients
from models.stores import policy as policies
from models.tables.revisit import ConsentRow
from tests.builders import NOTICE, Person
from tests.process.hospital import Hospital
from tests.process.visit import Visit, opened, refused


async def supplied(hospital: Hospital, person: Person, *, phone: str | None = None, address: str | None = None) -> Complete:
    """What a patient supplied, stored before the step that sends it."""
    supplement_id = ids.new()
    async with hospital.database.transaction() as db:
        await patients.supply(db, supplement_id, person.patient_id, phone=phone, address=address, now=hospital.clock())
    return Complete(id=ids.new(), by=person.account_id, supplement_id=supplement_id)


async def checked(hospital: Hospital, person: Person) -> Visit:
    visit = await opened(hospital, person=person)
    await visit.goes_on()
    return visit


async def answers(hospital: Hospital, visit: Visit) -> list[ConsentRow]:
    async with hospital.database.reading() as db:
        return list(await db.scalars(select(ConsentRow).where(ConsentRow.revisit_id == visit.id).order_by(ConsentRow.at)))


async def test_who_was_here_within_the_window_goes_on_to_consent(hospital: Hospital) -> None:
    person = await hospital.person(seen_days_ago=(170, 30))
    visit = await checked(hospital, person)

    row = await hospital.row(visit.id)
    assert visit.state is State.CONSENTING
    assert row.past_encounter_id == f"pat-{person.patient_id.hex[:8]}-30", "the newest that counts is continued"
    assert (row.due_at, row.wake_at) == (hospital.clock() + timedelta(minutes=30),) * 2


@pytest.mark.parametrize(
    ("refusal", "person"),
    [
        ("out_of_window", {"seen_days_ago": (200,)}),
        ("no_record", {"seen_days_ago": ()}),
        ("no_record", {"seen_days_ago": (4 * 365,)}),
        ("child", {"born": date(2019, 3, 3)}),  # seven tomorrow
        ("not_found", {"name": "张秀兰"}),  # that number is another's
    ],
)
async def test_who_may_not_is_told_why(hospital: Hospital, refusal: str, person: dict[str, object]) -> None:
    visit = await checked(hospital, await hospital.person(**person))  # type: ignore[arg-type]

    row = await hospital.row(visit.id)
    assert (row.state, row.refusal, row.due_at, row.wake_at) == (State.REFUSED, refusal, None, None)
    assert await hospital.told(visit.id) == []


async def test_whom_the_his_does_not_know_is_refused(hospital: Hospital) -> None:
    person = await hospital.person()
    hospital.his.people.clear()
    visit = await checked(hospital, person)

    assert (await hospital.row(visit.id)).refusal == "not_found"


async def test_a_past_visit_of_somebody_else_is_refused(hospital: Hospital) -> None:
    person, policy = await hospital.person(), await hospital.opens()
    visit = Visit(hospital, person, await hospital.unit(), await hospital.visit(person, policy, past_encounter_id="enc-of-another"))
    await visit.desk.begin()
    await visit.goes_on()

    assert (await hospital.row(visit.id)).refusal == "not_theirs"


@pytest.mark.parametrize("call", ["patient", "past_visits"])
async def test_a_his_that_refuses_to_tell_is_an_end_that_the_patient_reads(hospital: Hospital, call: str) -> None:
    """Nobody asked for this step: refused like a wish, the visit would stand still for ever."""
    person = await hospital.person()
    hospital.his.refuses(call, "his.invalid")
    visit = await checked(hospital, person)

    assert (visit.state, (await hospital.row(visit.id)).refusal) == (State.REFUSED, Refusal.NOT_CHECKED)


async def test_a_silent_his_is_asked_again(hospital: Hospital) -> None:
    person = await hospital.person()
    hospital.his.silent("patient")
    hospital.his.silent("past_visits", times=2)
    visit = await checked(hospital, person)

    assert visit.state is State.CONSENTING
    assert await hospital.story(visit.id) == ["revisit.open", "eligibility.check"]


@pytest.mark.parametrize("call", ["patient", "past_visits"])
async def test_a_his_that_refuses_to_tell_is_an_outcome(hospital: Hospital, call: str) -> None:
    """Nobody waits for a refusal here, and one that left the step would stop the visit for good."""
    person = await hospital.person()
    hospital.his.refuses(call, "his.forbidden")
    visit = await checked(hospital, person)

    assert (visit.state, (await hospital.row(visit.id)).refusal) == (State.REFUSED, "not_checked")


async def test_missing_data_is_named_and_completed(hospital: Hospital) -> None:
    person = await hospital.person(missing=(RegulatorField.PHONE, RegulatorField.ADDRESS))
    visit = await checked(hospital, person)
    assert (visit.state, (await hospital.row(visit.id)).missing) == (State.COMPLETING, ["phone", "address"])

    await visit.desk.happens(await supplied(hospital, person, phone="13812345678"))
    assert (visit.state, (await hospital.row(visit.id)).missing) == (State.COMPLETING, ["address"])

    await visit.desk.happens(await supplied(hospital, person, address="北京市通州区北马厂149号"))
    assert (visit.state, (await hospital.row(visit.id)).missing) == (State.CONSENTING, [])


async def test_data_that_the_his_does_not_take_may_be_supplied_again(hospital: Hospital) -> None:
    person = await hospital.person(missing=(RegulatorField.PHONE,))
    visit = await checked(hospital, person)
    hospital.his.refuses("complete_patient", "his.invalid")

    assert await refused(visit.desk.happens(await supplied(hospital, person, phone="13812345678"))) == "his.invalid"
    await visit.desk.begin()
    assert (visit.state, visit.now.under_way) == (State.COMPLETING, None)
    await visit.desk.happens(await supplied(hospital, person, phone="13812345678"))
    assert visit.state is State.CONSENTING


async def test_what_another_supplied_is_not_taken(hospital: Hospital) -> None:
    person, another = await hospital.person(missing=(RegulatorField.PHONE,)), await hospital.person()
    visit = await checked(hospital, person)

    assert await refused(visit.desk.happens(await supplied(hospital, another, phone="13812345678"))) == "patient.supplement_missing"
    assert hospital.his.times("complete_patient") == 0


@pytest.mark.parametrize("missing", [(), (RegulatorField.PHONE,)])
async def test_another_past_visit_may_be_related(hospital: Hospital, missing: tuple[RegulatorField, ...]) -> None:
    person = await hospital.person(seen_days_ago=(30, 100, 300), missing=missing)
    visit = await checked(hospital, person)
    state, record = visit.state, f"pat-{person.patient_id.hex[:8]}"

    await visit.does(Relate, past_encounter_id=f"{record}-100")
    assert (visit.state, (await hospital.row(visit.id)).past_encounter_id) == (state, f"{record}-100")
    assert await refused(visit.does(Relate, past_encounter_id=f"{record}-300")) == "eligibility.out_of_window"
    assert await refused(visit.does(Relate, past_encounter_id="enc-of-another")) == "eligibility.not_theirs"
    assert (await hospital.row(visit.id)).past_encounter_id == f"{record}-100"


async def test_without_a_symptom_the_visit_goes_on(hospital: Hospital) -> None:
    visit = await checked(hospital, await hospital.person())

    await visit.consents()

    assert visit.state is State.CHOOSING
    assert [(one.scene, one.text_version, one.detail) for one in await answers(hospital, visit)] == [
        ("self_check", "1", {"symptoms": []}),
        ("revisit", NOTICE.version, {}),
    ]


async def test_any_symptom_ends_the_visit_with_advice(hospital: Hospital) -> None:
    visit = await checked(hospital, await hospital.person())

    await visit.does(SelfCheck, symptoms=(Symptom.CHEST_PAIN,))

    row = await hospital.row(visit.id)
    assert (row.state, row.refusal, row.wake_at) == (State.REFUSED, "emergency", None)
    assert [one.detail for one in await answers(hospital, visit)] == [{"symptoms": ["chest_pain"]}]


async def test_a_symptom_remembered_later_is_recorded_too(hospital: Hospital) -> None:
    visit = await checked(hospital, await hospital.person())

    await visit.does(SelfCheck, symptoms=())
    await visit.does(SelfCheck, symptoms=(Symptom.HAEMOPTYSIS,))

    assert visit.state is State.REFUSED
    assert [one.detail for one in await answers(hospital, visit)][-1] == {"symptoms": ["haemoptysis"]}


async def test_consent_needs_the_self_check_first(hospital: Hospital) -> None:
    visit = await checked(hospital, await hospital.person())

    assert await refused(visit.does(Consent, text_version=NOTICE.version, text_hash=NOTICE.hash)) == "consent.self_check_first"
    assert (visit.state, await answers(hospital, visit)) == (State.CONSENTING, [])


@pytest.mark.parametrize(("version", "hash_"), [("notice-0", NOTICE.hash), (NOTICE.version, "0" * 64)])
async def test_only_the_text_as_it_was_shown_is_consented_to(hospital: Hospital, version: str, hash_: str) -> None:
    visit = await checked(hospital, await hospital.person())
    await visit.does(SelfCheck, symptoms=())

    assert await refused(visit.does(Consent, text_version=version, text_hash=hash_)) == "consent.text_changed"
    assert visit.state is State.CONSENTING


async def test_a_new_text_is_shown_again(hospital: Hospital) -> None:
    visit = await checked(hospital, await hospital.person())
    await visit.does(SelfCheck, symptoms=())
    newer = ConsentText(version="notice-2", title=NOTICE.title, text="新的告知。", effective_at=hospital.clock())
    async with hospital.database.transaction() as db:
        await policies.publish_text(db, "revisit", newer)

    assert await refused(visit.does(Consent, text_version=NOTICE.version, text_hash=NOTICE.hash)) == "consent.text_changed"
    await visit.does(Consent, text_version=newer.version, text_hash=newer.hash)
    assert visit.state is State.CHOOSING


DRAFT = [State.COMPLETING, State.CONSENTING, State.CHOOSING]


async def draft(hospital: Hospital, state: State) -> Visit:
    """A draft in one of its states."""
    visit = await checked(hospital, await hospital.person(missing=(RegulatorField.PHONE,) if state is State.COMPLETING else ()))
    return await visit.to(state)


@pytest.mark.parametrize("state", DRAFT)
async def test_a_draft_ends_after_half_an_hour(hospital: Hospital, state: State) -> None:
    visit = await draft(hospital, state)
    await visit.desk.alarm()

    row = await hospital.row(visit.id)
    assert (row.state, row.reason, row.due_at, row.wake_at) == (State.CANCELLED, Reason.TIMED_OUT, None, None)
    assert row.moved_at == row.created_at + timedelta(minutes=30), "the timer runs from the opening, whatever was done meanwhile"
    assert await hospital.told(visit.id) == []


@pytest.mark.parametrize("state", DRAFT)
async def test_a_draft_may_be_cancelled(hospital: Hospital, state: State) -> None:
    visit = await draft(hospital, state)
    await visit.does(Cancel)

    row = await hospital.row(visit.id)
    assert (row.state, row.reason, row.wake_at) == (State.CANCELLED, Reason.PATIENT, None)
    assert await hospital.told(visit.id) == [], "a draft that never held a place ends without a message"
    assert not {"lock", "release", "find_lock"} & set(hospital.his.asked)
