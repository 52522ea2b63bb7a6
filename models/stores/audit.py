"""Who did or read what, when and why: one row in the transaction of the deed."""

from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.process import AuditRow


async def record(
    db: AsyncSession,
    account_id: UUID | None,
    action: str,
    subject: str,
    subject_id: UUID | None,
    purpose: str | None = None,
    **detail: object,
) -> None:
    """`action` is `<word>:<verb>` of the deed, `detail` ids, enums, numbers and instants; no account is the house itself."""
    await db.execute(
        insert(AuditRow).values(
            account_id=account_id, action=action, subject=subject, subject_id=subject_id, purpose=purpose, detail=_plain(detail)
        )
    )


def _plain(detail: dict[str, object]) -> dict[str, object]:
    return {name: value if isinstance(value, int | float | bool | list | None) else str(value) for name, value in detail.items()}
