"""Routes pushed to the partner: until it says OK, and three times more at most."""

import json
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import caller, running, until
from tests.sandbox.doorbell import Doorbell, doorbell
from tests.sandbox.logistics.partner import Partner

OK = b'{"return_code":"0000","return_msg":"OK"}'
NO = b'{"return_code":"1000","return_msg":"no"}'


def sf_door(*answers: bytes) -> AbstractContextManager[Doorbell]:
    """Answers the first pushes as listed and every later one with OK."""
    return doorbell(*answers, usual=OK, path="/webhooks/sf")


def route(bell: Doorbell) -> dict[str, Any]:
    """The one route of the next push."""
    [one] = json.loads(bell.next().body)["Body"]["WaybillRoute"]
    return one


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Partner]:
    """A partner of a sandbox that repeats a push at once."""
    monkeypatch.setenv("SANDBOX_PUSH_RETRY_S", "0.05,0.05,0.05")
    with running(tmp_path) as address, caller(address) as outside:
        yield Partner(outside.get("/credentials").json()["logistics"], outside)


def register(partner: Partner, bell: Doorbell) -> None:
    partner.http.put("/logistics/desk/push", json={"url": bell.url}).raise_for_status()


def pushes(outside: httpx.Client, order_id: str) -> list[dict[str, Any]]:
    return [one for one in outside.get("/books/logistics").json()["pushes"] if one["order_id"] == order_id]


def test_each_move_is_pushed_as_the_routes_tell_it(patient: Partner) -> None:
    with sf_door() as bell:
        register(patient, bell)
        order_id = patient.orders()
        patient.moves(order_id, "picked_up").raise_for_status()
        told = route(bell)
        [seen] = patient.routes(order_id)

        assert {name: told[name] for name in seen} == seen
        assert (told["orderid"], told["mailno"][:2]) == (order_id, "SF")
        until(lambda: pushes(patient.http, order_id)[0]["delivered_at"])


def test_a_push_that_is_not_taken_comes_three_times_more_and_then_no_more(patient: Partner) -> None:
    with sf_door(*[NO] * 9) as bell:
        register(patient, bell)
        order_id = patient.orders()
        patient.moves(order_id, "picked_up").raise_for_status()
        assert len({route(bell)["id"] for _ in range(4)}) == 1
        until(lambda: pushes(patient.http, order_id)[0]["due_at"] is None)

        [push] = pushes(patient.http, order_id)
        assert (push["attempts"], push["delivered_at"]) == (4, None)
        assert bell.came.empty()


def test_nothing_is_pushed_to_who_has_not_registered(patient: Partner) -> None:
    order_id = patient.orders()
    patient.moves(order_id, "picked_up").raise_for_status()

    assert pushes(patient.http, order_id) == []


@pytest.mark.parametrize(("kind", "times"), [("lost", 1), ("duplicated", 2), ("late", 1)])
def test_a_push_may_be_lost_doubled_or_late(patient: Partner, kind: str, times: int) -> None:
    with sf_door() as bell:
        register(patient, bell)
        fault = {"system": "logistics", "call": "NOTIFY route", "kind": kind, "seconds": 0.05}
        patient.http.post("/faults", json=fault).raise_for_status()
        order_id = patient.orders()
        patient.moves(order_id, "picked_up").raise_for_status()
        assert {route(bell)["orderid"] for _ in range(times)} == {order_id}
        until(lambda: pushes(patient.http, order_id)[0]["delivered_at"])
        assert pushes(patient.http, order_id)[0]["attempts"] == (2 if kind == "lost" else 1)


def test_a_push_changed_on_the_way_names_another_waybill(patient: Partner) -> None:
    with sf_door() as bell:
        register(patient, bell)
        patient.http.post("/faults", json={"system": "logistics", "call": "NOTIFY *", "kind": "tampered"}).raise_for_status()
        patient.moves(patient.orders(), "picked_up").raise_for_status()

        assert route(bell)["mailno"].startswith("SX")


def test_a_person_moves_a_parcel_on_the_console(patient: Partner) -> None:
    order_id, by_hand = patient.orders(contact="<b>张</b>"), patient.orders(address="演示路3号（人工核实）")

    def click(action: str, order: str, move: str) -> str:
        form = {"order_id": order, "move": move}
        return patient.http.post(f"/console/logistics/{action}", data=form, follow_redirects=True).text

    assert "&lt;b&gt;张&lt;/b&gt;" in patient.http.get("/console").text
    assert "揽收，已记录并推送" in click("move", order_id, "picked_up")
    assert "没有这种状态" in click("move", order_id, "flown")
    assert "没有改变：未下单" in click("move", "nobody", "picked_up")
    assert "没有改变" in click("move", by_hand, "picked_up")
    assert "地址已核实" in click("look", by_hand, "deliverable")
    assert "没有改变" in click("look", by_hand, "unreachable")
    assert "揽收" in click("move", by_hand, "picked_up")
    assert [one["opCode"] for one in patient.routes(order_id)] == ["50"]
