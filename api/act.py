"""A person's action on a visit or its charge, the same for every route: who, which key, what was answered."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, TypeVar
from uuid import UUID

import structlog
from fastapi import Response
from pydantic import BaseModel, Field

from api.idempotency import Intended
from api.pathways import Answer, Pathways
from models.account import Principal
from models.kernel import ids
from models.kernel.errors import DomainError
from models.process import Command, allowed
from models.revisit import BY_DOCTOR, BY_PATIENT, COMMANDS, State
from models.stores import prescription as prescriptions
from models.stores import timeline, timeline_revisit
from models.stores.database import Database
from models.stores.reader import Reach
from models.stores.timeline import Position

C = TypeVar("C", bound=Command)
_ALLOWED: Final = {state: allowed(state, COMMANDS) for state in State}


class ActionOut(BaseModel):
    """What an action led to: the same on every repeat. `done` false (202): taken, still being carried out; follow the timeline."""

    id: UUID
    done: bool
    state: Annotated[str, Field(examples=["describing"])]
    version: int
    at: datetime | None


def reach_of(me: Principal) -> Reach:
    """Whose visits this caller reaches; which routes it may use is said by their guards."""
    return Reach(
        me.account_id, as_patient=me.may("revisit:read"), as_doctor=me.may("revisit:accept"), everywhere=me.may("revisit:read_any")
    )


def as_patient(me: Principal) -> Reach:
    return Reach(me.account_id, as_patient=True)


def as_doctor(me: Principal) -> Reach:
    return Reach(me.account_id, as_doctor=True)


def as_prover(me: Principal) -> Reach:
    """Whose prescriptions' signatures this caller may prove again."""
    return Reach(
        me.account_id, as_doctor=me.may("prescription:write"), everywhere=me.may("record:file"), as_pharmacist=me.may("review:act")
    )


def as_pharmacist(me: Principal) -> Reach:
    return Reach(me.account_id, as_pharmacist=True)


def request_id() -> str:
    """Of the request being answered, as its log line has it."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def wish(kind: type[C], intent: Intended, **fields: object) -> Callable[[Position], C]:
    """A command of this request: its id is the intent's, its version the one that was read with the rights."""
    request = request_id()

    def made(at: Position) -> C:
        said = {"id": intent.id, "seen": at.version, "by": intent.account_id, "body": intent.body, "request": request}
        return kind.model_validate(said | fields)

    return made


def asked_by(me: Principal) -> frozenset[str]:
    """The commands that are a caller's to ask, in whatever state."""
    return _commands(as_patient=me.may("revisit:act"), as_doctor=me.may("revisit:accept"))


def _commands(*, as_patient: bool, as_doctor: bool) -> frozenset[str]:
    return (BY_PATIENT if as_patient else frozenset[str]()) | (BY_DOCTOR if as_doctor else frozenset[str]())


def offered(visit: timeline_revisit.Visit, mine: frozenset[str]) -> list[str]:
    """What may be asked of a visit now by whose commands these are: in every answer the same."""
    never = {visit.under_way, "enter" if visit.entered else None, None if visit.due_at else "answer_survey"}
    return [one for one in _ALLOWED[State(visit.state)] if one in mine and one not in never]


async def on_revisit(
    pathways: Pathways, revisit_id: UUID, reach: Reach, intent: Intended, asked: Callable[[Position], Command]
) -> ActionOut:
    """The rights are in `reach`; the command is made from the position that was read with them."""
    try:
        return _out(await pathways.ask("revisit", lambda db: timeline.revisit(db, revisit_id, reach), asked), intent)
    except DomainError as refused:
        if "allowed" in refused.params:
            async with pathways.database.reading() as db:
                visit = await timeline_revisit.visit(db, revisit_id, reach)
            could = offered(visit, _commands(as_patient=reach.as_patient, as_doctor=reach.as_doctor))
            refused.params |= {"state": visit.state, "allowed": could}
        raise


async def on_charge(pathways: Pathways, charge_id: UUID, reach: Reach, intent: Intended, asked: Callable[[Position], Command]) -> ActionOut:
    return _out(await pathways.ask("charge", lambda db: timeline.charge(db, charge_id, reach), asked), intent)


async def on_refund(pathways: Pathways, refund_id: UUID, reach: Reach, intent: Intended, asked: Callable[[Position], Command]) -> ActionOut:
    return _out(await pathways.ask("refund", lambda db: timeline.refund(db, refund_id, reach), asked), intent)


async def noted(database: Database, prescription_id: UUID, reach: Reach, intent: Intended, kind: type[Command], text: str) -> UUID:
    """The words of a wish about a prescription, kept sealed and only where it may be asked; their id, the same on every repeat."""
    note_id = ids.derived("prescription_note", intent.id, intent.body)
    async with database.transaction() as db:
        where = await timeline.prescription(db, prescription_id, reach)
        if where.state in kind.allowed_in:
            await prescriptions.keep_note(db, note_id, prescription_id, intent.account_id, text)
    return note_id


async def on_prescription(
    pathways: Pathways, prescription_id: UUID, reach: Reach, intent: Intended, asked: Callable[[Position], Command]
) -> ActionOut:
    return _out(await pathways.ask("prescription", lambda db: timeline.prescription(db, prescription_id, reach), asked), intent)


async def on_record(pathways: Pathways, record_id: UUID, reach: Reach, intent: Intended, asked: Callable[[Position], Command]) -> ActionOut:
    return _out(await pathways.ask("record", lambda db: timeline.record(db, record_id, reach), asked), intent)


async def on_delivery(
    pathways: Pathways, delivery_id: UUID, reach: Reach, intent: Intended, asked: Callable[[Position], Command]
) -> ActionOut:
    return _out(await pathways.ask("delivery", lambda db: timeline.delivery(db, delivery_id, reach), asked), intent)


async def on_invoice(
    pathways: Pathways, invoice_id: UUID, reach: Reach, intent: Intended, asked: Callable[[Position], Command]
) -> ActionOut:
    return _out(await pathways.ask("invoice", lambda db: timeline.invoice(db, invoice_id, reach), asked), intent)


def _out(answer: Answer, intent: Intended) -> ActionOut:
    response: Response = intent.response
    if answer.replayed:
        intent.replay()
    if not answer.done:
        response.status_code = 202
    return ActionOut(id=answer.id, done=answer.done, state=answer.state, version=answer.version, at=answer.at)
