"""Signed records at the HIS: written once with the doctor's signature, FHIR by the outside oracle; refused and unknown as everything."""

import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from fhir.resources.R4B import get_fhir_model_class

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from models.record import Record, RecordContent, WrittenRecord
from sandbox.his.compositions import words_of
from tests.gateways.his.hospital import DOCTOR, Hospital
from tests.gateways.his.prescription import a_signature
from tests.sandbox.his import oracle

WRITE = "POST /fhir/R4/Composition"
SIGN = "POST /fhir/R4/Provenance"
RECORD = Record(
    content=RecordContent(complaint="活动后气短 <3周>", history="慢阻肺病史\n规律吸入 & 戒烟", advice="继续原方案"),
    diagnosis_code="J44.900",
    diagnosis_text="慢性阻塞性肺疾病",
)


@pytest_asyncio.fixture
async def written(hospital: Hospital) -> WrittenRecord:
    """A record of a visit that is open, signed by its doctor."""
    patient, encounter = await hospital.open_visit()
    return a_record(encounter, patient)


def a_record(encounter_id: str, patient: str) -> WrittenRecord:
    """Of that visit, signed by its doctor."""
    return WrittenRecord(
        number=ids.new(),
        encounter_id=encounter_id,
        his_patient_id=patient,
        practitioner_id=DOCTOR,
        written_at=now(),
        record=RECORD,
        signature=a_signature(),
    )


def kept(hospital: Hospital, number: UUID) -> list[dict[str, Any]]:
    return [row for row in hospital.book("records") if row["number"] == number.hex]


async def refusal(call: Awaitable[object]) -> str:
    with pytest.raises(DomainError) as refused:
        await call
    return refused.value.code


def as_it_stands(hospital: Hospital, account: HisAccount, number: UUID) -> dict[str, Any]:
    """The Composition on the wire, asked for by another client of the same HIS."""
    token = hospital.outside.post(
        "/his/token", data={"grant_type": "client_credentials"}, auth=(account.client_id, account.client_secret)
    ).json()["access_token"]
    asked = {"identifier": f"https://fuzhen.example/ids/record|{number.hex}"}
    answer = hospital.outside.get("/his/fhir/R4/Composition", params=asked, headers={"Authorization": f"Bearer {token}"})
    [entry] = answer.raise_for_status().json()["entry"]
    return entry["resource"]


async def test_it_is_written_once_and_signed(hospital: Hospital, his: FhirHIS, written: WrittenRecord) -> None:
    for _ in range(2):
        await his.write_record(written)

    [book] = kept(hospital, written.number)
    assert (book["encounter_id"], book["practitioner_id"], book["status"], book["icd10"], book["signed"]) == (
        *(written.encounter_id, DOCTOR, "final", "J44.900"),
        1,
    )


async def test_what_stands_there_is_fhir_and_says_what_was_signed(
    hospital: Hospital, his: FhirHIS, written: WrittenRecord, account: HisAccount
) -> None:
    await his.write_record(written)

    stands = as_it_stands(hospital, account, written.number)

    oracle.check(stands)
    get_fhir_model_class("Composition").model_validate(stands)
    words = [words_of(one["text"]["div"]) for one in stands["section"]]
    assert words == [RECORD.content.complaint, RECORD.content.history, RECORD.diagnosis_text, RECORD.content.advice]
    assert stands["contained"][0]["code"]["coding"][0]["code"] == RECORD.diagnosis_code


async def test_a_later_one_replaces_it_whichever_comes_first(hospital: Hospital, his: FhirHIS, written: WrittenRecord) -> None:
    later = written.model_copy(update={"number": ids.new(), "replaces": written.number})

    await his.write_record(later)
    await his.write_record(written)

    assert [(one["status"], one["replaces"]) for one in kept(hospital, later.number)] == [("amended", written.number.hex)]
    assert [(one["status"], one["signed"]) for one in kept(hospital, written.number)] == [("final", 1)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"encounter_id": "enc-nowhere"}, "his.invalid"),
        ({"practitioner_id": "doc-liumin"}, "his.invalid"),
        ({"written_at": now() - timedelta(days=2)}, "his.not-in-progress"),
    ],
)
async def test_what_belongs_to_no_open_visit_is_refused(
    hospital: Hospital, his: FhirHIS, written: WrittenRecord, changes: dict[str, Any], code: str
) -> None:
    assert await refusal(his.write_record(written.model_copy(update=changes))) == code
    assert kept(hospital, written.number) == []


async def test_another_visits_record_under_the_number_is_seen(hospital: Hospital, his: FhirHIS, written: WrittenRecord) -> None:
    await his.write_record(written)
    patient, encounter = await hospital.open_visit()

    other = written.model_copy(update={"encounter_id": encounter, "his_patient_id": patient})

    assert await refusal(his.write_record(other)) == "his.record-differs"


async def test_what_the_ca_gave_goes_on_the_wire(hospital: Hospital, his: FhirHIS, written: WrittenRecord) -> None:
    """A signature without certificate is none for the HIS."""
    empty = written.signature.model_copy(update={"certificate": ""})

    assert await refusal(his.write_record(written.model_copy(update={"signature": empty}))) == "his.not-signed"
    assert [one["signed"] for one in kept(hospital, written.number)] == [0]
    assert base64.b64decode(written.signature.certificate)


@pytest.mark.parametrize("call", [WRITE, SIGN])
@pytest.mark.parametrize("kind", ["lost", "tampered", "late"])
async def test_asked_again_after_no_answer_it_is_there_once(
    hospital: Hospital, his: FhirHIS, written: WrittenRecord, fault: Callable[..., None], call: str, kind: str
) -> None:
    fault("his", call, kind, 0.05)
    with pytest.raises(Unknown):
        await his.write_record(written)

    await his.write_record(written)

    assert [one["signed"] for one in kept(hospital, written.number)] == [1]


async def test_what_arrives_twice_is_there_once(
    hospital: Hospital, his: FhirHIS, written: WrittenRecord, fault: Callable[..., None]
) -> None:
    for call in (WRITE, SIGN):
        fault("his", call, "duplicated", 0)
    await his.write_record(written)
    assert [one["signed"] for one in kept(hospital, written.number)] == [1]
