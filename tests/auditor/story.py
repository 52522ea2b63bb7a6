"""What a visit leaves beside its states, written by hand: words to people, what was said and written, and the audit of it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from models.kernel.ids import new
from tests.auditor import hospital as books
from tests.auditor.wax import Plain

TOLD: Final[Mapping[str, tuple[str, ...]]] = {
    "unpaid": ("revisit_cancelled",),
    "booked": ("revisit_booked",),
    "waiting": ("revisit_booked",),
    "consulting": ("revisit_booked", "revisit_called"),
    "closed": ("revisit_booked", "revisit_called", "revisit_ended"),
    "cancelled": ("revisit_booked", "revisit_cancelled"),
    "declined": ("revisit_booked", "revisit_called", "revisit_declined"),
    "suspended": ("revisit_booked",),
    "absent": ("revisit_booked", "revisit_cancelled"),
    "unsettled": ("revisit_cancelled",),
}
"""By the stage of a visit. That its clinic was stopped is told by the tests of that."""
CONSENT: Final = "线上复诊仅适用于在本院就诊过的患者。"
ACCEPTED: Final = {"self_check": ("1", ""), "revisit": ("v1", hashlib.sha256(CONSENT.encode()).hexdigest())}
RECORD: Final[Mapping[str, Any]] = {
    "content": {"complaint": "气短", "history": "慢阻肺", "advice": "继续原方案"},
    "diagnosis_code": "J44.900",
    "diagnosis_text": "慢阻肺",
}
PHONE: Final = "13800000000"
"""Of whoever opens visits."""
PICKUP_CODE: Final = "135790"
_SEALED: Final = {"text": Plain("sealed")}


async def told(
    hospital: "books.Hospital", visit_id: UUID, *templates: str, phone: str = PHONE, params: Mapping[str, str] | None = None
) -> None:
    """Owed and in our outbox. The carrier's daily limit kept them back: it has what a test itself sends, and nothing else."""
    for template in templates:
        await hospital.message(visit_id, template, state="failed", phone=phone, params=params)


def words(template: str, visit_id: UUID | None, number: UUID) -> dict[str, str]:
    """What fills a template, where rows that are written by hand say it."""
    sums = {"amount": "50.00"}
    filled: Mapping[str, dict[str, str]] = {
        "refund_requested": sums | {"reason": "重复缴费"},
        "refund_arrived": sums,
        "refund_paid_out": sums,
        "revisit_booked": {"department": "呼吸科"},
        "revisit_rearranged": {"doctor": "王建国"},
        "revisit_suspended": {"visit": visit_id.hex if visit_id else "", "reason": "已缴费用将原路退回"},
        "drugs_ready": {"code": PICKUP_CODE},
        "sign_in_code": {"code": f"{number.int % 10**6:06}"},
        "staff_code": {"code": f"{number.int % 10**6:06}"},
    }
    return filled.get(template, {})


async def audited(
    hospital: "books.Hospital", by: UUID | None, action: str, subject: str, subject_id: UUID, detail: Mapping[str, Any] | None = None
) -> None:
    whose = {"account_id": by, "subject": subject, "subject_id": subject_id}
    await hospital.insert("audit", action=action, detail=json.dumps(detail or {}), **whose)


async def bound(hospital: "books.Hospital", patient_id: UUID) -> None:
    """The one account may act for this patient."""
    whose: dict[str, Any] = {"account_id": hospital.account_id, "patient_id": patient_id}
    await hospital.insert("patient_binding", id=new(), relation="self", **whose)
    await audited(hospital, hospital.account_id, "patient:bind", "patient", patient_id)


async def went(hospital: "books.Hospital", visit_id: UUID, moves: tuple[str, ...]) -> None:
    """What people said and wrote on a way through these states."""
    if "choosing" in moves:
        for scene, (version, text_hash) in ACCEPTED.items():
            said = {"scene": scene, "text_version": version, "text_hash": text_hash, "at": books.AT}
            await hospital.insert("consent", id=new(), revisit_id=visit_id, account_id=hospital.account_id, **said)
    if "paying" in moves:
        intake_id = new()
        await hospital.insert("intake", id=intake_id, revisit_id=visit_id, file_ids="[]", **_SEALED)
        await hospital.do("update revisit set intake_id = $1 where id = $2", intake_id, visit_id)
    if "ended" in moves:
        await written(hospital, visit_id)
        await surveyed(hospital, visit_id)


async def written(hospital: "books.Hospital", visit_id: UUID) -> None:
    """A visit's record, as its doctor saved it."""
    sealed = {name: Plain(value if isinstance(value, str) else json.dumps(value)) for name, value in RECORD.items()}
    await hospital.insert("record", id=new(), revisit_id=visit_id, account_id=hospital.account_id, saved_at=books.AT, **sealed)
    await audited(hospital, hospital.account_id, "record:write", "revisit", visit_id)


async def surveyed(hospital: "books.Hospital", visit_id: UUID) -> None:
    """Asked, and answered."""
    survey_id, answer_id = new(), new()
    asked = {"doctor_id": "doc-1", "department_id": "dep-1", "questionnaire": "1", "asked_at": books.AT, "due_at": books.AT}
    await hospital.insert("survey", id=survey_id, revisit_id=visit_id, state="answered", answer_id=answer_id, ended_at=books.AT, **asked)
    await hospital.insert("survey_answer", id=answer_id, survey_id=survey_id, account_id=hospital.account_id, answers='{"again": 1}')


async def seen(hospital: "books.Hospital", delivery_id: UUID, *marks: str) -> None:
    """Where the carrier saw a parcel, as we keep it."""
    for sequence, mark in enumerate(marks):
        what = {"mark": mark, "code": "x", "sequence": sequence, "at": books.AT, "told_at": books.AT, "place": Plain("sealed")} | _SEALED
        await hospital.insert("delivery_track", delivery_id=delivery_id, event=new(), **what)


async def stepped(hospital: "books.Hospital", visit_id: UUID, name: str, before: str, after: str) -> None:
    """One move more of a visit."""
    [row] = await hospital.wire.fetch(
        "update revisit set version = version + 1, state = $2 where id = $1 returning version", visit_id, after
    )
    line = {"step": str(new()), "name": name, "version": row["version"], "before": before, "after": after, "at": books.AT}
    await hospital.insert("timeline", process="revisit", process_id=visit_id, visit_id=visit_id, **line)
