"""The folder of files: each that a row names is there, whole, and is the one that was kept."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind


class Named(NamedTuple):
    """A file as its row tells of it. What the row does not say is None."""

    about: str
    name: str
    sha256: str | None
    size: int | None
    visit: UUID | None
    title: str | None = None
    """What a paper is called in itself: the code and number of its bill, as the sandbox's issuer writes them."""


def check(books: Books) -> Iterator[Finding]:
    """Without a folder nothing is looked for. What lies there and no row names is waste, and no fault."""
    if books.files is None:
        return
    for one in _named(books):
        if (wrong := _wrong(books.files / one.name, one)) is not None:
            yield Finding(kind=Kind.FILE_DIFFERS, about=f"{one.about} file={one.name}", ours="named", theirs=wrong, visit=one.visit)


def _named(books: Books) -> Iterator[Named]:
    """Pictures of an intake, e-bills with their red ones, and histories."""
    left = books.ours.left
    for file in left.files:
        name = f"intake/{file.id.hex[:2]}/{file.id}/{file.sha256}"
        yield Named(f"intake_file={file.id}", name, file.sha256, file.size, file.revisit_id)
    for ebill in books.ours.ebills:
        black = (ebill.file, ebill.code, ebill.number)
        for name, code, number in (black, (ebill.red_file, ebill.red_code, ebill.red_number)):
            if name is not None:
                yield Named(f"invoice={ebill.id}", name, Path(name).stem, None, ebill.visit_id, f"{code}-{number}")
    for history in left.histories:
        if history.file is not None:
            visit = history.visit_id if history.visit_id in books.visits else None
            yield Named(f"run={history.run_id}", history.file, None, history.bytes, visit)


def _wrong(path: Path, one: Named) -> str | None:
    """What is wrong with a file; None: it is the one."""
    try:
        content = path.read_bytes()
    except OSError:
        return "no such file"
    if one.size not in {None, len(content)}:
        return f"{len(content)} bytes of {one.size}"
    if one.sha256 not in {None, hashlib.sha256(content).hexdigest()}:
        return "another content"
    if one.title is not None and f"/Title ({one.title})".encode() not in content:
        return "the paper of another bill"
    return None
