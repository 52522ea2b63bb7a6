"""就诊人 over HTTP."""

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.kernel.ids import new
from models.stores.database import Database
from models.tables.process import AuditRow
from tests.account.builders import patient_signed_in, staff_signed_in
from tests.client import Hands, key
from tests.patient.builders import a_person, bound


async def test_a_patient_is_bound_and_shown_masked(api: httpx.AsyncClient, db: AsyncSession, database: Database, clock: Hands) -> None:
    account_id, bearer = await patient_signed_in(database, clock)
    person = a_person()

    made = await api.post("/v1/patients", json=person, headers=bearer | key())
    shown = made.json()

    assert made.status_code == 201
    assert (shown["name"], shown["id_number"]) == ("张**", f"1101**********{person['id_number'][-4:]}")
    assert (await api.get("/v1/patients", headers=bearer)).json() == {"items": [shown]}
    assert (await api.get(f"/v1/patients/{shown['id']}", headers=bearer)).json() == shown
    assert (await api.get("/v1/account", headers=bearer)).json()["patients"] == [shown]
    audited = (await db.scalars(select(AuditRow).where(AuditRow.action == "patient:bind"))).one()
    assert (audited.account_id, str(audited.subject_id), audited.detail) == (account_id, shown["id"], {"relation": "self"})


async def test_others_patients_and_unknown_ones_are_missing_alike(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    theirs, _ = await patient_signed_in(database, clock)
    patient = await bound(database, theirs)
    _, bearer = await patient_signed_in(database, clock)

    answers = [await api.get(f"/v1/patients/{id}", headers=bearer) for id in (patient.id, new())]
    answers += [await api.post(f"/v1/patients/{patient.id}/supplements", json={"address": "北京"}, headers=bearer | key())]
    malformed = await api.get("/v1/patients/17", headers=bearer)

    assert {(one.status_code, one.json()["code"]) for one in answers} == {(404, "patient.missing")}
    assert (malformed.status_code, malformed.json()["code"]) == (404, "request.missing")


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.MANAGEMENT])
async def test_staff_bind_nobody(api: httpx.AsyncClient, database: Database, clock: Hands, role: Role) -> None:
    _, bearer = await staff_signed_in(database, clock, role)

    refused = await api.post("/v1/patients", json=a_person(), headers=bearer | key())

    assert (refused.status_code, refused.json()["code"]) == (403, "account.forbidden")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id_number": "110101194912310023"}, "patient.id_number"),  # the check digit is another
        ({"id_number": "11010119491231002"}, "patient.id_number"),
        ({"id_number": "110101194913310021"}, "patient.id_number"),
        ({"id_number": "一一零一"}, "patient.id_number"),
        ({"name": ""}, "request.invalid"),
        ({"name": "张\u0000"}, "request.invalid"),
        ({"relation": "friend"}, "request.invalid"),
        ({"fee_fen": "0"}, "request.invalid"),
    ],
)
async def test_bad_input_is_refused_and_not_repeated(
    api: httpx.AsyncClient, database: Database, clock: Hands, changes: dict[str, str], code: str
) -> None:
    _, bearer = await patient_signed_in(database, clock)

    refused = await api.post("/v1/patients", json=a_person() | changes, headers=bearer | key())

    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert not any(value in refused.text for value in changes.values() if len(value) > 1)
    assert (await api.get("/v1/patients", headers=bearer)).json() == {"items": []}


async def test_a_small_x_is_a_check_digit(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)

    made = await api.post("/v1/patients", json=a_person() | {"id_number": "11010519491231002x"}, headers=bearer | key())

    assert made.json()["id_number"] == "1101**********002X"


async def test_a_supplement_is_stored_and_named(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    account_id, bearer = await patient_signed_in(database, clock)
    patient, wish = await bound(database, account_id), key()

    made = await api.post(f"/v1/patients/{patient.id}/supplements", json={"phone": "138 0013 8000"}, headers=bearer | wish)
    again = await api.post(f"/v1/patients/{patient.id}/supplements", json={"phone": "138 0013 8000"}, headers=bearer | wish)
    empty = await api.post(f"/v1/patients/{patient.id}/supplements", json={}, headers=bearer | key())

    assert (made.status_code, list(made.json())) == (201, ["supplement_id"])
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (made.json(), "true")
    assert (empty.status_code, empty.json()["code"]) == (422, "request.invalid")
