"""Each call of an e-bill to its issuer, where on a visit's way it is made, and what a refusal of it leads to."""

from typing import Final

from tests.faults.matrix import KINDS, After, Asked, Back, Fault, Spot
from tests.faults.walk import Path

_METHODS: Final = "POST /medical-web/api/medical"
_ISSUE, _REVERSE, _STATES = f"{_METHODS}/invoiceEBillOutpatient", f"{_METHODS}/writeOffEBill", f"{_METHODS}/getEBillStatesByBillInfo"
_PICTURE: Final = "GET /medical-web/pdf/{token}"
_ISSUING, _REVERSING = "invoice invoice.issue", "invoice invoice.reverse"
_TASK: Final = "refused"
"""Of 财务处, who has it tried again."""
_LATER: Final = Back("invoice", "fetching", None)
"""The bill is issued all the same, and its PDF is fetched by a step of its own."""


def _done_then_refused(step: str, call: str, code: str) -> tuple[Fault, ...]:
    """It was done without an answer; asked again under its number, the issuer says no: how the bill stands is looked for."""
    return (step, call, "lost", None), (step, call, "refused", code)


def _refused(*codes: str) -> dict[str, After]:
    """Its words, and that of a busy issuer, which decides nothing."""
    said: dict[str, After] = {code: Back("invoice", _TASK, f"invoice.{code}") for code in codes}
    return said | {"E0901": Asked.AGAIN}


def _found_not(code: str) -> dict[str, After]:
    """It denies the bill, so what it said before is all that is known; every other word decides nothing."""
    return {"E0201": Back("invoice", _TASK, f"invoice.{code}"), "E0003": Asked.AGAIN, "E0901": Asked.AGAIN}


SPOTS: Final = (
    Spot("issue", "invoice", _ISSUE, Path.STRAIGHT, "invoice.issue", _ISSUING, _refused("E0101", "E0104")),
    Spot(
        *("find", "invoice", _STATES, Path.STRAIGHT, "invoice.issue", _ISSUING),
        refusals=_found_not("E0101"),
        asked_again_by="issue",
        before=_done_then_refused("invoice.issue", _ISSUE, "E0101"),
    ),
    Spot(
        *("picture", "invoice", _PICTURE, Path.STRAIGHT, "invoice.issue", _ISSUING),
        refusals={"E0901": _LATER},
        leads={kind: _LATER for kind in KINDS if kind != "duplicated"},
    ),
    Spot(
        *("picture", "invoice", _PICTURE, Path.STRAIGHT, "invoice.fetch", None),
        refusals={"E0901": Back("invoice", _TASK, "invoice.picture_missing")},
        before=(("invoice.issue", _PICTURE, "lost", None),),
    ),
    Spot("reverse", "invoice", _REVERSE, Path.CANCELLED, "invoice.reverse", _REVERSING, _refused("E0202")),
    Spot(
        *("find", "invoice", _STATES, Path.CANCELLED, "invoice.reverse", _REVERSING),
        refusals=_found_not("E0202"),
        asked_again_by="reverse",
        before=_done_then_refused("invoice.reverse", _REVERSE, "E0202"),
    ),
)
