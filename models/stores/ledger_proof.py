"""Proof of the books: entries balance, charges, payments and refunds equal their entries, and nothing stands below zero that may not.

Each check is a query of things with what they should be and what they are, in fen. All are one statement, so that they see one moment of
a hospital at work.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the books that is not as it must be."""

    check: str
    about: str
    expected_fen: int
    found_fen: int


_CHECKS: Final = (
    """
    select 'an entry balances', entry.id::text, 0, coalesce(sum(leg.amount_fen), 0)
    from ledger_entry entry left join ledger_leg leg on leg.entry_id = entry.id group by entry.id
    """,
    """
    select 'an entry has legs', entry.id::text, 1, 0
    from ledger_entry entry where not exists (select from ledger_leg leg where leg.entry_id = entry.id)
    """,
    """
    select 'a charge has a payment when its state says so', charge.id::text,
        (charge.state in ('paid', 'settled', 'unsettled'))::int, (payment.id is not null)::int
    from charge left join payment on payment.charge_id = charge.id and payment.unwanted is null
    """,
    """
    select 'a settled charge was paid whole', charge.id::text, charge.amount_fen, coalesce(payment.amount_fen, 0)
    from charge left join payment on payment.charge_id = charge.id and payment.unwanted is null where charge.state = 'settled'
    """,
    """
    select 'the payment of a charge is booked once', charge.id::text, coalesce(payment.amount_fen, 0), coalesce(booked.fen, 0)
    from charge
    left join payment on payment.charge_id = charge.id and payment.unwanted is null
    left join booked on booked.charge_id = charge.id and booked.cause = 'charge.paid'
    """,
    """
    select 'a settled charge is income once', charge.id::text,
        case when charge.state = 'settled' then charge.amount_fen else 0 end, coalesce(booked.fen, 0)
    from charge left join booked on booked.charge_id = charge.id and booked.cause = 'charge.settled'
    """,
    """
    select 'what is reserved are refunds under way', payment.id::text, payment.reserved_fen,
        coalesce(sum(refund.amount_fen) filter (where refund.state not in ('arrived', 'paid_out', 'withdrawn')), 0)
    from payment left join refund on refund.payment_id = payment.id group by payment.id
    """,
    """
    select 'what was given back are refunds at their end', payment.id::text, payment.refunded_fen,
        coalesce(sum(refund.amount_fen) filter (where refund.state in ('arrived', 'paid_out')), 0)
    from payment left join refund on refund.payment_id = payment.id group by payment.id
    """,
    """
    select 'suspense is what no charge wanted', 'suspense',
        (select coalesce(-sum(amount_fen - refunded_fen), 0) from payment where unwanted is not null),
        (select coalesce(sum(fen), 0) from standing where account = 'suspense')
    """,
    """
    select 'what is on its way back are accepted refunds', 'refund_in_transit',
        (
            select coalesce(sum(amount_fen), 0) from refund
            where accepted_at is not null and state not in ('arrived', 'paid_out', 'withdrawn')
        ),
        (select coalesce(sum(fen), 0) from standing where account = 'refund_in_transit')
    """,
    """
    select 'the channel holds what came and has not left', 'wechat_pay',
        (select coalesce(sum(amount_fen), 0) from payment) - (
            select coalesce(sum(amount_fen), 0) from refund
            where accepted_at is not null and state not in ('paid_out', 'withdrawn')
        ),
        (select coalesce(sum(fen), 0) from standing where account = 'wechat_pay')
    """,
    """
    select 'income is what was settled and not let go', 'hospital_income',
        (
            select coalesce(sum(refund.amount_fen), 0)
            from refund join charge on charge.id = refund.charge_id join payment on payment.id = refund.payment_id
            where charge.state = 'settled' and payment.unwanted is null and refund.cleared_at is not null
        ) - (select coalesce(sum(amount_fen), 0) from charge where state = 'settled'),
        (select coalesce(sum(fen), 0) from standing where account = 'hospital_income')
    """,
    """
    select 'what we own is not below zero, what is owed or earned not above', coalesce(charge_id::text || ' ', '') || account, 0, sum(fen)
    from standing group by grouping sets ((charge_id, account), (account))
    having case when account in ('wechat_pay', 'refund_in_transit') then sum(fen) < 0 else sum(fen) > 0 end
    """,
)

_HEAD: Final = """
    with standing(charge_id, account, fen) as (
        select entry.charge_id, leg.account, sum(leg.amount_fen)
        from ledger_entry entry join ledger_leg leg on leg.entry_id = entry.id group by entry.charge_id, leg.account
    ), booked(charge_id, cause, fen) as (
        select entry.charge_id, entry.cause, sum(leg.amount_fen) filter (where leg.amount_fen > 0)
        from ledger_entry entry join ledger_leg leg on leg.entry_id = entry.id group by entry.charge_id, entry.cause
    )
    select * from ("""
_TAIL: Final = ") as proof(name, about, expected, found) where expected <> found"
_ALL: Final = text(_HEAD + "union all".join(_CHECKS) + _TAIL)


async def faults(db: AsyncSession) -> list[Fault]:
    """All that is not as it must be; empty when the books are proved."""
    return [Fault(check, about, int(expected), int(found)) for check, about, expected, found in await db.execute(_ALL)]
