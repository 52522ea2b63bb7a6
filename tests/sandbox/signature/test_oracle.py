"""OpenSSL on what the sandbox's CA makes: its certificates, and what people sign with them."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import clock
from tests.sandbox.signature.hospital import DOCTOR, PHARMACIST, TEXT, Hospital
from tests.signature.openssl import OpenSSL


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSSL:
    return OpenSSL(tmp_path)


def pem(certificate: str) -> str:
    lines = "\n".join(certificate[at : at + 64] for at in range(0, len(certificate), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def bundle(hospital: Hospital) -> list[str]:
    """Root, and the authority below it."""
    return [f"{part}-----END CERTIFICATE-----\n" for part in hospital.keys["trusted"].split("-----END CERTIFICATE-----\n") if part.strip()]


def signed(hospital: Hospital, how: str = "own", staff_id: str = DOCTOR) -> dict[str, Any]:
    number = hospital.requested(staff_id=staff_id)
    hospital.on_phone(number, "confirm", how=how).raise_for_status()
    return hospital.query(number).json()


@pytest.mark.parametrize("staff_id", [DOCTOR, PHARMACIST])
def test_what_a_person_signs_openssl_verifies(hospital: Hospital, openssl: OpenSSL, staff_id: str) -> None:
    task = signed(hospital, staff_id=staff_id)
    certificate, signature = pem(task["certificate"]), bytes.fromhex(task["signature"])
    assert openssl.verifies(certificate, TEXT.encode(), signature)
    assert not openssl.verifies(certificate, TEXT.encode() + b" ", signature)
    changed = bytearray(signature)
    changed[40] ^= 1
    assert not openssl.verifies(certificate, TEXT.encode(), bytes(changed))


def test_many_signatures_are_good_and_no_nonce_comes_twice(hospital: Hospital, openssl: OpenSSL) -> None:
    tasks = [signed(hospital) for _ in range(12)]
    assert all(openssl.verifies(pem(task["certificate"]), TEXT.encode(), bytes.fromhex(task["signature"])) for task in tasks)
    assert len({task["signature"][:64] for task in tasks}) == 12


def test_openssl_verifies_the_ca_and_each_of_its_certificates(hospital: Hospital, openssl: OpenSSL) -> None:
    root, issuing = bundle(hospital)
    assert openssl.issued(root, root) == "OK"
    assert openssl.issued(issuing, root) == "OK"
    for staff_id in (DOCTOR, PHARMACIST):
        own = pem(hospital.certificate(staff_id).json()["certificate"])
        assert openssl.issued(own, issuing) == "OK"
        assert openssl.issued(own, root) == "unable to get local issuer certificate"
        (openssl.folder / "own").write_text(own)
        said = openssl.run("x509", "-in", "own", "-noout", "-subject", "-nameopt", "utf8,sname").stdout.decode()
        assert f"serialNumber={staff_id}" in said.replace(" = ", "=")


def test_one_changed_byte_of_a_certificate_fails(hospital: Hospital, openssl: OpenSSL) -> None:
    _, issuing = bundle(hospital)
    der = bytearray(base64.b64decode(hospital.certificate(DOCTOR).json()["certificate"]))
    der[der.index(b"doc-wangjianguo")] ^= 1
    assert openssl.issued(pem(base64.b64encode(der).decode()), issuing) == "certificate signature failure"


def test_what_a_foul_player_signs_is_wrong_in_the_way_it_should_be(hospital: Hospital, openssl: OpenSSL) -> None:
    _, issuing = bundle(hospital)
    foul = {how: signed(hospital, how) for how in ("expired", "another", "forged", "other_text")}
    good = {how: openssl.verifies(pem(one["certificate"]), TEXT.encode(), bytes.fromhex(one["signature"])) for how, one in foul.items()}
    assert good == {"expired": True, "another": True, "forged": True, "other_text": False}

    assert openssl.issued(pem(foul["expired"]["certificate"]), issuing) == "certificate has expired"
    a_year_and_a_half_ago = clock.now() - timedelta(days=547)
    assert openssl.issued(pem(foul["expired"]["certificate"]), issuing, a_year_and_a_half_ago) == "OK"
    assert openssl.issued(pem(foul["another"]["certificate"]), issuing) == "OK"
    assert openssl.issued(pem(foul["forged"]["certificate"]), issuing) in {
        "certificate signature failure",
        "unable to get local issuer certificate",
    }
    own = hospital.certificate(DOCTOR).json()["certificate"]
    assert foul["other_text"]["certificate"] == own
    assert own not in {foul[how]["certificate"] for how in ("expired", "another", "forged")}
