"""One visit walked to its end by its people, its charge, its refund, the outbox and the relay; at one thing on its way a fault is set."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, cast
from uuid import UUID

from sqlalchemy import select, text
from temporalio.client import Client

from activities.booking_locks import QUIET, StrayLocks
from activities.message import MessageOutbox
from models.charge import ChargeState, OrderState
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.message import MessageState
from models.process import News
from models.refund import MOVES as REFUND_MOVES
from models.refund import RefundState, Retry
from models.revisit import MOVES as VISIT_MOVES
from models.revisit import Accept, Cancel, Complete, Decline, DeclineReason, End, Enter, State
from models.stores import patient as patients
from models.tables.charge import ChargeOrderRow
from models.tables.message import MessageRow
from tests.builders import Person
from tests.faults.bills import Bills
from tests.faults.hospital import ADDRESS, PHONE, Hospital, Town
from tests.faults.record import Record
from tests.process.desk import RefundDesk
from tests.process.hospital import CHARGE_ENDS, wish
from tests.process.visit import Visit
from worker.build import Builds
from worker.relay import Relay
from workflows.runs import Runs

VISIT_ENDS, REFUND_ENDS = VISIT_MOVES.ends(), REFUND_MOVES.ends()
PERSON_S: Final = 30.0
"""What people take for each thing that they do."""
THINGS_MAX: Final = 80
Thing = tuple[str, Callable[[], Awaitable[object]]]
"""What happens next: the step that it is, or what else it is called, and how it is done."""
Before = Callable[[str], Awaitable[None]]
Behind = Callable[[str, DomainError | None], Awaitable[None]]
"""Told of each thing before it is done, and behind it with its refusal."""


class Path(StrEnum):
    """How a visit goes."""

    STRAIGHT = "straight"
    COMPLETED = "completed"
    """Straight, once what the regulator's standard misses has been supplied."""
    CANCELLED = "cancelled"
    """After paying."""
    DECLINED = "declined"
    """By the doctor, in the consulting room."""
    ABSENT = "absent"
    UNPAID = "unpaid"
    """Cancelled with an order open."""
    GIVEN_UP = "given_up"
    """Cancelled when no place was to be had."""
    PICKED_UP = "picked_up"
    """Straight, with drugs that are fetched at the hospital."""
    SENT = "sent"
    """Straight, with drugs that are sent, and signed for."""
    NOT_SENT = "not_sent"
    """The parcel is taken back before anybody has picked it up, and the money goes back."""
    NOT_WANTED = "not_wanted"
    """The patient leaves the drugs before paying."""


WITH_DRUGS: Final = frozenset({Path.PICKED_UP, Path.SENT, Path.NOT_SENT, Path.NOT_WANTED})


class Walk(Visit):
    """`next` says what happens next, from the rows alone; so whatever a fault led to, the walk goes on from there."""

    def __init__(self, hospital: Hospital, town: Town, path: Path, id: UUID) -> None:
        self.whole, self.town, self.path = hospital, town, path
        super().__init__(hospital, _person(town, path), town.unit, id)
        self.outbox = MessageOutbox(hospital.database, hospital.sms, hospital.clock)
        self.locks = StrayLocks(hospital.database, hospital.lines.his, hospital.clock)
        self.relay = Relay(
            hospital.database,
            cast(Client, None),
            cast(Runs, hospital.seen),
            hospital.strays,
            Builds(hospital.database, cast(Client, None)),
            hospital.clock,
        )
        self.record, self.bills = Record(self), Bills(hospital, id, town.finance)
        self.back: RefundDesk | None = None
        self.refusals: list[str] = []
        self._ways: dict[State, Callable[[], Awaitable[Thing]]] = {
            State.CHECKING: _named("eligibility.check", self.goes_on),
            State.COMPLETING: _named("eligibility.complete", self.completes),
            State.CONSENTING: _named("consent.consent", self.consents),
            State.CHOOSING: self._to_choose,
            State.DESCRIBING: _named("intake.describe", self.describes),
            State.PAYING: self._to_pay,
            State.BOOKED: self._booked,
            State.WAITING: _named("queue.accept", lambda: self.does(Accept)),
            State.CONSULTING: self._consulting,
            State.ENDED: _named("survey.answer", self.answers_survey),
        }

    # --- what happens next

    async def next(self) -> Thing | None:
        """None when all is over."""
        await self.meets_its_charge()
        thing = await self.bills.next() or await self._of_its_refund() or await self._of_its_charge()
        if thing is None and self.state not in VISIT_ENDS:
            if await self.hospital.waiting(self.id):
                thing = (await self._told(self.id), self.desk.news)
            else:
                thing = await self._ways[self.state]()
        if thing is None and await self.hospital.unhandled():
            thing = ("relay", self.relays)
        if thing is None and await self._unsent():
            thing = ("message", self._pause)
        return thing

    async def _told(self, process_id: UUID) -> str:
        (first, *_) = await self.hospital.waiting(process_id)
        kind = str(cast(News, first).model_dump()["kind"])
        names = {"reported": "charge.query", "close": "charge.close", "refund_reported": "refund.query"}
        return names.get(kind) or ("booking.book" if first.outcome == "settled" else "booking.leave")

    async def _of_its_charge(self) -> Thing | None:
        if not self.has_charge or self.charge.state in CHARGE_ENDS:
            return None
        if self.charge.state is ChargeState.PAID:
            return "charge.settle", self.charge.happens
        if await self.hospital.waiting(self.charge.id):
            return await self._told(self.charge.id), self.charge.news
        return None

    async def _of_its_refund(self) -> Thing | None:
        if self.back is None and self.now.charge_id and await self.hospital.refund_ids(self.now.charge_id):
            self.back = await self.refund()
        if self.back is None or self.back.state in REFUND_ENDS:
            return None
        back = self.back
        match back.state:
            case RefundState.REQUESTED:
                return "refund.reverse", back.happens
            case RefundState.CLEARED:
                return "refund.apply", back.alarm if back.now.wake_at else back.happens
            case RefundState.STUCK:
                return "refund.retry", lambda: back.happens(wish(Retry, self.town.finance))
            case _:
                return "refund.query", lambda: self._arrives(back)

    async def _to_choose(self) -> Thing:
        if self.path is Path.GIVEN_UP and self.refusals:
            return "booking.leave", lambda: self.does(Cancel)
        return "booking.hold", self.chooses

    async def _to_pay(self) -> Thing:
        open_order = await self._open_order()
        if open_order is None:
            return "charge.order", self.orders
        if self.path is Path.UNPAID:
            return "booking.close", lambda: self.does(Cancel)
        return "pay", lambda: self._pays(open_order)

    async def _booked(self) -> Thing:
        if self.path is Path.CANCELLED:
            return "booking.leave", lambda: self.does(Cancel)
        if self.path is Path.ABSENT:
            self.whole.outside.clock.at = known(self.now.wake_at)
            return ("booking.leave" if self.now.last_call else "queue.remind"), self.desk.alarm
        return "queue.check_in", self.checks_in

    async def _consulting(self) -> Thing:
        if self.path is Path.DECLINED:
            return "booking.leave", lambda: self.does(Decline, reason=DeclineReason.IN_PERSON)
        if not self.now.entered:
            return "queue.enter", lambda: self.does(Enter)
        return await self.record.next() or ("revisit.end", lambda: self.does(End))

    # --- what people do

    async def completes(self) -> object:
        supplement_id = ids.new()
        async with self.hospital.database.transaction() as db:
            await patients.supply(db, supplement_id, self.person.patient_id, phone=PHONE, address=ADDRESS, now=self.hospital.clock())
        return await self.does(Complete, supplement_id=supplement_id)

    async def _open_order(self) -> str | None:
        async with self.hospital.database.reading() as db:
            mine = ChargeOrderRow.charge_id == self.charge.id
            found = await db.scalar(select(ChargeOrderRow.id).where(mine, ChargeOrderRow.state == OrderState.OPEN))
            return found.hex if found else None

    async def _pays(self, order_no: str) -> None:
        """At the cashier, and once: then the bank reports it, sooner or later."""
        await self.whole.outside.pays(order_no)
        await self._is_told(self.charge.id)

    async def _arrives(self, back: RefundDesk) -> None:
        """The bank reports it, or it is asked when the row wants to be woken."""
        await self._is_told(back.id, rounds=1)
        if await self.hospital.waiting(back.id):
            await back.news()
        else:
            await back.alarm()

    async def _is_told(self, process_id: UUID, rounds: int = 10) -> None:
        for _ in range(rounds):
            await self.whole.outside.delivered()
            if await self.hospital.waiting(process_id):
                return
            await self.whole.outside.clock.passes(6)
        if rounds > 1:
            raise AssertionError("the bank never told it")

    async def hears(self, process_id: UUID) -> None:
        """For as long as people look at a screen."""
        for _ in range(10):
            await self.whole.outside.delivered()
            if await self.hospital.waiting(process_id):
                return
            await self.whole.outside.clock.passes(6)

    async def _pause(self) -> None:
        """Nothing but time passes."""

    async def _unsent(self) -> bool:
        async with self.hospital.database.reading() as db:
            open_ones = MessageRow.state.in_((MessageState.DUE, MessageState.SENDING))
            return await db.scalar(select(MessageRow.id).where(open_ones).limit(1)) is not None

    # --- what the worker does

    async def relays(self) -> None:
        """As if the moment had passed that the relay leaves to the short cut; its knocks are nobody's here."""
        async with self.hospital.database.transaction() as db:
            await db.execute(text("update inbox set knock_at = now() where handled_at is null"))
        await self.relay.knock_due()

    async def sends(self) -> None:
        """What is in the outbox goes to the carrier, each message once."""
        while await self.outbox.send_due():
            pass

    async def looks_for_stray_locks(self) -> None:
        """A whole round."""
        for _ in range(4):
            await self.locks.release_due()
            await self.whole.outside.clock.passes(QUIET.total_seconds() + 1)

    # --- the walk

    async def goes(self, before: Before, after: Behind) -> None:
        """To the end of everything, what comes late included. Who was refused asks again, by a wish of its own."""
        await self._goes_on(before, after)
        await self._does("booking.locks", self.looks_for_stray_locks, before, after)
        await self.whole.outside.delivered()
        await self._goes_on(before, after)

    async def _goes_on(self, before: Before, after: Behind) -> None:
        for _ in range(THINGS_MAX):
            await self.whole.outside.clock.passes(PERSON_S)
            thing = await self.next()
            if thing is None:
                return
            await self._does(*thing, before, after)
        raise AssertionError(f"it goes on and on: {self.state}")

    async def _does(self, name: str, do: Callable[[], Awaitable[object]], before: Before, after: Behind) -> None:
        await before(name)
        refusal = None
        try:
            await do()
        except DomainError as refused:
            refusal = refused
            self.refusals.append(refused.code)
        await self.sends()
        await after(name, refusal)


def _named(name: str, do: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[Thing]]:
    async def thing() -> Thing:
        return name, do

    return thing


def _person(town: Town, path: Path) -> Person:
    return town.incomplete if path is Path.COMPLETED else town.complete


async def opened(hospital: Hospital, town: Town, path: Path, of: type[Walk] = Walk) -> Walk:
    """A visit just opened, its row loaded."""
    walk = of(hospital, town, path, await hospital.visit(_person(town, path), town.policy))
    await walk.desk.begin()
    return walk
