"""What an audit can say: one difference each, to the fen and to the message. No name, no phone and no text of a message stands in one."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What differs. `WORDS` says each in a sentence."""

    MONEY_UNKNOWN = "money.unknown"
    MONEY_DIFFERS = "money.differs"
    MONEY_NOT_AT_BANK = "money.not_at_bank"
    ORDER_DIFFERS = "order.differs"
    ORDER_STILL_PAYABLE = "order.still_payable"
    ORDER_UNKNOWN = "order.unknown"
    CHARGE_PAYMENT = "charge.payment"
    CHARGED_TWICE = "charged.twice"
    KEPT_OURS = "kept.ours"
    KEPT_AT_BANK = "kept.at_bank"
    REFUND_UNKNOWN = "refund.unknown"
    REFUND_DIFFERS = "refund.differs"
    REFUND_STATE = "refund.state"
    REFUND_TWICE = "refund.twice"
    REFUND_CAUSE = "refund.cause"
    REFUND_LEFT = "refund.left"
    PAYMENT_RESERVED = "payment.reserved"
    PAYMENT_REFUNDED = "payment.refunded"
    LEDGER_UNBALANCED = "ledger.unbalanced"
    LEDGER_LEGS = "ledger.legs"
    LEDGER_ROWS = "ledger.rows"
    LEDGER_BANK = "ledger.bank"
    LEDGER_HIS = "ledger.his"
    LEDGER_SIGN = "ledger.sign"
    BILL_DIFFERS = "bill.differs"
    BILL_STATE = "bill.state"
    SETTLEMENT_MISSING = "settlement.missing"
    SETTLEMENT_DIFFERS = "settlement.differs"
    SETTLEMENT_UNKNOWN = "settlement.unknown"
    REVERSAL_MISSING = "reversal.missing"
    REVERSAL_DIFFERS = "reversal.differs"
    REVERSAL_UNKNOWN = "reversal.unknown"
    BOOKING_STATE = "booking.state"
    BOOKING_DIFFERS = "booking.differs"
    BOOKING_UNCLAIMED = "booking.unclaimed"
    BOOKING_LEFT = "booking.left"
    ENCOUNTER_DIFFERS = "encounter.differs"
    ENCOUNTER_LEFT = "encounter.left"
    PATIENT_DIFFERS = "patient.differs"
    SIGNATURE_UNKNOWN = "signature.unknown"
    SIGNATURE_MISSING = "signature.missing"
    SIGNATURE_DIFFERS = "signature.differs"
    SIGNATURE_UNHEEDED = "signature.unheeded"
    SIGNATURE_ALONE = "signature.alone"
    FILING_UNKNOWN = "filing.unknown"
    FILING_STATE = "filing.state"
    FILING_DIFFERS = "filing.differs"
    FILING_UNSIGNED = "filing.unsigned"
    FILING_PRICE = "filing.price"
    RECORD_UNKNOWN = "record.unknown"
    RECORD_STATE = "record.state"
    RECORD_DIFFERS = "record.differs"
    PARCEL_UNKNOWN = "parcel.unknown"
    PARCEL_TWICE = "parcel.twice"
    PARCEL_DIFFERS = "parcel.differs"
    PARCEL_STATE = "parcel.state"
    PARCEL_UNFIT = "parcel.unfit"
    EBILL_UNKNOWN = "ebill.unknown"
    EBILL_MISSING = "ebill.missing"
    EBILL_STATE = "ebill.state"
    EBILL_DIFFERS = "ebill.differs"
    EBILL_RED = "ebill.red"
    EBILL_TWICE = "ebill.twice"
    EBILL_TOTAL = "ebill.total"
    CLINIC_TOLD = "clinic.told"
    CLINIC_UNMET = "clinic.unmet"
    CLINIC_LEFT = "clinic.left"
    SLOT_TAKEN = "slot.taken"
    SLOT_OVERSOLD = "slot.oversold"
    MESSAGE_MISSING = "message.missing"
    MESSAGE_UNKNOWN = "message.unknown"
    MESSAGE_DIFFERS = "message.differs"
    MESSAGE_FATE = "message.fate"
    MESSAGE_TWICE = "message.twice"
    MESSAGE_AGAIN = "message.again"
    MESSAGE_RESENT = "message.resent"
    MESSAGE_OPEN = "message.open"
    MESSAGE_OWED = "message.owed"
    MESSAGE_UNOWED = "message.unowed"
    MESSAGE_WHOM = "message.whom"
    MESSAGE_WORDS = "message.words"
    MESSAGE_REFUSED = "message.refused"
    CONTENT_MISSING = "content.missing"
    CONTENT_CHANGED = "content.changed"
    CONTENT_SEALED = "content.sealed"
    FILE_DIFFERS = "file.differs"
    GRANT_DIFFERS = "grant.differs"
    AUDIT_MISSING = "audit.missing"
    AUDIT_UNKNOWN = "audit.unknown"
    AUDIT_DIFFERS = "audit.differs"
    INBOX_UNHANDLED = "inbox.unhandled"
    TIMELINE_TWICE = "timeline.twice"
    TIMELINE_GAP = "timeline.gap"
    ROW_MISSING = "row.missing"
    ROW_STRANGE = "row.strange"
    ROW_WHOSE = "row.whose"
    ROW_ILLEGIBLE = "row.illegible"
    ROW_OPEN = "row.open"
    ROW_FENCED = "row.fenced"
    ROWS_TWICE = "rows.twice"

    @property
    def family(self) -> str:
        """The word before the dot."""
        return self.value.partition(".")[0]


WORDS: dict[Kind, str] = {
    Kind.MONEY_UNKNOWN: "the bank took money that our books do not know",
    Kind.MONEY_DIFFERS: "a payment is another amount, or another order's, at the bank",
    Kind.MONEY_NOT_AT_BANK: "the bank never took a payment of ours",
    Kind.ORDER_DIFFERS: "an order is for another amount, or has another end, at the bank",
    Kind.ORDER_STILL_PAYABLE: "an order that is closed here can still be paid at the bank",
    Kind.ORDER_UNKNOWN: "an order that can be paid at the bank, was paid, or was asked for is not in our books",
    Kind.CHARGE_PAYMENT: "a charge and its own payment do not fit: one when paid, none when not",
    Kind.CHARGED_TWICE: "more payments of a visit than it has settled charges are neither given back nor going back",
    Kind.KEPT_OURS: "what our books keep of a patient's money is not what is due",
    Kind.KEPT_AT_BANK: "what the bank's books keep of a patient's money is not what is due",
    Kind.REFUND_UNKNOWN: "the bank gave back what we do not know",
    Kind.REFUND_DIFFERS: "a refund is another amount, or another payment's, at the bank",
    Kind.REFUND_STATE: "a refund stands otherwise at the bank",
    Kind.REFUND_CAUSE: "money does not go back for what became of it: unwanted whole and for that cause, a fee as its visit was left",
    Kind.REFUND_LEFT: "a refund for which nobody said a sum is not all that was left of its payment",
    Kind.REFUND_TWICE: "more is given back of a payment, or by more refunds for one cause, than was to be",
    Kind.PAYMENT_RESERVED: "what a payment holds for refunds under way is not what they are",
    Kind.PAYMENT_REFUNDED: "what a payment says was given back is not what was",
    Kind.LEDGER_UNBALANCED: "an entry has no legs, or they do not sum to zero",
    Kind.LEDGER_LEGS: "an entry moves other accounts than its cause does",
    Kind.LEDGER_ROWS: "an account's sum for a charge is not what its payments and refunds make it",
    Kind.LEDGER_BANK: "what stands at the channel by the ledger is not what the bank has of it",
    Kind.LEDGER_HIS: "the hospital's income by the ledger is not what the HIS has settled and not reversed",
    Kind.LEDGER_SIGN: "an account stands on the wrong side of zero",
    Kind.BILL_DIFFERS: "a charge's bill is missing, for another amount, or another patient's, at the HIS",
    Kind.BILL_STATE: "a bill has another state, or another sum of it was given back, at the HIS",
    Kind.SETTLEMENT_MISSING: "a charge is settled here and not at the HIS",
    Kind.SETTLEMENT_DIFFERS: "a settlement is another amount, bill, split or channel number at the HIS",
    Kind.SETTLEMENT_UNKNOWN: "the HIS keeps money as settled that is not settled here",
    Kind.REVERSAL_MISSING: "a refund is cleared here and not reversed at the HIS",
    Kind.REVERSAL_DIFFERS: "a reversal is another amount, bill or split at the HIS",
    Kind.REVERSAL_UNKNOWN: "the HIS reversed what is not cleared here",
    Kind.BOOKING_STATE: "a live or used claim stands otherwise at the HIS",
    Kind.BOOKING_DIFFERS: "a claim and its appointment name other numbers, slots or patients",
    Kind.BOOKING_UNCLAIMED: "the HIS holds a place for no live claim",
    Kind.BOOKING_LEFT: "a claim takes a place of a visit that is over",
    Kind.ENCOUNTER_DIFFERS: "an online visit stands otherwise, or is another patient's or doctor's, at the HIS",
    Kind.ENCOUNTER_LEFT: "an online visit that was left has not ended at the HIS",
    Kind.PATIENT_DIFFERS: "a patient has another name, ID number or birth date at the HIS, or no such card",
    Kind.SIGNATURE_UNKNOWN: "somebody was asked to sign at the CA what we do not know",
    Kind.SIGNATURE_MISSING: "a signature that was proved here was not made at the CA",
    Kind.SIGNATURE_DIFFERS: "a signature is of another text, by another person, or another one, at the CA",
    Kind.SIGNATURE_UNHEEDED: "somebody signed at the CA, and here it was neither proved nor set aside",
    Kind.SIGNATURE_ALONE: "one person signed both as doctor and as pharmacist",
    Kind.FILING_UNKNOWN: "the HIS holds a prescription that is none of ours",
    Kind.FILING_STATE: "a prescription stands otherwise at the HIS",
    Kind.FILING_DIFFERS: "a prescription has other lines or signatures, another visit, patient, doctor, diagnosis or validity at the HIS",
    Kind.FILING_UNSIGNED: "a prescription stands at the HIS without both signatures, there or here",
    Kind.FILING_PRICE: "a prescription's price is another one at the HIS, or on its charge",
    Kind.RECORD_UNKNOWN: "the HIS holds a record that is none of ours",
    Kind.RECORD_STATE: "a signed record is missing, unsigned, or of another visit at the HIS",
    Kind.RECORD_DIFFERS: "a record is of another patient, doctor or diagnosis, in other words or under another signature at the HIS",
    Kind.PARCEL_UNKNOWN: "the carrier has an order for no parcel of ours",
    Kind.PARCEL_TWICE: "the carrier has two orders under one number, or two that it carries of one prescription",
    Kind.PARCEL_DIFFERS: "a parcel has another waybill, receiver, phone or place at the carrier",
    Kind.PARCEL_STATE: "a parcel stands otherwise at the carrier",
    Kind.PARCEL_UNFIT: "a prescription and its parcels do not tell one story",
    Kind.EBILL_UNKNOWN: "the issuer has an e-bill that is none of ours",
    Kind.EBILL_MISSING: "an e-bill that is issued here is unknown to the issuer",
    Kind.EBILL_STATE: "the issuer has an e-bill that has ended here without one",
    Kind.EBILL_DIFFERS: "an e-bill has other numbers, another amount, split, payer, visit or item at the issuer",
    Kind.EBILL_RED: "an e-bill that is undone here is not undone, or by another red bill, at the issuer",
    Kind.EBILL_TWICE: "more than one e-bill of a charge stands at the issuer",
    Kind.EBILL_TOTAL: "what stands at the issuer for a charge is not what the ledger has as earned",
    Kind.CLINIC_TOLD: "a visit was told that its clinic is stopped more or less often than that became of it",
    Kind.CLINIC_UNMET: "a visit ended as stopped, and no stop has met it",
    Kind.CLINIC_LEFT: "a visit keeps its place in a slot that is stopped",
    Kind.SLOT_TAKEN: "the places taken in a slot are not its claims",
    Kind.SLOT_OVERSOLD: "more places of a slot are given away than there are",
    Kind.MESSAGE_MISSING: "a message is sent here and unknown to the carrier",
    Kind.MESSAGE_UNKNOWN: "the carrier sent what is not sent here",
    Kind.MESSAGE_DIFFERS: "a message went by another template, to another phone, in other words, or under another receipt",
    Kind.MESSAGE_FATE: "a message arrived here and not at the carrier, or the other way round",
    Kind.MESSAGE_TWICE: "the carrier sent a message more often than it is marked here",
    Kind.MESSAGE_AGAIN: "a phone got the same text for the same visit more often than there was reason to",
    Kind.MESSAGE_RESENT: "a message was sent again that arrived, or otherwise than it was",
    Kind.MESSAGE_OPEN: "a message has no outcome yet",
    Kind.MESSAGE_OWED: "a move was made of which somebody should have been told, and no message says it",
    Kind.MESSAGE_UNOWED: "somebody was told of what never came to be, or more often than it did",
    Kind.MESSAGE_WHOM: "a message is to another phone than that of whom it is for",
    Kind.MESSAGE_WORDS: "a message says another sum, time, name, number or code than our rows do",
    Kind.MESSAGE_REFUSED: "the carrier refused a message for what it is, which no weather explains",
    Kind.CONTENT_MISSING: "something was said, written or seen, and what it was is not there",
    Kind.CONTENT_CHANGED: "what was said, accepted or written stands otherwise than it was answered, published or signed",
    Kind.CONTENT_SEALED: "what is sealed cannot be read by the hospital's own key",
    Kind.FILE_DIFFERS: "a file that a row names is not there, or not the one that was kept",
    Kind.GRANT_DIFFERS: "an account has other rights than it was given",
    Kind.AUDIT_DIFFERS: "money went back of another charge, as another sum or under another voucher than a person said",
    Kind.AUDIT_MISSING: "somebody did what is to be audited, and the audit does not say so",
    Kind.AUDIT_UNKNOWN: "the audit says that somebody moved a process, and its timeline does not say so, or says another",
    Kind.INBOX_UNHANDLED: "something that came was not acted on",
    Kind.TIMELINE_TWICE: "a key stands twice in a process's timeline",
    Kind.TIMELINE_GAP: "a row and its timeline do not tell one story",
    Kind.ROW_MISSING: "a row is not there, or not named, and others tell of it",
    Kind.ROW_STRANGE: "a process stands in a state that it does not have",
    Kind.ROW_WHOSE: "rows that belong together name other owners, or one says that it was done and not what",
    Kind.ROW_ILLEGIBLE: "what stands in a row cannot be understood",
    Kind.ROW_OPEN: "a process is not at its end",
    Kind.ROW_FENCED: "a step holds a row that nobody works on",
    Kind.ROWS_TWICE: "a list of the outside's has two rows under a number that is one row's own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference. `ours` and `theirs` are what either side says; where both are ours, `theirs` is what the other rows say."""

    kind: Kind
    about: str
    """Ids and numbers, as `name=value` with a space between."""
    ours: str
    theirs: str
    visit: UUID | None = None
    """Whose it is; None where no visit is known."""

    @property
    def words(self) -> str:
        """The kind as a sentence."""
        return WORDS[self.kind]

    def __str__(self) -> str:
        whose = f" visit={self.visit}" if self.visit and f"visit={self.visit}" not in self.about else ""
        return f"{self.kind}: {self.words}\n    {self.about}{whose}\n    ours: {self.ours}\n    theirs: {self.theirs}"


def told(findings: Iterable[Finding]) -> str:
    """All of them, for people."""
    lines = [str(one) for one in findings]
    return "\n".join((f"{len(lines)} findings", *lines)) if lines else "nothing differs"
