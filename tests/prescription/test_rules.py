"""The law's floors: what no prescription online may be, whoever writes it."""

from decimal import Decimal

import pytest

from models.drug import Drug, DrugKind, Frequency, Item, Route, Special
from models.prescription_rules import Breach, Prescribed, breaches

COPD = "J44.100"
NONE: set[Breach] = set()
TIOTROPIUM = Drug(code="tio", name="噻托溴铵", spec="18μg×30粒", kind=DrugKind.WESTERN, dose_unit="粒", doses_in_pack=Decimal(30))
RIFAMPICIN = Drug(
    code="rif", name="利福平", spec="0.15g×100粒", kind=DrugKind.WESTERN, dose_unit="粒", doses_in_pack=Decimal(100),
    antimicrobial=True, tuberculosis=True,
)  # fmt: skip


def drug(code: str, **said: object) -> Drug:
    return TIOTROPIUM.model_copy(update={"code": code, **said})


def item(code: str = "tio", *, days: int = 7, packs: int = 1, dose: str = "1", frequency: Frequency = Frequency.QD) -> Item:
    return Item(drug_code=code, dose=Decimal(dose), frequency=frequency, route=Route.ORAL, days=days, packs=packs)


def judged(
    *items: Item, drugs: tuple[Drug, ...] = (TIOTROPIUM,), past: tuple[str, ...] = (COPD,), said: dict[str, bool] | None = None
) -> set[Breach]:
    asked = Prescribed(items=items, diagnosis_code="J44.900").model_copy(update=said)
    return {finding.breach for finding in breaches(asked, {one.code: one for one in drugs}, past)}


def test_an_ordinary_prescription_of_the_same_disease_passes() -> None:
    assert judged(item()) == set()


@pytest.mark.parametrize("special", list(Special))
def test_what_is_under_special_control_is_never_given_online(special: Special) -> None:
    assert judged(item("x"), drugs=(drug("x", special=special),)) == {Breach.BANNED}


def test_an_injection_only_where_patients_inject_themselves() -> None:
    assert judged(item("x"), drugs=(drug("x", injection=True),)) == {Breach.INJECTION}
    assert judged(item("x"), drugs=(drug("x", injection=True, self_injectable=True),)) == set()


def test_the_sixth_drug_is_one_too_many_but_herbs_are_not_counted() -> None:
    five = tuple(drug(f"d{number}") for number in range(5))
    six = (*five, drug("d5"))
    herbs = tuple(drug(f"h{number}", kind=DrugKind.HERBAL) for number in range(12))

    assert judged(*(item(one.code) for one in five), drugs=five) == set()
    assert judged(*(item(one.code) for one in six), drugs=six) == {Breach.TOO_MANY}
    assert judged(*(item(one.code) for one in herbs), drugs=herbs) == set()


def test_herbs_stand_on_a_prescription_of_their_own() -> None:
    herb = drug("h", kind=DrugKind.HERBAL)

    assert judged(item(), item("h"), drugs=(TIOTROPIUM, herb)) == {Breach.HERBAL_APART}


@pytest.mark.parametrize(
    ("days", "said", "broken"),
    [
        (7, {}, NONE),
        (8, {}, {Breach.REASON}),
        (8, {"reasoned": True}, NONE),
        (28, {"reasoned": True}, NONE),
        (29, {"reasoned": True}, {Breach.LONG_TERM}),
        (29, {"reasoned": True, "long_term": True}, {Breach.LONG_TERM}),
        (84, {"reasoned": True, "long_term": True, "assessed": True}, NONE),
        (85, {"reasoned": True, "long_term": True, "assessed": True}, {Breach.TOO_LONG}),
    ],
)
def test_more_days_need_more_words_and_twelve_weeks_are_the_end(days: int, said: dict[str, bool], broken: set[Breach]) -> None:
    packs = -(-days // 30)

    assert judged(item(days=days, packs=packs), said=said) == broken


def test_an_antimicrobial_is_long_term_only_against_tuberculosis() -> None:
    long_term = {"reasoned": True, "long_term": True, "assessed": True}
    penicillin = drug("p", antimicrobial=True)

    assert judged(item("p", days=30, packs=1), drugs=(penicillin,), said=long_term) == {Breach.NOT_LONG_TERM}
    assert judged(item("rif", days=60, packs=1), drugs=(RIFAMPICIN,), said=long_term) == set()


def test_packs_are_the_fewest_that_cover_the_days() -> None:
    assert judged(item(days=7, packs=2)) == {Breach.TOO_MUCH}
    assert judged(item(days=7, packs=1, frequency=Frequency.BID, dose="3")) == {Breach.TOO_LITTLE}


def test_another_disease_than_a_past_one_is_a_first_visit() -> None:
    assert judged(item(), past=("I10.x00",)) == {Breach.DIAGNOSIS}
    assert judged(item(), past=()) == {Breach.DIAGNOSIS}


def test_unknown_stopped_and_doubled_drugs_are_named() -> None:
    assert judged(item("ghost")) == {Breach.UNKNOWN_DRUG}
    assert judged(item("x"), drugs=(drug("x", stopped=True),)) == {Breach.STOPPED}
    assert judged(item(), item()) == {Breach.TWICE}
    assert judged(item("x"), drugs=(drug("x", online_allowed=False),)) == {Breach.NOT_ONLINE}
    assert judged() == {Breach.EMPTY}
