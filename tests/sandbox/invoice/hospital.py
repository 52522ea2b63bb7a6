"""A customer of the issuer, by the wire alone: MD5 over base64 of JSON, written here once more."""

import base64
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from models.kernel import ids
from models.kernel.clock import now

ISSUE, UNDO, ASK = "invoiceEBillOutpatient", "writeOffEBill", "getEBillStatesByBillInfo"


class Hospital:
    def __init__(self, keys: Mapping[str, str], http: httpx.Client) -> None:
        self.keys, self.http = keys, http

    def bill(self, cash: str = "50.00", *, fund: str = "0.00", account: str = "0.00", **changes: Any) -> dict[str, Any]:
        """A visit's fee, paid by fund, personal account and in cash."""
        total = str(Decimal(cash) + Decimal(fund) + Decimal(account))
        item = {"sortNo": 1, "chargeCode": "0001", "chargeName": "医事服务费", "unit": "次", "std": total, "number": "1", "amt": total}
        return {
            "busNo": ids.new().hex,
            "busType": "02",
            "payer": "张秀英",
            "busDateTime": stamp(),
            "placeCode": self.keys["place_code"],
            "payee": self.keys["payee"],
            "author": self.keys["author"],
            "totalAmt": total,
            "fundPay": fund,
            "accountPay": account,
            "ownPay": cash,
            "patientNo": "M0001",
            "consultationDate": "2026-11-26",
            "chargeDetail": [item],
        } | changes

    def undoing(self, bill: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        numbers = {"billBatchCode": bill["billBatchCode"], "billNo": bill["billNo"], "reason": "退费", "operator": "财务处"}
        return numbers | {"busDateTime": stamp(), "placeCode": self.keys["place_code"]} | changes

    def post(self, method: str, message: object, **changes: str) -> httpx.Response:
        """`changes` are to the envelope, after it was signed."""
        data = base64.b64encode(json.dumps(message).encode()).decode()
        said = {"appid": self.keys["app_id"], "data": data, "noise": ids.new().hex, "version": "1.0"}
        text = f"appid={said['appid']}&data={data}&noise={said['noise']}&key={self.keys['app_key']}&version=1.0"
        said["sign"] = hashlib.md5(text.encode()).hexdigest().upper()
        return self.http.post(f"/invoice/medical-web/api/medical/{method}", json=said | changes)

    def ask(self, method: str, message: object, **changes: str) -> tuple[str, Any]:
        """Code, and what was answered with it."""
        inner = json.loads(base64.b64decode(self.post(method, message, **changes).json()["data"]))
        text = base64.b64decode(inner["message"]).decode()
        return inner["result"], json.loads(text) if inner["result"] == "S0000" else text

    def done(self, method: str, message: object) -> dict[str, Any]:
        code, answer = self.ask(method, message)
        assert code == "S0000", answer
        return answer

    def books(self, bus_no: str) -> dict[str, Any]:
        """The bill of this number as the issuer has it."""
        [found] = [one for one in self.http.get("/books/invoice").json()["bills"] if one["bus_no"] == bus_no]
        return found


def stamp() -> str:
    return now().strftime("%Y%m%d%H%M%S%f")[:17]
