"""A HIS in memory, written by hand: it keeps books as the real one does, and can be silent, refuse, or lose its answer."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from gateways.his.port import Held
from models.booking import Lock
from models.charge import Bill, Payment
from models.eligibility import HisPatient, PastVisit, RegulatorField
from models.kernel.clock import Clock
from models.kernel.errors import DomainError
from models.record import WrittenRecord
from models.schedule import HisDepartment, HisDoctor, HisSchedule, HisSlot
from tests.process.pharmacy import Invoice, Pharmacy


@dataclass
class Appointment:
    """A place as the HIS holds it: pending, booked, arrived, fulfilled, no-show or cancelled."""

    id: str
    claim_id: UUID
    slot_id: str
    invoice_id: str
    expires_at: datetime
    status: str = "pending"
    stopped: bool = False
    """Cancelled by the hospital."""


@dataclass(frozen=True)
class Place:
    capacity: int
    fee_fen: int


TAKEN = frozenset({"pending", "booked", "arrived", "fulfilled"})


class InMemoryHIS(Pharmacy):
    """The port `HIS`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.locks_for = timedelta(minutes=30)
        self.people: dict[str, HisPatient] = {}
        self.histories: dict[str, tuple[PastVisit, ...]] = {}
        self.places: dict[str, Place] = {}
        self.clinics: dict[str, tuple[HisSchedule, tuple[HisSlot, ...]]] = {}
        """就诊单元 of which it is asked one by one, with their slots."""
        self.appointments: dict[UUID, Appointment] = {}
        self.invoices: dict[str, Invoice] = {}
        self.payments: dict[str, Payment] = {}
        self.reversals: dict[str, tuple[str, int]] = {}
        """Bill and fen by our refund number."""
        self.encounters: dict[UUID, str] = {}
        self.records: dict[UUID, WrittenRecord] = {}
        """Signed records by our number."""
        self.undone: set[str] = set()
        """Bills whose execution a window has undone."""
        self.cancelled: set[str] = set()
        """Encounters that we cancelled there."""

    def of_claim(self, claim_id: UUID | None) -> Appointment:
        """What it holds for a claim of ours."""
        if claim_id is None:
            raise AssertionError("the visit holds no claim")
        return self.appointments[claim_id]

    def held(self, slot_id: str) -> int:
        return sum(one.slot_id == slot_id and one.status in TAKEN for one in self.appointments.values())

    async def patient(self, id_number: str) -> HisPatient | None:
        return await self.answer("patient", lambda: self.people.get(id_number))

    async def past_visits(self, his_ids: tuple[str, ...], since: date) -> tuple[PastVisit, ...]:
        return await self.answer(
            "past_visits",
            lambda: tuple(one for his_id in his_ids for one in self.histories.get(his_id, ()) if one.ended_at.date() >= since),
        )

    async def complete_patient(self, his_id: str, *, phone: str | None, address: str | None) -> HisPatient:
        def complete() -> HisPatient:
            number, person = next((number, one) for number, one in self.people.items() if his_id in one.ids)
            brought = {field for field, value in ((RegulatorField.PHONE, phone), (RegulatorField.ADDRESS, address)) if value}
            self.people[number] = person.model_copy(update={"missing": tuple(one for one in person.missing if one not in brought)})
            return self.people[number]

        return await self.answer("complete_patient", complete)

    async def write_record(self, written: WrittenRecord) -> None:
        await self.answer("write_record", lambda: self.records.setdefault(written.number, written))

    async def departments(self) -> tuple[HisDepartment, ...]:
        return await self.answer("departments", lambda: ())

    async def doctors(self) -> tuple[HisDoctor, ...]:
        return await self.answer("doctors", lambda: ())

    async def schedule(self, schedule_id: str) -> HisSchedule:
        return await self.answer("schedule", lambda: self._clinic(schedule_id)[0])

    def _clinic(self, schedule_id: str) -> tuple[HisSchedule, tuple[HisSlot, ...]]:
        if schedule_id not in self.clinics:
            raise DomainError("his.not-found", "conflict")
        return self.clinics[schedule_id]

    async def schedules(self, days: tuple[date, ...]) -> tuple[HisSchedule, ...]:
        return await self.answer("schedules", lambda: tuple(clinic for clinic, _ in self.clinics.values() if clinic.on in days))

    async def slots(self, schedule_ids: tuple[str, ...]) -> tuple[HisSlot, ...]:
        return await self.answer("slots", lambda: tuple(slot for id in schedule_ids for slot in self._clinic(id)[1]))

    async def lock(self, claim_id: UUID, slot_id: str, his_patient_id: str) -> Lock:
        def lock() -> Lock:
            if claim_id not in self.appointments:
                if self.held(slot_id) >= self.places[slot_id].capacity:
                    raise DomainError("his.slot-full", "conflict")
                number = len(self.appointments) + 1
                bill = Invoice(f"inv-{number}", f"apt-{number}", self.places[slot_id].fee_fen)
                self.invoices[bill.id] = bill
                expires_at = self._clock() + self.locks_for
                self.appointments[claim_id] = Appointment(f"apt-{number}", claim_id, slot_id, bill.id, expires_at)
            return self._as_lock(self.appointments[claim_id])

        return await self.answer("lock", lock)

    async def find_lock(self, claim_id: UUID) -> Lock | None:
        def find() -> Lock | None:
            found = self.appointments.get(claim_id)
            return self._as_lock(found) if found else None

        return await self.answer("find_lock", find)

    async def locks(self) -> tuple[Held, ...]:
        return await self.answer(
            "locks", lambda: tuple(Held(one.claim_id, one.id) for one in self.appointments.values() if self._as_lock(one).live)
        )

    async def stopped(self, slot_ids: tuple[str, ...]) -> frozenset[UUID]:
        return await self.answer(
            "stopped",
            lambda: frozenset(one.claim_id for one in self.appointments.values() if one.slot_id in slot_ids and one.stopped),
        )

    def stop(self, slot_id: str) -> None:
        """停诊 of a place: who waits for it and is not in the room is cancelled."""
        for one in self.appointments.values():
            if (
                one.slot_id == slot_id
                and one.status in {"pending", "booked", "arrived"}
                and f"enc-{one.id}" not in self.encounters.values()
            ):
                one.status, one.stopped = "cancelled", True

    async def release(self, appointment_id: str) -> None:
        await self.answer("release", lambda: self._becomes(appointment_id, "cancelled", of={"pending"}, refused="his.settled"))

    async def bill(self, invoice_id: str) -> Bill:
        return await self.answer("bill", lambda: self._bill(invoice_id))

    async def settle(self, invoice_id: str, payment: Payment) -> None:
        def settle() -> None:
            if self.payments.get(payment.payment_no) == payment and self.invoices[invoice_id].status == "balanced":
                return
            bill = self.invoices[invoice_id]
            appointment = self._of_bill(bill)
            if bill.id in {one for one, _ in self.reversals.values()}:
                raise DomainError("his.already-reversed", "conflict")
            if bill.prescription:
                self._settle_drugs(bill)
            elif appointment is None or appointment.status != "pending" or appointment.expires_at <= self._clock():
                raise DomainError("his.lock-expired", "conflict")
            if bill.amount_fen != payment.amount_fen:
                raise DomainError("his.amount-differs", "conflict")
            self.payments[payment.payment_no] = payment
            bill.status = "balanced"
            if appointment:
                appointment.status = "booked"

        await self.answer("settle", settle)

    async def settled(self, payment_no: str) -> bool:
        return await self.answer("settled", lambda: payment_no in self.payments)

    async def reverse(self, invoice_id: str, refund_no: str, amount_fen: int, reason: str) -> None:
        await self.answer("reverse", lambda: self._reverse(self.invoices[invoice_id], refund_no, amount_fen))

    async def reversed(self, refund_no: str) -> bool:
        return await self.answer("reversed", lambda: refund_no in self.reversals)

    @property
    def kept_fen(self) -> int:
        """What was settled and not given back."""
        return sum(one.amount_fen for one in self.payments.values()) - sum(amount for _, amount in self.reversals.values())

    def left_fen(self, invoice_id: str) -> int:
        """What was settled of a bill and not given back."""
        given_back = sum(amount for bill, amount in self.reversals.values() if bill == invoice_id)
        return self.invoices[invoice_id].amount_fen - given_back

    async def check_in(self, appointment_id: str) -> None:
        await self.answer("check_in", lambda: self._becomes(appointment_id, "arrived", of={"booked"}))

    async def no_show(self, appointment_id: str) -> None:
        await self.answer("no_show", lambda: self._becomes(appointment_id, "noshow", of={"booked"}))

    async def begin_encounter(self, visit_id: UUID, appointment_id: str, his_patient_id: str, practitioner_id: str, at: datetime) -> str:
        def begin() -> str:
            if visit_id not in self.encounters:
                if self._of(appointment_id).status != "arrived":
                    raise DomainError("his.not-booked", "conflict")
                self.encounters[visit_id] = f"enc-{appointment_id}"
            return self.encounters[visit_id]

        return await self.answer("begin_encounter", begin)

    async def finish_encounter(self, encounter_id: str, at: datetime) -> None:
        def finish() -> None:
            if encounter_id in self.cancelled:
                raise DomainError("his.not-booked", "conflict")
            self._becomes(encounter_id.removeprefix("enc-"), "fulfilled", of={"arrived"})

        await self.answer("finish_encounter", finish)

    async def cancel_encounter(self, encounter_id: str, at: datetime) -> None:
        def cancel() -> None:
            if self._of(encounter_id.removeprefix("enc-")).status == "fulfilled":
                raise DomainError("his.executed", "conflict")
            self.cancelled.add(encounter_id)

        await self.answer("cancel_encounter", cancel)

    @property
    def in_the_room(self) -> list[str]:
        """Encounters that have begun and were neither finished nor cancelled."""
        begun = (one for one in self.encounters.values() if one not in self.cancelled)
        return [one for one in begun if self._of(one.removeprefix("enc-")).status != "fulfilled"]

    def knows(self, id_number: str, person: HisPatient, *visits: PastVisit) -> None:
        """A person and their past visits, on the first of their records."""
        self.people[id_number] = person
        self.histories[person.ids[0]] = visits

    def reprice(self, invoice_id: str, amount_fen: int) -> None:
        """The hospital changes its mind about a bill."""
        self.invoices[invoice_id] = replace(self.invoices[invoice_id], amount_fen=amount_fen)

    def _reverse(self, bill: Invoice, refund_no: str, amount_fen: int) -> None:
        if refund_no in self.reversals:
            if self.reversals[refund_no] != (bill.id, amount_fen):
                raise DomainError("his.amount-differs", "conflict")
            return
        appointment, left = self._of_bill(bill), self.left_fen(bill.id)
        refusals = {
            "his.already-reversed": left == 0,
            "his.not-settled": bill.status != "balanced",
            "his.executed": appointment is not None and appointment.status == "fulfilled" and bill.id not in self.undone,
            "his.amount-differs": amount_fen > left,
        }
        if refused := next((code for code, holds in refusals.items() if holds), None):
            raise DomainError(refused, "conflict")
        if bill.prescription:
            self.reverse_prescription(bill.prescription, whole=amount_fen == left)
        self.reversals[refund_no] = (bill.id, amount_fen)
        if amount_fen == left:
            bill.status = "cancelled"
        if appointment and amount_fen == left:
            appointment.status = "cancelled" if appointment.status in TAKEN - {"fulfilled"} else appointment.status

    def _settle_drugs(self, bill: Invoice) -> None:
        if bill.status == "balanced":
            raise DomainError("his.paid-elsewhere", "conflict")
        if bill.prescription:
            self.settle_prescription(bill.prescription)

    def _of_bill(self, bill: Invoice) -> Appointment | None:
        return self._of(bill.appointment_id) if bill.appointment_id else None

    def _of(self, appointment_id: str) -> Appointment:
        return next(one for one in self.appointments.values() if one.id == appointment_id)

    def _becomes(self, appointment_id: str, status: str, *, of: set[str], refused: str = "his.not-booked") -> None:
        appointment = self._of(appointment_id)
        if appointment.status == status:
            return
        if appointment.status not in of:
            raise DomainError(refused, "conflict")
        appointment.status = status
        if status == "cancelled":
            self.invoices[appointment.invoice_id].status = "cancelled"

    def _as_lock(self, one: Appointment) -> Lock:
        bill = self.invoices[one.invoice_id]
        return Lock(
            appointment_id=one.id,
            invoice_id=one.invoice_id,
            fee_fen=bill.amount_fen,
            expires_at=one.expires_at,
            live=one.status == "pending" and one.expires_at > self._clock(),
        )
