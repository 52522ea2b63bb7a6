"""短信 for the management (P-13.2): what was said to whom, what became of it, and 重发 of what nobody got. No code is ever shown."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field, computed_field

from api.cursor import After, Limit, cut, open_id_cursor, seal_cursor
from api.idempotency import Intent, once
from api.problems import problems
from api.security import may
from api.wiring import Now, Wired
from models.account import Principal
from models.kernel.phone import Phone
from models.kernel.text import masked_phone
from models.message import STATE_TEXTS, MessageState, Template
from models.stores import audit
from models.stores import message_history as messages
from models.stores.message_history import Said

router = APIRouter(tags=["message"])
MayRead = Annotated[Principal, Depends(may("message:read"))]
MayResend = Annotated[Principal, Depends(may("message:resend"))]


class MessageOut(BaseModel):
    """One message to one phone."""

    id: UUID
    visit_id: UUID | None
    template: Template
    text: str = Field(description="As its reader has it; codes are left out.", examples=["医生已接诊，请在5分钟内进入诊室。"])
    phone: Annotated[str, Field(examples=["138****0001"])]
    state: MessageState
    failure: Annotated[str | None, Field(description="The carrier's word for why it did not arrive.", examples=["sms.UNDELIV"])]
    created_at: datetime
    due_at: datetime = Field(description="Later than it was made where it waits for the morning.")
    sent_at: datetime | None
    reported_at: datetime | None = Field(description="When the phone had it, or its network gave it up.")
    resend_of: UUID | None
    resent_as: UUID | None

    @computed_field(examples=["未送达"])
    @property
    def state_text(self) -> str:
        return STATE_TEXTS[self.state]

    @classmethod
    def of(cls, one: Said) -> Self:
        return cls.model_validate({**one.facts, "text": one.text, "phone": masked_phone(one.phone)})


class MessagesOut(BaseModel):
    """Newest first; `next` is the cursor of the following page."""

    items: list[MessageOut]
    next: str | None


@router.get("/v1/messages", responses=problems(malformed=("request.cursor",)))
async def listed(
    me: MayRead,
    wiring: Wired,
    visit_id: Annotated[UUID | None, Query(description="Of one visit.")] = None,
    state: Annotated[MessageState | None, Query()] = None,
    unreached: Annotated[
        bool, Query(description="About a visit, refused by the carrier or given up by the network, and not sent again.")
    ] = False,
    phone: Annotated[Phone | None, Header(alias="X-Phone", description="To one phone; a header: no number stands in a URL.")] = None,
    after: After = None,
    limit: Limit = 20,
) -> MessagesOut:
    """What was said. Who reads it, and of which visit, is written down before."""
    index = messages.phone_index(wiring.database.vault, phone) if phone else None
    name = f"messages/{visit_id}/{state}/{unreached}/{index.hex() if index else None}"
    place = open_id_cursor(name, after)
    async with wiring.database.transaction() as db:
        said = {"state": state, "unreached": unreached, "by_phone": index is not None}
        await audit.record(db, me.account_id, "message:read", "revisit" if visit_id else "message", visit_id, None, **said)
    async with wiring.database.reading() as db:
        found = await messages.listed(db, place, limit + 1, visit_id=visit_id, state=state, phone_bidx=index, unreached=unreached)
    page, further = cut(found, limit, lambda one: seal_cursor(name, one.created_at, one.id))
    return MessagesOut(items=[MessageOut.of(one) for one in page], next=further)


@router.post(
    "/v1/messages/{message_id}/resend",
    status_code=201,
    response_model=MessageOut,
    responses=problems(
        missing=("message.missing",),
        conflict=("message.is_code", "message.under_way", "message.arrived", "message.resent_already", "message.out_of_date"),
    ),
)
async def resend(message_id: UUID, me: MayResend, intent: Intent, wiring: Wired, now: Now) -> MessageOut:
    """重发 what did not arrive, in the same words to the same phone, at once: a message of its own, and one at most for each.

    Not what is no longer so: a reminder of a visit that has gone on, or a call whose minutes are over.
    """

    async def effect() -> MessageOut:
        id = await messages.resend(db, message_id, intent.id, now)
        await audit.record(db, me.account_id, "message:resend", "message", message_id, None, resent_as=id)
        return MessageOut.of(await messages.said(db, id))

    async with wiring.database.transaction() as db:
        return await once(db, intent, effect, MessageOut)
