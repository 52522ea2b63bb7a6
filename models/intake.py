"""What may be uploaded with a condition text: told by content, never by name (P-2.3)."""

from enum import StrEnum

from models.kernel.errors import DomainError
from models.revisit import State

TAKES_FILES = frozenset({State.CHECKING, State.COMPLETING, State.CONSENTING, State.CHOOSING, State.DESCRIBING})
"""Drafts: what is described is bound before paying."""
FILE_SIZE_MAX = 10 * 1024 * 1024
FILES_MAX = 9


class MediaType(StrEnum):
    JPEG = "image/jpeg"
    PNG = "image/png"
    PDF = "application/pdf"


_SIGNATURES = ((b"\xff\xd8\xff", MediaType.JPEG), (b"\x89PNG\r\n\x1a\n", MediaType.PNG), (b"%PDF-", MediaType.PDF))


def check_text(text: str, chars_min: int) -> None:
    """A minimum by rule, so that a doctor has something to judge by. Raises `intake.too_short`."""
    if len(text) < chars_min:
        raise DomainError("intake.too_short", "invalid", chars_min=chars_min)


def media_type(content: bytes) -> MediaType:
    """Raises `intake.file_empty`, `intake.file_too_large`, `intake.file_type`."""
    if not content:
        raise DomainError("intake.file_empty", "invalid")
    if len(content) > FILE_SIZE_MAX:
        raise DomainError("intake.file_too_large", "invalid", bytes_max=FILE_SIZE_MAX)
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            return kind
    raise DomainError("intake.file_type", "invalid", accepted=[str(kind) for kind in MediaType])
