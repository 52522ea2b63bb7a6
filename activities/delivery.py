"""A parcel's steps: ordered at the carrier under its own number, asked for, and what a person decided about it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.steps import Guard, Step, outside, step
from gateways.logistics.port import Logistics
from models.account import Role
from models.delivery import (
    CARRIERS,
    TASKS,
    Decide,
    Decision,
    Delivery,
    DeliveryPushed,
    DeliveryState,
    Reach,
    TrackEvent,
    Waybill,
    merged,
    standing,
    wants_receiver,
)
from models.kernel import ids
from models.kernel.errors import DomainError
from models.message import Template
from models.policy import Policy
from models.prescription import DeliveryEnded
from models.process import Alarm, Runs
from models.stores import delivery as deliveries
from models.stores import inbox, notices
from models.stores import policy as policies
from models.stores import reader as readers

UNREACHABLE = "delivery.unreachable"
UNDECIDED = "delivery.undecided"
"""The carrier has looked at the address for too long."""
_SENT = frozenset({DeliveryState.PICKED_UP, DeliveryState.IN_TRANSIT, DeliveryState.OUT_FOR_DELIVERY})
WAYBILL_TAIL = 4
log = structlog.get_logger()


class DeliveryActivities:
    """The carrier's own word, asked for, is the only authority on where a parcel is; a push is a reason to ask."""

    def __init__(self, guard: Guard[Delivery], logistics: Logistics, runs: Runs) -> None:
        self._guard, self._logistics, self._runs = guard, logistics, runs

    @activity.defn(name="delivery.load")
    async def load(self, delivery_id: UUID) -> Delivery:
        """The row as it stands: where every run begins."""
        async with self._guard.database.reading() as db:
            return await deliveries.load(db, delivery_id)

    @step("delivery.create")
    async def create(self, now: Delivery) -> Delivery:
        """Ordered under the row's id: an order at the carrier at most once. That it is not taken is an outcome: a person decides."""
        step = self._guard.step(now, "delivery.create")
        async with step.fence() as db:
            delivery = await deliveries.facts(db, now.id)
            policy = await policies.pinned(db, delivery.policy)
            receiver = await deliveries.receiver(db, delivery.address_id)
        async with outside():
            try:
                answer = await self._logistics.create(delivery.number, receiver)
            except DomainError as refused:  # an earlier attempt may have landed without an answer: what was taken is taken
                answer = await self._logistics.find(delivery.number) or refused
        match answer:
            case DomainError(code=trouble):
                async with _stuck(step, policy, trouble):
                    return step.row
            case Waybill(reach=Reach.NO, number=number):
                async with _stuck(step, policy, UNREACHABLE, waybill=number):
                    return step.row
            case Waybill(reach=Reach.PENDING, number=number):
                until = delivery.due_at or policy.delivery_until(step.at)
                if step.at >= until:  # still an order at the carrier: whoever decides takes it back first, and a scan of it is followed
                    async with _stuck(step, policy, UNDECIDED, waybill=number):
                        return step.row
                asked_at = policy.delivery_asked_at(step.at, delivery.polls, until)
                async with step.move(DeliveryState.CREATING, polls=delivery.polls + 1, due_at=until, wake_at=asked_at):
                    return step.row
            case Waybill(number=number):
                async with step.move(DeliveryState.CREATED, waybill=number, **_anew(policy, step.at)):
                    return step.row

    @step("delivery.poll")
    async def poll(self, now: Delivery, why: DeliveryPushed | Alarm) -> Delivery:
        """Where the carrier says that it was seen, merged with what is known. Nothing new for too long: a task, and an alarm.

        Of what is back only a push makes us ask: whoever decides about it does not wait for the carrier.
        """
        step = self._guard.step(now, "delivery.poll", why)
        async with self._guard.database.reading() as db:
            delivery = await deliveries.facts(db, now.id)
            policy = await policies.pinned(db, delivery.policy)
            known = await deliveries.tracks(db, now.id)
        back = now.state is DeliveryState.RETURNED and isinstance(why, Alarm)
        events = known if back else merged(known, await self._logistics.track(delivery.number))
        if len(events) > len(known):
            return await self._seen(step, delivery, policy, events)
        if now.state in TASKS:
            return await self._undecided(step, delivery, policy)
        late = delivery.due_at is not None and step.at >= delivery.due_at
        asked: dict[str, Any] = {"polls": delivery.polls + 1, "wake_at": policy.delivery_asked_at(step.at, delivery.polls, delivery.due_at)}
        if late:
            asked |= {"due_at": None, "wake_at": policy.delivery_asked_at(step.at, delivery.polls)}
        async with step.move(DeliveryState.OVERDUE if late else now.state, **asked) as db:
            if late:
                await _tell_pharmacy(db, now, step.at)
        if late:
            log.warning("delivery.overdue", delivery_id=str(now.id), visit_id=str(now.visit_id), state=now.state)
        return step.row

    async def _undecided(self, step: Step[Delivery], delivery: deliveries.Facts, policy: Policy) -> Delivery:
        """Nobody has decided: after as long as a parcel may be silent the pharmacy is told again, and so on. Time decides nothing."""
        now = step.now
        async with self._guard.database.reading() as db:
            since = await deliveries.entered_at(db, now.id)
        pause = policy.delivery_until(since) - since
        told_at = since + (step.at - since) // pause * pause
        wake_at = told_at + pause
        if now.state is DeliveryState.OVERDUE:
            wake_at = policy.delivery_asked_at(step.at, delivery.polls, wake_at)
        async with step.move(now.state, polls=delivery.polls + 1, wake_at=wake_at) as db:
            if told_at > since:
                await _tell_pharmacy(db, now, told_at)
        return step.row

    async def _seen(self, step: Step[Delivery], delivery: deliveries.Facts, policy: Policy, events: tuple[TrackEvent, ...]) -> Delivery:
        """Something new is known. Only a scan that we understand takes a parcel away from where a person has to decide."""
        now, to = step.now, standing(events)
        if to is DeliveryState.CREATED and now.state in TASKS:
            to = now.state
        match to:
            case DeliveryState.SIGNED:
                ended = await self._end(step, delivery, to, "signed", events)
                await self._runs.knock("prescription", delivery.prescription_id, ended)
                return step.row
            case DeliveryState.RETURNED | DeliveryState.UNDELIVERABLE:
                values: dict[str, Any] = {"due_at": None, "wake_at": policy.delivery_until(step.at)}
            case DeliveryState.OVERDUE:
                values = {"wake_at": policy.delivery_asked_at(step.at, 0), "polls": 1}
            case _:
                values = _anew(policy, step.at) | {"trouble": None}
        async with step.move(to, **values) as db:
            await deliveries.keep_tracks(db, delivery.id, events, step.at)
            if wants_receiver(to, events):
                await _tell_failed(db, now, step.at)
            elif to in _SENT and now.state not in _SENT:
                await _tell_sent(db, now, step.at)
            if to in TASKS and to is not now.state:
                await _tell_pharmacy(db, now, step.at)
        return step.row

    @step("delivery.decide")
    async def decide(self, now: Delivery, wish: Decide) -> Delivery:
        """A person has decided; nothing is carried under this number any more. Sent again it is a parcel of its own, under a new number.

        Raises `delivery.picked_up` (it is on its way after all), `delivery.moved_on` (it was seen meanwhile), `delivery.address_missing`.
        """
        step = self._guard.step(now, "delivery.decide", wish, decision=wish.decision)
        async with step.fence() as db:
            delivery = await deliveries.facts(db, now.id)
            known = await deliveries.tracks(db, now.id)
            await deliveries.receiver(db, address_id := wish.address_id or delivery.address_id)
        async with step.asking(), outside():
            await self._let_go(now, delivery, known)
        values: dict[str, Any] = {"decision": wish.decision, "due_at": None, "wake_at": None}
        if wish.decision is not Decision.RESEND:
            outcome = "refund" if wish.decision is Decision.REFUND else "kept"
            ended = await self._end(step, delivery, DeliveryState.DECIDED, outcome, **values)
            await self._runs.knock("prescription", delivery.prescription_id, ended)
            return step.row
        async with step.move(DeliveryState.DECIDED, **values) as db:
            begun = await deliveries.begin(
                db,
                prescription_id=delivery.prescription_id,
                visit_id=delivery.visit_id,
                address_id=address_id,
                policy=delivery.policy,
                at=step.at,
                attempt=delivery.attempt + 1,
                request=wish.request,
            )
        await self._runs.begin("delivery", begun.id, begun.visit_id, begun.row)
        return step.row

    async def _let_go(self, now: Delivery, delivery: deliveries.Facts, known: tuple[TrackEvent, ...]) -> None:
        """What is back is in our hands. Of what was never seen the order is taken back; what was seen must not have moved meanwhile."""
        if now.state is DeliveryState.RETURNED:
            return
        if len(merged(known, await self._logistics.track(delivery.number))) > len(known):
            raise DomainError("delivery.moved_on", "conflict")
        if not known and not await self._logistics.cancel(delivery.number):
            raise DomainError("delivery.picked_up", "conflict")

    async def _end(
        self,
        step: Step[Delivery],
        delivery: deliveries.Facts,
        to: DeliveryState,
        outcome: str,
        events: tuple[TrackEvent, ...] = (),
        **values: Any,
    ) -> DeliveryEnded:
        """The parcel's end is news for the prescription that wanted it, in the same transaction."""
        ended = _ended(delivery, outcome)
        async with step.move(to, **({"due_at": None, "wake_at": None} | values)) as db:
            await deliveries.keep_tracks(db, delivery.id, events, step.at)
            await _tell(db, delivery, ended)
        return ended


def _ended(delivery: deliveries.Facts, outcome: str) -> DeliveryEnded:
    said = {"id": ids.derived("delivery_ended", delivery.id), "delivery_id": delivery.id, "outcome": outcome}
    return DeliveryEnded.model_validate(said)


async def _tell(db: AsyncSession, delivery: deliveries.Facts, ended: DeliveryEnded) -> None:
    """An inbox row of the prescription."""
    await inbox.bring(db, "prescription", delivery.prescription_id, ended, party="delivery")


async def _tell_sent(db: AsyncSession, now: Delivery, at: datetime) -> None:
    """To the patient, once a parcel: who carries it, and its waybill's last digits. Not what is in it."""
    told = await deliveries.told(db, now.id, readers.Reach(now.id, everywhere=True))
    if told.waybill:
        said = {"carrier": CARRIERS[told.carrier], "tail": told.waybill[-WAYBILL_TAIL:]}
        await notices.tell_patient(db, now.visit_id, Template.DELIVERY_SENT, at, about=now.id, **said)


async def _tell_failed(db: AsyncSession, now: Delivery, at: datetime) -> None:
    """To the patient, once a parcel, however often it is not handed over."""
    await notices.tell_patient(db, now.visit_id, Template.DELIVERY_FAILED, at, about=now.id)


async def _tell_pharmacy(db: AsyncSession, now: Delivery, at: datetime) -> None:
    """To each pharmacist, once for the instant since or at which it waits for them."""
    await notices.tell_office(db, now.visit_id, Template.DELIVERY_WAITING, Role.PHARMACIST, at, about=now.id)


def _anew(policy: Policy, at: datetime) -> dict[str, Any]:
    """Something was heard: asked again soon, and overdue only after as long a silence."""
    due_at = policy.delivery_until(at)
    return {"polls": 1, "due_at": due_at, "wake_at": policy.delivery_asked_at(at, 0, due_at)}


@asynccontextmanager
async def _stuck(step: Step[Delivery], policy: Policy, trouble: str, **values: Any) -> AsyncGenerator[AsyncSession]:
    """The carrier does not take it: a task for the pharmacy, an alarm, and the patient is told."""
    wake_at = policy.delivery_until(step.at)
    async with step.move(DeliveryState.UNDELIVERABLE, trouble=trouble, due_at=None, wake_at=wake_at, **values) as db:
        await _tell_failed(db, step.now, step.at)
        await _tell_pharmacy(db, step.now, step.at)
        yield db
    log.warning("delivery.undeliverable", delivery_id=str(step.now.id), visit_id=str(step.now.visit_id), trouble=trouble)
