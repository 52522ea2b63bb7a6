"""Pictures and documents as phones send them."""

import zlib

import httpx

from models.intake import FILE_SIZE_MAX
from tests.client import key
from tests.record.builders import Headers, Visit

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE, PDF_SIGNATURE = b"\xff\xd8\xff", b"%PDF-"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def a_png(shade: int = 0) -> bytes:
    """One grey pixel; another shade is another file."""
    size = (1).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    return PNG_SIGNATURE + _chunk(b"IHDR", size) + _chunk(b"IDAT", zlib.compress(bytes([0, shade]))) + _chunk(b"IEND", b"")


def a_jpeg() -> bytes:
    return JPEG_SIGNATURE + b"\xe0\x00\x10JFIF\x00" + bytes(20) + b"\xff\xd9"


def a_pdf() -> bytes:
    return PDF_SIGNATURE + b"1.7\n%%EOF\n"


def of_size(size: int) -> bytes:
    """A PNG by its signature."""
    return PNG_SIGNATURE + bytes(size - len(PNG_SIGNATURE))


LARGEST, TOO_LARGE = of_size(FILE_SIZE_MAX), of_size(FILE_SIZE_MAX + 1)


async def upload(
    api: httpx.AsyncClient, visit: Visit, content: bytes, *, who: Headers | None = None, wish: Headers | None = None
) -> httpx.Response:
    """Under a name and a type that say nothing."""
    file = {"file": ("../../etc/passwd.exe", content, "text/html")}
    return await api.post(f"/v1/revisits/{visit.id}/files", files=file, headers=(who or visit.patient) | (wish or key()))
