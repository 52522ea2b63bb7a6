"""Signatures: what was asked to be signed, and what was proved; enough to prove it again at any time."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import known
from models.prescription import Prescription, PrescriptionState
from models.signature import Signature
from models.stores.database import vault
from models.tables.signature import SignatureRow


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature with the text that it is of."""

    id: UUID
    account_id: UUID
    side: str
    text: str
    signature: Signature


async def asked(db: AsyncSession, number: UUID, now: Prescription, account_id: UUID, text: str) -> None:
    """Before its signer is asked. The same number again stays the first."""
    side = "pharmacist" if now.state is PrescriptionState.COUNTERSIGNING else "doctor"
    sealed = vault(db).seal("signature.text", number, text)
    values = {"id": number, "prescription_id": now.id, "content_id": now.content_id, "account_id": account_id, "side": side, "text": sealed}
    await db.execute(insert(SignatureRow).values(**values).on_conflict_do_nothing())


async def proved(db: AsyncSession, number: UUID, signature: Signature) -> None:
    """Kept once it was proved; the certificate names a person, so it is sealed."""
    sealed = vault(db).seal("signature.signature", number, signature.model_dump_json())
    await db.execute(update(SignatureRow).where(SignatureRow.id == number).values(signature=sealed, signed_at=signature.signed_at))


async def of_task(db: AsyncSession, number: UUID) -> UUID | None:
    """The prescription that a task is of; None for a number that is not ours."""
    return await db.scalar(select(SignatureRow.prescription_id).where(SignatureRow.id == number))


async def of_prescription(db: AsyncSession, prescription_id: UUID) -> list[Signed]:
    """Those that were proved, oldest first."""
    rows = await db.scalars(
        select(SignatureRow)
        .where(SignatureRow.prescription_id == prescription_id, SignatureRow.signature.is_not(None))
        .order_by(SignatureRow.created_at, SignatureRow.side)
    )
    return [_signed(db, row) for row in rows]


async def of_content(db: AsyncSession, content_id: UUID) -> list[Signed]:
    """The signatures of one content, oldest first: in each round the last of a side is the one that counts."""
    rows = await db.scalars(
        select(SignatureRow)
        .where(SignatureRow.content_id == content_id, SignatureRow.signature.is_not(None))
        .order_by(SignatureRow.created_at, SignatureRow.side)
    )
    return [_signed(db, row) for row in rows]


def _signed(db: AsyncSession, row: SignatureRow) -> Signed:
    box = vault(db)
    return Signed(
        row.id,
        row.account_id,
        row.side,
        box.open("signature.text", row.id, row.text),
        Signature.model_validate_json(box.open("signature.signature", row.id, known(row.signature))),
    )
