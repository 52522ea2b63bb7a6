"""The hospital's CA with 协同签名: it takes a text to sign, a person confirms on their phone, and the signature is asked for or told.

The CA's wire is not public, so this one has the shape that such products share: *unproved* (`protocols.md` §5, EMULATE-C). Its SM2
signatures and certificates are proved by OpenSSL in the tests.
"""

import secrets
from dataclasses import dataclass

from fastapi import APIRouter

from sandbox.faults import Faults
from sandbox.settings import Settings
from sandbox.signature import api, phone
from sandbox.signature.authority import Authority
from sandbox.signature.notify import Notifier
from sandbox.signature.tables import DDL
from sandbox.signature.tasks import Tasks
from sandbox.signature.wire import Keys
from sandbox.store import Store

__all__ = ["Signing", "build"]

APP_ID = "fuzhen-hospital"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """The service with its doors: `router` hangs under `/signature`, `notifier.run` is the app's background task."""

    authority: Authority
    tasks: Tasks
    notifier: Notifier
    keys: Keys
    router: APIRouter

    def books(self) -> dict[str, object]:
        """Tasks with their texts and signatures, what was told of them, and every certificate; no private key."""
        return {"tasks": self.tasks.books(), "certificates": self.authority.books()}

    def credentials(self, base_url: str) -> dict[str, str]:
        """The hospital's account, and the CA's certificates, root and issuing, in PEM."""
        return {"base_url": base_url, "app_id": self.keys.app_id, "app_secret": self.keys.secret, "trusted": self.authority.bundle()}


def build(store: Store, faults: Faults, settings: Settings) -> Signing:
    """Make the tables and, once, the CA and the hospital's secret; open the doors."""
    store.script(DDL)
    keys = Keys(APP_ID, _secret(store))
    authority, notifier = Authority(store), Notifier(store, keys, settings.notify_retry_s, faults)
    tasks = Tasks(store, authority, notifier)
    router = APIRouter()
    router.include_router(api.router(tasks, authority, keys, faults))
    router.include_router(phone.router(tasks, notifier))
    return Signing(authority=authority, tasks=tasks, notifier=notifier, keys=keys, router=router)


def _secret(store: Store) -> str:
    with store.transaction() as db:
        db.execute("INSERT OR IGNORE INTO signature_app VALUES (?, ?)", (APP_ID, secrets.token_hex(32)))
        return db.execute("SELECT secret FROM signature_app WHERE id = ?", (APP_ID,)).fetchone()["secret"]
