"""药品 on the patient's side of a prescription: priced by the HIS, chosen how, paid, dispensed, handed out or sent (P-3, P-5, P-8)."""

import secrets
from datetime import timedelta

import structlog

from activities.drug_steps import DrugSteps
from activities.signature import broken, given_back
from activities.steps import Step, outside, step
from models.account import Role
from models.charge import Close
from models.drug import Dispensing
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.message import Template
from models.policy import Policy
from models.prescription import (
    CancelDrugs,
    Choose,
    ChooseAgain,
    DeliveryEnded,
    DrugsCharged,
    DrugsReported,
    Prescription,
    PrescriptionState,
    SignatureReported,
    Way,
)
from models.process import Alarm, Event
from models.refund import Cause
from models.stores import charge as charges
from models.stores import delivery as deliveries
from models.stores import inbox, notices
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import prescription_signing as signing

_S = PrescriptionState
log = structlog.get_logger()
PAYABLE = "prescription"
PICKUP_DIGITS = 6


class DrugActivities(DrugSteps):
    """The HIS prices, dispenses and says so; we never do."""

    @step("drug.price")
    async def price(self, now: Prescription) -> Prescription:
        """The HIS takes what both signatures prove, under its content's number, and prices it. The rest goes back to the doctor."""
        step = self._guard.step(now, "drug.price")
        if unproved := await broken(self._guard, now, self._trusted, "doctor", "pharmacist"):
            return await given_back(step, unproved.code)
        async with step.fence() as db:
            written = await signing.written(db, now)
        try:
            async with outside():
                await self._his.write_prescription(written)
                bill = await self._his.price(written.number)
        except DomainError as refused:
            await self._his.cancel_prescription(written.number)  # lines that it took before it refused another
            return await given_back(step, refused.code)
        async with step.move(_S.CHOOSING, invoice_id=bill.invoice_id, amount_fen=bill.amount_fen, reason=None, wake_at=now.due_at) as db:
            await notices.tell_patient(db, now.visit_id, Template.PRESCRIPTION_APPROVED, step.at, about=now.id)
        return step.row

    @step("drug.choose")
    async def choose(self, now: Prescription, wish: Choose) -> Prescription:
        """取药方式. Online a charge over the HIS's bill is opened; at the hospital it stays payable there while it is valid.

        Chosen anew after 到院缴费 the HIS is asked first: what a window has taken meanwhile goes on there, and that is the answer.
        Raises `delivery.address_missing` for a parcel without one of the patient's addresses, `delivery.unreachable` where the carrier does
        not go.
        """
        step = self._guard.step(now, "drug.choose", wish, way=wish.way)
        if now.state is _S.AT_HOSPITAL and known(await self._his.dispensed(now.content_id)).state is not Dispensing.UNPAID:
            return await self._paid_at_window(step)
        if wish.way is Way.AT_HOSPITAL:
            poll_at = min((await self._policy(now)).drugs_asked_at(step.at, step.at), known(now.due_at))
            async with step.move(_S.AT_HOSPITAL, way=wish.way, wake_at=poll_at):
                return step.row
        if wish.way is Way.PARCEL:
            await self._may_be_sent(step, wish)
        charge_id = ids.derived("charge", now.id, wish.id)
        async with step.move(_S.PAYING, way=wish.way, address_id=wish.address_id, charge_id=charge_id, wake_at=None) as db:
            facts = await prescriptions.facts(db, now.id)
            rules = (await policies.pinned(db, facts.policy)).rules
            charge = await charges.wanted(
                db,
                charge_id,
                visit_id=now.visit_id,
                payable=PAYABLE,
                payable_id=now.id,
                invoice_id=known(facts.invoice_id),
                amount_fen=known(facts.amount_fen),
                policy=facts.policy,
                due_at=min(step.at + timedelta(seconds=rules.drugs_pay_s), known(now.valid_until)),
                request=wish.request,
            )
        await self._runs.begin("charge", charge_id, now.visit_id, charge)
        return step.row

    @step("drug.charged")
    async def charged(self, now: Prescription, ended: DrugsCharged) -> Prescription:
        """Settled, it is dispensed; unpaid, it is to be chosen again, or its time is over; what the HIS refused to settle goes back."""
        step = self._guard.step(now, "drug.charged", ended)
        if ended.outcome == "settled":
            poll_at = (await self._policy(now)).drugs_asked_at(step.at, step.at)
            async with step.move(_S.DISPENSING, due_at=None, wake_at=poll_at):
                return step.row
        if now.state is not _S.CLOSING and ended.outcome == "closed":
            async with step.move(_S.CHOOSING, way=None, wake_at=now.due_at):  # past its validity the alarm comes at once
                return step.row
        if await self._is_taken_there(step):
            return await self._paid_at_window(step)
        return await self._cancelled(step, "patient" if now.state is _S.CLOSING else ended.outcome)

    @step("drug.close")
    async def close(self, now: Prescription, why: CancelDrugs | DrugsReported) -> Prescription:
        """Not wanted, or paid at a window, while a charge is open: asked to close, it says whether money came; what is not so waits."""
        step = self._guard.step(now, "drug.close", why)
        if isinstance(why, DrugsReported) and known(await self._his.dispensed(now.content_id)).state is Dispensing.UNPAID:
            raise DomainError("prescription.not_now", "conflict")
        return await self._close(step, _S.CLOSING, why)

    async def _close(self, step: Step[Prescription], to: PrescriptionState, why: Event) -> Prescription:
        charge_id = known(step.now.charge_id)
        close = Close(id=ids.derived("close", charge_id, why.id))
        async with step.move(to) as db:
            await inbox.bring(db, "charge", charge_id, close, party=PAYABLE)
        await self._runs.knock("charge", charge_id, close)
        return step.row

    @step("drug.choose_again")
    async def choose_again(self, now: Prescription, wish: ChooseAgain) -> Prescription:
        """The charge is asked to close. Closed unpaid, a way is to be chosen, as after its deadline; if money came, this one stands."""
        return await self._close(self._guard.step(now, "drug.choose_again", wish), _S.PAYING, wish)

    @step("drug.leave")
    async def leave(self, now: Prescription, why: CancelDrugs | Alarm) -> Prescription:
        """Unpaid and not wanted, or its time is over: cancelled at the HIS first, so that no window takes money for it any more.

        Raises `prescription.paid` when a window took the money meanwhile: at the deadline that is an outcome, and the drugs are dispensed.
        """
        step = self._guard.step(now, "drug.leave", why)
        if await self._is_taken_there(step):
            if isinstance(why, CancelDrugs):
                async with step.give_up():
                    pass
                raise DomainError("prescription.paid", "conflict")
            return await self._paid_at_window(step)
        if isinstance(why, CancelDrugs):
            return await self._cancelled(step, "patient")
        async with step.move(_S.EXPIRED, due_at=None, wake_at=None, reason="expired") as db:
            await notices.tell_patient(db, now.visit_id, Template.PRESCRIPTION_EXPIRED, step.at, about=now.id)
            ended = await prescriptions.tell_visit(db, now.visit_id, now.id)
        await self._knock(now, ended)
        return step.row

    @step("drug.query")
    async def query(self, now: Prescription, why: DrugsReported | Alarm) -> Prescription:
        """A report or the time to ask: what the HIS answers counts."""
        step = self._guard.step(now, "drug.query", why)
        word = known(await self._his.dispensed(now.content_id))
        policy = await self._policy(now)
        match word.state, now.state:
            case Dispensing.PAID | Dispensing.PREPARED | Dispensing.HANDED_OUT, _S.AT_HOSPITAL | _S.CHOOSING:  # at a window; asked again
                await self._paid_at_window(step)
            case Dispensing.HANDED_OUT, _S.READY if now.delivery_id and known(word.at) <= await self._since(now):
                return await self._not_fetched(step, policy)  # to the courier, of a parcel that is back
            case Dispensing.HANDED_OUT, _ if now.way is not Way.PARCEL:
                return await self._completed(step)
            case ((Dispensing.PREPARED | Dispensing.HANDED_OUT), _S.DISPENSING):
                if now.way is Way.PARCEL:
                    return await self._ship(step)
                return await self._ready(step, policy)
            case _, _S.CHOOSING:  # its alarm is the end of its validity
                async with step.move(now.state):
                    pass
            case _, _S.READY:
                return await self._not_fetched(step, policy)
            case _:
                asked_at = policy.drugs_asked_at(step.at, await self._since(now))
                async with step.move(now.state, wake_at=min(asked_at, now.due_at or asked_at)):
                    pass
        return step.row

    async def _ready(self, step: Step[Prescription], policy: Policy, **values: Way) -> Prescription:
        """到院取药: under a code of its own, and with a time to be fetched in."""
        code = "".join(secrets.choice("0123456789") for _ in range(PICKUP_DIGITS))
        due_at, wake_at = policy.pickup_until(step.at), policy.drugs_asked_at(step.at, step.at)
        async with step.move(_S.READY, due_at=due_at, wake_at=wake_at, pickup_code=code, **values) as db:
            await notices.tell_patient(db, step.now.visit_id, Template.DRUGS_READY, step.at, about=step.now.id, code=code)
        return step.row

    async def _not_fetched(self, step: Step[Prescription], policy: Policy) -> Prescription:
        """The patient is reminded, then the pharmacy has a task (`due_at` is gone), each told once; the HIS's word alone ends it."""
        now, since = step.now, await self._since(step.now)
        remind_at, office_at = since + timedelta(seconds=policy.rules.pickup_remind_s), policy.pickup_until(since)
        marks = (policy.drugs_asked_at(step.at, since), *(at for at in (remind_at, office_at) if at > step.at))
        late = step.at >= office_at
        async with step.move(_S.READY, due_at=None if late else office_at, wake_at=min(marks)) as db:
            if step.at >= remind_at:
                code = known((await prescriptions.facts(db, now.id)).pickup_code)
                await notices.tell_patient(db, now.visit_id, Template.DRUGS_WAITING, step.at, about=now.id, code=code)
            if late:
                await notices.tell_office(db, now.visit_id, Template.DRUGS_UNCOLLECTED, Role.PHARMACIST, office_at, about=now.id)
        if late and now.due_at is not None:
            log.warning("drug.uncollected", prescription_id=str(now.id), visit_id=str(now.visit_id))
        return step.row

    @step("drug.give_back")
    async def give_back(self, now: Prescription, wish: CancelDrugs) -> Prescription:
        """Paid and not wanted: back by a refund, free until 调配. Raises `prescription.prepared`, `prescription.paid_at_window`."""
        step = self._guard.step(now, "drug.give_back", wish)
        async with step.fence():
            if now.way is Way.AT_HOSPITAL:
                raise DomainError("prescription.paid_at_window", "conflict")
        async with step.asking():
            if known(await self._his.dispensed(now.content_id)).state in {Dispensing.PREPARED, Dispensing.HANDED_OUT}:
                raise DomainError("prescription.prepared", "conflict")
        return await self._cancelled(step, "patient", Cause.PATIENT)

    @step("drug.delivered")
    async def delivered(self, now: Prescription, ended: DeliveryEnded) -> Prescription:
        """The parcel's end. What came back, or never went, is given back or fetched at the hospital, as a person decided."""
        step = self._guard.step(now, "drug.delivered", ended)
        match ended.outcome:
            case "refund":
                return await self._cancelled(step, "returned", Cause.RETURNED)
            case "kept":
                return await self._ready(step, await self._policy(now), way=Way.PICKUP)
            case "signed":
                return await self._completed(step)

    @step("drug.note")
    async def note(self, now: Prescription, news: DrugsReported | SignatureReported) -> Prescription:
        """Known already: the parcel is on its way, or the signature service had been asked before it told."""
        step = self._guard.step(now, "drug.note", news)
        async with step.move(now.state):
            return step.row

    async def _ship(self, step: Step[Prescription]) -> Prescription:
        """Paid, approved and prepared: now, and not before, a parcel is begun."""
        now = step.now
        async with step.move(_S.SHIPPING, due_at=None, wake_at=None, delivery_id=deliveries.id_of(now.id)) as db:
            facts = await prescriptions.facts(db, now.id)
            begun = await deliveries.begin(
                db,
                prescription_id=now.id,
                visit_id=now.visit_id,
                address_id=known(facts.address_id),
                policy=facts.policy,
                at=step.at,
                request=step.row.request or "",
            )
        await self._runs.begin("delivery", begun.id, begun.visit_id, begun.row)
        return step.row
