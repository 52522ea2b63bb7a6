"""The hospital's CA in memory: keys, certificates and signatures are real, its line is not."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from models.kernel.clock import Clock
from models.kernel.errors import DomainError
from models.signature import Signature, SignatureTask, Signer, TaskState, Trusted, digest, signer_of
from sandbox.signature import certificate, sm2
from sandbox.signature.certificate import Subject
from tests.process.line import Line

BEGINS = datetime.fromisoformat("2020-01-01T00:00:00+08:00")
CA = Subject(name="CA", organization="CA", valid_from=BEGINS, valid_until=BEGINS + timedelta(days=9000), depth=0)
_KEY = sm2.new_key()


@cache
def authority() -> str:
    """The CA's own certificate, as a house is told it."""
    return certificate.as_pem(certificate.issue(CA, _KEY.public, 1, CA, _KEY))


@cache
def trusted() -> Trusted:
    """What the hospital trusts."""
    return Trusted(authority())


@cache
def person(staff_id: str) -> tuple[str, sm2.Key]:
    """A member of staff's certificate in base64, and the key on their phone."""
    key = sm2.new_key()
    subject = Subject(name=staff_id, organization="医院", staff_id=staff_id, valid_from=BEGINS, valid_until=BEGINS + timedelta(days=8000))
    return base64.b64encode(certificate.issue(subject, key.public, 2, CA, _KEY)).decode(), key


def signed(text: str, staff_id: str, at: datetime) -> Signature:
    """As this member of staff's phone signs it."""
    encoded, key = person(staff_id)
    r, s = key.sign(text.encode())
    return Signature(value=f"{r:064x}{s:064x}", certificate=encoded, signed_at=at)


@dataclass(frozen=True)
class Asked:
    """A task, and the text that its signer was shown."""

    task: SignatureTask
    text: str


class InMemorySignatures(Line):
    """People confirm or refuse when a test says so."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.tasks: dict[UUID, Asked] = {}
        self.without_certificate: set[str] = set()

    async def request_sign(self, number: UUID, staff_id: str, *, title: str, text: str, expires_at: datetime) -> SignatureTask:
        def request() -> SignatureTask:
            if staff_id in self.without_certificate:
                raise DomainError("signature.no_certificate", "conflict")
            if number not in self.tasks:
                said = {"number": number, "id": number.hex, "staff_id": staff_id, "digest": digest(text), "expires_at": expires_at}
                self.tasks[number] = Asked(SignatureTask.model_validate(said | {"state": TaskState.PENDING}), text)
            elif (self.tasks[number].text, self.tasks[number].task.staff_id) != (text, staff_id):
                raise DomainError("signature.number_used", "conflict")
            return self.tasks[number].task

        return await self.answer("request_sign", request)

    async def query(self, number: UUID) -> SignatureTask | None:
        return await self.answer("query", lambda: self.tasks[number].task if number in self.tasks else None)

    async def certificate(self, staff_id: str) -> Signer | None:
        return None if staff_id in self.without_certificate else signer_of(person(staff_id)[0])

    def pending(self) -> UUID:
        """The one task that waits."""
        (number,) = (number for number, asked in self.tasks.items() if asked.task.state is TaskState.PENDING)
        return number

    def confirms(self, number: UUID, *, by: str | None = None, text: str | None = None) -> None:
        """Its signer confirms; `by` another person, or over another `text`, a forger does."""
        asked = self.tasks[number]
        self._ends(number, TaskState.SIGNED, signed(text or asked.text, by or asked.task.staff_id, self._clock()))

    def declines(self, number: UUID) -> None:
        self._ends(number, TaskState.REFUSED)

    def _ends(self, number: UUID, state: TaskState, signature: Signature | None = None) -> None:
        asked = self.tasks[number]
        ended = asked.task.model_copy(update={"state": state, "ended_at": self._clock(), "signature": signature})
        self.tasks[number] = Asked(ended, asked.text)
