"""病历 of an online revisit: written and signed by its doctor until 结束问诊, then read by the patient too (D-4, D-6.1)."""

from datetime import datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.act import ActionOut, as_doctor, on_record, reach_of, request_id, wish
from api.cursor import LIMIT, After, Limit, cut, open_id_cursor, seal_cursor
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.problems import problems
from api.reader import read_of
from api.security import may
from api.wiring import Now, Reading, Wired, Writing
from models.account import Principal
from models.kernel import ids
from models.kernel.errors import DomainError
from models.process import allowed
from models.record import COMMANDS, Record, RecordState, RetryFiling, WithdrawRecord
from models.revisit import State
from models.stores import audit
from models.stores import policy as policies
from models.stores import reader as readers
from models.stores import record as store
from models.stores import revisit as revisits
from models.timeline_record import RECORD_TEXTS

router = APIRouter(tags=["record"])
_PATH = "/v1/revisits/{revisit_id}/record"
MayWrite = Annotated[Principal, Depends(may("record:write"))]
MayRead = Annotated[Principal, Depends(may("record:read"))]
MayFile = Annotated[Principal, Depends(may("record:file"))]
_BY_OFFICE = frozenset({str(RetryFiling.model_fields["kind"].default)})
_OUT_OF_TURN = ("record.not_now", "process.busy")


class SigningOut(BaseModel):
    """One signing: where it stands, and what may be asked. It says nothing of what stands in the record."""

    id: UUID
    revisit_id: UUID
    state: RecordState
    state_text: Annotated[str, Field(examples=["待医生签名"])]
    round: int = Field(description="Counted from 1 within the visit; each one replaces the one before it.")
    due_at: datetime | None = Field(description="Not confirmed by then it is unsigned.")
    reason: Annotated[str | None, Field(description="Why it was not signed, or what the HIS answered.", examples=["signature.refused"])]
    allowed: list[str]
    created_at: datetime
    moved_at: datetime
    version: int

    @classmethod
    def of(cls, one: store.Told, *, office: bool) -> Self:
        may_ask = [name for name in allowed(one.state, COMMANDS) if (name in _BY_OFFICE) is office]
        return cls(
            id=one.id,
            revisit_id=one.visit_id,
            state=one.state,
            state_text=RECORD_TEXTS[one.state],
            round=one.round,
            due_at=one.due_at,
            reason=one.reason,
            allowed=may_ask,
            created_at=one.created_at,
            moved_at=one.moved_at,
            version=one.version,
        )


class SignedOut(BaseModel):
    """Who signed what is shown, and when, as the hospital's CA says."""

    name: Annotated[str, Field(examples=["王建国"])]
    signed_at: datetime


class RecordOut(BaseModel):
    """What was saved last. `signed`: exactly this is signed; without it, it is a draft, or was changed since."""

    revisit_id: UUID
    record: Record
    saved_at: datetime
    signed: SignedOut | None = None
    signing: SigningOut | None = Field(default=None, description="The last signing, whatever became of it; for its doctor.")


@router.put(_PATH, responses=problems(missing=("revisit.missing",), conflict=("record.not_now", "record.signing")))
async def save(revisit_id: UUID, body: Record, me: MayWrite, db: Writing, now: Now) -> RecordOut:
    """写病历 with its diagnosis. Saved again it replaces what was there, until 结束问诊; what was signed stays, the new is signed anew."""
    await readers.of_visit(db, revisit_id, as_doctor(me))
    await store.save(db, ids.derived("record", revisit_id), revisit_id, me.account_id, body, now)
    await audit.record(db, me.account_id, "record:write", "revisit", revisit_id)
    return await _out(db, revisit_id, body, now, doctor=True)


@router.get(_PATH, responses=problems(missing=("revisit.missing", "record.not_written")))
async def read(revisit_id: UUID, me: MayRead, wiring: Wired) -> RecordOut:
    """For the doctor at any time, for the patient's side once the visit has ended: with who signed it and when."""
    async with read_of(wiring, me, revisit_id, "record:read") as (db, reader):
        found = await store.of_revisit(db, revisit_id)
        ended = reader.state in {State.ENDED, State.CLOSED}
        if found is None or (reader.side == "patient" and not ended):
            raise DomainError("record.not_written", "missing")
        return await _out(db, revisit_id, *found, doctor=reader.side == "doctor")


@router.post(
    f"{_PATH}/sign",
    status_code=201,
    response_model=SigningOut,
    responses=problems(
        conflict=("record.not_now", "record.missing", "record.signing", "record.signed", "record.too_many", "signature.no_certificate"),
        missing=("revisit.missing",),
    ),
)
async def sign(revisit_id: UUID, me: MayWrite, intent: Intent, wiring: Wired, now: Now, pathways: AskPathways) -> SigningOut:
    """签名: what stands now is shown on the doctor's phone, to be confirmed there. Until it is, or is withdrawn, nothing is saved."""

    async def effect() -> SigningOut:
        await readers.of_visit(db, revisit_id, as_doctor(me))
        policy = (await revisits.facts(db, revisit_id)).policy
        due_at = now + timedelta(seconds=(await policies.pinned(db, policy)).rules.record_sign_s)
        await store.begin(db, intent.id, revisit_id, me.account_id, policy=policy, at=now, due_at=due_at, request=request_id())
        await audit.record(db, me.account_id, "record:sign", "record", intent.id)
        begun = await store.last_signing(db, revisit_id)
        if begun is None or begun.id != intent.id:
            raise RuntimeError("the visit is locked, and yet another has begun to sign")
        return SigningOut.of(begun, office=False)

    async with wiring.database.transaction() as db:
        begun = await once(db, intent, effect, SigningOut)
        row = await store.load(db, begun.id)
    await pathways.runs.begin("record", begun.id, revisit_id, row)
    return begun


@router.post(
    "/v1/records/{record_id}/withdraw",
    response_model=ActionOut,
    responses=problems(conflict=_OUT_OF_TURN, missing=("record.no_signing",)),
)
async def withdraw(record_id: UUID, me: MayWrite, intent: Intent, pathways: AskPathways) -> ActionOut:
    """撤回签名, before it is confirmed: the record is a draft again."""
    return await on_record(pathways, record_id, as_doctor(me), intent, wish(WithdrawRecord, intent))


class RecordsOut(BaseModel):
    """Who has waited longest comes first; `next` is the cursor of the following page."""

    items: list[SigningOut]
    next: str | None


@router.get("/v1/records", responses=problems(malformed=("request.cursor",)))
async def stuck(me: MayFile, db: Reading, after: After = None, limit: Limit = LIMIT) -> RecordsOut:
    """归档待处理: signed records that the HIS has refused, with what it answered."""
    found = await store.stuck(db, open_id_cursor("records", after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor("records", one.created_at, one.id))
    return RecordsOut(items=[SigningOut.of(one, office=True) for one in page], next=further)


@router.post(
    "/v1/records/{record_id}/retry",
    response_model=ActionOut,
    responses=problems(conflict=_OUT_OF_TURN, missing=("record.no_signing",)),
)
async def retry(record_id: UUID, me: MayFile, intent: Intent, pathways: AskPathways) -> ActionOut:
    """重新归档, when what was in the way at the HIS is mended."""
    return await on_record(pathways, record_id, reach_of(me), intent, wish(RetryFiling, intent))


async def _out(db: AsyncSession, revisit_id: UUID, record: Record, saved_at: datetime, *, doctor: bool) -> RecordOut:
    by = await store.signed(db, revisit_id, record)
    signing = await store.last_signing(db, revisit_id) if doctor else None
    return RecordOut(
        revisit_id=revisit_id,
        record=record,
        saved_at=saved_at,
        signed=SignedOut(name=by.name, signed_at=by.signed_at) if by else None,
        signing=SigningOut.of(signing, office=False) if signing else None,
    )
