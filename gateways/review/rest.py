"""The review over JSON: `POST /v1/checks`, idempotent by our number. EMULATE-C: unproved, to be agreed with the program's supplier."""

import json
import secrets
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from gateways.review.account import ReviewAccount
from gateways.review.signing import is_theirs, signed_headers
from gateways.wire import LIMIT_S, Answer, Call, Wire
from models.kernel.clock import Clock, now
from models.kernel.errors import DomainError, Unknown
from models.prescription_his import WrittenLine
from models.review import GRAVITY, Facts, Level, ReviewFinding, Verdict

CHECKS: Final = "/v1/checks"
_REFUSING: Final = {"number-reused", "invalid"}
"""What it says of our wish. Any other refusal speaks of us, and nobody's prescription is refused for it."""


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Finding(_Message):
    drug_code: str | None = None
    level: Level
    code: str
    sentence: str


class _Checked(_Message):
    number: str
    level: Level
    findings: tuple[_Finding, ...] = ()


class _Refusal(_Message):
    code: str = ""


class RestReview:
    """The port `Review`, one for the life of the process. Our number goes out as 32 hex digits."""

    def __init__(self, account: ReviewAccount, *, clock: Clock = now, limit_s: float = LIMIT_S) -> None:
        self._account, self._clock = account, clock
        self._wire = Wire("review", account.base_url, limit_s=limit_s)

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def check(self, number: UUID, facts: Facts, lines: tuple[WrittenLine, ...]) -> Verdict:
        """Out go age, sex, diagnoses, drugs, and what is known of weight, pregnancy and allergies; no name, no visit, no one's number."""
        body = json.dumps(_told(number, facts, lines), ensure_ascii=False).encode()
        async with self._wire.call("check", number=number.hex, lines=len(lines)) as call:
            answer = await self._ask(call, body)
            checked = _Checked.model_validate(answer.json())
            call.note(level=checked.level, findings=len(checked.findings))
            return _verdict(number, lines, checked)

    async def _ask(self, call: Call, body: bytes) -> Answer:
        """Repeatable: the same number with the same contents is checked once."""
        nonce = secrets.token_hex(16)
        headers = signed_headers(self._account, "POST", CHECKS, body, str(int(self._clock().timestamp())), nonce)
        url = f"{self._wire.base_url}{CHECKS}"
        answer = await call.send("POST", url, repeatable=True, headers={"Content-Type": "application/json", **headers}, content=body)
        if not is_theirs(self._account, answer.headers, answer.body, nonce):
            raise Unknown("the answer is not signed for our question")
        if answer.granted:
            return answer
        code = _Refusal.model_validate(answer.json()).code
        if code in _REFUSING:
            raise DomainError(f"review.{code}", "conflict")
        raise Unknown(f"status {answer.status}, which is no refusal of a prescription")


def _told(number: UUID, facts: Facts, lines: tuple[WrittenLine, ...]) -> dict[str, object]:
    """What nobody knows is absent: an empty list of allergies would say that there are none."""
    patient: dict[str, object] = {"ageMonths": facts.age_months, "sex": facts.sex}
    if facts.allergies is not None:
        patient["allergies"] = list(facts.allergies)
    if facts.weight_kg is not None:
        patient["weightKg"] = float(facts.weight_kg)
    if facts.pregnant is not None:
        patient["pregnant"] = facts.pregnant
    return {
        "number": number.hex,
        "patient": patient,
        "diagnoses": list(facts.diagnosis_codes),
        "lines": [
            {
                "drugCode": line.item.drug_code,
                "drugName": line.drug.name,
                "dose": float(line.item.dose),
                "doseUnit": line.drug.dose_unit,
                "frequency": line.item.frequency.value,
                "route": line.item.route.value,
                "days": line.item.days,
            }
            for line in lines
        ],
    }


def _verdict(number: UUID, lines: tuple[WrittenLine, ...], checked: _Checked) -> Verdict:
    """An answer about something else, or one that makes less of itself than it says, is none."""
    asked = {line.item.drug_code for line in lines}
    findings = tuple(
        ReviewFinding(drug_code=one.drug_code, level=one.level, code=one.code, sentence=one.sentence) for one in checked.findings
    )
    if checked.number != number.hex or any(one.drug_code not in {None, *asked} for one in findings):
        raise Unknown("the answer is about another prescription")
    gravest = max((one.level for one in findings), key=GRAVITY.__getitem__, default=Level.OK)
    if checked.level is not gravest:
        raise Unknown(f"the answer is {checked.level}, its gravest finding {gravest}")
    return Verdict(level=checked.level, findings=findings)
