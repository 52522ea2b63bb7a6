"""候诊: reminded, checked in, accepted, called, entered, passed over (P-2.4, P-4, D-2.3)."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.steps import Guard, Step, outside, step
from gateways.his.port import HIS
from models.kernel import ids
from models.kernel.clock import beijing
from models.kernel.errors import DomainError, known
from models.message import Template
from models.process import Runs
from models.queue import check_in_open
from models.revisit import Accept, CheckIn, Enter, Revisit, State
from models.stores import booking as bookings
from models.stores import inbox, notices
from models.stores import policy as policies
from models.stores import revisit as revisits
from models.suspension import Rearranged, Stopped

R = TypeVar("R")


class QueueActivities:
    def __init__(self, guard: Guard[Revisit], his: HIS, runs: Runs) -> None:
        self._guard, self._his, self._runs = guard, his, runs

    @step("queue.remind")
    async def remind(self, now: Revisit) -> Revisit:
        """Once, and only before the slot; the next alarm is the end of the 就诊单元."""
        step = self._guard.step(now, "queue.remind")
        async with step.move(State.BOOKED, wake_at=now.due_at) as db:
            starts_at = known((await revisits.facts(db, now.id)).slot_starts_at)
            if step.at < starts_at:
                await notices.tell_patient(db, now.id, Template.REVISIT_REMINDER, step.at, time=beijing(starts_at))
        return step.row

    @step("queue.check_in")
    async def check_in(self, now: Revisit, wish: CheckIn) -> Revisit:
        """报到 on the day only. Raises `queue.not_the_day`, and `slot.stopped` when the hospital has cancelled it: news then."""
        step = self._guard.step(now, "queue.check_in", wish)
        async with step.fence() as db:
            visit = await revisits.facts(db, now.id)
            policy = await policies.pinned(db, visit.policy)
            held = await bookings.of_id(db, known(visit.claim_id))
            if not check_in_open(step.at, on=held.on, unit_starts_at=held.unit_starts_at, slot_starts_at=held.starts_at):
                raise DomainError("queue.not_the_day", "conflict", on=held.on.isoformat())
        await self._unless_stopped(step, held, self._his.check_in(known(held.appointment_id)))
        until = policy.accept_until(held.starts_at, held.unit_ends_at)
        urge_at = min(step.at + timedelta(seconds=policy.rules.accept_remind_s), until)
        async with step.move(State.WAITING, checked_in_at=step.at, due_at=until, wake_at=urge_at):
            pass
        return step.row

    async def _unless_stopped(self, step: Step[Revisit], held: bookings.Claim, call: Awaitable[R]) -> R:
        """The call of a step about its place. Raises `slot.stopped`: it is refused since a 停诊 has cancelled that there, unheard by us."""
        async with step.asking(), outside():
            try:
                return await call
            except DomainError as refused:
                if refused.code != "his.not-booked" or held.id not in await self._his.stopped((held.slot_id,)):
                    raise
        await self._bring_stop(step, held.id)
        raise DomainError("slot.stopped", "conflict", slot_id=held.slot_id)

    async def _bring_stop(self, step: Step[Revisit], claim_id: UUID) -> None:
        async with step.give_up() as db:
            event = await _stop(db, step, claim_id)
        await self._runs.knock("revisit", step.now.id, event)

    @step("queue.urge")
    async def urge(self, now: Revisit) -> Revisit:
        """The doctor is reminded of who waits; after as long again, 门诊办."""
        step = self._guard.step(now, "queue.urge")
        async with self._guard.database.reading() as db:
            visit = await revisits.facts(db, now.id)
            rules = (await policies.pinned(db, visit.policy)).rules
            reminded = await revisits.times_done(db, now.id, "queue.urge")
        again_at = step.at + timedelta(seconds=rules.accept_remind_s)
        wake_at = min(again_at, known(now.due_at)) if reminded == 0 else now.due_at
        async with step.move(State.WAITING, wake_at=wake_at) as db:
            await notices.tell_staff(db, now.id, step.at, doctor_id=visit.doctor_id if reminded == 0 else None)
        return step.row

    @step("queue.accept")
    async def accept(self, now: Revisit, wish: Accept) -> Revisit:
        """接诊: in progress at the HIS, and the patient is invited. Raises `slot.stopped` as `check_in` does."""
        step = self._guard.step(now, "queue.accept", wish)
        async with step.fence() as db:
            visit = await revisits.facts(db, now.id)
            policy = await policies.pinned(db, visit.policy)
            held = await bookings.of_id(db, known(visit.claim_id))
        begin = self._his.begin_encounter(now.id, known(held.appointment_id), visit.his_patient_id, held.doctor_id, step.at)
        encounter_id = await self._unless_stopped(step, held, begin)
        enter = timedelta(seconds=policy.rules.enter_s)
        async with step.move(
            State.CONSULTING,
            encounter_id=encounter_id,
            called_at=step.at,
            calls=1,
            entered_at=None,
            due_at=step.at + enter * policy.rules.calls_max,
            wake_at=step.at + enter,
        ) as db:
            await notices.tell_patient(db, now.id, Template.REVISIT_CALLED, step.at, minutes=str(max(policy.rules.enter_s // 60, 1)))
        return step.row

    @step("queue.enter")
    async def enter(self, now: Revisit, wish: Enter) -> Revisit:
        """进入诊室: nothing runs out any more. Raises `queue.entered_already`."""
        step = self._guard.step(now, "queue.enter", wish)
        async with step.move(State.CONSULTING, entered_at=step.at, due_at=None, wake_at=None):
            if now.entered:  # inside, so that the same wish again finds that it was done
                raise DomainError("queue.entered_already", "conflict")
        return step.row

    @step("queue.call_again")
    async def call_again(self, now: Revisit) -> Revisit:
        """Called and not in the room: called again, with the whole time to come, however late the call is; and told when it is 过号."""
        step = self._guard.step(now, "queue.call_again")
        async with self._guard.database.reading() as db:
            visit = await revisits.facts(db, now.id)
            rules = (await policies.pinned(db, visit.policy)).rules
        enter = timedelta(seconds=rules.enter_s)
        passed_over_at = step.at + enter * (rules.calls_max - now.calls)
        deadlines = {"due_at": passed_over_at, "wake_at": step.at + enter}
        async with step.move(State.CONSULTING, calls=now.calls + 1, called_at=step.at, **deadlines) as db:
            await notices.tell_patient(db, now.id, Template.REVISIT_CALLED_AGAIN, step.at, time=beijing(passed_over_at))
        return step.row

    @step("queue.pass_over")
    async def pass_over(self, now: Revisit) -> Revisit:
        """过号: a mark in the queue and a place at its end, not a state.

        Whom a stop, 替诊 or another time left alone since the doctor had accepted them waits again in a clinic that nobody holds, or that
        another does: to them it comes now.
        """
        step, claim_id = self._guard.step(now, "queue.pass_over"), known(now.claim_id)
        async with self._guard.database.reading() as db:
            visit = await revisits.facts(db, now.id)
            policy, held = await policies.pinned(db, visit.policy), await bookings.of_id(db, claim_id)
        until = policy.accept_until(known(visit.slot_starts_at), known(visit.unit_ends_at))
        urge_at = min(step.at + timedelta(seconds=policy.rules.accept_remind_s), until)
        async with step.move(State.WAITING, passed_over_at=step.at, due_at=until, wake_at=urge_at) as db:
            change: Stopped | Rearranged | None = None
            if await bookings.has_stopped(db, claim_id):
                change = await _stop(db, step, claim_id)
            elif not bookings.is_as_told(held, visit):
                change = Rearranged(id=ids.derived("rearranged", now.id, step.key), claim_id=claim_id)
                await inbox.bring(db, "revisit", now.id, change, party="revisit")
        if change:
            await self._runs.knock("revisit", now.id, change)
        return step.row


async def _stop(db: AsyncSession, step: Step[Revisit], claim_id: UUID) -> Stopped:
    """The same news that a suspension brings, once for a place."""
    event = Stopped(id=ids.derived("stopped", claim_id), claim_id=claim_id)
    await bookings.stopped(db, [claim_id], step.at)
    await inbox.bring(db, "revisit", step.now.id, event, party="revisit")
    return event
