"""The folder of files: what a row names and nobody can read."""

import hashlib
from pathlib import Path

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import AT, Hospital
from tests.auditor.issuer import paper
from tests.auditor.story import audited

PICTURE, STORY = b"a picture", b"a history"
ARRIVED = ("requested", "cleared", "accepted", "arrived")


async def kept(hospital: Hospital, folder: Path) -> dict[str, Path]:
    """A visit with a picture, two e-bills, a red one and the history of its run; each file by what names it."""
    visit, file_id, run_id = await hospital.visit("closed"), new(), new()
    await hospital.given_back(visit, *ARRIVED, cause="management", fen=2000)
    sha256 = hashlib.sha256(PICTURE).hexdigest()
    files = {
        f"intake_file={file_id}": (f"intake/{file_id.hex[:2]}/{file_id}/{sha256}", PICTURE),
        f"run={run_id}": ("history/x.json.gz", STORY),
    }
    for bill in await hospital.wire.fetch("select id, number, red_number from invoice"):
        for about, column in ((f"invoice={bill['id']}", "number"), ("red", "red_number")):
            if bill[column]:
                content = paper(bill[column])
                files[about] = (f"invoice/x/{bill['id']}/{hashlib.sha256(content).hexdigest()}.pdf", content)
                file = "file" if column == "number" else "red_file"
                await hospital.do(f"update invoice set {file} = $2 where id = $1", bill["id"], files[about][0])
    for name, content in files.values():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    what = {"media_type": "image/png", "size": len(PICTURE), "sha256": sha256}
    await hospital.insert("intake_file", id=file_id, revisit_id=visit.id, account_id=hospital.account_id, **what)
    await audited(hospital, hospital.account_id, "intake:write", "revisit", visit.id)
    run = {"workflow_id": f"revisit/{visit.id}", "process": "revisit", "process_id": visit.id, "visit_id": visit.id, "status": "COMPLETED"}
    archived = {"archived_at": AT, "events": 1, "bytes": len(STORY), "file": "history/x.json.gz"}
    await hospital.insert("history", run_id=run_id, began_at=AT, ended_at=AT, **run, **archived)
    return {about: folder / name for about, (name, _) in files.items()}


async def test_a_folder_that_has_all(hospital: Hospital, tmp_path: Path) -> None:
    """And something that no row names: it is waste."""
    await kept(hospital, tmp_path)
    (tmp_path / "waste").write_bytes(b"x")

    assert await hospital.audit(files_dir=tmp_path) == []


async def test_each_file_that_is_gone(hospital: Hospital, tmp_path: Path) -> None:
    files = await kept(hospital, tmp_path)
    for path in files.values():
        path.unlink()

    found = await hospital.audit(files_dir=tmp_path)

    assert {(one.kind, one.theirs) for one in found} == {(Kind.FILE_DIFFERS, "no such file")}
    assert {one.about.split()[0] for one in found} == files.keys() - {"red"}
    assert len(found) == len(files)
    assert {one.kind for one in await hospital.audit(files_dir=tmp_path, quiet=False)} == {Kind.FILE_DIFFERS}
    assert await hospital.audit() == []


@pytest.mark.parametrize(
    ("whose", "content", "told"),
    [
        ("intake_file", b"a pictur", "8 bytes of 9"),
        ("intake_file", b"a Picture", "another content"),
        ("invoice", b"%PDF-3", "another content"),
        ("run", b"", "0 bytes of 9"),
    ],
    ids=("cut short", "changed", "another paper", "empty"),
)
async def test_a_file_that_is_another_one(hospital: Hospital, tmp_path: Path, whose: str, content: bytes, told: str) -> None:
    files = await kept(hospital, tmp_path)
    next(path for about, path in files.items() if about.startswith(whose)).write_bytes(content)

    [found] = await hospital.audit(files_dir=tmp_path)

    assert (found.kind, found.theirs) == (Kind.FILE_DIFFERS, told)


async def test_two_bills_whose_papers_were_taken_for_one_another(hospital: Hospital, tmp_path: Path) -> None:
    """Each lies where its row has its own, whole, and has the hash that its name tells."""
    await kept(hospital, tmp_path)
    one, other = await hospital.wire.fetch("select id, file from invoice")
    for bill, content in ((one, (tmp_path / other["file"]).read_bytes()), (other, (tmp_path / one["file"]).read_bytes())):
        name = Path(bill["file"]).with_stem(hashlib.sha256(content).hexdigest())
        (tmp_path / name).write_bytes(content)
        await hospital.do("update invoice set file = $2 where id = $1", bill["id"], str(name))

    found = await hospital.audit(files_dir=tmp_path)

    assert [(one.kind, one.theirs) for one in found] == [(Kind.FILE_DIFFERS, "the paper of another bill")] * 2
