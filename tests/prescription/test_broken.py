"""What somebody changes in the database behind the product's back: found before a pharmacist or the HIS believes it, and told by a code."""

import json
from dataclasses import replace
from typing import cast
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from models.account import Role
from models.kernel.ids import new
from models.prescription import Amend, Approve, ClaimReview, PrescriptionState, Reject, Remark, Submit
from models.stores import prescription_signing as signing
from models.stores.database import Database
from models.tables.prescription import PrescriptionContentRow, PrescriptionRow
from models.tables.signature import SignatureRow
from tests.account.builders import staff_signed_in
from tests.client import Hands, speaking, wiring
from tests.prescription.builders import a_prescription
from tests.prescription.desk import Case, content, item, written
from tests.process.hospital import Hospital
from tests.process.signature import authority, trusted
from tests.process.visit import refused
from tests.record.builders import a_visit_of_people

S = PrescriptionState


async def changed(case: Case, **columns: object) -> None:
    """By another hand than the product's: the process's own row stays at its version."""
    async with case.hospital.database.transaction() as db:
        await db.execute(update(PrescriptionRow).where(PrescriptionRow.id == case.id).values(**columns))
    await case.desk.begin()


async def one_byte(case: Case, table: type[PrescriptionContentRow] | type[SignatureRow], column: str, row_id: UUID) -> None:
    """Its last one is another."""
    async with case.hospital.database.transaction() as db:
        row = await db.get_one(table, row_id)
        sealed: bytes = getattr(row, column)
        setattr(row, column, sealed[:-1] + bytes([sealed[-1] ^ 1]))


async def reason(case: Case) -> str | None:
    async with case.hospital.database.reading() as db:
        return (await db.get_one(PrescriptionRow, case.id)).reason


async def test_another_draft_in_its_place_is_not_approved_and_may_be_given_back(hospital: Hospital) -> None:
    """The doctor has signed one text and the pharmacist would sign over another."""
    case = await (await written(hospital)).to(S.QUEUED)
    await changed(case, content_id=await case.writes(content(item("amb"))))
    await case.does(ClaimReview)

    assert await refused(case.does(Approve)) == "signature.broken"

    assert case.state is S.QUEUED
    await case.does(Reject, remark=Remark.OTHER, note_id=new())
    assert case.state is S.RETURNED


async def test_another_round_or_doctor_is_not_what_was_signed(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.QUEUED)
    await case.does(ClaimReview)
    await changed(case, round=2)

    assert await refused(case.does(Approve)) == "signature.broken"

    await changed(case, round=1)
    assert (await case.does(Approve)).state is S.COUNTERSIGNING


async def test_the_his_hears_nothing_of_what_neither_signed(hospital: Hospital) -> None:
    """Exchanged after both have signed: back to the doctor, who signs anew what stands there then."""
    case = await (await written(hospital)).to(S.PRICING)
    await changed(case, content_id=await case.writes(content(item("amb"))))

    await case.desk.happens()

    assert (case.state, await reason(case)) == (S.RETURNED, "signature.broken")
    assert hospital.his.filed == {}


@pytest.mark.parametrize("column", ["text", "signature"])
async def test_a_changed_signature_proves_nothing(hospital: Hospital, column: str) -> None:
    case = await (await written(hospital)).to(S.PRICING)
    async with hospital.database.reading() as db:
        pharmacists = (await signing.claims(db, case.id))[-1]
    await one_byte(case, SignatureRow, column, pharmacists.id)

    await case.desk.happens()

    assert (case.state, await reason(case)) == (S.RETURNED, "signature.broken")
    async with hospital.database.reading() as db:
        assert [one.doubt(trusted()) for one in await signing.claims(db, case.id)] == [None, "sealed.broken"]


async def test_exchanged_while_the_phone_shows_it_the_confirmation_does_not_count(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.SIGNING)
    await case.desk.happens()
    await changed(case, content_id=await case.writes(content(item("amb"))))

    await case.signs()

    assert (case.state, await reason(case)) == (S.DRAFTING, "signature.invalid")


async def test_a_text_changed_before_it_is_confirmed_is_asked_anew(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.SIGNING)
    await case.desk.happens()
    await one_byte(case, SignatureRow, "text", hospital.signature.pending())

    await case.signs()

    assert (case.state, await reason(case)) == (S.DRAFTING, "sealed.broken")
    assert (await case.to(S.QUEUED)).now.round == 2


@pytest.mark.parametrize("state", [S.CHECKING, S.SIGNING])
async def test_a_content_that_does_not_open_goes_back_to_its_doctor(hospital: Hospital, state: PrescriptionState) -> None:
    """And is refused by a code when they submit it as it is."""
    case = await (await written(hospital)).to(state)
    await one_byte(case, PrescriptionContentRow, "content", case.now.content_id)

    await case.desk.happens()

    assert (case.state, await reason(case)) == (S.DRAFTING, "sealed.broken")
    assert await refused(case.does(Submit)) == "sealed.broken"


async def test_who_reads_what_does_not_open_is_told_by_a_code(
    api: httpx.AsyncClient, database: Database, clock: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    visit = await a_visit_of_people(database, clock)
    number = await a_prescription(database, clock, visit)
    async with database.transaction() as db:
        of = update(PrescriptionContentRow).where(PrescriptionContentRow.prescription_id == number)
        await db.execute(of.values(content=b"\x04test" + bytes(60)))

    answer = await api.get(f"/v1/prescriptions/{number}", headers=visit.doctor)

    assert (answer.status_code, answer.json()["code"]) == (409, "sealed.broken")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["column"] for one in told if one["event"] == "sealed.broken"] == ["prescription_content.content"]


async def test_amended_it_is_read_again_without_what_was_changed(hospital: Hospital) -> None:
    """What was signed does not open any more, so a pharmacist gives it back; and what the doctor then writes does."""
    case = await (await written(hospital)).to(S.QUEUED)
    await one_byte(case, PrescriptionContentRow, "content", case.now.content_id)
    _, pharmacist = await staff_signed_in(hospital.database, cast(Hands, hospital.clock), Role.PHARMACIST)
    async with speaking(await wiring(hospital.database, hospital.clock)) as api:
        path = f"/v1/prescriptions/{case.id}"
        assert (await api.get(path, headers=pharmacist)).json()["code"] == "sealed.broken"
        await case.does(ClaimReview)
        await case.does(Reject, remark=Remark.OTHER, note_id=new())
        await case.does(Amend, content_id=await case.writes(content(item("amb"))))
        await case.to(S.QUEUED)

        told = (await api.get(path, headers=pharmacist)).json()

    assert [one["drug_code"] for one in told["content"]["prescribed"]["items"]] == ["amb"]
    assert (told["before"], told["changes"], told["before_broken"]) == (None, None, True)


async def test_who_may_ask_learns_which_signature_proves_and_nothing_of_what_is_signed(hospital: Hospital) -> None:
    """The management, and not another visit's doctor."""
    case = await (await written(hospital)).to(S.PRICING)
    async with hospital.database.reading() as db:
        doctors, _ = await signing.claims(db, case.id)
    await one_byte(case, SignatureRow, "text", doctors.id)
    parts = await wiring(hospital.database, hospital.clock)
    ca = parts.settings.signature.model_copy(update={"trusted": authority()})
    who = [(await staff_signed_in(hospital.database, cast(Hands, hospital.clock), role))[1] for role in (Role.MANAGEMENT, Role.DOCTOR)]

    async with speaking(replace(parts, settings=parts.settings.model_copy(update={"signature": ca}))) as api:
        told, refused_ = [await api.get(f"/v1/prescriptions/{case.id}/signatures/proof", headers=headers) for headers in who]

    assert [(one["side"], one["round"], one["proved"], one["why"]) for one in told.json()["items"]] == [
        ("doctor", None, False, "sealed.broken"),
        ("pharmacist", 1, True, None),
    ]
    assert "tio" not in told.text
    assert (refused_.status_code, refused_.json()["code"]) == (404, "prescription.missing")


async def test_a_content_that_does_not_open_is_not_approved(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.QUEUED)
    await one_byte(case, PrescriptionContentRow, "content", case.now.content_id)
    await case.does(ClaimReview)

    assert await refused(case.does(Approve)) == "signature.broken"
