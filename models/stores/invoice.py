"""E-bills: begun where a charge is settled and where money goes back, and what their steps need. Who begins holds the charge's lock."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import ChargeState
from models.invoice import ITEMS, MOVES, Ebill, GivenBack, Invoice, InvoiceState, RedBill, Split, Wanted
from models.kernel import ids
from models.kernel.clock import SHANGHAI
from models.kernel.errors import DomainError, known
from models.kernel.vault import Vault
from models.refund import RefundState
from models.stores import inbox, steps
from models.stores import patient as patients
from models.stores.database import vault
from models.stores.files import ObjectFolder
from models.tables.charge import ChargeRow, PaymentRow, RefundRow
from models.tables.invoice import InvoiceRow
from models.tables.revisit import RevisitRow

_PICTURE = "invoice.picture"
_PARTS = (InvoiceRow.fund_fen, InvoiceRow.account_fen, InvoiceRow.cash_fen)


def snapshot(row: dict[str, Any]) -> Invoice:
    """The row as the process sees it."""
    return Invoice.model_validate(row, extra="ignore")


STORE = steps.Store(cast(Table, InvoiceRow.__table__), MOVES, snapshot)


class InvoiceFiles(ObjectFolder):
    """PDFs as the issuer gave them. Named by row and content: who writes one again writes the same."""

    async def put(self, invoice_id: UUID, content: bytes) -> str:
        """Whole or not at all; answers the name of the file."""
        name = f"invoice/{invoice_id.hex[:2]}/{invoice_id}/{hashlib.sha256(content).hexdigest()}.pdf"
        await self.write(name, content)
        return name

    async def get(self, file: str) -> bytes:
        """The PDF of that name, which ends with its hash. Raises `file.unreadable`."""
        return await self.same(file, PurePosixPath(file).stem)


@dataclass(frozen=True, slots=True)
class Begun:
    """A bill that was begun, for who starts its run."""

    id: UUID
    visit_id: UUID
    row: Invoice


@dataclass(frozen=True, slots=True)
class Told:
    """A bill whose desk has news, for who knocks there."""

    id: UUID
    news: GivenBack


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill that the issuer has, and that is to be undone or printed."""

    id: UUID
    code: str
    number: str

    @property
    def ours(self) -> str:
        """Our number for it at the issuer."""
        return self.id.hex


def id_of(charge_id: UUID, sequence: int = 0) -> UUID:
    """A charge's bill; after each time that money went back, the next one."""
    return ids.derived("invoice", charge_id, sequence)


async def load(db: AsyncSession, invoice_id: UUID) -> Invoice:
    row = (await db.execute(select(*InvoiceRow.__table__.c).where(InvoiceRow.id == invoice_id))).mappings().one_or_none()
    if row is None:
        raise DomainError("invoice.missing", "missing")
    return snapshot(dict(row))


async def begin(db: AsyncSession, charge_id: UUID, at: datetime, *, request: str = "") -> Begun | Told | None:
    """The row of the next bill of a charge, if what stands is not what remains; in the transaction of the step that changed it.

    Told: the last one was refused, and nothing remains that it could be about. None: it was never settled, the bill that stands is right,
    or one is at work, which looks again before it ends. It waits for the lock of the charge, so two that change it at once both count.
    """
    # Not FOR UPDATE: who keeps a payment or a refund of this charge refers to it, and would wait for us as we for them.
    locked = select(ChargeRow).where(ChargeRow.id == charge_id).with_for_update(key_share=True, of=ChargeRow)
    charge = await db.scalar(locked.execution_options(populate_existing=True))
    if charge is None or charge.state != ChargeState.SETTLED:
        return None
    last = (
        await db.execute(
            select(InvoiceRow.id, InvoiceRow.sequence, InvoiceRow.state, InvoiceRow.reversed_at, *_PARTS)
            .where(InvoiceRow.charge_id == charge_id)
            .order_by(InvoiceRow.sequence.desc())
            .limit(1)
        )
    ).one_or_none()
    if last is not None and last.state == InvoiceState.REFUSED:
        return await _tell(db, last.id, charge_id, request)
    stands = last is not None and last.state == InvoiceState.ISSUED and last.reversed_at is None
    if last is not None and (last.state not in MOVES.ends() or (_split(last) if stands else Split()) == await remains(db, charge_id)):
        return None
    sequence = 0 if last is None else last.sequence + 1
    number = id_of(charge_id, sequence)
    await db.execute(
        insert(InvoiceRow).values(
            id=number,
            state=InvoiceState.REVERSING if stands else InvoiceState.ISSUING,
            policy=charge.policy,
            visit_id=charge.visit_id,
            charge_id=charge_id,
            sequence=sequence,
            created_at=at,
            moved_at=at,
            request=request or None,
        )
    )
    return Begun(number, charge.visit_id, await load(db, number))


async def _tell(db: AsyncSession, invoice_id: UUID, charge_id: UUID, request: str) -> Told | None:
    """Where a bill stands that is to be undone, or only its PDF is missing, the task stays."""
    if await standing(db, charge_id) is not None or (await remains(db, charge_id)).total_fen:
        return None
    news = GivenBack(id=ids.new(), request=request)
    await inbox.bring(db, "invoice", invoice_id, news, party="refund")
    return Told(invoice_id, news)


async def remains(db: AsyncSession, charge_id: UUID) -> Split:
    """What was settled, less what the HIS has let go: that goes back for certain, however long it is on its way.

    From the money that came, not from what was ordered. The channel's leg is all in cash; fund and personal account come with insurance.
    """
    cleared = (
        select(func.coalesce(func.sum(RefundRow.amount_fen), 0))
        .where(RefundRow.payment_id == PaymentRow.id, RefundRow.cleared_at.is_not(None), RefundRow.state != RefundState.WITHDRAWN)
        .scalar_subquery()
    )
    paid = select(PaymentRow.amount_fen, cleared).where(PaymentRow.charge_id == charge_id, PaymentRow.unwanted.is_(None))
    came, back = (await db.execute(paid)).one()
    return Split(cash_fen=came).less_cash(int(back))


def _split(row: Any) -> Split:
    return Split(fund_fen=row.fund_fen, account_fen=row.account_fen, cash_fen=row.cash_fen)


async def wanted(db: AsyncSession, invoice_id: UUID, at: datetime) -> Wanted | None:
    """What the issuer is asked to bill, in the transaction that says so: what remains now, and from now on the same on every repeat.

    None: nothing remains.
    """
    row = await db.get_one(InvoiceRow, invoice_id, populate_existing=True)
    if row.asked_at is None:
        split = await remains(db, row.charge_id)
        if split.total_fen == 0:
            return None
        values = split.model_dump() | {"asked_at": at}
        await db.execute(update(InvoiceRow).where(InvoiceRow.id == invoice_id).values(values))
        row = await db.get_one(InvoiceRow, invoice_id, populate_existing=True)
    charge = await db.get_one(ChargeRow, row.charge_id)
    visit = (await db.execute(select(RevisitRow.patient_id, RevisitRow.slot_starts_at).where(RevisitRow.id == row.visit_id))).one()
    paid = select(PaymentRow.transaction_id).where(PaymentRow.charge_id == charge.id, PaymentRow.unwanted.is_(None))
    asked_at = known(row.asked_at)
    return Wanted(
        number=row.id.hex,
        payer=await patients.name(db, visit.patient_id),
        split=_split(row),
        item=ITEMS[charge.payable],
        visit_no=row.visit_id.hex,
        visited_on=(visit.slot_starts_at or asked_at).astimezone(SHANGHAI).date(),
        channel_no=known(await db.scalar(paid)),
        at=asked_at.astimezone(SHANGHAI),
    )


async def standing(db: AsyncSession, charge_id: UUID) -> Bill | None:
    """The bill of a charge that was issued and not undone."""
    found = select(InvoiceRow.id, InvoiceRow.code, InvoiceRow.number).where(
        InvoiceRow.charge_id == charge_id, InvoiceRow.number.is_not(None), InvoiceRow.reversed_at.is_(None)
    )
    row = (await db.execute(found)).one_or_none()
    return None if row is None else Bill(row.id, known(row.code), known(row.number))


def kept(box: Vault, invoice_id: UUID, bill: Ebill) -> dict[str, Any]:
    """The issuer's numbers for it as the row has them, for the move of the step that learnt them."""
    numbers = bill.model_dump(include={"code", "number", "check_code", "issued_at", "qr"})
    return numbers | {"picture": box.seal(_PICTURE, invoice_id, bill.picture_url)}


async def is_another(db: AsyncSession, invoice_id: UUID, bill: Ebill | RedBill) -> bool:
    """Whether another bill has that number already: an issuer that gives it twice has lost count, and neither can be told by it."""
    red = isinstance(bill, RedBill)
    numbers = (InvoiceRow.red_code, InvoiceRow.red_number) if red else (InvoiceRow.code, InvoiceRow.number)
    held = select(InvoiceRow.id).where(tuple_(*numbers) == (bill.code, bill.number), InvoiceRow.id != invoice_id)
    return await db.scalar(select(held.exists())) or False


async def asked_for(db: AsyncSession, invoice_id: UUID) -> Split:
    """What the issuer was last asked to bill under this number."""
    return _split((await db.execute(select(*_PARTS).where(InvoiceRow.id == invoice_id))).one())


async def asked(db: AsyncSession, invoice_id: UUID, at: datetime) -> datetime:
    """When the issuer was first asked to undo what was before; the same on every repeat."""
    first = func.coalesce(InvoiceRow.asked_at, at)
    written = update(InvoiceRow).where(InvoiceRow.id == invoice_id).values(asked_at=first).returning(InvoiceRow.asked_at)
    return known((await db.scalars(written)).one())


async def picture_url(db: AsyncSession, invoice_id: UUID) -> str:
    """Where the issuer has the PDF."""
    sealed = await db.scalar(select(InvoiceRow.picture).where(InvoiceRow.id == invoice_id))
    return vault(db).open(_PICTURE, invoice_id, known(sealed))


def red_kept(red: RedBill, file: str | None) -> dict[str, Any]:
    """The red bill as the row that it undid has it; `file` is its PDF."""
    numbers = {"red_code": red.code, "red_number": red.number, "red_check_code": red.check_code}
    return numbers | {"reversed_at": red.at, "red_file": file}


async def undone(db: AsyncSession, invoice_id: UUID, red: RedBill, file: str | None) -> None:
    """A red bill undoes it, in the transaction of the one that comes after it."""
    still = (InvoiceRow.id == invoice_id, InvoiceRow.reversed_at.is_(None))
    await db.execute(update(InvoiceRow).where(*still).values(red_kept(red, file)))
