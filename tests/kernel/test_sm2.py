"""SM3 and SM2 against what the standards print, and against OpenSSL."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.kernel import certificate, sm2
from models.kernel.certificate import Certificate
from sandbox.signature import sm2 as device
from tests.signature.openssl import OpenSSL, Party

ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
MESSAGE = "处方：布地奈德福莫特罗".encode()


@pytest.fixture(scope="module")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpenSSL:
    return OpenSSL(tmp_path_factory.mktemp("openssl"))


@pytest.fixture(scope="module")
def signer(openssl: OpenSSL) -> Party:
    return openssl.party("signer")


@pytest.fixture(scope="module")
def ca(openssl: OpenSSL) -> Party:
    return openssl.authority("ca")


@pytest.fixture(scope="module")
def der(openssl: OpenSSL, ca: Party) -> bytes:
    return openssl.der(openssl.certified("person", ca, "doc-1"))


@pytest.fixture(scope="module")
def root(openssl: OpenSSL, ca: Party) -> Certificate:
    return read(openssl, ca)


def read(openssl: OpenSSL, party: Party) -> Certificate:
    return certificate.read(openssl.der(party))


def test_sm3_is_the_standards() -> None:
    """GB/T 32905, examples 1 and 2."""
    assert sm2.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm2.sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_the_standards_signature_is_accepted() -> None:
    """GB/T 32918.5, annex A.2."""
    key = bytes.fromhex(
        "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    )
    signature = bytes.fromhex(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    )
    assert sm2.verify(key, b"message digest", signature)
    assert not sm2.verify(key, b"message digest", signature, signer_id=b"ALICE123@YAHOO.COM")


def test_what_openssl_signs_is_accepted_and_no_changed_byte(openssl: OpenSSL, signer: Party) -> None:
    key, signature = openssl.point(signer), openssl.sign(signer, MESSAGE)
    assert sm2.verify(key, MESSAGE, signature)
    for at in range(0, 64, 7):
        changed = bytearray(signature)
        changed[at] ^= 1
        assert not sm2.verify(key, MESSAGE, bytes(changed))
    assert not sm2.verify(key, MESSAGE + b" ", signature)
    assert not sm2.verify(key, MESSAGE[:-1], signature)
    assert not sm2.verify(openssl.point(openssl.party("stranger")), MESSAGE, signature)


def test_the_signers_id_is_part_of_it(openssl: OpenSSL, signer: Party) -> None:
    signature = openssl.sign(signer, MESSAGE, signer_id="doc-1")
    assert sm2.verify(openssl.point(signer), MESSAGE, signature, signer_id=b"doc-1")
    assert not sm2.verify(openssl.point(signer), MESSAGE, signature)


@pytest.mark.parametrize("begins", ["04", "4", "0"])
def test_a_key_may_begin_with_any_digit(begins: str) -> None:
    """The library alone would cut these away. OpenSSL says elsewhere that the sandbox's device signs well."""
    key = next(key for key in map(device.key, range(2, 10_000)) if key.public[1:].hex().startswith(begins))
    r, s = key.sign(MESSAGE)
    assert sm2.verify(key.public[1:], MESSAGE, r.to_bytes(32) + s.to_bytes(32))


def test_numbers_out_of_range_are_no_signature(openssl: OpenSSL, signer: Party) -> None:
    key, signature = openssl.point(signer), openssl.sign(signer, MESSAGE)
    r, s = signature[:32], signature[32:]
    zero, order = bytes(32), ORDER.to_bytes(32)
    for forged in (zero + s, r + zero, order + s, r + order, r + b"\xff" * 32, signature[:-1], signature + b"\0", b""):
        assert not sm2.verify(key, MESSAGE, forged)


def test_a_signature_whose_points_cancel_out_is_none() -> None:
    """Its own maker can build it: t·P + s·G is no point. Key 1: P is G, so s = n − t."""
    base = bytes.fromhex(
        "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
    )
    t = 5
    s = ORDER - t
    r = (t - s) % ORDER
    assert not sm2.verify(base, MESSAGE, r.to_bytes(32) + s.to_bytes(32))


def test_a_key_off_the_curve_verifies_nothing(openssl: OpenSSL, signer: Party) -> None:
    key, signature = bytearray(openssl.point(signer)), openssl.sign(signer, MESSAGE)
    key[63] ^= 1
    assert not sm2.is_key(bytes(key))
    assert not sm2.verify(bytes(key), MESSAGE, signature)
    assert not sm2.is_key(bytes(key[:63]))
    assert not sm2.is_key(b"\xff" * 64)


def test_a_certificate_of_openssl_is_read_and_its_issuer_told(openssl: OpenSSL, root: Certificate, der: bytes) -> None:
    person, other = certificate.read(der), read(openssl, openssl.authority("another"))
    assert (person.staff_id, person.authority, person.signs, person.uses) == ("doc-1", False, True, frozenset({"digital_signature"}))
    assert (root.authority, root.signs, root.staff_id) == (True, False, None)
    assert person.issued_by(root)
    assert root.issued_by(root)
    assert not person.issued_by(other)
    assert not person.issued_by(person)
    assert person.key == openssl.point(Party(openssl.folder / "person.key", Path()))


def test_an_authority_of_the_same_name_did_not_issue_it(der: bytes, tmp_path: Path) -> None:
    openssl = OpenSSL(tmp_path)
    impostor, person = read(openssl, openssl.authority("ca")), certificate.read(der)
    assert person.issuer == impostor.subject
    assert not person.issued_by(impostor)


@pytest.mark.parametrize(
    ("extensions", "signs"),
    [
        ("keyUsage=critical,nonRepudiation", True),
        ("keyUsage=critical,keyEncipherment,dataEncipherment", False),
        ("basicConstraints=critical,CA:FALSE", False),
        ("keyUsage=critical,digitalSignature,keyCertSign\nbasicConstraints=critical,CA:TRUE", False),
        ("keyUsage=critical,digitalSignature\n1.2.3.4=critical,ASN1:UTF8String:unheard of", False),
        ("keyUsage=critical,digitalSignature\n1.2.3.4=ASN1:UTF8String:a remark", True),
    ],
)
def test_what_a_certificate_may_be_used_for(openssl: OpenSSL, ca: Party, extensions: str, signs: bool) -> None:
    person = read(openssl, openssl.certified("used", ca, "doc-2", extensions))
    assert person.signs is signs


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_byte_of_a_certificate_may_differ(root: Certificate, der: bytes, data: st.DataObject) -> None:
    """Not even outside of what the issuer signed."""
    at, bits = data.draw(st.integers(0, len(der) - 1)), data.draw(st.integers(1, 255))
    changed = der[:at] + bytes([der[at] ^ bits]) + der[at + 1 :]
    try:
        forged = certificate.read(changed)
    except ValueError:
        return
    assert not forged.issued_by(root)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_what_is_no_certificate_is_refused(noise: bytes) -> None:
    with pytest.raises(ValueError, match="no SM2 certificate"):
        certificate.read(noise)


def test_neither_a_cut_nor_a_longer_one_is_a_certificate(der: bytes) -> None:
    for wrong in (der[:-1], der + b"\0", der[1:], der + der):
        with pytest.raises(ValueError, match="no SM2 certificate"):
            certificate.read(wrong)


def test_a_certificate_of_another_kind_is_none(tmp_path: Path) -> None:
    openssl = OpenSSL(tmp_path)
    made = ("req", "-x509", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "rsa.key", "-out", "rsa.pem", "-subj", "/CN=rsa")
    openssl.run(*made)
    with pytest.raises(ValueError, match="no SM2 certificate"):
        certificate.read(openssl.der(Party(tmp_path / "rsa.key", tmp_path / "rsa.pem")))
