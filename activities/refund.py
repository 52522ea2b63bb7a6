"""Money given back the way it came: the HIS lets go, the channel takes the refund, its query says when it has arrived (A-6, P-2.6a)."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.invoice import start as start_invoice
from activities.steps import Guard, Step, outside, step
from gateways.his.port import HIS
from gateways.wechat_pay.port import WeChatPay
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.kernel.money import Fen, yuan
from models.ledger import Account, transfer
from models.message import Template
from models.policy import Policy
from models.process import Alarm, Runs
from models.refund import (
    ABNORMAL,
    CHANNEL_REASONS,
    CLOSED,
    DIFFERS,
    NOT_ENOUGH,
    OVERDUE,
    ChannelRefund,
    HandOver,
    PayOut,
    Refund,
    RefundReported,
    RefundState,
    RefundStatus,
    Retry,
    Withdraw,
    may_pay_out,
    may_withdraw,
    office_of,
    still_stuck,
)
from models.stores import invoice as invoices
from models.stores import ledger, notices
from models.stores import policy as policies
from models.stores import refund as refunds

_NOT_AT_THE_CHANNEL = frozenset({RefundStatus.CLOSED, RefundStatus.ABSENT})
log = structlog.get_logger()


class RefundActivities:
    """Each party is asked under a number that stays the same on every repeat; the channel's query is the only authority on arrival."""

    def __init__(self, guard: Guard[Refund], his: HIS, wechat_pay: WeChatPay, runs: Runs) -> None:
        self._guard, self._his, self._wechat_pay, self._runs = guard, his, wechat_pay, runs

    @activity.defn(name="refund.load")
    async def load(self, refund_id: UUID) -> Refund:
        """The row as it stands: where every run begins."""
        async with self._guard.database.reading() as db:
            return await refunds.load(db, refund_id)

    @step("refund.reverse")
    async def reverse(self, now: Refund) -> Refund:
        """The HIS undoes the settlement under the refund's id, and must allow it. That it does not is an outcome: a person is called."""
        step = self._guard.step(now, "refund.reverse")
        async with step.fence() as db:
            refund = await refunds.facts(db, now.id)
        async with outside():
            refusal = await self._refusal(refund)
        if refusal:
            async with _stuck(step, refund, refusal):
                return step.row
        async with step.move(RefundState.CLEARED, cleared_at=step.at, wake_at=None) as db:
            await _book(db, step, refund, "refund.cleared", to=Account.HOSPITAL_INCOME, of=Account.PATIENT_DUE)
            bill = await invoices.begin(db, known(refund.charge_id), step.at, request=now.request or "")
        await start_invoice(self._runs, bill)
        return step.row

    async def _refusal(self, refund: refunds.Facts) -> str | None:
        """Why the HIS has not let go. An earlier attempt may have landed without an answer: what it let go is, whatever it says now."""
        try:
            await self._his.reverse(known(refund.invoice_id), refund.id.hex, refund.amount_fen, refund.cause)
        except DomainError as refused:
            return None if await self._his.reversed(refund.id.hex) else refused.code
        return None

    @step("refund.apply")
    async def apply(self, now: Refund) -> Refund:
        """Asked of the channel under the refund's number; accepted is not arrived. The merchant's balance may fill up: tried again."""
        step = self._guard.step(now, "refund.apply")
        async with step.fence() as db:
            refund = await refunds.facts(db, now.id)
            policy = await policies.pinned(db, refund.policy)
        try:
            word = await self._wechat_pay.refund(
                refund.number,
                order_no=refund.order_no,
                amount_fen=refund.amount_fen,
                total_fen=refund.paid_fen,
                reason=CHANNEL_REASONS[refund.cause],
            )
        except DomainError as refused:
            if refused.code == NOT_ENOUGH and refund.tries + 1 < policy.rules.refund_tries_max:
                log.warning("refund.not_enough", refund_id=str(now.id), amount_fen=refund.amount_fen, tries=refund.tries + 1)
                again_at = step.at + timedelta(seconds=policy.rules.refund_pause_s)
                async with step.move(RefundState.CLEARED, tries=refund.tries + 1, wake_at=again_at):
                    return step.row
            # An earlier attempt may have landed without an answer: what the channel has is not refused, whatever it says now.
            word = await self._wechat_pay.query_refund(refund.number)
            if word.status is RefundStatus.ABSENT or refused.code == DIFFERS:
                async with _stuck(step, refund, refused.code):
                    return step.row
        return await self._heed(step, refund, policy, word)

    @step("refund.query")
    async def query(self, now: Refund, why: RefundReported | Alarm) -> Refund:
        """A report or the time to ask: what the channel answers counts."""
        step = self._guard.step(now, "refund.query", why)
        async with self._guard.database.reading() as db:
            refund = await refunds.facts(db, now.id)
            policy = await policies.pinned(db, refund.policy)
        return await self._heed(step, refund, policy, await self._wechat_pay.query_refund(refund.number))

    async def _heed(self, step: Step[Refund], refund: refunds.Facts, policy: Policy, word: ChannelRefund) -> Refund:
        """The channel's word becomes the refund's state and stands in the books. What is not yet known is asked again."""
        asked = {"polls": refund.polls + 1, "wake_at": policy.refund_asked_at(step.at, refund.polls)}
        taken = {"accepted_at": refund.accepted_at or step.at}
        match word.status:
            case RefundStatus.SUCCESS:
                return await self._arrived(step, refund, word.arrived_at or step.at)
            case RefundStatus.CLOSED:
                async with _stuck(step, refund, CLOSED, accepted_at=None, wake_at=None) as db:
                    await _take_back(db, step, refund)
            case RefundStatus.ABNORMAL:
                async with _stuck(step, refund, ABNORMAL, **asked, **taken) as db:
                    await _hand_over(db, step, refund)
            case RefundStatus.ABSENT if step.now.state is RefundState.STUCK and refund.accepted_at is None:
                async with step.move(RefundState.STUCK):  # it never was there
                    pass
            case status if step.now.state is RefundState.STUCK:
                trouble = still_stuck(known(step.now.trouble), absent=status is RefundStatus.ABSENT)
                async with _stuck(step, refund, trouble, **asked, **taken) as db:
                    await _hand_over(db, step, refund)
            case status if refund.due_at is not None and step.at >= refund.due_at:
                async with _stuck(step, refund, still_stuck(OVERDUE, absent=status is RefundStatus.ABSENT), **asked, **taken) as db:
                    await _hand_over(db, step, refund)
            case RefundStatus.PROCESSING | RefundStatus.UNKNOWN | RefundStatus.ABSENT:
                async with step.move(RefundState.ACCEPTED, **asked, **taken) as db:
                    await _hand_over(db, step, refund)
        return step.row

    async def _arrived(self, step: Step[Refund], refund: refunds.Facts, at: datetime) -> Refund:
        accepted_at = refund.accepted_at or min(step.at, at)  # who hears of both at once hears of them in their order
        values = {"accepted_at": accepted_at, "arrived_at": at, "wake_at": None, "trouble": None}
        async with step.move(RefundState.ARRIVED, **values) as db:
            await _hand_over(db, step, refund)
            await _book(db, step, refund, "refund.arrived", to=_owed(refund), of=Account.REFUND_IN_TRANSIT)
            await refunds.gone(db, refund)
            await _tell(db, step, refund, Template.REFUND_ARRIVED)
        return step.row

    @step("refund.retry")
    async def retry(self, now: Refund, wish: Retry) -> Refund:
        """Back to the half that was not done. What the channel closed is asked for under a new number; all else under the old."""
        step = self._guard.step(now, "refund.retry", wish)
        async with self._guard.database.reading() as db:
            refund = await refunds.facts(db, now.id)
            policy = await policies.pinned(db, refund.policy)
        anew = {}
        if now.trouble == CLOSED:
            attempt = refund.attempt + 1
            anew = {"attempt": attempt, "number": ids.derived("refund", refund.id, attempt).hex}
        to = RefundState.CLEARED if now.cleared_at else RefundState.REQUESTED
        fresh = {"trouble": None, "office": None, "wake_at": None, "due_at": policy.refund_until(step.at), "tries": 0, "polls": 0}
        async with step.move(to, **fresh, **anew):
            return step.row

    @step("refund.hand_over")
    async def hand_over(self, now: Refund, wish: HandOver) -> Refund:
        """Another office owns it, also when it is tried again and fails. Raises `refund.theirs_already`."""
        step = self._guard.step(now, "refund.hand_over", wish, office=wish.office)
        async with step.move(RefundState.STUCK, office=wish.office):
            if now.office is wish.office:
                raise DomainError("refund.theirs_already", "conflict")
        return step.row

    @step("refund.pay_out")
    async def pay_out(self, now: Refund, wish: PayOut) -> Refund:
        """The hospital has transferred it. Raises `refund.not_cleared`, and `refund.at_the_channel` while the channel may still pay."""
        step = self._guard.step(now, "refund.pay_out", wish, voucher=wish.voucher)
        async with step.fence() as db:
            if not may_pay_out(now.trouble, cleared=now.cleared_at is not None):
                raise DomainError("refund.at_the_channel" if now.cleared_at else "refund.not_cleared", "conflict")
            refund = await refunds.facts(db, now.id)
        async with step.asking():
            word = await self._wechat_pay.query_refund(refund.number)
            if word.status not in _NOT_AT_THE_CHANNEL:
                raise DomainError("refund.at_the_channel", "conflict")
        values = {"voucher": wish.voucher, "accepted_at": None, "arrived_at": step.at, "trouble": None, "wake_at": None}
        async with step.move(RefundState.PAID_OUT, **values) as db:
            await _take_back(db, step, refund)
            await _book(db, step, refund, "refund.paid_out", to=_owed(refund), of=Account.HOSPITAL_BANK)
            await refunds.gone(db, refund)
            await _tell(db, step, refund, Template.REFUND_PAID_OUT)
        return step.row

    @step("refund.withdraw")
    async def withdraw(self, now: Refund, wish: Withdraw) -> Refund:
        """Only of what the hospital itself wanted, or of what the HIS says a window gave back; and only before the HIS let go.

        Raises `refund.owed`.
        """
        step = self._guard.step(now, "refund.withdraw", wish)
        async with step.move(RefundState.WITHDRAWN, wake_at=None) as db:
            if not may_withdraw(now.cause, now.trouble, cleared=now.cleared_at is not None):
                raise DomainError("refund.owed", "conflict")
            await refunds.stays(db, await refunds.facts(db, now.id))
        return step.row


@asynccontextmanager
async def _stuck(step: Step[Refund], refund: refunds.Facts, trouble: str, **values: Any) -> AsyncGenerator[AsyncSession]:
    """No machine can finish it: a task of an office. One that was stuck already, and for another reason now, stays where it is."""
    owner = {} if step.now.state is RefundState.STUCK else {"office": office_of(trouble, refund.handed_to)}
    async with step.move(RefundState.STUCK, **({"wake_at": None, "trouble": trouble} | owner | values)) as db:
        yield db
    if step.now.trouble != trouble:  # said once, however often the channel repeats it
        told = {"refund_id": str(step.now.id), "visit_id": str(step.now.visit_id), "office": step.row.office}
        log.warning("refund.stuck", trouble=trouble, **told)


def _owed(refund: refunds.Facts) -> Account:
    return Account.SUSPENSE if refund.unwanted else Account.PATIENT_DUE


async def _hand_over(db: AsyncSession, step: Step[Refund], refund: refunds.Facts) -> None:
    """The channel has taken it from what it holds for us. Once for each number."""
    number = refund.channel_id
    await _book(db, step, refund, "refund.accepted", to=Account.REFUND_IN_TRANSIT, of=Account.WECHAT_PAY, number=number)


async def _take_back(db: AsyncSession, step: Step[Refund], refund: refunds.Facts) -> None:
    """Closed, and nothing was given: what had been taken is at the channel again."""
    if refund.accepted_at:
        await _book(db, step, refund, "refund.closed", to=Account.WECHAT_PAY, of=Account.REFUND_IN_TRANSIT, number=refund.channel_id)


async def _book(
    db: AsyncSession, step: Step[Refund], refund: refunds.Facts, cause: str, *, to: Account, of: Account, number: UUID | None = None
) -> None:
    legs = transfer(Fen(refund.amount_fen), to=to, of=of)
    await ledger.post(db, cause, legs, of=number or refund.id, charge_id=refund.charge_id, at=step.at)


async def _tell(db: AsyncSession, step: Step[Refund], refund: refunds.Facts, template: Template) -> None:
    """Of money for an order that nobody knows there is nobody to tell."""
    if refund.visit_id != refund.id:
        amount = yuan(refund.amount_fen)
        await notices.tell_patient(db, refund.visit_id, template, step.at, about=refund.id, amount=amount)
