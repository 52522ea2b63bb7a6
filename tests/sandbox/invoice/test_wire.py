"""Who is let in, and what goes wrong on demand."""

import httpx
import pytest

from tests.sandbox.invoice.hospital import ASK, ISSUE, UNDO, Hospital

PATH = "/medical-web/api/medical"


def fault(outside: httpx.Client, method: str, kind: str, **more: object) -> None:
    wish = {"system": "invoice", "call": f"POST {PATH}/{method}", "kind": kind, "seconds": 0} | more
    outside.post("/faults", json=wish).raise_for_status()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sign": "0" * 32}, "E0002"),
        ({"noise": "another"}, "E0002"),
        ({"version": "2.0"}, "E0002"),
        ({"appid": "SOMEBODY"}, "E0003"),
        ({"data": ""}, "E0001"),
        ({"noise": ""}, "E0001"),
    ],
)
def test_only_what_the_customer_signed_is_heard(hospital: Hospital, changes: dict[str, str], code: str) -> None:
    asked = hospital.bill()

    assert hospital.ask(ISSUE, asked, **changes)[0] == code
    assert hospital.ask(ASK, {"busNo": asked["busNo"]})[0] == "E0201"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"data": 1}', b"\xff"])
def test_what_is_no_envelope_is_refused(hospital: Hospital, body: bytes) -> None:
    answer = hospital.http.post(f"/invoice{PATH}/{ISSUE}", content=body)

    assert (answer.status_code, list(answer.json())) == (200, ["data"])


@pytest.mark.parametrize("message", [[], "text", 1, None, {"busNo": 1}])
def test_what_is_no_message_is_refused(hospital: Hospital, message: object) -> None:
    assert hospital.ask(ISSUE, message)[0] == "E0001"


@pytest.mark.parametrize("kind", ["lost", "duplicated", "tampered"])
def test_it_takes_effect_once_whatever_is_heard(outside: httpx.Client, hospital: Hospital, kind: str) -> None:
    asked = hospital.bill()
    fault(outside, ISSUE, kind)
    hospital.post(ISSUE, asked)
    bill = hospital.done(ISSUE, asked)
    assert hospital.books(asked["busNo"])["repeats"] == (2 if kind == "duplicated" else 1)

    fault(outside, UNDO, kind)
    hospital.post(UNDO, hospital.undoing(bill))
    assert hospital.ask(UNDO, hospital.undoing(bill))[0] == "E0202"
    assert hospital.books(asked["busNo"])["red_number"]


@pytest.mark.parametrize("code", ["E0104", "E0901"])
def test_what_is_refused_on_demand_has_no_effect(outside: httpx.Client, hospital: Hospital, code: str) -> None:
    asked = hospital.bill()
    fault(outside, ISSUE, "refused", code=code)

    assert hospital.ask(ISSUE, asked)[0] == code
    assert hospital.ask(ASK, {"busNo": asked["busNo"]})[0] == "E0201"
