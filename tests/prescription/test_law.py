"""The law's limits again, from its text and over plain numbers: whatever is prescribed, they and the rules allow and refuse the same."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.drug import Drug, DrugKind, Frequency, Item, Route, Special
from models.prescription import Submit
from models.prescription_rules import Prescribed, breaches
from models.stores import revisit as revisits
from tests.prescription.desk import content, item, written
from tests.process.hospital import Hospital, past_visit
from tests.process.visit import refused

T = TypeVar("T")
A_DAY = {"qd": "1", "bid": "2", "tid": "3", "qid": "4", "q12h": "2", "q8h": "3", "qn": "1", "qod": "1/2", "qw": "1/7"}
"""Doses a day; as needed is left out, because no law says how often that is."""


@dataclass(frozen=True)
class Line:
    """One drug as a person reads it off the prescription and the pack."""

    kind: str = "western"
    special: str | None = None
    antimicrobial: bool = False
    tuberculosis: bool = False
    injection: bool = False
    self_injectable: bool = False
    special_storage: bool = False
    dose: str = "1"
    frequency: str = "qd"
    days: int = 7
    pack: int = 30
    packs: int = 1


@dataclass(frozen=True)
class Paper:
    """A prescription, and the diagnoses of the person's past visits."""

    lines: tuple[Line, ...] = (Line(),)
    diagnosis: str = "J44.900"
    past: tuple[str, ...] = ("J44.100",)
    reason: bool = False
    long_term: bool = False
    assessed: bool = False


def against(paper: Paper) -> set[str]:
    """Which limits it is over."""
    limits = {
        "category": paper.diagnosis.split(".")[0] not in [one.split(".")[0] for one in paper.past],
        "five": sum(line.kind in ("western", "patent") for line in paper.lines) > 5,
        "apart": len({line.kind == "herbal" for line in paper.lines}) == 2,
    }
    over = {name for name, broken in limits.items() if broken}
    for line in paper.lines:
        over |= _days(line, paper) | _drug(line, paper)
        if line.packs != _packs(line):
            over.add("packs")
    return over


def _drug(line: Line, paper: Paper) -> set[str]:
    limits = {
        "special": line.special in ("narcotic", "psychotropic", "toxic", "radioactive"),
        "injection": line.injection and not line.self_injectable,
        "antimicrobial": paper.long_term and line.antimicrobial and not line.tuberculosis,
        "storage": paper.long_term and line.special_storage,
    }
    return {name for name, broken in limits.items() if broken}


def _days(line: Line, paper: Paper) -> set[str]:
    """A week; four with a written reason; twelve long-term, assessed and signed by the patient, and with the reason."""
    limits = {
        "reason": line.days in range(8, 85) and not paper.reason,
        "assessed": line.days in range(29, 85) and not (paper.long_term and paper.assessed),
        "twelve weeks": line.days >= 85,
    }
    return {name for name, broken in limits.items() if broken}


def _packs(line: Line) -> int:
    """The fewest that last for the days, in whole numbers."""
    need = Fraction(line.dose) * Fraction(A_DAY[line.frequency]) * line.days
    packs = 1
    while packs * line.pack < need:
        packs += 1
    return packs


def allowed(paper: Paper) -> bool:
    """What the rules of the product say."""
    drugs = {f"d{number}": _as_drug(f"d{number}", line) for number, line in enumerate(paper.lines)}
    items = tuple(_as_item(f"d{number}", line) for number, line in enumerate(paper.lines))
    asked = Prescribed(
        items=items, diagnosis_code=paper.diagnosis, reasoned=paper.reason, long_term=paper.long_term, assessed=paper.assessed
    )
    return not breaches(asked, drugs, paper.past)


def _as_drug(code: str, line: Line) -> Drug:
    return Drug(
        code=code,
        name=code,
        spec="1",
        kind=DrugKind(line.kind),
        special=Special(line.special) if line.special else None,
        antimicrobial=line.antimicrobial,
        tuberculosis=line.tuberculosis,
        injection=line.injection,
        self_injectable=line.self_injectable,
        special_storage=line.special_storage,
        dose_unit="mg",
        doses_in_pack=Decimal(line.pack),
    )


def _as_item(code: str, line: Line) -> Item:
    dose, frequency = Decimal(line.dose), Frequency(line.frequency)
    return Item(drug_code=code, dose=dose, frequency=frequency, route=Route.ORAL, days=line.days, packs=line.packs)


def seldom(usual: T, *others: T, one_in: int = 16) -> st.SearchStrategy[T]:
    """Mostly as usual, so that a limit is often the only one that is passed."""
    return st.integers(1, one_in).flatmap(lambda roll: st.sampled_from(others) if roll == one_in - 1 else st.just(usual))


@st.composite
def lines(draw: st.DrawFn, days: st.SearchStrategy[int], kind: str) -> Line:
    antimicrobial = draw(seldom(False, True, one_in=4))
    injection = draw(seldom(False, True, one_in=8))
    plain = Line(
        kind=draw(seldom(kind, "western", "patent", "herbal")),
        special=draw(seldom(None, "narcotic", "psychotropic", "toxic", "radioactive")),
        antimicrobial=antimicrobial,
        tuberculosis=antimicrobial and draw(st.booleans()),
        injection=injection,
        self_injectable=injection and draw(st.booleans()),
        special_storage=draw(seldom(False, True)),
        dose=draw(st.sampled_from(["0.5", "1", "2"])),
        frequency=draw(st.sampled_from(sorted(A_DAY))),
        days=draw(days),
        pack=draw(st.sampled_from([1, 4, 7, 20, 30, 100])),
    )
    packs = _packs(plain) + draw(seldom(0, -1, 1))
    return replace(plain, packs=max(packs, 1))


@st.composite
def papers(draw: st.DrawFn) -> Paper:
    longest = draw(st.sampled_from([3, 7, 7, 8, 14, 28, 29, 56, 84, 85, 85]))
    days = st.sampled_from([1, min(longest, 7), longest])
    kind = draw(seldom("western", "patent", "herbal"))
    many = draw(st.sampled_from([1, 1, 2, 3, 5, 6]))
    long_term = draw(seldom(longest > 28, longest <= 28, one_in=4))
    return Paper(
        lines=tuple(draw(st.lists(lines(days, kind), min_size=many, max_size=many))),
        diagnosis=draw(seldom("J44.900", "J45.900", "J43", "A15.000", "J44")),
        past=draw(seldom(("I10.x00", "J44.100"), (), ("J44",), ("J45.000",), ("A15.100", "J43.900"))),
        reason=draw(seldom(longest > 7, longest <= 7)),
        long_term=long_term,
        assessed=draw(seldom(long_term, not long_term, one_in=4)),
    )


PULMONARY = Line(antimicrobial=True, days=56, packs=2)
WEEKLY = Line(frequency="qw", days=28, pack=1, packs=4)


MONTHS = Paper(lines=(Line(days=56, packs=2),), reason=True, long_term=True, assessed=True)
"""Eight weeks, as the law lets them be."""
ALLOWED: dict[str, Paper] = {
    "a week": Paper(),
    "four weeks": Paper(lines=(Line(days=28),), reason=True),
    "eight weeks": MONTHS,
    "twelve weeks": replace(MONTHS, lines=(Line(days=84, packs=3),)),
    "eight weeks against tuberculosis": replace(MONTHS, lines=(replace(PULMONARY, tuberculosis=True),)),
    "an antimicrobial for a week": Paper(lines=(Line(antimicrobial=True),)),
    "insulin": Paper(lines=(Line(injection=True, self_injectable=True),)),
    "once a week": Paper(lines=(WEEKLY,), reason=True),
    "five": Paper(lines=(Line(), Line(kind="patent")) * 2 + (Line(),)),
    "twelve herbs": Paper(lines=(Line(kind="herbal"),) * 12),
}
REFUSED: dict[str, tuple[str, Paper]] = {
    "no past diagnosis": ("category", Paper(past=())),
    "a neighbouring category": ("category", Paper(past=("J45.900",))),
    "six": ("five", Paper(lines=(Line(), Line(kind="patent")) * 3)),
    "a herb beside": ("apart", Paper(lines=(Line(), Line(kind="herbal")))),
    "a narcotic": ("special", Paper(lines=(Line(special="narcotic"),))),
    "a psychotropic": ("special", Paper(lines=(Line(special="psychotropic"),))),
    "a toxic herb": ("special", Paper(lines=(Line(kind="herbal", special="toxic"),))),
    "a radioactive": ("special", Paper(lines=(Line(special="radioactive"),))),
    "an injection": ("injection", Paper(lines=(Line(injection=True),))),
    "eight days": ("reason", Paper(lines=(Line(days=8),))),
    "eight weeks without reason": ("reason", replace(MONTHS, reason=False)),
    "29 days": ("assessed", Paper(lines=(Line(days=29),), reason=True)),
    "eight weeks not assessed": ("assessed", replace(MONTHS, assessed=False)),
    "eight weeks not long-term": ("assessed", replace(MONTHS, long_term=False)),
    "85 days": ("twelve weeks", replace(MONTHS, lines=(Line(days=85, packs=3),))),
    "an antimicrobial": ("antimicrobial", replace(MONTHS, lines=(PULMONARY,))),
    "cold storage": ("storage", replace(MONTHS, lines=(Line(days=56, packs=2, special_storage=True),))),
    "one pack more": ("packs", Paper(lines=(Line(packs=2),))),
    "one pack less": ("packs", Paper(lines=(Line(frequency="qid", dose="2"),))),
}


@pytest.mark.parametrize("paper", ALLOWED.values(), ids=ALLOWED)
def test_up_to_its_limit_each_is_allowed(paper: Paper) -> None:
    assert against(paper) == set()
    assert allowed(paper)


@pytest.mark.parametrize(("limit", "paper"), REFUSED.values(), ids=REFUSED)
def test_each_limit_alone_is_enough_to_refuse(limit: str, paper: Paper) -> None:
    assert against(paper) == {limit}
    assert not allowed(paper)


def test_whatever_is_prescribed_rules_and_law_say_the_same() -> None:
    said: Counter[bool] = Counter()

    @settings(derandomize=True, max_examples=300, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(papers())
    def agree(paper: Paper) -> None:
        over = against(paper)
        assert allowed(paper) is (not over), (sorted(over), paper)
        said[not over] += 1

    agree()

    assert min(said[True], said[False]) > 50, said


async def test_the_past_diagnosis_is_of_the_hospitals_window(hospital: Hospital) -> None:
    """As what the patient comes back for: what was seen longer ago than the hospital looks back is no past diagnosis here (art. 16-18)."""
    case = await written(hospital)
    recent, old = (past_visit(f"enc-{days}", hospital.clock() - timedelta(days=days)) for days in (30, 1000))
    async with hospital.database.transaction() as db:
        await revisits.keep_past_visits(db, case.visit.id, (recent.model_copy(update={"diagnosis_codes": ("I10.x00",)}), old))

    assert await refused(case.does(Submit)) == "prescription.rules"


async def test_a_reason_is_words_and_not_a_mark(hospital: Hospital) -> None:
    """More than a week goes with a written reason (处方管理办法 art. 19 [C]); to say that there is one is none."""
    month = content(item(days=28), reasoned=True)

    assert await refused((await written(hospital, month)).does(Submit)) == "prescription.rules"
    await (await written(hospital, month.model_copy(update={"reason": "病情稳定，往返不便。"}))).does(Submit)
