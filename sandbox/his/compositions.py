"""Signed records: a Composition of an online visit, and a Provenance with its doctor's signature [4b].

A record comes once under the client's number and is never changed; one that was signed later comes as another, `amended`, and says which it
replaces. It names that by the client's number, because it may come first.
"""

import json
import sqlite3
from html.parser import HTMLParser
from typing import Final
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange, instants, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.pharmacy.wishes import check_signatures
from sandbox.his.search import Search

XHTML: Final = '<div xmlns="http://www.w3.org/1999/xhtml">'
_MARKUP: Final = {"div", "p", "br"}
_NUMBER_MAX: Final = 64


class Compositions:
    """Write, find, sign."""

    def __init__(self, hospital: Hospital) -> None:
        """Records of this hospital's online visits."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls, but for Provenance, which prescriptions have too."""
        fhir.add_api_route("/Composition", self.search, methods=["GET"])
        fhir.add_api_route("/Composition", self.write, methods=["POST"])
        fhir.add_api_route("/Composition/{id}", self.read, methods=["GET"])

    async def search(self, request: Request) -> JSONResponse:
        """Newest first, by patient, encounter and the client's number."""
        search = Search(request, self._hospital.store, "his_composition", order="authored_ms", newest_first=True)
        search.link("patient", "Patient", "patient_id")
        search.link("encounter", "Encounter", "encounter_id")
        search.number("identifier", {wire.RECORD: "number"})
        search.moment("_lastUpdated", "updated_ms")
        page = search.page()
        return exchange.searchset(request, [composition(row) for row in page.rows], page.total, page.next_url)

    async def read(self, id: str) -> JSONResponse:
        """One record."""
        row = self._hospital.store.row("SELECT * FROM his_composition WHERE id = ?", id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(composition(row))

    async def write(self, request: Request) -> JSONResponse:
        """Under the client's number; the same number again answers the first, whatever it says."""
        body = await exchange.resource_of(request, "Composition")
        number = _number(request, body)
        with self._hospital.store.transaction() as db:
            first = db.execute("SELECT id FROM his_composition WHERE number = ?", (number,)).fetchone()
            id = first["id"] if first else self._keep(db, body, number)
            row = db.execute("SELECT * FROM his_composition WHERE id = ?", (id,)).fetchone()
        return exchange.created(request, composition(row), made=first is None)

    async def sign(self, request: Request, body: Json) -> JSONResponse:
        """The doctor's signature on a record. Of each there is one Provenance: asked for again, it is answered."""
        targets = elements.list_at(body, "target")
        id = elements.id_at(targets[0], "Composition") if len(targets) == 1 else None
        if id is None:
            raise Refusal("invalid", "Provenance.target", "one Composition")
        if request.headers.get("if-none-exist") != f"target=Composition/{id}":
            raise Refusal("required", hint="If-None-Exist: target=Composition/<id>")
        with self._hospital.store.transaction() as db:
            row = db.execute("SELECT * FROM his_composition WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise Refusal("invalid", "Provenance.target", "no such Composition")
            made = row["provenance"] is None
            if made:
                check_signatures(body, frozenset({wire.AUTHOR}))
                if elements.id_at(body, "Practitioner", "signature", 0, "who") != row["practitioner_id"]:
                    raise Refusal("not-signed", "Provenance.signature", "by the author of the record")
                db.execute(
                    "UPDATE his_composition SET provenance_id = ?, provenance = ?, signed_ms = ?, updated_ms = ? WHERE id = ?",
                    (f"prov-{uuid4().hex}", json.dumps(body, ensure_ascii=False, default=float), *[self._hospital.now_ms()] * 2, id),
                )
            row = db.execute("SELECT * FROM his_composition WHERE id = ?", (id,)).fetchone()
        return exchange.created(request, _provenance(row), made=made)

    def _keep(self, db: sqlite3.Connection, body: Json, number: str) -> str:
        """Refused unless it was written in a visit of ours while that was open, by the doctor of the visit for its patient."""
        now_ms = self._hospital.now_ms()
        replaces = _replaces(body, number)
        visit = db.execute("SELECT * FROM his_encounter_now WHERE id = ?", (elements.id_at(body, "Encounter", "encounter"),)).fetchone()
        if visit is None:
            raise _wrong("encounter", "no such Encounter")
        if elements.id_at(body, "Patient", "subject") != visit["patient_id"]:
            raise _wrong("subject", "the patient of the visit")
        if len(elements.list_at(body, "author")) != 1 or elements.id_at(body, "Practitioner", "author", 0) != visit["practitioner_id"]:
            raise _wrong("author", "the doctor of the visit")
        authored_ms = _moment(elements.text_at(body, "date") or "")
        ended_ms = visit["end_ms"] if visit["end_ms"] is not None else now_ms
        within = visit["start_ms"] <= authored_ms <= ended_ms
        if visit["class"] != "VR" or visit["status"] not in ("in-progress", "finished") or not within:
            raise Refusal("not-in-progress", "Composition.encounter", f"the visit is {visit['status']}")
        icd10 = _diagnosis(body)
        _check_sections(body)
        other = db.execute("SELECT encounter_id FROM his_composition WHERE number = ?", (replaces,)).fetchone()
        if other and other["encounter_id"] != visit["id"]:
            raise _wrong("relatesTo", "a record of the same visit")
        id = f"comp-{uuid4().hex}"
        values = (id, number, visit["patient_id"], visit["id"], visit["practitioner_id"], body["status"], replaces, icd10)
        db.execute(
            "INSERT INTO his_composition (id, number, patient_id, encounter_id, practitioner_id, status, replaces, icd10, body, "
            "authored_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, json.dumps(body, ensure_ascii=False, default=float), authored_ms, now_ms),
        )
        return id


def composition(row: sqlite3.Row) -> Json:
    """The resource of a row, as it came."""
    body = exchange.loads(row["body"])
    meta = elements.meta(1 if row["provenance"] is None else 2, row["updated_ms"])
    return {"resourceType": body.pop("resourceType"), "id": row["id"], "meta": meta} | body


def _provenance(row: sqlite3.Row) -> Json:
    body = exchange.loads(row["provenance"])
    meta = elements.meta(1, row["signed_ms"])
    return {"resourceType": body.pop("resourceType"), "id": row["provenance_id"], "meta": meta} | body


def _number(request: Request, body: Json) -> str:
    """R4 knows one identifier of a Composition, and no list."""
    number = elements.text_at(body, "identifier", "value") or ""
    if elements.text_at(body, "identifier", "system") != wire.RECORD or not 0 < len(number) <= _NUMBER_MAX:
        raise _wrong("identifier", f"one of {wire.RECORD}, up to {_NUMBER_MAX} characters")
    if request.headers.get("if-none-exist") != f"identifier={wire.RECORD}|{number}":
        raise Refusal("required", hint=f"If-None-Exist: identifier={wire.RECORD}|<number>")
    return number


def _replaces(body: Json, number: str) -> str | None:
    """What an `amended` record replaces; a `final` one is the first of its visit."""
    status, related = body.get("status"), elements.list_at(body, "relatesTo")
    if status == "final" and not related:
        return None
    replaced = elements.text_at(body, "relatesTo", 0, "targetIdentifier", "value")
    ours = elements.text_at(body, "relatesTo", 0, "targetIdentifier", "system") == wire.RECORD
    if status != "amended" or len(related) != 1 or related[0].get("code") != "replaces" or not ours or replaced in (None, "", number):
        raise _wrong("status", "final, or amended and one that it replaces")
    return replaced


def _diagnosis(body: Json) -> str:
    """ICD-10 of the Condition that is contained and that the section of diagnoses refers to."""
    entry = elements.text_at(_sections(body).get("29548-5"), "entry", 0, "reference") or ""
    for one in elements.list_at(body, "contained"):
        if one.get("resourceType") == "Condition" and entry == f"#{one.get('id')}":
            for coding in elements.list_at(one, "code", "coding"):
                code = elements.text_at(coding, "code")
                if coding.get("system") == wire.ICD_10 and code and len(code) <= 32:
                    return code
    raise _wrong("section", "a diagnosis by ICD-10")


def _sections(body: Json) -> dict[str, Json]:
    codes = {elements.text_at(one, "code", "coding", 0, "code") or "": one for one in elements.list_at(body, "section")}
    return {code: one for code, one in codes.items() if elements.text_at(one, "code", "coding", 0, "system") == wire.LOINC}


def _check_sections(body: Json) -> None:
    found = _sections(body)
    for code, name in wire.RECORD_SECTIONS.items():
        if not words_of(elements.text_at(found.get(code), "text", "div") or "").strip():
            raise _wrong("section", f"{name} with words in XHTML")


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words, self.foreign = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.foreign |= tag not in _MARKUP or bool(attrs and tag != "div")
        self.words += "\n" if tag == "br" else ""

    def handle_data(self, data: str) -> None:
        self.words += data


def words_of(div: str) -> str:
    """What a person reads in a narrative; nothing of one that is no XHTML, or brings other markup than lines."""
    if not (div.startswith(XHTML) and div.endswith("</div>")):
        return ""
    reading = _Words()
    reading.feed(div)
    reading.close()
    return "" if reading.foreign else reading.words


def _moment(text: str) -> int:
    try:
        return instants.parse_instant(text)
    except ValueError as error:
        raise _wrong("date", "an instant with a zone") from error


def _wrong(element: str, hint: str) -> Refusal:
    return Refusal("invalid", f"Composition.{element}", hint)
