"""The door of WeChat Pay's notifies: what is not theirs, or not about us, moves no money."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from models.kernel import ids
from models.kernel.clock import now
from sandbox.wechat_pay import keys as wechat_keys
from sandbox.wechat_pay.keys import Keys
from sandbox.wechat_pay.wire import dump, seal
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, until

PATH = "/webhooks/wechat-pay"


class Forger:
    """Whoever sends to our door. With WeChat Pay's own key, out of the sandbox's folder, it is WeChat Pay."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.keys: Keys = wechat_keys.load(_folder(hospital.data))

    def body(self, order: str, *, event_type: str = "TRANSACTION.SUCCESS", **changed: Any) -> bytes:
        """A payment of an order, sealed as theirs are."""
        paid: Json = {
            "appid": self.keys.appid,
            "mchid": self.keys.mchid,
            "out_trade_no": order,
            "transaction_id": "4200000000202611250000000001",
            "trade_type": "NATIVE",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "OTHERS",
            "success_time": now().isoformat(),
            "payer": {"openid": "oForger"},
            "amount": {"total": 5000, "payer_total": 5000, "currency": "CNY", "payer_currency": "CNY"},
        }
        envelope = {"id": ids.new().hex, "create_time": now().isoformat(), "resource_type": "encrypt-resource", "event_type": event_type}
        return dump(envelope | {"summary": "支付成功", "resource": seal(self.keys, "transaction", paid | changed)})

    def headers(self, body: bytes, *, age: timedelta = timedelta(), key: RSAPrivateKey | None = None, **changed: str) -> dict[str, str]:
        at, nonce = str(int((now() - age).timestamp())), ids.new().hex
        signature = (key or self.keys.platform_private).sign(f"{at}\n{nonce}\n".encode() + body + b"\n", PKCS1v15(), SHA256())
        told = {"Timestamp": at, "Nonce": nonce, "Signature": base64.b64encode(signature).decode(), "Serial": self.keys.public_key_id}
        return {f"Wechatpay-{name}": value for name, value in (told | changed).items() if value} | {"Content-Type": "application/json"}

    async def send(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.hospital.http.post(PATH, content=body, headers=headers)


def _folder(data: Path) -> Path:
    """Where the sandbox's bank keeps its keys."""
    [key] = (data / "sandbox").rglob("platform_key.pem")
    return key.parent


@pytest.fixture
def forger(hospital: Hospital) -> Forger:
    return Forger(hospital)


ANOTHER_KEY = generate_private_key(public_exponent=65537, key_size=2048)
FORGED: dict[str, Callable[[Forger, bytes], dict[str, str]]] = {
    "no headers": lambda forger, body: {},
    "another's key": lambda forger, body: forger.headers(body, key=ANOTHER_KEY),
    "another's serial": lambda forger, body: forger.headers(body, Serial="PUB_KEY_ID_0000000000000000000000000000"),
    "no signature": lambda forger, body: forger.headers(body, Signature=""),
    "no base64": lambda forger, body: forger.headers(body, Signature="signed, WeChat Pay"),
    "a probe": lambda forger, body: forger.headers(body, Signature="WECHATPAY/SIGNTEST/" + base64.b64encode(b"x" * 256).decode()),
    "six minutes old": lambda forger, body: forger.headers(body, age=timedelta(minutes=6)),
    "six minutes early": lambda forger, body: forger.headers(body, age=-timedelta(minutes=6)),
    "a time that is none": lambda forger, body: forger.headers(body, Timestamp="yesterday"),
    "the signature of another body": lambda forger, body: forger.headers(body + b" "),
}


@pytest.mark.parametrize("how", FORGED)
async def test_what_is_not_signed_by_wechat_pay_is_refused(forger: Forger, how: str) -> None:
    body = forger.body(ids.new().hex)

    answer = await forger.send(body, FORGED[how](forger, body))

    assert (answer.status_code, answer.json()) == (401, {"code": "FAIL", "message": "wechat_pay.signature"})


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"mchid": "1900000109"}, 422, "wechat_pay.foreign"),
        ({"appid": "wx0000000000000000"}, 422, "wechat_pay.foreign"),
        ({"transaction_id": None}, 400, "wechat_pay.malformed"),
        ({"amount": {"total": "50.00"}}, 400, "wechat_pay.malformed"),
        ({"amount": {"total": -5000}}, 400, "wechat_pay.malformed"),
        ({"event_type": "REFUND.SUCCESS"}, 400, "wechat_pay.malformed"),
    ],
)
async def test_what_is_theirs_but_not_ours_or_unreadable_is_refused(forger: Forger, changed: Json, status: int, code: str) -> None:
    body = forger.body(ids.new().hex, **changed)

    answer = await forger.send(body, forger.headers(body))

    assert (answer.status_code, answer.json()["message"]) == (status, code)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xff", b'{"id": "1", "event_type": "TRANSACTION.SUCCESS", "resource": {}}']
)
async def test_signed_nonsense_is_refused(forger: Forger, body: bytes) -> None:
    answer = await forger.send(body, forger.headers(body))

    assert (answer.status_code, answer.json()["message"]) == (400, "wechat_pay.malformed")


async def test_a_sealed_part_changed_on_the_way_does_not_open(forger: Forger) -> None:
    envelope = json.loads(forger.body(ids.new().hex))
    sealed = envelope["resource"]["ciphertext"]
    envelope["resource"]["ciphertext"] = ("B" if sealed[0] == "A" else "A") + sealed[1:]
    body = dump(envelope)

    answer = await forger.send(body, forger.headers(body))

    assert (answer.status_code, answer.json()["message"]) == (400, "wechat_pay.malformed")


async def test_a_payment_that_the_bank_denies_books_nothing(hospital: Hospital, forger: Forger) -> None:
    """Signed by WeChat Pay itself, and still only a reason to ask: the order is not paid."""
    visit = await hospital.visit("paying")
    order = (await visit.order()).replace("-", "")
    body = forger.body(order)

    assert (await forger.send(body, forger.headers(body))).status_code == 204

    await _asked(hospital, order)
    assert ((await visit.now())["state"], (await visit.charge())["state"]) == ("paying", "open")
    assert (await hospital.manager.ask(f"/v1/charges/{await visit.charge_id()}/ledger"))["lines"] == []
    again = await forger.send(body, forger.headers(body))  # the same notify once more: the same row
    assert again.status_code == 204
    await visit.to("booked")
    assert (await visit.steps()).count("charge.settle") == 1


async def test_a_payment_of_an_order_that_nobody_made_is_told_and_asked_about(hospital: Hospital, forger: Forger) -> None:
    """For hours, because a report may run ahead of the bank's own books."""
    for order in (ids.new().hex, "NOT-AN-ORDER-OF-OURS"):
        body = forger.body(order)
        notify_id = json.loads(body)["id"]

        assert (await forger.send(body, forger.headers(body))).status_code == 204

        assert notify_id in {line["notify_id"] for line in hospital.lines("api", "wechat_pay.unknown_order")}
        await _asked(hospital, order)
        assert order not in {one["order_no"] for one in await hospital.finance.refunds("running")}


async def _asked(hospital: Hospital, order: str) -> None:
    async def look() -> bool:
        return order in {line["order_no"] for line in hospital.lines("worker", "wechat_pay.query")}

    await until("the bank to be asked", look, bool)
