"""The online revisit: opened, and acted on step by step. Each action is an Update of its process, answered when it is done."""

from datetime import timedelta
from typing import Annotated, Any, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, model_validator

from api.act import ActionOut, as_doctor, as_patient, on_revisit, request_id, wish
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.problems import problems
from api.security import may
from api.wiring import Body, Now, Reading, Wired, wrong
from models.account import Principal
from models.consent import STABILITY_TEXTS, STABILITY_VERSION, SYMPTOM_TEXTS, Stability, Symptom
from models.eligibility import EncounterId, Opening
from models.intake import FILES_MAX, check_text
from models.kernel import ids
from models.kernel.errors import DomainError
from models.kernel.text import Paragraph
from models.revisit import (
    Accept,
    Cancel,
    CheckIn,
    ChooseSlot,
    Complete,
    Consent,
    Describe,
    End,
    Enter,
    Relate,
    SelfCheck,
    State,
)
from models.stores import directory, intake, timeline
from models.stores import patient as patients
from models.stores import policy as policies
from models.stores import revisit as revisits

router = APIRouter(tags=["revisit"])
MayOpen = Annotated[Principal, Depends(may("revisit:open"))]
MayAct = Annotated[Principal, Depends(may("revisit:act"))]
MayAccept = Annotated[Principal, Depends(may("revisit:accept"))]
MayEnd = Annotated[Principal, Depends(may("revisit:end"))]
OUT_OF_TURN = ("revisit.not_now", "process.busy")


def refusals(*conflict: str, missing: tuple[str, ...] = (), invalid: tuple[str, ...] = ()) -> dict[int | str, dict[str, Any]]:
    """Of a step of a visit that somebody asks for, beside those of any: codes of its own, conflicts first."""
    return problems(conflict=(*OUT_OF_TURN, *conflict), missing=("revisit.missing", *missing), invalid=invalid)


class OpeningIn(Opening, Body):
    """Without a past visit the newest that counts is continued; a past prescription makes it 复诊续方. One of the two at most."""


class OpenedOut(BaseModel):
    id: UUID
    state: Annotated[str, Field(examples=["checking"])]


@router.post(
    "/v1/patients/{patient_id}/revisits", status_code=201, response_model=OpenedOut, responses=problems(missing=("patient.missing",))
)
async def open_revisit(
    patient_id: UUID, body: OpeningIn, me: MayOpen, intent: Intent, wiring: Wired, now: Now, pathways: AskPathways
) -> OpenedOut:
    """线上复诊 (P-2.1) or 复诊续方 (P-3): the row first, then its run; eligibility is checked at once, and the timeline tells."""

    async def effect() -> OpenedOut:
        await patients.bound(db, me.account_id, patient_id)
        policy = await policies.in_force(db, wiring.settings.policy, now)
        due_at = now + timedelta(seconds=policy.rules.draft_s)
        opening = Opening(past_encounter_id=body.past_encounter_id, past_prescription=body.past_prescription)
        await revisits.insert_opened(
            db, intent.id, me.account_id, patient_id, opening, policy=policy.version, at=now, due_at=due_at, request=request_id()
        )
        return OpenedOut(id=intent.id, state=State.CHECKING)

    async with wiring.database.transaction() as db:
        opened = await once(db, intent, effect, OpenedOut)
        row = await revisits.load(db, opened.id)
    structlog.contextvars.bind_contextvars(visit_id=str(opened.id))
    await pathways.runs.begin("revisit", opened.id, opened.id, row)
    return opened


class CompleteIn(Body):
    supplement_id: UUID


@router.post("/v1/revisits/{revisit_id}/complete", response_model=ActionOut, responses=refusals(missing=("patient.supplement_missing",)))
async def complete(revisit_id: UUID, body: CompleteIn, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """补全资料: what was stored by `POST /patients/{id}/supplements` goes to the HIS."""
    return await on_revisit(pathways, revisit_id, as_patient(me), intent, wish(Complete, intent, supplement_id=body.supplement_id))


class RelateIn(Body):
    past_encounter_id: EncounterId


@router.post(
    "/v1/revisits/{revisit_id}/relate",
    response_model=ActionOut,
    responses=refusals("eligibility.out_of_window", invalid=("eligibility.not_theirs",)),
)
async def relate(revisit_id: UUID, body: RelateIn, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """关联既往就诊: another of the past visits."""
    return await on_revisit(pathways, revisit_id, as_patient(me), intent, wish(Relate, intent, past_encounter_id=body.past_encounter_id))


class StabilityIn(Body):
    """病情稳定: every question of that version, answered by yes (confirmed) or no."""

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    answers: dict[Stability, Annotated[bool, Field(strict=True)]]

    @model_validator(mode="after")
    def _in_whole(self) -> Self:
        if set(self.answers) != set(Stability):
            raise wrong("answers")
        return self


class SelfCheckIn(Body):
    """The symptoms that the patient has now; none lets the visit go on. Of 复诊续方, and of nothing else, whether all is stable."""

    symptoms: Annotated[list[Symptom], Field(max_length=len(Symptom))]
    stability: StabilityIn | None = None


@router.post(
    "/v1/revisits/{revisit_id}/self-check",
    response_model=ActionOut,
    responses=refusals("consent.text_changed", invalid=("consent.stability",)),
)
async def self_check(revisit_id: UUID, body: SelfCheckIn, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """Emergency self-check (P-2.2): any symptom ends the visit with the advice to seek emergency care.

    What is not stable ends nothing: its doctor sees it, and the past prescription is not copied without their word.
    """
    answered: dict[str, object] = {}
    if body.stability:
        unstable = tuple(one for one in Stability if not body.stability.answers[one])
        answered = {"unstable": unstable, "text_version": body.stability.version}
    asked = wish(SelfCheck, intent, symptoms=tuple(sorted(set(body.symptoms))), **answered)
    return await on_revisit(pathways, revisit_id, as_patient(me), intent, asked)


class ConsentTextOut(BaseModel):
    """What is shown before consent: the text in force, its hash, the symptoms of the self-check, and what 复诊续方 asks besides."""

    version: str
    title: str
    text: str
    hash: str
    symptoms: dict[str, str]
    stability: dict[str, str]
    stability_version: str


@router.get("/v1/consent-texts/revisit", response_model=ConsentTextOut, responses=problems(missing=("consent.missing",)))
async def consent_text(me: Annotated[Principal, Depends(may("account:read"))], db: Reading, now: Now) -> ConsentTextOut:
    """The notice of the revisit scene that is in force."""
    text = await policies.consent_text(db, "revisit", now)
    return ConsentTextOut(
        version=text.version,
        title=text.title,
        text=text.text,
        hash=text.hash,
        symptoms={symptom.value: words for symptom, words in SYMPTOM_TEXTS.items()},
        stability={question.value: words for question, words in STABILITY_TEXTS.items()},
        stability_version=STABILITY_VERSION,
    )


class ConsentIn(Body):
    text_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    text_hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@router.post(
    "/v1/revisits/{revisit_id}/consent",
    response_model=ActionOut,
    responses=refusals("consent.self_check_first", "consent.text_changed", missing=("consent.missing",)),
)
async def consent(revisit_id: UUID, body: ConsentIn, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """知情同意: which version, and the hash of the text that was shown."""
    return await on_revisit(
        pathways, revisit_id, as_patient(me), intent, wish(Consent, intent, text_version=body.text_version, text_hash=body.text_hash)
    )


class ChooseSlotIn(Body):
    slot_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9\-.]+$")]


@router.post(
    "/v1/revisits/{revisit_id}/choose-slot",
    response_model=ActionOut,
    responses=problems(
        conflict=(
            *OUT_OF_TURN,
            *("slot.sold_out", "slot.stopped", "slot.past", "slot.not_payable", "slot.lock_lapsed"),
            *("booking.held_already", "booking.too_many_holds"),
        ),
        missing=("revisit.missing", "slot.missing"),
    ),
)
async def choose_slot(
    revisit_id: UUID, body: ChooseSlotIn, me: MayAct, intent: Intent, pathways: AskPathways, wiring: Wired, now: Now
) -> ActionOut:
    """选号源: our claim, then the HIS's lock. A slot that is gone is answered with alternatives."""
    try:
        return await on_revisit(pathways, revisit_id, as_patient(me), intent, wish(ChooseSlot, intent, slot_id=body.slot_id))
    except DomainError as refused:
        if not refused.code.startswith("slot.") or refused.kind != "conflict":
            raise
        async with wiring.database.reading() as db:
            others = await directory.alternatives(db, body.slot_id, now)
        offered = [
            {"slot_id": one.id, "starts_at": one.starts_at.isoformat(), "doctor_id": one.doctor_id, "left": one.left} for one in others
        ]
        raise DomainError(refused.code, refused.kind, **refused.params, alternatives=offered) from refused


class DescribeIn(Body):
    """Condition text (a minimum length by rule, at most 2,000 characters) and the files uploaded before."""

    text: Paragraph
    file_ids: Annotated[list[UUID], Field(max_length=FILES_MAX)] = []


@router.post(
    "/v1/revisits/{revisit_id}/describe",
    response_model=ActionOut,
    responses=refusals("charge.too_late", invalid=("intake.too_short", "intake.file_missing")),
)
async def describe(revisit_id: UUID, body: DescribeIn, me: MayAct, intent: Intent, pathways: AskPathways, wiring: Wired) -> ActionOut:
    """描述病情: stored first, its id travels; from here on the fee is payable."""
    intake_id = ids.derived("intake", intent.id, intent.body)  # refused before, the same key may come with another text
    async with wiring.database.transaction() as db:
        where = await timeline.revisit(db, revisit_id, as_patient(me))
        if where.state == State.DESCRIBING:
            rules = (await policies.pinned(db, (await revisits.facts(db, revisit_id)).policy)).rules
            check_text(body.text, rules.intake_chars_min)
            await intake.keep(db, intake_id, revisit_id, body.text, tuple(dict.fromkeys(body.file_ids)))
    return await on_revisit(pathways, revisit_id, as_patient(me), intent, wish(Describe, intent, intake_id=intake_id))


@router.post(
    "/v1/revisits/{revisit_id}/cancel",
    response_model=ActionOut,
    responses=refusals("revisit.accepted", "revisit.too_late_to_cancel"),
)
async def cancel(revisit_id: UUID, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """退号, until 接诊 (P-2.6a); what was paid goes back the way it came, and the timeline shows how far it is.

    While a charge is open the answer is `closing`: only the charge knows whether money came.
    """
    try:
        return await on_revisit(pathways, revisit_id, as_patient(me), intent, wish(Cancel, intent))
    except DomainError as refused:
        if refused.code == "revisit.not_now" and refused.params.get("state") == State.CONSULTING:  # says who can end it now
            raise DomainError("revisit.accepted", "conflict", **refused.params) from refused
        raise


@router.post("/v1/revisits/{revisit_id}/check-in", response_model=ActionOut, responses=refusals("queue.not_the_day", "slot.stopped"))
async def check_in(revisit_id: UUID, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """报到, on the day (P-4)."""
    return await on_revisit(pathways, revisit_id, as_patient(me), intent, wish(CheckIn, intent))


@router.post("/v1/revisits/{revisit_id}/accept", response_model=ActionOut, responses=refusals("slot.stopped"))
async def accept(revisit_id: UUID, me: MayAccept, intent: Intent, pathways: AskPathways) -> ActionOut:
    """接诊, by the doctor of the 就诊单元 (D-2.3); the patient is invited."""
    return await on_revisit(pathways, revisit_id, as_doctor(me), intent, wish(Accept, intent))


@router.post("/v1/revisits/{revisit_id}/enter", response_model=ActionOut, responses=refusals("queue.entered_already"))
async def enter(revisit_id: UUID, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """进入诊室: the patient accepts the invitation (P-2.4)."""
    return await on_revisit(pathways, revisit_id, as_patient(me), intent, wish(Enter, intent))


@router.post(
    "/v1/revisits/{revisit_id}/end",
    response_model=ActionOut,
    responses=refusals("revisit.not_entered", "record.missing", "record.not_signed", "prescription.unsigned"),
)
async def end(revisit_id: UUID, me: MayEnd, intent: Intent, pathways: AskPathways) -> ActionOut:
    """结束问诊; needs the patient in the room and a record with a diagnosis."""
    return await on_revisit(pathways, revisit_id, as_doctor(me), intent, wish(End, intent))
