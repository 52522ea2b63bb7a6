"""停诊 for the management: what the HIS changed and how far its patients are, a doctor suspended here; and 再次预约 for a patient."""

from datetime import datetime
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, computed_field

from api.act import request_id
from api.cursor import After, Limit, cut, open_id_cursor, seal_cursor
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.problems import problems
from api.reader import read_of
from api.runs import asking
from api.schedule import SlotOut
from api.security import may
from api.wiring import Now, Reading, Wired
from models.account import Principal
from models.kernel.errors import DomainError
from models.schedule import HisId
from models.stores import audit, directory, intake, suspension_timeline
from models.stores import policy as policies
from models.stores import revisit as revisits
from models.stores import suspension as suspensions
from models.stores.suspension_timeline import Told
from models.suspension import SuspensionState
from models.timeline import state_text

router = APIRouter(tags=["suspension"])
MayRead = Annotated[Principal, Depends(may("suspension:read"))]
MayAct = Annotated[Principal, Depends(may("suspension:act"))]
MayOpen = Annotated[Principal, Depends(may("revisit:open"))]


class ProgressOut(BaseModel):
    """Of the visits that it met. Of `stopped` all have gone when `moved` and `left_otherwise` are as many; who had paid is `refunded`, then
    `arrived`."""

    stopped: int = Field(description="停诊: they end.")
    rearranged: int = Field(description="替诊 or another time: they are told, and stay unless they leave.")
    left_alone: int = Field(description="问诊中 when it was found.")
    moved: int = Field(description="已停诊.")
    left_otherwise: int = Field(description="退号, 接诊 or another end came first.")
    refunded: int
    arrived: int
    told: int = Field(description="Whose message about it the carrier has sent, or the phone has.")
    unreached: int = Field(description="Whose message about it reached no phone, and no other one in its stead.")


class SuspensionOut(BaseModel):
    """Of a 就诊单元 in a version of the HIS, or of a doctor."""

    id: UUID
    state: SuspensionState
    schedule_id: str | None
    schedule_version: str | None
    doctor_id: str | None
    created_at: datetime
    moved_at: datetime
    progress: ProgressOut

    @computed_field(examples=["正在通知患者"])
    @property
    def title(self) -> str:
        return state_text("suspension", self.state)

    @classmethod
    def of(cls, one: Told) -> Self:
        return cls.model_validate(one, from_attributes=True)


class SuspensionsOut(BaseModel):
    items: list[SuspensionOut]
    next: str | None


class SuspensionStoryOut(SuspensionOut):
    left_alone: list[UUID] = Field(description="Visits that their doctor was seeing.")
    left_otherwise: list[UUID] = Field(description="Visits that were found and ended otherwise, or that their doctor saw after all.")
    unreached: list[UUID] = Field(description="Visits whose patient has no message of it: somebody should call them.")


@router.get("/v1/suspensions", responses=problems(malformed=("request.cursor",)))
async def listed(me: MayRead, db: Reading, after: After = None, limit: Limit = 20) -> SuspensionsOut:
    """Newest first."""
    found = await suspension_timeline.listed(db, open_id_cursor("suspensions", after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor("suspensions", one.created_at, one.id))
    return SuspensionsOut(items=[SuspensionOut.of(one) for one in page], next=further)


@router.get("/v1/suspensions/{suspension_id}", responses=problems(missing=("suspension.missing",)))
async def read(suspension_id: UUID, me: MayRead, db: Reading) -> SuspensionStoryOut:
    """One of them, with the visits that somebody may have to look at."""
    one = SuspensionOut.of(await suspension_timeline.told(db, suspension_id))
    visits = await suspension_timeline.visits(db, suspension_id)
    return SuspensionStoryOut(
        **one.model_dump(exclude={"title"}),
        left_alone=visits.left_alone,
        left_otherwise=visits.left_otherwise,
        unreached=visits.unreached,
    )


@router.post(
    "/v1/doctors/{doctor_id}/suspension",
    status_code=201,
    response_model=SuspensionOut,
    responses=problems(missing=("doctor.missing",), conflict=("doctor.suspended_already",)),
)
async def suspend(doctor_id: HisId, me: MayAct, intent: Intent, wiring: Wired, now: Now, pathways: AskPathways) -> SuspensionOut:
    """停诊 of a doctor by the hospital: all their 就诊单元 from now on; nobody books with them until they are resumed."""

    async def effect() -> SuspensionOut:
        if await directory.is_suspended(db, doctor_id):
            raise DomainError("doctor.suspended_already", "conflict")
        policy = await policies.in_force(db, wiring.settings.policy, now)
        id = await suspensions.begin_of_doctor(db, doctor_id, me.account_id, now, policy=policy.version, request=request_id())
        if id is None:
            raise DomainError("doctor.suspended_already", "conflict")
        await directory.suspend(db, doctor_id, now)
        await audit.record(db, me.account_id, "suspension:act", "suspension", id, None, doctor_id=doctor_id)
        return SuspensionOut.of(await suspension_timeline.told(db, id))

    async with wiring.database.transaction() as db:
        told = await once(db, intent, effect, SuspensionOut)
    await pathways.runs.begin("suspension", told.id, told.id)
    return told


class ResumedOut(BaseModel):
    doctor_id: str
    resumed_at: datetime


@router.post(
    "/v1/doctors/{doctor_id}/resumption",
    status_code=201,
    response_model=ResumedOut,
    responses=problems(missing=("doctor.missing",), conflict=("doctor.not_suspended",)),
)
async def resume(doctor_id: HisId, me: MayAct, intent: Intent, wiring: Wired, now: Now, pathways: AskPathways) -> ResumedOut:
    """恢复出诊: the HIS's word counts again, with the pull that this asks for. What was cancelled and refunded stays so."""

    async def effect() -> ResumedOut:
        if not await directory.is_suspended(db, doctor_id):
            raise DomainError("doctor.not_suspended", "conflict")
        await directory.resume(db, doctor_id)
        await audit.record(db, me.account_id, "suspension:act", "doctor", None, None, doctor_id=doctor_id)
        return ResumedOut(doctor_id=doctor_id, resumed_at=now)

    async with wiring.database.transaction() as db:
        told = await once(db, intent, effect, ResumedOut)
    with asking():
        await pathways.runs.sync_schedules()
    return told


_LANDING: Final = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<title>再次预约</title></head>
<body><h1>再次预约</h1><p>请登录后再次预约：打开医院的互联网医院，登录后在“我的就诊”中选择“再次预约”。</p></body></html>
"""


@router.get("/again/{visit}", response_class=HTMLResponse)
async def landing(visit: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]) -> HTMLResponse:
    """Where the link of a 停诊 leads in a browser: the same words for whoever opens it, and whichever visit it names."""
    return HTMLResponse(_LANDING, headers={"Cache-Control": "no-store"})


class AgainOut(BaseModel):
    """What a new visit in the place of one that has ended begins with: send it on as the patient leaves or changes it."""

    patient_id: UUID
    past_encounter_id: str | None = Field(description="关联既往就诊, for `POST /v1/patients/{id}/revisits`.")
    past_prescription: str | None = Field(description="复诊续方, for the same: the prescription whose drugs were wanted again.")
    text: str | None = Field(description="病情描述, as it was given.")
    slots: list[SlotOut] = Field(description="Free places near the one that was held: the same department, nearest in time first.")


@router.get("/v1/revisits/{revisit_id}/again", responses=problems(missing=("revisit.missing",), conflict=("revisit.not_over",)))
async def again(revisit_id: UUID, me: MayOpen, wiring: Wired, now: Now) -> AgainOut:
    """再次预约: where the link in the message of a 停诊 leads. Only its own patient's side; the visit must be over."""
    async with read_of(wiring, me, revisit_id, "intake:read") as (db, reader):
        if reader.side != "patient":
            raise DomainError("revisit.missing", "missing")
        if not await revisits.over(db, revisit_id):
            raise DomainError("revisit.not_over", "conflict")
        visit = await revisits.facts(db, revisit_id)
        described = await intake.of_revisit(db, revisit_id)
        near = await directory.alternatives(db, visit.slot_id, now) if visit.slot_id else []
    return AgainOut(
        patient_id=visit.patient_id,
        past_encounter_id=None if visit.past_prescription else visit.past_encounter_id,
        past_prescription=visit.past_prescription,
        text=described.text if described else None,
        slots=[SlotOut.of(one) for one in near],
    )
