"""Prescriptions written by hand into both sides' books, with what the CA, the HIS's pharmacy and the carrier have of them."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from models.kernel.ids import new
from tests.auditor import story
from tests.auditor.hospital import AT, FEE_FEN, Hospital, Visit
from tests.auditor.outside import Row
from tests.auditor.signatures import sm3
from tests.auditor.wax import VAULT, Plain
from tests.auditor.wording import CARRIER, TAIL

DOCTOR, PHARMACIST = "doc-1", "pha-1"
ICD10: Final = story.RECORD["diagnosis_code"]
ITEM: Final = {"drug_code": "tio", "dose": "1", "frequency": "qd", "route": "inhaled", "days": 7, "packs": 1}
SAID: Final = story.RECORD["content"]
WORDS: Final = [SAID["complaint"], SAID["history"], story.RECORD["diagnosis_text"], SAID["advice"]]
WRITTEN: Final = {"prescribed": {"items": [ITEM], "diagnosis_code": ICD10}, "diagnosis_text": "慢阻肺"}
LINE: Final = {name: ITEM[name] for name in ("dose", "frequency", "route", "days", "packs")} | {"drug_id": "tio"}
PHONES: Final = {"doctor": "13900000001", "pharmacist": "13900000002"}
PLACE: Final = {"province": "北京市", "city": "北京市", "county": "东城区", "detail": "某路1号"}
RECEIVER: Final = {"receiver": "张三", "phone": "13800000001", "address": "北京市北京市东城区某路1号"}
MS: Final = int(AT.timestamp() * 1000)
SCANS: Final = {
    "picked_up": ("50", "已收取"),
    "refused": ("70", "收件客户拒收"),
    "returned": ("80", "寄件方已签收"),
    "signed": ("80", "已签收"),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a prescription has got, on all sides. `moves` are its states after the first; `lines` is what the HIS says of its lines."""

    moves: tuple[str, ...]
    sides: tuple[str, ...] = ("doctor", "pharmacist")
    lines: str | None = None
    bill: str = "issued"
    marks: tuple[str, ...] = ()
    """What the pharmacy has done."""
    charge: str | None = None
    parcel: tuple[str, tuple[str, ...], str | None] | None = None
    """Its state, where the carrier has seen it, and what was decided."""


_TO_QUEUED = ("checking", "signing", "queued")
_TO_CHOOSING = (*_TO_QUEUED, "countersigning", "pricing", "choosing")
_TO_PAID = (*_TO_CHOOSING, "paying", "dispensing")
_OUT = ("prepared_ms", "dispensed_ms")
_KEPT = ("decided", ("picked_up", "refused", "returned"), "keep")
_BACK = ("decided", ("picked_up", "refused", "returned"), "refund")
STAGES: Final[dict[str, Stage]] = {
    "withdrawn": Stage(("withdrawn",), sides=()),
    "queued": Stage(_TO_QUEUED, sides=("doctor",)),
    "choosing": Stage(_TO_CHOOSING, lines="active"),
    "expired": Stage((*_TO_CHOOSING, "expired"), lines="cancelled", bill="cancelled"),
    "left": Stage((*_TO_CHOOSING, "cancelled"), lines="cancelled", bill="cancelled"),
    "paid": Stage(_TO_PAID, lines="active", bill="balanced", charge="settled"),
    "ready": Stage((*_TO_PAID, "ready"), lines="active", bill="balanced", marks=("prepared_ms",), charge="settled"),
    "picked up": Stage((*_TO_PAID, "ready", "completed"), lines="completed", bill="balanced", marks=_OUT, charge="settled"),
    "given back": Stage((*_TO_PAID, "cancelled"), lines="cancelled", bill="cancelled", charge="settled"),
    "shipping": Stage(
        *((*_TO_PAID, "shipping"), ("doctor", "pharmacist"), "completed", "balanced", _OUT, "settled"),
        parcel=("picked_up", ("picked_up",), None),
    ),
    "delivered": Stage(
        *((*_TO_PAID, "shipping", "completed"), ("doctor", "pharmacist"), "completed", "balanced", _OUT, "settled"),
        parcel=("signed", ("picked_up", "signed"), None),
    ),
    "kept": Stage(
        *((*_TO_PAID, "shipping", "ready"), ("doctor", "pharmacist"), "completed", "balanced", _OUT, "settled"),
        parcel=_KEPT,
    ),
    "kept and fetched": Stage(
        *((*_TO_PAID, "shipping", "ready", "completed"), ("doctor", "pharmacist"), "completed", "balanced", _OUT, "settled"),
        parcel=_KEPT,
    ),
    "returned": Stage(
        *((*_TO_PAID, "shipping", "cancelled"), ("doctor", "pharmacist"), "completed", "cancelled", (*_OUT, "returned_ms"), "settled"),
        parcel=_BACK,
    ),
}
TOLD: Final = {"choosing": "prescription_approved", "expired": "prescription_expired", "ready": "drugs_ready"}
"""By the state of a prescription that its patient is told of."""
_MARKS: Final = {"returned": "delivered", "signed": "delivered"}
"""How we keep a scan that is called otherwise at the carrier."""
_DELIVERY_MOVES = {
    "picked_up": ("created", "picked_up"),
    "signed": ("created", "picked_up", "signed"),
    "decided": ("created", "refused", "returned", "decided"),
}


@dataclass(frozen=True, slots=True)
class Prescription:
    """The numbers of one that was written down."""

    id: UUID
    content_id: UUID
    signatures: tuple[UUID, ...]
    delivery_id: UUID | None
    money: Visit
    """As its visit, with the numbers of its own charge."""


def for_whom(visit: Visit) -> Row:
    """For whom, by whom and for what it is written."""
    return {"patient_id": visit.his_patient_id, "practitioner_id": DOCTOR, "icd10": ICD10}


class Pharmacy:
    """A hospital in which people prescribe."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital, self.outside = hospital, hospital.outside
        self.accounts = {"doctor": new(), "pharmacist": new()}

    async def open(self) -> None:
        """Who signs."""
        for side, number in (("doctor", DOCTOR), ("pharmacist", PHARMACIST)):
            sealed = {"phone": Plain(PHONES[side]), "phone_bidx": side.encode()}
            await self.hospital.insert("account", id=self.accounts[side], kind="staff", login=side, staff_id=number, **sealed)
            await story.audited(self.hospital, None, "account:enlist", "account", self.accounts[side])

    async def enlisted(self, side: str, at: datetime, *roles: str) -> None:
        """Once more, and given these and no other."""
        account_id = self.accounts[side]
        told = {"action": "account:enlist", "subject": "account", "subject_id": account_id, "detail": json.dumps({"roles": roles})}
        await self.hospital.insert("audit", account_id=None, at=at, **told)
        await self.hospital.do("delete from account_grant where account_id = $1", account_id)
        for role in roles:
            await self.hospital.insert("account_grant", account_id=account_id, role=role)

    async def prescription(self, stage: str, visit: Visit | None = None) -> Prescription:
        """Of a visit that took place; with its parcel, and with its money where it was paid."""
        how, visit = STAGES[stage], visit or await self.hospital.visit("closed")
        own = {"charge_id": new(), "order_id": new(), "payment_id": new(), "transaction_id": f"43{new().int % 10**8:08}"}
        money = replace(visit, appointment_id="", invoice_id=f"inv-{new().hex[:8]}", charge="settled", **own)
        id, content_id, delivery_id = new(), new(), new() if how.parcel else None
        priced = {"invoice_id": money.invoice_id, "amount_fen": FEE_FEN} if how.lines else {}
        way = {"way": ("parcel" if how.parcel and how.parcel != _KEPT else "pickup") if how.charge else None, "delivery_id": delivery_id}
        way |= {"charge_id": own["charge_id"] if how.charge else None}
        way |= {"pharmacist_id": self.accounts["pharmacist"] if "pharmacist" in how.sides else None}
        numbers = {"visit_id": visit.id, "account_id": self.accounts["doctor"], "content_id": content_id, "policy": "test-1"}
        state = {"state": how.moves[-1], "version": len(how.moves), "valid_until": AT}
        state |= {"pickup_code": story.PICKUP_CODE if "ready" in how.moves else None}
        await self.hospital.insert("prescription", id=id, **numbers, **state, **priced, **way)
        await self.hospital.moved("prescription", id, visit.id, "drafting", *how.moves, opened_by=self.accounts["doctor"])
        await story.told(self.hospital, visit.id, *(template for state, template in TOLD.items() if state in how.moves))
        await self.content(id, content_id)
        signatures = tuple([await self.signed(visit, id, content_id, side) for side in how.sides])
        if how.lines:
            self.filed(visit, content_id.hex, how, money.invoice_id, signatures)
        if how.charge:
            await self.hospital.charge(money, how.charge, "prescription", id)
            self.hospital.settled(money)
        if how.parcel and delivery_id:
            await self.parcel(visit, id, delivery_id, *how.parcel)
        return Prescription(id, content_id, signatures, delivery_id, money)

    async def record(self, visit: Visit, *states: str) -> UUID:
        """Its doctor signs it, and the HIS is told; it has gone through these states."""
        id = new()
        whose = {"visit_id": visit.id, "account_id": self.accounts["doctor"], "round": 1, "policy": "test-1"}
        await self.hospital.insert("record_signing", id=id, state=states[-1], version=len(states) - 1, **whose)
        await self.hospital.moved("record", id, visit.id, *states, opened_by=self.accounts["doctor"])
        number = await self.signed(visit, id, None, "doctor", proved="filing" in states)
        if visit.id not in {one["revisit_id"] for one in await self.hospital.wire.fetch("select revisit_id from record")}:
            await story.written(self.hospital, visit.id)
        if states[-1] == "filed":
            self.kept(visit, id.hex, number)
        return id

    def kept(self, visit: Visit, number: str, *signatures: UUID) -> Row:
        """A record at the HIS."""
        words = json.dumps([f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>' for text in WORDS])
        row = {"number": number, "encounter_id": visit.encounter_id, "words": words} | for_whom(visit)
        self.outside.records.append(row | self._proofs(signatures))
        return self.outside.records[-1]

    async def content(self, prescription_id: UUID, content_id: UUID) -> None:
        """A week of 噻托溴铵."""
        sealed = VAULT.seal("prescription_content.content", content_id, json.dumps(WRITTEN))
        whose = {"prescription_id": prescription_id, "account_id": self.accounts["doctor"]}
        await self.hospital.insert("prescription_content", id=content_id, content=sealed, **whose)

    async def signed(self, visit: Visit, document_id: UUID, content_id: UUID | None, side: str, *, proved: bool = True) -> UUID:
        """Asked, and signed at the CA; proved here. Without a content it is of a record."""
        number, value = new(), f"{new().hex}" * 4
        whose: dict[str, Any] = {"patient": str(visit.id), "by": DOCTOR if side == "doctor" else PHARMACIST}
        if content_id:
            act = "prescribed" if side == "doctor" else "reviewed"
            whose |= {"document": "prescription", "prescription": str(document_id), "prescriber": DOCTOR, "act": act, "content": WRITTEN}
        else:
            whose |= {"document": "record", "visit": str(visit.id), "record": story.RECORD}
        text = json.dumps(whose)
        sealed: dict[str, Any] = {"text": VAULT.seal("signature.text", number, text)}
        if proved:
            sealed |= {"signature": VAULT.seal("signature.signature", number, json.dumps({"value": value})), "signed_at": AT}
        of: dict[str, Any] = {"prescription_id": document_id, "content_id": content_id} if content_id else {"record_id": document_id}
        of |= {"account_id": self.accounts[side], "side": side}
        await self.hospital.insert("signature", id=number, **of, **sealed)
        self.task(number, DOCTOR if side == "doctor" else PHARMACIST, sm3(text), value)
        return number

    async def resealed(self, number: UUID, text: str) -> None:
        """Another text stands in the row."""
        await self.hospital.do("update signature set text = $1 where id = $2", VAULT.seal("signature.text", number, text), number)

    async def set_aside(self, prescription: Prescription) -> None:
        """Withdrawn only after it had come back from signing, once: the timeline tells so."""
        moves = ("drafting", "checking", "signing", "drafting", "withdrawn")
        await self.hospital.do("alter table timeline disable trigger never_changed")
        await self.hospital.do("delete from timeline where process_id = $1", prescription.id)
        await self.hospital.do("update prescription set version = 4 where id = $1", prescription.id)
        await self.hospital.moved("prescription", prescription.id, prescription.money.id, *moves, opened_by=self.accounts["doctor"])

    def task(self, number: UUID, staff_id: str, digest: str, value: str) -> Row:
        """Signed at the CA."""
        self.outside.tasks.append(
            {"number": number.hex, "staff_id": staff_id, "state": "SIGNED", "digest": digest, "signature": value},
        )
        return self.outside.tasks[-1]

    def _proofs(self, signatures: Iterable[UUID]) -> Row:
        """A Provenance, with what the CA has of these."""
        values = [str(task["signature"]) for task in self.outside.tasks if task["number"] in {one.hex for one in signatures}]
        return {"signed": 1, "signatures": json.dumps([base64.b64encode(bytes.fromhex(value)).decode() for value in values])}

    def filed(self, visit: Visit, number: str, how: Stage, invoice_id: str, signatures: Iterable[UUID] = ()) -> None:
        """At the HIS, with its one line."""
        marks = {name: MS if name in how.marks else None for name in ("prepared_ms", "dispensed_ms", "returned_ms")}
        head = {"number": number, "encounter_id": visit.encounter_id, "valid_until_ms": MS} | self._proofs(signatures)
        self.outside.prescriptions.append(head | marks | for_whom(visit))
        self.outside.prescription_lines.append({"number": number, "status": how.lines} | LINE)
        bill = {"id": invoice_id, "appointment_id": None, "prescription_no": number, "status": how.bill, "total_fen": FEE_FEN}
        self.outside.invoices.append(bill | {"reversed_fen": 0, "patient_id": visit.his_patient_id})

    async def parcel(
        self, visit: Visit, prescription_id: UUID, id: UUID, state: str, seen: tuple[str, ...], decision: str | None, attempt: int = 0
    ) -> None:
        """A parcel of it, and where the carrier saw it."""
        address_id, moves = new(), _DELIVERY_MOVES[state]
        sealed = {"name": Plain(RECEIVER["receiver"]), "phone": Plain(RECEIVER["phone"]), "place": Plain(json.dumps(PLACE))}
        await self.hospital.insert("delivery_address", id=address_id, account_id=self.hospital.account_id, **sealed)
        whose = {"visit_id": visit.id, "prescription_id": prescription_id, "address_id": address_id, "attempt": attempt, "policy": "test-1"}
        known = {"state": state, "version": len(moves), "waybill": f"SF{id.hex[-8:]}", "decision": decision}
        await self.hospital.insert("delivery", id=id, **whose, **known)
        if attempt == 0:
            await self.hospital.do("update prescription set address_id = $1 where id = $2", address_id, prescription_id)
        await self.hospital.moved("delivery", id, visit.id, "creating", *moves)
        await story.seen(self.hospital, id, *(_MARKS.get(one, one) for one in seen))
        if "refused" in moves:
            await story.told(self.hospital, visit.id, "delivery_failed")
        else:
            await story.told(self.hospital, visit.id, "delivery_sent", params={"carrier": CARRIER, "tail": id.hex[-TAIL:]})
        self.ordered(id)
        for minute, move in enumerate(seen):
            code, words = SCANS[move]
            where = {"order_id": id.hex, "accept_time": f"2026-11-26 10:{minute:02}:00", "op_code": code, "remark": words}
            self.outside.scans.append(where)

    def ordered(self, id: UUID, waybill: str | None = None) -> Row:
        """An order at the carrier."""
        number = {"order_id": id.hex, "waybill_no": waybill or f"SF{id.hex[-8:]}"}
        self.outside.parcels.append(number | {"filter_result": 2, "cancelled_at": None} | RECEIVER)
        return self.outside.parcels[-1]
