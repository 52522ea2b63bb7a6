"""The prescription: written, checked, signed, approved by a pharmacist, priced, paid, dispensed, and in the patient's hand."""

from uuid import UUID

from temporalio import workflow

from workflows.process import Process, command, news, not_now

with workflow.unsafe.imports_passed_through():
    from activities.drug import DrugActivities
    from activities.prescription import PrescriptionActivities
    from activities.review import ReviewActivities
    from activities.signature import SignatureActivities
    from models.prescription import (
        Amend,
        Answer,
        Approve,
        CancelDrugs,
        Choose,
        ChooseAgain,
        ClaimReview,
        DeliveryEnded,
        DrugsCharged,
        DrugsReported,
        Extend,
        Prescription,
        PrescriptionState,
        Question,
        Reject,
        ReleaseReview,
        SignatureReported,
        Submit,
        Withdraw,
    )
    from models.process import Alarm


@workflow.defn(name="prescription")
class PrescriptionWorkflow(Process[Prescription]):
    amend = command(Amend, Prescription)
    submit = command(Submit, Prescription)
    withdraw = command(Withdraw, Prescription)
    answer = command(Answer, Prescription)
    claim_review = command(ClaimReview, Prescription)
    release_review = command(ReleaseReview, Prescription)
    approve = command(Approve, Prescription)
    question = command(Question, Prescription)
    reject = command(Reject, Prescription)
    extend = command(Extend, Prescription)
    choose = command(Choose, Prescription)
    choose_again = command(ChooseAgain, Prescription)
    cancel_drugs = command(CancelDrugs, Prescription)
    signature_reported = news(SignatureReported)
    drugs_reported = news(DrugsReported)
    charge_ended = news(DrugsCharged)
    delivery_ended = news(DeliveryEnded)

    @workflow.run  # the SDK wants it on the class itself
    async def run(self, prescription_id: UUID, begun: Prescription | None) -> Prescription:
        return await self.walk(PrescriptionActivities.load, prescription_id, begun)

    async def _write(self, now: Prescription) -> None:
        match await self.next(until=now.wake_at):
            case Amend() as wish:
                await self.step(PrescriptionActivities.amend, wish)
            case Submit() as wish:  # the law's floors
                await self.step(PrescriptionActivities.submit, wish)
            case Withdraw() | Alarm() as why:
                await self.step(PrescriptionActivities.withdraw, why)
            case other:
                await self._known(other)

    async def _check(self, now: Prescription) -> None:
        """合理用药: what it denies is written anew, what it restricts justified."""
        await self.step(PrescriptionActivities.check)

    async def _sign(self, now: Prescription) -> None:
        """Whose turn it is confirms on their phone. Without the doctor nobody sees the prescription; without the pharmacist it is not
        approved, and waits in the queue again."""
        if now.task_id is None:
            await self.step(SignatureActivities.request)
            return
        match await self.next(until=now.wake_at):
            case SignatureReported() as knock:
                await self.step(SignatureActivities.query, knock)
            case Alarm() as due if not now.last_call or now.state is PrescriptionState.COUNTERSIGNING:
                await self.step(SignatureActivities.query, due)
            case ClaimReview() as wish:
                await self.step(ReviewActivities.claim, wish)
            case ReleaseReview() as wish:
                await self.step(ReviewActivities.release, wish)
            case Withdraw() | Alarm() as why:
                await self.step(PrescriptionActivities.withdraw, why)
            case _:
                raise not_now()

    async def _await_pharmacist(self, now: Prescription) -> None:
        """审方. Waiting long is told to more people, and ends with the day; it never approves."""
        match await self.next(until=now.wake_at):
            case ClaimReview() as wish:
                await self.step(ReviewActivities.claim, wish)
            case ReleaseReview() as wish:
                await self.step(ReviewActivities.release, wish)
            case Approve() as wish:
                await self.step(ReviewActivities.approve, wish)
            case Question() as wish:
                await self.step(ReviewActivities.question, wish)
            case Reject() as wish:
                await self.step(ReviewActivities.reject, wish)
            case Extend() as wish:
                await self.step(PrescriptionActivities.extend, wish)
            case other:
                await self._wait_or_end(now, other)

    async def _await_doctor(self, now: Prescription) -> None:
        """A pharmacist's question, or their rejection."""
        match await self.next(until=now.wake_at):
            case Answer() as wish:
                await self.step(ReviewActivities.answer, wish)
            case Amend() as wish:
                await self.step(PrescriptionActivities.amend, wish)
            case other:
                await self._wait_or_end(now, other)

    async def _wait_or_end(self, now: Prescription, why: object) -> None:
        match why:
            case Withdraw() as wish:
                await self.step(PrescriptionActivities.withdraw, wish)
            case Alarm() if not now.last_call:
                await self.step(ReviewActivities.escalate)
            case Alarm():
                await self.step(PrescriptionActivities.expire)
            case other:
                await self._known(other)

    async def _price(self, now: Prescription) -> None:
        """The HIS takes the prescription and prices it."""
        await self.step(DrugActivities.price)

    async def _choose(self, now: Prescription) -> None:
        match await self.next(until=now.wake_at):
            case Choose() as wish:  # a charge is open from here on, unless it is paid at the hospital
                await self.step(DrugActivities.choose, wish)
            case DrugsReported() as knock:  # paid at a window without a word here
                await self.step(DrugActivities.query, knock)
            case other:
                await self._unpaid(other)

    async def _await_window(self, now: Prescription) -> None:
        match await self.next(until=now.wake_at):
            case Choose() as wish:  # another way, unless it is paid there already
                await self.step(DrugActivities.choose, wish)
            case DrugsReported() as knock:
                await self.step(DrugActivities.query, knock)
            case Alarm() as due if not now.last_call:
                await self.step(DrugActivities.query, due)
            case other:
                await self._unpaid(other)

    async def _unpaid(self, why: object) -> None:
        match why:
            case Extend() as wish:
                await self.step(PrescriptionActivities.extend, wish)
            case CancelDrugs() | Alarm() as end:
                await self.step(DrugActivities.leave, end)
            case other:
                await self._known(other)

    async def _pay(self, now: Prescription) -> None:
        """No alarm here: while a charge is open only the charge knows whether money came."""
        match await self.next():
            case DrugsCharged() as ended:
                await self.step(DrugActivities.charged, ended)
            case ChooseAgain() as wish:
                await self.step(DrugActivities.choose_again, wish)
            case CancelDrugs() | DrugsReported() as why if now.state is PrescriptionState.PAYING:
                await self.step(DrugActivities.close, why)
            case other:
                await self._known(other)

    async def _dispense(self, now: Prescription) -> None:
        match await self.next(until=now.wake_at):
            case DrugsReported() | Alarm() as why:
                await self.step(DrugActivities.query, why)
            case CancelDrugs() as wish:  # free until 调配
                await self.step(DrugActivities.give_back, wish)
            case other:
                await self._known(other)

    async def _await_pickup(self, now: Prescription) -> None:
        match await self.next(until=now.wake_at):
            case DrugsReported() | Alarm() as why:
                await self.step(DrugActivities.query, why)
            case other:
                await self._known(other)

    async def _ship(self, now: Prescription) -> None:
        """The parcel is a process of its own."""
        match await self.next():
            case DeliveryEnded() as ended:
                await self.step(DrugActivities.delivered, ended)
            case DrugsReported() as known:
                await self.step(DrugActivities.note, known)
            case other:
                await self._known(other)

    async def _known(self, why: object) -> None:
        """A report that comes after the answer it is about: the signature service had been asked already, and nothing is left to do."""
        match why:
            case SignatureReported() as late:
                await self.step(DrugActivities.note, late)
            case _:
                raise not_now()

    PATHWAY = {
        PrescriptionState.DRAFTING: _write,
        PrescriptionState.CHECKING: _check,
        PrescriptionState.SIGNING: _sign,
        PrescriptionState.QUEUED: _await_pharmacist,
        PrescriptionState.QUESTIONED: _await_doctor,
        PrescriptionState.RETURNED: _await_doctor,
        PrescriptionState.COUNTERSIGNING: _sign,
        PrescriptionState.PRICING: _price,
        PrescriptionState.CHOOSING: _choose,
        PrescriptionState.PAYING: _pay,
        PrescriptionState.CLOSING: _pay,
        PrescriptionState.AT_HOSPITAL: _await_window,
        PrescriptionState.DISPENSING: _dispense,
        PrescriptionState.READY: _await_pickup,
        PrescriptionState.SHIPPING: _ship,
    }
