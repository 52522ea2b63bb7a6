"""WeChat Pay APIv3 for one direct merchant in public-key mode: orders, refunds, notifies, and the cashier on a person's phone.

The wire is `protocols.md` §1 [C where marked]; the outside oracle is the public client library `wechatpayv3` in the tests.
"""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter

from sandbox import clock
from sandbox.faults import Faults
from sandbox.settings import Settings
from sandbox.store import Store
from sandbox.wechat_pay import api, cashier, keys, refund_desk
from sandbox.wechat_pay.bank import Bank
from sandbox.wechat_pay.fates import Fates
from sandbox.wechat_pay.keys import Keys
from sandbox.wechat_pay.notify import Notifier
from sandbox.wechat_pay.refunds import Refunds

__all__ = ["Bank", "WeChatPay", "build"]


@dataclass(frozen=True, slots=True)
class WeChatPay:
    """The bank with its doors: `router` hangs under `/wechat`, `run` is the app's background task."""

    bank: Bank
    refunds: Refunds
    fates: Fates
    notifier: Notifier
    keys: Keys
    router: APIRouter

    @property
    def alive(self) -> bool:
        """Whether refunds end and notifies leave."""
        return self.notifier.alive and self.refunds.alive

    async def run(self) -> None:
        """End refunds and send notifies. Runs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.refunds.run())
            tasks.create_task(self.notifier.run())

    def books(self) -> dict[str, object]:
        """Orders, payments, refunds and notifies as the bank has them, amounts in fen."""
        now = clock.now()
        return self.bank.books(now) | {"refunds": self.refunds.books(now), "notifies": self.notifier.books()}


def build(store: Store, faults: Faults, settings: Settings) -> WeChatPay:
    """Make the tables, load or make the keys, open the doors."""
    held = keys.load(settings.data / "wechat_pay")
    notifier = Notifier(store, held, settings.notify_retry_s, faults)
    bank = Bank(store, notifier)
    refunds, ordered = Refunds(store, notifier, settings.refund_s), Fates(store)
    router = APIRouter()
    router.include_router(api.router(bank, refunds, held, faults))
    router.include_router(refund_desk.router(refunds, ordered, notifier))
    router.include_router(cashier.router(bank, notifier, held))
    return WeChatPay(bank, refunds, ordered, notifier, held, router)
