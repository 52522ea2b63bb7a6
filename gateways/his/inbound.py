"""What the HIS tells us by itself: verified and read; no I/O. A message is only a reason to ask, or to look again.

A FHIR Bundle `message`, signed by `X-Timestamp` (seconds since 1970), `X-Nonce` and `X-Signature`, HMAC-SM3 in hex over the three lines
timestamp, nonce, body. protocols §4b names the events; the headers' names and what stands in focus are our own choice.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from gateways.his import names
from gateways.his.account import HisAccount
from gateways.his.resources import BundleEntry, Coding, Element, Invoice, Json, Reference, Resource
from gateways.his.resources_drug import MedicationDispense
from models.kernel import sm2
from models.kernel.errors import DomainError
from models.kernel.vault import same
from models.schedule import HisId

__all__ = ["BillTold", "DrugsTold", "HisAccount", "HisMessage", "ReportTold", "ScheduleTold", "open_message"]

CLOCKS_DIFFER_S: Final = 300
_WORD = re.compile(r"[a-z-]{1,40}")
_LINE_NO = re.compile(r"([0-9a-f]{32})-[0-9]{1,3}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_NUMBER = re.compile(r"[0-9a-f]{32}")

R = TypeVar("R", bound=Resource)


class Told(BaseModel):
    """`message_id` stays the same when the HIS repeats it: by it a replay is nothing new."""

    model_config = ConfigDict(frozen=True)
    message_id: str


class ScheduleTold(Told):
    """停诊, 替诊, a time moved, 恢复: of this 就诊单元, in this version of it. Pulled, it has the same two names."""

    event: Literal["stop", "replace", "time-moved", "resume"]
    schedule_id: HisId
    version: str


class BillTold(Told):
    """A bill was paid, or given back, at a window of the hospital."""

    event: Literal["paid-at-window", "refunded-at-window"]
    invoice_id: str
    prescription: UUID | None
    """Our number of the prescription that it is of."""


class DrugsTold(Told):
    """The pharmacy has prepared drugs, handed them out, or taken them back in."""

    event: Literal["dispensed"]
    prescription: UUID | None
    """Our number; None when the hospital's own doctor wrote it."""


class ReportTold(Told):
    """A report can be read."""

    event: Literal["report-ready"]
    report_id: str


HisMessage = ScheduleTold | BillTold | DrugsTold | ReportTold


class _Header(Element):
    resource_type: Literal["MessageHeader"]
    event_coding: Coding
    focus: tuple[Reference, ...] = ()


class _Message(Element):
    resource_type: Literal["Bundle"]
    type: Literal["message"]
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
    entry: tuple[BundleEntry, ...]


def open_message(account: HisAccount, headers: Mapping[str, str], body: bytes, now: datetime) -> HisMessage:
    """The message in `body`, the raw bytes as they came.

    Refused `his.signature` (forged, changed, more than 5 minutes off), `his.malformed` (the HIS's and unreadable), `his.unknown_event`
    (of a kind that we have no word for). Each is answered 4xx, so it comes again.
    """
    if reason := _distrust(account, {name.lower(): value for name, value in headers.items()}, body, now):
        raise DomainError("his.signature", "anonymous", reason=reason)
    try:
        message = _Message.model_validate_json(body)
        header = _Header.model_validate(message.entry[0].resource)
        return _read(message, header)
    except (ValidationError, IndexError):
        raise DomainError("his.malformed", "malformed") from None  # its text quotes what came


def _distrust(account: HisAccount, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
    timestamp, nonce = headers.get("x-timestamp", ""), headers.get("x-nonce", "")
    if not account.webhook_key:
        return "no key"
    if not (_SECONDS.fullmatch(timestamp) and 0 < len(nonce) <= 64):
        return "headers"
    if abs(now.timestamp() - int(timestamp)) > CLOCKS_DIFFER_S:
        return "time"
    proof = sm2.hmac_sm3(bytes.fromhex(account.webhook_key), f"{timestamp}\n{nonce}\n".encode() + body)
    return None if same(proof.hex().encode(), headers.get("x-signature", "").encode()) else "signature"


def _read(message: _Message, header: _Header) -> HisMessage:
    event = header.event_coding.code if header.event_coding.system == names.EVENT else None
    focus = [entry.resource for entry in message.entry[1:]]
    told: Json = {"message_id": message.id, "event": event}
    match event:
        case "stop" | "replace" | "time-moved" | "resume":
            unit = _only(focus, "Schedule", Resource)
            return ScheduleTold.model_validate(told | {"schedule_id": unit.id, "version": unit.meta.version_id})
        case "paid-at-window" | "refunded-at-window":
            bill = _only(focus, "Invoice", Invoice)
            numbers = [one.value or "" for one in bill.identifier if one.system == names.PRESCRIPTION]
            ours = next((UUID(hex=number) for number in numbers if _NUMBER.fullmatch(number)), None)
            return BillTold.model_validate(told | {"invoice_id": bill.id, "prescription": ours})
        case "dispensed":
            drugs = [MedicationDispense.model_validate(one) for one in focus if one.get("resourceType") == "MedicationDispense"]
            return DrugsTold.model_validate(told | {"prescription": _prescription(drugs)})
        case "report-ready":
            return ReportTold.model_validate(told | {"report_id": _only(focus, "DiagnosticReport", Resource).id})
        case _:
            raise DomainError("his.unknown_event", "invalid", told=event if event and _WORD.fullmatch(event) else None)


def _prescription(drugs: list[MedicationDispense]) -> UUID | None:
    """One message is about one prescription."""
    refs = [ref.identifier for one in drugs for ref in one.authorizing_prescription]
    found = [_LINE_NO.fullmatch(ref.value or "") for ref in refs if ref.system == names.PRESCRIPTION_LINE]
    numbers = {match[1] for match in found if match}
    if not drugs or len(numbers) > 1:
        raise DomainError("his.malformed", "malformed")
    return UUID(hex=numbers.pop()) if numbers else None


def _only(focus: list[Json], kind: str, model: type[R]) -> R:
    found = [one for one in focus if one.get("resourceType") == kind]
    if len(found) != 1:
        raise DomainError("his.malformed", "malformed")
    return model.model_validate(found[0])
