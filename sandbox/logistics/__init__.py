"""SF 丰桥 for one partner: order, look for it, take it back, ask for routes; routes pushed; and a desk where a person moves parcels.

The wire is `protocols.md` §7 [C where marked]; no outside oracle: *unproved*.
"""

import secrets
from dataclasses import dataclass

from fastapi import APIRouter

from sandbox.faults import Faults
from sandbox.logistics import api, desk
from sandbox.logistics.carrier import Carrier
from sandbox.logistics.push import Pusher
from sandbox.settings import Settings
from sandbox.store import Store

__all__ = ["Carrier", "Logistics", "build"]

PARTNER_ID = "FZYYSANDBOX01"
MONTHLY_CARD = "7551234567"
SENDER_NAME, SENDER_PHONE, SENDER_ADDRESS = "互联网医院药房", "13900110011", "北京市朝阳区演示路1号互联网医院药房"
"""Where the contract lets parcels be picked up."""

DDL = """
CREATE TABLE IF NOT EXISTS logistics_partner (id TEXT PRIMARY KEY, checkword TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistics:
    """The carrier with its doors: `router` hangs under `/logistics`, `pusher.run` is the app's background task."""

    carrier: Carrier
    pusher: Pusher
    partner_id: str
    checkword: str
    router: APIRouter

    def books(self) -> dict[str, object]:
        """Orders, routes and pushes as the carrier has them."""
        return self.carrier.books() | {"pushes": self.pusher.books()}

    def credentials(self, base_url: str) -> dict[str, str]:
        """The partner's account, and what its contract names as the place of picking up."""
        return {
            "base_url": base_url,
            "partner_id": self.partner_id,
            "checkword": self.checkword,
            "monthly_card": MONTHLY_CARD,
            "sender_name": SENDER_NAME,
            "sender_phone": SENDER_PHONE,
            "sender_address": SENDER_ADDRESS,
        }


def build(store: Store, faults: Faults, settings: Settings) -> Logistics:
    """Make the tables and, once, the checkword; open the doors."""
    pusher, checkword = Pusher(store, settings.push_retry_s, faults), _checkword(store)
    if settings.push_url:
        pusher.register(settings.push_url)
    carrier = Carrier(store, pusher, MONTHLY_CARD)
    router = APIRouter()
    router.include_router(api.router(carrier, PARTNER_ID, checkword, faults))
    router.include_router(desk.router(carrier, pusher))
    return Logistics(carrier=carrier, pusher=pusher, partner_id=PARTNER_ID, checkword=checkword, router=router)


def _checkword(store: Store) -> str:
    store.script(DDL)
    with store.transaction() as db:
        db.execute("INSERT OR IGNORE INTO logistics_partner VALUES (?, ?)", (PARTNER_ID, secrets.token_urlsafe(24)))
        return db.execute("SELECT checkword FROM logistics_partner WHERE id = ?", (PARTNER_ID,)).fetchone()["checkword"]
