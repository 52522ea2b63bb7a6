"""A stored signature proved again: by whom, over what, under which certificate. OpenSSL is the CA and the signer's phone."""

import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from models.kernel.clock import now
from models.kernel.errors import DomainError
from models.signature import Signature, SignatureTask, TaskState, Trusted, canonical, digest, signer_of, verify
from sandbox.signature import certificate as device
from sandbox.signature import sm2
from tests.signature.openssl import OpenSSL, Party

TEXT = canonical({"处方": "布地奈德福莫特罗", "剂量": "4.5"})
NOW = now().replace(microsecond=0) + timedelta(hours=1)
"""When all is valid: what OpenSSL makes is valid from its own present."""


@dataclass(frozen=True)
class Hospital:
    """A CA with a doctor and a stranger beside it."""

    openssl: OpenSSL
    trusted: Trusted
    ca: Party
    doctor: Party

    def signature(self, by: Party | None = None, text: str = TEXT, signed_at: datetime = NOW) -> Signature:
        party = by or self.doctor
        certificate = base64.b64encode(self.openssl.der(party)).decode()
        return Signature(value=self.openssl.sign(party, text.encode()).hex(), certificate=certificate, signed_at=signed_at)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    openssl = OpenSSL(tmp_path_factory.mktemp("hospital"))
    ca = openssl.authority("ca")
    return Hospital(openssl, Trusted(ca.certificate.read_text()), ca, openssl.certified("doctor", ca, "doc-1"))


def refused(text: str, signature: Signature, trusted: Trusted, by: str = "doc-1") -> str:
    with pytest.raises(DomainError) as raised:
        verify(text, signature, trusted, by=by)
    assert raised.value.kind == "invalid"
    return raised.value.code


def test_what_the_doctor_signed_is_proved_and_told_by_whom(hospital: Hospital) -> None:
    signature = hospital.signature()
    signer = verify(TEXT, signature, hospital.trusted, by="doc-1")
    assert signer.staff_id == "doc-1"
    assert signer.valid_from <= NOW + timedelta(minutes=1) <= signer.valid_until
    assert signer_of(signature.certificate) == signer
    assert "doctor" not in repr(signature)


def test_one_changed_letter_of_the_text_fails(hospital: Hospital) -> None:
    signature = hospital.signature()
    for other in (TEXT.replace("4.5", "45"), TEXT + " ", TEXT[:-1], ""):
        assert refused(other, signature, hospital.trusted) == "signature.invalid"


def test_one_changed_digit_of_the_signature_fails(hospital: Hospital) -> None:
    signature = hospital.signature()
    for at in range(0, 128, 9):
        digit = f"{int(signature.value[at], 16) ^ 1:x}"
        changed = signature.model_copy(update={"value": signature.value[:at] + digit + signature.value[at + 1 :]})
        assert refused(TEXT, changed, hospital.trusted) == "signature.invalid"


def test_one_changed_letter_of_the_certificate_fails(hospital: Hospital) -> None:
    signature = hospital.signature()
    for at in range(0, len(signature.certificate), 11):
        other = "A" if signature.certificate[at] != "A" else "B"
        changed = signature.model_copy(update={"certificate": signature.certificate[:at] + other + signature.certificate[at + 1 :]})
        assert refused(TEXT, changed, hospital.trusted) == "signature.untrusted"


def test_a_colleagues_signature_is_not_the_doctors(hospital: Hospital) -> None:
    colleague = hospital.openssl.certified("colleague", hospital.ca, "doc-2")
    signature = hospital.signature(colleague)
    assert refused(TEXT, signature, hospital.trusted) == "signature.wrong_signer"
    assert verify(TEXT, signature, hospital.trusted, by="doc-2").staff_id == "doc-2"


def test_a_colleagues_signature_under_the_doctors_certificate_is_none(hospital: Hospital) -> None:
    colleague = hospital.openssl.certified("colleague", hospital.ca, "doc-2")
    doctors = hospital.signature().certificate
    swapped = hospital.signature(colleague).model_copy(update={"certificate": doctors})
    assert refused(TEXT, swapped, hospital.trusted) == "signature.invalid"


def test_a_certificate_of_another_ca_is_untrusted_even_under_the_same_names(hospital: Hospital, tmp_path: Path) -> None:
    openssl = OpenSSL(tmp_path)
    impostor = openssl.certified("doctor", openssl.authority("ca"), "doc-1")
    forged = replace(hospital, openssl=openssl).signature(impostor)
    assert refused(TEXT, forged, hospital.trusted) == "signature.untrusted"


def test_an_authority_signs_no_document(hospital: Hospital) -> None:
    assert refused(TEXT, hospital.signature(hospital.ca), hospital.trusted) == "signature.untrusted"


def test_a_certificate_for_encryption_signs_no_document(hospital: Hospital) -> None:
    twin = hospital.openssl.certified("twin", hospital.ca, "doc-1", "keyUsage=critical,keyEncipherment")
    assert refused(TEXT, hospital.signature(twin), hospital.trusted) == "signature.untrusted"


@pytest.mark.parametrize("away", [timedelta(days=-1), timedelta(days=31)], ids=["not yet valid", "expired"])
def test_a_certificate_is_valid_at_the_instant_of_signing_or_not_at_all(away: timedelta) -> None:
    ca = chain(NOW - timedelta(days=100))
    signature = ca.signature(NOW + away)
    assert refused(TEXT, signature, ca.trusted) == "signature.certificate_expired"
    assert verify(TEXT, ca.signature(NOW), ca.trusted, by="doc-1")


@dataclass(frozen=True)
class Chain:
    """A CA of two levels, made by the sandbox's device (which OpenSSL verifies elsewhere), and a doctor below it."""

    trusted: Trusted
    certificate: bytes
    key: sm2.Key

    def signature(self, at: datetime) -> Signature:
        r, s = self.key.sign(TEXT.encode())
        value = (r.to_bytes(32) + s.to_bytes(32)).hex()
        return Signature(value=value, certificate=base64.b64encode(self.certificate).decode(), signed_at=at)


def chain(begins: datetime = NOW - timedelta(days=1), issuing_days: int = 1000, depth: int | None = 0) -> Chain:
    root_key, issuing_key, key = sm2.new_key(), sm2.new_key(), sm2.new_key()
    far = begins + timedelta(days=5000)
    root = device.Subject(name="根", organization="CA", valid_from=begins, valid_until=far, depth=depth if depth is None else depth + 1)
    issuing = replace(root, name="签发", valid_until=begins + timedelta(days=issuing_days), depth=depth)
    doctor = replace(root, name="医生", staff_id="doc-1", valid_from=NOW - timedelta(hours=1), valid_until=NOW + timedelta(days=30))
    authorities = (
        device.issue(root, root_key.public, 1, root, root_key),
        device.issue(issuing, issuing_key.public, 2, root, root_key),
    )
    bundle = "".join(map(device.as_pem, authorities))
    return Chain(Trusted(bundle), device.issue(doctor, key.public, 3, issuing, issuing_key), key)


def test_a_chain_of_two_leads_to_the_root() -> None:
    two = chain()
    assert verify(TEXT, two.signature(NOW), two.trusted, by="doc-1").serial == "3"


def test_an_issuer_that_was_over_vouches_for_nobody() -> None:
    two = chain(NOW - timedelta(days=100), issuing_days=99)
    assert refused(TEXT, two.signature(NOW), two.trusted) == "signature.untrusted"


def test_an_authority_below_one_that_allows_none_vouches_for_nobody() -> None:
    root_key, issuing_key, key = sm2.new_key(), sm2.new_key(), sm2.new_key()
    root = device.Subject(name="根", organization="CA", valid_from=NOW, valid_until=NOW + timedelta(days=9), depth=0)
    issuing, doctor = replace(root, name="签发", depth=None), replace(root, name="医生", staff_id="doc-1", depth=None)
    bundle = (device.issue(root, root_key.public, 1, root, root_key), device.issue(issuing, issuing_key.public, 2, root, root_key))
    three = Chain(Trusted("".join(map(device.as_pem, bundle))), device.issue(doctor, key.public, 3, issuing, issuing_key), key)
    assert refused(TEXT, three.signature(NOW), three.trusted) == "signature.untrusted"


def test_a_bundle_that_proves_nothing_stops_the_start(hospital: Hospital, tmp_path: Path) -> None:
    person = hospital.doctor.certificate.read_text()
    key = hospital.doctor.key.read_text()
    root_key, issuing_key = sm2.new_key(), sm2.new_key()
    root = device.Subject(name="根", organization="CA", valid_from=NOW, valid_until=NOW + timedelta(days=9))
    orphan = device.as_pem(device.issue(replace(root, name="签发"), issuing_key.public, 2, root, root_key))
    for wrong in ("", "no pem", person, key, orphan, hospital.ca.certificate.read_text() + orphan):
        with pytest.raises(ValueError, match=r".+"):
            Trusted(wrong)


@pytest.mark.parametrize(
    "fields",
    [
        {"value": "00"},
        {"value": "AB" * 64},
        {"value": "zz" * 64},
        {"certificate": "A" * 8193},
        {"algorithm": "SHA256-with-RSA"},
        {"signed_at": datetime(2026, 11, 24)},  # noqa: DTZ001
        {"more": 1},
    ],
)
def test_a_signature_of_another_shape_is_none(hospital: Hospital, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Signature.model_validate(hospital.signature().model_dump() | fields)


@pytest.mark.parametrize("certificate", ["", "AAAA", "not base64!", "处方"])
def test_what_is_no_certificate_is_untrusted(hospital: Hospital, certificate: str) -> None:
    signature = hospital.signature().model_copy(update={"certificate": certificate})
    assert refused(TEXT, signature, hospital.trusted) == "signature.untrusted"


def test_a_task_is_signed_with_a_signature_and_ended_at_some_time(hospital: Hospital) -> None:
    fields: dict[str, Any] = {"number": "0" * 32, "id": "T1", "staff_id": "doc-1", "digest": digest(TEXT), "expires_at": NOW}
    signed = {"state": TaskState.SIGNED, "ended_at": NOW, "signature": hospital.signature()}
    assert SignatureTask.model_validate(fields | {"state": TaskState.PENDING}).signature is None
    assert SignatureTask.model_validate(fields | signed).signature is not None
    for wrong in ({"signature": None}, {"ended_at": None}, {"state": TaskState.REFUSED}, {"state": TaskState.PENDING}):
        with pytest.raises(ValidationError):
            SignatureTask.model_validate(fields | signed | wrong)
