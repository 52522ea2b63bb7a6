"""Both sides' books, laid side by side: who belongs to whom, told by numbers alone."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast
from uuid import UUID

from tests.auditor import ours, theirs
from tests.auditor.ours import Ours
from tests.auditor.ours_sealed import Sealed
from tests.auditor.seal import Seal
from tests.auditor.theirs import Theirs

VISIT_ENDS = frozenset({"refused", "closed", "cancelled", "declined", "absent", "suspended"})
CHARGE_ENDS = frozenset({"settled", "closed", "unsettled"})
REFUND_ENDS = frozenset({"arrived", "paid_out", "withdrawn"})
PRESCRIPTION_ENDS = frozenset({"completed", "withdrawn", "cancelled", "expired"})
RECORD_ENDS = frozenset({"filed", "refused", "expired", "withdrawn"})
EBILL_ENDS = frozenset({"issued", "void"})
SUSPENSION_ENDS = frozenset({"done", "unknown"})
DELIVERY_ENDS = frozenset({"signed", "cancelled", "decided"})

OUR_NUMBER = re.compile(r"[0-9a-f]{32}")
"""How we number what we ask for. The hospital's own window, say, numbers otherwise."""

T = TypeVar("T")


@dataclass(slots=True)
class Case:
    """The money of one visit, or a single sum that no visit is known for."""

    about: str
    visit: ours.Visit | None = None
    charges: list[ours.Charge] = field(default_factory=list[ours.Charge])
    payments: list[ours.Payment] = field(default_factory=list[ours.Payment])
    refunds: list[ours.Refund] = field(default_factory=list[ours.Refund])
    bank_payments: list[theirs.Payment] = field(default_factory=list[theirs.Payment])
    bank_refunds: list[theirs.Refund] = field(default_factory=list[theirs.Refund])


class Books:
    """What every check reads. Nothing is judged here."""

    def __init__(self, our: Ours, their: Theirs, seal: Seal, files: Path | None = None) -> None:
        self.ours, self.theirs, self.seal, self.files = our, their, seal, files
        self.visits = {one.id: one for one in our.visits}
        self.charges = {one.id: one for one in our.charges}
        self.orders = {one.id.hex: one for one in our.orders}
        self.payments = {one.id: one for one in our.payments}
        self.by_transaction = {one.transaction_id: one for one in our.payments}
        self.refunds = {one.number: one for one in our.refunds}
        self.bank_payments = {one.transaction_id: one for one in their.payments}
        self.bank_orders = {one.out_trade_no: one for one in their.orders}
        self.bank_refunds = {one.out_refund_no: one for one in their.refunds}
        self.settlements = {one.payment_no: one for one in their.settlements}
        self.reversals = {one.refund_no: one for one in their.reversals}
        self.invoices = {one.id: one for one in their.invoices}
        self.appointments = {one.claim_no: one for one in their.appointments}
        self.prescriptions = {one.id: one for one in our.prescriptions}
        self.records = {one.id: one for one in our.records}
        self.contents = {one.id: one for one in our.contents}
        self.deliveries = {one.id.hex: one for one in our.deliveries}
        self.filings = {one.number: one for one in their.prescriptions}
        self.bills_of_drugs = {one.prescription_no: one for one in their.invoices if one.prescription_no}
        self.tasks = {one.number: one for one in their.tasks}

    def charge_of_order(self, order_no: str) -> UUID | None:
        """The charge that an order of ours is for; of a number that is not ours, the charge that its payment was put to."""
        if order := self.orders.get(order_no):
            return order.charge_id
        return next((one.charge_id for one in self.ours.payments if one.order_no == order_no), None)

    def visit_of_charge(self, charge_id: UUID | None) -> UUID | None:
        charge = self.charges.get(charge_id) if charge_id else None
        return charge.visit_id if charge else None

    def visit_of_order(self, order_no: str) -> UUID | None:
        return self.visit_of_charge(self.charge_of_order(order_no))

    def visit_of_refund(self, refund: ours.Refund) -> UUID | None:
        """A refund of nobody's money names itself where a visit stands."""
        return refund.visit_id if refund.visit_id in self.visits else None

    def visit_of_signature(self, one: ours.Signature) -> UUID:
        """It is of a prescription, or of a record."""
        signed = self.prescriptions[one.prescription_id] if one.prescription_id else self.records[cast(UUID, one.record_id)]
        return signed.visit_id

    def staff_id(self, account_id: UUID) -> str | None:
        """The hospital's number of who has this account."""
        return next((one.staff_id for one in self.ours.accounts if one.id == account_id), None)

    def opened(self, table: str, row_id: UUID, *columns: str) -> list[str] | None:
        """Sealed columns of a row in the open, compared and never told; None without any key."""
        if not self.seal.has_keys:
            return None
        values = [self._sealed[table, row_id, one] for one in columns]
        return [self.seal.open(one.bound, one.row_id, one.value) for one in values]

    @cached_property
    def _sealed(self) -> dict[tuple[str, UUID, str], Sealed]:
        return {(one.table, one.row_id, one.column): one for one in self.ours.sealed}

    def is_wanted(self, refund: ours.Refund) -> bool:
        """Whether it gives back what a charge had wanted; only of that the HIS may know."""
        return self.payments[refund.payment_id].unwanted is None

    def was_cleared(self, refund: ours.Refund) -> bool:
        """Whether it undid a settlement. What was never settled, or never wanted, had nothing to undo."""
        charge = self.charges.get(refund.charge_id) if refund.charge_id else None
        return refund.cleared_at is not None and self.is_wanted(refund) and charge is not None and charge.state == "settled"

    @cached_property
    def cases(self) -> Sequence[Case]:
        """Every sum at ours and at the bank, each in one case."""
        found: dict[object, Case] = {}

        def case(visit_id: UUID | None, transaction_id: str) -> Case:
            visit = self.visits.get(visit_id) if visit_id else None
            key, about = (visit.id, f"visit={visit.id}") if visit else (transaction_id, f"transaction={transaction_id}")
            return found.setdefault(key, Case(about, visit))

        for charge in self.ours.charges:
            case(charge.visit_id, f"charge:{charge.id}").charges.append(charge)
        for payment in self.ours.payments:
            case(self.visit_of_charge(payment.charge_id), payment.transaction_id).payments.append(payment)
        for refund in self.ours.refunds:
            payment = self.payments[refund.payment_id]
            case(self.visit_of_charge(payment.charge_id), payment.transaction_id).refunds.append(refund)
        for paid in self.theirs.payments:
            case(self.visit_of_order(paid.out_trade_no), paid.transaction_id).bank_payments.append(paid)
        for gone in self.theirs.refunds:
            case(self.visit_of_order(gone.out_trade_no), gone.transaction_id).bank_refunds.append(gone)
        return list(found.values())


def is_ours(number: str) -> bool:
    """Whether we may have given this number to the outside."""
    return OUR_NUMBER.fullmatch(number) is not None


def by(rows: Iterable[T], key: str) -> dict[object, list[T]]:
    """Rows that share a value."""
    found: dict[object, list[T]] = defaultdict(list)
    for row in rows:
        found[getattr(row, key)].append(row)
    return found


def in_cash(fen: int) -> str:
    """How a sum is split that came through the channel, or went back there: all of it is cash."""
    return f"fund 0 account 0 cash {fen} fen"


def yuan(fen: int) -> str:
    """Fen as fen: an auditor does not round."""
    return f"{fen} fen"
