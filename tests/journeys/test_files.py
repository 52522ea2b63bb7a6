"""Pictures and documents of an intake: what is let in, and what is not."""

import asyncio

import pytest

from tests.journeys.hospital import Hospital
from tests.journeys.people import key, read, refused
from tests.journeys.visit import CONDITION

JPEG, PNG, PDF = b"\xff\xd8\xff\xe0jfif", b"\x89PNG\r\n\x1a\nihdr", b"%PDF-1.7\n"
MB = 1024 * 1024


async def test_ten_files_are_one_too_many_and_the_nine_go_with_the_text(hospital: Hospital) -> None:
    visit = await hospital.visit("choosing")
    files = f"{visit.path}/files"
    kept = [read(await visit.patient.upload(files, content * (n + 1), key=key())) for n, content in enumerate((JPEG, PNG, PDF))]
    assert [one["media_type"] for one in kept] == ["image/jpeg", "image/png", "application/pdf"]
    await visit.to("describing")
    rest = await asyncio.gather(*(visit.patient.upload(files, JPEG + bytes([n]), key=key()) for n in range(9)))  # six may come
    kept += [read(one) for one in rest if one.is_success]

    assert len(kept) == 9
    for tenth in (one for one in rest if one.is_error):
        refused(tenth, 409, "intake.too_many_files")
    ids = [one["id"] for one in kept]
    refused(await visit.attempt("describe", {"text": CONDITION, "file_ids": [*ids, key()]}), 422, "request.invalid")
    refused(await visit.attempt("describe", {"text": CONDITION, "file_ids": [key()]}), 422, "intake.file_missing")
    refused(await visit.attempt("describe", {"text": "短"}), 422, "intake.too_short")
    assert (await visit.now())["state"] == "describing"
    assert (await visit.act("describe", {"text": CONDITION, "file_ids": ids}))["state"] == "paying"
    refused(await visit.patient.upload(files, JPEG, key=key()), 409, "intake.not_now")
    await visit.act("cancel")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "intake.file_empty"),
        (b"GIF89a" + b"x" * 100, 422, "intake.file_type"),
        (b"MZ\x90\x00", 422, "intake.file_type"),
        (b"<svg onload=alert(1)>", 422, "intake.file_type"),
        (b"\x00\xff\xd8\xff", 422, "intake.file_type"),
        (JPEG + b"x" * (10 * MB), 422, "intake.file_too_large"),
        (JPEG + b"x" * (12 * MB), 413, "request.too_large"),
    ],
    ids=["empty", "gif", "program", "svg", "a byte before", "10 MB and a little", "12 MB"],
)
async def test_what_is_no_picture_or_document_is_refused_by_its_content(hospital: Hospital, content: bytes, status: int, code: str) -> None:
    visit = await hospital.visit("consenting")

    refused(await visit.patient.upload(f"{visit.path}/files", content, key=key()), status, code)

    await visit.act("cancel")


async def test_a_file_of_the_largest_size_comes_back_as_it_was(hospital: Hospital) -> None:
    visit, content = await hospital.visit("consenting"), PDF + b"x" * (10 * MB - len(PDF))

    kept = read(await visit.patient.upload(f"{visit.path}/files", content, name="../../etc/passwd", kind="text/html", key=key()))

    answer = await visit.patient.get(f"{visit.path}/files/{kept['id']}")
    assert answer.content == content
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("application/pdf", "nosniff")
    assert "passwd" not in answer.headers["content-disposition"]
    await visit.act("cancel")


async def test_a_form_that_is_none_is_refused(hospital: Hospital) -> None:
    visit = await hospital.visit("consenting")
    path, headers = f"{visit.path}/files", {"Idempotency-Key": key()}
    for request in (
        {"json": {"file": "aGVsbG8="}},
        {"content": b"hello"},
        {"data": {"file": "hello"}},
        {"files": {"picture": ("a.jpg", JPEG, "image/jpeg")}},
        {"files": [("file", ("a.jpg", JPEG, "image/jpeg")), ("file", ("b.jpg", JPEG, "image/jpeg"))]},
        {"content": b"--x\r\ngarbage", "headers": headers | {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"--x", "headers": headers | {"Content-Type": "multipart/form-data"}},
    ):
        answer = await visit.patient.send("POST", path, **{"headers": headers} | request)
        assert (answer.status_code in {400, 415, 422}, answer.headers["content-type"]) == (True, "application/problem+json"), answer.text
    assert (await hospital.doctor.get(f"{visit.path}/intake")).status_code == 404  # no doctor's visit yet
    await visit.act("cancel")


async def test_one_upload_sent_twice_is_one_file_and_another_under_its_key_is_refused(hospital: Hospital) -> None:
    visit, mine = await hospital.visit("consenting"), key()
    path = f"{visit.path}/files"

    first, second = await asyncio.gather(*(visit.patient.upload(path, JPEG, key=mine) for _ in range(2)))

    assert read(first) == read(second)
    refused(await visit.patient.upload(path, PNG, key=mine), 422, "request.key_reused")
    await visit.act("cancel")
