"""What SF pushes, read and no more."""

import json
from typing import Any

import pytest

from gateways.logistics.inbound import PUSHES_MAX, read_push
from models.kernel.errors import DomainError


def a_route(**changes: Any) -> dict[str, Any]:
    route = {"id": "7", "mailno": "SF1", "orderid": "0a", "acceptTime": "2026-03-02 10:00:00", "opCode": "80", "remark": "张秀英 已签收"}
    return route | changes


def push(*routes: object) -> bytes:
    return json.dumps({"Body": {"WaybillRoute": list(routes)}}).encode()


def test_each_parcel_is_named_once_by_its_last_line() -> None:
    told = read_push(push(a_route(), a_route(id="8"), a_route(orderid="0b", mailno="SF2", id=9)))

    assert [(one.order_no, one.waybill, one.push_id) for one in told] == [("0a", "SF1", "8"), ("0b", "SF2", "9")]
    assert "张秀英" not in str(told), "its news are not believed, so they are not even read"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml/>",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"Body": {}}',
        b'{"Body": {"WaybillRoute": {}}}',
        push(),
        push(a_route(mailno=None)),
        push({"orderid": "0a"}),
        push(*[a_route()] * (PUSHES_MAX + 1)),
        b"[" * 100_000,
    ],
    ids=range(12),
)
def test_what_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(DomainError, match=r"^logistics\.malformed$") as refused:
        read_push(body)
    assert refused.value.kind == "malformed"
