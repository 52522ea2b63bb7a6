"""The adapter of e-bills on the sandbox's issuer."""

from collections.abc import AsyncIterator, Callable
from datetime import date, datetime
from typing import Any

import httpx
import pytest

from gateways.invoice.account import InvoiceAccount
from gateways.invoice.bosssoft import BosssoftIssuer
from gateways.invoice.port import Issuer
from models.invoice import ITEMS, Split, Wanted
from models.kernel import ids
from models.kernel.clock import SHANGHAI

LIMIT_S = 2.0
ISSUE, UNDO, ASK = (
    f"POST /medical-web/api/medical/{name}" for name in ("invoiceEBillOutpatient", "writeOffEBill", "getEBillStatesByBillInfo")
)
PICTURE = "GET /medical-web/pdf/{token}"
AT = datetime(2026, 3, 2, 9, 30, 0, 123000, tzinfo=SHANGHAI)
Books = Callable[[str], list[dict[str, Any]]]


def a_wish(split: Split | None = None, **changes: Any) -> Wanted:
    plain = {
        "number": ids.new().hex,
        "payer": "张秀英",
        "split": split or Split(cash_fen=5000),
        "item": ITEMS["revisit"],
        "visit_no": ids.new().hex,
        "visited_on": date(2026, 3, 2),
        "channel_no": "4200000001",
        "at": AT,
    }
    return Wanted.model_validate(plain | changes)


@pytest.fixture
def books(outside: httpx.Client) -> Books:
    """All that the issuer has under a number of ours."""

    def kept(number: str) -> list[dict[str, Any]]:
        return [one for one in outside.get("/books/invoice").json()["bills"] if one["bus_no"] == number]

    return kept


@pytest.fixture
def account(credentials: dict[str, Any]) -> InvoiceAccount:
    return InvoiceAccount(**credentials["invoice"])


@pytest.fixture
async def issuer(account: InvoiceAccount) -> AsyncIterator[BosssoftIssuer]:
    """With less patience than in production, so that silence costs a test little."""
    adapter = BosssoftIssuer(account, limit_s=LIMIT_S)
    _: Issuer = adapter  # held by the type checker: it is the port
    yield adapter
    await adapter.aclose()


@pytest.fixture
def says_no(outside: httpx.Client) -> Callable[[str], None]:
    """The next bill is refused by this code."""

    def refuses(code: str) -> None:
        wish = {"system": "invoice", "call": ISSUE, "kind": "refused", "seconds": 0, "code": code}
        outside.post("/faults", json=wish).raise_for_status()

    return refuses
