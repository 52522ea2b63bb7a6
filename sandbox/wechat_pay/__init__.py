"""WeChat Pay APIv3 for one direct merchant in public-key mode: orders, query, close, notify, and the cashier on a person's phone.

The wire is `protocols.md` §1 [C where marked]; the outside oracle is the public client library `wechatpayv3` in the tests.
"""

from dataclasses import dataclass

from fastapi import APIRouter

from sandbox import clock
from sandbox.faults import Faults
from sandbox.settings import Settings
from sandbox.store import Store
from sandbox.wechat_pay import api, cashier, keys
from sandbox.wechat_pay.bank import Bank
from sandbox.wechat_pay.keys import Keys
from sandbox.wechat_pay.notify import Notifier

__all__ = ["Bank", "WeChatPay", "build"]


@dataclass(frozen=True, slots=True)
class WeChatPay:
    """The bank with its doors: `router` hangs under `/wechat`, `notifier.run` is the app's background task."""

    bank: Bank
    notifier: Notifier
    keys: Keys
    router: APIRouter

    def books(self) -> dict[str, object]:
        """Orders, payments and notifies as the bank has them, amounts in fen."""
        return self.bank.books(clock.now())


def build(store: Store, faults: Faults, settings: Settings) -> WeChatPay:
    """Make the tables, load or make the keys, open the doors."""
    held = keys.load(settings.data / "wechat_pay")
    notifier = Notifier(store, held, settings.notify_retry_s)
    bank = Bank(store, notifier)
    router = APIRouter()
    router.include_router(api.router(bank, held, faults))
    router.include_router(cashier.router(bank, notifier, held))
    return WeChatPay(bank, notifier, held, router)
