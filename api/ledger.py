"""The books as finance reads them: balances by account, and a charge's money line by line. Fen, debit positive."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.problems import problems
from api.security import may
from api.wiring import Reading
from models.account import Principal
from models.ledger import Account
from models.stores import ledger as store
from models.stores import ledger_proof, timeline
from models.stores.reader import Reach

router = APIRouter(prefix="/v1", tags=["ledger"])
MayRead = Annotated[Principal, Depends(may("ledger:read"))]


class BalanceOut(BaseModel):
    account: Account
    balance_fen: int = Field(description="Debit positive.", examples=[5000])


class BalancesOut(BaseModel):
    items: list[BalanceOut]
    total_fen: int = Field(description="Of all accounts: 0, or the books are broken.", examples=[0])


@router.get("/ledger/balances", responses=problems())
async def balances(me: MayRead, db: Reading) -> BalancesOut:
    """What stands on each account now."""
    found = await store.balances(db)
    items = [BalanceOut(account=account, balance_fen=fen) for account, fen in found.items()]
    return BalancesOut(items=items, total_fen=sum(found.values()))


class FaultOut(BaseModel):
    """Something that is not as it must be, in fen."""

    check: str = Field(examples=["an entry balances"])
    about: str
    expected_fen: int
    found_fen: int


class ProofOut(BaseModel):
    """No fault: the books are proved."""

    proved: bool
    faults: list[FaultOut]


@router.get("/ledger/proof", responses=problems())
async def proof(me: MayRead, db: Reading) -> ProofOut:
    """账务核验: entries balance, charges, payments and refunds equal their entries, nothing is negative that may not be."""
    found = [FaultOut.model_validate(one, from_attributes=True) for one in await ledger_proof.faults(db)]
    return ProofOut(proved=not found, faults=found)


class LegOut(BaseModel):
    """One leg of an entry; the legs of an entry sum to zero."""

    at: datetime
    charge_id: UUID
    cause: str = Field(examples=["charge.paid"])
    account: Account
    amount_fen: int = Field(description="Debit positive.", examples=[-5000])


class StoryOut(BaseModel):
    lines: list[LegOut]
    total_fen: int = Field(examples=[0])


@router.get("/charges/{charge_id}/ledger", responses=problems(missing=("charge.missing",)))
async def of_charge(charge_id: UUID, me: MayRead, db: Reading) -> StoryOut:
    """The money story of a charge, in the order in which it was booked."""
    await timeline.charge(db, charge_id, Reach(me.account_id, everywhere=True))
    return _story(await store.of_charge(db, charge_id))


@router.get("/revisits/{revisit_id}/ledger", responses=problems(missing=("revisit.missing",)))
async def of_visit(revisit_id: UUID, me: MayRead, db: Reading) -> StoryOut:
    """The money story of a visit, line by line: what came, what was settled, what went back."""
    await timeline.revisit(db, revisit_id, Reach(me.account_id, everywhere=True))
    return _story(await store.of_visit(db, revisit_id))


def _story(found: list[store.Line]) -> StoryOut:
    lines = [LegOut.model_validate(one, from_attributes=True) for one in found]
    return StoryOut(lines=lines, total_fen=sum(line.amount_fen for line in lines))
