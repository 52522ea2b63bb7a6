"""OpenSSL's own SM2, the oracle of signatures in both directions: its command line, a folder, and nothing of ours."""

import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

ID = "1234567812345678"


@dataclass(frozen=True)
class Party:
    """Who has a key, and perhaps a certificate: PEM files."""

    key: Path
    certificate: Path


@dataclass(frozen=True)
class OpenSSL:
    folder: Path

    def party(self, name: str) -> Party:
        """Somebody with a new key."""
        self.run("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", f"{name}.key")
        return Party(self.folder / f"{name}.key", self.folder / f"{name}.pem")

    def point(self, party: Party) -> bytes:
        """x‖y of a party's key."""
        return self.run("pkey", "-in", str(party.key), "-pubout", "-outform", "DER").stdout[-64:]

    def sign(self, party: Party, message: bytes, *, signer_id: str = ID) -> bytes:
        """r‖s."""
        (self.folder / "message").write_bytes(message)
        der = self.run("dgst", "-sm3", "-sign", str(party.key), "-sigopt", f"distid:{signer_id}", "message").stdout
        r, s = decode_dss_signature(der)
        return r.to_bytes(32) + s.to_bytes(32)

    def verifies(self, certificate: str, message: bytes, signature: bytes) -> bool:
        """Whether r‖s was made over a message by the key of a PEM certificate."""
        (self.folder / "certificate").write_text(certificate)
        (self.folder / "message").write_bytes(message)
        (self.folder / "public").write_bytes(self.run("x509", "-in", "certificate", "-noout", "-pubkey").stdout)
        (self.folder / "signature").write_bytes(encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:])))
        options = ("-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{ID}", "-in", "message", "-sigfile", "signature")
        told = self.run("pkeyutl", "-verify", "-pubin", "-inkey", "public", *options, check=False)
        if told.returncode and b"Signature Verification Failure" not in told.stdout:
            raise AssertionError(told)
        return told.returncode == 0

    def issued(self, certificate: str, issuer: str, at: datetime | None = None) -> str:
        """What OpenSSL says of a PEM certificate under one issuer: `OK`, or its word for what is wrong.

        One step at a time: OpenSSL 3.0 takes the signer's id for the first certificate of a chain alone.
        """
        (self.folder / "certificate").write_text(certificate)
        (self.folder / "issuer").write_text(issuer)
        when = () if at is None else ("-attime", str(int(at.timestamp())))
        options = ("-x509_strict", "-partial_chain", "-trusted", "issuer", "-vfyopt", f"distid:{ID}", *when)
        told = self.run("verify", *options, "certificate", check=False)
        return "OK" if told.returncode == 0 else told.stderr.decode().partition("lookup: ")[2].splitlines()[0]

    def authority(self, name: str, *, days: int = 3650) -> Party:
        """A CA of OpenSSL's own making."""
        root = self.party(name)
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        lasting = ("-subj", f"/CN={name}", "-days", str(days), "-sigopt", f"distid:{ID}")
        self.run("req", "-x509", "-new", "-sm3", "-key", str(root.key), "-out", str(root.certificate), *lasting, *usage)
        return root

    def certified(self, name: str, issuer: Party, staff_id: str, extensions: str = "keyUsage=critical,digitalSignature") -> Party:
        """A person with a certificate of that CA."""
        person = self.party(name)
        asked = ("-subj", f"/CN={name}/serialNumber={staff_id}", "-sigopt", f"distid:{ID}")
        self.run("req", "-new", "-sm3", "-key", str(person.key), "-out", f"{name}.csr", *asked)
        (self.folder / "extensions").write_text(extensions)
        by = ("-CA", str(issuer.certificate), "-CAkey", str(issuer.key), "-CAcreateserial", "-sm3", "-sigopt", f"distid:{ID}")
        how = ("-days", "30", "-extfile", "extensions", "-vfyopt", f"distid:{ID}")
        self.run("x509", "-req", "-in", f"{name}.csr", "-out", str(person.certificate), *by, *how)
        return person

    def der(self, party: Party) -> bytes:
        return self.run("x509", "-in", str(party.certificate), "-outform", "DER").stdout

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", *arguments], cwd=self.folder, check=check, capture_output=True, timeout=60)
