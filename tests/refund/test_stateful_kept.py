"""Programs of the stateful test that once failed, as Hypothesis printed them when it had made them small: run each time."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from models.charge import Scene
from tests.refund.stateful_machine import Money
from tests.refund.stateful_town import Town
from tests.refund.test_stateful import town

__all__ = ["town"]

Program = tuple[tuple[str, Mapping[str, Any]], ...]
ONCE_FAILED: Final[dict[str, Program]] = {
    "an order that was given up lands, is paid, and the same wish comes again": (
        ("two_people_are_about_to_pay", {"begun": (0, None, 0), "fate": None}),
        ("an_order_that_was_given_up_lands", {"which": 0, "pays": True}),
        ("repeats_a_wish", {"which": 0}),
    ),
    "the HIS settles and is not understood, and refuses the repeat": (
        ("two_people_are_about_to_pay", {"begun": (3, None, 0), "fate": None}),
        (
            "the_next_call_goes_wrong",
            {"call": ("his", "POST /fhir/R4/Invoice/{id}/$settle"), "kind": "tampered", "seconds": 0, "refused": 3},
        ),
        ("goes_the_usual_way", {"which": 0, "steps": 6}),
    ),
    "the clinic is stopped between the money and the settlement": (
        ("two_people_are_about_to_pay", {"begun": (0, None, 0), "fate": None}),
        ("wants_to_pay", {"scene": Scene.NATIVE, "which": 0}),
        ("pays", {"which": 0}),
        ("the_doctor_is_away", {}),
        ("goes_the_usual_way", {"which": 0, "steps": 6}),
    ),
    "a window gave it back, and a refund of it is withdrawn and asked for once more": (
        ("two_people_are_about_to_pay", {"begun": (6, "cancel", 0), "fate": None}),
        ("a_window_gives_back", {"which": 0}),
        ("a_refund_goes_its_way", {"which": 0, "status": "SUCCESS"}),
        ("a_person_acts_on_what_is_stuck", {"which": 0, "what": "withdraw"}),
        ("management_gives_back", {"which": 0, "fen": None, "people": 1}),
    ),
}


@pytest.mark.parametrize("program", ONCE_FAILED.values(), ids=ONCE_FAILED.keys())
def test_what_once_failed(town: Town, program: Program) -> None:
    """Each walks on to the end of everything, as every example does."""
    money = type("Money", (Money,), {"town": town})()
    try:
        for rule, said in program:
            getattr(money, rule)(**said)
    finally:
        money.teardown()
