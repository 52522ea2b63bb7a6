"""Debit and credit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.kernel.money import Fen
from models.ledger import Account, transfer


@given(st.integers(1, 10**11), st.sampled_from(Account), st.sampled_from(Account))
def test_a_transfer_debits_one_and_credits_the_other_by_the_same(fen: int, to: Account, of: Account) -> None:
    debit, credit = transfer(Fen(fen), to=to, of=of)

    assert (debit.account, debit.amount_fen, credit.account, credit.amount_fen) == (to, fen, of, -fen)


@pytest.mark.parametrize("fen", [0, -1])
def test_nothing_and_less_than_nothing_is_not_transferred(fen: int) -> None:
    with pytest.raises(ValueError, match="positive amount"):
        transfer(Fen(fen), to=Account.WECHAT_PAY, of=Account.PATIENT_DUE)
