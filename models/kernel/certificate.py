"""SM2 certificates (X.509 in DER, GM/T 0015), read and checked. `cryptography` refuses their keys, so asn1crypto takes them apart."""

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from asn1crypto import core, pem, x509

from models.kernel import sm2

_ALGORITHM: Final = bytes.fromhex("06082a811ccf55018375")
"""1.2.156.10197.1.501, SM2-with-SM3 [L]."""
_ALGORITHMS: Final = (b"\x30\x0a" + _ALGORITHM, b"\x30\x0c" + _ALGORITHM + b"\x05\x00")
"""Without parameters, as OpenSSL writes it [L], and with NULL, as some do [G]."""
_KEY: Final = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
"""An elliptic key on the curve 1.2.156.10197.1.301 [L]."""
_UNDERSTOOD: Final = frozenset({"basic_constraints", "key_usage", "extended_key_usage"})
_CERTIFICATE, _NUMBERS, _PEM = cast("Any", x509.Certificate), cast("Any", core.SequenceOf), cast("Any", pem)  # asn1crypto has no types
_STAFF: Final = "2.5.4.5"
"""The subject's serialNumber; a CA may choose another place for a member of staff's number [G]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What we look at in a certificate. It proves nothing before `issued_by` said so."""

    der: bytes
    signed: bytes
    """The part that the issuer signed."""
    signature: bytes
    """r‖s."""
    serial: str
    """Hexadecimal, lower case."""
    issuer: bytes
    subject: bytes
    """Names in DER; equal names are equal bytes."""
    staff_id: str | None
    key: bytes
    """x‖y."""
    key_id: str
    """Subject key identifier, hexadecimal."""
    valid_from: datetime
    valid_until: datetime
    """Both inclusive, aware."""
    uses: frozenset[str]
    """Key usage; empty when the certificate says nothing."""
    authority: bool
    """May issue certificates."""
    depth: int | None
    """How many authorities may stand below this one; None: as many as there are."""
    readable: bool
    """No critical extension that we do not understand."""

    @property
    def signs(self) -> bool:
        """A signing certificate of a person; its twin for encryption signs nothing."""
        return self.readable and not self.authority and bool(self.uses & {"digital_signature", "non_repudiation"})

    def valid_at(self, at: datetime) -> bool:
        return self.valid_from <= at <= self.valid_until

    def issued_by(self, other: "Certificate") -> bool:
        """Whether that authority signed this one. About 20 ms of a core, the first time that it is asked."""
        issues = other.authority and other.readable and "key_cert_sign" in other.uses
        return issues and self.issuer == other.subject and _proved(other.key, self.signed, self.signature)


@functools.lru_cache(maxsize=4096)
def _proved(key: bytes, signed: bytes, signature: bytes) -> bool:
    """The same certificate comes with each signature of its person, and this about it never changes."""
    return sm2.verify(key, signed, signature)


def read(der: bytes) -> Certificate:
    """Raises ValueError for what is no SM2 certificate, byte for byte as DER wants it."""
    try:
        return _read(der)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):  # asn1crypto's, for bytes that are no ASN.1 or not this
        raise ValueError("no SM2 certificate") from None


def read_pem(text: str) -> list[Certificate]:
    """Every certificate of a PEM text, in its order; raises ValueError."""
    blocks: list[tuple[str, dict[str, str], bytes]] = list(_PEM.unarmor(text.encode(), multiple=True))
    if any(name != "CERTIFICATE" for name, _, _ in blocks):
        raise ValueError("only certificates are expected")
    return [read(der) for _, _, der in blocks]


def _read(der: bytes) -> Certificate:
    outer = _CERTIFICATE.load(der, strict=True)
    inner = outer["tbs_certificate"]
    signed: bytes = inner.dump()
    algorithm: bytes = inner["signature"].dump()
    r, s = _pair(outer["signature_value"].native)
    if algorithm not in _ALGORITHMS or der != _whole(signed, algorithm, r, s):
        raise ValueError("not signed with SM2, or more than a certificate")
    key_info = inner["subject_public_key_info"]
    point = bytes(key_info["public_key"])
    if key_info["algorithm"].dump() != _KEY or point[:1] != b"\x04" or not sm2.is_key(point[1:]):
        raise ValueError("no SM2 key")
    extensions = {extension["extn_id"].native: extension for extension in inner["extensions"]}
    if len(extensions) != len(inner["extensions"]):
        raise ValueError("an extension stands twice")
    bounds: dict[str, Any] = extensions["basic_constraints"]["extn_value"].native if "basic_constraints" in extensions else {}
    staff = [part["value"].native for rdn in inner["subject"].chosen for part in rdn if part["type"].dotted == _STAFF]
    return Certificate(
        der=der,
        signed=signed,
        signature=r.to_bytes(32) + s.to_bytes(32),
        serial=f"{inner['serial_number'].native:x}",
        issuer=inner["issuer"].dump(),
        subject=inner["subject"].dump(),
        staff_id=staff[0] if len(staff) == 1 else None,
        key=point[1:],
        key_id=extensions["key_identifier"]["extn_value"].native.hex() if "key_identifier" in extensions else "",
        valid_from=inner["validity"]["not_before"].native,
        valid_until=inner["validity"]["not_after"].native,
        uses=frozenset(extensions["key_usage"]["extn_value"].native if "key_usage" in extensions else ()),
        authority=bool(bounds.get("ca")),
        depth=bounds.get("path_len_constraint"),
        readable=all(name in _UNDERSTOOD or not one["critical"].native for name, one in extensions.items()),
    )


def _pair(der: bytes) -> tuple[int, int]:
    """r and s out of DER [L]."""
    r, s = (number.native for number in _NUMBERS.load(der, strict=True, spec=core.Integer))
    return r, s


def _whole(signed: bytes, algorithm: bytes, r: int, s: int) -> bytes:
    """The certificate as DER has it: so that not even a byte outside of what was signed may differ."""
    signature = _tagged(0x30, _integer(r), _integer(s))
    return _tagged(0x30, signed, algorithm, _tagged(0x03, b"\x00", signature))


def _integer(number: int) -> bytes:
    return _tagged(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def _tagged(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag]) + length + content
