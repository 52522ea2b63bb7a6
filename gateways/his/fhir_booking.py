"""Locks, bills, settlements, reversals and the appointment's way to the doctor."""

import re
from uuid import UUID

from gateways.his import names
from gateways.his.port import Held
from gateways.his.resources import Appointment, Invoice, Json, PaymentReconciliation, needed
from gateways.his.rest import FhirRest, parsed
from gateways.wire import Call
from models.booking import Lock
from models.charge import Bill, Payment
from models.kernel.clock import SHANGHAI
from models.kernel.errors import Unknown
from models.kernel.money import FenAmount

_CLAIM_NO = re.compile(r"[0-9a-f]{32}")
_SLOTS_AT_ONCE = 40
_REVERSED = frozenset({"cancelled", "balanced"})
"""A bill of which all was given back, and one of which a part was."""


class Bookings:
    """`Appointment`, `Invoice` and `PaymentReconciliation`. Our numbers are ids as 32 hex digits."""

    _rest: FhirRest

    async def lock(self, claim_id: UUID, slot_id: str, his_patient_id: str) -> Lock:
        """`POST /Appointment` status `pending`, conditional on our claim's number."""
        wanted: Json = {
            "resourceType": "Appointment",
            "status": "pending",
            "slot": [{"reference": f"Slot/{slot_id}"}],
            "participant": [{"actor": {"reference": f"Patient/{his_patient_id}"}, "status": "accepted"}],
        }
        async with self._rest.call("lock", claim_no=claim_id.hex, slot_id=slot_id) as call:
            return await self._lock(call, await self._rest.create(call, wanted, names.CLAIM, claim_id.hex))

    async def find_lock(self, claim_id: UUID) -> Lock | None:
        """`GET /Appointment?identifier=<our system>|<claim>`; a lock that has ended is answered with `live=False`."""
        async with self._rest.call("find_lock", claim_no=claim_id.hex) as call:
            found = await self._rest.find(call, "Appointment", names.CLAIM, claim_id.hex)
            return await self._lock(call, found[0]) if found else None

    async def locks(self) -> tuple[Held, ...]:
        """`GET /Appointment?status=pending&identifier=<our system>|`, all pages.

        A server may ignore a parameter that it does not know, so what is not pending or bears no number of ours is left out here.
        """
        async with self._rest.pull("locks") as call:
            asked = (("status", "pending"), ("identifier", f"{names.CLAIM}|"))
            found = [parsed(call, Appointment, one) for one in await self._rest.search(call, "Appointment", *asked)]
            ours = [Held(claim, one.id) for one in found if one.status == "pending" for claim in _claims(one)]
            call.note(locks=len(ours), not_ours=len(found) - len(ours) or None)
            return tuple(ours)

    async def stopped(self, slot_ids: tuple[str, ...]) -> frozenset[UUID]:
        """`GET /Appointment?status=cancelled&slot=…&identifier=<our system>|`, all pages; cancelled for the reason `prov`.

        For another reason it was ours: a lock that was released or ran out, money that went back.
        """
        if not slot_ids:
            return frozenset()
        async with self._rest.pull("stopped", slots=len(slot_ids)) as call:
            found: set[UUID] = set()
            for begin in range(0, len(slot_ids), _SLOTS_AT_ONCE):
                places = ",".join(f"Slot/{id}" for id in slot_ids[begin : begin + _SLOTS_AT_ONCE])
                asked = (("status", "cancelled"), ("slot", places), ("identifier", f"{names.CLAIM}|"))
                for one in [parsed(call, Appointment, one) for one in await self._rest.search_all(call, "Appointment", *asked)]:
                    if one.status == "cancelled" and one.cancelation_reason.code(names.CANCEL_REASON) == names.BY_THE_HOSPITAL:
                        found.update(_claims(one))
            call.note(stopped=len(found))
            return frozenset(found)

    async def release(self, appointment_id: str) -> None:
        """`PUT` status `cancelled`. A booked one is refused `his.settled`: it goes back by its refund."""
        await self._move("release", appointment_id, "cancelled", done_in=frozenset({"cancelled"}))

    async def check_in(self, appointment_id: str) -> None:
        """报到: `PUT` status `checked-in`; refused `his.not-booked`."""
        await self._move("check_in", appointment_id, "checked-in", done_in=frozenset({"checked-in", "fulfilled"}))

    async def no_show(self, appointment_id: str) -> None:
        """未就诊: `PUT` status `noshow`; refused `his.not-booked`."""
        await self._move("no_show", appointment_id, "noshow", done_in=frozenset({"noshow"}))

    async def bill(self, invoice_id: str) -> Bill:
        """`GET /Invoice/{id}`: open while `issued`, paid while `balanced`."""
        async with self._rest.call("bill", invoice_id=invoice_id) as call:
            invoice = await self._rest.read(call, Invoice, invoice_id)
            call.note(invoice_status=invoice.status)
            stands = {"open": invoice.status == "issued", "paid": invoice.status == "balanced"}
            return Bill(invoice_id=invoice.id, amount_fen=invoice.total_gross.fen, **stands)

    async def settle(self, invoice_id: str, payment: Payment) -> None:
        """`POST /Invoice/{id}/$settle` with the cash leg alone; the same payment again is answered the same."""
        amount = _money(payment.amount_fen)
        told: list[Json] = [
            {"name": "ourPaymentNo", "valueIdentifier": {"system": names.PAYMENT, "value": payment.payment_no}},
            {"name": "channel", "valueCode": payment.channel},
            {"name": "channelNo", "valueString": payment.channel_no},
            {"name": "amount", "valueMoney": amount},
            {"name": "legs", "part": [{"name": "cash", "valueMoney": amount}]},
            {"name": "paidAt", "valueDateTime": payment.paid_at.astimezone(SHANGHAI).isoformat(timespec="seconds")},
        ]
        async with self._rest.call("settle", invoice_id=invoice_id, payment_no=payment.payment_no) as call:
            call.note(channel_no=payment.channel_no, amount_fen=payment.amount_fen)
            invoice = parsed(call, Invoice, await self._rest.operate(call, f"Invoice/{invoice_id}/$settle", told))
            if invoice.status != "balanced":
                raise Unknown(f"settled, and the bill is {invoice.status}")

    async def settled(self, payment_no: str) -> bool:
        """`GET /PaymentReconciliation?identifier=<our payment>`."""
        async with self._rest.call("settled", payment_no=payment_no) as call:
            return await self._reconciled(call, names.PAYMENT, payment_no)

    async def reverse(self, invoice_id: str, refund_no: str, amount_fen: FenAmount, reason: str) -> None:
        """`POST /Invoice/{id}/$reverse` with the cash leg alone; the same refund again is answered the same."""
        amount = _money(amount_fen)
        told: list[Json] = [
            {"name": "ourRefundNo", "valueIdentifier": {"system": names.REFUND, "value": refund_no}},
            {"name": "amount", "valueMoney": amount},
            {"name": "legs", "part": [{"name": "cash", "valueMoney": amount}]},
            {"name": "reason", "valueString": reason},
        ]
        async with self._rest.call("reverse", invoice_id=invoice_id, refund_no=refund_no, amount_fen=amount_fen) as call:
            invoice = parsed(call, Invoice, await self._rest.operate(call, f"Invoice/{invoice_id}/$reverse", told))
            call.note(invoice_status=invoice.status)
            if invoice.status not in _REVERSED:
                raise Unknown(f"reversed, and the bill is {invoice.status}")

    async def reversed(self, refund_no: str) -> bool:
        """`GET /PaymentReconciliation?identifier=<our refund>`."""
        async with self._rest.call("reversed", refund_no=refund_no) as call:
            return await self._reconciled(call, names.REFUND, refund_no)

    async def _reconciled(self, call: Call, system: str, number: str) -> bool:
        found = await self._rest.find(call, "PaymentReconciliation", system, number)
        return any(parsed(call, PaymentReconciliation, one).status == "active" for one in found)

    async def _lock(self, call: Call, answered: Json) -> Lock:
        appointment = parsed(call, Appointment, answered)
        named = needed(appointment.extended(names.FEE_INVOICE).value_reference, "serviceFeeInvoice").reference or ""
        invoice_id = named.rpartition("/")[2].removeprefix("#")
        within = next((one for one in appointment.contained if one.get("id") == invoice_id), None)
        invoice = parsed(call, Invoice, within) if within else await self._rest.read(call, Invoice, invoice_id)
        live = appointment.status == "pending"
        ends = appointment.extended(names.LOCK_EXPIRES_AT).value_instant
        call.note(appointment_id=appointment.id, invoice_id=invoice.id, appointment_status=appointment.status)
        return Lock(
            appointment_id=appointment.id,
            invoice_id=invoice.id,
            fee_fen=invoice.total_gross.fen,
            expires_at=needed(ends or (None if live else appointment.meta.last_updated), "lockExpiresAt"),
            live=live,
        )

    async def _move(self, name: str, appointment_id: str, status: str, *, done_in: frozenset[str]) -> None:
        def edit(found: Json) -> Json | None:
            return None if found.get("status") in done_in else found | {"status": status}

        async with self._rest.call(name, appointment_id=appointment_id) as call:
            appointment = await self._rest.change(call, Appointment, appointment_id, edit)
            if appointment.status not in done_in:
                raise Unknown(f"asked for {status}, answered {appointment.status}")


def _claims(appointment: Appointment) -> list[UUID]:
    """Our numbers on it: 32 hex digits, of which it has one."""
    numbers = [one.value or "" for one in appointment.identifier if one.system == names.CLAIM]
    return [UUID(hex=number) for number in numbers if _CLAIM_NO.fullmatch(number)]


def _money(fen: FenAmount) -> Json:
    """A JSON number: a float of whole fen prints as its exact decimal below 10^13 yuan."""
    return {"value": fen / 100, "currency": "CNY"}
