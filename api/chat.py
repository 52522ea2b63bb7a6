"""图文问诊: the conversation of a visit, lines in one order, numbered from 1 without a gap (P-2.5)."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.act import reach_of
from api.cursor import Limit
from api.idempotency import Intent, once
from api.problems import problems
from api.reader import read_of
from api.security import may
from api.wiring import Body, Now, Wired, Writing
from models.account import Principal
from models.kernel.text import Paragraph
from models.stores import chat as store
from models.stores import reader as readers
from models.stores.chat import Line, Side

router = APIRouter(prefix="/v1/revisits/{revisit_id}/chat", tags=["chat"])
MayWrite = Annotated[Principal, Depends(may("chat:write"))]
MayRead = Annotated[Principal, Depends(may("chat:read"))]
LINES, NUMBER_MAX = 50, 2**53
"""A page as a screen shows it; the largest number that every JSON reader keeps exact."""


class LineIn(Body):
    """At most 2,000 characters."""

    text: Paragraph = Field(examples=["您好，最近活动后气短有没有加重？"])


class LineOut(BaseModel):
    id: UUID
    number: int = Field(description="Its place in the conversation, from 1 without a gap.", examples=[1])
    side: Side
    text: str
    at: datetime

    @classmethod
    def of(cls, line: Line) -> Self:
        return cls.model_validate(line, from_attributes=True)


class LinesOut(BaseModel):
    """In order; `next` is the number to ask on after, null at the end."""

    items: list[LineOut]
    next: int | None


@router.post(
    "",
    status_code=201,
    responses=problems(
        missing=("revisit.missing",),
        conflict=("chat.not_now",),
    ),
)
async def say(revisit_id: UUID, body: LineIn, me: MayWrite, intent: Intent, db: Writing, now: Now) -> LineOut:
    """Say something, while 问诊中 and the patient is in the room. Whose side it is, is told by who says it."""
    reader = await readers.of_visit(db, revisit_id, reach_of(me))

    async def effect() -> LineOut:
        return LineOut.of(await store.say(db, intent.id, revisit_id, me.account_id, reader.side, body.text, now))

    return await once(db, intent, effect, LineOut)


@router.get("", responses=problems(missing=("revisit.missing",)))
async def lines(
    revisit_id: UUID,
    me: MayRead,
    wiring: Wired,
    after: Annotated[int, Query(ge=0, le=NUMBER_MAX, description="Lines with a larger number.")] = 0,
    limit: Limit = LINES,
) -> LinesOut:
    """What was said, from a number on: a live event names the newest number."""
    async with read_of(wiring, me, revisit_id, "chat:read", talking=True) as (db, _):
        found = await store.lines(db, revisit_id, after, limit + 1)
    page = found[:limit]
    return LinesOut(items=[LineOut.of(line) for line in page], next=page[-1].number if len(found) > limit else None)
