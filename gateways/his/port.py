"""What we ask of the hospital's information system. Its wire is chosen by adapter; `fhir.py` is the open default."""

from datetime import date, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from models.booking import Lock
from models.charge import Bill, Payment
from models.drug import Dispense, Drug
from models.eligibility import HisPatient, PastVisit
from models.kernel.money import FenAmount
from models.prescription_his import HisPrescription, PastPrescription, Written
from models.record import WrittenRecord
from models.schedule import HisDepartment, HisDoctor, HisSchedule, HisSlot


class Held(NamedTuple):
    """A place that the HIS holds locked for us: the number of our claim, and the appointment."""

    claim_id: UUID
    appointment_id: str


class HIS(Protocol):
    """Every call ends done, refused (`DomainError` with the HIS's own code as `his.<code>`) or unknown (`Unknown`).

    Who asks by a number of ours what became of it (`find_lock`, `stopped`, `settled`, `reversed`, `find_prescription`, `dispensed`) is
    never refused: no answer is none.
    """

    async def patient(self, id_number: str) -> HisPatient | None:
        """All card records of one person joined by `link`; None when the HIS knows nobody of that number."""
        ...

    async def past_visits(self, his_ids: tuple[str, ...], since: date) -> tuple[PastVisit, ...]:
        """Finished outpatient visits of all records, newest first."""
        ...

    async def complete_patient(self, his_id: str, *, phone: str | None, address: str | None) -> HisPatient:
        """Adds what the regulator's standard misses; refused `his.invalid` with the element."""
        ...

    async def departments(self) -> tuple[HisDepartment, ...]: ...

    async def doctors(self) -> tuple[HisDoctor, ...]: ...

    async def schedule(self, schedule_id: str) -> HisSchedule:
        """One 就诊单元; refused `his.not-found`."""
        ...

    async def schedules(self, days: tuple[date, ...]) -> tuple[HisSchedule, ...]: ...

    async def slots(self, schedule_ids: tuple[str, ...]) -> tuple[HisSlot, ...]: ...

    async def lock(self, claim_id: UUID, slot_id: str, his_patient_id: str) -> Lock:
        """Locks a place under our claim's number; the same number again answers the first, `live` or not.

        Refused `his.slot-full`, `his.slot-stopped`, `his.duplicate-booking`.
        """
        ...

    async def find_lock(self, claim_id: UUID) -> Lock | None:
        """Whether a lock that was asked for and refused or not answered is there after all; one that has ended is not `live`."""
        ...

    async def locks(self) -> tuple[Held, ...]:
        """Every lock that it holds under our numbers at this moment, of whatever age; what was booked or has ended is not among them."""
        ...

    async def stopped(self, slot_ids: tuple[str, ...]) -> frozenset[UUID]:
        """Our claims of these places that the hospital has cancelled by itself (停诊), whether or not the places are open again by now."""
        ...

    async def release(self, appointment_id: str) -> None:
        """Done already is done."""
        ...

    async def bill(self, invoice_id: str) -> Bill: ...

    async def settle(self, invoice_id: str, payment: Payment) -> None:
        """Turns the lock into a booking; idempotent by our payment number.

        Refused `his.lock-expired`, `his.amount-differs`, `his.slot-stopped`, `his.paid-elsewhere`; `his.already-reversed` when the money
        was given back since, even under the number that was settled.
        """
        ...

    async def settled(self, payment_no: str) -> bool:
        """Whether it took this payment; one that was given back since is one that it took."""
        ...

    async def reverse(self, invoice_id: str, refund_no: str, amount_fen: FenAmount, reason: str) -> None:
        """Undoes a settlement: in whole, the bill is cancelled, the booking ends and its place is free; in part, the bill is less and the
        booking stays. Idempotent by our refund number. `reason` is an enum's word or a few fixed words, at most 64 characters.

        Refused `his.executed` (the visit is finished), `his.dispensed`, `his.already-reversed` (in whole, under another number),
        `his.not-settled` (nothing was taken that could go back), `his.amount-differs` (more than is left).
        """
        ...

    async def reversed(self, refund_no: str) -> bool:
        """Whether it took this refund."""
        ...

    async def check_in(self, appointment_id: str) -> None: ...

    async def no_show(self, appointment_id: str) -> None: ...

    async def begin_encounter(self, visit_id: UUID, appointment_id: str, his_patient_id: str, practitioner_id: str, at: datetime) -> str:
        """POST Encounter class VR in-progress under our visit's number; answers its id, the same for the same visit."""
        ...

    async def finish_encounter(self, encounter_id: str, at: datetime) -> None:
        """The appointment becomes fulfilled; done already is done."""
        ...

    async def cancel_encounter(self, encounter_id: str, at: datetime) -> None:
        """退诊: what began under our visit's number ends without service; its booking goes with its money. Done already is done.

        Refused `his.executed` when it is finished.
        """
        ...

    async def write_record(self, written: WrittenRecord) -> None:
        """A signed record with its signature, once under its number; one that replaces another names it, whichever of them comes first.

        Refused `his.not-in-progress` (no visit of this patient with this doctor, or not written while it was open), `his.not-signed`,
        `his.record-differs` (another visit's stands under the number), `his.invalid` with the element.
        """
        ...

    async def drugs(self, since: datetime | None = None) -> tuple[Drug, ...]:
        """The catalogue, or what has changed in it since; stopped drugs too."""
        ...

    async def past_prescriptions(self, his_ids: tuple[str, ...], since: date) -> tuple[PastPrescription, ...]:
        """What was handed out to a person by prescription, of all their records, newest first."""
        ...

    async def write_prescription(self, written: Written) -> None:
        """Idempotent by its number; once it is done, the HIS prices.

        Refused `his.drug-unknown`, `his.drug-stopped`, `his.drug-not-online`, `his.not-in-progress` (not written while the visit was
        open), `his.too-many-drugs`, `his.not-signed`, `his.prescription-expired`, `his.prescription-cancelled` (what had stood under this
        number), `his.prescription-differs` (something else stands under it), `his.invalid` with the element.
        """
        ...

    async def find_prescription(self, number: UUID) -> HisPrescription | None:
        """What has become of it; `on-hold` when it was written in part."""
        ...

    async def price(self, number: UUID) -> Bill:
        """The HIS's bill of it, to be settled and reversed as any other; `Unknown` while there is none."""
        ...

    async def extend_prescription(self, number: UUID, valid_until: datetime) -> None:
        """Valid for longer; refused `his.prescription-expired`, `his.prescription-cancelled`, `his.invalid` (beyond the third day)."""
        ...

    async def cancel_prescription(self, number: UUID) -> None:
        """作废, its bill too; done already, or never written, is done. Refused `his.settled` (its refund ends it) and `his.dispensed`."""
        ...

    async def dispensed(self, number: UUID) -> Dispense | None:
        """How far cash desk and pharmacy are, whoever took the money; None when the HIS has no such prescription."""
        ...
