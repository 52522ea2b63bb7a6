"""电子签名: what a doctor or pharmacist confirmed on their own phone, kept so that it can be verified again at any time from itself.

Signed is the canonical text of a document (病历, 处方), by SM2 with SM3 in the hospital's CA; we hold no key and only verify.
"""

import base64
import json
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Final, Literal, cast
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.kernel import certificate, sm2
from models.kernel.certificate import Certificate
from models.kernel.clock import SHANGHAI
from models.kernel.errors import DomainError
from models.process import News

_INTEGER_MAX: Final = 2**53 - 1
"""Beyond it readers that know floats alone would see another number."""
_DEPTH_MAX: Final = 4


class TaskState(StrEnum):
    """Where a signing stands. Only `PENDING` is not an end."""

    PENDING = "pending"
    SIGNED = "signed"
    REFUSED = "refused"
    EXPIRED = "expired"


class Signer(BaseModel):
    """Whose certificate it is: the hospital's own number of a member of staff, and the certificate's numbers. No name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    staff_id: str
    serial: str
    """Hexadecimal, as its CA numbers certificates."""
    key_id: str
    """Subject key identifier, hexadecimal."""
    valid_from: AwareDatetime
    valid_until: AwareDatetime


class Signature(BaseModel):
    """A signature as it is stored beside its text. The certificate names a person: not for a history or a log."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    algorithm: Literal["SM2-with-SM3"] = "SM2-with-SM3"
    value: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
    """r‖s, hexadecimal, over the text's UTF-8 bytes with the id of GM/T 0009."""
    certificate: Annotated[str, StringConstraints(max_length=8192)] = Field(repr=False)
    """The signer's, base64 of DER."""
    signed_at: AwareDatetime
    """As the CA says; no time stamp proves it yet."""


class SignatureTask(BaseModel):
    """One request to sign, under our number, and what became of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    number: UUID
    id: str
    """The service's own number."""
    state: TaskState
    staff_id: str
    digest: str
    """Of the text: what `digest` says of it."""
    expires_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    signature: Signature | None = None

    @model_validator(mode="after")
    def _whole(self) -> "SignatureTask":
        if (self.signature is not None) != (self.state is TaskState.SIGNED) or (self.ended_at is None) != (self.state is TaskState.PENDING):
            raise ValueError("signed and ended say the same")
        return self


class SignatureReported(News):
    """The signature service says that something became of a task: only a reason to ask it."""

    kind: Literal["signature_reported"] = "signature_reported"


class Trusted:
    """The hospital's CA: its root and whatever stands between root and people. Public, and built once."""

    def __init__(self, pem: str) -> None:
        """`pem`: all of its certificates. A wrong bundle stops the start, not the first signature: raises ValueError."""
        self._authorities = certificate.read_pem(pem)
        if not self._authorities or not all(one.authority for one in self._authorities):
            raise ValueError("a CA's certificates are wanted")
        self._parents = {one.der: [other for other in self._authorities if one.issued_by(other)] for one in self._authorities}
        if not all(self._parents.values()):
            raise ValueError("a certificate whose issuer is not among them")

    def vouches_for(self, one: Certificate, at: datetime) -> bool:
        """Whether a chain of these, all valid at that instant, leads from a root to this certificate."""
        return any(one.issued_by(issuer) and self._reaches_root(issuer, at, below=0) for issuer in self._authorities)

    def _reaches_root(self, one: Certificate, at: datetime, *, below: int) -> bool:
        """`below`: how many authorities stand between this one and the person."""
        if not one.valid_at(at) or below > _DEPTH_MAX or (one.depth is not None and below > one.depth):
            return False
        parents = self._parents[one.der]
        return one in parents or any(self._reaches_root(parent, at, below=below + 1) for parent in parents)


def canonical(value: object) -> str:
    """The one text of a value, near RFC 8785: keys sorted by UTF-16, no spaces, NFC, nothing escaped that need not be.

    Decimals become text without trailing zeros, instants RFC 3339 in Asia/Shanghai, ids and enums their text, models their fields. A float,
    a naive time or a number beyond 2^53 has no one text: TypeError or ValueError, a bug of the caller.
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def digest(text: str) -> str:
    """SM3, 64 hexadecimal digits: what a signer's phone shows beside the text."""
    return sm2.sm3(text.encode()).hex()


def signer_of(encoded: str) -> Signer:
    """Whose certificate it says it is, unproved; refused `signature.untrusted` when unreadable or naming nobody of the staff."""
    return _signer(_read(encoded))


def verify(text: str, signature: Signature, trusted: Trusted, *, by: str) -> Signer:
    """Proves that the member of staff `by` signed exactly this text, under a certificate of the hospital's CA, valid then. Some 50 ms of a
    core, so not in an event loop. Whether a certificate was revoked is the CA's to know: it signs with none that was.

    Refused `signature.untrusted` (unreadable, of another CA, not for signing), `signature.certificate_expired` (or not yet valid),
    `signature.wrong_signer`, `signature.invalid` (another text, or not made with this key).
    """
    own = _read(signature.certificate)
    if not own.signs or not trusted.vouches_for(own, signature.signed_at):
        raise DomainError("signature.untrusted", "invalid")
    if not own.valid_at(signature.signed_at):
        raise DomainError("signature.certificate_expired", "invalid", valid_until=own.valid_until)
    if own.staff_id != by:
        raise DomainError("signature.wrong_signer", "invalid")
    if not sm2.verify(own.key, text.encode(), bytes.fromhex(signature.value)):
        raise DomainError("signature.invalid", "invalid")
    return _signer(own)


def doubt(text: str, signature: Signature, trusted: Trusted, *, by: str) -> str | None:
    """Why it does not prove, as `verify` refuses it; None: proved."""
    try:
        verify(text, signature, trusted, by=by)
    except DomainError as refused:
        return refused.code
    return None


def _read(encoded: str) -> Certificate:
    try:
        der = base64.b64decode(encoded, validate=True)
        if base64.b64encode(der).decode() != encoded:
            raise ValueError("bits behind its end")
        return certificate.read(der)
    except ValueError:
        raise DomainError("signature.untrusted", "invalid") from None


def _signer(own: Certificate) -> Signer:
    if own.staff_id is None:
        raise DomainError("signature.untrusted", "invalid")
    return Signer(staff_id=own.staff_id, serial=own.serial, key_id=own.key_id, valid_from=own.valid_from, valid_until=own.valid_until)


def _plain(value: object) -> object:
    match value:
        case BaseModel():
            return _plain(value.model_dump())
        case Mapping():
            return _sorted(cast("Mapping[object, object]", value))
        case list() | tuple():
            return [_plain(item) for item in cast("list[object] | tuple[object, ...]", value)]
        case Enum():
            return _scalar(value.value)
        case _:
            return _scalar(value)


def _scalar(value: object) -> object:
    match value:
        case None | bool():
            return value
        case str():
            return _text(value)
        case int() if abs(value) <= _INTEGER_MAX:
            return int(value)
        case Decimal() if value.is_finite():
            return _decimal(value)
        case datetime() if value.tzinfo is not None:
            return value.astimezone(SHANGHAI).isoformat()
        case date() if not isinstance(value, datetime):
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"no canonical text for this {type(value).__name__}")


def _sorted(fields: Mapping[object, object]) -> dict[str, object]:
    if not all(isinstance(key, str) for key in fields):
        raise TypeError("keys are text")
    named = {_text(str(key)): _plain(value) for key, value in fields.items()}
    if len(named) != len(fields):
        raise ValueError("two keys are one in NFC")
    return dict(sorted(named.items(), key=lambda field: field[0].encode("utf-16-be")))


def _text(text: str) -> str:
    text.encode()  # a lone surrogate is no text: UnicodeEncodeError, a ValueError
    return unicodedata.normalize("NFC", text)


def _decimal(number: Decimal) -> str:
    plain = format(number, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain
