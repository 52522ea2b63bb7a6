"""The online revisit, from 线上复诊 to 已结束: who may act when, and what a passed deadline means."""

from uuid import UUID

from temporalio import workflow

from workflows.process import Process, command, news, not_now

with workflow.unsafe.imports_passed_through():
    from activities.booking import BookingActivities
    from activities.consent import ConsentActivities
    from activities.eligibility import EligibilityActivities
    from activities.intake import IntakeActivities
    from activities.queue import QueueActivities
    from activities.revisit import RevisitActivities
    from activities.survey import SurveyActivities
    from models.prescription import PrescriptionEnded
    from models.process import Alarm, Event
    from models.revisit import (
        HOLDING,
        Accept,
        AnswerSurvey,
        Cancel,
        ChargeEnded,
        CheckIn,
        ChooseSlot,
        Complete,
        Consent,
        Decline,
        Describe,
        End,
        Enter,
        Relate,
        Revisit,
        SelfCheck,
        State,
    )
    from models.suspension import Rearranged, Stopped


@workflow.defn(name="revisit")
class RevisitWorkflow(Process[Revisit]):
    complete = command(Complete, Revisit)
    relate = command(Relate, Revisit)
    self_check = command(SelfCheck, Revisit)
    consent = command(Consent, Revisit)
    choose_slot = command(ChooseSlot, Revisit)
    describe = command(Describe, Revisit)
    cancel = command(Cancel, Revisit)
    check_in = command(CheckIn, Revisit)
    accept = command(Accept, Revisit)
    decline = command(Decline, Revisit)
    enter = command(Enter, Revisit)
    end = command(End, Revisit)
    answer_survey = command(AnswerSurvey, Revisit)
    charge_ended = news(ChargeEnded)
    prescription_ended = news(PrescriptionEnded)
    stopped = news(Stopped)
    rearranged = news(Rearranged)

    @workflow.run  # the SDK wants it on the class itself
    async def run(self, revisit_id: UUID, begun: Revisit | None) -> Revisit:
        return await self.walk(RevisitActivities.load, revisit_id, begun)

    async def _check(self, now: Revisit) -> None:
        await self.step(EligibilityActivities.check)

    async def _complete(self, now: Revisit) -> None:
        match await self.next(until=now.wake_at):
            case Complete() as wish:
                await self.step(EligibilityActivities.complete, wish)
            case Relate() as wish:
                await self.step(EligibilityActivities.relate, wish)
            case other:
                await self._leave(other)

    async def _consent(self, now: Revisit) -> None:
        match await self.next(until=now.wake_at):
            case SelfCheck() as wish:
                await self.step(ConsentActivities.self_check, wish)
            case Consent() as wish:
                await self.step(ConsentActivities.consent, wish)
            case Relate() as wish:
                await self.step(EligibilityActivities.relate, wish)
            case other:
                await self._leave(other)

    async def _choose(self, now: Revisit) -> None:
        match await self.next(until=now.wake_at):
            case ChooseSlot() as wish:  # our claim, then the HIS's lock
                await self.step(BookingActivities.hold, wish)
            case other:
                await self._leave(other)

    async def _describe(self, now: Revisit) -> None:
        match await self.next(until=now.wake_at):
            case Describe() as wish:  # from here on a charge is open
                await self.step(IntakeActivities.describe, wish)
            case other:
                await self._leave(other)

    async def _pay(self, now: Revisit) -> None:
        """No alarm here: while a charge is open the hold ends only by the charge's own end."""
        match await self.next():
            case ChargeEnded(outcome="settled") as paid:
                await self.step(BookingActivities.book, paid)
            case ChargeEnded() as why:
                await self.step(BookingActivities.leave, why)
            case Cancel() as why:
                await self.step(BookingActivities.close, why)
            case other:
                await self._clinic_changed(now, other)

    async def _close(self, now: Revisit) -> None:
        """A cancel while money may be on its way: only the charge knows whether it came."""
        match await self.next():
            case ChargeEnded() as why:
                await self.step(BookingActivities.leave, why)
            case other:
                await self._clinic_changed(now, other)

    async def _await_check_in(self, now: Revisit) -> None:
        match await self.next(until=now.wake_at):
            case CheckIn() as wish:
                await self.step(QueueActivities.check_in, wish)
            case Alarm() if not now.last_call:
                await self.step(QueueActivities.remind)
            case other:  # the 就诊单元 has closed: 未就诊
                await self._leave(other)

    async def _await_doctor(self, now: Revisit) -> None:
        match await self.next(until=now.wake_at):
            case Accept() as wish:
                await self.step(QueueActivities.accept, wish)
            case Alarm() if not now.last_call:
                await self.step(QueueActivities.urge)
            case other:  # not accepted by the end of the visit day: 退诊
                await self._leave(other)

    async def _consult(self, now: Revisit) -> None:
        """Chat and calls are rows and media; only entering, being called again and the end come here."""
        match await self.next(until=now.wake_at):
            case Enter() as wish:
                await self.step(QueueActivities.enter, wish)
            case End() as wish:
                await self.step(RevisitActivities.end, wish)
            case Alarm() if not now.last_call:
                await self.step(QueueActivities.call_again)
            case Alarm():  # 过号: back in the queue
                await self.step(QueueActivities.pass_over)
            case other:  # 退诊
                await self._leave(other)

    async def _finish(self, now: Revisit) -> None:
        """People see 已结束; it closes with the last of its survey and its prescriptions."""
        if not now.waits and not now.surveyed:
            await self.step(RevisitActivities.close, None)
            return
        match await self.next(until=now.wake_at):
            case AnswerSurvey() as wish:
                await self.step(SurveyActivities.answer, wish)
            case Alarm():
                await self.step(SurveyActivities.lapse)
            case PrescriptionEnded() as ended:
                await self.step(RevisitActivities.close, ended)
            case other:
                await self._clinic_changed(now, other)

    async def _leave(self, why: Event | Alarm) -> None:
        """What was paid goes back by a refund, which outlives the visit."""
        match why:
            case Cancel() | Decline() | Alarm():
                await self.step(BookingActivities.leave, why)
            case _:
                await self._clinic_changed(self.now, why)

    async def _clinic_changed(self, now: Revisit, why: Event | Alarm) -> None:
        """停诊, 替诊 or another time of the place that it holds. Who leaves already goes on leaving; who is being seen stays."""
        match why:
            case Stopped() | Rearranged() as known if known.claim_id != now.claim_id or now.state not in HOLDING:
                await self.step(BookingActivities.note, known)
            case Stopped() as stop if now.state is State.PAYING:
                await self.step(BookingActivities.close, stop)
            case Stopped() as stop:
                await self.step(BookingActivities.leave, stop)
            case Rearranged() as change:
                await self.step(BookingActivities.rearrange, change)
            case _:
                raise not_now()

    PATHWAY = {
        State.CHECKING: _check,
        State.COMPLETING: _complete,
        State.CONSENTING: _consent,
        State.CHOOSING: _choose,
        State.DESCRIBING: _describe,
        State.PAYING: _pay,
        State.CLOSING: _close,
        State.BOOKED: _await_check_in,
        State.WAITING: _await_doctor,
        State.CONSULTING: _consult,
        State.ENDED: _finish,
    }
