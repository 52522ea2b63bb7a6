"""Past prescriptions as the HIS tells them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from models.drug import Drug, DrugKind, Item, Special
from models.prescription_his import PastLine, PastPrescription
from tests.prescription.desk import AMBROXOL, TIOTROPIUM, item

MORPHINE = Drug(
    code="mor",
    name="吗啡缓释片",
    spec="30mg×10片",
    kind=DrugKind.WESTERN,
    dose_unit="片",
    doses_in_pack=Decimal(10),
    special=Special.NARCOTIC,
)
SHELF = (TIOTROPIUM, AMBROXOL, MORPHINE)
NAMES = {drug.code: drug.name for drug in SHELF}


def a_line(code: str = "tio", told: Item | None = None, *, readable: bool = True) -> PastLine:
    taken = (told or item(code)) if readable else None
    return PastLine(drug_code=code, drug_name=NAMES.get(code, code), words="每次1粒 每日一次 吸入", item=taken)


def a_past_prescription(encounter_id: str, written_at: datetime, *lines: PastLine, **changes: Any) -> PastPrescription:
    """Of 噻托溴铵 for COPD, unless said otherwise."""
    told: dict[str, Any] = {
        "number": f"rx-{encounter_id}",
        "encounter_id": encounter_id,
        "written_at": written_at,
        "doctor": "王建国",
        "diagnosis_code": "J44.900",
        "diagnosis_text": "慢性阻塞性肺疾病",
        "lines": lines or (a_line(),),
    }
    return PastPrescription.model_validate(told | changes)
