"""The catalogue of drugs: Medication, read whole or by `_lastUpdated` [4b]. It says what a pack is, whether it is given, and its price.

`amount` is what a pack holds: so many of the unit in which a dose is said, to one pack.
"""

import json
import sqlite3
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange, wire
from sandbox.his.demo.drugs import DRUGS, Drug
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.search import Search

KIND_NAMES: Final = {"western": "西药", "patent": "中成药", "herbal": "中药饮片"}
SPECIAL_NAMES: Final = {"narcotic": "麻醉药品", "psychotropic": "精神药品", "toxic": "毒性药品", "radioactive": "放射性药品"}


class Catalogue:
    """Search and read."""

    def __init__(self, hospital: Hospital) -> None:
        """Drugs of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls."""
        fhir.add_api_route("/Medication", self.search, methods=["GET"])
        fhir.add_api_route("/Medication/{id}", self.read, methods=["GET"])

    async def search(self, request: Request) -> JSONResponse:
        """Every drug, stopped ones too: `status` inactive."""
        search = Search(request, self._hospital.store, "his_drug", order="id")
        search.code("code", "id")
        search.moment("_lastUpdated", "updated_ms")
        page = search.page()
        return exchange.searchset(request, [medication(row) for row in page.rows], page.total, page.next_url)

    async def read(self, id: str) -> JSONResponse:
        """One drug."""
        row = self._hospital.store.row("SELECT * FROM his_drug WHERE id = ?", id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(medication(row))


def medication(row: sqlite3.Row) -> Json:
    """The resource of a row."""
    body = exchange.loads(row["body"])
    price = elements.extension(wire.PRICE, "Money", elements.money(row["price_fen"]))
    return {
        "resourceType": "Medication",
        "id": row["id"],
        "meta": elements.meta(row["version"], row["updated_ms"]),
        "extension": [*body.pop("extension"), price],
        "status": "inactive" if row["stopped"] else "active",
    } | body


def stock(db: sqlite3.Connection, now_ms: int) -> None:
    """Put the demo hospital's drugs on the shelves; one that is there already is left as it is."""
    for drug in DRUGS:
        db.execute(
            "INSERT OR IGNORE INTO his_drug (id, name, kind, dose_unit, pack_unit, price_fen, online, body, updated_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(drug.id, drug.name, drug.kind, drug.unit, drug.pack, drug.price_fen, drug.online and drug.special is None),
                *(json.dumps(_body(drug), ensure_ascii=False), now_ms),
            ),
        )


def stop(db: sqlite3.Connection, id: str, now_ms: int, *, stopped: bool) -> sqlite3.Row:
    """停用 or 恢复 of a drug; so already stays so, with no new version."""
    db.execute(
        "UPDATE his_drug SET stopped = ?, version = version + 1, updated_ms = ? WHERE id = ? AND stopped <> ?",
        (stopped, now_ms, id, stopped),
    )
    row: sqlite3.Row | None = db.execute("SELECT * FROM his_drug WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise Refusal("not-found")
    return row


def _body(drug: Drug) -> Json:
    flags = {
        "antimicrobial": drug.antimicrobial,
        "tuberculosis": drug.tuberculosis,
        "injection": drug.injection,
        "selfInjectable": drug.self_injectable,
        "specialStorage": drug.special_storage,
    }
    extensions = [elements.extension(wire.DRUG_KIND, "Coding", elements.coding(wire.DRUG_KINDS, drug.kind, KIND_NAMES[drug.kind]))]
    extensions.append(elements.extension(wire.SPEC, "String", drug.spec))
    if drug.special:
        special = elements.coding(wire.SPECIAL_CLASSES, drug.special, SPECIAL_NAMES[drug.special])
        extensions.append(elements.extension(wire.SPECIAL_CLASS, "Coding", special))
    extensions += [elements.extension(wire.DRUG_FLAGS[flag], "Boolean", True) for flag, holds in flags.items() if holds]
    extensions.append(elements.extension(wire.DRUG_FLAGS["onlineAllowed"], "Boolean", drug.online))
    return {
        "extension": extensions,
        "code": {"coding": [elements.coding(wire.DRUGS, drug.id, drug.name)], "text": drug.name},
        "form": {"text": drug.form},
        "amount": {"numerator": {"value": drug.holds, "unit": drug.unit}, "denominator": {"value": 1, "unit": drug.pack}},
    }
