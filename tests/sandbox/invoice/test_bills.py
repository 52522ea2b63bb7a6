"""Issued once for a number, undone once, never deleted; the books say what became of each."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import caller, running
from tests.sandbox.invoice.hospital import ASK, ISSUE, UNDO, Hospital


def test_a_bill_has_code_number_check_code_picture_and_qr(hospital: Hospital) -> None:
    bill = hospital.done(ISSUE, hospital.bill("12.34", fund="30.00", account="7.66"))

    assert (len(bill["billBatchCode"]), len(bill["billNo"]), len(bill["random"]), len(bill["createTime"])) == (8, 10, 6, 17)
    assert bill["pictureUrl"].startswith(hospital.keys["base_url"])


def test_the_same_number_is_the_same_bill(hospital: Hospital) -> None:
    asked = hospital.bill()
    first = hospital.done(ISSUE, asked)

    assert hospital.done(ISSUE, asked) == first
    assert (hospital.books(asked["busNo"])["repeats"], hospital.books(asked["busNo"])["total_fen"]) == (1, 5000)
    assert hospital.ask(ISSUE, hospital.bill("49.00", busNo=asked["busNo"]))[0] == "E0101"
    assert hospital.done(ASK, {"busNo": asked["busNo"]})["totalAmt"] == "50.00"


def test_the_books_tell_fund_account_and_cash_apart(hospital: Hospital) -> None:
    asked = hospital.bill("12.34", fund="30.00", account="7.66")
    hospital.done(ISSUE, asked)

    kept = hospital.books(asked["busNo"])
    assert [kept[part] for part in ("fund_fen", "account_fen", "cash_fen", "total_fen")] == [3000, 766, 1234, 5000]
    assert kept["undoes"] is kept["red_number"] is None


def test_a_red_bill_undoes_the_whole_once_and_is_undone_by_none(hospital: Hospital) -> None:
    asked = hospital.bill()
    bill = hospital.done(ISSUE, asked)
    red = hospital.done(UNDO, hospital.undoing(bill))

    assert hospital.ask(UNDO, hospital.undoing(bill))[0] == "E0202"
    its_own = {"billBatchCode": red["eScarletBillBatchCode"], "billNo": red["eScarletBillNo"]}
    assert hospital.ask(UNDO, hospital.undoing(its_own))[0] == "E0202"
    stands = hospital.done(ASK, {"billBatchCode": bill["billBatchCode"], "billNo": bill["billNo"]})
    assert (stands["state"], stands["isScarlet"], stands["scarletBillNo"]) == ("1", "1", red["eScarletBillNo"])
    kept = hospital.books(asked["busNo"])
    assert (kept["red_number"], kept["total_fen"]) == (red["eScarletBillNo"], 5000)
    assert hospital.done(ISSUE, asked)["billNo"] == bill["billNo"], "the number stands for the bill, whatever became of it"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"totalAmt": "49.99"}, "E0102"),
        ({"ownPay": "49.99"}, "E0102"),
        ({"fundPay": "0.01"}, "E0102"),
        ({"chargeDetail": []}, "E0001"),
        ({"totalAmt": "50.001"}, "E0001"),
        ({"ownPay": "-50.00"}, "E0001"),
        ({"busDateTime": "20261126"}, "E0001"),
        ({"busDateTime": "20261326000000000"}, "E0001"),
        ({"payer": ""}, "E0001"),
        ({"busNo": None}, "E0001"),
        ({"placeCode": "999"}, "E0103"),
    ],
)
def test_what_is_no_bill_is_refused_and_none(hospital: Hospital, changes: dict[str, Any], code: str) -> None:
    asked = hospital.bill()

    assert hospital.ask(ISSUE, asked | changes)[0] == code
    assert hospital.ask(ASK, {"busNo": asked["busNo"]})[0] == "E0201"


@pytest.mark.parametrize("unknown", [{"billNo": "0000000000"}, {"billNo": "nothing"}, {"billBatchCode": "99999999"}])
def test_what_was_never_issued_is_not_undone(hospital: Hospital, unknown: dict[str, str]) -> None:
    bill = hospital.done(ISSUE, hospital.bill())

    assert hospital.ask(UNDO, hospital.undoing(bill, **unknown))[0] == "E0201"


def test_a_restarted_issuer_has_its_key_and_its_bills(tmp_path: Path) -> None:
    with running(tmp_path) as address, caller(address) as http:
        before = Hospital(http.get("/credentials").json()["invoice"], http)
        asked = before.bill()
        bill = before.done(ISSUE, asked)
    with running(tmp_path) as address, caller(address) as http:
        after = Hospital(http.get("/credentials").json()["invoice"], http)
        assert after.keys["app_key"] == before.keys["app_key"]
        assert after.done(ISSUE, asked)["billNo"] == bill["billNo"]


def test_a_person_sees_the_bills_with_their_pictures(outside: httpx.Client, hospital: Hospital) -> None:
    bill = hospital.done(ISSUE, hospital.bill("12.30"))
    hospital.done(UNDO, hospital.undoing(bill))

    page = outside.get("/console").text.partition('id="invoices"')[2]
    assert all(word in page for word in (bill["billNo"], "已冲红", "红票", "-¥12.30"))
    picture = outside.get(f"/console/invoices/{bill['billNo']}.pdf")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "application/pdf")
    assert outside.get("/console/invoices/1.pdf").status_code == 404
