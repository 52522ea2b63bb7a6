"""The port `SignatureService` as JSON over HTTP, in the shape of 协同签名: a task, a phone, a poll or a webhook.

EMULATE-C: no CA's wire is public [G], so this one is *unproved*; only SM2 itself is (OpenSSL). A product's own wire gets its own adapter.
"""

import json
from datetime import datetime
from typing import Final, Literal
from urllib.parse import quote
from uuid import UUID

import structlog
from pydantic import AwareDatetime, BaseModel, ValidationError
from structlog.typing import FilteringBoundLogger

from gateways.signature.account import SignatureAccount
from gateways.signature.signing import distrust_answer, headers
from gateways.wire import LIMIT_S, Answer, Call, Wire
from models.kernel.clock import SHANGHAI, Clock, now
from models.kernel.errors import DomainError, Unknown
from models.signature import Signature, SignatureTask, Signer, TaskState, digest, signer_of

_ALGORITHM: Final = "SM2-with-SM3"
_REFUSALS: Final = {"CERTIFICATE_NOT_FOUND": "no_certificate", "NUMBER_USED": "number_used"}
"""Codes of a refused request and our words for them [G]."""

_log: FilteringBoundLogger = structlog.get_logger()


class _Refusal(BaseModel):
    code: str


class _Task(BaseModel):
    task_id: str
    number: UUID
    staff_id: str
    digest: str
    state: Literal["PENDING", "SIGNED", "REFUSED", "EXPIRED"]
    expires_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    algorithm: Literal["SM2-with-SM3"]
    signature: str | None = None
    certificate: str | None = None

    def read(self) -> SignatureTask:
        """Raises ValidationError when it does not hold together."""
        signed = self.state == "SIGNED"
        ours = {"value": self.signature, "certificate": self.certificate, "signed_at": self.ended_at, "algorithm": self.algorithm}
        return SignatureTask(
            number=self.number,
            id=self.task_id,
            state=TaskState(self.state.lower()),
            staff_id=self.staff_id,
            digest=self.digest,
            expires_at=self.expires_at,
            ended_at=self.ended_at,
            signature=Signature.model_validate(ours) if signed else None,
        )


class _Certificate(BaseModel):
    staff_id: str
    certificate: str


class RestSignature:
    """One for the life of the process. Our number goes out as 32 hex digits."""

    def __init__(self, account: SignatureAccount, *, clock: Clock = now, limit_s: float = LIMIT_S) -> None:
        self._account, self._clock = account, clock
        self._wire = Wire("signature", account.base_url, limit_s=limit_s)

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def request_sign(self, number: UUID, staff_id: str, *, title: str, text: str, expires_at: datetime) -> SignatureTask:
        """POST /v1/tasks [G]. A code of the wire that is none of the port's is our own fault or the CA's: `unavailable`, and loud."""
        wish = {
            "number": number.hex,
            "staff_id": staff_id,
            "title": title,
            "text": text,
            "digest": digest(text),
            "algorithm": _ALGORITHM,
            "expires_at": expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
            "notify_url": self._account.notify_url,
        }
        async with self._wire.call("request_sign", number=number.hex) as call:
            answer = await self._send(call, "POST", "/v1/tasks", wish)
            if not answer.granted:
                raise self._refused(call, answer)
            task = self._task(call, answer, number)
            if (task.staff_id, task.digest) != (staff_id, wish["digest"]):
                raise self._puzzled(call, answer)
            return task

    async def query(self, number: UUID) -> SignatureTask | None:
        """GET /v1/tasks/{number} [G]: a task, none, or unknown."""
        async with self._wire.call("query", number=number.hex) as call:
            answer = await self._send(call, "GET", f"/v1/tasks/{number.hex}")
            if answer.status == 404 and _Refusal.model_validate(answer.json()).code == "TASK_NOT_FOUND":
                return None
            if not answer.granted:
                raise self._puzzled(call, answer)
            return self._task(call, answer, number)

    async def certificate(self, staff_id: str) -> Signer | None:
        """GET /v1/certificates/{staff id} [G]."""
        async with self._wire.call("certificate") as call:
            answer = await self._send(call, "GET", f"/v1/certificates/{quote(staff_id, safe='')}")
            if answer.status == 404 and _Refusal.model_validate(answer.json()).code == "CERTIFICATE_NOT_FOUND":
                return None
            if not answer.granted:
                raise self._puzzled(call, answer)
            try:
                signer = signer_of(_Certificate.model_validate(answer.json()).certificate)
            except DomainError:
                raise self._puzzled(call, answer) from None
            if signer.staff_id != staff_id:
                raise self._puzzled(call, answer)
            return signer

    def _task(self, call: Call, answer: Answer, number: UUID) -> SignatureTask:
        try:
            task = _Task.model_validate(answer.json()).read()
        except ValidationError:
            raise self._puzzled(call, answer) from None  # its text quotes a certificate
        if task.number != number:
            raise self._puzzled(call, answer)
        call.note(task_id=task.id, state=str(task.state))
        return task

    async def _send(self, call: Call, method: str, target: str, message: object = None) -> Answer:
        """One authenticated request and an answer that is the CA's own. Never repeated in here: a nonce is good for one sending."""
        body = b"" if message is None else json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        signed = headers(self._account, method, target, body, self._clock())
        sent = signed | ({"Content-Type": "application/json"} if body else {})
        answer = await call.send(method, self._wire.base_url + target, repeatable=False, headers=sent, content=body or None)
        if reason := distrust_answer(self._account, answer.status, answer.headers, signed["X-Nonce"], answer.body):
            _log.error("signature.distrusted", reason=reason, status=answer.status, **call.numbers)
            raise Unknown("the answer is not the CA's")
        return answer

    def _refused(self, call: Call, answer: Answer) -> DomainError:
        code = _Refusal.model_validate(answer.json()).code
        if ours := _REFUSALS.get(code):
            return DomainError(f"signature.{ours}", "conflict")
        _log.error("signature.misunderstood", answered=code, status=answer.status, **call.numbers)
        return DomainError(f"signature.{code.lower()}", "unavailable")

    def _puzzled(self, call: Call, answer: Answer) -> Unknown:
        _log.error("signature.misunderstood", status=answer.status, **call.numbers)
        return Unknown("an answer that decides nothing")
