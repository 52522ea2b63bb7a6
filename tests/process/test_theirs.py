"""Ids beside a path that only a process can judge, each tried with another person's: what `tests/api/rights.py` has refused later."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from models.eligibility import Opening, RegulatorField
from models.kernel import ids
from models.prescription import Approve, ClaimReview, PrescriptionState, Question, Reject, ReleaseReview, Remark
from models.process import Command
from models.revisit import Complete, Relate, State
from models.stores import patient as patients
from models.stores import prescription as prescriptions
from models.stores import revisit as revisits
from tests.api.rights import HELD, LATER
from tests.prescription.desk import a_pharmacist, written
from tests.process.hospital import Hospital
from tests.process.visit import Visit, refused
from tests.refill.builders import a_past_prescription


async def a_patient_of_the_house(hospital: Hospital, opening: Opening | None = None, *missing: RegulatorField) -> Visit:
    """Seen a month ago, with a prescription of then that the HIS knows; the new visit has just been opened."""
    person, policy, visit_id = await hospital.person(missing=missing), await hospital.opens(), ids.new()
    [record] = hospital.his.people[person.id_number].ids
    [seen] = hospital.his.histories[record]
    hospital.his.past[record] = (a_past_prescription(seen.encounter_id, seen.ended_at),)
    told: dict[str, Any] = {"policy": policy.version, "at": hospital.clock(), "due_at": hospital.clock()}
    async with hospital.database.transaction() as db:
        await revisits.insert_opened(db, visit_id, person.account_id, person.patient_id, opening or Opening(), **told)
    visit = Visit(hospital, person, await hospital.unit(), visit_id)
    await visit.desk.begin()
    return visit


def encounter_of(visit: Visit) -> str:
    """Of a month ago, at the HIS."""
    return f"pat-{visit.person.patient_id.hex[:8]}-30"


async def _opens_with(hospital: Hospital, **said: str) -> str:
    mine = await a_patient_of_the_house(hospital, Opening(**said))
    await mine.goes_on()
    assert mine.state is State.REFUSED
    return str((await hospital.row(mine.id)).refusal)


async def continues_anothers_visit(hospital: Hospital, theirs: Visit) -> str:
    return await _opens_with(hospital, past_encounter_id=encounter_of(theirs))


async def wants_anothers_prescription(hospital: Hospital, theirs: Visit) -> str:
    return await _opens_with(hospital, past_prescription=f"rx-{encounter_of(theirs)}")


async def relates_anothers_visit(hospital: Hospital, theirs: Visit) -> str:
    mine = await a_patient_of_the_house(hospital)
    await mine.goes_on()
    return await refused(mine.does(Relate, past_encounter_id=encounter_of(theirs)))


async def completes_with_what_another_supplied(hospital: Hospital, theirs: Visit) -> str:
    mine, supplement_id = await a_patient_of_the_house(hospital, None, RegulatorField.PHONE), ids.new()
    await mine.goes_on()
    async with hospital.database.transaction() as db:
        told: dict[str, Any] = {"phone": "13800100002", "address": None, "now": hospital.clock()}
        await patients.supply(db, supplement_id, theirs.person.patient_id, **told)
    return await refused(mine.does(Complete, supplement_id=supplement_id))


TRIED: Final[dict[tuple[str, str], Callable[[Hospital, Visit], Awaitable[str]]]] = {
    ("POST /v1/patients/{patient_id}/revisits", "past_encounter_id"): continues_anothers_visit,
    ("POST /v1/patients/{patient_id}/revisits", "past_prescription"): wants_anothers_prescription,
    ("POST /v1/revisits/{revisit_id}/complete", "supplement_id"): completes_with_what_another_supplied,
    ("POST /v1/revisits/{revisit_id}/relate", "past_encounter_id"): relates_anothers_visit,
}
ASKED: Final[dict[str, type[Command]]] = {
    "POST /v1/prescriptions/{prescription_id}/claim": ClaimReview,
    "POST /v1/prescriptions/{prescription_id}/release": ReleaseReview,
    "POST /v1/prescriptions/{prescription_id}/approve": Approve,
    "POST /v1/prescriptions/{prescription_id}/question": Question,
    "POST /v1/prescriptions/{prescription_id}/reject": Reject,
}


@pytest.mark.parametrize(("door", "name"), LATER)
async def test_what_is_another_persons_is_refused(hospital: Hospital, door: str, name: str) -> None:
    theirs = await a_patient_of_the_house(hospital)

    assert await TRIED[door, name](hospital, theirs) == LATER[door, name]
    assert (await hospital.row(theirs.id)).version == 0


@pytest.mark.parametrize("door", HELD)
async def test_what_another_pharmacist_holds_is_refused(hospital: Hospital, door: str) -> None:
    """Of a pharmacist in full form, with words of their own."""
    case = await (await written(hospital)).to(PrescriptionState.QUEUED)
    other, note_id = await a_pharmacist(hospital), ids.new()
    held = await case.does(ClaimReview)
    async with hospital.database.transaction() as db:
        await prescriptions.keep_note(db, note_id, case.id, other, "请核对剂量")
    words = {"question": {"note_id": note_id}, "reject": {"note_id": note_id, "remark": Remark.DOSE}}

    assert await refused(case.does(ASKED[door], by=other, **words.get(door.rpartition("/")[2], {}))) == HELD[door]
    await case.desk.begin()
    assert (case.now.version, case.now.state) == (held.version, held.state)
