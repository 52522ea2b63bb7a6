"""The books are proved: whatever is not as it must be is named, to the fen."""

import asyncio
import os
import sys
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.charge import ChargeState
from models.kernel import ids
from models.kernel.money import Fen
from models.ledger import Account, transfer
from models.stores import ledger, ledger_proof
from models.stores.database import Database
from tests.account.builders import staff_signed_in
from tests.builders import FEE_FEN, a_charge, a_visit
from tests.client import Hands
from tests.house.rooms import HOUSE

NOW = Hands()()


async def booked(db: AsyncSession, charge_id: Any, cause: str, to: Account, of: Account, fen: int = FEE_FEN) -> None:
    await ledger.post(db, cause, transfer(Fen(fen), to=to, of=of), of=charge_id, charge_id=charge_id, at=NOW)


async def paid(db: AsyncSession, charge_id: Any, **columns: Any) -> None:
    values = {"id": ids.new(), "charge_id": charge_id, "transaction_id": ids.new().hex, "order_no": ids.new().hex, "amount_fen": FEE_FEN}
    values |= {"channel": "wechat_pay", "paid_at": NOW} | columns
    names = ", ".join(values)
    await db.execute(text(f"insert into payment ({names}) values ({', '.join(':' + name for name in values)})"), values)


async def a_settled_charge(db: AsyncSession) -> Any:
    charge_id = await a_charge(db, await a_visit(db), ChargeState.SETTLED)
    await paid(db, charge_id)
    await booked(db, charge_id, "charge.paid", Account.WECHAT_PAY, Account.PATIENT_DUE)
    await booked(db, charge_id, "charge.settled", Account.PATIENT_DUE, Account.HOSPITAL_INCOME)
    return charge_id


async def checks(db: AsyncSession) -> set[str]:
    return {fault.check for fault in await ledger_proof.faults(db)}


async def test_books_in_order_have_no_fault(db: AsyncSession) -> None:
    await a_settled_charge(db)
    await a_charge(db, await a_visit(db))

    assert await ledger_proof.faults(db) == []


async def test_money_that_was_not_booked(db: AsyncSession) -> None:
    charge_id = await a_charge(db, await a_visit(db), ChargeState.PAID)
    await paid(db, charge_id)

    found = await ledger_proof.faults(db)

    assert {one.check for one in found} == {"the payment of a charge is booked once", "the channel holds what came and has not left"}
    assert {(one.expected_fen, one.found_fen) for one in found} == {(FEE_FEN, 0)}
    assert str(charge_id) in {one.about for one in found}


async def test_a_charge_that_is_paid_by_nothing(db: AsyncSession) -> None:
    charge_id = await a_charge(db, await a_visit(db), ChargeState.SETTLED)
    await booked(db, charge_id, "charge.settled", Account.PATIENT_DUE, Account.HOSPITAL_INCOME)

    assert {
        "a charge has a payment when its state says so",
        "a settled charge was paid whole",
        "what we own is not below zero, what is owed or earned not above",
    } <= await checks(db)


async def test_income_for_a_charge_that_is_not_settled(db: AsyncSession) -> None:
    charge_id = await a_charge(db, await a_visit(db), ChargeState.PAID)
    await paid(db, charge_id)
    await booked(db, charge_id, "charge.paid", Account.WECHAT_PAY, Account.PATIENT_DUE)
    await booked(db, charge_id, "charge.settled", Account.PATIENT_DUE, Account.HOSPITAL_INCOME)

    assert await checks(db) == {"a settled charge is income once", "income is what was settled and not let go"}


async def test_something_reserved_that_no_refund_is_for(db: AsyncSession) -> None:
    charge_id = await a_settled_charge(db)
    await db.execute(text("update payment set reserved_fen = 100, refunded_fen = 200 where charge_id = :id"), {"id": charge_id})

    assert await checks(db) == {"what is reserved are refunds under way", "what was given back are refunds at their end"}


async def test_suspense_and_transit_of_nothing(db: AsyncSession) -> None:
    await booked(db, ids.new(), "somebody.moved", Account.REFUND_IN_TRANSIT, Account.SUSPENSE)

    assert await checks(db) == {"suspense is what no charge wanted", "what is on its way back are accepted refunds"}


async def test_what_stands_on_the_wrong_side(db: AsyncSession) -> None:
    charge_id = await a_settled_charge(db)
    await booked(db, charge_id, "somebody.moved", Account.HOSPITAL_BANK, Account.PATIENT_DUE, 1)

    found = [one for one in await ledger_proof.faults(db) if one.check.startswith("what we own")]

    assert {(one.about, one.expected_fen, one.found_fen) for one in found} == {
        (f"{charge_id} hospital_bank", 0, 1),
        ("hospital_bank", 0, 1),
    }


async def test_an_entry_without_legs(db: AsyncSession) -> None:
    await db.execute(text("insert into ledger_entry (id, cause, at) values (:id, 'nothing', now())"), {"id": ids.new()})

    assert await checks(db) == {"an entry has legs"}


async def test_management_reads_the_proof(api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands) -> None:
    _, headers = await staff_signed_in(database, clock, Role.FINANCE)
    assert (await api.get("/v1/ledger/proof", headers=headers)).json() == {"proved": True, "faults": []}

    await db.execute(text("insert into ledger_entry (id, cause, at) values (:id, 'nothing', now())"), {"id": ids.new()})
    told = (await api.get("/v1/ledger/proof", headers=headers)).json()

    assert (told["proved"], [one["check"] for one in told["faults"]]) == (False, ["an entry has legs"])


@pytest.mark.parametrize(("broken", "code", "line"), [(False, 0, "The books are in order."), (True, 1, "an entry has legs")])
async def test_the_command_says_it_with_its_exit_code(own_database: Database, *, broken: bool, code: int, line: str) -> None:
    async with own_database.transaction() as db:
        await a_settled_charge(db)
        if broken:
            await db.execute(text("insert into ledger_entry (id, cause, at) values (:id, 'nothing', now())"), {"id": ids.new()})
    url = own_database.engine.url.render_as_string(hide_password=False)

    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.books"), stdout=asyncio.subprocess.PIPE, cwd=HOUSE, env=os.environ | {"FUZHEN_DATABASE_URL": url}
    )
    said, _ = await command.communicate()

    assert (command.returncode, line in said.decode()) == (code, True)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (None, "FUZHEN_DATABASE_URL is not set"),
        ("hidden and no url", "FUZHEN_DATABASE_URL is no URL"),
        ("nosuchdb://fuzhen:hidden@127.0.0.1/fuzhen", "FUZHEN_DATABASE_URL is no URL"),
        ("postgresql+asyncpg://fuzhen:hidden@127.0.0.1:1/fuzhen", "the database cannot be asked"),
    ],
)
async def test_books_that_cannot_be_read_are_a_clear_line_and_an_exit_code_of_their_own(url: str | None, why: str) -> None:
    known = {name: value for name, value in os.environ.items() if name != "FUZHEN_DATABASE_URL"}
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.books"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=HOUSE,
        env=known | ({"FUZHEN_DATABASE_URL": url} if url else {}),
    )
    said, complained = await command.communicate()

    [line] = complained.decode().splitlines()
    assert (command.returncode, said, line.startswith(f"The books could not be read: {why}")) == (2, b"", True)
    assert "hidden" not in line
