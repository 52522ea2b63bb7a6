"""What is prescribed is shown to its patient once a pharmacist has approved it, and not before (药品网络销售监督管理办法 2022)."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from models.account import Role
from models.prescription import PrescriptionState
from models.stores.database import Database
from models.timeline_prescription import patient_text
from tests.account.builders import staff_signed_in
from tests.client import Hands
from tests.prescription.builders import a_prescription
from tests.prescription.desk import TIOTROPIUM
from tests.record.builders import Headers, Visit, a_visit_of_people

S = PrescriptionState
NOBODYS_YET = (S.DRAFTING, S.CHECKING, S.SIGNING)
BEFORE = (S.QUEUED, S.QUESTIONED, S.RETURNED, S.COUNTERSIGNING)
NEVER = (S.WITHDRAWN, S.EXPIRED)
AFTER = (S.PRICING, S.CHOOSING, S.PAYING, S.CLOSING, S.AT_HOSPITAL, S.DISPENSING, S.READY, S.SHIPPING, S.COMPLETED, S.CANCELLED)
OF_THE_PRESCRIPTION = ('"tio"', "慢性阻塞性肺疾病", "J44.900", TIOTROPIUM.name, '"dose"', "review.denied")


@pytest_asyncio.fixture
async def visit(database: Database, clock: Hands) -> Visit:
    """In 问诊中, with everybody around it signed in."""
    return await a_visit_of_people(database, clock)


async def read(api: httpx.AsyncClient, number: object, headers: Headers) -> tuple[dict[str, Any], str]:
    answer = await api.get(f"/v1/prescriptions/{number}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.text


def test_every_state_is_one_or_the_other() -> None:
    assert sorted((*NOBODYS_YET, *BEFORE, *NEVER, *AFTER)) == sorted(S)


@pytest.mark.parametrize("state", [*BEFORE, *NEVER])
async def test_until_a_pharmacist_has_approved_it_nothing_of_it_is_shown(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    number = await a_prescription(database, clock, visit, state, queued_at=clock(), remark="dose", reason="review.denied")

    for who in (visit.patient, visit.relative):
        told, text = await read(api, number, who)
        assert (told["content"], told["drugs"], told["remark"], told["reason"], told["review"]) == (None, [], None, None, None)
        assert not [one for one in OF_THE_PRESCRIPTION if one in text]
        listed = (await api.get(f"/v1/revisits/{visit.id}/prescriptions", headers=who)).json()
        said = "药师审核中" if state in BEFORE else patient_text(state)
        assert [one["state_text"] for one in (told, *listed)] == [said, said]


@pytest.mark.parametrize("state", [*BEFORE, *NEVER])
async def test_its_doctor_and_the_pharmacists_read_it_whole(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    number = await a_prescription(database, clock, visit, state, queued_at=clock())
    _, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)

    for who in (visit.doctor, pharmacist):
        told, _ = await read(api, number, who)
        assert [one["drug_code"] for one in told["content"]["prescribed"]["items"]] == ["tio"]
        assert told["state_text"] != "药师审核中"


@pytest.mark.parametrize("state", [*AFTER, S.EXPIRED])
async def test_approved_it_is_the_patients_to_read(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    """Also one that ran out afterwards: the HIS had priced it, which it does once both have signed."""
    number = await a_prescription(database, clock, visit, state, queued_at=clock(), amount_fen=None if state is S.PRICING else 1450)

    told, _ = await read(api, number, visit.patient)

    assert [one["drug_code"] for one in told["content"]["prescribed"]["items"]] == ["tio"]


@pytest.mark.parametrize("state", NOBODYS_YET)
async def test_amended_it_is_nobodys_but_its_doctors(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    number = await a_prescription(database, clock, visit, state, queued_at=clock())

    assert (await api.get(f"/v1/prescriptions/{number}", headers=visit.patient)).status_code == 404
