"""The books over HTTP: balances that are level, and a charge's money line by line."""

from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.charge import ChargeState
from models.kernel import ids
from models.kernel.money import Fen
from models.ledger import Account, transfer
from models.stores import ledger
from models.stores.database import Database
from tests.account.builders import patient_signed_in, staff_signed_in
from tests.builders import FEE_FEN, a_charge, a_visit
from tests.client import Hands


@pytest_asyncio.fixture
async def manager(database: Database, clock: Hands) -> dict[str, str]:
    _, headers = await staff_signed_in(database, clock, Role.MANAGEMENT)
    return headers


async def test_books_without_any_entry_are_level(api: httpx.AsyncClient, manager: dict[str, str]) -> None:
    told = (await api.get("/v1/ledger/balances", headers=manager)).json()

    assert told["total_fen"] == 0
    assert {one["account"]: one["balance_fen"] for one in told["items"]} == dict.fromkeys(Account, 0)


async def test_a_charge_tells_its_money(api: httpx.AsyncClient, manager: dict[str, str], db: AsyncSession, clock: Hands) -> None:
    charge_id = await a_charge(db, await a_visit(db))
    paid = transfer(Fen(FEE_FEN), to=Account.WECHAT_PAY, of=Account.PATIENT_DUE)
    settled = transfer(Fen(FEE_FEN), to=Account.PATIENT_DUE, of=Account.HOSPITAL_INCOME)
    for _ in range(2):  # booked again it stays booked once
        await ledger.post(db, "charge.paid", paid, of=charge_id, charge_id=charge_id, at=clock())
        await ledger.post(db, "charge.settled", settled, of=charge_id, charge_id=charge_id, at=clock() + timedelta(seconds=1))

    story = (await api.get(f"/v1/charges/{charge_id}/ledger", headers=manager)).json()
    balances = (await api.get("/v1/ledger/balances", headers=manager)).json()

    assert [(one["cause"], one["account"], one["amount_fen"]) for one in story["lines"]] == [
        ("charge.paid", "wechat_pay", 5000),
        ("charge.paid", "patient_due", -5000),
        ("charge.settled", "patient_due", 5000),
        ("charge.settled", "hospital_income", -5000),
    ]
    assert (story["total_fen"], balances["total_fen"]) == (0, 0)
    assert {one["account"]: one["balance_fen"] for one in balances["items"] if one["balance_fen"]} == {
        "wechat_pay": 5000,
        "hospital_income": -5000,
    }


async def test_a_charge_without_money_has_no_lines(api: httpx.AsyncClient, manager: dict[str, str], db: AsyncSession) -> None:
    charge_id = await a_charge(db, await a_visit(db))

    assert (await api.get(f"/v1/charges/{charge_id}/ledger", headers=manager)).json()["lines"] == []


async def test_a_charge_that_is_not_there(api: httpx.AsyncClient, manager: dict[str, str]) -> None:
    refused = await api.get("/v1/charges/bfbc2918-199a-43ef-95e1-dcb79f33808c/ledger", headers=manager)

    assert (refused.status_code, refused.json()["code"]) == (404, "charge.missing")


@pytest.mark.parametrize("path", ["/v1/ledger/balances", "/v1/charges/bfbc2918-199a-43ef-95e1-dcb79f33808c/ledger"])
async def test_the_books_are_not_for_everybody(api: httpx.AsyncClient, database: Database, clock: Hands, path: str) -> None:
    for _, headers in (await patient_signed_in(database, clock), await staff_signed_in(database, clock)):
        refused = await api.get(path, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "account.forbidden")


async def test_a_visit_tells_the_money_of_all_its_charges(
    api: httpx.AsyncClient, manager: dict[str, str], db: AsyncSession, clock: Hands
) -> None:
    visit_id, another = await a_visit(db), await a_visit(db)
    paid, back = (
        transfer(Fen(FEE_FEN), to=Account.WECHAT_PAY, of=Account.PATIENT_DUE),
        transfer(Fen(7), to=Account.WECHAT_PAY, of=Account.SUSPENSE),
    )
    first = await a_charge(db, visit_id, ChargeState.CLOSED)
    second, others = await a_charge(db, visit_id), await a_charge(db, another)
    await ledger.post(db, "payment.unwanted", back, of=first, charge_id=first, at=clock())
    await ledger.post(db, "charge.paid", paid, of=second, charge_id=second, at=clock() + timedelta(seconds=1))
    await ledger.post(db, "charge.paid", paid, of=others, charge_id=others, at=clock())

    story = (await api.get(f"/v1/revisits/{visit_id}/ledger", headers=manager)).json()

    assert [(one["charge_id"], one["cause"], one["amount_fen"]) for one in story["lines"]] == [
        (str(first), "payment.unwanted", 7),
        (str(first), "payment.unwanted", -7),
        (str(second), "charge.paid", FEE_FEN),
        (str(second), "charge.paid", -FEE_FEN),
    ]
    assert (await api.get(f"/v1/revisits/{ids.new()}/ledger", headers=manager)).status_code == 404
