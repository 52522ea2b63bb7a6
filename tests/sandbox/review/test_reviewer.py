"""How the reviewing program judges: each rule by its word, its gravity and its drug."""

from typing import Any

import pytest

from sandbox.his.demo.drugs import DRUGS
from sandbox.review.knowledge import INTERACTIONS, SUBSTANCES
from sandbox.review.reviewer import Check, Finding, judge, level_of


def a_line(drug: str, dose: float = 1, unit: str = "mg", frequency: str = "qd") -> dict[str, Any]:
    return {
        "drugCode": f"drug-{drug}",
        "drugName": drug,
        "dose": dose,
        "doseUnit": unit,
        "frequency": frequency,
        "route": "oral",
        "days": 28,
    }


def judged(*lines: dict[str, Any], diagnoses: tuple[str, ...] = ("J44.9",), **patient: Any) -> list[Finding]:
    told: dict[str, Any] = {"ageMonths": 816, "sex": "female", **patient}
    return judge(Check.model_validate({"number": "0a" * 16, "patient": told, "diagnoses": list(diagnoses), "lines": list(lines)}))


def words(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.level) for one in findings]


def test_every_drug_of_the_hospital_is_known_and_every_pair_of_known_ones() -> None:
    assert {substance for drug in DRUGS for substance in drug.substances} <= SUBSTANCES.keys()
    assert {substance for pair in INTERACTIONS for substance in pair} <= SUBSTANCES.keys()


def test_the_standard_treatments_of_this_hospital_pass() -> None:
    tb = (a_line("isoniazid", 300), a_line("rifampicin", 450), a_line("pyrazinamide", 1500), a_line("ethambutol", 750))
    copd = (a_line("tiotropium", 1, "吸"), a_line("budesonide-formoterol", 2, "吸", "bid"), a_line("acetylcysteine", 600))
    assert judged(*tb, diagnoses=("A15.0",)) == judged(*copd) == []
    assert level_of([]) == "ok"


@pytest.mark.parametrize(
    ("lines", "patient", "found"),
    [
        ((a_line("theophylline", 300, "mg", "tid"),), {}, [("dose-max", "restrict")]),
        ((a_line("theophylline", 700, "mg", "bid"),), {}, [("dose-max", "deny")]),
        ((a_line("paracetamol", 500), a_line("cold-compound", 250)), {}, [("duplicate", "restrict")]),
        ((a_line("budesonide-formoterol", 1, "吸"), a_line("salmeterol-fluticasone", 1, "吸")), {}, [("duplicate", "restrict")] * 2),
        ((a_line("warfarin", 3), a_line("aspirin", 100)), {}, [("interaction", "restrict")]),
        ((a_line("rifampicin", 450), a_line("voriconazole", 200)), {}, [("interaction", "deny")]),
        ((a_line("clopidogrel", 75), a_line("omeprazole", 20)), {}, [("interaction", "inform")]),
        ((a_line("amoxicillin", 500),), {"allergies": ["青霉素类"]}, [("allergy", "deny")]),
        ((a_line("amoxicillin", 500),), {"allergies": ["海鲜"]}, []),
        ((a_line("amoxicillin", 500),), {"allergies": None}, []),
        ((a_line("levofloxacin", 500),), {"ageMonths": 17 * 12 + 11}, [("age", "deny")]),
        ((a_line("levofloxacin", 500),), {"ageMonths": 18 * 12}, []),
        ((a_line("atorvastatin", 20),), {"pregnant": True}, [("pregnancy", "deny")]),
        ((a_line("atorvastatin", 20),), {"pregnant": False}, []),
        ((a_line("of-elsewhere"),), {}, [("not-covered", "inform")]),
    ],
)
def test_each_rule(lines: tuple[dict[str, Any], ...], patient: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert words(judged(*lines, **patient)) == found


def test_a_diagnosis_that_a_drug_is_not_for() -> None:
    assert words(judged(a_line("metoprolol", 47.5), diagnoses=("J45.9",))) == [("diagnosis", "restrict")]


def test_the_gravest_comes_first_and_names_the_whole() -> None:
    found = judged(a_line("clopidogrel", 75), a_line("omeprazole", 20), a_line("amoxicillin", 500), allergies=["青霉素"])
    assert [one.level for one in found] == ["deny", "inform"]
    assert level_of(found) == "deny"
