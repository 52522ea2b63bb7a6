"""Who may call the CA, that each answer is its own, and what goes wrong on the way, in and out."""

import json
import time
from typing import Any

import pytest

from tests.sandbox.conftest import until
from tests.sandbox.doorbell import Doorbell, Notify, doorbell
from tests.sandbox.signature.hospital import DOCTOR, Hospital

REQUEST, QUERY = "POST /v1/tasks", "GET /v1/tasks/{number}"


def spoil(hospital: Hospital, call: str, kind: str, **more: Any) -> None:
    """No notify of another test is left that could meet it."""
    until(lambda: not any(task["due_at"] for task in hospital.http.get("/books/signature").json()["tasks"]))
    hospital.http.post("/faults", json={"system": "signature", "call": call, "kind": kind} | more).raise_for_status()


def test_every_answer_is_the_cas_own_and_to_this_question(hospital: Hospital) -> None:
    number = hospital.requested()
    first, second = hospital.query(number), hospital.query(number)
    assert all(map(hospital.checks, (first, second, hospital.query("0" * 32), hospital.certificate(DOCTOR))))
    second.headers["X-Signature"] = first.headers["X-Signature"]
    assert not hospital.checks(second)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"X-Signature": ""}, "SIGNATURE_INVALID"),
        ({"X-Signature": "0" * 64}, "SIGNATURE_INVALID"),
        ({"X-App-Id": "another"}, "SIGNATURE_INVALID"),
        ({"X-Nonce": ""}, "SIGNATURE_INVALID"),
        ({"X-Timestamp": "soon"}, "SIGNATURE_INVALID"),
        ({"X-Timestamp": str(int(time.time()) - 301)}, "TIMESTAMP_EXPIRED"),
        ({"X-Timestamp": str(int(time.time()) + 7200)}, "TIMESTAMP_EXPIRED"),
        ({"body_sent": "{}"}, "SIGNATURE_INVALID"),
    ],
)
def test_a_call_that_is_not_the_hospitals_is_refused(hospital: Hospital, said: dict[str, str], code: str) -> None:
    body = hospital.task()
    refused = hospital.call("POST", "/v1/tasks", body, **said)
    assert (refused.status_code, refused.json()["code"]) == (401, code)
    assert hospital.query(body["number"]).status_code == 404


def test_a_nonce_is_good_for_one_call_and_path_and_query_are_authenticated(hospital: Hospital) -> None:
    number, timestamp = hospital.requested(), str(int(time.time()))
    once = {"X-Nonce": "once", "X-Timestamp": timestamp}
    assert hospital.call("GET", f"/v1/tasks/{number}", **once).status_code == 200
    assert hospital.call("GET", f"/v1/tasks/{number}", **once).json()["code"] == "NONCE_USED"
    other = {"X-Timestamp": timestamp, "X-Nonce": "n", "X-Signature": hospital.code("GET", "/v1/tasks/x", timestamp, "n", body=b"")}
    assert hospital.call("GET", f"/v1/tasks/{number}?a=1", **other).status_code == 401


def test_a_lost_request_took_effect_and_a_refused_one_did_not(hospital: Hospital) -> None:
    lost, refused = hospital.task(), hospital.task()
    spoil(hospital, REQUEST, "lost")
    assert hospital.request(lost).status_code == 504
    assert hospital.query(lost["number"]).json()["state"] == "PENDING"
    for code, status in ((None, 404), ("NUMBER_USED", 409), ("SYSTEM_ERROR", 500)):
        spoil(hospital, REQUEST, "refused", code=code)
        said = hospital.request(refused)
        assert (said.status_code, said.json()["code"]) == (status, code or "CERTIFICATE_NOT_FOUND")
        assert hospital.checks(said)
    assert hospital.query(refused["number"]).status_code == 404


def test_a_slow_a_late_and_a_doubled_request_are_one_task(hospital: Hospital) -> None:
    slow, late, doubled = hospital.task(), hospital.task(), hospital.task()
    spoil(hospital, REQUEST, "slow", seconds=0.5)
    began = time.monotonic()
    assert hospital.request(slow).status_code == 200
    assert time.monotonic() - began > 0.5
    spoil(hospital, REQUEST, "late", seconds=0.3)
    assert hospital.request(late).status_code == 504
    until(lambda: hospital.query(late["number"]).status_code == 200)
    spoil(hospital, REQUEST, "duplicated")
    assert hospital.request(doubled).status_code == 200
    numbers = [row["number"] for row in hospital.http.get("/books/signature").json()["tasks"]]
    assert [numbers.count(body["number"]) for body in (slow, late, doubled)] == [1, 1, 1]


def test_a_tampered_answer_is_readable_and_only_its_code_tells(hospital: Hospital) -> None:
    number = hospital.requested()
    true = hospital.query(number)
    spoil(hospital, QUERY, "tampered")
    lied = hospital.query(number)
    assert lied.status_code == 200
    assert lied.json()["digest"] != true.json()["digest"]
    assert not hospital.checks(lied)
    assert hospital.query(number).json() == true.json()


def ended(hospital: Hospital, bell: Doorbell, deed: str = "confirm") -> str:
    number = hospital.requested(notify_url=bell.url)
    hospital.on_phone(number, deed).raise_for_status()
    return number


def genuine(hospital: Hospital, notify: Notify) -> bool:
    said = notify.headers
    right = hospital.code("NOTIFY", hospital.keys["app_id"], said["x-timestamp"], said["x-nonce"], body=notify.body)
    return right == said["x-signature"]


@pytest.mark.parametrize(("deed", "state"), [("confirm", "SIGNED"), ("refuse", "REFUSED"), ("expire", "EXPIRED")])
def test_each_end_is_told_under_one_number_until_it_is_taken(hospital: Hospital, deed: str, state: str) -> None:
    with doorbell(500, 404) as bell:
        number = ended(hospital, bell, deed)
        told = [bell.next() for _ in range(3)]
        assert all(genuine(hospital, one) for one in told)
        bodies = [json.loads(one.body) for one in told]
        assert bodies[0] == bodies[1] == bodies[2]
        assert (bodies[0]["number"], bodies[0]["state"]) == (number, state)
        assert set(bodies[0]) == {"notify_id", "task_id", "number", "state", "ended_at"}
        assert len({one.headers["x-nonce"] for one in told}) == 3
        until(lambda: hospital.told(number)["delivered_at"])
        assert (hospital.told(number)["attempts"], hospital.told(number)["due_at"]) == (3, None)
        assert bell.came.empty()


def test_the_schedule_is_used_up_at_last(hospital: Hospital) -> None:
    number = hospital.requested()
    hospital.on_phone(number, "confirm")
    until(lambda: hospital.told(number)["attempts"] and hospital.told(number)["due_at"] is None)
    told = hospital.told(number)
    assert (told["attempts"], told["delivered_at"], told["last_result"]) == (3, None, "ConnectError")


def test_a_lost_notify_is_repeated_and_a_doubled_one_comes_twice(hospital: Hospital) -> None:
    with doorbell() as bell:
        spoil(hospital, "NOTIFY SIGNED", "lost")
        number = ended(hospital, bell)
        assert json.loads(bell.next().body)["number"] == number
        until(lambda: hospital.told(number)["delivered_at"])
        assert hospital.told(number)["attempts"] == 2
        spoil(hospital, "NOTIFY *", "duplicated")
        number = ended(hospital, bell, "refuse")
        assert bell.next().body == bell.next().body
        until(lambda: hospital.told(number)["delivered_at"])
        assert hospital.told(number)["attempts"] == 1


def test_a_late_notify_waits_and_a_tampered_one_is_told_by_its_code(hospital: Hospital) -> None:
    with doorbell(200, 401) as bell:
        spoil(hospital, "NOTIFY SIGNED", "late", seconds=0.4)
        began = time.monotonic()
        ended(hospital, bell)
        bell.next()
        assert time.monotonic() - began > 0.4
        spoil(hospital, "NOTIFY SIGNED", "tampered")
        number = ended(hospital, bell)
        forged, true = bell.next(), bell.next()
        assert json.loads(forged.body)["state"] == "SIGNED"
        assert not genuine(hospital, forged)
        assert genuine(hospital, true)
        assert json.loads(true.body)["number"] == number


def test_an_end_is_told_again_when_somebody_asks(hospital: Hospital) -> None:
    with doorbell() as bell:
        number = ended(hospital, bell)
        first = bell.next()
        until(lambda: hospital.told(number)["delivered_at"])
        assert hospital.on_phone(number, "notify").json() == {"due": 1}
        assert bell.next().body == first.body
        assert hospital.on_phone(hospital.requested(), "notify").json() == {"due": 0}
