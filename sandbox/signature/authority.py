"""The CA: a root, an issuing authority below it, and a certificate for each of the demo hospital's doctors and pharmacists."""

import sqlite3
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from sandbox import clock
from sandbox.his.demo import staff
from sandbox.signature import certificate, sm2
from sandbox.signature.certificate import Subject
from sandbox.signature.sm2 import Key
from sandbox.store import Store

Kind = Literal["own", "expired", "forged"]
"""A person's certificate of today; one that was theirs and is over; one that a stranger made under the CA's and the person's names."""

NAMES: Final = {one.id: one.name for one in (*staff.DOCTORS, *staff.PHARMACISTS)}
CA_NAME: Final = "燕山电子认证中心"
YEAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate with its key, as the person's device holds them."""

    serial: int
    der: bytes
    key: Key


class Authority:
    """Keeps keys and certificates in the store. People's are made when they are first asked for."""

    def __init__(self, store: Store) -> None:
        """The tables are made. Root and issuing authority are made once, and backdated, so that what was signed before stays provable."""
        self._store = store
        begins = clock.now().replace(microsecond=0) - 3 * YEAR
        root = Subject(name=f"{CA_NAME}根证书", organization=CA_NAME, valid_from=begins, valid_until=begins + 18 * YEAR, depth=1)
        self._issuing = replace(root, name=f"{CA_NAME}签发证书", valid_until=begins + 13 * YEAR, depth=0)
        with store.transaction() as db:
            if _held(db, CA_NAME, "root") is None:
                top, key = sm2.new_key(), sm2.new_key()
                _keep(db, CA_NAME, "root", Held(1, certificate.issue(root, top.public, 1, root, top), top))
                _keep(db, CA_NAME, "issuing", Held(2, certificate.issue(self._issuing, key.public, 2, root, top), key))

    def bundle(self) -> str:
        """Root and issuing authority in PEM: what a hospital trusts."""
        rows = self._store.rows("SELECT der FROM signature_certificate WHERE owner = ? ORDER BY serial", CA_NAME)
        return "".join(certificate.as_pem(row["der"]) for row in rows)

    def knows(self, staff_id: str) -> bool:
        """Whether it is a member of the hospital's staff."""
        return staff_id in NAMES

    def certificate(self, staff_id: str, kind: Kind = "own") -> Held:
        """A person's certificate, made at the first asking; raises KeyError for nobody's."""
        with self._store.transaction() as db:
            return _held(db, staff_id, kind) or self._issue(db, staff_id, kind)

    def another(self, staff_id: str) -> Held:
        """A colleague's."""
        return self.certificate(next(one for one in NAMES if one != staff_id))

    def _issue(self, db: sqlite3.Connection, staff_id: str, kind: Kind) -> Held:
        serial: int = 1 + db.execute("SELECT max(serial) FROM signature_certificate").fetchone()[0]
        issuing = _held(db, CA_NAME, "issuing")
        if issuing is None:
            raise RuntimeError("the CA was made with the store")
        now = clock.now().replace(microsecond=0)
        begins, lasts = (now - 2 * YEAR, YEAR) if kind == "expired" else (now - timedelta(days=1), 2 * YEAR)
        person = Subject(
            name=NAMES[staff_id], organization=staff.HOSPITAL_NAME, staff_id=staff_id, valid_from=begins, valid_until=begins + lasts
        )
        key, by = sm2.new_key(), sm2.new_key() if kind == "forged" else issuing.key
        return _keep(db, staff_id, kind, Held(serial, certificate.issue(person, key.public, serial, self._issuing, by), key))

    def books(self) -> list[dict[str, object]]:
        """Every certificate in PEM."""
        rows = self._store.rows("SELECT serial, owner, kind, der FROM signature_certificate ORDER BY serial")
        return [
            {"serial": row["serial"], "owner": row["owner"], "kind": row["kind"], "pem": certificate.as_pem(row["der"])} for row in rows
        ]


def _held(db: sqlite3.Connection, owner: str, kind: str) -> Held | None:
    row = db.execute("SELECT * FROM signature_certificate WHERE owner = ? AND kind = ?", (owner, kind)).fetchone()
    return None if row is None else Held(row["serial"], row["der"], sm2.key(int(row["private_key"], 16)))


def _keep(db: sqlite3.Connection, owner: str, kind: str, held: Held) -> Held:
    db.execute(
        "INSERT INTO signature_certificate (serial, owner, kind, private_key, der) VALUES (?, ?, ?, ?, ?)",
        (held.serial, owner, kind, f"{held.key.private:064x}", held.der),
    )
    return held
