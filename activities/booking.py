"""A place in a slot: claimed and locked, confirmed by money, given back (P-2.3, P-2.6a)."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.typing import FilteringBoundLogger

from activities.payment import start
from activities.steps import Guard, Step, outside, step
from gateways.his.port import HIS
from models.booking import Lock
from models.charge import Close
from models.kernel import ids
from models.kernel.clock import beijing
from models.kernel.errors import DomainError, known
from models.message import Template
from models.process import Alarm, Runs
from models.refund import Cause
from models.revisit import PAID, Cancel, ChargeEnded, ChooseSlot, Decline, Reason, Revisit, State, leaves_as
from models.stores import booking as bookings
from models.stores import charge as charges
from models.stores import inbox, notices
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import refund as refunds
from models.stores import revisit as revisits
from models.suspension import REARRANGED_TEXTS, Rearranged, Stopped
from models.timeline import DECLINE_TEXTS

Leaving = Cancel | Decline | ChargeEnded | Stopped | Alarm
STOPPED = "his.slot-stopped"
OURS = {"his.slot-full": "slot.sold_out", STOPPED: "slot.stopped", "his.duplicate-booking": "booking.held_already"}
"""The HIS's refusals in our words."""
_log: FilteringBoundLogger = structlog.get_logger()


class BookingActivities:
    def __init__(self, guard: Guard[Revisit], his: HIS, runs: Runs, policy_line: str) -> None:
        self._guard, self._his, self._runs, self._line = guard, his, runs, policy_line

    @step("booking.hold")
    async def hold(self, now: Revisit, wish: ChooseSlot) -> Revisit:
        """Our claim, then the HIS's lock under the claim's number; a silent HIS is asked again, a refusal gives the claim back."""
        step = self._guard.step(now, "booking.hold", wish, slot_id=wish.slot_id)
        claim_id = ids.derived("booking", wish.id)
        async with step.fence() as db:
            visit = await revisits.facts(db, now.id)
            policy = await policies.pinned(db, visit.policy)
            live = (await policies.in_force(db, self._line, step.at)).rules
            await bookings.claim(db, claim_id, now.id, visit.patient_id, wish.slot_id, step.at, holds_max=live.unpaid_holds_max)
            held = await bookings.of_id(db, claim_id)
        try:
            async with outside():
                lock = await self._lock(claim_id, wish.slot_id, visit.his_patient_id)
        except DomainError as refused:
            async with step.give_up() as db:
                await bookings.withdraw(db, claim_id)
            raise DomainError(OURS.get(refused.code, refused.code), refused.kind, **refused.params) from refused
        until = policy.hold_until(step.at, lock.expires_at)
        async with step.move(State.DESCRIBING, due_at=until, wake_at=until, claim_id=claim_id, **_place(held)) as db:
            await bookings.locked(db, claim_id, lock)
        return step.row

    async def _lock(self, claim_id: UUID, slot_id: str, his_patient_id: str) -> Lock:
        """Refused, nothing of ours is left at the HIS: an earlier attempt may have landed without an answer."""
        try:
            lock = await self._his.lock(claim_id, slot_id, his_patient_id)
            if not lock.live:
                raise DomainError("slot.lock_lapsed", "conflict", slot_id=slot_id)
            if lock.fee_fen == 0:  # a visit is booked by its payment, and nothing can be paid here
                raise DomainError("slot.not_payable", "conflict", slot_id=slot_id)
        except DomainError:
            if left := await self._his.find_lock(claim_id):
                await self._his.release(left.appointment_id)
            raise
        return lock

    @step("booking.book")
    async def book(self, now: Revisit, paid: ChargeEnded) -> Revisit:
        """Money has come and the HIS has turned the lock into a booking."""
        step = self._guard.step(now, "booking.book", paid)
        async with self._guard.database.reading() as db:
            visit = await revisits.facts(db, now.id)
            policy = await policies.pinned(db, visit.policy)
        starts_at, ends_at = known(visit.slot_starts_at), known(visit.unit_ends_at)
        async with step.move(State.BOOKED, due_at=ends_at, wake_at=policy.remind_at(step.at, starts_at, ends_at)) as db:
            await bookings.confirm(db, known(now.claim_id))
            department = await revisits.department_name(db, now.id)
            await notices.tell_patient(db, now.id, Template.REVISIT_BOOKED, step.at, time=beijing(starts_at), department=department)
        return step.row

    @step("booking.close")
    async def close(self, now: Revisit, why: Cancel | Stopped) -> Revisit:
        """A cancel or 停诊 while a charge is open: asked to close, the charge says whether money came."""
        step = self._guard.step(now, "booking.close", why)
        charge_id = known(now.charge_id)
        wish = Close(id=ids.derived("close", charge_id, why.id))
        leaving_as = State.SUSPENDED if isinstance(why, Stopped) else State.CANCELLED
        async with step.move(State.CLOSING, leaving_as=leaving_as) as db:
            await inbox.bring(db, "charge", charge_id, wish, party="revisit")
        await self._runs.knock("charge", charge_id, wish)
        return step.row

    @step("booking.leave")
    async def leave(self, now: Revisit, why: Leaving) -> Revisit:
        """The visit's exits. What the HIS still holds for us ends first, then our claim; money that has come goes back.

        Raises `revisit.too_late_to_cancel` when the hospital's own cut-off has passed, `prescription.signed` for a late 退诊.
        """
        to, reason = leaves_as(why, now)
        if reason is Reason.UNSETTLED and await self._was_stopped(known(now.charge_id)):
            to, reason = State.SUSPENDED, Reason.SUSPENDED
        step = self._guard.step(now, "booking.leave", why, reason=reason)
        if now.state in PAID and isinstance(why, Cancel | Decline) and not await step.begun():
            await self._check(step, now, why)
        refused = await self._tell_his(step, now, to, why) if now.claim_id else None
        begun: refunds.Begun | None = None
        values: dict[str, object] = {"due_at": None, "wake_at": None, "reason": reason} | _declined(why)
        async with step.move(to, **values, **({"refusal": refused} if refused else {})) as db:
            if now.claim_id:  # a draft that never held a place ends without a message
                if reason is Reason.SUSPENDED and isinstance(why, ChargeEnded):  # the HIS said so before any stop has met the visit
                    await bookings.stopped(db, (now.claim_id,), step.at)
                await bookings.release(db, now.claim_id)
                await self._tell_patient(db, step, reason, why)
            if now.charge_id and _money_came(now, why):
                begun = await self._give_back(db, step, now.charge_id, Cause(reason))
        await start(self._runs, begun)
        return step.row

    async def _was_stopped(self, charge_id: UUID) -> bool:
        """The HIS took no money for a clinic that is stopped: said by the charge before the visit hears of the stop itself."""
        async with self._guard.database.reading() as db:
            return await charges.refusal(db, charge_id) == STOPPED

    async def _tell_patient(self, db: AsyncSession, step: Step[Revisit], reason: Reason, why: Leaving) -> None:
        """Once. Of 退诊 in the approved words of its reason: what the doctor wrote stands in no text."""
        paid = _money_came(step.now, why)
        if reason is Reason.SUSPENDED:
            paid |= isinstance(why, ChargeEnded) and why.outcome == "unsettled"  # the charge gives it back itself
            words = "已缴费用将原路退回" if paid else "您未产生费用"
            at = beijing(known((await revisits.facts(db, step.now.id)).slot_starts_at))
            again = step.now.id.hex
            await notices.tell_patient(db, step.now.id, Template.REVISIT_SUSPENDED, step.at, time=at, reason=words, visit=again)
            return
        if isinstance(why, Decline):
            template, words = Template.REVISIT_DECLINED, DECLINE_TEXTS[why.reason]
        else:
            template, words = Template.REVISIT_CANCELLED, notices.told(reason, paid=paid)
        await notices.tell_patient(db, step.now.id, template, step.at, reason=words)

    async def _check(self, step: Step[Revisit], now: Revisit, why: Cancel | Decline) -> None:
        async with self._guard.database.reading() as db:
            visit = await revisits.facts(db, now.id)
            policy = await policies.pinned(db, visit.policy)
            prescribed = await prescriptions.prescribed(db, now.id)
        if isinstance(why, Decline):
            if prescribed:
                raise DomainError("prescription.signed", "conflict")
        elif not (visit.rearranged or policy.may_cancel(step.at, known(visit.slot_starts_at))):
            raise DomainError("revisit.too_late_to_cancel", "conflict")

    @step("booking.rearrange")
    async def rearrange(self, now: Revisit, why: Rearranged) -> Revisit:
        """替诊, or another time: the visit stays, with its new deadlines. The patient is told, and may leave free of charge."""
        step = self._guard.step(now, "booking.rearrange", why)
        async with self._guard.database.reading() as db:
            visit = await revisits.facts(db, now.id)
            policy = await policies.pinned(db, visit.policy)
            held = await bookings.of_id(db, why.claim_id)
        due: dict[str, Any] = {}
        if now.state is State.BOOKED:
            due = {"due_at": held.unit_ends_at, "wake_at": policy.remind_at(step.at, held.starts_at, held.unit_ends_at)}
        elif now.state is State.WAITING:
            until = policy.accept_until(held.starts_at, held.unit_ends_at)
            due = {"due_at": until, "wake_at": min(known(now.wake_at), until)}
        if bookings.is_as_told(held, visit):  # told by an earlier one
            async with step.move(now.state):
                return step.row
        async with step.move(now.state, rearranged_at=step.at, **_place(held), **due) as db:
            doctor = await revisits.doctor_name(db, now.id)
            said = {
                "reason": _what_changed(visit, held),
                "time": beijing(held.starts_at),
                "doctor": doctor,
                "until": _free_until(held, step.at),
            }
            await notices.tell_patient(db, now.id, Template.REVISIT_REARRANGED, step.at, about=why.id, **said)
        return step.row

    @step("booking.note")
    async def note(self, now: Revisit, why: Stopped | Rearranged) -> Revisit:
        """Of a place that the visit does not hold any more, or that its doctor is seeing it in: nothing is left to do."""
        step = self._guard.step(now, "booking.note", why)
        async with step.move(now.state):
            return step.row

    async def _give_back(self, db: AsyncSession, step: Step[Revisit], charge_id: UUID, cause: Cause) -> refunds.Begun | None:
        paid = known(await payments.of_charge(db, charge_id))
        charge = await charges.facts(db, charge_id)
        policy = await policies.pinned(db, charge.policy)
        return await refunds.begin(db, paid.id, cause, step.at, policy, request=step.row.request or "")

    async def _tell_his(self, step: Step[Revisit], now: Revisit, to: State, why: Leaving) -> str | None:
        """The HIS's refusal to let go is an outcome to show, not a reason to keep the visit: nobody waits for it."""
        async with self._guard.database.reading() as db:
            held = await bookings.of_id(db, known(now.claim_id))
            encounter_id = (await revisits.facts(db, now.id)).encounter_id
        if to is State.ABSENT:
            tell = partial(self._his.no_show, known(held.appointment_id))
        elif not _money_came(now, why):
            tell = partial(self._his.release, held.appointment_id) if held.appointment_id else None
        else:  # booked there: the refund reverses that, but what has begun ends here, or it would stay open as long as the refund does
            tell = partial(self._his.cancel_encounter, encounter_id, step.at) if encounter_id else None
        if tell is None:
            return None
        async with step.fence():
            pass
        try:
            await tell()
        except DomainError as refused:
            if refused.code == "his.settled":  # nothing was paid here: at a window, or before our rows were restored
                _log.error("booking.paid_elsewhere", visit_id=str(now.id), claim_id=str(now.claim_id))
            return refused.code
        return None


def _money_came(now: Revisit, why: Leaving) -> bool:
    if isinstance(why, ChargeEnded):
        return why.outcome == "settled"
    return now.state in PAID


def _declined(why: Leaving) -> dict[str, object]:
    return {"declined_for": why.reason, "note_id": why.note_id} if isinstance(why, Decline) else {}


def _what_changed(visit: revisits.Facts, held: bookings.Claim) -> str:
    doctor = visit.doctor_id != held.doctor_id
    time = (visit.slot_starts_at, visit.unit_ends_at) != (held.starts_at, held.unit_ends_at)
    return REARRANGED_TEXTS[doctor, time]


def _free_until(held: bookings.Claim, at: datetime) -> str:
    """Nothing is promised that is over."""
    begins = held.unit_starts_at
    return f"{beijing(begins)}前可在线免费退号，未退号视为同意" if at < begins else "就诊单元已开始，如有疑问请联系门诊办"


def _place(held: bookings.Claim) -> dict[str, Any]:
    return {
        "schedule_id": held.schedule_id,
        "doctor_id": held.doctor_id,
        "department_id": held.department_id,
        "slot_id": held.slot_id,
        "slot_starts_at": held.starts_at,
        "unit_ends_at": held.unit_ends_at,
    }
