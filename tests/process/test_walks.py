"""Whatever people, the outside and time do, in whatever order: every visit ends, once, and all books agree."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from temporalio.exceptions import ApplicationError, TemporalError

from activities.refund import RefundActivities
from models.booking import ClaimState
from models.charge import CAME, OrderState, Scene
from models.charge import MOVES as CHARGE_MOVES
from models.consent import Symptom
from models.kernel import ids
from models.kernel.errors import DomainError
from models.ledger import Account
from models.message import Template
from models.process import Command
from models.refund import MOVES as REFUND_MOVES
from models.refund import RefundState, RefundStatus, Retry
from models.revisit import (
    COMMANDS,
    MOVES,
    Accept,
    AnswerSurvey,
    Cancel,
    CheckIn,
    ChooseSlot,
    Complete,
    Consent,
    Decline,
    DeclineReason,
    Describe,
    End,
    Enter,
    Reason,
    Relate,
    SelfCheck,
    State,
)
from models.stores import charge as charges
from models.stores import ledger_proof
from tests.builders import FEE_FEN, NOTICE
from tests.client import Hands
from tests.process.desk import ChargeDesk, RefundDesk, VisitDesk
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, opened, reported

STEPS_MAX = 120
HIS_CALLS = (
    *("lock", "find_lock", "release", "bill", "settle", "reverse"),
    *("check_in", "no_show", "begin_encounter", "finish_encounter", "cancel_encounter"),
)
CHANNEL_CALLS = ("order", "query", "close", "refund", "query_refund")
REFUSING = ("lock", "settle", "reverse", "check_in", "no_show", "begin_encounter", "finish_encounter", "cancel_encounter", "release")
REFUSALS = (DomainError, ApplicationError, TemporalError)
"""Of a wish out of turn, or that the outside or a rule refuses: the row stays where it was."""


class Walk:
    """A visit that meets everything at random."""

    def __init__(self, visit: Visit, chance: Random) -> None:
        self.visit, self.hospital, self.chance = visit, visit.hospital, chance
        self.asked: list[Command] = []
        self.happenings: list[Callable[[], Awaitable[object]]] = [
            *(self.a_person_goes_on,) * 6,
            *(self.news, self.news, self.charge_news, self.charge_news, self.paid),
            *(self.anybody_asks_anything, self.somebody_repeats, self.alarm, self.charge_alarm, self.report, self.time, self.fault),
            *(self.a_hand_is_lost,),
            *(self.a_refund_goes_on, self.a_refund_goes_on, self.the_channel_gives_back, self.the_relay_comes),
        ]
        self.refunds: dict[UUID, RefundDesk] = {}

    @property
    def over(self) -> bool:
        charge = self.visit.has_charge
        return self.visit.state in MOVES.ends() and (not charge or self.visit.charge.state in CHARGE_MOVES.ends()) and not self.owed

    @property
    def owed(self) -> list[RefundDesk]:
        """What is still on its way back."""
        return [one for one in self.refunds.values() if one.state not in REFUND_MOVES.ends()]

    async def take(self) -> None:
        """What is due comes first, as at the desk."""
        try:
            if self.due(self.visit.desk):
                await self.alarm()
            elif self.visit.has_charge and self.due(self.visit.charge):
                await self.visit.charge.alarm()
            else:
                await self.chance.choice(self.happenings)()
        except REFUSALS:
            await self.look()

    def due(self, desk: VisitDesk | ChargeDesk) -> bool:
        return desk.state is not State.CHECKING and desk.now.wake_at is not None and desk.now.wake_at <= self.hospital.clock()

    async def look(self) -> None:
        """As a run does that was refused, or that begins again; what is under way is finished first."""
        await self.hospital.hand_time_is_up()
        await self.meet_refunds()
        for desk in [self.visit.desk, *([self.visit.charge] if self.visit.has_charge else []), *self.refunds.values()]:
            await desk.begin()
            if desk.now.under_way:
                try:
                    await desk.happens(desk.now.under_way)
                except REFUSALS:
                    await desk.begin()

    async def meet_refunds(self) -> None:
        for refund_id in await self.hospital.refund_ids():
            if refund_id not in self.refunds:
                self.refunds[refund_id] = RefundDesk(self.hospital, refund_id, RefundActivities.load)
                await self.refunds[refund_id].begin()

    async def a_refund_goes_on(self) -> None:
        await self.meet_refunds()
        if self.owed:
            await self.takes_its_course(self.chance.choice(self.owed))

    async def takes_its_course(self, refund: RefundDesk) -> None:
        """What is stuck is tried again by 财务处; the rest asks nobody, or waits for the time to ask."""
        if refund.state is RefundState.STUCK:
            await refund.happens(wish(Retry, self.visit.unit.doctor_account_id))
        elif refund.state is RefundState.ACCEPTED or refund.now.wake_at:
            await refund.alarm()
        else:
            await refund.happens()

    async def the_channel_gives_back(self) -> None:
        """It ends a refund, mostly well."""
        channel = self.hospital.wechat_pay
        going = [number for number, one in channel.refunds.items() if one.status is RefundStatus.PROCESSING]
        if going:
            ends = [RefundStatus.SUCCESS] * 4 + [RefundStatus.CLOSED, RefundStatus.ABNORMAL]
            channel.ends(self.chance.choice(going), self.chance.choice(ends))

    async def the_relay_comes(self) -> None:
        await self.hospital.relays()

    def command(self, kind: type[Command], **fields: object) -> Command:
        by = self.visit.unit.doctor_account_id if kind in (Accept, Decline, End) else self.visit.person.account_id
        self.asked.append(wish(kind, by, **fields))
        return self.asked[-1]

    async def made(self, kind: type[Command]) -> Command:
        """A wish of that kind, mostly a sound one."""
        sound = self.chance.random() < 0.9
        fields: dict[type[Command], dict[str, Any]] = {
            SelfCheck: {"symptoms": () if sound else (Symptom.CONFUSION,)},
            Consent: {"text_version": NOTICE.version, "text_hash": NOTICE.hash if sound else "0" * 64},
            ChooseSlot: {"slot_id": self.visit.unit.slot_ids[0] if sound else "slot-of-nobody"},
            Describe: {"intake_id": await self.hospital.described(self.visit.id)},
            Relate: {"past_encounter_id": (await self.hospital.row(self.visit.id)).past_encounter_id or "enc-of-nobody"},
            Complete: {"supplement_id": self.visit.id},
            AnswerSurvey: {"answer_id": await self._filled_in()},
            Decline: {"reason": self.chance.choice(list(DeclineReason))},
        }
        return self.command(kind, **fields.get(kind, {}))

    async def _filled_in(self) -> UUID:
        """An answer of the survey, once there is one."""
        if self.visit.state is not State.ENDED:
            return ids.new()
        return await self.hospital.answered(self.visit.id, self.visit.person.account_id)

    async def a_person_goes_on(self) -> None:
        """What the state is for, by who is at turn."""
        onward: dict[State, type[Command]] = {
            State.CONSENTING: Consent if (await self.hospital.row(self.visit.id)).self_checked_at else SelfCheck,
            State.CHOOSING: ChooseSlot,
            State.DESCRIBING: Describe,
            State.BOOKED: CheckIn,
            State.WAITING: Accept,
            State.CONSULTING: End if self.visit.now.entered else Enter,
            State.ENDED: AnswerSurvey,
        }
        match self.visit.state:
            case State.CHECKING:
                await self.visit.goes_on()
            case State.PAYING if self.visit.has_charge and self.visit.charge.state == "open":
                await self.visit.orders(self.chance.choice(list(Scene)))
            case state if state in onward:
                if onward[state] is End and self.chance.random() < 0.8:
                    await self.hospital.recorded(self.visit.id, self.visit.unit.doctor_account_id)
                await self.visit.desk.happens(await self.made(onward[state]))
                await self.visit.meets_its_charge()
            case _:
                pass

    async def anybody_asks_anything(self) -> None:
        if self.visit.state in MOVES.ends() | {State.CHECKING}:
            return
        kind = Cancel if self.chance.random() < 0.3 else self.chance.choice(COMMANDS)
        await self.visit.desk.happens(await self.made(kind))
        await self.visit.meets_its_charge()

    async def somebody_repeats(self) -> None:
        if self.asked and self.visit.state not in MOVES.ends() | {State.CHECKING}:
            await self.visit.desk.happens(self.chance.choice(self.asked))

    async def news(self) -> None:
        if self.visit.state in {State.PAYING, State.CLOSING} and await self.hospital.waiting(self.visit.id):
            await self.visit.desk.news()

    async def charge_news(self) -> None:
        if not self.visit.has_charge:
            return
        if self.visit.charge.state == "paid":
            await self.visit.charge.happens()
        elif self.visit.charge.state == "open" and await self.hospital.waiting(self.visit.charge.id):
            await self.visit.charge.news()

    async def alarm(self) -> None:
        if self.visit.now.wake_at and self.visit.state is not State.CHECKING:
            await self.visit.desk.alarm()

    async def charge_alarm(self) -> None:
        if self.visit.has_charge and self.visit.charge.state == "open" and self.chance.random() < 0.3:
            await self.visit.charge.alarm()

    async def paid(self) -> None:
        channel = self.hospital.wechat_pay
        if channel.payable:
            channel.pay(self.chance.choice(channel.payable).number, amount_fen=self.chance.choice([None, None, None, 1]))

    async def report(self) -> None:
        """Of any order, whatever became of it; again and again."""
        if self.visit.has_charge and (orders := list(self.hospital.wechat_pay.orders)):
            await reported(self.hospital, self.visit.charge.id, self.chance.choice(orders))

    async def time(self) -> None:
        hands = self.hospital.clock
        assert isinstance(hands, Hands)
        hands.at += timedelta(minutes=self.chance.choice([1, 3, 10]))

    async def fault(self) -> None:
        landed = self.chance.random() < 0.5
        line, call = self.chance.choice(
            [(self.hospital.his, one) for one in HIS_CALLS] + [(self.hospital.wechat_pay, one) for one in CHANNEL_CALLS]
        )
        if call in REFUSING and self.chance.random() < 0.3:
            line.refuses(call, "his.refused", landed=landed and call == "lock")
        else:
            line.silent(call, landed=landed)

    async def a_hand_is_lost(self) -> None:
        """The worker dies in the middle of a step, and another begins again."""
        for call in HIS_CALLS:
            self.hospital.his.silent(call, landed=self.chance.random() < 0.5)
        try:
            await self.a_person_goes_on()
        finally:
            self.hospital.his.mends()
            await self.look()

    async def ends(self) -> None:
        """Nobody does anything any more, the outside is well again: time alone brings it to its end."""
        self.hospital.his.mends()
        self.hospital.wechat_pay.mends()
        await self.look()
        for number in [number for number, one in self.hospital.wechat_pay.orders.items() if one.state in CAME]:
            await reported(self.hospital, self.visit.charge.id, number)
        for _ in range(STEPS_MAX):
            await self.hospital.relays()
            await self.meet_refunds()
            if self.over:
                return
            if self.owed:
                await self.is_given_back(self.owed[0])
            elif self.visit.state is State.CHECKING:
                await self.visit.goes_on()
            elif self.visit.has_charge and self.visit.charge.state == "paid":
                await self.visit.charge.happens()
            elif self.visit.has_charge and self.visit.charge.state == "open":
                await self.visit.charge.alarm()
            elif self.visit.state in {State.PAYING, State.CLOSING}:
                await self.visit.desk.news()
            elif self.visit.now.wake_at:
                await self.visit.desk.alarm()
            else:
                await self.hospital.recorded(self.visit.id, self.visit.unit.doctor_account_id)
                await self.visit.does(End)
        raise AssertionError(f"{self.visit.state} never ends")

    async def is_given_back(self, refund: RefundDesk) -> None:
        for number, one in self.hospital.wechat_pay.refunds.items():
            if one.status in {RefundStatus.PROCESSING, RefundStatus.ABNORMAL}:
                self.hospital.wechat_pay.ends(number)
        await self.takes_its_course(refund)


async def books_agree(walk: Walk) -> None:
    visit, hospital = walk.visit, walk.hospital
    row, slot_id = await hospital.row(visit.id), visit.unit.slot_ids[0]
    seen, channel = visit.state is State.CLOSED, hospital.wechat_pay
    kept_fen = FEE_FEN if seen else 0
    told, story = await hospital.told(visit.id), await hospital.story(visit.id)

    assert await hospital.taken(slot_id) == (1 if seen else 0)
    statuses = [one.status for one in hospital.his.appointments.values()]
    assert statuses.count("fulfilled") == (1 if seen else 0)
    assert "pending" not in statuses or row.refusal, "no lock is left at the HIS, unless it would not let go"
    assert hospital.his.in_the_room == [] or row.refusal, "what began there has ended, unless it would not end it"
    assert hospital.wechat_pay.payable == []
    balances = await hospital.balances()
    assert channel.takings_fen - channel.given_back_fen == kept_fen, "what is not used goes back, once"
    assert balances == ({Account.WECHAT_PAY: FEE_FEN, Account.HOSPITAL_INCOME: -FEE_FEN} if seen else {})
    assert hospital.his.kept_fen == kept_fen
    for payment in await hospital.payments():
        assert (payment.reserved_fen, payment.refunded_fen) in {(0, 0), (0, payment.amount_fen)}
    assert sum(one.amount_fen for one in await hospital.payments()) == channel.takings_fen, "every sum that came is known"
    arrivals = [one for one in walk.refunds.values() if one.state is RefundState.ARRIVED]
    assert told.count(Template.REFUND_ARRIVED) == len(arrivals) == len(walk.refunds)
    assert told.count(Template.REVISIT_CANCELLED) == (1 if row.claim_id and not seen and row.reason != Reason.DECLINED else 0)
    assert told.count(Template.REVISIT_DECLINED) == (1 if row.reason == Reason.DECLINED else 0)
    assert told.count(Template.REVISIT_CALLED) == story.count("queue.accept")
    assert told.count(Template.REVISIT_CALLED_AGAIN) == story.count("queue.call_again")
    assert told.count(Template.REVISIT_BOOKED) <= 1
    assert told.count(Template.REVISIT_ENDED) == (1 if seen else 0)
    if row.claim_id:
        assert (await hospital.claim(visit.id)).state is (ClaimState.FULFILLED if seen else ClaimState.RELEASED)
    async with hospital.database.reading() as db:
        assert await ledger_proof.faults(db) == []
    if row.charge_id:
        async with hospital.database.reading() as db:
            states = {one.state for one in (await charges.facts(db, row.charge_id)).orders}
        assert states <= {OrderState.PAID, OrderState.CLOSED}


async def walked(hospital: Hospital, seed: int) -> None:
    walk = Walk(await opened(hospital, starts_in=timedelta(minutes=Random(seed).choice([-60, 5, 60, 300]))), Random(seed))
    for _ in range(STEPS_MAX):
        if walk.over:
            break
        await walk.take()
    await walk.ends()
    await books_agree(walk)


@pytest.mark.parametrize("seed", range(12))
async def test_every_visit_ends_and_all_books_agree(hospital: Hospital, seed: int) -> None:
    await walked(hospital, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1400))
async def test_however_many_walk(hospital: Hospital, seed: int) -> None:
    await walked(hospital, seed)
