"""Money that no charge wanted: late, on a second order, for an order that nobody knows. Asked of the channel, posted, and given back."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from gateways.wechat_pay.port import WeChatPay
from models.charge import CAME, MOVES, ChargeState, Trade, TradeState
from models.kernel.clock import Clock
from models.kernel.errors import Unknown
from models.kernel.money import Fen, yuan
from models.ledger import Account, transfer
from models.message import Template
from models.policy import Policy
from models.process import Runs
from models.refund import Cause
from models.stores import charge as charges
from models.stores import ledger, notices, steps
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import refund as refunds
from models.stores.database import Database
from models.timeline_refund import CAUSE_TEXTS

UNPAID_AFTER_KNOCKS = 60
"""So often asked, over hours: a report that the channel's own query does not bear out is closed, loudly."""
log = structlog.get_logger()


async def give_back_unwanted(
    db: AsyncSession, trade: Trade, cause: Cause, at: datetime, policy: Policy, *, charge: charges.Facts | None
) -> list[refunds.Begun]:
    """Into suspense, once for a channel's transaction, and a refund of it begun; in the transaction that found it."""
    charge_id, visit_id = (charge.id, charge.visit_id) if charge else (None, None)
    payment_id = await payments.keep(db, trade, charge_id=charge_id, visit_id=visit_id, unwanted=cause)
    if payment_id is None:
        return []
    legs = transfer(Fen(trade.amount_fen), to=Account.WECHAT_PAY, of=Account.SUSPENSE)
    await ledger.post(db, "payment.unwanted", legs, of=payment_id, charge_id=charge_id, at=at)
    begun = await refunds.begin(db, payment_id, cause, at, policy)
    if visit_id:
        said = {"amount": yuan(trade.amount_fen), "reason": CAUSE_TEXTS[cause]}
        await notices.tell_patient(db, visit_id, Template.REFUND_REQUESTED, at, about=payment_id, **said)
    log.error("payment.unwanted", payment_id=str(payment_id), order_no=trade.order_no, cause=cause, amount_fen=trade.amount_fen)
    return [begun] if begun else []


async def start(runs: Runs, *begun: refunds.Begun | None) -> None:
    """The short cut to the runs of refunds whose rows are committed."""
    for one in begun:
        if one is not None:
            await runs.begin("refund", one.id, one.visit_id, one.row)


class StrayReports:
    """Reports of money for a charge that is at its end, or for none of ours: the relay brings them here, there is no desk for them."""

    def __init__(self, database: Database, wechat_pay: WeChatPay, runs: Runs, clock: Clock, policy_line: str) -> None:
        self._database, self._wechat_pay, self._runs, self._clock, self._line = database, wechat_pay, runs, clock, policy_line

    async def look_after(self, report_id: UUID, order_no: str, knocks: int) -> None:
        """The channel's query decides. The report is closed with what was found; what is not known yet is left for the next knock."""
        try:
            trade = await self._wechat_pay.query(order_no)
        except Unknown:
            return
        at = self._clock()
        if trade.state in CAME:
            async with self._database.transaction() as db:
                begun = await self._came(db, trade, at)
                if begun is None:
                    return
                await steps.handled(db, report_id, at, "unwanted" if begun else "done")
            await start(self._runs, *begun)
        elif trade.state is TradeState.CLOSED or (knocks >= UNPAID_AFTER_KNOCKS and trade.state is not TradeState.UNKNOWN):
            log.error("payment.not_borne_out", order_no=order_no, state=trade.state)
            async with self._database.transaction() as db:
                await steps.handled(db, report_id, at, "unpaid")

    async def _came(self, db: AsyncSession, trade: Trade, at: datetime) -> list[refunds.Begun] | None:
        """None: a charge that is not at its end asks for itself."""
        if await payments.of_order(db, trade.order_no):
            return []
        charge_id = await charges.of_order_no(db, trade.order_no)
        if charge_id is None:
            policy = await policies.in_force(db, self._line, at)
            return await give_back_unwanted(db, trade, Cause.UNKNOWN_ORDER, at, policy, charge=None)
        charge = await charges.facts(db, charge_id)
        if charge.state not in MOVES.ends():
            return None
        cause = Cause.LATE if charge.state is ChargeState.CLOSED else Cause.SECOND
        return await give_back_unwanted(db, trade, cause, at, await policies.pinned(db, charge.policy), charge=charge)
