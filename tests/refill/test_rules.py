"""续方: what may be had again, which visit it continues, and how a draft differs (P-3, D-3.1)."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from models.drug import Change, Drug, changes
from models.eligibility import HisPatient, PastVisit, Refusal
from models.kernel.clock import SHANGHAI
from models.kernel.errors import DomainError
from models.prescription_his import PastLine, PastPrescription
from models.prescription_rules import Breach
from models.refill import LEFT_OUT_TEXTS, PastPrescriptions, Unreadable, compared, copy_of, draft_of, judge_refill
from tests.prescription.desk import AMBROXOL, TIOTROPIUM, item
from tests.process.hospital import past_visit
from tests.refill.builders import SHELF, a_line, a_past_prescription

AT = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
CATALOGUE = {drug.code: drug for drug in SHELF}
PERSON = HisPatient(ids=("pat-1",), name="张秀英", birth_on=date(1958, 5, 12))
MONTHS = 6


def ago(days: int) -> datetime:
    return AT - timedelta(days=days)


def told(*past: PastPrescription, visits: tuple[PastVisit, ...] = (), person: HisPatient | None = PERSON) -> PastPrescriptions:
    return PastPrescriptions(patient=person, visits=visits, prescriptions=past)


def verdict(told_: PastPrescriptions, number: str = "rx-enc-1", catalogue: dict[str, Drug] | None = None) -> str:
    """The visit that is continued, or the refusal."""
    found = judge_refill(told_, number, CATALOGUE if catalogue is None else catalogue, AT, MONTHS)
    return str(found) if isinstance(found, Refusal) else found.encounter_id


@pytest.mark.parametrize(
    ("line", "changed", "why"),
    [
        pytest.param(a_line("gone"), {}, Breach.UNKNOWN_DRUG, id="no longer in the catalogue"),
        pytest.param(a_line(), {"stopped": True}, Breach.STOPPED, id="stopped"),
        pytest.param(a_line("mor"), {}, Breach.BANNED, id="a narcotic"),
        pytest.param(a_line(), {"online_allowed": False}, Breach.NOT_ONLINE, id="not online"),
        pytest.param(a_line(), {"injection": True}, Breach.INJECTION, id="an injection"),
        pytest.param(a_line(readable=False), {}, Unreadable.UNREADABLE, id="taken in words that we do not have"),
    ],
)
def test_a_line_that_may_not_be_had_again_is_named_with_why(line: PastLine, changed: dict[str, Any], why: Breach | Unreadable) -> None:
    shelf = CATALOGUE | {"tio": TIOTROPIUM.model_copy(update=changed)}

    found = copy_of(a_past_prescription("enc-1", ago(30), line, a_line("amb")), shelf)

    assert found.items == (item("amb"),)
    assert [(one.drug_code, one.why) for one in found.left_out] == [(line.drug_code, (why,))]
    assert found.left_out[0].why_text == [LEFT_OUT_TEXTS[why]]


def test_every_line_that_the_catalogue_has_is_copied_as_it_was() -> None:
    past = a_past_prescription("enc-1", ago(30), a_line("tio", item("tio", days=60, packs=2)), a_line("amb"))

    assert copy_of(past, CATALOGUE).items == (item("tio", days=60, packs=2), item("amb"))


@pytest.mark.parametrize(
    ("days", "found"),
    [(30, "enc-1"), (181, "enc-1"), (190, Refusal.OUT_OF_WINDOW)],
)
def test_it_continues_the_visit_that_ended_with_it(days: int, found: str) -> None:
    newer = past_visit("enc-2", ago(10))
    of_then = past_visit("enc-1", ago(days))

    assert verdict(told(a_past_prescription("enc-1", ago(days)), visits=(newer, of_then))) == found


@pytest.mark.parametrize(
    ("written", "visits", "found"),
    [
        pytest.param(10, ((40, "J44.100"), (90, "J44.900")), "enc-40", id="the newest of the same category"),
        pytest.param(10, ((20, "I25.100"), (90, "J44.900")), "enc-90", id="never one of another diagnosis"),
        pytest.param(10, ((20, "I25.100"),), Refusal.OUT_OF_WINDOW, id="no visit with that diagnosis"),
        pytest.param(10, ((20, "I25.100"), (200, "J44.900")), Refusal.OUT_OF_WINDOW, id="a visit that is too old"),
        pytest.param(200, ((20, "J44.900"),), Refusal.OUT_OF_WINDOW, id="a prescription that is too old"),
    ],
)
def test_what_was_prescribed_online_continues_an_outpatient_visit(written: int, visits: tuple[tuple[int, str], ...], found: str) -> None:
    online = a_past_prescription("enc-online", ago(written), number="rx-enc-1")
    here = tuple(past_visit(f"enc-{days}", ago(days)).model_copy(update={"diagnosis_codes": (code,)}) for days, code in visits)

    assert verdict(told(online, visits=here)) == found


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        pytest.param({"patient": None}, Refusal.NOT_FOUND, id="whom the HIS does not know"),
        pytest.param({"visits": ()}, Refusal.NO_RECORD, id="without a visit"),
        pytest.param({"prescriptions": ()}, Refusal.NOT_THEIR_PRESCRIPTION, id="of somebody else"),
        pytest.param({"patient": PERSON.model_copy(update={"birth_on": date(2020, 1, 1)})}, Refusal.CHILD, id="a child"),
    ],
)
def test_who_may_not_revisit_may_not_by_a_prescription_either(changed: dict[str, Any], refusal: Refusal) -> None:
    whole = told(a_past_prescription("enc-1", ago(30)), visits=(past_visit("enc-1", ago(30)),))

    assert verdict(whole) == "enc-1"
    assert verdict(whole.model_copy(update=changed)) == refusal


def test_of_which_nothing_is_left_none_is_opened() -> None:
    whole = told(a_past_prescription("enc-1", ago(30), a_line("mor")), visits=(past_visit("enc-1", ago(30)),))

    assert verdict(whole) == Refusal.NOTHING_LEFT


def test_each_line_says_what_became_of_it() -> None:
    then = (item("tio"), item("amb"), item("mor"))
    now = (item("amb", days=14), item("tio"), item("new"))

    found = [(one.drug_code, one.change, one.before, one.after) for one in changes(then, now)]

    assert found == [
        ("amb", Change.CHANGED, item("amb"), item("amb", days=14)),
        ("tio", Change.UNCHANGED, item("tio"), item("tio")),
        ("new", Change.ADDED, None, item("new")),
        ("mor", Change.REMOVED, item("mor"), None),
    ]


def test_the_same_number_in_other_words_is_no_change() -> None:
    other = item("tio").model_copy(update={"dose": Decimal("1.00")})

    assert [one.change for one in changes((item("tio"),), (other,))] == [Change.UNCHANGED]


def test_the_same_drug_twice_is_told_line_by_line() -> None:
    morning, evening = item("tio", days=7), item("tio", days=14)

    assert [one.change for one in changes((morning, evening), (evening,))] == [Change.UNCHANGED, Change.REMOVED]


def test_against_the_past_one_what_was_left_out_is_gone_and_says_why() -> None:
    past = a_past_prescription("enc-1", ago(30), a_line(), a_line("mor"), a_line("amb", readable=False))

    found = compared(past, (item("tio", days=14),), CATALOGUE)

    assert [(one.drug_code, one.change) for one in found.changes] == [("tio", Change.CHANGED), ("mor", Change.REMOVED)]
    assert [one.drug_code for one in found.left_out] == ["mor", AMBROXOL.code]


@pytest.mark.parametrize("wrong", [{"diagnosis_code": None}, {"diagnosis_code": "COPD"}, {"diagnosis_text": ""}])
def test_without_a_diagnosis_of_ours_there_is_no_draft(wrong: dict[str, Any]) -> None:
    with pytest.raises(DomainError) as refused:
        draft_of(a_past_prescription("enc-1", ago(30), **wrong), (item(),))

    assert (refused.value.code, refused.value.kind) == ("refill.not_copied", "conflict")
