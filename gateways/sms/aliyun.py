"""Aliyun SMS, dysmsapi 2017-05-25: SendSms and QuerySendDetails."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel, BeforeValidator, Field
from structlog.typing import FilteringBoundLogger

from gateways.sms.acs3 import canonical_query, signed_headers
from gateways.sms.port import Fate
from gateways.wire import LIMIT_S, Answer, Call, Wire
from models.kernel.clock import Clock, business_day, now, read_beijing
from models.kernel.errors import DomainError, Kind, Unknown

_VERSION = "2017-05-25"
_PAGE = 50
_LATE = timedelta(minutes=5)
"""How much later than we the carrier may have written a message down: just before midnight that is another day."""

_OK = "OK"
_KINDS: dict[str, Kind] = {
    "isv.BUSINESS_LIMIT_CONTROL": "limited",
    "isv.DAY_LIMIT_CONTROL": "limited",
    "isv.MONTH_LIMIT_CONTROL": "limited",
    "isv.MOBILE_NUMBER_ILLEGAL": "invalid",
}
"""What a phone or its owner is refused for [C]. Any other code is ours to mend (signature, template, arrears …)."""
_UNDECIDED = ("isp.SYSTEM_ERROR", "Throttling", "ServiceUnavailable", "InternalError", "SignatureNonceUsed")
"""Prefixes of codes that say nothing of the message [G]."""

_log: FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class AliyunAccount:
    """Our account at Aliyun: what production and sandbox differ in, and nothing else."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    sign_name: str
    """The approved signature that stands before each text."""
    base_url: str = "https://dysmsapi.aliyuncs.com"


class _Refusal(BaseModel):
    code: Annotated[str, Field(alias="Code")] = ""
    request_id: Annotated[str | None, Field(alias="RequestId")] = None


class _Sent(_Refusal):
    receipt: Annotated[str, Field(alias="BizId")]


class _Detail(BaseModel):
    number: Annotated[str, Field(alias="OutId"), BeforeValidator(lambda value: value or "")] = ""
    receipt: Annotated[str | None, Field(alias="BizId")] = None
    status: Annotated[int | None, Field(alias="SendStatus")] = None
    code: Annotated[str | None, Field(alias="ErrCode", max_length=64)] = None
    received: Annotated[str | None, Field(alias="ReceiveDate")] = None

    @property
    def arrived(self) -> bool | None:
        """1 waits for the network's word, 2 was given up, 3 is there [C]."""
        return {2: False, 3: True}.get(self.status or 0)

    @property
    def at(self) -> datetime | None:
        """In Beijing; None for what is no time: who asks then has a clock."""
        try:
            return read_beijing(self.received or "", "%Y-%m-%d %H:%M:%S")
        except ValueError:
            return None


class _Details(BaseModel):
    rows: Annotated[tuple[_Detail, ...], Field(alias="SmsSendDetailDTO")] = ()


class _Page(_Refusal):
    total: Annotated[int, Field(alias="TotalCount")]
    details: Annotated[_Details, Field(alias="SmsSendDetailDTOs")]


class AliyunSMS:
    """The port `SMS`, one for the life of the process. Our number goes out as 32 hex digits in `OutId`."""

    def __init__(self, account: AliyunAccount, *, clock: Clock = now, limit_s: float = LIMIT_S) -> None:
        self._account, self._clock = account, clock
        self._wire = Wire("sms", account.base_url, limit_s=limit_s)
        self._host = httpx.URL(self._wire.base_url).netloc.decode()

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def send(self, number: UUID, phone: str, template: str, params: dict[str, str]) -> str:
        """SendSms; answers the BizId.

        Refused `sms.<Aliyun's code>`: of kind `limited` and `invalid` for the phone's sake, `unavailable` for ours, and loud.
        """
        message = {
            "PhoneNumbers": phone,
            "SignName": self._account.sign_name,
            "TemplateCode": template,
            "TemplateParam": json.dumps(params, ensure_ascii=False, separators=(",", ":")),
            "OutId": number.hex,
        }
        async with self._wire.call("send", number=number.hex, template=template) as call:
            answer = await self._ask(call, "SendSms", message)
            code = _code(call, answer)
            if code != _OK:
                raise self._refused(call, code)
            sent = _Sent.model_validate(answer.json())
            call.note(receipt=sent.receipt)
            return sent.receipt

    async def sent(self, number: UUID, phone: str, at: datetime) -> Fate | None:
        """QuerySendDetails by phone and day, then by OutId; it lists what the carrier took, delivered or not.

        Its rows carry no BizId [C]: then our own number stands for the receipt. It may lag behind SendSms by seconds [G]. Of one that was
        sent again under its number there are two rows: it has arrived when one has, and not when none will.
        """
        async with self._wire.call("sent", number=number.hex) as call:
            for day in sorted({business_day(at), business_day(at + _LATE)}):
                found = await self._find(call, number, phone, day)
                if found:
                    return _fate(found, number)
            return None

    async def _find(self, call: Call, number: UUID, phone: str, day: date) -> list[_Detail]:
        page = 0
        while True:
            page += 1
            wanted = {"PhoneNumber": phone, "SendDate": f"{day:%Y%m%d}", "PageSize": str(_PAGE), "CurrentPage": str(page)}
            answer = await self._ask(call, "QuerySendDetails", wanted)
            code = _code(call, answer)
            if code != _OK:
                _log.error("sms.misunderstood", answered=code, status=answer.status, **call.numbers)
                raise Unknown(f"asked, and answered {code}")
            seen = _Page.model_validate(answer.json())
            if found := [row for row in seen.details.rows if row.number == number.hex]:
                return found
            if page * _PAGE >= seen.total:
                return []

    async def _ask(self, call: Call, action: str, parameters: dict[str, str]) -> Answer:
        """Parameters stand in the query, where Aliyun's own clients put them [C]: a phone number is in this URL, so nobody may log it.

        Never repeated once it may have arrived: SendSms does not deduplicate, and a nonce is good for one request.
        """
        query = canonical_query(parameters)
        headers = signed_headers(
            self._account.access_key_id,
            self._account.access_key_secret,
            host=self._host,
            action=action,
            version=_VERSION,
            query=query,
            at=self._clock(),
            nonce=secrets.token_hex(16),
        )
        return await call.send("POST", f"{self._wire.base_url}/?{query}", repeatable=False, headers=headers)

    def _refused(self, call: Call, code: str) -> DomainError:
        kind = _KINDS.get(code, "unavailable")
        if kind == "unavailable":
            _log.error("sms.misunderstood", answered=code, **call.numbers)
        return DomainError(f"sms.{code}", kind)


def _code(call: Call, answer: Answer) -> str:
    """What the answer says of the call, whatever its HTTP status; `Unknown` when that is nothing."""
    said = _Refusal.model_validate(answer.json())
    call.note(wire_request_id=said.request_id)
    if not said.code or said.code.startswith(_UNDECIDED):
        raise Unknown(f"answered {said.code or 'nothing'}")
    return said.code


def _fate(rows: list[_Detail], number: UUID) -> Fate:
    said = {row.arrived for row in rows}
    arrived = True if True in said else None if None in said else False
    row = next(row for row in rows if row.arrived is arrived)
    code = f"sms.{row.code or 'UNKNOWN'}" if arrived is False else None
    return Fate(row.receipt or number.hex, arrived, code, row.at if arrived is not None else None)
