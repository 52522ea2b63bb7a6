"""The hospital's master data: Organization, HealthcareService, Practitioner, PractitionerRole. Read only for clients.

Two levels of departments: a HealthcareService is `providedBy` a second-level Organization, which is `partOf` a first-level one [4b].
"""

import json
import sqlite3
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.search import Search

REFERENCES: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Organization": {"partof": ("Organization", "$.partOf.reference")},
    "HealthcareService": {"organization": ("Organization", "$.providedBy.reference")},
    "Practitioner": {},
    "PractitionerRole": {
        "organization": ("Organization", "$.organization.reference"),
        "practitioner": ("Practitioner", "$.practitioner.reference"),
        "service": ("HealthcareService", "$.healthcareService[0].reference"),
    },
}
"""Each kind's search parameters: what they refer to and where that stands in the resource."""


class Documents:
    """Search and read of each kind."""

    def __init__(self, hospital: Hospital) -> None:
        """Master data of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls `GET /<kind>` and `GET /<kind>/{id}`."""
        for kind in REFERENCES:
            fhir.add_api_route(f"/{kind}", self.search, methods=["GET"])
            fhir.add_api_route(f"/{kind}/{{id}}", self.read, methods=["GET"])

    async def search(self, request: Request) -> JSONResponse:
        """Every document of the kind in the path, by reference and `_lastUpdated`."""
        kind = request.url.path.rpartition("/")[2]
        search = Search(request, self._hospital.store, "his_document", order="id")
        search.where("kind = ?", kind)
        for name, (target, path) in REFERENCES[kind].items():
            search.link(name, target, f"replace(json_extract(body, '{path}'), '{target}/', '')")
        search.moment("_lastUpdated", "updated_ms")
        page = search.page()
        return exchange.searchset(request, [document(row) for row in page.rows], page.total, page.next_url)

    async def read(self, request: Request, id: str) -> JSONResponse:
        """One document."""
        kind = request.url.path.split("/")[-2]
        row = self._hospital.store.row("SELECT * FROM his_document WHERE kind = ? AND id = ?", kind, id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(document(row))


def document(row: sqlite3.Row) -> Json:
    """The resource of a row."""
    body = exchange.loads(row["body"])
    return {"resourceType": body.pop("resourceType"), "id": row["id"], "meta": elements.meta(row["version"], row["updated_ms"])} | body


def keep(db: sqlite3.Connection, id: str, body: Json, now_ms: int) -> None:
    """Keep a document; one that is there already is left as it is."""
    db.execute(
        "INSERT OR IGNORE INTO his_document (kind, id, updated_ms, body) VALUES (?, ?, ?, ?)",
        (body["resourceType"], id, now_ms, json.dumps(body, ensure_ascii=False)),
    )
