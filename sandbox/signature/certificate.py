"""SM2 certificates as the CA writes them: X.509 v3 in DER, signed SM2-with-SM3 (GM/T 0015). OpenSSL verifies them in the tests."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from asn1crypto import core, keys, pem, x509

from sandbox.signature.sm2 import Key, sm3

SIGNATURE_OID: Final = "1.2.156.10197.1.501"
CURVE_OID: Final = "1.2.156.10197.1.301"

_ASN1, _X509, _KEYS, _PEM = cast("Any", core), cast("Any", x509), cast("Any", keys), cast("Any", pem)  # asn1crypto has no types


class Pair(core.Sequence):
    """A signature in DER."""

    _fields = [("r", core.Integer), ("s", core.Integer)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a certificate is for, and for how long."""

    name: str
    organization: str
    valid_from: datetime
    valid_until: datetime
    staff_id: str | None = None
    """In the subject's serialNumber [G]; None for an authority."""
    depth: int | None = None
    """Of an authority: how many may stand below it."""

    def x509_name(self) -> Any:
        """As it stands in the certificate."""
        parts = {"country_name": "CN", "organization_name": self.organization, "common_name": self.name}
        return _X509.Name.build(parts | ({"serial_number": self.staff_id} if self.staff_id else {}))


def issue(subject: Subject, public: bytes, serial: int, issuer: Subject, by: Key) -> bytes:
    """The certificate in DER; a root has itself as issuer."""
    authority = subject.staff_id is None
    uses = {"key_cert_sign", "crl_sign"} if authority else {"digital_signature", "non_repudiation"}
    bounds: dict[str, bool | int] = {"ca": authority} | ({} if subject.depth is None else {"path_len_constraint": subject.depth})
    extensions = [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": bounds},
        {"extn_id": "key_usage", "critical": True, "extn_value": uses},
        {"extn_id": "key_identifier", "critical": False, "extn_value": _key_id(public)},
        {"extn_id": "authority_key_identifier", "critical": False, "extn_value": {"key_identifier": _key_id(by.public)}},
    ]
    algorithm = {"algorithm": SIGNATURE_OID}
    curve = _KEYS.ECDomainParameters(name="named", value=CURVE_OID)
    inner = _X509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": serial,
            "signature": algorithm,
            "issuer": issuer.x509_name(),
            "validity": {"not_before": _time(subject.valid_from), "not_after": _time(subject.valid_until)},
            "subject": subject.x509_name(),
            "subject_public_key_info": {
                "algorithm": {"algorithm": "ec", "parameters": curve},
                "public_key": _KEYS.ECPointBitString(public),
            },
            "extensions": extensions,
        }
    )
    whole = {"tbs_certificate": inner, "signature_algorithm": algorithm, "signature_value": signature_der(*by.sign(inner.dump()))}
    return _X509.Certificate(whole).dump()


def signature_der(r: int, s: int) -> bytes:
    """SEQUENCE {r, s}, as certificates have it."""
    return cast("Any", Pair)({"r": r, "s": s}).dump()


def as_pem(der: bytes) -> str:
    """With its frame of dashes."""
    return _PEM.armor("CERTIFICATE", der).decode()


def _key_id(public: bytes) -> bytes:
    return sm3(public)[:20]


def _time(at: datetime) -> Any:
    return _X509.Time({"utc_time": _ASN1.UTCTime(at)})
