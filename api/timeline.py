"""What people read of visits: one, a list, and the timeline with who acts next, the running deadline and money (P-12)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, computed_field

from api.act import asked_by, offered, reach_of
from api.cursor import After, Limit, open_id_cursor, seal_cursor
from api.problems import problems
from api.reader import read_of
from api.security import HotRead, may, may_together
from api.timeline_money import MoneyOut, RefundProgressOut, money_out
from api.timeline_steps import StepOut, steps_told
from api.wiring import Now, Reading, Wired
from models.account import Principal
from models.charge import ChargeState
from models.eligibility import RegulatorField
from models.kernel.errors import DomainError
from models.revisit import DeclineReason, Reason, State
from models.stores import revisit as revisits
from models.stores import timeline_revisit as timeline
from models.suspension import OUTCOME_TEXTS, Outcome, wanted_by
from models.timeline import (
    ACTS_NEXT,
    CANCEL_TEXTS,
    DEADLINES,
    DECLINE_TEXTS,
    MONEY_TEXTS,
    REASON_TEXTS,
    REFUSAL_TEXTS,
    TIME_IS_UP,
    UNDER_WAY,
    Actor,
    state_text,
)

router = APIRouter(tags=["revisit"])
MayRead = Annotated[Principal, Depends(may("revisit:read", "revisit:accept", "revisit:read_any"))]


class RevisitOut(BaseModel):
    """A visit as its screen shows it. `allowed` is what this caller may ask now; `due_at` is the running timer's own deadline."""

    id: UUID
    patient_id: UUID
    version: int
    state: Annotated[str, Field(examples=["booked"])]
    state_text: Annotated[str, Field(examples=["待报到"])]
    acts_next: Actor
    under_way: str | None
    due_at: datetime | None
    due_text: str | None
    allowed: list[str]
    missing: list[RegulatorField]
    refusal: str | None
    refusal_text: str | None
    reason: str | None
    reason_text: Annotated[str | None, Field(examples=["超时未缴费"])]
    declined_for: DeclineReason | None
    decline_text: str | None
    cancel_text: Annotated[str | None, Field(description="The rule of 退号 now, with what becomes of money.")]
    past_encounter_id: str | None
    past_prescription: Annotated[str | None, Field(description="复诊续方: the prescription whose drugs are wanted again.")]
    unstable: Annotated[bool | None, Field(description="复诊续方: whether not all was confirmed as stable; null: not asked.")]
    self_checked: bool
    slot_id: str | None
    slot_starts_at: datetime | None
    unit_ends_at: datetime | None
    department: str | None
    doctor: str | None
    charge_id: UUID | None
    entered: bool
    passed_over: bool
    created_at: datetime


def _out(visit: timeline.Visit, mine: frozenset[str], now: datetime) -> RevisitOut:
    """A deadline that has passed is the hospital's turn, until its step has asked outside what became of money and place."""
    state = State(visit.state)
    declined_for = DeclineReason(visit.declined_for) if visit.declined_for else None
    confirming = state is State.PAYING and visit.charge_state in {ChargeState.PAID, ChargeState.SETTLED}
    late = visit.due_at is not None and visit.due_at <= now
    runs = None if late or confirming else visit.due_at
    under_way = visit.under_way or (TIME_IS_UP if late else None)
    stopped = visit.leaving_as == State.SUSPENDED
    return RevisitOut(
        id=visit.id,
        patient_id=visit.patient_id,
        version=visit.version,
        state=state,
        state_text=MONEY_TEXTS[ChargeState.PAID] if confirming else state_text("revisit", state, stopped=stopped),
        acts_next=Actor.HOSPITAL if under_way or confirming else _acts_next(visit, state),
        under_way=UNDER_WAY.get(under_way, "处理中") if under_way else None,
        due_at=runs,
        due_text=DEADLINES.get(state) if runs else None,
        allowed=[] if late else offered(visit, mine),
        missing=[RegulatorField(one) for one in visit.missing],
        refusal=visit.refusal,
        refusal_text=REFUSAL_TEXTS.get(visit.refusal) if visit.refusal else None,
        reason=visit.reason,
        reason_text=REASON_TEXTS[Reason(visit.reason)] if visit.reason else None,
        declined_for=declined_for,
        decline_text=DECLINE_TEXTS[declined_for] if declined_for else None,
        cancel_text=CANCEL_TEXTS[State.CLOSING] if confirming else CANCEL_TEXTS.get(state),
        past_encounter_id=visit.past_encounter_id,
        past_prescription=visit.past_prescription,
        unstable=visit.unstable,
        self_checked=visit.self_checked,
        slot_id=visit.slot_id,
        slot_starts_at=visit.slot_starts_at,
        unit_ends_at=visit.unit_ends_at,
        department=visit.department,
        doctor=visit.doctor,
        charge_id=visit.charge_id,
        entered=visit.entered,
        passed_over=visit.passed_over,
        created_at=visit.created_at,
    )


def _acts_next(visit: timeline.Visit, state: State) -> Actor:
    theirs = not visit.entered if state is State.CONSULTING else state is State.ENDED and visit.due_at is not None
    return Actor.PATIENT if theirs else ACTS_NEXT.get(state, Actor.NOBODY)


@router.get("/v1/revisits/{revisit_id}", response_model=RevisitOut, responses=problems(missing=("revisit.missing",)))
async def one(revisit_id: UUID, me: MayRead, db: Reading, now: Now) -> RevisitOut:
    """Where the visit stands."""
    return _out(await timeline.visit(db, revisit_id, reach_of(me)), asked_by(me), now)


class RevisitsOut(BaseModel):
    """Newest first; `next` is the cursor of the following page."""

    items: list[RevisitOut]
    next: str | None


@router.get(
    "/v1/patients/{patient_id}/revisits",
    response_model=RevisitsOut,
    responses=problems(missing=("patient.missing",), malformed=("request.cursor",)),
)
async def of_patient(
    patient_id: UUID,
    read: Annotated[HotRead, Depends(may_together("revisit:read"))],
    now: Now,
    after: After = None,
    limit: Limit = 20,
) -> RevisitsOut:
    """The patient's visits."""
    name = f"revisits/{patient_id}"
    me, found = await read(lambda ask, bearer: timeline.visits_of_patient(ask, bearer, patient_id, open_id_cursor(name, after), limit + 1))
    if found is None:
        raise DomainError("patient.missing", "missing")
    more, mine = found[limit - 1] if len(found) > limit else None, asked_by(me)
    return RevisitsOut(
        items=[_out(visit, mine, now) for visit in found[:limit]], next=seal_cursor(name, more.created_at, more.id) if more else None
    )


class ClinicChangeOut(BaseModel):
    """停诊, 替诊 or another time of the clinic, with the suspension that it is: `GET /v1/suspensions/{id}` for the management."""

    suspension_id: UUID
    outcome: Annotated[Outcome, Field(description="What it meant for this visit.")]
    known_at: Annotated[datetime, Field(description="Since when the change is known here.")]
    met_at: Annotated[datetime, Field(description="When this visit was found to be concerned.")]
    schedule_id: Annotated[str | None, Field(description="The 就诊单元 that the HIS changed.")]
    doctor_id: Annotated[str | None, Field(description="The doctor whom the hospital suspended, with all their 就诊单元.")]

    @computed_field(examples=["停诊"])
    @property
    def outcome_text(self) -> str:
        """The same in the words of screens."""
        return OUTCOME_TEXTS[self.outcome]

    @computed_field(examples=["医院排班系统"])
    @property
    def by_text(self) -> str:
        """Whose word it is."""
        return wanted_by(self.doctor_id)


class TimelineOut(BaseModel):
    """The steps, who acts next, the running deadline and money, what goes back of it included; and what became of the clinic."""

    revisit: RevisitOut
    steps: list[StepOut]
    money: list[MoneyOut]
    refunds: list[RefundProgressOut]
    suspensions: list[ClinicChangeOut]


@router.get("/v1/revisits/{revisit_id}/timeline", response_model=TimelineOut, responses=problems(missing=("revisit.missing",)))
async def whole(
    revisit_id: UUID, read: Annotated[HotRead, Depends(may_together("revisit:read", "revisit:accept", "revisit:read_any"))], now: Now
) -> TimelineOut:
    """就诊详情: one story of the visit, its charge and its refunds."""
    me, story = await read(lambda ask, bearer: timeline.story(ask, bearer, revisit_id))
    if story is None:
        raise DomainError("revisit.missing", "missing")
    return TimelineOut(
        revisit=_out(story.visit, asked_by(me), now),
        steps=steps_told(story.steps, story.visit, to_patient=me.may("revisit:read")),
        money=[money_out(one, now) for one in story.money],
        refunds=[RefundProgressOut.of(one, now) for one in story.refunds],
        suspensions=[ClinicChangeOut.model_validate(one, from_attributes=True) for one in story.suspensions],
    )


class PastVisitOut(BaseModel):
    """A past visit at this hospital, as the HIS told it."""

    encounter_id: str
    ended_at: datetime
    department: str
    diagnoses: list[str]
    chosen: bool


@router.get("/v1/revisits/{revisit_id}/past-visits", response_model=list[PastVisitOut], responses=problems(missing=("revisit.missing",)))
async def past_visits(revisit_id: UUID, me: Annotated[Principal, Depends(may("revisit:read"))], wiring: Wired) -> list[PastVisitOut]:
    """What `relate` chooses from (关联既往就诊): the patient's own; a doctor reads them with the intake."""
    async with read_of(wiring, me, revisit_id, "revisit:past_visits") as (db, _):
        visit = await timeline.visit(db, revisit_id, reach_of(me))
        found = await revisits.past_visits(db, revisit_id)
    return [
        PastVisitOut(
            encounter_id=past.encounter_id,
            ended_at=past.ended_at,
            department=past.department,
            diagnoses=list(past.diagnosis_texts),
            chosen=past.encounter_id == visit.past_encounter_id,
        )
        for past in found
    ]
