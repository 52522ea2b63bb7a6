"""科室 and 号源 out of the mirror of the HIS: two levels of departments, slots by day, and always how old the copy is (P-2.3)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.cursor import LIMIT, After, Limit, cut, open_cursor, seal_cursor
from api.idempotency import Intent
from api.pathways import AskPathways
from api.problems import problems
from api.runs import asking
from api.security import may
from api.wiring import Now, Reading
from models.account import Principal
from models.kernel.clock import business_day
from models.kernel.errors import DomainError
from models.schedule import HisId, Period, SlotState
from models.stores import directory
from models.stores.directory import Freshness, Slot

router = APIRouter(prefix="/v1", tags=["schedule"])
MayRead = Annotated[Principal, Depends(may("directory:read"))]
MaySync = Annotated[Principal, Depends(may("directory:sync"))]

DAYS_AHEAD_MAX = 60


async def _day(now: Now, on: Annotated[date | None, Query(description="Business day in Asia/Shanghai.")] = None) -> date | None:
    if on is None:
        return None
    today = business_day(now)
    if on < today:
        raise DomainError("schedule.past", "invalid", on=on.isoformat(), today=today.isoformat())
    if on > today + timedelta(days=DAYS_AHEAD_MAX):
        raise DomainError("schedule.too_far", "invalid", on=on.isoformat(), last=(today + timedelta(days=DAYS_AHEAD_MAX)).isoformat())
    return on


Day = Annotated[date | None, Depends(_day)]
"""Today or ahead; None is every day from now on."""


class MirrorOut(BaseModel):
    """How far to trust the copy: the HIS owns schedules, we mirror them."""

    synced_at: datetime | None = Field(description="When it was last pulled in full; null: never.")
    age_s: int | None = Field(description="Seconds since then.", examples=[48])
    failed_at: datetime | None = Field(description="When the last pull failed; null when it succeeded.")

    @classmethod
    def of(cls, fresh: Freshness, now: datetime) -> Self:
        age_s = None if fresh.synced_at is None else max(int((now - fresh.synced_at).total_seconds()), 0)
        return cls(synced_at=fresh.synced_at, age_s=age_s, failed_at=fresh.failed_at)


class SubdepartmentOut(BaseModel):
    """Second level: where one books."""

    id: str = Field(examples=["org-copd"])
    name: str = Field(examples=["慢阻肺门诊"])
    left: int = Field(description="Places left on the day asked for, or on all days ahead.", examples=[12])


class DepartmentOut(SubdepartmentOut):
    """First level, its places counted together with those of the second."""

    children: list[SubdepartmentOut]


class DepartmentsOut(MirrorOut):
    items: list[DepartmentOut]


@router.get("/departments", responses=problems(invalid=("schedule.past", "schedule.too_far")))
async def departments(me: MayRead, on: Day, db: Reading, now: Now) -> DepartmentsOut:
    """一级、二级科室 of the whole hospital, each with the places left."""
    found = await directory.departments(db, on, now)
    fresh = MirrorOut.of(await directory.freshness(db), now)
    return DepartmentsOut(**fresh.model_dump(), items=list(_levels(found)))


def _levels(found: list[directory.Department]) -> Iterable[DepartmentOut]:
    below: dict[str, list[SubdepartmentOut]] = {}
    for one in found:
        if one.parent_id is not None:
            below.setdefault(one.parent_id, []).append(SubdepartmentOut(id=one.id, name=one.name, left=one.open_slots))
    for one in found:
        if one.parent_id is None:
            children = below.get(one.id, [])
            left = one.open_slots + sum(child.left for child in children)
            yield DepartmentOut(id=one.id, name=one.name, left=left, children=children)


class SlotOut(BaseModel):
    """号源. Sold out is `left` 0; `stopped` is 停诊."""

    id: str = Field(examples=["slot-wangjianguo-20261125-morning-0800"])
    schedule_id: str
    department_id: str
    department: str = Field(examples=["慢阻肺门诊"])
    doctor_id: str
    doctor: str = Field(examples=["王建国"])
    title: str = Field(examples=["主任医师"])
    on: date
    period: Period
    starts_at: datetime
    ends_at: datetime
    unit_starts_at: datetime
    unit_ends_at: datetime
    fee_fen: int = Field(description="医事服务费, as the HIS prices it.", examples=[5000])
    left: int
    state: SlotState

    @classmethod
    def of(cls, slot: Slot) -> Self:
        return cls.model_validate(slot, from_attributes=True)


class SlotsOut(MirrorOut):
    """By start; `next` is the cursor of the following page."""

    items: list[SlotOut]
    next: str | None


@router.get("/slots", responses=problems(malformed=("request.cursor",), invalid=("schedule.past", "schedule.too_far")))
async def slots(
    me: MayRead,
    on: Day,
    db: Reading,
    now: Now,
    department_id: Annotated[HisId | None, Query(description="Of either level.")] = None,
    doctor_id: Annotated[HisId | None, Query()] = None,
    after: After = None,
    limit: Limit = LIMIT,
) -> SlotsOut:
    """Same-day and future 号源 of the whole hospital, sold out and stopped ones too."""
    name = f"slots/{on}/{department_id}/{doctor_id}"
    found = await directory.slots(
        db, now, day=on, department_id=department_id, doctor_id=doctor_id, after=open_cursor(name, after), limit=limit + 1
    )
    page, further = cut(found, limit, lambda last: seal_cursor(name, last.starts_at, last.id))
    fresh = MirrorOut.of(await directory.freshness(db), now)
    return SlotsOut(**fresh.model_dump(), items=[SlotOut.of(slot) for slot in page], next=further)


class SyncOut(BaseModel):
    """The pull is under way; the age in every answer of the mirror tells when it is done."""

    workflow_id: str = Field(examples=["schedule_sync/now"])


@router.post(
    "/schedule/syncs",
    status_code=202,
    responses=problems(),
)
async def sync(me: MaySync, intent: Intent, pathways: AskPathways) -> SyncOut:
    """Pull the mirror now, beside the pulls by the clock. While one runs it is the one that is answered: a repeat does no harm."""
    with asking():
        return SyncOut(workflow_id=await pathways.runs.sync_schedules())
