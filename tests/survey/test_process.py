"""满意度调查 at the visit's desk: asked once at the end, answered or lapsed, and the visit closes with the last of what is open."""

import pytest
from sqlalchemy import select, update

from models.kernel import ids
from models.kernel.errors import known
from models.message import Template
from models.prescription import PrescriptionState
from models.revisit import AnswerSurvey, End, State
from models.stores import survey as surveys
from models.stores.survey import Survey
from models.survey import CURRENT, SurveyState
from models.tables.revisit import RevisitRow
from models.tables.survey import SurveyAnswerRow
from tests.prescription.desk import Case, written
from tests.process.hospital import Hospital
from tests.process.visit import Visit, opened, refused

REMARK = "医生说我的慢阻肺控制得不错。"


async def survey_of(visit: Visit) -> Survey:
    async with visit.hospital.database.reading() as db:
        return known(await surveys.of_revisit(db, visit.id))


async def with_a_prescription(hospital: Hospital) -> Case:
    """Its visit has ended; the pharmacists still have what was prescribed."""
    case = await written(hospital)
    await hospital.recorded(case.visit.id, case.visit.unit.doctor_account_id)
    await case.to(PrescriptionState.QUEUED)
    await case.visit.does(End)
    return case


async def test_the_end_asks_once_and_tells_it_in_its_own_message(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.ENDED)

    survey, row = await survey_of(visit), await hospital.row(visit.id)
    assert (survey.state, survey.questionnaire, survey.asked_at) == (SurveyState.OPEN, CURRENT, row.ended_at)
    assert survey.due_at == row.due_at == row.wake_at
    assert (await hospital.told(visit.id)).count(Template.REVISIT_ENDED) == 1


async def test_answered_the_visit_closes_in_the_same_step(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.ENDED)
    told = await hospital.told(visit.id)

    row = await visit.answers_survey(overall=2, remark=REMARK)

    assert (row.state, row.due_at, row.wake_at) == (State.CLOSED, None, None)
    survey = await survey_of(visit)
    assert (survey.state, survey.ended_at) == (SurveyState.ANSWERED, hospital.clock())
    assert (await hospital.story(visit.id))[-2:] == ["revisit.end", "survey.answer"]
    async with hospital.database.reading() as db:
        kept = await surveys.answers(db, known(survey.answer_id))
        [sealed] = await db.scalars(select(SurveyAnswerRow.remark).where(SurveyAnswerRow.id == survey.answer_id))
    assert (kept.values, kept.remark) == ({"overall": 2, "attitude": 5, "clarity": 5, "ease": 5, "solved": 1}, REMARK)
    assert REMARK.encode() not in known(sealed), "it may hold a diagnosis"
    assert await hospital.told(visit.id) == told, "nobody is sent anything for it"


async def test_nobody_answers_and_the_deadline_closes_it(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.ENDED)

    await visit.desk.alarm()

    survey = await survey_of(visit)
    assert (visit.state, survey.state, survey.answer_id) == (State.CLOSED, SurveyState.LAPSED, None)
    assert survey.ended_at == survey.due_at
    assert (await hospital.story(visit.id))[-2:] == ["revisit.end", "survey.lapse"]


async def test_a_prescription_that_ends_first_leaves_the_survey_open(hospital: Hospital) -> None:
    case = await with_a_prescription(hospital)
    await case.to(PrescriptionState.COMPLETED)

    row = await case.visit.desk.news()
    assert (row.state, row.waits, row.surveyed) == (State.ENDED, False, True)

    await case.visit.answers_survey()
    assert case.visit.state is State.CLOSED


@pytest.mark.parametrize("how", ["answered", "lapsed"])
async def test_a_survey_that_is_over_first_leaves_the_visit_to_its_prescription(hospital: Hospital, how: str) -> None:
    case = await with_a_prescription(hospital)
    assert case.visit.now.waits, "said by the end itself: no step is spent on it"
    await case.to(PrescriptionState.READY)

    await (case.visit.answers_survey() if how == "answered" else case.visit.desk.alarm())

    row = case.visit.now
    assert (row.state, row.waits, row.due_at, row.wake_at) == (State.ENDED, True, None, None)
    await case.to(PrescriptionState.COMPLETED)
    assert (await case.visit.desk.news()).state is State.CLOSED


async def test_a_second_answer_is_refused_and_the_first_stays(hospital: Hospital) -> None:
    case = await with_a_prescription(hospital)
    await case.visit.answers_survey(overall=1)
    first = (await survey_of(case.visit)).answer_id

    assert await refused(case.visit.does(AnswerSurvey, answer_id=ids.new())) == "survey.answered"

    assert (await survey_of(case.visit)).answer_id == first


async def test_after_the_deadline_it_is_closed(hospital: Hospital) -> None:
    case = await with_a_prescription(hospital)
    answer_id = await hospital.answered(case.visit.id, case.visit.person.account_id)
    await case.visit.desk.alarm()

    assert await refused(case.visit.does(AnswerSurvey, answer_id=answer_id)) == "survey.closed"


async def test_what_was_stored_for_another_visit_is_no_answer(hospital: Hospital) -> None:
    mine, other = [await (await opened(hospital)).to(State.ENDED) for _ in range(2)]
    theirs = await hospital.answered(other.id, other.person.account_id)

    assert await refused(mine.does(AnswerSurvey, answer_id=theirs)) == "survey.missing"

    assert (await mine.desk.begin()).surveyed
    assert (await survey_of(mine)).state is SurveyState.OPEN


async def test_a_visit_that_ended_before_anybody_was_asked_closes_as_it_did(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.ENDED)
    async with hospital.database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(due_at=None, wake_at=None))
    await visit.desk.begin()

    assert (await visit.goes_on()).state is State.CLOSED
    assert (await hospital.story(visit.id))[-1] == "revisit.close"
