"""Money for one payable thing: ordered at the channel, asked for, settled with the HIS, or closed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.typing import FilteringBoundLogger
from temporalio import activity

from activities.invoice import start as start_invoice
from activities.payment import give_back_unwanted, start
from activities.steps import Guard, Step, outside, step
from gateways.his.port import HIS
from gateways.wechat_pay.port import WeChatPay
from models.charge import CAME, ChannelOrder, Charge, ChargeState, Close, Order, OrderState, Payment, Reported, Trade, TradeState
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown, known
from models.kernel.money import Fen
from models.ledger import Account, transfer
from models.process import Alarm, Runs
from models.refund import Cause
from models.revisit import ChargeEnded
from models.stores import charge as charges
from models.stores import inbox, ledger
from models.stores import invoice as invoices
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import refund as refunds

DESCRIPTION = "线上复诊医事服务费"
Came = tuple[charges.ChannelOrderFacts, Trade]
"""An order of ours that was paid, and what the channel says of it."""
LIVE = {OrderState.OPENING, OrderState.OPEN}
_log: FilteringBoundLogger = structlog.get_logger()


class ChargeActivities:
    """The channel's query is the only authority on money; the HIS's bill the only one on the price."""

    def __init__(self, guard: Guard[Charge], his: HIS, wechat_pay: WeChatPay, runs: Runs) -> None:
        self._guard, self._his, self._wechat_pay, self._runs = guard, his, wechat_pay, runs

    @activity.defn(name="charge.load")
    async def load(self, charge_id: UUID) -> Charge:
        """The row as it stands: where every run begins."""
        async with self._guard.database.reading() as db:
            return await charges.load(db, charge_id)

    @step("charge.order")
    async def order(self, now: Charge, wish: Order) -> Charge:
        """Opens a channel order, or answers with the one that is open. At most one can be paid at a time: another scene's is closed first.

        Raises `charge.too_late`, `charge.bill_closed`, `charge.bill_changed`, `charge.paid_elsewhere`.
        """
        step = self._guard.step(now, "charge.order", wish, scene=wish.scene)
        order_id = ids.derived("charge_order", wish.id)
        async with step.fence() as db:
            charge = await charges.facts(db, now.id)
            rules = (await policies.pinned(db, charge.policy)).rules
            expires_at = known(charge.due_at)
            late = expires_at - step.at < timedelta(seconds=rules.too_late_s - rules.order_margin_s)
            if late and all(one.id != order_id for one in charge.orders):  # else an earlier attempt may have opened it
                raise DomainError("charge.too_late", "conflict")
            reuse = any(one.state is OrderState.OPEN and one.scene is wish.scene for one in charge.orders)
            if not reuse:
                await charges.opening(db, order_id, now.id, wish.scene, charge.amount_fen, expires_at)
        if reuse:
            async with step.move(ChargeState.OPEN):
                return step.row
        others = [one for one in charge.orders if one.id != order_id]
        try:
            async with outside():
                came = await self._close_orders(others)
                answer = [] if _wanted(charge, came) else await self._open_order(charge, order_id, wish, expires_at, late=late)
        except DomainError:
            async with step.give_up() as db:
                await charges.closed(db, order_id, *(one.id for one in others))
            raise
        if isinstance(answer, list):
            return await self._came(step, charge, [*came, *answer], closed=others)
        async with step.move(ChargeState.OPEN) as db:
            await charges.closed(db, *(one.id for one in others))
            await charges.opened(db, order_id, answer)
            begun = await self._unwanted(db, step, charge, came)
        await start(self._runs, *begun)
        return step.row

    async def _open_order(
        self, charge: charges.Facts, order_id: UUID, wish: Order, expires_at: datetime, *, late: bool
    ) -> ChannelOrder | list[Came]:
        """The HIS's bill is checked again right before. Refused, nothing payable is left at the channel under this number.

        An attempt that was given up may have landed since, and been paid: then that is the answer.
        """
        try:
            if late:
                raise DomainError("charge.too_late", "conflict")
            bill = await self._his.bill(charge.invoice_id)
            if bill.paid:
                if charge.payable == "revisit":  # drugs may be paid at a window; a place of ours was before our rows were restored
                    _log.error("charge.paid_elsewhere", charge_id=str(charge.id), invoice_id=charge.invoice_id)
                raise DomainError("charge.paid_elsewhere", "conflict")
            if not bill.open:  # its clinic was stopped there, say, and we have not heard of it yet
                raise DomainError("charge.bill_closed", "conflict")
            if bill.amount_fen != charge.amount_fen:
                raise DomainError("charge.bill_changed", "conflict")
            return await self._wechat_pay.order(
                order_id.hex, scene=wish.scene, amount_fen=charge.amount_fen, description=DESCRIPTION, expires_at=expires_at
            )
        except DomainError:
            asked_for = charges.ChannelOrderFacts(order_id, OrderState.OPENING, wish.scene, charge.amount_fen, expires_at, None, None)
            if came := await self._close_orders([asked_for]):
                return came
            raise

    @step("charge.query")
    async def query(self, now: Charge, knock: Reported) -> Charge:
        """A report is only a reason to ask: what the channel answers counts. While it says unpaid the report is put off, to knock again."""
        step = self._guard.step(now, "charge.query", knock)
        async with self._guard.database.reading() as db:
            charge = await charges.facts(db, now.id)
            unwanted = await payments.unwanted_orders(db, now.id)
        asked = [one for one in charge.orders if one.number not in unwanted]
        came = [(order, trade) for order in asked if (trade := await self._asked(order)).state in CAME]
        if not came and knock.order_no not in unwanted and not await step.begun():
            raise DomainError("charge.not_now", "conflict")
        others = [one for one in charge.orders if one.state in LIVE and one.id not in {order.id for order, _ in came}]
        if others and _wanted(charge, came):
            async with step.fence():
                pass
            async with outside():
                came += await self._close_orders(others)
        return await self._came(step, charge, came)

    async def _asked(self, order: charges.ChannelOrderFacts) -> Trade:
        trade = await self._wechat_pay.query(order.number)
        if trade.state is TradeState.UNKNOWN:
            raise Unknown("the channel's word on the order is not known")
        return trade

    @step("charge.close")
    async def close(self, now: Charge, why: Close | Alarm) -> Charge:
        """Asked to close, the channel may answer that it was paid after all; only its confirmed close releases anything."""
        step = self._guard.step(now, "charge.close", why)
        async with step.fence() as db:
            charge = await charges.facts(db, now.id)
        async with outside():
            came = await self._close_orders(charge.orders)
        if _wanted(charge, came):
            return await self._came(step, charge, came)
        ended = _ended(charge, "closed")
        async with step.move(ChargeState.CLOSED, due_at=None, wake_at=None) as db:
            await charges.closed(db, *(one.id for one in charge.orders))
            await inbox.bring(db, charge.payable, charge.payable_id, ended, party="charge")
            begun = await self._unwanted(db, step, charge, came)
        await start(self._runs, *begun)
        await self._runs.knock(charge.payable, charge.payable_id, ended)
        return step.row

    async def _close_orders(self, orders: Iterable[charges.ChannelOrderFacts]) -> list[Came]:
        """Empty when the channel confirmed that none can be paid any more; else those that were paid after all."""
        came: list[Came] = []
        for order in orders:
            if order.state not in LIVE or await self._wechat_pay.close(order.number):
                continue
            trade = await self._asked(order)
            if trade.state not in CAME:
                raise Unknown("neither closed nor paid")
            came.append((order, trade))
        return came

    async def _came(
        self, step: Step[Charge], charge: charges.Facts, came: list[Came], *, closed: Iterable[charges.ChannelOrderFacts] = ()
    ) -> Charge:
        """The first paid in full is the charge's payment. What else came is nobody's and goes back; alone, it leaves the charge open.

        Orders that the channel has just `closed` are closed here too.
        """
        wanted = _wanted(charge, came)
        if wanted is None:
            async with step.move(ChargeState.OPEN) as db:
                await charges.closed(db, *(one.id for one in (*closed, *(order for order, _ in came))))
                begun = await self._unwanted(db, step, charge, came)
            await start(self._runs, *begun)
            return step.row
        order, trade = wanted
        async with step.move(ChargeState.PAID, due_at=None, wake_at=None, paid_order_id=order.id) as db:
            await charges.paid(db, order.id)
            await payments.keep(db, trade, charge_id=charge.id, visit_id=charge.visit_id)
            legs = transfer(Fen(trade.amount_fen), to=Account.WECHAT_PAY, of=Account.PATIENT_DUE)
            await ledger.post(db, "charge.paid", legs, of=order.id, charge_id=charge.id, at=step.at)
            begun = await self._unwanted(db, step, charge, [one for one in came if one is not wanted])
        await start(self._runs, *begun)
        return step.row

    async def _unwanted(self, db: AsyncSession, step: Step[Charge], charge: charges.Facts, came: list[Came]) -> list[refunds.Begun]:
        policy = await policies.pinned(db, charge.policy)
        begun: list[refunds.Begun] = []
        for _, trade in came:
            cause = Cause.SECOND if trade.amount_fen == charge.amount_fen else Cause.OTHER_AMOUNT
            begun += await give_back_unwanted(db, trade, cause, step.at, policy, charge=charge)
        return begun

    @step("charge.settle")
    async def settle(self, now: Charge) -> Charge:
        """Told to the HIS under our payment number. That it does not take it is an outcome: the money is wanted back."""
        step = self._guard.step(now, "charge.settle")
        async with step.fence() as db:
            charge = await charges.facts(db, now.id)
            policy = await policies.pinned(db, charge.policy)
            paid = known(await payments.of_charge(db, now.id))
        payment = Payment(payment_no=charge.id.hex, channel_no=paid.transaction_id, amount_fen=paid.amount_fen, paid_at=paid.paid_at)
        async with outside():
            refusal = await self._refusal(charge.invoice_id, payment)
        ended, begun, bill = _ended(charge, "unsettled" if refusal else "settled"), None, None
        async with step.move(ChargeState.UNSETTLED if refusal else ChargeState.SETTLED, refusal=refusal) as db:
            if refusal:
                begun = await refunds.begin(db, paid.id, Cause.UNSETTLED, step.at, policy, request=now.request or "")
            else:
                legs = transfer(Fen(paid.amount_fen), to=Account.PATIENT_DUE, of=Account.HOSPITAL_INCOME)
                await ledger.post(db, "charge.settled", legs, of=charge.id, charge_id=charge.id, at=step.at)
                bill = await invoices.begin(db, charge.id, step.at, request=now.request or "")
            await inbox.bring(db, charge.payable, charge.payable_id, ended, party="charge")
        await start(self._runs, begun)
        await self._runs.knock(charge.payable, charge.payable_id, ended)
        await start_invoice(self._runs, bill)
        return step.row

    async def _refusal(self, invoice_id: str, payment: Payment) -> str | None:
        """Why the HIS has not taken it. An earlier attempt may have landed without an answer: what it took is settled, whatever it says."""
        try:
            await self._his.settle(invoice_id, payment)
        except DomainError as refused:
            return None if await self._his.settled(payment.payment_no) else refused.code
        return None


def _wanted(charge: charges.Facts, came: Iterable[Came]) -> Came | None:
    """The payment that the charge asked for: of what came, the first that is its amount to the fen."""
    full = (one for one in came if one[1].amount_fen == charge.amount_fen)
    return min(full, key=lambda one: known(one[1].paid_at), default=None)


def _ended(charge: charges.Facts, outcome: str) -> ChargeEnded:
    return ChargeEnded.model_validate({"id": ids.derived("charge_ended", charge.id), "charge_id": charge.id, "outcome": outcome})
