"""Money on its way back, walked to where a test begins."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.typing import EventDict

from activities.refund import RefundActivities
from models.charge import ChargeState, Trade, TradeState
from models.kernel import ids
from models.kernel.errors import Unknown, known
from models.ledger import Account
from models.policy import Policy
from models.process import Command, Event
from models.refund import Cause, Refund, RefundReported, RefundState, RefundStatus
from models.revisit import Cancel, State
from models.stores import charge as charges
from models.stores import inbox
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import refund as refunds
from models.tables.charge import RefundRow
from tests.builders import FEE_FEN, a_charge, a_visit, rules
from tests.process.desk import RefundDesk
from tests.process.hospital import MORNING, Hospital, wish
from tests.process.visit import Visit, opened

FINANCE: Final = ids.new()
"""An account of 财务处."""

PAID: Final = {Account.WECHAT_PAY: FEE_FEN, Account.HOSPITAL_INCOME: -FEE_FEN}
CLEARED: Final = {Account.WECHAT_PAY: FEE_FEN, Account.PATIENT_DUE: -FEE_FEN}
ACCEPTED: Final = {Account.REFUND_IN_TRANSIT: FEE_FEN, Account.PATIENT_DUE: -FEE_FEN}
"""The books after each step of giving a fee back; in the end they are empty."""


async def booked(hospital: Hospital, changes: Mapping[str, int] | None = None) -> Visit:
    return await (await opened(hospital, rules=changes)).to(State.BOOKED)


async def requested(hospital: Hospital, changes: Mapping[str, int] | None = None) -> RefundDesk:
    """A patient has cancelled a booked visit: its whole fee is wanted back."""
    visit = await booked(hospital, changes)
    await visit.does(Cancel)
    return await visit.refund()


async def cleared(hospital: Hospital, changes: Mapping[str, int] | None = None) -> RefundDesk:
    """The HIS has let go."""
    desk = await requested(hospital, changes)
    await desk.happens()
    return desk


async def accepted(hospital: Hospital) -> RefundDesk:
    """The channel has taken it, and is at work."""
    desk = await cleared(hospital)
    await desk.happens()
    return desk


async def refused_by_his(hospital: Hospital, code: str = "his.executed") -> RefundDesk:
    """Stuck: the HIS does not let go."""
    desk = await requested(hospital)
    hospital.his.refuses("reverse", code)
    await desk.happens()
    return desk


async def refused_by_channel(hospital: Hospital, code: str = "wechat_pay.account_abnormal") -> RefundDesk:
    """Stuck: the channel does not take it."""
    desk = await cleared(hospital)
    hospital.wechat_pay.refuses("refund", code)
    await desk.happens()
    return desk


async def ended_with(hospital: Hospital, status: RefundStatus) -> RefundDesk:
    """Taken by the channel, and reported with that end."""
    desk = await accepted(hospital)
    await ends(desk, status)
    await is_reported(desk)
    return desk


async def ends(desk: RefundDesk, status: RefundStatus = RefundStatus.SUCCESS) -> None:
    """The channel carries the refund's present number out, or gives it up."""
    desk.hospital.wechat_pay.ends((await row(desk)).number, status)


async def reported(desk: RefundDesk) -> RefundReported:
    """As the webhook keeps a report of the channel: a row in the inbox."""
    report = RefundReported(id=ids.new())
    async with desk.hospital.database.transaction() as db:
        await inbox.bring(db, "refund", desk.id, report, party="wechat_pay")
    return report


async def is_reported(desk: RefundDesk) -> Refund:
    """The channel reports something, and it is asked."""
    return await desk.happens(await reported(desk))


async def asks(desk: RefundDesk, kind: type[Command], **fields: object) -> Refund:
    """A person of 财务处 does something about it."""
    return await desk.happens(wish(kind, FINANCE, **fields))


async def goes_to(desk: RefundDesk, state: RefundState) -> RefundDesk:
    """Nothing out of the ordinary happens on the way; the channel carries it out as soon as it has it."""
    while desk.state is not state:
        if desk.state is RefundState.ACCEPTED:
            await ends(desk)
            await desk.alarm()
        else:
            await desk.happens()
    return desk


async def wanted_by_management(
    hospital: Hospital, visit: Visit, amount_fen: int | None = None, *, refund_id: UUID | None = None
) -> RefundDesk:
    """医院退费 of a visit that is over."""
    async with hospital.database.transaction() as db:
        policy = await policies.pinned(db, (await charges.facts(db, visit.charge.id)).policy)
        paid = known(await payments.of_charge(db, visit.charge.id))
        begun = await refunds.begin(
            db, paid.id, Cause.MANAGEMENT, hospital.clock(), policy, amount_fen=amount_fen, refund_id=refund_id or ids.new()
        )
    return await at_its_desk(hospital, known(begun).id)


async def is_lost(desk: RefundDesk, activity: Callable[..., Awaitable[Refund]], *why: Event) -> None:
    """The hand that does the step dies before it hears the answer; its time passes, and a run begins again from the row."""
    with pytest.raises(Unknown):
        await desk.hospital.work(activity)(desk.now, *why)
    await desk.hospital.hand_time_is_up()
    await desk.begin()


async def at_its_desk(hospital: Hospital, refund_id: UUID) -> RefundDesk:
    desk = RefundDesk(hospital, refund_id, RefundActivities.load)
    await desk.begin()
    return desk


async def row(desk: RefundDesk) -> RefundRow:
    """As it stands in the database."""
    return await desk.hospital.refund(desk.id)


async def given_back(hospital: Hospital) -> tuple[int, int, int]:
    """Of the one sum that came: what came, what is reserved, what has gone back."""
    [payment] = await hospital.payments()
    return payment.amount_fen, payment.reserved_fen, payment.refunded_fen


def tasks(lines: list[EventDict]) -> list[str]:
    """Why a refund became the task of an office, each time: said for the day, nobody is called at night."""
    assert not [line["event"] for line in lines if line["log_level"] == "error"]
    return [str(line["trouble"]) for line in lines if line["event"] == "refund.stuck" and line["log_level"] == "warning"]


@dataclass(frozen=True, slots=True)
class Sum:
    """A fee that came for a charge, and the rules that its refund begins with."""

    payment_id: UUID
    charge_id: UUID
    visit_id: UUID
    policy: Policy


async def a_sum(db: AsyncSession, state: State = State.CLOSED, charge: ChargeState = ChargeState.SETTLED) -> Sum:
    """Rows as if a visit had been paid and had come to that state."""
    policy, visit_id = await rules(db), await a_visit(db, state)
    charge_id = await a_charge(db, visit_id, charge)
    order_no = ids.new().hex
    trade = Trade(order_no=order_no, state=TradeState.PAID, transaction_id=f"42{order_no}", amount_fen=FEE_FEN, paid_at=MORNING)
    return Sum(known(await payments.keep(db, trade, charge_id=charge_id, visit_id=visit_id)), charge_id, visit_id, policy)


async def begin(
    db: AsyncSession, came: Sum, cause: Cause = Cause.MANAGEMENT, amount_fen: int | None = None, *, refund_id: UUID | None = None
) -> refunds.Begun | None:
    """What a step does that wants money back; management's under an id of its own."""
    number = refund_id or (ids.new() if cause is Cause.MANAGEMENT else None)
    return await refunds.begin(db, came.payment_id, cause, MORNING, came.policy, amount_fen=amount_fen, refund_id=number)
