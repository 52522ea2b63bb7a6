"""Charges and their channel orders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import MOVES, ChannelOrder, Charge, ChargeState, OrderState, Scene
from models.kernel import ids
from models.kernel.errors import DomainError
from models.stores import steps
from models.tables.charge import ChargeOrderRow, ChargeRow


def snapshot(row: dict[str, Any]) -> Charge:
    """The row as the process sees it."""
    return Charge.model_validate(row, extra="ignore")


STORE = steps.Store(cast(Table, ChargeRow.__table__), MOVES, snapshot)


ENDS_PAID = frozenset({ChargeState.SETTLED, ChargeState.UNSETTLED})
"""Money has come, and what the HIS says of it is known."""


@dataclass(frozen=True, slots=True)
class ChannelOrderFacts:
    """A channel order below a charge; its number outside is the id as 32 hex digits."""

    id: UUID
    state: OrderState
    scene: Scene
    amount_fen: int
    expires_at: datetime
    prepay_id: str | None
    code_url: str | None

    @property
    def number(self) -> str:
        return self.id.hex


@dataclass(frozen=True, slots=True)
class Facts:
    """What steps need of a charge beyond its snapshot."""

    id: UUID
    state: ChargeState
    visit_id: UUID
    payable: str
    payable_id: UUID
    invoice_id: str
    amount_fen: int
    policy: str
    due_at: datetime | None
    orders: tuple[ChannelOrderFacts, ...]


async def load(db: AsyncSession, charge_id: UUID) -> Charge:
    row = (await db.execute(select(*ChargeRow.__table__.c).where(ChargeRow.id == charge_id))).mappings().one_or_none()
    if row is None:
        raise DomainError("charge.missing", "missing")
    return snapshot(dict(row))


async def facts(db: AsyncSession, charge_id: UUID) -> Facts:
    row = await db.get(ChargeRow, charge_id)
    if row is None:
        raise DomainError("charge.missing", "missing")
    orders = (
        await db.scalars(select(ChargeOrderRow).where(ChargeOrderRow.charge_id == charge_id).order_by(ChargeOrderRow.created_at))
    ).all()
    return Facts(
        row.id,
        ChargeState(row.state),
        row.visit_id,
        row.payable,
        row.payable_id,
        row.invoice_id,
        row.amount_fen,
        row.policy,
        row.due_at,
        tuple(_order(order) for order in orders),
    )


def _order(row: ChargeOrderRow) -> ChannelOrderFacts:
    return ChannelOrderFacts(
        row.id,
        OrderState(row.state),
        Scene(row.scene),
        row.amount_fen,
        row.expires_at,
        row.prepay_id,
        row.code_url,
    )


async def wanted(
    db: AsyncSession,
    charge_id: UUID,
    *,
    visit_id: UUID,
    payable: str,
    payable_id: UUID,
    invoice_id: str,
    amount_fen: int,
    policy: str,
    due_at: datetime,
    request: str = "",
) -> Charge:
    """The row of a charge, in the transaction of the step that wants it. One open charge a payable thing, by index."""
    await db.execute(
        insert(ChargeRow).values(
            id=charge_id,
            state=ChargeState.OPEN,
            policy=policy,
            visit_id=visit_id,
            payable=payable,
            payable_id=payable_id,
            invoice_id=invoice_id,
            amount_fen=amount_fen,
            due_at=due_at,
            wake_at=due_at,
            request=request or None,
        )
    )
    return await load(db, charge_id)


async def refusal(db: AsyncSession, charge_id: UUID) -> str | None:
    """Why the HIS did not take what was paid; None where it did, or was not asked."""
    return await db.scalar(select(ChargeRow.refusal).where(ChargeRow.id == charge_id))


async def opening(db: AsyncSession, order_id: UUID, charge_id: UUID, scene: Scene, amount_fen: int, expires_at: datetime) -> None:
    """Our number first, then the call: a channel order exists in our books before it does at the channel."""
    await db.execute(
        upsert(ChargeOrderRow)
        .values(
            id=order_id,
            charge_id=charge_id,
            channel="wechat_pay",
            scene=scene,
            state=OrderState.OPENING,
            amount_fen=amount_fen,
            expires_at=expires_at,
        )
        .on_conflict_do_update(
            index_elements=[ChargeOrderRow.id],
            set_={"state": OrderState.OPENING},
            where=(ChargeOrderRow.state == OrderState.CLOSED) & ChargeOrderRow.prepay_id.is_(None) & ChargeOrderRow.code_url.is_(None),
        )
    )


async def opened(db: AsyncSession, order_id: UUID, answer: ChannelOrder) -> None:
    await db.execute(
        update(ChargeOrderRow)
        .where(ChargeOrderRow.id == order_id, ChargeOrderRow.state == OrderState.OPENING)
        .values(state=OrderState.OPEN, prepay_id=answer.prepay_id, code_url=answer.code_url)
    )


async def paid(db: AsyncSession, order_id: UUID) -> None:
    """Of a charge's orders one is the paid one: the others are closed, or never came to the channel. What comes on them is unwanted."""
    charge_id = await db.scalar(
        update(ChargeOrderRow).where(ChargeOrderRow.id == order_id).values(state=OrderState.PAID).returning(ChargeOrderRow.charge_id)
    )
    others = (ChargeOrderRow.charge_id == charge_id, ChargeOrderRow.id != order_id)
    await db.execute(update(ChargeOrderRow).where(*others).values(state=OrderState.CLOSED))


async def closed(db: AsyncSession, *order_ids: UUID) -> None:
    """None of them can be paid any more. A paid order never goes back."""
    await db.execute(
        update(ChargeOrderRow)
        .where(ChargeOrderRow.id.in_(order_ids), ChargeOrderRow.state != OrderState.PAID)
        .values(state=OrderState.CLOSED)
    )


async def of_order_no(db: AsyncSession, order_no: str) -> UUID | None:
    """The charge that a channel order belongs to, by the channel's `out_trade_no`; None for a number that is not ours."""
    try:
        order_id = ids.read(order_no)
    except ValueError:
        return None
    return await db.scalar(select(ChargeOrderRow.charge_id).where(ChargeOrderRow.id == order_id))
