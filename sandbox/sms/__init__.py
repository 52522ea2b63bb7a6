"""Aliyun SMS (dysmsapi 2017-05-25): SendSms, QuerySendDetails and SmsReport on the real wire, and each phone with its inbox."""

import secrets
from dataclasses import dataclass

from fastapi import APIRouter

from sandbox.faults import Faults
from sandbox.settings import Settings
from sandbox.sms import api
from sandbox.sms.messages import Messages
from sandbox.sms.notify import Reporter
from sandbox.sms.signature import Gatekeeper
from sandbox.store import Store

__all__ = ["Messages", "Sms", "build"]


ACCESS_KEY_ID = "LTAI5tSandboxFuzhen01"

DDL = """
CREATE TABLE IF NOT EXISTS sms_access_key (id TEXT PRIMARY KEY, secret TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """The operator with its doors; `router` hangs under `/sms`, `reporter.run` is the app's background task."""

    messages: Messages
    reporter: Reporter
    access_key_id: str
    access_key_secret: str
    router: APIRouter

    def books(self) -> dict[str, object]:
        """Every text ever sent, and the reports of them."""
        return self.messages.books() | {"reports": self.reporter.books()}


def build(store: Store, faults: Faults, settings: Settings) -> Sms:
    """Make the tables and, once, the access key; open the doors."""
    reporter = Reporter(store, faults, settings.sms_report_url, settings.sms_report_retry_s)
    messages, secret = Messages(store, reporter, settings.sms_report_s), _access_key_secret(store)
    router = APIRouter()
    router.include_router(api.router(messages, Gatekeeper(ACCESS_KEY_ID, secret), faults))

    @router.get("/phones/{phone}/messages", tags=["phone"])
    async def inbox(phone: str) -> list[dict[str, object]]:
        return messages.inbox(phone)

    return Sms(messages=messages, reporter=reporter, access_key_id=ACCESS_KEY_ID, access_key_secret=secret, router=router)


def _access_key_secret(store: Store) -> str:
    store.script(DDL)
    with store.transaction() as db:
        db.execute("INSERT OR IGNORE INTO sms_access_key VALUES (?, ?)", (ACCESS_KEY_ID, secrets.token_hex(15)))
        return db.execute("SELECT secret FROM sms_access_key WHERE id = ?", (ACCESS_KEY_ID,)).fetchone()["secret"]
