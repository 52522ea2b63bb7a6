"""The 财政 platform's medical e-bills on Bosssoft's wire [B]; production and sandbox differ in the account alone.

Unproved, to be confirmed on site: names of fields are those of third-party integrations, and that `pictureUrl` gives a PDF is [G]. Its
answers are not signed, so they are worth what TLS is worth.
"""

import base64
import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import structlog
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel
from structlog.typing import FilteringBoundLogger

from gateways.invoice.account import InvoiceAccount
from gateways.invoice.signing import signed
from gateways.wire import LIMIT_S, Call, Wire
from models.invoice import REVERSAL_REASON, Ebill, RedBill, Split, Standing, Wanted
from models.kernel import ids
from models.kernel.clock import SHANGHAI, read_beijing
from models.kernel.errors import DomainError, Unknown
from models.kernel.money import fen_from_yuan, yuan

PICTURE_LIMIT_S: Final = 1.2
"""For the PDF, which is asked for behind the bill itself: both together end before another hand may take the step."""
PICTURE_BYTES_MAX: Final = 5 << 20
_METHODS: Final = "/medical-web/api/medical"
_DONE, _ABSENT = "S0000", "E0201"
_UNDECIDED: Final = frozenset({"E0901"})
"""Busy: says nothing of the bill [G], as all codes but S0000."""
_OURS: Final = frozenset({"E0001", "E0002", "E0003", "E0103"})
"""Our message, our key, our contract: a fault of ours, whatever the bill."""
_OUTPATIENT: Final = "02"
"""busType of 门诊 [G]."""
_WECHAT_PAY: Final = "02"
"""payChannelCode of 微信支付 [G]."""
_OPERATOR: Final = "互联网医院"
_ONE: Final = Decimal("1")

_log: FilteringBoundLogger = structlog.get_logger()

_Code = Annotated[str, StringConstraints(min_length=1, max_length=50)]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, coerce_numbers_to_str=True)


class _Envelope(BaseModel):
    data: Base64Bytes


class _Result(BaseModel):
    result: str
    message: Base64Bytes


class _Bill(_Wire):
    bill_batch_code: _Code
    bill_no: _Code
    random: _Code
    create_time: str
    bill_qr_code: Annotated[Base64Bytes, Field(alias="billQRCode")]
    picture_url: str = ""
    picture_net_url: str = ""

    def ebill(self) -> Ebill:
        url = self.picture_url or self.picture_net_url
        return Ebill(
            code=self.bill_batch_code,
            number=self.bill_no,
            check_code=self.random,
            issued_at=_instant(self.create_time),
            qr=self.bill_qr_code,
            picture_url=url,
        )


class _Red(_Wire):
    e_scarlet_bill_batch_code: _Code
    e_scarlet_bill_no: _Code
    e_scarlet_random: _Code
    create_time: str
    picture_url: str = ""
    picture_net_url: str = ""


class _States(_Bill):
    """state 1 is valid, isScarlet 1 says that a red one undoes it [B]; the bill's own numbers and its amount with it [G]."""

    bus_no: str
    total_amt: str
    state: str
    is_scarlet: str
    scarlet_bill_batch_code: str = ""
    scarlet_bill_no: str = ""
    scarlet_random: str = ""
    scarlet_create_time: str = ""


class BosssoftIssuer:
    """The port `Issuer`, one for the life of the process."""

    def __init__(self, account: InvoiceAccount, *, limit_s: float = LIMIT_S) -> None:
        self._account = account
        self._wire = Wire("invoice", account.base_url, limit_s=limit_s)

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def issue(self, wanted: Wanted) -> Ebill:
        """invoiceEBillOutpatient; a busNo that was used already is answered with its bill [G]."""
        async with self._wire.call("issue", number=wanted.number) as call:
            answer = await self._ask(call, "invoiceEBillOutpatient", self._outpatient(wanted))
            bill = _Bill.model_validate_json(answer).ebill()
            call.note(bill=bill.number)
            return bill

    async def find(self, number: str) -> Standing | None:
        """getEBillStatesByBillInfo, by busNo [G]."""
        async with self._wire.call("find", number=number) as call:
            try:
                answer = await self._ask(call, "getEBillStatesByBillInfo", {"busNo": number})
            except DomainError as refused:
                if refused.code == f"invoice.{_ABSENT}":
                    return None
                raise Unknown(f"an answer that decides nothing: {refused.code}") from None
            return _standing(_States.model_validate_json(answer), number)

    async def reverse(self, bill_code: str, bill_number: str, at: datetime) -> RedBill:
        """writeOffEBill."""
        wish = {"billBatchCode": bill_code, "billNo": bill_number, "reason": REVERSAL_REASON, "operator": _OPERATOR}
        wish |= {"busDateTime": _stamp(at), "placeCode": self._account.place_code}
        async with self._wire.call("reverse", bill=bill_number) as call:
            red = _Red.model_validate_json(await self._ask(call, "writeOffEBill", wish))
            call.note(red=red.e_scarlet_bill_no)
            numbers = {"code": red.e_scarlet_bill_batch_code, "number": red.e_scarlet_bill_no, "check_code": red.e_scarlet_random}
            return RedBill(**numbers, at=_instant(red.create_time), picture_url=red.picture_url or red.picture_net_url)

    async def picture(self, url: str) -> bytes:
        """GET, below our issuer's own address and nowhere else."""
        async with self._wire.call("picture", limit_s=min(PICTURE_LIMIT_S, self._wire.limit_s)) as call:
            if not _below(self._wire.base_url, url):
                raise DomainError("invoice.picture_elsewhere", "unavailable")
            answer = await call.send("GET", url, repeatable=True)
            if not answer.granted or not answer.body.startswith(b"%PDF-") or len(answer.body) > PICTURE_BYTES_MAX:
                raise DomainError("invoice.picture_missing", "unavailable")
            if b"%%EOF" not in answer.body[-1024:]:
                raise Unknown("a PDF that broke off")
            return answer.body

    async def _ask(self, call: Call, method: str, message: dict[str, Any]) -> bytes:
        """One call. Each may be repeated: a busNo makes a bill one, and a bill is undone once."""
        data = base64.b64encode(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()).decode()
        body = json.dumps(signed(self._account, data, ids.new().hex)).encode()
        headers = {"Content-Type": "application/json;charset=UTF-8"}
        url = f"{self._wire.base_url}{_METHODS}/{method}"
        answer = await call.send("POST", url, repeatable=True, headers=headers, content=body)
        result = _Result.model_validate_json(_Envelope.model_validate(answer.json()).data)
        if result.result == _DONE:
            return result.message
        if result.result in _UNDECIDED:
            raise Unknown(f"the issuer answered {result.result}")
        if result.result in _OURS:
            _log.error("invoice.misunderstood", answered=result.result, **call.numbers)
        raise DomainError(f"invoice.{result.result}", "unavailable")

    def _outpatient(self, wanted: Wanted) -> dict[str, Any]:
        us, split = self._account, wanted.split
        total = yuan(split.total_fen)
        return {
            "busNo": wanted.number,
            "busType": _OUTPATIENT,
            "payer": wanted.payer,
            "busDateTime": _stamp(wanted.at),
            "placeCode": us.place_code,
            "payee": us.payee,
            "author": us.author,
            "totalAmt": total,
            "weChatOrderNo": wanted.channel_no,
            "patientNo": wanted.visit_no,
            "consultationDate": wanted.visited_on.isoformat(),
            **_parts(split),
            "payChannelDetail": [{"payChannelCode": _WECHAT_PAY, "payChannelValue": yuan(split.cash_fen)}],
            "chargeDetail": [
                {
                    "sortNo": 1,
                    "chargeCode": wanted.item.code,
                    "chargeName": wanted.item.name,
                    "unit": wanted.item.unit,
                    "std": total,
                    "number": str(_ONE),
                    "amt": total,
                }
            ],
            "listDetail": [],
        }


def _parts(split: Split) -> dict[str, str]:
    """Apart, in yuan."""
    return {"fundPay": yuan(split.fund_fen), "accountPay": yuan(split.account_fen), "ownPay": yuan(split.cash_fen)}


def _standing(told: _States, number: str) -> Standing:
    if told.bus_no != number or told.state != "1" or told.is_scarlet not in {"0", "1"}:
        raise Unknown("an answer about another bill, or about one that is neither valid nor undone")
    red = None
    if told.is_scarlet == "1":
        numbers = {"code": told.scarlet_bill_batch_code, "number": told.scarlet_bill_no, "check_code": told.scarlet_random}
        red = RedBill(**numbers, at=_instant(told.scarlet_create_time))
    try:
        total = fen_from_yuan(told.total_amt)
    except DomainError:
        raise Unknown("an amount that is none") from None
    return Standing(bill=told.ebill(), total_fen=total, red=red)


def _below(base_url: str, url: str) -> bool:
    ours, theirs = urlsplit(base_url), urlsplit(url)
    same = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
    return same and theirs.path.startswith(f"{ours.path.rstrip('/')}/")


def _stamp(at: datetime) -> str:
    """yyyyMMddHHmmssSSS, Beijing time [B]."""
    return at.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S%f")[:17]


def _instant(text: str) -> datetime:
    try:
        return read_beijing(text, "%Y%m%d%H%M%S%f")
    except ValueError:
        raise Unknown("a time that is none") from None
