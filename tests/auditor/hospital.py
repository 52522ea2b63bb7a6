"""Visits written by hand into both sides' books, by plain SQL and plain rows, as a product without a fault would leave them."""

import itertools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from models.kernel.ids import new
from tests.auditor import codes, issuer, story, trail, wording
from tests.auditor.audit import audit
from tests.auditor.finding import Finding, Kind
from tests.auditor.outside import Outside, Row
from tests.auditor.processes import OPENED
from tests.auditor.wax import KEY, KEY_ID, Plain, sealed
from tests.auditor.wire import Wire

FEE_FEN = 5000
AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
SLOT, UNIT = "slot-1", "unit-1"
_PLACE = {"slot_id": SLOT, "schedule_id": UNIT, "doctor_id": "doc-1", "department_id": "dep-1"}


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a visit has got, on both sides. `moves` are the visit's own states after the first."""

    claim: str
    appointment: str
    charge: str
    moves: tuple[str, ...]
    encounter: str | None = None


_TO_PAYING = ("consenting", "choosing", "describing", "paying")
_TO_BOOKED = (*_TO_PAYING, "booked")
STAGES: dict[str, Stage] = {
    "paying": Stage("held", "pending", "open", _TO_PAYING),
    "unpaid": Stage("released", "cancelled", "closed", (*_TO_PAYING, "cancelled")),
    "booked": Stage("booked", "booked", "settled", _TO_BOOKED),
    "waiting": Stage("booked", "checked-in", "settled", (*_TO_BOOKED, "waiting")),
    "consulting": Stage("booked", "checked-in", "settled", (*_TO_BOOKED, "waiting", "consulting"), "in-progress"),
    "closed": Stage("fulfilled", "fulfilled", "settled", (*_TO_BOOKED, "waiting", "consulting", "ended", "closed"), "finished"),
    "cancelled": Stage("released", "booked", "settled", (*_TO_BOOKED, "cancelled")),
    "declined": Stage("released", "checked-in", "settled", (*_TO_BOOKED, "waiting", "consulting", "declined"), "cancelled"),
    "suspended": Stage("released", "booked", "settled", (*_TO_BOOKED, "suspended")),
    "absent": Stage("released", "noshow", "settled", (*_TO_BOOKED, "absent")),
    "unsettled": Stage("released", "cancelled", "unsettled", (*_TO_PAYING, "cancelled")),
}
_ORDER = {"open": ("open", "NOTPAY"), "closed": ("closed", "CLOSED"), "settled": ("paid", "SUCCESS"), "unsettled": ("paid", "SUCCESS")}
_OVER = frozenset({"arrived", "paid_out"})
_UNGUARDED = """
do $$ declare one record; begin
    for one in select conrelid::regclass as name, conname from pg_constraint where contype = 'f' loop
        execute format('alter table %s drop constraint %I', one.name, one.conname);
    end loop;
    for one in select tablename as name from pg_tables where schemaname = 'public' loop
        execute format('alter table %I disable trigger user', one.name);
    end loop;
end $$
"""
_TAKES_ITS_PLACE = """
delete from message where id = (select id from message where visit_id = $1 and template = $2 and state = 'failed' limit 1)
"""
_CHARGE_MOVES = {"open": (), "closed": ("closed",), "settled": ("paid", "settled"), "unsettled": ("paid", "unsettled")}


@dataclass(frozen=True, slots=True)
class Visit:
    """The numbers of one visit that was written down."""

    id: UUID
    claim_id: UUID
    charge_id: UUID
    order_id: UUID
    payment_id: UUID
    transaction_id: str
    appointment_id: str
    """Empty where the money is that of drugs."""
    invoice_id: str
    encounter_id: str | None
    charge: str

    @property
    def his_patient_id(self) -> str:
        """Whose it is at the HIS."""
        return f"pat-{self.id.hex}"

    @property
    def patient(self) -> Row:
        """Who it is, as the HIS has them."""
        number = f"110105{AT:%Y%m%d}{self.id.hex[-4:]}".upper()
        return {"id": self.his_patient_id, "name": f"人{self.id.hex[-4:]}", "id_number": number, "birth_on": AT.date().isoformat()}


class Hospital:
    """Our database and the outside's pages, with one slot and one account."""

    def __init__(self, wire: Wire, database_url: str, outside: Outside, sandbox_url: str) -> None:
        self.wire, self.database_url = wire, database_url
        self.outside, self.sandbox_url = outside, sandbox_url
        self.account_id, self._count = new(), itertools.count(1)

    async def open(self) -> None:
        """What rows of visits refer to."""
        await self.insert("account", id=self.account_id, kind="patient", phone=Plain(story.PHONE), phone_bidx=story.PHONE.encode())
        await self.insert("account_grant", account_id=self.account_id, role="patient")
        await story.audited(self, self.account_id, "account:open", "account", self.account_id)
        await self.insert("consent_text", version="v1", scene="revisit", title="知情同意", text=story.CONSENT, effective_at=AT)
        await self.insert("department", id="dep-1", name="呼吸科", synced_at=AT)
        await self.insert("doctor", id="doc-1", name="王建国", title="主任医师", department_id="dep-1", synced_at=AT)
        unit = {"doctor_id": "doc-1", "department_id": "dep-1", '"on"': AT.date(), "period": "morning", "version": "1"}
        await self.insert("schedule", id=UNIT, starts_at=AT, ends_at=AT, synced_at=AT, **unit)
        places = {"capacity": 50, "taken": 0, "his_remaining": 50, "fee_fen": FEE_FEN, "state": "open", "version": "1"}
        await self.insert("slot", id=SLOT, schedule_id=UNIT, starts_at=AT, ends_at=AT, synced_at=AT, **places)
        self.outside.slots.append({"id": SLOT, "capacity": 50, "sold_at_window": 0})

    async def audit(self, **how: Any) -> list[Finding]:
        """What the auditor says."""
        asked: dict[str, Any] = {"column_keys": {KEY_ID: KEY}} | how
        return await audit(self.database_url, self.sandbox_url, **asked)

    async def kinds(self, *, quiet: bool = True, standing: Collection[str] = ()) -> set[Kind]:
        """The kinds of what the auditor says."""
        return {one.kind for one in await self.audit(quiet=quiet, standing=standing)}

    async def insert(self, table: str, **columns: Any) -> None:
        """What is `Plain` stands sealed in its row."""
        marks = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        row = sealed(table, columns)
        await self.wire.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", *row.values())

    async def do(self, statement: str, *values: Any) -> None:
        """A row is made other than it should be."""
        await self.wire.execute(statement, *values)

    async def unguarded(self) -> None:
        """PostgreSQL itself holds no rows together any more."""
        await self.do(_UNGUARDED)

    # A visit

    async def visit(self, stage: str) -> Visit:
        """At a stage of its way, with its place, its charge and its money; what was paid and is not due any more waits for `given_back`."""
        how, number = STAGES[stage], f"{next(self._count):06d}"
        encounter_id = f"enc-{number}" if how.encounter else None
        ids = (new(), new(), new(), new(), new())
        visit = Visit(*ids, f"4200{number}", f"apt-{number}", f"inv-{number}", encounter_id, how.charge)
        told = visit.patient
        patient = {"name": Plain(told["name"]), "name_bidx": number.encode()}
        patient |= {"id_number": Plain(told["id_number"]), "id_number_bidx": number.encode()}
        await self.insert("patient", id=visit.id, birth_on=AT.date(), his_ids=json.dumps([visit.his_patient_id]), **patient)
        process = {"state": how.moves[-1], "version": len(how.moves), "policy": "test-1"}
        whose = {"account_id": self.account_id, "patient_id": visit.id, "claim_id": visit.claim_id, "encounter_id": encounter_id}
        whose |= {"his_patient_id": visit.his_patient_id} | _PLACE
        await self.insert("revisit", id=visit.id, charge_id=visit.charge_id, **process, **whose)
        await self.moved("revisit", visit.id, visit.id, "checking", *how.moves, by=self.account_id if stage == "declined" else None)
        await story.bound(self, visit.id)
        await story.went(self, visit.id, how.moves)
        await story.told(self, visit.id, *story.TOLD.get(stage, ()))
        place = {"slot_id": SLOT, "schedule_id": UNIT, "appointment_id": visit.appointment_id, "invoice_id": visit.invoice_id}
        await self.insert("booking", id=visit.claim_id, revisit_id=visit.id, patient_id=visit.id, state=how.claim, **place)
        await self.do("update slot set taken = taken + $1", int(how.claim != "released"))
        self._at_the_his(visit, how)
        await self.charge(visit, how.charge)
        return visit

    def _at_the_his(self, visit: Visit, how: Stage) -> None:
        self.outside.patients.append(visit.patient)
        held = {"id": visit.appointment_id, "claim_no": visit.claim_id.hex, "slot_id": SLOT, "status": how.appointment}
        self.outside.appointments.append(held | {"patient_id": visit.his_patient_id})
        status = {"open": "issued", "settled": "balanced"}.get(how.charge, "cancelled")
        bill = {"id": visit.invoice_id, "appointment_id": visit.appointment_id, "status": status, "total_fen": FEE_FEN}
        self.outside.invoices.append(bill | {"prescription_no": None, "reversed_fen": 0, "patient_id": visit.his_patient_id})
        if how.encounter:
            begun = {"id": visit.encounter_id, "visit_no": visit.id.hex, "appointment_id": visit.appointment_id, "status": how.encounter}
            self.outside.encounters.append(begun | {"patient_id": visit.his_patient_id, "practitioner_id": "doc-1"})
        if how.charge == "settled":
            self.settled(visit)

    def settled(self, visit: Visit) -> None:
        """The HIS has taken what was paid."""
        numbers = {"payment_no": visit.charge_id.hex, "invoice_id": visit.invoice_id}
        paid = {"channel": "wechat_pay", "channel_no": visit.transaction_id, "amount_fen": FEE_FEN}
        self.outside.settlements.append(numbers | paid)

    async def charge(self, visit: Visit, state: str, payable: str = "revisit", payable_id: UUID | None = None) -> None:
        """A charge with its order, and its money where some came."""
        ours, theirs = _ORDER[state]
        paid = state in {"settled", "unsettled"}
        of = {"payable": payable, "payable_id": payable_id or visit.id}
        facts = {"visit_id": visit.id, "invoice_id": visit.invoice_id, "policy": "test-1"} | of
        known = {"version": len(_CHARGE_MOVES[state]), "paid_order_id": visit.order_id if paid else None}
        await self.insert("charge", id=visit.charge_id, state=state, amount_fen=FEE_FEN, **facts, **known)
        await self.moved("charge", visit.charge_id, visit.id, "open", *_CHARGE_MOVES[state])
        await self.order(visit.charge_id, visit.order_id, ours, theirs)
        if paid:
            await self.payment(visit, visit.payment_id, visit.order_id.hex, visit.transaction_id)
            await self.entry("charge.paid", visit.charge_id, to="wechat_pay", of="patient_due")
        if state == "settled":
            await self.entry("charge.settled", visit.charge_id, to="patient_due", of="hospital_income")
            await issuer.billed(self, visit, FEE_FEN)

    async def order(self, charge_id: UUID, order_id: UUID, ours: str, theirs: str) -> None:
        """A channel order on both sides."""
        how = {"channel": "wechat_pay", "scene": "native", "state": ours, "amount_fen": FEE_FEN, "expires_at": AT}
        await self.insert("charge_order", id=order_id, charge_id=charge_id, **how)
        self.outside.orders.append({"out_trade_no": order_id.hex, "total_fen": FEE_FEN, "state": theirs})

    async def payment(self, visit: Visit | None, payment_id: UUID, order_no: str, transaction_id: str, unwanted: str | None = None) -> None:
        """A sum on both sides."""
        numbers = {"channel": "wechat_pay", "transaction_id": transaction_id, "order_no": order_no, "paid_at": AT, "unwanted": unwanted}
        whose = {"charge_id": visit.charge_id if visit else None, "visit_id": visit.id if visit else None}
        await self.insert("payment", id=payment_id, amount_fen=FEE_FEN, **numbers, **whose)
        self.outside.payments.append({"transaction_id": transaction_id, "out_trade_no": order_no, "total_fen": FEE_FEN})

    # Money that goes back

    async def unwanted(self, visit: Visit | None, cause: str) -> UUID:
        """A sum that no charge wanted, in suspense; waits for `given_back`."""
        payment_id, transaction_id = new(), f"4299{next(self._count):06d}"
        order_id = visit.order_id if visit and cause == "late" else new()
        if visit and cause == "second":
            await self.order(visit.charge_id, order_id, "closed", "SUCCESS")
        for order in self.outside.orders:
            order["state"] = "SUCCESS" if order["out_trade_no"] == order_id.hex else order["state"]
        await self.payment(visit, payment_id, order_id.hex, transaction_id, cause)
        if visit:
            said = {"amount": f"{FEE_FEN / 100:.2f}", "reason": wording.UNWANTED[cause]}
            await story.told(self, visit.id, "refund_requested", params=said)
        await self.entry("payment.unwanted", visit.charge_id if visit else None, to="wechat_pay", of="suspense")
        return payment_id

    async def given_back(
        self, visit: Visit | None, *states: str, payment_id: UUID | None = None, cause: str = "", fen: int = FEE_FEN
    ) -> UUID:
        """A refund that has gone through these states, in our rows, the ledger, the HIS and the bank."""
        refund_id, cause = new(), cause or await self._cause(visit)
        wanted = payment_id is None
        cleared = "cleared" in states and wanted and visit is not None and visit.charge == "settled"
        accepted = "accepted" in states and states[-1] != "paid_out"
        whose = {"payment_id": payment_id or (visit and visit.payment_id), "charge_id": visit and visit.charge_id}
        times = {"cleared_at": AT if "cleared" in states else None, "accepted_at": AT if accepted else None}
        times |= {"arrived_at": AT if states[-1] in _OVER else None}
        paid_out = {"voucher": "HZ-1"} if states[-1] == "paid_out" else {}
        process = {"state": states[-1], "version": len(states) - 1, "policy": "test-1", "number": refund_id.hex}
        await self.insert(
            "refund",
            id=refund_id,
            visit_id=visit.id if visit else refund_id,
            cause=cause,
            amount_fen=fen,
            **whose,
            **times,
            **process,
            **paid_out,
        )
        await self.moved("refund", refund_id, visit.id if visit else refund_id, *states)
        if cause == "management":
            asked = {"charge_id": str(whose["charge_id"]), "amount_fen": None if fen == FEE_FEN else fen}
            await story.audited(self, self.account_id, "refund:begin", "refund", refund_id, asked)
        if visit and states[-1] in _OVER:
            await story.told(self, visit.id, f"refund_{states[-1]}", params={"amount": f"{fen / 100:.2f}"})
        column = "refunded_fen" if states[-1] in _OVER else "reserved_fen"
        if states[-1] != "withdrawn":
            await self.do(f"update payment set {column} = {column} + $1 where id = $2", fen, whose["payment_id"])
        await self._booked_back(visit, states, "patient_due" if wanted else "suspense", fen, cleared=cleared)
        if cleared and visit:
            self._reversed(visit, refund_id, fen)
            await issuer.undone(self, visit, fen)
        if "accepted" in states:
            await self._at_the_bank(refund_id, whose["payment_id"], fen, states[-1])
        return refund_id

    async def _cause(self, visit: Visit | None) -> str:
        """For which a visit's money goes back, as it was left."""
        [row] = await self.wire.fetch("select state from revisit where id = $1", visit and visit.id)
        of_end = row["state"] if row["state"] in {"declined", "absent", "suspended"} else "patient"
        return "unsettled" if visit and visit.charge == "unsettled" else of_end

    async def _booked_back(self, visit: Visit | None, states: tuple[str, ...], owed: str, fen: int, *, cleared: bool) -> None:
        charge_id = visit.charge_id if visit else None
        entries = {
            "cleared": ("refund.cleared", "hospital_income", "patient_due"),
            "accepted": ("refund.accepted", "refund_in_transit", "wechat_pay"),
            "arrived": ("refund.arrived", owed, "refund_in_transit"),
            "closed": ("refund.closed", "wechat_pay", "refund_in_transit"),
            "paid_out": ("refund.paid_out", owed, "hospital_bank"),
        }
        seen = [*states, "closed"] if "accepted" in states and states[-1] == "paid_out" else states
        for state in seen:
            if state in entries and (state != "cleared" or cleared):
                cause, to, of = entries[state]
                await self.entry(cause, charge_id, to=to, of=of, fen=fen)

    def _reversed(self, visit: Visit, refund_id: UUID, fen: int) -> None:
        self.outside.reversals.append({"refund_no": refund_id.hex, "invoice_id": visit.invoice_id, "amount_fen": fen})
        bill = one(self.outside.invoices, id=visit.invoice_id)
        bill["reversed_fen"] += fen
        bill["status"] = "cancelled" if bill["reversed_fen"] == bill["total_fen"] else bill["status"]
        if fen == FEE_FEN and visit.appointment_id:
            held = one(self.outside.appointments, id=visit.appointment_id)
            held["status"] = held["status"] if held["status"] in {"noshow", "fulfilled"} else "cancelled"

    async def _at_the_bank(self, refund_id: UUID, payment_id: UUID | None, fen: int, state: str) -> None:
        [paid] = await self.wire.fetch("select transaction_id, order_no from payment where id = $1", payment_id)
        status = {"accepted": "PROCESSING", "arrived": "SUCCESS", "stuck": "ABNORMAL", "paid_out": "CLOSED"}[state]
        numbers = {"out_refund_no": refund_id.hex, "transaction_id": paid["transaction_id"], "out_trade_no": paid["order_no"]}
        self.outside.refunds.append({**numbers, "refund_fen": fen, "status": status})

    # Words

    async def message(
        self,
        visit: Visit | UUID | None,
        template: str,
        *,
        state: str = "sent",
        phone: str = story.PHONE,
        params: Mapping[str, str] | None = None,
        **columns: Any,
    ) -> UUID:
        """A message, and what the carrier has of it where it took it; refused, it was one too many for a phone.

        One that is owed is this one, from then on; without a visit it is a code that somebody asked for.
        """
        message_id = new()
        visit_id = visit.id if isinstance(visit, Visit) else visit
        said = story.words(template, visit_id, message_id) if params is None else params
        if visit_id and state != "failed" and "resend_of" not in columns:
            await self.do(_TAKES_ITS_PLACE, visit_id, template)
        if template in codes.CODES:
            code = {"purpose": codes.CODES[template], "phone_bidx": phone.encode(), "code_hash": b"", "expires_at": AT}
            await self.insert("account_code", id=message_id, **code)
        failure = "sms.isv.DAY_LIMIT_CONTROL" if state == "failed" else None
        how: dict[str, Any] = {"state": state, "due_at": AT, "receipt": message_id.hex, "visit_id": visit_id, "failure": failure} | columns
        words = {"phone": Plain(phone), "phone_bidx": phone.encode(), "params": Plain(json.dumps(said))}
        await self.insert("message", id=message_id, template=template, **how, **words)
        if again := how.get("resend_of"):
            await story.audited(self, self.account_id, "message:resend", "message", again)
        if state in {"sent", "delivered", "undelivered"}:
            self.deliver(message_id, template, phone, status=2 if state == "undelivered" else 3, params=said)
        return message_id

    def deliver(
        self, message_id: UUID, template: str, phone: str = story.PHONE, status: int = 3, params: Mapping[str, str] | None = None
    ) -> Row:
        """The carrier brings it to a phone, or has given it up."""
        said = json.dumps(params) if params is not None else None
        text = {"phone": phone, "template_code": f"SMS_{template.upper()}", "text": f"text of {template}", "params": said}
        text |= {"out_id": message_id.hex}
        self.outside.texts.append(text | {"biz_id": f"{len(self.outside.texts):018d}^0", "status": status})
        return self.outside.texts[-1]

    # Our own story

    async def moved(
        self, process: str, process_id: UUID, visit_id: UUID, *states: str, by: UUID | None = None, opened_by: UUID | None = None
    ) -> None:
        """One line of the timeline for each move; all of them are done by somebody, and audited, or by nobody. A person opened it: the
        patient, where no other is named."""
        if process in OPENED:
            first = {"step": "open", "name": f"{process}.open", "version": 0, "before": "", "after": states[0], "at": AT}
            await self.insert(
                "timeline", process=process, process_id=process_id, visit_id=visit_id, by=(opener := opened_by or self.account_id), **first
            )
            if process in trail.OPENED:
                await story.audited(self, opener, trail.OPENED[process], process, process_id)
        for version, (before, after) in enumerate(itertools.pairwise(states), 1):
            name = f"{process}.step"
            line = {"step": f"step@{version}", "name": name, "version": version, "before": before, "after": after, "at": AT}
            await self.insert("timeline", process=process, process_id=process_id, visit_id=visit_id, by=by, **line)
            if by:
                await story.audited(self, by, name, process, process_id)

    async def entry(self, cause: str, charge_id: UUID | None, *, to: str, of: str, fen: int = FEE_FEN) -> UUID:
        """A ledger entry with its two legs; PostgreSQL holds them to zero at the end of the statement."""
        entry_id = new()
        await self.insert("ledger_entry", id=entry_id, cause=cause, charge_id=charge_id, at=AT)
        statement = "insert into ledger_leg (entry_id, account, amount_fen) values ($1, $2, $4::bigint), ($1, $3, -$4::bigint)"
        await self.do(statement, entry_id, to, of, fen)
        return entry_id


def one(rows: list[Row], **like: object) -> Row:
    """The row that has these values."""
    [found] = [row for row in rows if all(row[name] == value for name, value in like.items())]
    return found
