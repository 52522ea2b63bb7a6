"""Steps as the timeline of a visit tells them: each to whom it is told, repeats as one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from models.history import asked_before
from models.invoice import InvoiceState
from models.prescription import PrescriptionState
from models.stores.timeline_revisit import Done, Visit
from models.timeline import done_by, is_routine, state_text, step_text
from models.timeline_invoice import invoice_text
from models.timeline_prescription import IN_REVIEW, patient_state, patient_step, patient_text


class StepOut(BaseModel):
    """One thing that was done: when, by whom, and where it led."""

    at: datetime
    asked_at: Annotated[datetime | None, Field(description="When it had been asked, if its run took it noticeably later.")]
    process: Annotated[str, Field(description="Whose state this is: the visit's, its charge's or a refund's.", examples=["revisit"])]
    step: Annotated[str, Field(examples=["booking.hold"])]
    title: Annotated[str, Field(examples=["锁定号源"])]
    by: Annotated[str, Field(description="`patient`, `doctor`, `pharmacist`, `hospital` or `system`")]
    state: str
    state_text: Annotated[str, Field(examples=["待描述病情"])]
    times: Annotated[int, Field(description="How often it was done in a row with nothing changed by it; `at` is the first time.")] = 1
    last_at: Annotated[datetime | None, Field(description="Of what was done more than once: the last time.")] = None


def steps_told(done: Sequence[Done], visit: Visit, *, to_patient: bool) -> list[StepOut]:
    """In order. The patient's side is told of a prescription as its screen says it: what lies between the two signatures is 药师审核中."""
    told: list[StepOut] = []
    last: dict[UUID, tuple[Done, StepOut]] = {}
    signed: set[UUID] = set()
    for one in done:
        title = _title(one, visit, to_patient=to_patient, signed=one.process_id in signed)
        if one.process == "prescription" and PrescriptionState(one.after) in IN_REVIEW:
            signed.add(one.process_id)
        if title is None or is_routine(one.name, one.before, one.after):
            continue
        before = last.get(one.process_id)
        if before and one.before == one.after and (one.name, one.after, one.by) == (before[0].name, before[0].after, before[0].by):
            before[1].times, before[1].last_at = before[1].times + 1, one.at
            continue
        out = _step(one, visit, title, to_patient=to_patient)
        told.append(out)
        last[one.process_id] = one, out
    return told


def _title(one: Done, visit: Visit, *, to_patient: bool, signed: bool) -> str | None:
    if to_patient and one.process == "prescription":
        return patient_step(one.name, one.before, PrescriptionState(one.after), signed=signed)
    return step_text(one.name, refill=visit.past_prescription is not None, asked=one.by is not None)


def _step(one: Done, visit: Visit, title: str, *, to_patient: bool) -> StepOut:
    state, said = one.after, state_text(one.process, one.after, stopped=one.by is None)
    if one.process == "invoice":
        said = invoice_text(InvoiceState(one.after), one.name)
    elif to_patient and one.process == "prescription":
        state, said = patient_state(PrescriptionState(state)), patient_text(PrescriptionState(state))
    return StepOut(
        at=one.at,
        asked_at=asked_before(one.at, one.asked_at),
        process=one.process,
        step=one.name,
        title=title,
        by="system" if one.by is None else done_by(one.process, one.name, one.after, declined_for=visit.declined_for),
        state=state,
        state_text=said,
    )
