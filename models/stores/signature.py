"""Signatures: what was asked to be signed, and what was proved; enough to prove it again at any time. Of a prescription, or of a record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError, known
from models.signature import Signature
from models.stores.database import vault
from models.tables.account import AccountRow
from models.tables.process import TimelineRow
from models.tables.signature import SignatureRow

Side = Literal["doctor", "pharmacist"]


@dataclass(frozen=True, slots=True)
class Signer:
    """Who is to sign: the account, and the number by which the hospital's CA knows them."""

    account_id: UUID
    staff_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToSign:
    """What is to be signed by whom, and of which prescription or record it is."""

    signer: Signer
    side: Side
    title: str
    """Above the text on the signer's phone."""
    text: str
    prescription_id: UUID | None = None
    content_id: UUID | None = None
    record_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature with the text that it is of."""

    id: UUID
    account_id: UUID
    side: str
    text: str
    signature: Signature


@dataclass(frozen=True, slots=True)
class Kept:
    """A signature as it lies there, to be proved again. What lies there and does not open is None."""

    id: UUID
    account_id: UUID
    side: Side
    content_id: UUID
    signed_at: datetime
    said: tuple[str, Signature] | None
    """The text, and the signature that is of it."""


async def staff_id(db: AsyncSession, account_id: UUID) -> str:
    """The number by which HIS and CA know a member of staff. Raises `signature.no_certificate` for who has none: they cannot sign."""
    found = await db.scalar(select(AccountRow.staff_id).where(AccountRow.id == account_id))
    if found is None:
        raise DomainError("signature.no_certificate", "conflict")
    return found


async def asked(db: AsyncSession, number: UUID, what: ToSign) -> str:
    """Before its signer is asked; answers the text. The same number again stays the first, whatever has been written since."""
    sealed = vault(db).seal("signature.text", number, what.text)
    whose = {"prescription_id": what.prescription_id, "content_id": what.content_id, "record_id": what.record_id}
    values = {"id": number, "account_id": what.signer.account_id, "side": what.side, "text": sealed, **whose}
    await db.execute(insert(SignatureRow).values(**values).on_conflict_do_nothing())
    return (await to_prove(db, number))[1]


async def to_prove(db: AsyncSession, number: UUID) -> tuple[str, str]:
    """The number of who was asked under it, and the text as it was kept."""
    row = await db.get_one(SignatureRow, number)
    return await staff_id(db, row.account_id), vault(db).open("signature.text", number, row.text)


async def asked_after(db: AsyncSession, process_id: UUID, request: str) -> datetime:
    """When the step before the last `request` was done: what was asked for since cannot have been signed earlier."""
    asked = select(func.max(TimelineRow.version)).where(TimelineRow.process_id == process_id, TimelineRow.name == request)
    before = select(func.max(TimelineRow.at)).where(TimelineRow.process_id == process_id, TimelineRow.version < asked.scalar_subquery())
    return known(await db.scalar(before))


async def proved(db: AsyncSession, number: UUID, signature: Signature) -> None:
    """Kept once it was proved; the certificate names a person, so it is sealed."""
    sealed = vault(db).seal("signature.signature", number, signature.model_dump_json())
    await db.execute(update(SignatureRow).where(SignatureRow.id == number).values(signature=sealed, signed_at=signature.signed_at))


async def of_task(db: AsyncSession, number: UUID) -> tuple[str, UUID] | None:
    """The process that a task is of; None for a number that is not ours."""
    found = await db.execute(select(SignatureRow.prescription_id, SignatureRow.record_id).where(SignatureRow.id == number))
    row = found.one_or_none()
    if row is None:
        return None
    prescription_id, record_id = row
    return ("prescription", prescription_id) if prescription_id else ("record", known(record_id))


async def of_prescription(db: AsyncSession, prescription_id: UUID) -> list[Signed]:
    """Those that were proved, oldest first."""
    return await _proved(db, SignatureRow.prescription_id == prescription_id)


async def of_content(db: AsyncSession, content_id: UUID) -> list[Signed]:
    """The signatures of one content, oldest first: in each round the last of a side is the one that counts."""
    return await _proved(db, SignatureRow.content_id == content_id)


async def kept(db: AsyncSession, prescription_id: UUID) -> list[Kept]:
    """The same, one by one as it lies there: what was changed since hides none of the others."""
    rows = await db.scalars(_query(SignatureRow.prescription_id == prescription_id))
    return [Kept(row.id, row.account_id, _side(row), known(row.content_id), known(row.signed_at), _said(db, row)) for row in rows]


def _side(row: SignatureRow) -> Side:
    return "pharmacist" if row.side == "pharmacist" else "doctor"


def _said(db: AsyncSession, row: SignatureRow) -> tuple[str, Signature] | None:
    try:
        one = _signed(db, row)
    except DomainError:
        return None
    return one.text, one.signature


async def of_record(db: AsyncSession, record_id: UUID) -> Signed | None:
    """The signature of one signing; None while it is not proved."""
    found = await _proved(db, SignatureRow.record_id == record_id)
    return found[-1] if found else None


async def _proved(db: AsyncSession, whose: ColumnElement[bool]) -> list[Signed]:
    return [_signed(db, row) for row in await db.scalars(_query(whose))]


def _query(whose: ColumnElement[bool]) -> Select[SignatureRow]:
    return select(SignatureRow).where(whose, SignatureRow.signature.is_not(None)).order_by(SignatureRow.created_at, SignatureRow.side)


def _signed(db: AsyncSession, row: SignatureRow) -> Signed:
    box = vault(db)
    return Signed(
        row.id,
        row.account_id,
        row.side,
        box.open("signature.text", row.id, row.text),
        Signature.model_validate_json(box.open("signature.signature", row.id, known(row.signature))),
    )
