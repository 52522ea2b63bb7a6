"""Signatures both ways, against keys of both sides and the public client library as an outside oracle."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from wechatpayv3.utils import rsa_sign  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from gateways.wechat_pay.signing import authorization, distrust, jsapi_pay
from tests.gateways.wechat_pay.channel import account, key, signed

AT = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
INSTANTS = st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@given(body=st.binary(max_size=2000), at=INSTANTS)
def test_what_the_channel_signed_is_trusted(body: bytes, at: datetime) -> None:
    assert distrust(account(), lower(signed(body, at)), body, at) is None


@given(body=st.binary(min_size=1, max_size=2000), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_changed_bit_is_not(body: bytes, place: int, bit: int) -> None:
    changed = bytearray(body)
    changed[place % len(body)] ^= 1 << bit
    assert distrust(account(), lower(signed(body, AT)), bytes(changed), AT) == "signature"


@given(method=st.sampled_from(["GET", "POST"]), target=st.text(min_size=1), body=st.binary(max_size=2000))
def test_we_sign_the_five_lines_as_they_are_sent(method: str, target: str, body: bytes) -> None:
    header = authorization(account(), method, target, body, AT)
    scheme, _, rest = header.partition(" ")
    said = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert (said["mchid"], said["serial_no"], said["timestamp"]) == ("1700000001", "5F3A", "1795483800")
    message = f"{method}\n{target}\n{said['timestamp']}\n{said['nonce_str']}\n".encode() + body + b"\n"
    key("merchant").public_key().verify(base64.b64decode(said["signature"]), message, PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        key("merchant").public_key().verify(base64.b64decode(said["signature"]), message + b"\n", PKCS1v15(), SHA256())


def test_the_front_end_signs_four_lines() -> None:
    pay = jsapi_pay(account(), "wx2026", AT)
    lines = f"wx5a7c3e91f0b2d846\n{pay.timeStamp}\n{pay.nonceStr}\nprepay_id=wx2026\n"
    key("merchant").public_key().verify(base64.b64decode(pay.paySign), lines.encode(), PKCS1v15(), SHA256())
    assert pay.model_dump().keys() == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert (pay.timeStamp, pay.package, pay.signType) == ("1795483800", "prepay_id=wx2026", "RSA")


def test_the_public_library_signs_the_same_lines_alike() -> None:
    """PKCS#1 v1.5 knows no chance, so `wechatpayv3` must come to the same signature."""
    header = authorization(account(), "POST", "/v3/pay/transactions/native", '{"description":"复诊"}'.encode(), AT)
    said = dict(re.findall(r'(\w+)="([^"]*)"', header))
    lines = f"POST\n/v3/pay/transactions/native\n{said['timestamp']}\n{said['nonce_str']}\n" + '{"description":"复诊"}\n'
    assert said["signature"] == rsa_sign(key("merchant"), lines)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"wechatpay-signature": ""}, "headers"),
        ({"wechatpay-nonce": ""}, "headers"),
        ({"wechatpay-serial": ""}, "headers"),
        ({"wechatpay-timestamp": "soon"}, "headers"),
        ({"wechatpay-timestamp": "１７９５"}, "headers"),
        ({"wechatpay-timestamp": "-5"}, "headers"),
        ({"wechatpay-signature": "WECHATPAY/SIGNTEST/iVBORw0KGgo="}, "probe"),
        ({"wechatpay-serial": "PUB_KEY_ID_another"}, "serial"),
        ({"wechatpay-serial": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"}, "serial"),
        ({"wechatpay-signature": "no base64!"}, "signature"),
        ({"wechatpay-signature": "签名"}, "signature"),
        ({"wechatpay-signature": "AAAA"}, "signature"),
    ],
)
def test_why_it_is_not(changes: dict[str, str], reason: str) -> None:
    assert distrust(account(), lower(signed(b"{}", AT)) | changes, b"{}", AT) == reason


def test_it_is_trusted_for_five_minutes_either_way() -> None:
    headers = lower(signed(b"{}", AT))
    assert distrust(account(), headers, b"{}", AT + timedelta(seconds=300)) is None
    assert distrust(account(), headers, b"{}", AT - timedelta(seconds=300)) is None
    assert distrust(account(), headers, b"{}", AT + timedelta(seconds=301)) == "timestamp"
    assert distrust(account(), headers, b"{}", AT - timedelta(seconds=301)) == "timestamp"


def test_another_key_is_not_trusted() -> None:
    assert distrust(account(), lower(signed(b"{}", AT, by="a stranger")), b"{}", AT) == "signature"


def test_an_account_with_wrong_keys_does_not_start_and_shows_no_secret() -> None:
    with pytest.raises(ValueError, match="32"):
        replace(account(), apiv3_key="short")
    with pytest.raises(ValueError, match=r"\w"):
        replace(account(), private_key="no key")
    with pytest.raises(ValueError, match=r"\w"):
        replace(account(), public_key="no key")
    assert "PRIVATE" not in repr(account())
    assert "0123456789abcdef" not in repr(account())
