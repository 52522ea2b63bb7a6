"""退费 for finance and management: what is on its way back, what is stuck, and what a person does about it (A-6). Fen."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, computed_field
from sqlalchemy.ext.asyncio import AsyncSession

from api.act import ActionOut, on_refund, reach_of, request_id, wish
from api.cursor import After, Limit, cut, open_id_cursor, seal_cursor
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.problems import problems
from api.security import may
from api.timeline_money import RefundProgressOut
from api.wiring import Body, Now, Reading, Wired
from models.account import Principal, Role
from models.kernel.errors import DomainError, known
from models.kernel.money import FEN_MAX
from models.process import allowed
from models.refund import (
    COMMANDS,
    MOVES,
    Cause,
    HandOver,
    Office,
    PayOut,
    RefundState,
    Retry,
    Voucher,
    Withdraw,
    may_pay_out,
    may_withdraw,
)
from models.stores import audit, timeline
from models.stores import charge as charges
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import refund as refunds
from models.stores import revisit as revisits
from models.timeline_refund import DEED_TEXTS, OFFICE_TEXTS, PAYABLE_TEXTS, ROLE_TEXTS, beforehand_text, trouble_text

router = APIRouter(tags=["refund"])
MayRead = Annotated[Principal, Depends(may("refund:read"))]
MayAct = Annotated[Principal, Depends(may("refund:act"))]

Standing = Literal["running", "stuck", "ended"]
_STANDINGS: Final[dict[Standing, frozenset[RefundState]]] = {
    "running": frozenset(RefundState) - MOVES.ends(),
    "stuck": frozenset({RefundState.STUCK}),
    "ended": MOVES.ends(),
}


class RefundOut(RefundProgressOut):
    """A refund with its numbers outside; `trouble` says why no machine can finish it, `office` who owns it then."""

    charge_id: UUID | None = Field(description="None: money for an order that nobody knows.")
    payable: Annotated[str | None, Field(description="What its charge was for: `revisit` or `prescription`.", examples=["revisit"])]
    revisit_id: UUID | None
    order_no: str
    refund_no: str = Field(description="The channel's `out_refund_no`.")
    trouble: Annotated[str | None, Field(examples=["wechat_pay.refund_abnormal"])]
    office: Office | None
    cleared_at: datetime | None = Field(description="When the HIS let go.")
    voucher: str | None = Field(description="Of the hospital's own transfer (线下退费).")
    version: int
    hint: Annotated[str | None, Field(description="What has to be done first, or the HIS will not let go: said before it is asked.")] = None

    @computed_field(examples=["医事服务费"])
    @property
    def payable_text(self) -> str | None:
        """What its charge was for, in the words of screens."""
        return PAYABLE_TEXTS[self.payable] if self.payable else None

    @computed_field(examples=["财务处"])
    @property
    def office_text(self) -> str | None:
        """Whose task it is, in the words of screens."""
        return OFFICE_TEXTS[self.office] if self.office else None

    @computed_field(examples=["微信支付已关闭该笔退款，请重新办理退费，或线下退费。"])
    @property
    def trouble_text(self) -> str | None:
        """What is in the way, and what a person can do; while it is stuck."""
        return trouble_text(self.trouble, may_withdraw="withdraw" in self.allowed) if self.trouble else None

    @computed_field
    @property
    def allowed(self) -> list[str]:
        """What a person may ask now."""
        cleared = self.cleared_at is not None
        never = {
            *(() if may_pay_out(self.trouble, cleared=cleared) else ("pay_out",)),
            *(() if may_withdraw(self.cause, self.trouble, cleared=cleared) else ("withdraw",)),
        }
        return [one for one in allowed(self.state, COMMANDS) if one not in never]


R = TypeVar("R", bound=RefundOut)


def _out(one: refunds.Told, now: datetime, kind: type[R] = RefundOut, **more: object) -> R:
    """Who works on it reads the promised day too, also when it has passed."""
    hint = beforehand_text(one.state, one.payable, served=one.served)
    return kind.of(one, now).model_copy(update={"promised_at": one.promised_at, "hint": hint, **more})


class DeedOut(BaseModel):
    """What a member of staff did to a refund, and when."""

    at: datetime
    deed: Annotated[str, Field(examples=["refund.hand_over"])]
    title: Annotated[str, Field(examples=["转交办理"])]
    name: Annotated[str | None, Field(description="As the account shows it.", examples=["李敏"])]
    roles: Annotated[list[str], Field(description="Posts that the account has now.", examples=[["财务处"]])]
    office: Annotated[Office | None, Field(description="To whom it was handed over.")]
    voucher: str | None
    amount_fen: int | None

    @computed_field(examples=["门诊办"])
    @property
    def office_text(self) -> str | None:
        """The same in the words of screens."""
        return OFFICE_TEXTS[self.office] if self.office else None

    @classmethod
    def of(cls, one: refunds.Deed) -> Self:
        who = {"at": one.at, "name": one.name, "deed": one.action, "title": DEED_TEXTS[one.action]}
        said = {name: one.detail.get(name) for name in ("office", "voucher", "amount_fen")}
        posts = [ROLE_TEXTS[Role(role)] for role in sorted(one.roles)]
        return cls.model_validate(who | said | {"roles": posts})


class RefundStoryOut(RefundOut):
    """One refund, and what people did about it, oldest first."""

    deeds: list[DeedOut] = []


class RefundsOut(BaseModel):
    """Newest first; `next` is the cursor of the following page."""

    items: list[RefundOut]
    next: str | None


@router.get("/v1/refunds", responses=problems(malformed=("request.cursor",)))
async def listed(
    me: MayRead,
    db: Reading,
    now: Now,
    standing: Annotated[Standing, Query(description="`stuck` are the tasks; they are `running` too.")] = "running",
    office: Annotated[Office | None, Query(description="Whose tasks.")] = None,
    after: After = None,
    limit: Limit = 20,
) -> RefundsOut:
    """退费管理: what is on its way, what waits for a person, what has ended."""
    name = f"refunds/{standing}/{office}"
    found = await refunds.listed(db, _STANDINGS[standing], office, open_id_cursor(name, after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor(name, one.requested_at, one.id))
    return RefundsOut(items=[_out(one, now) for one in page], next=further)


@router.get("/v1/refunds/{refund_id}", responses=problems(missing=("refund.missing",)))
async def one(refund_id: UUID, me: MayRead, db: Reading, now: Now) -> RefundStoryOut:
    """One of them, with who did what to it."""
    told = await refunds.told(db, refund_id)
    return _out(told, now, RefundStoryOut, deeds=[DeedOut.of(one) for one in await refunds.deeds(db, refund_id)])


class RefundIn(Body):
    """How much goes back; all that is left without a word."""

    amount_fen: Annotated[int | None, Field(strict=True, ge=1, le=FEN_MAX)] = None


@router.post(
    "/v1/charges/{charge_id}/refunds",
    status_code=201,
    response_model=RefundOut,
    responses=problems(
        conflict=("refund.not_paid", "refund.visit_open", "refund.exceeds_paid", "refund.nothing_left", "refund.under_way"),
        missing=("charge.missing",),
    ),
)
async def begin(charge_id: UUID, body: RefundIn, me: MayAct, intent: Intent, wiring: Wired, now: Now, pathways: AskPathways) -> RefundOut:
    """医院退费 of a visit that is over. One that is not is left by 退号 or 退诊, which give back by themselves.

    A visit that took place stands in the HIS as executed: `hint` says that a window must undo that first.
    """

    async def effect() -> RefundOut:
        await timeline.charge(db, charge_id, reach_of(me))
        begun = await _begin(db, charge_id, body.amount_fen, intent.id, now)
        detail = {"charge_id": charge_id, "amount_fen": body.amount_fen}
        await audit.record(db, me.account_id, "refund:begin", "refund", begun.id, None, **detail)
        return _out(await refunds.told(db, begun.id), now)

    async with wiring.database.transaction() as db:
        told = await once(db, intent, effect, RefundOut)
    await pathways.runs.begin("refund", told.id, told.revisit_id or told.id)
    return told


async def _begin(db: AsyncSession, charge_id: UUID, amount_fen: int | None, refund_id: UUID, now: datetime) -> refunds.Begun:
    charge = await charges.facts(db, charge_id)
    paid = await payments.of_charge(db, charge_id)
    if paid is None or charge.state not in charges.ENDS_PAID:
        raise DomainError("refund.not_paid", "conflict")
    if not await revisits.over(db, charge.visit_id):
        raise DomainError("refund.visit_open", "conflict")
    policy = await policies.pinned(db, charge.policy)
    begun = await refunds.begin(
        db, paid.id, Cause.MANAGEMENT, now, policy, amount_fen=amount_fen, refund_id=refund_id, request=request_id()
    )
    if begun is None:
        left = known(await payments.of_charge(db, charge_id)).left_fen
        raise DomainError("refund.under_way" if left else "refund.nothing_left", "conflict")
    return begun


@router.post(
    "/v1/refunds/{refund_id}/retry",
    response_model=ActionOut,
    responses=problems(conflict=("refund.not_now", "process.busy"), missing=("refund.missing",)),
)
async def retry(refund_id: UUID, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """重新办理: at the HIS or at the channel, wherever it stands."""
    return await on_refund(pathways, refund_id, reach_of(me), intent, wish(Retry, intent))


class HandOverIn(Body):
    office: Office


@router.post(
    "/v1/refunds/{refund_id}/hand-over",
    response_model=ActionOut,
    responses=problems(conflict=("refund.not_now", "process.busy", "refund.theirs_already"), missing=("refund.missing",)),
)
async def hand_over(refund_id: UUID, body: HandOverIn, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """转交: another office owns it, until a person gives it on; the one that has it already is a problem."""
    return await on_refund(pathways, refund_id, reach_of(me), intent, wish(HandOver, intent, office=body.office))


class PayOutIn(Body):
    voucher: Voucher


@router.post(
    "/v1/refunds/{refund_id}/pay-out",
    response_model=ActionOut,
    responses=problems(
        conflict=("refund.not_now", "process.busy", "refund.not_cleared", "refund.at_the_channel"), missing=("refund.missing",)
    ),
)
async def pay_out(refund_id: UUID, body: PayOutIn, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """线下退费: transferred by the hospital itself, under the number of its voucher."""
    return await on_refund(pathways, refund_id, reach_of(me), intent, wish(PayOut, intent, voucher=body.voucher))


@router.post(
    "/v1/refunds/{refund_id}/withdraw",
    response_model=ActionOut,
    responses=problems(conflict=("refund.not_now", "process.busy", "refund.owed"), missing=("refund.missing",)),
)
async def withdraw(refund_id: UUID, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """撤销: what the hospital itself wanted and the HIS does not let go, or what a window has given back."""
    return await on_refund(pathways, refund_id, reach_of(me), intent, wish(Withdraw, intent))
