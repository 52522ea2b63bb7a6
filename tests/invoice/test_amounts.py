"""Whatever goes back and in whatever order, bills and money agree: issued − red = settled − given back."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.invoice import InvoiceState, Look, Split
from models.revisit import State
from models.timeline_invoice import INVOICE_TEXTS, LOOK_TEXTS, invoice_text, trouble_text
from tests.builders import FEE_FEN
from tests.invoice.builders import bill, gives_back, retried, rows, stands, walks
from tests.process.hospital import Hospital
from tests.process.visit import Visit, opened
from tests.revisit.test_words import said_on_the_page

fen = st.integers(0, 10**9)


@given(fund=fen, account=fen, cash=fen, data=st.data())
def test_what_goes_back_is_cash_and_the_other_parts_stay(fund: int, account: int, cash: int, data: st.DataObject) -> None:
    settled = Split(fund_fen=fund, account_fen=account, cash_fen=cash)
    left, back = settled, 0
    while left.cash_fen and data.draw(st.booleans()):
        part = data.draw(st.integers(1, left.cash_fen))
        left, back = left.less_cash(part), back + part

    assert left == settled.less_cash(back), "in whatever parts it went"
    assert (left.fund_fen, left.account_fen, left.total_fen) == (fund, account, settled.total_fen - back)


@given(cash=fen, more=st.integers(1, 10**9))
def test_more_than_the_cash_never_goes_back(cash: int, more: int) -> None:
    with pytest.raises(ValueError, match="more has gone back"):
        Split(cash_fen=cash, fund_fen=more).less_cash(cash + more)


@given(parts=st.lists(st.builds(Split, fund_fen=fen, account_fen=fen, cash_fen=fen), max_size=5))
def test_bills_add_up_part_by_part(parts: list[Split]) -> None:
    assert Split.sum(parts).total_fen == sum(one.total_fen for one in parts)


def test_every_state_is_said_on_screens_and_on_the_page() -> None:
    assert said_on_the_page("State of an e-bill") == INVOICE_TEXTS
    assert set(INVOICE_TEXTS) == set(InvoiceState)
    assert set(LOOK_TEXTS) == set(Look)
    assert trouble_text("invoice.E9999")


def test_only_a_bill_that_was_issued_is_said_to_be_undone() -> None:
    assert invoice_text(InvoiceState.VOID, "invoice.reverse") == "已冲红（费用已全额退回）"
    assert invoice_text(InvoiceState.VOID, "invoice.issue") == "已全额退费，不再开具"
    assert all(invoice_text(state, "invoice.reverse") == text for state, text in INVOICE_TEXTS.items() if state is not InvoiceState.VOID)


class Walk:
    """A visit that is over, whose money goes back in parts while its bills walk and the issuer misbehaves."""

    def __init__(self, hospital: Hospital, visit: Visit, seed: int) -> None:
        self.hospital, self.visit, self.chance, self.back = hospital, visit, random.Random(seed), 0

    async def goes(self) -> None:
        for _ in range(12):
            await self.chance.choice([self.gives_back, self.gives_back, self.steps, self.steps, self.steps, self.spoils])()
        self.hospital.issuer.mends()
        await self.settles_down()

    async def gives_back(self) -> None:
        if left := FEE_FEN - self.back:
            part = self.chance.choice([left, self.chance.randint(1, left), 1])
            await gives_back(self.hospital, self.visit, part)
            self.back += part

    async def spoils(self) -> None:
        call = self.chance.choice(["issue", "reverse", "picture", "find"])
        if call == "find" or self.chance.random() < 0.5:
            self.hospital.issuer.silent(call, landed=self.chance.random() < 0.5, times=self.chance.randint(1, 3))
        else:
            self.hospital.issuer.refuses(call, "invoice.E0104", landed=self.chance.random() < 0.5)

    async def steps(self) -> None:
        desk = await bill(self.hospital, self.visit, len(await rows(self.hospital, self.visit.charge.id)) - 1)
        if desk.state is InvoiceState.REFUSED:
            await retried(desk)
        elif desk.PATHWAY.get(desk.state):
            await desk.happens()

    async def settles_down(self) -> None:
        while True:
            count = len(await rows(self.hospital, self.visit.charge.id))
            desk = await bill(self.hospital, self.visit, count - 1)
            if await walks(desk) is InvoiceState.REFUSED:
                await retried(desk)
            elif count == len(await rows(self.hospital, self.visit.charge.id)):
                return


@pytest.mark.parametrize("seed", range(24))
async def test_bills_follow_the_money_whatever_the_issuer_does(hospital: Hospital, seed: int) -> None:
    visit = await (await opened(hospital)).to(State.CLOSED)
    hospital.his.undone.add(hospital.his.of_claim((await hospital.row(visit.id)).claim_id).invoice_id)
    walk = Walk(hospital, visit, seed)
    await walk.goes()

    kept = await rows(hospital, visit.charge.id)
    standing = [one for one in kept if one.number is not None and one.reversed_at is None]
    assert stands(hospital) == FEE_FEN - walk.back
    assert sum(one.cash_fen for one in standing) == FEE_FEN - walk.back
    assert {one.id.hex for one in kept if one.number} == set(hospital.issuer.bills), "each bill of the issuer's is a row"
    assert sum(one.red is not None for one in hospital.issuer.bills.values()) == sum(one.reversed_at is not None for one in kept)
