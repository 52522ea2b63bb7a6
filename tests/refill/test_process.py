"""复诊续方 at the desk of its process: asked of the HIS, judged, its questions answered (P-3)."""

from datetime import timedelta
from uuid import UUID

import pytest

from activities.eligibility import EligibilityActivities
from models.consent import STABILITY_VERSION, Stability, Symptom
from models.eligibility import Opening, Refusal
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown
from models.prescription_his import PastPrescription
from models.refill import Look
from models.revisit import Consent, Relate, SelfCheck, State
from models.stores import consent as consents
from models.stores import drug as drugs
from models.stores import refill as refills
from models.stores import revisit as revisits
from models.tables.refill import PastRow
from tests.builders import NOTICE, Person
from tests.process.hospital import Hospital
from tests.process.visit import Visit
from tests.refill.builders import SHELF, a_line, a_past_prescription

ALL_WELL: dict[str, object] = {"symptoms": (), "unstable": (), "text_version": STABILITY_VERSION}


async def a_person_with(hospital: Hospital, *past: PastPrescription) -> Person:
    """Seen a month ago, and what they went home with; the drugs are on the shelf."""
    async with hospital.database.transaction() as db:
        await drugs.keep(db, SHELF, hospital.clock())
    person = await hospital.person()
    hospital.his.past[hospital.his.people[person.id_number].ids[0]] = past or (of_the_last_visit(hospital, person),)
    return person


def of_the_last_visit(hospital: Hospital, person: Person) -> PastPrescription:
    [visit] = hospital.his.histories[hospital.his.people[person.id_number].ids[0]]
    return a_past_prescription(visit.encounter_id, visit.ended_at, a_line(), a_line("mor"))


async def opened_from(hospital: Hospital, person: Person, number: str) -> Visit:
    policy, unit, revisit_id = await hospital.opens(), await hospital.unit(), ids.new()
    due_at = hospital.clock() + timedelta(seconds=policy.rules.draft_s)
    async with hospital.database.transaction() as db:
        opening = Opening(past_prescription=number)
        await revisits.insert_opened(
            db, revisit_id, person.account_id, person.patient_id, opening, policy=policy.version, at=hospital.clock(), due_at=due_at
        )
    visit = Visit(hospital, person, unit, revisit_id)
    await visit.desk.begin()
    return visit


async def refilling(hospital: Hospital) -> Visit:
    """Checked, and asked whether all is stable."""
    person = await a_person_with(hospital)
    visit = await opened_from(hospital, person, of_the_last_visit(hospital, person).number)
    await visit.goes_on()
    return visit


async def remembered(hospital: Hospital, revisit_id: UUID) -> PastPrescription | None:
    async with hospital.database.reading() as db:
        return await refills.remembered(db, revisit_id)


async def test_it_continues_the_prescriptions_visit_and_remembers_it(hospital: Hospital) -> None:
    visit = await refilling(hospital)

    row, past = await hospital.row(visit.id), of_the_last_visit(hospital, visit.person)
    assert (visit.state, row.past_encounter_id, row.past_prescription) == (State.CONSENTING, past.encounter_id, past.number)
    assert await remembered(hospital, visit.id) == past


async def test_what_is_remembered_cannot_be_read_in_the_row(hospital: Hospital) -> None:
    visit = await refilling(hospital)

    sealed = (await hospital.row(visit.id)).past_prescribed
    assert sealed is not None
    assert not [words for words in ("噻托溴铵", "J44", "王建国") if words.encode() in sealed]


async def test_another_persons_prescription_opens_nothing(hospital: Hospital) -> None:
    other = await a_person_with(hospital)
    theirs, person = of_the_last_visit(hospital, other), await a_person_with(hospital)

    for number in (theirs.number, "rx-of-nobody"):
        visit = await opened_from(hospital, person, number)
        await visit.goes_on()

        assert (visit.state, (await hospital.row(visit.id)).refusal) == (State.REFUSED, Refusal.NOT_THEIR_PRESCRIPTION)
        assert await remembered(hospital, visit.id) is None


async def test_a_prescription_of_which_nothing_may_be_had_opens_nothing(hospital: Hospital) -> None:
    person = await a_person_with(hospital)
    [visit] = hospital.his.histories[hospital.his.people[person.id_number].ids[0]]
    only = a_past_prescription(visit.encounter_id, visit.ended_at, a_line("mor"), a_line("gone"))
    hospital.his.past[hospital.his.people[person.id_number].ids[0]] = (only,)

    refused = await opened_from(hospital, person, only.number)
    await refused.goes_on()

    assert (await hospital.row(refused.id)).refusal == Refusal.NOTHING_LEFT


async def test_what_the_his_refuses_to_tell_opens_nothing(hospital: Hospital) -> None:
    person = await a_person_with(hospital)
    hospital.his.refuses("past_prescriptions", "his.invalid")

    visit = await opened_from(hospital, person, of_the_last_visit(hospital, person).number)
    await visit.goes_on()

    assert (await hospital.row(visit.id)).refusal == Refusal.NOT_CHECKED


async def test_a_revisit_of_another_entry_does_not_ask_for_prescriptions(hospital: Hospital) -> None:
    visit = Visit(hospital, person := await hospital.person(), await hospital.unit(), await hospital.visit(person, await hospital.opens()))
    await visit.desk.begin()
    await visit.goes_on()

    assert "past_prescriptions" not in hospital.his.asked


# Whether all is stable


async def test_the_answers_are_recorded_and_the_visit_goes_on(hospital: Hospital) -> None:
    visit = await refilling(hospital)

    await visit.does(SelfCheck, **ALL_WELL)
    await visit.does(Consent, text_version=NOTICE.version, text_hash=NOTICE.hash)

    async with hospital.database.reading() as db:
        said = await consents.stability(db, visit.id)
    assert said is not None
    assert (said.by, said.version, said.at, said.unstable) == (visit.person.account_id, STABILITY_VERSION, hospital.clock(), ())
    assert (visit.state, (await hospital.row(visit.id)).unstable) == (State.CHOOSING, False)


async def test_what_is_not_stable_marks_the_visit_and_ends_nothing(hospital: Hospital) -> None:
    visit = await refilling(hospital)

    await visit.does(SelfCheck, **ALL_WELL | {"unstable": (Stability.REACTION, Stability.USE)})

    async with hospital.database.reading() as db:
        said = await consents.stability(db, visit.id)
    assert said is not None
    assert said.unstable == (Stability.REACTION, Stability.USE)
    assert (visit.state, (await hospital.row(visit.id)).unstable) == (State.CONSENTING, True)


async def test_what_was_answered_last_stands(hospital: Hospital) -> None:
    visit = await refilling(hospital)
    await visit.does(SelfCheck, **ALL_WELL | {"unstable": (Stability.USE,)})

    await visit.does(SelfCheck, **ALL_WELL)

    assert (await hospital.row(visit.id)).unstable is False


async def test_a_symptom_ends_it_whatever_is_stable(hospital: Hospital) -> None:
    visit = await refilling(hospital)

    await visit.does(SelfCheck, **ALL_WELL | {"symptoms": (Symptom.CHEST_PAIN,)})

    assert (visit.state, (await hospital.row(visit.id)).refusal) == (State.REFUSED, Refusal.EMERGENCY)


@pytest.mark.parametrize(
    ("answered", "code"),
    [({"symptoms": ()}, "consent.stability"), (ALL_WELL | {"text_version": "0"}, "consent.text_changed")],
    ids=["not answered", "other questions"],
)
async def test_a_refill_is_asked_these_questions(hospital: Hospital, answered: dict[str, object], code: str) -> None:
    visit = await refilling(hospital)

    with pytest.raises(DomainError) as refused:
        await visit.does(SelfCheck, **answered)

    assert refused.value.code == code
    assert (await hospital.row(visit.id)).self_checked_at is None


async def test_nobody_else_is_asked_them(hospital: Hospital) -> None:
    person = await hospital.person()
    visit = Visit(hospital, person, await hospital.unit(), await hospital.visit(person, await hospital.opens()))
    await visit.desk.begin()
    await visit.goes_on()

    with pytest.raises(DomainError) as refused:
        await visit.does(SelfCheck, **ALL_WELL)

    assert refused.value.code == "consent.stability"


async def test_it_stays_a_refill_when_another_visit_is_related(hospital: Hospital) -> None:
    visit = await refilling(hospital)
    past = of_the_last_visit(hospital, visit.person)

    await visit.does(Relate, past_encounter_id=past.encounter_id)

    assert await remembered(hospital, visit.id) == past


# The look


async def looked(hospital: Hospital, person: Person) -> refills.Kept | None:
    await hospital.work(EligibilityActivities.look)(Look(id=ids.new(), patient_id=person.patient_id))
    async with hospital.database.reading() as db:
        return await refills.kept(db, person.patient_id)


async def test_a_look_keeps_what_the_his_tells_sealed(hospital: Hospital) -> None:
    person = await a_person_with(hospital)

    kept = await looked(hospital, person)

    assert kept is not None
    assert (kept.seen_at, kept.told.prescriptions) == (hospital.clock(), (of_the_last_visit(hospital, person),))
    async with hospital.database.reading() as db:
        sealed = (await db.get_one(PastRow, person.patient_id)).told
    assert not [words for words in ("噻托溴铵", "张秀英") if words.encode() in sealed]


async def test_a_later_look_takes_the_place_of_the_first(hospital: Hospital) -> None:
    person = await a_person_with(hospital)
    await looked(hospital, person)
    hospital.his.past.clear()

    kept = await looked(hospital, person)

    assert kept is not None
    assert kept.told.prescriptions == ()


async def test_under_another_name_the_his_tells_nothing(hospital: Hospital) -> None:
    person = await a_person_with(hospital)
    known = hospital.his.people[person.id_number]
    hospital.his.people[person.id_number] = known.model_copy(update={"name": "欧阳不是此人"})

    kept = await looked(hospital, person)

    assert kept is not None
    assert (kept.told.patient, kept.told.prescriptions) == (None, ())


async def test_a_look_that_the_his_does_not_answer_keeps_nothing(hospital: Hospital) -> None:
    person = await a_person_with(hospital)
    hospital.his.silent("past_prescriptions")

    with pytest.raises(Unknown):
        await looked(hospital, person)

    async with hospital.database.reading() as db:
        assert await refills.kept(db, person.patient_id) is None
