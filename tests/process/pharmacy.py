"""The pharmacy of the HIS in memory: prescriptions that came in, what they cost, and how far they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from models.charge import Bill
from models.drug import Dispense, Dispensing, Drug
from models.kernel.clock import Clock
from models.kernel.errors import DomainError, Unknown
from models.prescription_his import Filing, HisPrescription, PastPrescription, Written
from tests.process.line import Line

PACK_FEN = 1450


@dataclass
class Invoice:
    """Of an appointment, or of a prescription."""

    id: str
    appointment_id: str | None
    amount_fen: int
    status: str = "issued"
    prescription: UUID | None = None


@dataclass
class Filed:
    """A prescription that the HIS has taken."""

    written: Written
    invoice_id: str
    valid_until: datetime
    filing: Filing = Filing.ACTIVE
    dispense: Dispense | None = None
    """What the pharmacy, or a cash desk, has done about it."""


class Pharmacy(Line):
    """The part of the port `HIS` that is about drugs."""

    _clock: Clock
    invoices: dict[str, Invoice]

    def __init__(self) -> None:
        super().__init__()
        self.catalogue: dict[str, Drug] = {}
        self.past: dict[str, tuple[PastPrescription, ...]] = {}
        self.filed: dict[UUID, Filed] = {}

    async def drugs(self, since: datetime | None = None) -> tuple[Drug, ...]:
        return await self.answer("drugs", lambda: tuple(self.catalogue.values()))

    async def past_prescriptions(self, his_ids: tuple[str, ...], since: date) -> tuple[PastPrescription, ...]:
        return await self.answer(
            "past_prescriptions",
            lambda: tuple(one for his_id in his_ids for one in self.past.get(his_id, ()) if one.written_at.date() >= since),
        )

    async def write_prescription(self, written: Written) -> None:
        await self.answer("write_prescription", lambda: self._write(written))

    async def find_prescription(self, number: UUID) -> HisPrescription | None:
        def find() -> HisPrescription | None:
            filed = self.filed.get(number)
            return HisPrescription(filing=filed.filing, bill=self._bill(filed.invoice_id)) if filed else None

        return await self.answer("find_prescription", find)

    async def price(self, number: UUID) -> Bill:
        def price() -> Bill:
            if number not in self.filed:
                raise Unknown("not priced")
            return self._bill(self.filed[number].invoice_id)

        return await self.answer("price", price)

    async def extend_prescription(self, number: UUID, valid_until: datetime) -> None:
        def extend() -> None:
            self._require_valid(number)
            self.filed[number].valid_until = valid_until

        await self.answer("extend_prescription", extend)

    async def cancel_prescription(self, number: UUID) -> None:
        await self.answer("cancel_prescription", lambda: self._cancel(number))

    async def dispensed(self, number: UUID) -> Dispense | None:
        def look() -> Dispense | None:
            filed = self.filed.get(number)
            if filed is None:
                return None
            if filed.dispense is not None and filed.filing is not Filing.CANCELLED:
                return filed.dispense
            paid = self.invoices[filed.invoice_id].status == "balanced"
            return Dispense(state=Dispensing.PAID if paid else Dispensing.UNPAID)

        return await self.answer("dispensed", look)

    def stock(self, drugs: Iterable[Drug]) -> None:
        """Puts drugs into the catalogue."""
        self.catalogue |= {drug.code: drug for drug in drugs}

    def goes_on(self, number: UUID, state: Dispensing) -> None:
        """A person at the cash desk or in the pharmacy: paid, prepared or handed out."""
        filed = self.filed[number]
        self.invoices[filed.invoice_id].status = "balanced"
        filed.dispense = Dispense(state=state, at=self._clock())
        if state is Dispensing.HANDED_OUT:
            filed.filing = Filing.COMPLETED

    def settle_prescription(self, number: UUID) -> None:
        """Refused unless it may be paid at this moment."""
        self._require_valid(number)

    def reverse_prescription(self, number: UUID, *, whole: bool) -> None:
        """Money goes back: refused once the drugs are out of the house; in whole, it is the prescription's end."""
        filed = self.filed[number]
        if filed.dispense is not None and filed.dispense.state is Dispensing.HANDED_OUT:
            raise DomainError("his.dispensed", "conflict")
        if whole:
            filed.filing = Filing.CANCELLED

    def _write(self, written: Written) -> None:
        there = self.filed.get(written.number)
        if there is not None:
            if there.written.lines != written.lines:
                raise DomainError("his.prescription-differs", "conflict")
            if there.filing is Filing.CANCELLED:
                raise DomainError("his.prescription-cancelled", "conflict")
            return
        for line in written.lines:
            drug = self.catalogue.get(line.item.drug_code)
            if drug is None:
                raise DomainError("his.drug-unknown", "conflict")
            if drug.stopped:
                raise DomainError("his.drug-stopped", "conflict")
            if drug.special or not drug.online_allowed:
                raise DomainError("his.drug-not-online", "conflict")
        bill = Invoice(f"inv-{written.number.hex}", None, sum(one.item.packs for one in written.lines) * PACK_FEN, "issued", written.number)
        self.invoices[bill.id] = bill
        self.filed[written.number] = Filed(written, bill.id, written.valid_until)

    def _cancel(self, number: UUID) -> None:
        filed = self.filed.get(number)
        if filed is None or filed.filing is Filing.CANCELLED:
            return
        if filed.filing is Filing.COMPLETED:
            raise DomainError("his.dispensed", "conflict")
        if self.invoices[filed.invoice_id].status == "balanced":
            raise DomainError("his.settled", "conflict")
        filed.filing = Filing.CANCELLED
        self.invoices[filed.invoice_id].status = "cancelled"

    def _require_valid(self, number: UUID) -> None:
        filed = self.filed[number]
        if filed.filing is Filing.CANCELLED:
            raise DomainError("his.prescription-cancelled", "conflict")
        if filed.valid_until <= self._clock():
            raise DomainError("his.prescription-expired", "conflict")

    def _bill(self, invoice_id: str) -> Bill:
        bill = self.invoices[invoice_id]
        return Bill(invoice_id=bill.id, amount_fen=bill.amount_fen, open=bill.status == "issued", paid=bill.status == "balanced")
