"""就诊单元 (Schedule) and their places (Slot) [4b].

A Slot's `versionId` counts what the hospital changes (stop, new capacity); its `lastUpdated` moves with `remaining` too. So a stop has an
identity of its own, and who pulls by `_lastUpdated` sees sold places as well. A stop gives the Schedule a new version with the Slot's.
"""

import sqlite3
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange, instants, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.search import Search

PERIOD_NAMES: Final = {"night": "夜间", "morning": "上午", "afternoon": "下午", "evening": "晚间"}
VISIT_TYPE_NAMES: Final = {"general": "普通号", "expert": "专家号"}


class Schedules:
    """Search and read of Schedule and Slot."""

    def __init__(self, hospital: Hospital) -> None:
        """Schedules of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls."""
        fhir.add_api_route("/Schedule", self.units, methods=["GET"])
        fhir.add_api_route("/Schedule/{id}", self.unit, methods=["GET"])
        fhir.add_api_route("/Slot", self.slots, methods=["GET"])
        fhir.add_api_route("/Slot/{id}", self.slot, methods=["GET"])

    async def units(self, request: Request) -> JSONResponse:
        """就诊单元 by the date they are named by (`date`), doctor (`actor`), change (`_lastUpdated`)."""
        search = Search(request, self._hospital.store, "his_schedule", order="start_ms")
        search.day("date", "unit_date")
        search.link("actor", "Practitioner", "practitioner_id")
        search.moment("_lastUpdated", "updated_ms")
        page = search.page()
        return exchange.searchset(request, [schedule(row) for row in page.rows], page.total, page.next_url)

    async def unit(self, id: str) -> JSONResponse:
        """One 就诊单元."""
        row = self._hospital.store.row("SELECT * FROM his_schedule WHERE id = ?", id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(schedule(row))

    async def slots(self, request: Request) -> JSONResponse:
        """Slots of one or several Schedules, by `start`, `status`, `_lastUpdated`."""
        search = Search(request, self._hospital.store, "his_slot_now", order="start_ms")
        search.link("schedule", "Schedule", "schedule_id")
        search.moment("start", "start_ms")
        search.code("status", "status")
        search.moment("_lastUpdated", "updated_ms")
        page = search.page()
        return exchange.searchset(request, [slot(row) for row in page.rows], page.total, page.next_url)

    async def slot(self, id: str) -> JSONResponse:
        """One slot."""
        row = self._hospital.store.row("SELECT * FROM his_slot_now WHERE id = ?", id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(slot(row))


def schedule(row: sqlite3.Row) -> Json:
    """The resource of a 就诊单元."""
    visit_type = elements.coding(wire.VISIT_TYPES, row["visit_type"], VISIT_TYPE_NAMES[row["visit_type"]])
    return {
        "resourceType": "Schedule",
        "id": row["id"],
        "meta": elements.meta(row["version"], row["updated_ms"]),
        "extension": [*_unit(row), elements.extension(wire.VISIT_TYPE, "Coding", visit_type)],
        "active": True,
        "serviceType": [elements.concept(wire.DEPARTMENT, row["department_id"], row["department_name"])],
        "actor": [
            elements.reference("Practitioner", row["practitioner_id"], row["doctor_name"]),
            elements.reference("HealthcareService", row["service_id"], row["department_name"]),
        ],
        "planningHorizon": {"start": instants.datetime_text(row["start_ms"]), "end": instants.datetime_text(row["end_ms"])},
    }


def slot(row: sqlite3.Row) -> Json:
    """The resource of a row of `his_slot_now`."""
    return {
        "resourceType": "Slot",
        "id": row["id"],
        "meta": elements.meta(row["version"], row["updated_ms"]),
        "extension": [
            elements.extension(wire.CAPACITY, "UnsignedInt", row["capacity"]),
            elements.extension(wire.REMAINING, "UnsignedInt", row["remaining"]),
            elements.extension(wire.FEE, "Money", elements.money(row["fee_fen"])),
            *_unit(row),
        ],
        "serviceType": [elements.concept(wire.DEPARTMENT, row["department_id"], row["department_name"])],
        "schedule": elements.reference("Schedule", row["schedule_id"], unit_name(row)),
        "status": row["status"],
        "start": instants.instant(row["start_ms"]),
        "end": instants.instant(row["end_ms"]),
    }


def unit_name(row: sqlite3.Row) -> str:
    """How people name a 就诊单元."""
    return f"{row['doctor_name']} {row['unit_date']} {PERIOD_NAMES[row['period']]}"


def _unit(row: sqlite3.Row) -> list[Json]:
    period = elements.coding(wire.PERIODS, row["period"], PERIOD_NAMES[row["period"]])
    return [elements.extension(wire.PERIOD, "Coding", period), elements.extension(wire.UNIT_DATE, "Date", row["unit_date"])]
