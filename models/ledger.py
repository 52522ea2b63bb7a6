"""Double entry: debit positive, credit negative, each entry's legs sum to zero."""

from dataclasses import dataclass
from enum import StrEnum

from models.kernel.money import Fen


class Account(StrEnum):
    """Where money stands: at the channel, on its way back, owed to the patient until the service is settled, the hospital's income, not
    yet explained, or gone by a transfer of the hospital's own.
    """

    WECHAT_PAY = "wechat_pay"
    REFUND_IN_TRANSIT = "refund_in_transit"
    PATIENT_DUE = "patient_due"
    HOSPITAL_INCOME = "hospital_income"
    SUSPENSE = "suspense"
    HOSPITAL_BANK = "hospital_bank"


@dataclass(frozen=True, slots=True)
class Leg:
    account: Account
    amount_fen: int


def transfer(amount: Fen, *, to: Account, of: Account) -> tuple[Leg, Leg]:
    """Debits `to` and credits `of` by a positive amount."""
    if amount <= 0:
        raise ValueError("a transfer moves a positive amount")
    return Leg(to, amount), Leg(of, -amount)
