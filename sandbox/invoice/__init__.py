"""The issuer of medical e-bills (财政医疗电子票据) for one hospital, on the wire of Bosssoft (博思); books, numbers and PDFs of its own.

The wire is that of third-party integrations [B]; no outside oracle: *unproved*.
"""

import secrets
from dataclasses import dataclass

from fastapi import APIRouter

from sandbox.faults import Faults
from sandbox.invoice import api
from sandbox.invoice.issuer import Issuer
from sandbox.store import Store

__all__ = ["Invoices", "Issuer", "build"]

APP_ID = "FZYYSANDBOX"
PLACE_CODE = "001"
PAYEE, AUTHOR = "互联网医院收费处", "互联网医院"
"""As the contract of the hospital has them: where bills are issued, who takes the money, who issues."""

DDL = """
CREATE TABLE IF NOT EXISTS invoice_app (id TEXT PRIMARY KEY, key TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoices:
    """The issuer with its door; `router` hangs under `/invoice`."""

    issuer: Issuer
    key: str
    router: APIRouter

    def books(self) -> dict[str, object]:
        """Every bill as the issuer has it, red ones with those that they undo; amounts in fen, positive."""
        return {"bills": self.issuer.books()}

    def credentials(self, base_url: str) -> dict[str, str]:
        """What its customer is given, and what its contract names."""
        return {
            "base_url": base_url,
            "app_id": APP_ID,
            "app_key": self.key,
            "place_code": PLACE_CODE,
            "payee": PAYEE,
            "author": AUTHOR,
        }


def build(store: Store, faults: Faults) -> Invoices:
    """Make the tables and, once, the key; open the door."""
    store.script(DDL)
    with store.transaction() as db:
        db.execute("INSERT OR IGNORE INTO invoice_app VALUES (?, ?)", (APP_ID, secrets.token_hex(16)))
        key: str = db.execute("SELECT key FROM invoice_app WHERE id = ?", (APP_ID,)).fetchone()["key"]
    issuer = Issuer(store, PLACE_CODE)
    return Invoices(issuer=issuer, key=key, router=api.Door(issuer, APP_ID, key).router(faults))
