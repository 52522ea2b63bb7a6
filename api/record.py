"""病历 of an online revisit: written by its doctor until 结束问诊, then read by the patient too (D-4)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from api.act import as_doctor
from api.problems import problems
from api.reader import read_of
from api.security import may
from api.wiring import Now, Wired, Writing
from models.account import Principal
from models.kernel import ids
from models.kernel.errors import DomainError
from models.record import Record
from models.revisit import State
from models.stores import audit
from models.stores import reader as readers
from models.stores import record as store

router = APIRouter(prefix="/v1/revisits/{revisit_id}/record", tags=["record"])
MayWrite = Annotated[Principal, Depends(may("record:write"))]
MayRead = Annotated[Principal, Depends(may("record:read"))]


class RecordOut(BaseModel):
    revisit_id: UUID
    record: Record
    saved_at: datetime


@router.put("", responses=problems(missing=("revisit.missing",), conflict=("record.not_now",)))
async def save(revisit_id: UUID, body: Record, me: MayWrite, db: Writing, now: Now) -> RecordOut:
    """写病历, with its diagnosis; saved again it replaces what was there, until 结束问诊."""
    await readers.of_visit(db, revisit_id, as_doctor(me))
    await store.save(db, ids.derived("record", revisit_id), revisit_id, me.account_id, body, now)
    await audit.record(db, me.account_id, "record:write", "revisit", revisit_id)
    return RecordOut(revisit_id=revisit_id, record=body, saved_at=now)


@router.get("", responses=problems(missing=("revisit.missing", "record.not_written")))
async def read(revisit_id: UUID, me: MayRead, wiring: Wired) -> RecordOut:
    """For the doctor at any time, for the patient's side once the visit has ended."""
    async with read_of(wiring, me, revisit_id, "record:read") as (db, reader):
        found = await store.of_revisit(db, revisit_id)
    ended = reader.state in {State.ENDED, State.CLOSED}
    if found is None or (reader.side == "patient" and not ended):
        raise DomainError("record.not_written", "missing")
    record, saved_at = found
    return RecordOut(revisit_id=revisit_id, record=record, saved_at=saved_at)
