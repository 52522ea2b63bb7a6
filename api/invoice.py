"""电子票据 (C-2): a patient's own, with check code, QR code and PDF; and what waits for 财务处. Another's are told after an audit row."""

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.act import ActionOut, on_invoice, request_id, wish
from api.cursor import After, Limit, cut, open_id_cursor, seal_cursor
from api.idempotency import Intent, once
from api.pathways import AskPathways
from api.problems import problems
from api.security import may
from api.wiring import Now, Reading, Wired, Wiring
from models.account import Principal
from models.invoice import COMMANDS, ITEMS, MOVES, InvoiceState, Look, RetryInvoice, look
from models.kernel.errors import DomainError
from models.process import allowed
from models.stores import audit, timeline
from models.stores import invoice as store
from models.stores import invoice_timeline as invoices
from models.stores import patient as patients
from models.stores import reader as readers
from models.stores.reader import Reach
from models.timeline_invoice import INVOICE_TEXTS, LOOK_TEXTS, trouble_text

router = APIRouter(tags=["invoice"])
MayRead = Annotated[Principal, Depends(may("invoice:read", "invoice:read_any"))]
MayReadOwn = Annotated[Principal, Depends(may("invoice:read"))]
MayReadAny = Annotated[Principal, Depends(may("invoice:read_any"))]
MayAct = Annotated[Principal, Depends(may("invoice:act"))]

Standing = Literal["refused", "running", "ended"]
_STANDINGS: Final[dict[Standing, frozenset[InvoiceState]]] = {
    "refused": frozenset({InvoiceState.REFUSED}),
    "running": frozenset(InvoiceState) - MOVES.ends(),
    "ended": MOVES.ends(),
}
_NO_PDF: Final = ("invoice.no_pdf", "invoice.reversed", "invoice.void")
_HARMLESS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"}


def _reach(me: Principal) -> Reach:
    return Reach(me.account_id, as_patient=me.may("invoice:read"), everywhere=me.may("invoice:read_any"))


class InvoiceOut(BaseModel):
    """A bill as its payer sees it; amounts in fen."""

    id: UUID
    revisit_id: UUID
    charge_id: UUID
    title: Annotated[str, Field(examples=["医事服务费"])]
    state: Look
    state_text: Annotated[str, Field(examples=["已开具"])]
    total_fen: int = Field(description="0 as long as the issuer was not asked yet.")
    fund_fen: int = Field(description="医保基金支付")
    account_fen: int = Field(description="个人账户支付")
    cash_fen: int = Field(description="个人现金支付")
    code: str | None = Field(description="票据代码")
    number: str | None = Field(description="票据号码")
    check_code: str | None = Field(description="校验码")
    issued_at: datetime | None
    red_code: str | None = Field(description="Of the red bill that undid it.")
    red_number: str | None
    red_check_code: str | None
    reversed_at: datetime | None
    has_pdf: bool = Field(description="The issuer's file is kept. Of a bill that was undone it is given only to who asks for that.")
    has_red_pdf: bool = Field(description="That of the red bill is kept. Without it, its numbers verify it at the issuer.")
    created_at: datetime


class InvoiceWithCodeOut(InvoiceOut):
    """One bill, with its QR code as the issuer gave it."""

    qr: Annotated[str | None, Field(description="A PNG as a `data:` URL.")]


class InvoiceTaskOut(InvoiceOut):
    """As 财务处 reads it: how far its process is, why it waits, and what may be asked."""

    process_state: InvoiceState
    process_text: Annotated[str, Field(examples=["未能开具（医院正在处理）"])]
    trouble: Annotated[str | None, Field(examples=["invoice.E0104"])]
    trouble_text: str | None
    allowed: list[str]
    moved_at: datetime
    version: int


class InvoicesOut(BaseModel):
    """`next` is the cursor of the following page."""

    items: list[InvoiceOut]
    next: str | None


class InvoiceTasksOut(BaseModel):
    """Who has waited longest comes first."""

    items: list[InvoiceTaskOut]
    next: str | None


def _fields(one: invoices.Told) -> dict[str, object]:
    seen = look(one.state, one.number, one.reversed_at)
    return {
        "id": one.id,
        "revisit_id": one.visit_id,
        "charge_id": one.charge_id,
        "title": ITEMS[one.payable].name,
        "state": seen,
        "state_text": LOOK_TEXTS[seen],
        "total_fen": one.split.total_fen,
        **one.split.model_dump(),
        "code": one.code,
        "number": one.number,
        "check_code": one.check_code,
        "issued_at": one.issued_at,
        "red_code": one.red_code,
        "red_number": one.red_number,
        "red_check_code": one.red_check_code,
        "reversed_at": one.reversed_at,
        "has_pdf": one.file is not None,
        "has_red_pdf": one.red_file is not None,
        "created_at": one.created_at,
    }


def _out(one: invoices.Told) -> InvoiceOut:
    return InvoiceOut.model_validate(_fields(one))


def _task(one: invoices.Told) -> InvoiceTaskOut:
    process = {
        "process_state": one.state,
        "process_text": INVOICE_TEXTS[one.state],
        "trouble": one.trouble,
        "trouble_text": trouble_text(one.trouble) if one.trouble else None,
        "allowed": allowed(one.state, COMMANDS),
        "moved_at": one.moved_at,
        "version": one.version,
    }
    return InvoiceTaskOut.model_validate(_fields(one) | process)


@asynccontextmanager
async def _read(wiring: Wiring, me: Principal, invoice_id: UUID) -> AsyncGenerator[AsyncSession]:
    """Whoever reads another's leaves an audit row first, committed on its own. Raises `invoice.missing`."""
    async with wiring.database.reading() as db:
        where = await timeline.invoice(db, invoice_id, _reach(me))
        purpose: str | None = "finance"
        if not me.may("invoice:read_any"):
            purpose = (await readers.of_visit(db, where.visit_id, Reach(me.account_id, as_patient=True))).purpose
    if purpose:
        async with wiring.database.transaction() as db:
            await audit.record(db, me.account_id, "invoice:read", "invoice", invoice_id, purpose)
    async with wiring.database.reading() as db:
        yield db


@router.get("/v1/patients/{patient_id}/invoices", responses=problems(missing=("patient.missing",), malformed=("request.cursor",)))
async def of_patient(patient_id: UUID, me: MayReadOwn, db: Reading, after: After = None, limit: Limit = 20) -> InvoicesOut:
    """我的电子票据, newest first."""
    await patients.bound(db, me.account_id, patient_id)
    name = f"invoices/{patient_id}"
    reach = Reach(me.account_id, as_patient=True)
    found = await invoices.of_patient(db, patient_id, reach, open_id_cursor(name, after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor(name, one.created_at, one.id))
    return InvoicesOut(items=[_out(one) for one in page], next=further)


@router.get("/v1/charges/{charge_id}/invoices", responses=problems(missing=("charge.missing",), conflict=("invoice.not_settled",)))
async def of_charge(charge_id: UUID, me: MayRead, db: Reading) -> list[InvoiceOut]:
    """Every bill of a charge, those that were undone too, in the order of issue."""
    found = await invoices.of_charge(db, charge_id, _reach(me))
    return [_out(one) for one in found if one.number or one.state not in {InvoiceState.REVERSING, InvoiceState.VOID}]


@router.get("/v1/invoices", responses=problems(malformed=("request.cursor",)))
async def listed(
    me: MayReadAny,
    db: Reading,
    standing: Annotated[Standing, Query(description="`refused` are the tasks; they are `running` too.")] = "refused",
    bill: Annotated[
        str | None,
        Query(pattern=r"^[A-Za-z0-9]{1,50}-[A-Za-z0-9]{1,50}$", description="票据代码-票据号码, also of a red one: that bill alone."),
    ] = None,
    after: After = None,
    limit: Limit = 20,
) -> InvoiceTasksOut:
    """票据管理: what the issuer has refused, what is at work, what has ended; or the one that somebody asks about."""
    if bill is not None:
        code, _, number = bill.partition("-")
        return InvoiceTasksOut(items=[_task(one) for one in await invoices.of_number(db, code, number, _reach(me))], next=None)
    name = f"invoices/{standing}"
    found = await invoices.listed(db, _STANDINGS[standing], _reach(me), open_id_cursor(name, after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor(name, one.moved_at, one.id))
    return InvoiceTasksOut(items=[_task(one) for one in page], next=further)


@router.get("/v1/invoices/{invoice_id}", responses=problems(missing=("invoice.missing",)))
async def one(invoice_id: UUID, me: MayRead, wiring: Wired) -> InvoiceWithCodeOut:
    """票据详情."""
    async with _read(wiring, me, invoice_id) as db:
        told = await invoices.told(db, invoice_id, _reach(me))
    qr = None if told.qr is None else f"data:image/png;base64,{base64.b64encode(told.qr).decode()}"
    return InvoiceWithCodeOut.model_validate(_fields(told) | {"qr": qr})


async def _paper(wiring: Wiring, file: str, name: str, mark: str = "") -> Response:
    """A kept PDF. It is a view of the issuer's signed original [G], so a `mark` is set in its name and never in it."""
    content = await store.InvoiceFiles(wiring.settings.files_dir).get(file)
    said = quote(f"{name}-{mark}" if mark else name)
    named = f"attachment; filename=\"{name}.pdf\"; filename*=UTF-8''{said}.pdf"
    return Response(content, media_type="application/pdf", headers=_HARMLESS | {"Content-Disposition": named})


def _paper_or(*refused: str) -> dict[int | str, dict[str, Any]]:
    """A PDF, or why there is none."""
    given: dict[str, Any] = {"description": "On paper.", "content": {"application/pdf": {}}}
    return {200: given, **problems(missing=("invoice.missing",), conflict=(*refused, "file.unreadable"))}


@router.get("/v1/invoices/{invoice_id}/pdf", response_class=Response, responses=_paper_or(*_NO_PDF))
async def pdf(
    invoice_id: UUID,
    me: MayRead,
    wiring: Wired,
    reversed: Annotated[bool, Query(description="Also that of a bill that was undone, for who keeps both; its name says 已冲红.")] = False,
) -> Response:
    """As the issuer gave it, and never altered; kept here, so the issuer is not asked. One that was undone looks valid: refused unasked."""
    async with _read(wiring, me, invoice_id) as db:
        told = await invoices.told(db, invoice_id, _reach(me))
    if told.reversed_at is not None and not reversed:
        red = {"red_code": told.red_code, "red_number": told.red_number, "reversed_at": told.reversed_at.isoformat()}
        raise DomainError("invoice.reversed", "conflict", **red)
    if told.file is None:
        raise DomainError("invoice.void" if look(told.state, told.number, None) is Look.VOID else "invoice.no_pdf", "conflict")
    return await _paper(wiring, told.file, f"{told.code}-{told.number}", "已冲红" if told.reversed_at else "")


@router.get("/v1/invoices/{invoice_id}/red/pdf", response_class=Response, responses=_paper_or("invoice.no_red_pdf"))
async def red_pdf(invoice_id: UUID, me: MayRead, wiring: Wired) -> Response:
    """红票: what undid the bill, as the issuer gave it."""
    async with _read(wiring, me, invoice_id) as db:
        told = await invoices.told(db, invoice_id, _reach(me))
    if told.red_file is None:
        raise DomainError("invoice.no_red_pdf", "conflict")
    return await _paper(wiring, told.red_file, f"{told.red_code}-{told.red_number}", "红票")


@router.post(
    "/v1/invoices/{invoice_id}/retry",
    response_model=ActionOut,
    responses=problems(
        conflict=("invoice.not_now", "process.busy"),
        missing=("invoice.missing",),
    ),
)
async def retry(invoice_id: UUID, me: MayAct, intent: Intent, pathways: AskPathways) -> ActionOut:
    """重新开具: after the trouble is mended at the issuer."""
    return await on_invoice(pathways, invoice_id, _reach(me), intent, wish(RetryInvoice, intent))


@router.post(
    "/v1/charges/{charge_id}/invoices",
    status_code=201,
    response_model=InvoiceTaskOut,
    responses=problems(
        missing=("charge.missing",),
        conflict=("invoice.not_settled", "invoice.issued_already"),
    ),
)
async def issue(charge_id: UUID, me: MayAct, intent: Intent, wiring: Wired, now: Now, pathways: AskPathways) -> InvoiceTaskOut:
    """补开 of a charge that was settled before there were bills. All others begin theirs by themselves."""

    async def effect() -> InvoiceTaskOut:
        await invoices.of_charge(db, charge_id, _reach(me))
        begun = await store.begin(db, charge_id, now, request=request_id())
        if not isinstance(begun, store.Begun):
            raise DomainError("invoice.issued_already", "conflict")
        await audit.record(db, me.account_id, "invoice:issue", "invoice", begun.id, None, charge_id=charge_id)
        return _task(await invoices.told(db, begun.id, _reach(me)))

    async with wiring.database.transaction() as db:
        told = await once(db, intent, effect, InvoiceTaskOut)
    await pathways.runs.begin("invoice", told.id, told.revisit_id)
    return told
