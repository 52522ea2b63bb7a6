"""Uploads over HTTP (P-2.3): what is taken, how many, by whom, and what is given back."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import structlog
from sqlalchemy import update

from models.intake import FILES_MAX
from models.revisit import State
from models.stores.database import Database
from models.tables.revisit import RevisitRow
from tests.client import Hands, key
from tests.intake.builders import LARGEST, TOO_LARGE, a_jpeg, a_pdf, a_png, of_size, upload
from tests.record.builders import Visit, a_visit_of_people, audited


def objects(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def a_draft(database: Database, clock: Hands) -> Visit:
    return await a_visit_of_people(database, clock, State.DESCRIBING)


@pytest.mark.parametrize(
    ("content", "media_type", "suffix"),
    [(a_jpeg(), "image/jpeg", "jpg"), (a_png(), "image/png", "png"), (a_pdf(), "application/pdf", "pdf")],
)
async def test_what_comes_in_comes_out(
    api: httpx.AsyncClient, database: Database, clock: Hands, content: bytes, media_type: str, suffix: str
) -> None:
    visit = await a_draft(database, clock)

    kept = (await upload(api, visit, content)).json()
    given = await api.get(f"/v1/revisits/{visit.id}/files/{kept['id']}", headers=visit.patient)

    assert (kept["media_type"], kept["size"], kept["sha256"]) == (media_type, len(content), hashlib.sha256(content).hexdigest())
    assert given.content == content
    assert given.headers["Content-Type"] == media_type
    assert given.headers["Content-Disposition"] == f'attachment; filename="{kept["id"]}.{suffix}"'
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert given.headers["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "intake.file_empty"),
        (TOO_LARGE, "intake.file_too_large"),
        (b"<html>", "intake.file_type"),
        (b"GIF89a", "intake.file_type"),
        (b"MZ\x90\x00", "intake.file_type"),
        (b"\xff\xd8", "intake.file_type"),
        (b" %PDF-1.7", "intake.file_type"),
    ],
)
async def test_what_is_not_taken(api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path, content: bytes, code: str) -> None:
    visit = await a_draft(database, clock)

    refused = await upload(api, visit, content)

    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert objects(folder) == []


async def test_ten_megabytes_are_taken(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_draft(database, clock)

    kept = await upload(api, visit, LARGEST)

    assert (kept.status_code, kept.json()["size"]) == (201, len(LARGEST))


async def test_far_too_much_is_not_read_to_its_end(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_draft(database, clock)

    refused = await upload(api, visit, of_size(30 << 20))

    assert (refused.status_code, refused.json()["code"]) == (413, "request.too_large")


async def test_nine_files_and_no_tenth(own_api: httpx.AsyncClient, own_database: Database, clock: Hands) -> None:
    visit = await a_draft(own_database, clock)

    answers = await asyncio.gather(*(upload(own_api, visit, a_png(shade)) for shade in range(FILES_MAX + 3)))

    assert sorted(answer.status_code for answer in answers) == [201] * FILES_MAX + [409] * 3
    assert {answer.json()["code"] for answer in answers if answer.is_error} == {"intake.too_many_files"}


async def test_a_second_click_is_one_file(own_api: httpx.AsyncClient, own_database: Database, clock: Hands, folder: Path) -> None:
    visit, wish = await a_draft(own_database, clock), key()

    answers = await asyncio.gather(*(upload(own_api, visit, a_png(), wish=wish) for _ in range(4)))

    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert len(objects(folder)) == 1
    assert len((await own_api.get(f"/v1/revisits/{visit.id}/intake", headers=visit.patient)).json()["files"]) == 1


async def test_a_repeat_is_answered_though_the_ninth_is_there_and_the_visit_went_on(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit, wish = await a_draft(database, clock), key()
    first = await upload(api, visit, a_png(), wish=wish)
    for shade in range(1, FILES_MAX):
        await upload(api, visit, a_png(shade))
    async with database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(state=State.PAYING))

    repeat = await upload(api, visit, a_png(), wish=wish)

    assert (repeat.status_code, repeat.json(), repeat.headers["Idempotency-Replayed"]) == (201, first.json(), "true")


async def test_another_file_under_an_old_key(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit, wish = await a_draft(database, clock), key()
    kept = (await upload(api, visit, a_png(1), wish=wish)).json()

    refused = await upload(api, visit, a_png(2), wish=wish)

    assert (refused.status_code, refused.json()["code"]) == (422, "request.key_reused")
    given = await api.get(f"/v1/revisits/{visit.id}/files/{kept['id']}", headers=visit.patient)
    assert given.content == a_png(1)


@pytest.mark.parametrize("state", list(State))
async def test_only_a_draft_takes_files(api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path, state: State) -> None:
    visit = await a_visit_of_people(database, clock, state)

    answer = await upload(api, visit, a_png())

    if state in {State.CHECKING, State.COMPLETING, State.CONSENTING, State.CHOOSING, State.DESCRIBING}:
        assert answer.status_code == 201
    else:
        assert (answer.status_code, answer.json()["code"], objects(folder)) == (409, "intake.not_now", [])


async def test_who_may_upload(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_draft(database, clock)

    assert (await upload(api, visit, a_png(), who=visit.relative)).status_code == 201
    assert (await upload(api, visit, a_png(), who=visit.stranger)).json()["code"] == "revisit.missing"
    assert (await upload(api, visit, a_png(), who=visit.doctor)).json()["code"] == "account.forbidden"


async def test_one_file_and_nothing_else(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_draft(database, clock)
    path, part = f"/v1/revisits/{visit.id}/files", ("a.png", a_png())

    two = await api.post(path, files=[("file", part), ("file", part)], headers=visit.patient | key())
    beside = await api.post(path, files={"file": part}, data={"fee_fen": "1"}, headers=visit.patient | key())
    none = await api.post(path, data={"file": "a.png"}, headers=visit.patient | key())
    no_form = await api.post(path, content=a_png(), headers=visit.patient | key())

    assert [answer.json()["code"] for answer in (two, beside)] == ["request.malformed"] * 2
    assert {none.status_code, no_form.status_code} <= {400, 415, 422}


def another_one(path: Path) -> None:
    path.write_bytes(a_jpeg())


@pytest.mark.parametrize("damage", [Path.unlink, another_one])
async def test_what_was_kept_and_cannot_be_read_is_told(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path, damage: Callable[[Path], object]
) -> None:
    visit = await a_draft(database, clock)
    kept = (await upload(api, visit, a_png())).json()
    [path] = objects(folder)
    damage(path)

    with structlog.testing.capture_logs() as lines:
        answer = await api.get(f"/v1/revisits/{visit.id}/files/{kept['id']}", headers=visit.patient)

    assert (answer.status_code, answer.json()["code"]) == (409, "file.unreadable")
    errors = [(one["event"], one["file"]) for one in lines if one["log_level"] == "error"]
    assert errors == [("file.unreadable", path.relative_to(folder).as_posix())]


async def test_who_reads_a_file(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """The doctor of a visit that was booked, never of a draft."""
    draft = await a_draft(database, clock)
    kept = (await upload(api, draft, a_png())).json()
    path = f"/v1/revisits/{draft.id}/files/{kept['id']}"
    elsewhere = await a_draft(database, clock)

    for who in (draft.stranger, draft.other_doctor, draft.doctor):
        assert (await api.get(path, headers=who)).json()["code"] == "revisit.missing"
    other_visit = await api.get(f"/v1/revisits/{elsewhere.id}/files/{kept['id']}", headers=elsewhere.patient)
    assert (other_visit.status_code, other_visit.json()["code"]) == (404, "intake.file_missing")
    assert await audited(database, draft.id, "intake:read") == []
