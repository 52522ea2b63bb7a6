"""One-time codes: six random digits, stored hashed, one live code a phone and purpose, few tries, once."""

import secrets
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import CODE_DIGITS, CODE_LASTS, CODE_PAUSE, CODE_TRIES_MAX, CODES_A_DAY_MAX
from models.kernel import ids
from models.kernel.errors import DomainError
from models.kernel.vault import same
from models.message import Template
from models.stores import message
from models.stores.account import phone_index
from models.stores.database import vault
from models.tables.account import CodeRow

Purpose = Literal["patient", "staff"]
"""Counted apart: who floods a phone with codes for patients must not keep a doctor out."""

_TEMPLATES: dict[Purpose, Template] = {"patient": Template.SIGN_IN_CODE, "staff": Template.STAFF_CODE}
_DAY = timedelta(days=1)


async def issue(db: AsyncSession, purpose: Purpose, phone: str, account_id: UUID | None, now: datetime) -> None:
    """A new code into the message outbox; the one before it is void. Raises `account.too_many_codes`."""
    index = phone_index(db, phone)
    await _one_at_a_time(db, purpose, index)
    lately = await db.scalars(
        select(CodeRow.created_at)
        .where(CodeRow.phone_bidx == index, CodeRow.purpose == purpose, CodeRow.created_at > now - _DAY)
        .order_by(CodeRow.created_at.desc())
        .limit(CODES_A_DAY_MAX)
    )
    _check_pause(list(lately), now)
    await db.execute(
        update(CodeRow).where(CodeRow.phone_bidx == index, CodeRow.purpose == purpose, CodeRow.expires_at > now).values(expires_at=now)
    )
    code_id, digits = ids.new(), f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    db.add(
        CodeRow(
            id=code_id,
            purpose=purpose,
            phone_bidx=index,
            account_id=account_id,
            code_hash=_hash(db, code_id, digits),
            expires_at=now + CODE_LASTS,
            created_at=now,
        )
    )
    await db.flush()
    await message.enqueue(db, code_id, _TEMPLATES[purpose], phone, {"code": digits}, visit_id=None, due_at=now)


async def use(db: AsyncSession, purpose: Purpose, phone: str, digits: str, now: datetime) -> bool:
    """Whether these are the digits of the live code; each asking is a try, and the transaction must commit for it to count."""
    index = phone_index(db, phone)
    live = (CodeRow.phone_bidx == index, CodeRow.purpose == purpose, CodeRow.expires_at > now, CodeRow.used_at.is_(None))
    found = await db.execute(
        update(CodeRow)
        .where(*live, CodeRow.tries < CODE_TRIES_MAX)
        .values(tries=CodeRow.tries + 1)
        .returning(CodeRow.id, CodeRow.code_hash)
    )
    row = found.one_or_none()
    if row is None:
        return False
    code_id, code_hash = row
    if not same(code_hash, _hash(db, code_id, digits)):
        return False
    await db.execute(update(CodeRow).where(CodeRow.id == code_id).values(used_at=now))
    return True


def _check_pause(lately: list[datetime], now: datetime) -> None:
    """`lately` is newest first, of the last day."""
    wait = timedelta()
    if lately:
        wait = lately[0] + CODE_PAUSE - now
    if len(lately) >= CODES_A_DAY_MAX:
        wait = max(wait, lately[-1] + _DAY - now)
    if wait > timedelta():
        raise DomainError("account.too_many_codes", "limited", retry_after_s=int(wait.total_seconds()) + 1)


async def _one_at_a_time(db: AsyncSession, purpose: Purpose, index: bytes) -> None:
    """Two requests at once for one phone are one code and one refusal; the lock goes with the transaction."""
    key = int.from_bytes(index[:8], "big", signed=True) ^ (purpose == "staff")
    await db.execute(select(func.pg_advisory_xact_lock(literal(key, BigInteger))))


def _hash(db: AsyncSession, code_id: UUID, digits: str) -> bytes:
    """Keyed and bound to its row: a million digits are soon tried on a plain hash."""
    return vault(db).index("account_code.code", f"{code_id}:{digits}")
