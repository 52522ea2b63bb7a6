"""Patients and their cards: one person may have several Patient records, tied by `link` [4b]."""

import json
import re
import sqlite3
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal

IDENTITY: Final = ("identifier", "name", "gender", "birthDate")
"""What only the registration desk may change."""
REGULATOR: Final = ("telecom", "address")
"""What the regulator's standard asks for and a person may complete online; a PUT takes these and nothing else."""
_PHONE: Final = re.compile(r"1[3-9]\d{9}")
_ADDRESS_MAX: Final = 200


class Patients:
    """Find by ID number, read, complete."""

    def __init__(self, hospital: Hospital) -> None:
        """Patients of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls; there is no `GET /Patient`, for an ID number never stands in a URL."""
        fhir.add_api_route("/Patient/_search", self.search, methods=["POST"])
        fhir.add_api_route("/Patient/{id}", self.read, methods=["GET"])
        fhir.add_api_route("/Patient/{id}", self.complete, methods=["PUT"])

    async def search(self, request: Request) -> JSONResponse:
        """All card records of the person with that ID number."""
        form = await exchange.form_of(request)
        system, bar, number = form[0][1].rpartition("|") if len(form) == 1 and form[0][0] == "identifier" else ("", "", "")
        if not bar or not number:
            raise Refusal("invalid", "identifier", f"one field identifier={wire.ID_NUMBER}|<number>")
        if system != wire.ID_NUMBER:
            return exchange.searchset(request, [], 0)
        rows = self._hospital.store.rows("SELECT * FROM his_patient WHERE id_number = ? ORDER BY id", number.upper())
        return exchange.searchset(request, [patient(row) for row in rows], len(rows))

    async def read(self, id: str) -> JSONResponse:
        """One card record."""
        row = self._hospital.store.row("SELECT * FROM his_patient WHERE id = ?", id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(patient(row))

    async def complete(self, request: Request, id: str) -> JSONResponse:
        """Take what the regulator's standard asks for; refused `invalid` with the element that is wrong or still missing."""
        body = await exchange.resource_of(request, "Patient")
        with self._hospital.store.transaction() as db:
            row = db.execute("SELECT * FROM his_patient WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise Refusal("not-found")
            exchange.require_version(request, row["version"])
            kept = exchange.loads(row["body"])
            _check_identity(body, kept, id)
            completed = kept | {"telecom": _telecom(body), "address": _address(body)}
            db.execute(
                "UPDATE his_patient SET body = ?, version = version + 1, updated_ms = ? WHERE id = ?",
                (json.dumps(completed, ensure_ascii=False), self._hospital.now_ms(), id),
            )
            changed = db.execute("SELECT * FROM his_patient WHERE id = ?", (id,)).fetchone()
        return exchange.answer(patient(changed))


def patient(row: sqlite3.Row) -> Json:
    """The resource of a row."""
    return {"resourceType": "Patient", "id": row["id"], "meta": elements.meta(row["version"], row["updated_ms"])} | exchange.loads(
        row["body"]
    )


def missing(body: Json) -> list[str]:
    """The elements of the regulator's standard that a record lacks."""
    return [name for name in REGULATOR if not body.get(name)]


def phone(number: str) -> Json:
    """A `ContactPoint` of a mobile phone."""
    return {"system": "phone", "value": number, "use": "mobile"}


def address(text: str) -> Json:
    """An `Address` by its full text."""
    return {"use": "home", "type": "physical", "text": text, "country": "CN"}


def _check_identity(body: Json, kept: Json, id: str) -> None:
    if body.get("id") != id:
        raise Refusal("invalid", "Patient.id", "the id of the URL")
    for name in IDENTITY:
        if body.get(name) != kept.get(name):
            raise Refusal("invalid", f"Patient.{name}", "changed at the registration desk only")


def _telecom(body: Json) -> list[Json]:
    numbers = [elements.text_at(item, "value") or "" for item in elements.list_at(body, "telecom") if item.get("system") == "phone"]
    if not numbers or not all(_PHONE.fullmatch(number) for number in numbers):
        raise Refusal("invalid", "Patient.telecom", "the regulator's standard asks for it: a mobile number of the mainland")
    return [phone(number) for number in numbers]


def _address(body: Json) -> list[Json]:
    texts = [(elements.text_at(item, "text") or "").strip() for item in elements.list_at(body, "address")]
    if not texts or not all(text and text.isprintable() and len(text) <= _ADDRESS_MAX for text in texts):
        raise Refusal("invalid", "Patient.address", f"the regulator's standard asks for it: printable text up to {_ADDRESS_MAX} characters")
    return [address(text) for text in texts]
