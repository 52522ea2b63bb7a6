"""Prescriptions as a test writes them at the HIS."""

import base64
from decimal import Decimal
from typing import Any
from uuid import UUID

from models.drug import Drug, Frequency, Item, Route
from models.kernel.clock import business_day, end_of, now
from models.prescription_his import Written, WrittenLine
from models.signature import Signature
from tests.gateways.his.hospital import DOCTOR


def an_item(drug: str = "drug-isoniazid", **changes: Any) -> Item:
    told = {"drug_code": drug, "dose": Decimal(300), "frequency": Frequency.QD, "route": Route.ORAL, "days": 60, "packs": 2}
    return Item.model_validate(told | changes)


TIOTROPIUM = an_item("drug-tiotropium", dose=Decimal(1), route=Route.INHALED, days=30, packs=1)


def a_signature() -> Signature:
    return Signature(value="5a" * 64, certificate=base64.b64encode(b"certificate").decode(), signed_at=now())


def a_prescription(number: UUID, patient: str, *drugs: Drug, encounter: str = "enc-nowhere", items: tuple[Item, ...] = ()) -> Written:
    """Signed by both."""
    at = now()
    told = items or tuple(an_item(drug.code) for drug in drugs)
    return Written(
        number=number,
        encounter_id=encounter,
        his_patient_id=patient,
        practitioner_id=DOCTOR,
        pharmacist_id="pha-qianyulan",
        written_at=at,
        valid_until=end_of(business_day(at)),
        diagnosis_code="A15.0",
        diagnosis_text="肺结核",
        note="病情稳定，外出探亲",
        lines=tuple(WrittenLine(item=item, drug=drug) for item, drug in zip(told, drugs, strict=True)),
        by_doctor=a_signature(),
        by_pharmacist=a_signature(),
    )
