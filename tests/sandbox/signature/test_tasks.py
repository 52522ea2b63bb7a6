"""A task from its request to its end, what phones do with it, and the books."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import clock
from tests.sandbox.conftest import caller, running, until
from tests.sandbox.signature.hospital import DOCTOR, PHARMACIST, TEXT, Hospital
from tests.sandbox.test_console import click


def test_a_task_waits_on_its_signers_phone_with_its_text(hospital: Hospital) -> None:
    body = hospital.task()
    asked = hospital.request(body).json()
    assert {name: asked[name] for name in ("number", "staff_id", "title", "digest", "state")} == {
        "number": body["number"],
        "staff_id": DOCTOR,
        "title": "电子处方",
        "digest": body["digest"],
        "state": "PENDING",
    }
    assert "signature" not in asked
    assert hospital.query(body["number"]).json() == asked
    [waiting] = [one for one in hospital.http.get("/signature/phone/tasks").json() if one["number"] == body["number"]]
    assert (waiting["text"], waiting["digest"]) == (TEXT, body["digest"])
    others = hospital.http.get("/signature/phone/tasks", params={"staff_id": PHARMACIST}).json()
    assert body["number"] not in {one["number"] for one in others}


def test_the_same_number_is_the_same_task_whatever_became_of_it(hospital: Hospital) -> None:
    body = hospital.task()
    first = hospital.request(body).json()
    assert hospital.request(body | {"expires_at": (clock.now() + timedelta(hours=2)).isoformat()}).json() == first
    signed = hospital.on_phone(body["number"], "confirm").json()
    assert hospital.request(body).json() == signed
    assert len([one for one in hospital.http.get("/books/signature").json()["tasks"] if one["number"] == body["number"]]) == 1


@pytest.mark.parametrize("changes", [{"text": TEXT + " "}, {"staff_id": PHARMACIST}])
def test_a_number_stands_for_one_text_and_signer(hospital: Hospital, changes: dict[str, Any]) -> None:
    body = hospital.task()
    hospital.request(body)
    refused = hospital.request(hospital.task(**(changes | {"number": body["number"]})))
    assert (refused.status_code, refused.json()["code"]) == (409, "NUMBER_USED")
    assert hospital.query(body["number"]).json()["digest"] == body["digest"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"staff_id": "doc-nobody"}, "CERTIFICATE_NOT_FOUND"),
        ({"digest": "0" * 64}, "DIGEST_MISMATCH"),
        ({"digest": "0"}, "PARAM_ERROR"),
        ({"text": ""}, "PARAM_ERROR"),
        ({"number": "1"}, "PARAM_ERROR"),
        ({"algorithm": "RSA"}, "PARAM_ERROR"),
        ({"notify_url": "ftp://x"}, "PARAM_ERROR"),
        ({"expires_at": "2026-11-24T09:30:00"}, "PARAM_ERROR"),
        ({"expires_at": "2020-11-24T09:30:00+08:00"}, "PARAM_ERROR"),
    ],
)
def test_what_cannot_be_signed_is_refused_and_no_task(hospital: Hospital, changes: dict[str, Any], code: str) -> None:
    body = hospital.task() | changes
    refused = hospital.request(body)
    assert refused.json()["code"] == code
    assert hospital.checks(refused)
    assert hospital.query(body["number"]).status_code == 404


def test_nobodys_certificate_and_an_unknown_task_are_not_found(hospital: Hospital) -> None:
    assert hospital.certificate("doc-nobody").json()["code"] == "CERTIFICATE_NOT_FOUND"
    assert hospital.query("0" * 32).json()["code"] == "TASK_NOT_FOUND"
    assert hospital.on_phone("0" * 32, "confirm").json()["code"] == "TASK_NOT_FOUND"


@pytest.mark.parametrize(("deed", "state"), [("refuse", "REFUSED"), ("expire", "EXPIRED"), ("confirm", "SIGNED")])
def test_an_end_is_an_end(hospital: Hospital, deed: str, state: str) -> None:
    number = hospital.requested()
    ended = hospital.on_phone(number, deed).json()
    assert (ended["state"], "signature" in ended, "certificate" in ended) == (state, state == "SIGNED", state == "SIGNED")
    for again in ("confirm", "refuse", "expire"):
        assert hospital.on_phone(number, again).json()["code"] == "TASK_ENDED"
    assert hospital.query(number).json() == ended


def test_what_nobody_confirms_expires_by_itself(hospital: Hospital) -> None:
    soon = clock.now() + timedelta(seconds=2)
    number = hospital.requested(expires_at=soon.isoformat())
    until(lambda: hospital.told(number)["attempts"] >= 1)  # nobody asked: it was told
    assert hospital.query(number).json()["state"] == "EXPIRED"
    assert hospital.on_phone(number, "confirm").json()["code"] == "TASK_ENDED"


def test_a_restarted_ca_has_its_keys_and_tasks(tmp_path: Path) -> None:
    with running(tmp_path) as address, caller(address) as http:
        before = Hospital(http.get("/credentials").json()["signature"], http)
        number, certificate = before.requested(), before.certificate(DOCTOR).json()
    with running(tmp_path) as address, caller(address) as http:
        after = Hospital(http.get("/credentials").json()["signature"], http)
        assert (after.keys["trusted"], after.keys["app_secret"]) == (before.keys["trusted"], before.keys["app_secret"])
        assert after.on_phone(number, "confirm").json()["certificate"] == certificate["certificate"]
        assert after.certificate(DOCTOR).json() == certificate


def test_the_books_hold_no_private_key(hospital: Hospital) -> None:
    hospital.on_phone(hospital.requested(), "confirm")
    books = hospital.http.get("/books/signature").json()
    assert {row["kind"] for row in books["certificates"]} >= {"root", "issuing", "own"}
    assert all(set(row) == {"serial", "owner", "kind", "pem"} for row in books["certificates"])
    assert "PRIVATE" not in str(books)


def test_a_person_signs_and_refuses_on_the_console(hospital: Hospital, outside: httpx.Client) -> None:
    text = '{"处方":"<script>"}'
    first, second, third = (hospital.requested(text=text) for _ in range(3))
    page = outside.get("/console").text
    assert "&lt;script&gt;" in page
    assert "王建国" in page
    assert "已签名。" in click(outside, "signatures/confirm", number=first)
    assert "已签名。" in click(outside, "signatures/confirm", number=second, how="expired")
    assert "已拒签。" in click(outside, "signatures/refuse", number=third)
    assert "没有签名：签名任务已结束。" in click(outside, "signatures/confirm", number=first)
    assert "没有拒签：签名任务已结束。" in click(outside, "signatures/refuse", number=first)
    assert "没有签名：没有这种证书。" in click(outside, "signatures/confirm", number=first, how="none")
    assert "已重发 1 条通知。" in click(outside, "signatures/notify", number=first)
    assert [hospital.query(number).json()["state"] for number in (first, second, third)] == ["SIGNED", "SIGNED", "REFUSED"]
