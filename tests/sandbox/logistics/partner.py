"""A partner of the carrier's, of the tests' own: makes the digest by hand, so that it can also make it wrongly."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx


@dataclass(frozen=True)
class Partner:
    """Knows what `GET /credentials` told."""

    keys: dict[str, str]
    http: httpx.Client

    def an_order(self, order_id: str | None = None, **receiver: str) -> dict[str, Any]:
        """A message that the carrier takes as it is."""
        to = {
            "contact": "张秀英",
            "mobile": "13800100001",
            "province": "北京市",
            "city": "北京市",
            "county": "东城区",
            "address": "演示路2号",
        }
        sender = {"contact": self.keys["sender_name"], "mobile": self.keys["sender_phone"], "address": self.keys["sender_address"]}
        return {
            "orderId": order_id or secrets.token_hex(16),
            "language": "zh-CN",
            "monthlyCard": self.keys["monthly_card"],
            "payMethod": 2,
            "expressTypeId": 2,
            "parcelQty": 1,
            "totalWeight": 1,
            "cargoDetails": [{"name": "医用物品"}],
            "contactInfoList": [{"contactType": 1} | sender, {"contactType": 2} | to | receiver],
        }

    def send(self, service: str, message: object, **form: str) -> httpx.Response:
        """One call; `form` overrides what stands in it after the digest was made."""
        msg_data, timestamp = json.dumps(message, ensure_ascii=False), str(int(time.time() * 1000))
        timestamp = form.get("timestamp", timestamp)
        text = quote_plus(msg_data + timestamp + self.keys["checkword"], safe="*-._").replace("~", "%7E")
        fields = {
            "partnerID": self.keys["partner_id"],
            "requestID": secrets.token_hex(16),
            "serviceCode": service,
            "timestamp": timestamp,
            "msgDigest": base64.b64encode(hashlib.md5(text.encode()).digest()).decode(),
            "msgData": msg_data,
        }
        return self.http.post("/logistics/std/service", data=fields | form)

    def asks(self, service: str, message: object) -> Any:
        """What a service that has done it says."""
        answer = self.send(service, message).raise_for_status().json()
        assert answer["apiResultCode"] == "A1000"
        inner = json.loads(answer["apiResultData"])
        assert (inner["success"], inner["errorCode"]) == (True, "S0000")
        return inner["msgData"]

    def refused(self, service: str, message: object) -> str:
        """The code that a service says no with."""
        answer = self.send(service, message).raise_for_status().json()
        inner = json.loads(answer["apiResultData"])
        assert (answer["apiResultCode"], inner["success"], inner["msgData"]) == ("A1000", False, None)
        return inner["errorCode"]

    def orders(self, **receiver: str) -> str:
        """The number of a new order."""
        order = self.an_order(**receiver)
        self.asks("EXP_RECE_CREATE_ORDER", order)
        return order["orderId"]

    def routes(self, order_id: str) -> list[dict[str, str]]:
        """Where the parcel was seen, by the order's number."""
        wish = {"trackingType": 2, "trackingNumber": [order_id], "methodType": 1}
        [answer] = self.asks("EXP_RECE_SEARCH_ROUTES", wish)["routeResps"]
        return answer["routes"]

    def moves(self, order_id: str, move: str, **more: float) -> httpx.Response:
        """A person at the carrier moves the parcel."""
        return self.http.post(f"/logistics/desk/parcels/{order_id}/moves", json={"move": move} | more)
