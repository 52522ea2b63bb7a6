"""A notify opened: what is taken, and what each forgery is refused as."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from gateways.wechat_pay.inbound import RefundNotify, open_notify
from models.kernel.errors import DomainError
from tests.gateways.wechat_pay.channel import PUBLIC_KEY_ID, account, notify, paid, signed, told_refund

NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


def refused(headers: dict[str, str], body: bytes, now: datetime = NOW) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        open_notify(account(), headers, body, now)
    return refusal.value


def test_a_paid_order_is_read() -> None:
    body = notify(paid())
    seen = open_notify(account(), signed(body, NOW), body, NOW)
    assert seen.model_dump() == {
        "notify_id": "EV-2026112409300000001",
        "event_type": "TRANSACTION.SUCCESS",
        "order_no": "0a" * 16,
        "transaction_id": "4200001234202611241234567890",
        "amount_fen": 5000,
        "mchid": "1700000001",
        "appid": "wx5a7c3e91f0b2d846",
        "paid_at": datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
        "trade_state": "SUCCESS",
    }


def test_a_refunds_end_is_read() -> None:
    body = notify(told_refund(), event_type="REFUND.SUCCESS", aad="refund")
    seen = open_notify(account(), signed(body, NOW), body, NOW)
    assert isinstance(seen, RefundNotify)
    assert seen.model_dump() == {
        "notify_id": "EV-2026112409300000001",
        "event_type": "REFUND.SUCCESS",
        "refund_no": "0c" * 16,
        "refund_id": "50300002342026112412345678901",
        "order_no": "0a" * 16,
        "transaction_id": "4200001234202611241234567890",
        "amount_fen": 1500,
        "total_fen": 5000,
        "mchid": "1700000001",
        "arrived_at": datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
        "refund_status": "SUCCESS",
    }


@pytest.mark.parametrize("status", ["ABNORMAL", "CLOSED"])
def test_a_refund_that_did_not_arrive_is_read(status: str) -> None:
    told = told_refund(refund_status=status)
    body = notify({name: value for name, value in told.items() if name != "success_time"}, event_type=f"REFUND.{status}")
    seen = open_notify(account(), signed(body, NOW), body, NOW)
    assert isinstance(seen, RefundNotify)
    assert (seen.event_type, seen.refund_status, seen.arrived_at) == (f"REFUND.{status}", status, None)


def test_header_names_are_read_in_any_case_and_associated_data_may_be_empty() -> None:
    body = notify(paid(), aad="")
    headers = {name.upper(): value for name, value in signed(body, NOW).items()}
    assert open_notify(account(), headers, body, NOW).order_no == "0a" * 16


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(b"another body", NOW),
        signed(notify(paid()), NOW, by="a stranger"),
        signed(notify(paid()), NOW, serial="PUB_KEY_ID_another"),
        signed(notify(paid()), NOW - timedelta(minutes=6)),
        signed(notify(paid()), NOW + timedelta(minutes=6)),
        signed(notify(paid()), NOW) | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/aGVsbG8="},
    ],
    ids=["unsigned", "tampered body", "forged", "wrong serial", "old", "early", "SIGNTEST"],
)
def test_what_is_not_the_channels_is_anonymous(headers: dict[str, str]) -> None:
    refusal = refused(headers, notify(paid()))
    assert (refusal.code, refusal.kind) == ("wechat_pay.signature", "anonymous")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        json.dumps({"id": "1", "event_type": "TRANSACTION.SUCCESS"}).encode(),
        notify(paid(), key="f" * 32),
        notify(b"no json"),
        notify({}),
        notify(paid(), event_type="REFUND.SUCCESS"),
        notify(told_refund()),
        notify(told_refund(), event_type="REFUND.LOST"),
        notify(told_refund(), event_type="MEDICAL_INSURANCE.SUCCESS"),
        notify(told_refund(amount={"total": 5000, "refund": "1500"}), event_type="REFUND.SUCCESS"),
        notify(told_refund(amount={"total": 5000, "refund": -1500}), event_type="REFUND.SUCCESS"),
        notify(told_refund(success_time="2026-11-24 09:30:00"), event_type="REFUND.SUCCESS"),
        notify([], event_type="REFUND.SUCCESS"),
        notify(paid(success_time="2026-11-24 09:30:00")),
        notify(paid(amount={"total": "5000", "currency": "CNY"})),
        notify(paid(amount={"total": -1, "currency": "CNY"})),
        notify(paid(amount={"total": 5000, "currency": "USD"})),
        notify({name: value for name, value in paid().items() if name != "transaction_id"}),
        notify(paid(out_trade_no="a\0b")),
        notify(paid(out_trade_no="'; drop table--")),
        notify(paid(transaction_id="4" * 65)),
        notify(told_refund(out_refund_no="a\0b"), event_type="REFUND.SUCCESS"),
        notify(paid()).replace(b"EV-2026", b"EV\\u0000"),
        notify(paid()).replace(b"AEAD_AES_256_GCM", b"AEAD_SM4_GCM"),
        notify(paid()).replace(b"abcdefghijkl", b"short"),
    ],
)
def test_what_is_signed_and_unreadable_is_malformed(body: bytes) -> None:
    refusal = refused(signed(body, NOW), body)
    assert (refusal.code, refusal.kind) == ("wechat_pay.malformed", "malformed")
    assert refusal.__cause__ is None


@pytest.mark.parametrize("changes", [{"mchid": "1700000002"}, {"appid": "wx0000000000000000"}])
def test_another_merchants_or_apps_is_foreign(changes: dict[str, str]) -> None:
    body = notify(paid(**changes))
    refusal = refused(signed(body, NOW), body)
    assert (refusal.code, refusal.kind) == ("wechat_pay.foreign", "invalid")


def test_another_merchants_refund_is_foreign() -> None:
    body = notify(told_refund(mchid="1700000002"), event_type="REFUND.SUCCESS")
    refusal = refused(signed(body, NOW), body)
    assert (refusal.code, refusal.kind) == ("wechat_pay.foreign", "invalid")


def test_the_key_id_is_the_accounts_own() -> None:
    assert account().public_key_id == PUBLIC_KEY_ID
