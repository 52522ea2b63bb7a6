"""缴费: what is to be paid, and channel orders to pay it with. What a client says of amounts is never read: the HIS prices."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.act import ActionOut, as_patient, on_charge, reach_of, wish
from api.idempotency import Intent
from api.pathways import AskPathways
from api.problems import problems
from api.security import may
from api.wiring import Body, Reading, Wired
from models.account import Principal
from models.charge import ChargeState, Order, OrderState, Scene
from models.stores import charge as charges
from models.stores import payment as payments
from models.stores import timeline
from models.timeline import MONEY_TEXTS
from models.timeline_refund import given_back_text

router = APIRouter(tags=["charge"])
MayRead = Annotated[Principal, Depends(may("charge:read", "ledger:read"))]
MayPay = Annotated[Principal, Depends(may("charge:pay"))]


class ChannelOrderOut(BaseModel):
    """What the front end pays with: a code for any WeChat to scan."""

    order_id: UUID
    scene: Scene
    state: OrderState
    code_url: str | None
    expires_at: datetime


class ChargeOut(BaseModel):
    """A payable thing, in fen."""

    id: UUID
    revisit_id: UUID
    state: ChargeState
    state_text: Annotated[str, Field(examples=["待缴费"])]
    amount_fen: int
    pay_until: datetime | None
    orders: list[ChannelOrderOut]


def _out(charge: charges.Facts, paid: payments.Payment | None) -> ChargeOut:
    back = given_back_text(paid.amount_fen, reserved_fen=paid.reserved_fen, refunded_fen=paid.refunded_fen) if paid else None
    return ChargeOut(
        id=charge.id,
        revisit_id=charge.visit_id,
        state=charge.state,
        state_text=back or MONEY_TEXTS[charge.state],
        amount_fen=charge.amount_fen,
        pay_until=charge.due_at,
        orders=[
            ChannelOrderOut(order_id=one.id, scene=one.scene, state=one.state, code_url=one.code_url, expires_at=one.expires_at)
            for one in charge.orders
        ],
    )


@router.get("/v1/charges/{charge_id}", response_model=ChargeOut, responses=problems(missing=("charge.missing",)))
async def one(charge_id: UUID, me: MayRead, db: Reading) -> ChargeOut:
    """Where the charge stands."""
    await timeline.charge(db, charge_id, reach_of(me))
    return _out(await charges.facts(db, charge_id), await payments.of_charge(db, charge_id))


class OrderIn(Body):
    """By a code that WeChat scans; inside WeChat (JSAPI) needs the mini-program's sign-in, which comes with it."""

    scene: Literal[Scene.NATIVE]


class OrderedOut(BaseModel):
    action: ActionOut
    charge: ChargeOut


@router.post(
    "/v1/charges/{charge_id}/orders",
    response_model=OrderedOut,
    responses=problems(
        conflict=(
            *("charge.not_now", "charge.too_late", "charge.bill_closed", "charge.bill_changed", "charge.paid_elsewhere"),
            "process.busy",
        ),
        missing=("charge.missing",),
    ),
)
async def order(charge_id: UUID, body: OrderIn, me: MayPay, intent: Intent, pathways: AskPathways, wiring: Wired) -> OrderedOut:
    """发起缴费: a channel order, or the one that is open."""
    action = await on_charge(
        pathways,
        charge_id,
        as_patient(me),
        intent,
        wish(Order, intent, scene=body.scene),
    )
    async with wiring.database.reading() as db:
        return OrderedOut(action=action, charge=_out(await charges.facts(db, charge_id), await payments.of_charge(db, charge_id)))
