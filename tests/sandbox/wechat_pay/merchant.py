"""A merchant of the tests' own: signs by hand, so that it can also sign wrongly, and listens for notifies."""

import base64
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

ORDERS = "/v3/pay/transactions"
REFUNDS = "/v3/refund/domestic/refunds"


@dataclass(frozen=True)
class Merchant:
    """Knows what `GET /credentials` told."""

    keys: dict[str, str]
    http: httpx.Client

    def order(self, out_trade_no: str | None = None, **changes: Any) -> dict[str, Any]:
        """A body that WeChat Pay takes as it is."""
        body: dict[str, Any] = {
            "appid": self.keys["appid"],
            "mchid": self.keys["mchid"],
            "description": "医事服务费",
            "out_trade_no": out_trade_no or secrets.token_hex(16),
            "notify_url": "http://127.0.0.1:9/notify",
            "amount": {"total": 5000, "currency": "CNY"},
            "payer": {"openid": "oPatientOfTheTests"},
        }
        return body | changes

    def call(self, method: str, path: str, body: Any = None, **said: str) -> httpx.Response:
        """One signed call; `said` overrides fields of the Authorization, `body_sent` the body after signing."""
        content = "" if body is None else json.dumps(body)
        timestamp, nonce = said.get("timestamp", str(int(time.time()))), secrets.token_hex(16)
        signature = self.sign((method, path, timestamp, nonce, content))
        fields = {
            "mchid": said.get("mchid", self.keys["mchid"]),
            "nonce_str": nonce,
            "signature": said.get("signature", signature),
            "timestamp": timestamp,
            "serial_no": said.get("serial_no", self.keys["serial_no"]),
        }
        authorization = "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="{value}"' for name, value in fields.items())
        headers = {"Authorization": authorization, "Accept": "application/json"}
        if content:
            headers["Content-Type"] = "application/json"
        return self.http.request(method, self.keys["base_url"] + path, content=said.get("body_sent", content), headers=headers)

    def place(self, kind: str, body: dict[str, Any]) -> httpx.Response:
        return self.call("POST", f"{ORDERS}/{kind}", body)

    def query(self, out_trade_no: str) -> httpx.Response:
        return self.call("GET", f"{ORDERS}/out-trade-no/{out_trade_no}?mchid={self.keys['mchid']}")

    def close(self, out_trade_no: str) -> httpx.Response:
        return self.call("POST", f"{ORDERS}/out-trade-no/{out_trade_no}/close", {"mchid": self.keys["mchid"]})

    def pay(self, out_trade_no: str, **body: Any) -> httpx.Response:
        """The person's phone."""
        return self.http.post(f"{self.keys['base_url']}/cashier/{out_trade_no}/pay", json=body)

    def paid(self, total: int = 5000) -> str:
        """The number of a new order that somebody has paid."""
        body = self.order(amount={"total": total, "currency": "CNY"})
        self.place("native", body)
        assert self.pay(body["out_trade_no"]).status_code == 200
        return body["out_trade_no"]

    def a_refund(self, out_trade_no: str | None, refund: int = 5000, total: int = 5000, **changes: Any) -> dict[str, Any]:
        """A body that WeChat Pay takes as it is."""
        amount = {"refund": refund, "total": total, "currency": "CNY"}
        body = {"out_refund_no": secrets.token_hex(16), "out_trade_no": out_trade_no, "reason": "患者退号", "amount": amount}
        return {name: value for name, value in (body | changes).items() if value is not None}

    def refund(self, body: dict[str, Any]) -> httpx.Response:
        return self.call("POST", REFUNDS, body)

    def query_refund(self, out_refund_no: str) -> httpx.Response:
        return self.call("GET", f"{REFUNDS}/{out_refund_no}")

    def end_refund(self, out_refund_no: str, status: str) -> httpx.Response:
        """A person at the bank decides."""
        return self.http.post(f"{self.keys['base_url']}/cashier/refunds/{out_refund_no}/end", json={"status": status})

    def next_refund(self, fate: str, out_trade_no: str | None = None) -> httpx.Response:
        """A person at the bank decides beforehand."""
        return self.http.post(f"{self.keys['base_url']}/cashier/refunds/next", json={"fate": fate, "out_trade_no": out_trade_no})

    def sign(self, lines: Sequence[str]) -> str:
        key = load_pem_private_key(self.keys["private_key"].encode(), password=None)
        assert isinstance(key, RSAPrivateKey)
        message = "".join(f"{line}\n" for line in lines).encode()
        return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()

    def check(self, answer: httpx.Response) -> None:
        """Raises when WeChat Pay did not sign this answer."""
        key = load_pem_public_key(self.keys["public_key"].encode())
        assert isinstance(key, RSAPublicKey)
        assert answer.headers["Wechatpay-Serial"] == self.keys["public_key_id"]
        message = f"{answer.headers['Wechatpay-Timestamp']}\n{answer.headers['Wechatpay-Nonce']}\n".encode() + answer.content + b"\n"
        key.verify(base64.b64decode(answer.headers["Wechatpay-Signature"]), message, PKCS1v15(), SHA256())
