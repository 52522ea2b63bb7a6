"""Orders, the question for them, taking them back and routes, on the carrier's wire."""

import time
from typing import Any

import httpx
import pytest

from tests.sandbox.logistics.partner import Partner

CREATE, FIND, UPDATE = "EXP_RECE_CREATE_ORDER", "EXP_RECE_SEARCH_ORDER_RESP", "EXP_RECE_UPDATE_ORDER"
FILTER = "EXP_RECE_FILTER_ORDER_BSP"


def test_an_order_has_a_waybill_and_is_found_by_its_number(partner: Partner) -> None:
    order = partner.an_order()
    made = partner.asks(CREATE, order)

    assert (made["orderId"], made["filterResult"]) == (order["orderId"], 2)
    assert [one["waybillType"] for one in made["waybillNoInfoList"]] == [1]
    assert partner.asks(FIND, {"orderId": order["orderId"]}) == made
    assert partner.refused(FIND, {"orderId": "never-made"}) == "8024"


def test_a_number_is_an_order_once_whatever_became_of_it(partner: Partner, outside: httpx.Client) -> None:
    order = partner.an_order()
    made = partner.asks(CREATE, order)
    assert partner.refused(CREATE, order) == "8016"
    partner.asks(UPDATE, {"orderId": order["orderId"], "dealType": 2})
    assert partner.refused(CREATE, order | {"parcelQty": 2}) == "8016"

    [kept] = [one for one in outside.get("/books/logistics").json()["orders"] if one["order_id"] == order["orderId"]]
    assert (kept["waybill_no"], kept["repeats"]) == (made["waybillNoInfoList"][0]["waybillNo"], 2)


@pytest.mark.parametrize(
    ("receiver", "result"), [({"city": "三沙市"}, 3), ({"address": "演示路3号（人工核实）"}, 1), ({"province": "上海市"}, 2)]
)
def test_an_address_is_filtered(partner: Partner, receiver: dict[str, str], result: int) -> None:
    made = partner.asks(CREATE, partner.an_order(**receiver))

    assert made["filterResult"] == result
    assert bool(made["waybillNoInfoList"]) == (result != 3)


def test_a_person_looks_at_an_address_once(partner: Partner, outside: httpx.Client) -> None:
    for deliverable, result in ((True, 2), (False, 3)):
        order_id = partner.orders(address="演示路3号（人工核实）")
        assert partner.moves(order_id, "picked_up").status_code == 409
        look = f"/logistics/desk/parcels/{order_id}/look"
        outside.post(look, json={"deliverable": deliverable}).raise_for_status()
        assert partner.asks(FIND, {"orderId": order_id})["filterResult"] == result
        assert outside.post(look, json={"deliverable": True}).status_code == 409


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mobile": ""}, "1016"),
        ({"address": ""}, "1014"),
        ({"contact": ""}, "1015"),
    ],
)
def test_a_receiver_that_is_not_whole_is_refused(partner: Partner, changes: dict[str, str], code: str) -> None:
    assert partner.refused(CREATE, partner.an_order(**changes)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"monthlyCard": "0"}, "8057"), ({"contactInfoList": []}, "S0001"), ({"cargoDetails": []}, "S0001"), ({"payMethod": 9}, "S0001")],
)
def test_an_order_that_is_not_whole_is_refused(partner: Partner, changes: dict[str, Any], code: str) -> None:
    order = partner.an_order() | changes

    assert partner.refused(CREATE, order) == code
    assert partner.refused(FIND, {"orderId": order["orderId"]}) == "8024"


def test_who_cannot_make_the_digest_does_not_come_in(partner: Partner) -> None:
    order = partner.an_order()
    for wrong, code in (
        ({"msgDigest": "AAAA"}, "A1006"),
        ({"msgData": "{}"}, "A1006"),
        ({"partnerID": "another"}, "A1004"),
        ({"msgDigest": ""}, "A1001"),
        ({"timestamp": str(int((time.time() - 3600) * 1000))}, "A1002"),
        ({"serviceCode": "EXP_RECE_NOTHING"}, "A1004"),
    ):
        answer = partner.send(CREATE, order, **wrong).json()
        assert (answer["apiResultCode"], answer["apiResultData"]) == (code, "")
    assert partner.refused(FIND, {"orderId": order["orderId"]}) == "8024"


def test_the_digest_reads_what_java_writes(partner: Partner) -> None:
    """A space, a tilde and a star are written differently by other encoders."""
    assert partner.asks(CREATE, partner.an_order(address="演示路 2号~*-._ (东门)"))["filterResult"] == 2


def test_a_parcel_is_seen_where_a_person_moves_it(partner: Partner) -> None:
    order_id = partner.orders()
    assert partner.routes(order_id) == []
    for move in ("picked_up", "transit", "out_for_delivery", "signed"):
        partner.moves(order_id, move).raise_for_status()

    assert [one["opCode"] for one in partner.routes(order_id)] == ["50", "30", "44", "80"]
    assert partner.routes("never-made") == []


def test_what_is_told_late_stands_where_it_belongs(partner: Partner) -> None:
    order_id = partner.orders()
    partner.moves(order_id, "transit").raise_for_status()
    partner.moves(order_id, "picked_up", earlier_s=3600).raise_for_status()

    assert [one["opCode"] for one in partner.routes(order_id)] == ["50", "30"]


def test_by_waybill_one_must_know_the_end_of_the_phone(partner: Partner) -> None:
    order_id = partner.orders(mobile="13800109876")
    partner.moves(order_id, "picked_up").raise_for_status()
    number = partner.asks(FIND, {"orderId": order_id})["waybillNoInfoList"][0]["waybillNo"]
    for end, seen in (("9876", 1), ("1234", 0), ("", 0)):
        wish = {"trackingType": 1, "trackingNumber": [number], "methodType": 1, "checkPhoneNo": end}
        assert len(partner.asks("EXP_RECE_SEARCH_ROUTES", wish)["routeResps"][0]["routes"]) == seen


def test_an_order_is_taken_back_until_it_is_picked_up(partner: Partner) -> None:
    taken_back, gone = partner.orders(), partner.orders()
    assert partner.asks(UPDATE, {"orderId": taken_back, "dealType": 2})["resStatus"] == 2
    assert partner.refused(UPDATE, {"orderId": taken_back, "dealType": 2}) == "8037"
    assert partner.moves(taken_back, "picked_up").status_code == 409

    partner.moves(gone, "picked_up").raise_for_status()
    assert partner.refused(UPDATE, {"orderId": gone, "dealType": 2}) == "8252"
    assert partner.refused(UPDATE, {"orderId": "never-made", "dealType": 2}) == "8024"


def test_a_fault_strikes_the_service_that_the_form_names(partner: Partner, outside: httpx.Client) -> None:
    outside.post("/faults", json={"system": "logistics", "call": f"POST /{CREATE}", "kind": "lost"}).raise_for_status()
    outside.post("/faults", json={"system": "logistics", "call": f"POST /{FIND}", "kind": "refused", "code": "A1005"}).raise_for_status()
    order = partner.an_order()
    assert partner.routes(order["orderId"]) == []

    assert partner.send(CREATE, order).status_code == 504
    assert partner.send(FIND, {"orderId": order["orderId"]}).json()["apiResultCode"] == "A1005"
    assert partner.asks(FIND, {"orderId": order["orderId"]})["filterResult"] == 2
    assert outside.get("/faults").json() == []


@pytest.mark.parametrize(
    ("receiver", "at_once", "by_a_person"),
    [({}, (2, None), (2, None)), ({"city": "三沙市"}, (3, "2"), (3, "2")), ({"address": "演示路3号（人工核实）"}, (3, "3"), (1, None))],
)
def test_a_place_is_judged_without_an_order(
    partner: Partner, receiver: dict[str, str], at_once: tuple[int, str | None], by_a_person: tuple[int, str | None]
) -> None:
    order = partner.an_order(**receiver)
    wish = {"orderId": order["orderId"], "monthlyCard": order["monthlyCard"], "contactInfos": order["contactInfoList"]}

    [first, second] = partner.asks(FILTER, [{**wish, "filterType": 1}, {**wish, "filterType": 2}])
    assert first == {"filterResult": at_once[0], "remark": at_once[1]}
    assert second == {"orderId": order["orderId"], "filterResult": by_a_person[0], "remark": by_a_person[1]}
    assert partner.refused(FIND, {"orderId": order["orderId"]}) == "8024"


def test_a_place_is_judged_for_a_list_alone_and_our_card(partner: Partner) -> None:
    ends = partner.an_order()["contactInfoList"]
    assert partner.refused(FILTER, {"filterType": 1, "contactInfos": ends}) == "S0001"
    assert partner.refused(FILTER, [{"filterType": 1, "contactInfos": ends[:1]}]) == "1014"
    assert partner.refused(FILTER, [{"filterType": 1, "contactInfos": ends, "monthlyCard": "0"}]) == "8057"
