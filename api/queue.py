"""我的诊室: the doctor's 就诊单元 with their four lists (D-2.1); and 候诊, the patient's place in one of them (P-4)."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.act import as_patient
from api.cursor import LIMIT, After, Limit, cut, open_id_cursor, seal_cursor
from api.problems import problems
from api.security import may
from api.wiring import Now, Reading
from models.account import Principal
from models.eligibility import age_on
from models.kernel.clock import business_day
from models.queue import BADGES, DOCTOR_TEXTS, LIST_TEXTS, DoctorState, QueueList, Unit, current, doctor_state
from models.revisit import State
from models.schedule import HisId, Period
from models.stores import queue as store
from models.stores.queue import Listed, Place
from models.timeline import STATE_TEXTS

router = APIRouter(prefix="/v1", tags=["queue"])
MayRead = Annotated[Principal, Depends(may("queue:read"))]
MayWait = Annotated[Principal, Depends(may("revisit:read"))]


class ListCountOut(BaseModel):
    list: QueueList
    text: str = Field(examples=["待接诊"])
    count: int


class UnitOut(BaseModel):
    """A 就诊单元 of mine, with the counts of its four lists."""

    schedule_id: str
    department: str = Field(examples=["慢阻肺门诊"])
    on: date
    period: Period
    starts_at: datetime
    ends_at: datetime
    current: bool = Field(description="To be shown first: running now, else the next to begin, else the last that was.")
    lists: list[ListCountOut]

    @classmethod
    def of(cls, unit: Unit, *, current: bool) -> Self:
        return cls(
            schedule_id=unit.id,
            department=unit.department,
            on=unit.on,
            period=Period(unit.period),
            starts_at=unit.starts_at,
            ends_at=unit.ends_at,
            current=current,
            lists=[ListCountOut(list=one, text=LIST_TEXTS[one], count=unit.counts[one]) for one in QueueList],
        )


class UnitsOut(BaseModel):
    items: list[UnitOut]


@router.get("/queue", responses=problems())
async def units(me: MayRead, db: Reading, now: Now) -> UnitsOut:
    """My 就诊单元 of today, and earlier ones that still run or hold someone who waits or is being seen."""
    found = await store.units(db, me.account_id, now)
    first = current(found, now)
    return UnitsOut(items=[UnitOut.of(unit, current=unit is first) for unit in found])


class RowOut(BaseModel):
    """A visit of mine, its patient by full name: the doctor who treats knows whom."""

    revisit_id: UUID
    version: int
    state: State
    state_text: str = Field(examples=["待接诊"])
    badge: str | None = Field(description="How it ended, when not by 结束问诊.", examples=["未就诊"])
    name: str = Field(examples=["张秀英"])
    age: int = Field(examples=[68])
    slot_starts_at: datetime | None
    checked_in_at: datetime | None
    waiting_s: int | None = Field(description="Since 报到, while 待接诊.")
    position: int | None = Field(description="In the queue, from 1, while 待接诊.")
    passed_over: bool = Field(description="过号: went to the end of the queue.")
    called_at: datetime | None
    entered: bool
    ended_at: datetime | None
    chat_number: int = Field(description="Number of the last chat line, 0 before the first.")
    refill: bool = Field(description="复诊续方: began from a past prescription.")
    unstable: bool = Field(description="复诊续方 whose patient did not confirm that all is stable.")

    @classmethod
    def of(cls, row: Listed, now: datetime) -> Self:
        waits = row.state is State.WAITING
        return cls(
            revisit_id=row.id,
            version=row.version,
            state=row.state,
            state_text=STATE_TEXTS[row.state],
            badge=STATE_TEXTS[row.state] if row.state in BADGES else None,
            name=row.name,
            age=age_on(row.birth_on, business_day(now)),
            slot_starts_at=row.slot_starts_at,
            checked_in_at=row.checked_in_at,
            waiting_s=_seconds(row.checked_in_at, now) if waits else None,
            position=row.position if waits else None,
            passed_over=row.passed_over,
            called_at=row.called_at,
            entered=row.entered,
            ended_at=row.ended_at,
            chat_number=row.chat_number,
            refill=row.refill,
            unstable=row.unstable,
        )


class RowsOut(BaseModel):
    """In the order of the list; `next` is the cursor of the following page."""

    unit: UnitOut
    items: list[RowOut]
    next: str | None


@router.get("/queue/{schedule_id}", responses=problems(malformed=("request.cursor",), missing=("queue.missing",)))
async def rows(
    schedule_id: HisId,
    me: MayRead,
    db: Reading,
    now: Now,
    which: Annotated[QueueList, Query(alias="list", description="待报到, 待接诊, 问诊中 or 已结束.")] = QueueList.WAITING,
    after: After = None,
    limit: Limit = LIMIT,
) -> RowsOut:
    """One of the four lists of a 就诊单元 of mine: 待报到 by slot, 待接诊 by queue, 问诊中 by 报到, 已结束 newest first."""
    unit = await store.unit(db, me.account_id, schedule_id)
    name = f"queue/{schedule_id}/{which}"
    found = await store.rows(db, me.account_id, schedule_id, which, open_id_cursor(name, after), limit + 1)
    page, further = cut(found, limit, lambda last: seal_cursor(name, last.key, last.id))
    running = unit.starts_at <= now < unit.ends_at
    return RowsOut(unit=UnitOut.of(unit, current=running), items=[RowOut.of(row, now) for row in page], next=further)


class PlaceOut(BaseModel):
    """候诊. After 报到 `position` counts from 1; before it `ahead` is how many wait already. Both are null once nobody waits for this."""

    state: State
    state_text: str = Field(examples=["待接诊"])
    position: int | None
    ahead: int | None = Field(description="前面还有几人.")
    waiting: int = Field(description="How many wait for this doctor in this 就诊单元.")
    passed_over: bool
    called: bool = Field(description="请进入诊室: accepted, and not yet entered.")
    called_at: datetime | None
    enter_until: datetime | None = Field(description="Until then; afterwards it is 过号.")
    slot_starts_at: datetime | None
    unit_ends_at: datetime | None
    doctor_state: DoctorState | None
    doctor_text: str | None = Field(examples=["医生正在接诊"])


@router.get("/revisits/{revisit_id}/queue", responses=problems(missing=("revisit.missing",)))
async def place(revisit_id: UUID, me: MayWait, db: Reading, now: Now) -> PlaceOut:
    """Where my visit stands in its doctor's queue."""
    return _place(await store.place(db, revisit_id, as_patient(me)), now)


def _place(place: Place, now: datetime) -> PlaceOut:
    waits, called = place.state is State.WAITING, place.state is State.CONSULTING and not place.entered
    ahead = place.ahead if waits or place.state is State.BOOKED else None
    doctor = doctor_state(*place.unit, place.consulting, now) if place.unit else None
    return PlaceOut(
        state=place.state,
        state_text=STATE_TEXTS[place.state],
        position=place.ahead + 1 if waits else None,
        ahead=ahead,
        waiting=place.waiting,
        passed_over=place.passed_over and waits,
        called=called,
        called_at=place.called_at if called else None,
        enter_until=place.due_at if called else None,
        slot_starts_at=place.slot_starts_at,
        unit_ends_at=place.unit[1] if place.unit else None,
        doctor_state=doctor,
        doctor_text=DOCTOR_TEXTS[doctor] if doctor else None,
    )


def _seconds(since: datetime | None, now: datetime) -> int | None:
    return None if since is None else max(int((now - since).total_seconds()), 0)
