"""What a file is, is told by its content (P-2.3)."""

import pytest

from models.intake import FILE_SIZE_MAX, MediaType, media_type
from models.kernel.errors import DomainError


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0 JFIF", MediaType.JPEG),
        (b"\x89PNG\r\n\x1a\n....", MediaType.PNG),
        (b"%PDF-1.7\n", MediaType.PDF),
        (b"%PDF-" + bytes(FILE_SIZE_MAX - 5), MediaType.PDF),
    ],
)
def test_a_picture_or_a_pdf_is_taken(content: bytes, kind: MediaType) -> None:
    assert media_type(content) is kind


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "intake.file_empty"),
        (b"%PDF-" + bytes(FILE_SIZE_MAX - 4), "intake.file_too_large"),
        (b"GIF89a", "intake.file_type"),
        (b"MZ\x90\x00", "intake.file_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "intake.file_type"),
        (b" %PDF-1.7", "intake.file_type"),
        (b"\xff\xd8", "intake.file_type"),
        (b"\x89PNG\n\x1a\n", "intake.file_type"),
    ],
)
def test_anything_else_is_not(content: bytes, code: str) -> None:
    with pytest.raises(DomainError) as refused:
        media_type(content)

    assert (refused.value.code, refused.value.kind) == (code, "invalid")
