"""A call that the merchant did not sign never reaches the bank; every answer, refusals too, carries the platform's signature."""

import time

import pytest

from tests.sandbox.wechat_pay.merchant import Merchant


def test_every_answer_is_signed(merchant: Merchant) -> None:
    body = merchant.order()
    answers = (
        merchant.place("native", body),
        merchant.query(body["out_trade_no"]),
        merchant.close(body["out_trade_no"]),
        merchant.query("unknown-number"),
    )
    assert [answer.status_code for answer in answers] == [200, 200, 204, 404]
    for answer in answers:
        merchant.check(answer)


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!"])
def test_a_wrong_signature_is_refused_with_what_was_verified(merchant: Merchant, signature: str) -> None:
    body = merchant.order()
    refused = merchant.call("POST", "/v3/pay/transactions/jsapi", body, signature=signature)
    assert (refused.status_code, refused.json()["code"]) == (401, "SIGN_ERROR")
    if signature:
        said = refused.json()["detail"]["sign_information"]
        assert (said["method"], said["url"]) == ("POST", "/v3/pay/transactions/jsapi")
    assert merchant.query(body["out_trade_no"]).status_code == 404


def test_a_body_changed_on_the_way_is_refused(merchant: Merchant) -> None:
    body = merchant.order()
    refused = merchant.call("POST", "/v3/pay/transactions/jsapi", body, body_sent='{"amount":{"total":1}}')
    assert refused.status_code == 401


def test_a_query_string_is_part_of_what_is_signed(merchant: Merchant) -> None:
    keys = merchant.keys
    signature = merchant.sign(("GET", "/v3/pay/transactions/out-trade-no/abcdef", str(int(time.time())), "n", ""))
    path = f"/v3/pay/transactions/out-trade-no/abcdef?mchid={keys['mchid']}"
    assert merchant.call("GET", path, signature=signature).status_code == 401


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"timestamp": str(int(time.time()) - 400)}, 401, "SIGN_ERROR"),
        ({"timestamp": "yesterday"}, 401, "SIGN_ERROR"),
        ({"serial_no": "0" * 40}, 401, "SIGN_ERROR"),
        ({"mchid": "1900000001"}, 400, "MCH_NOT_EXISTS"),
    ],
)
def test_a_stale_or_foreign_authorization_is_refused(merchant: Merchant, said: dict[str, str], status: int, code: str) -> None:
    refused = merchant.call("GET", "/v3/pay/transactions/id/42?mchid=x", None, **said)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_without_authorization_nothing_is_told(merchant: Merchant) -> None:
    refused = merchant.http.get(f"{merchant.keys['base_url']}/v3/pay/transactions/id/42?mchid=x")
    assert (refused.status_code, refused.json()["code"]) == (401, "SIGN_ERROR")
