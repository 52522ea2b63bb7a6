"""The hospital's own people, as a test needs them: they open slots, register patients, stop a doctor."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import httpx

from gateways.his.fhir import FhirHIS
from models.booking import Lock
from models.charge import Payment
from models.kernel import ids
from models.kernel.clock import SHANGHAI, business_day, now

DOCTOR = "doc-wangjianguo"
DEPARTMENT = "org-copd"


@dataclass(frozen=True)
class Hospital:
    """The HIS's desk, and calls of the port under test in a row."""

    outside: httpx.Client
    his: FhirHIS

    @property
    def morning(self) -> str:
        """The 就诊单元 of tomorrow morning: it never stops in the middle of a test."""
        return f"sch-wangjianguo-{self.tomorrow:%Y%m%d}-morning"

    @property
    def tomorrow(self) -> datetime:
        return datetime.combine(business_day(now()) + timedelta(days=1), time(9), SHANGHAI)

    def demo(self, kind: str) -> dict[str, Any]:
        people: list[dict[str, Any]] = self.outside.get("/his/desk/demo").json()["patients"]
        return next(person for person in people if person["kind"] == kind)

    def doctors(self) -> list[dict[str, Any]]:
        return self.outside.get("/his/desk/demo").json()["doctors"]

    def patient(self, **given: Any) -> dict[str, Any]:
        """A new person; with phone and address unless told otherwise."""
        wish = {"name": "何雨桐", "phone": "13900200001", "address": "北京市东城区和平里中街3号"} | given
        return self.outside.post("/his/desk/patients", json=wish).raise_for_status().json()

    def slot(self, capacity: int = 5, fee_fen: int = 5000) -> str:
        """A new slot of tomorrow morning."""
        ends = self.tomorrow + timedelta(hours=1)
        wish = {"schedule": self.morning, "start": self.tomorrow.isoformat(), "end": ends.isoformat()}
        answer = self.outside.post("/his/desk/slots", json=wish | {"capacity": capacity, "fee_fen": fee_fen}).raise_for_status()
        return answer.json()["id"]

    def stop(self, slot_id: str) -> dict[str, Any]:
        return self.outside.post(f"/his/desk/slots/{slot_id}/stop").raise_for_status().json()

    def resume(self) -> None:
        """恢复 of tomorrow morning."""
        self.outside.post(f"/his/desk/schedules/{self.morning}/resume").raise_for_status()

    def book(self, name: str) -> list[dict[str, Any]]:
        """Rows of one of the HIS's books."""
        return self.outside.get("/books/his").raise_for_status().json()[name]

    def appointment(self, lock: Lock) -> str:
        """The state in which the HIS has it."""
        return next(row["status"] for row in self.book("appointments") if row["id"] == lock.appointment_id)

    async def locked(self, slot_id: str | None = None, patient_id: str | None = None, claim_id: UUID | None = None) -> Lock:
        """A place locked for somebody new."""
        return await self.his.lock(claim_id or ids.new(), slot_id or self.slot(), patient_id or self.patient()["id"])

    async def booked(self, patient_id: str | None = None) -> Lock:
        """A place locked and paid."""
        lock = await self.locked(patient_id=patient_id)
        await self.his.settle(lock.invoice_id, payment())
        return lock

    async def open_visit(self) -> tuple[str, str]:
        """A patient in the room: their id and the encounter."""
        patient = self.patient()["id"]
        booked = await self.booked(patient)
        await self.his.check_in(booked.appointment_id)
        return patient, await self.his.begin_encounter(ids.new(), booked.appointment_id, patient, DOCTOR, now() - timedelta(minutes=5))

    def console(self) -> str:
        """The page on which a person plays the outside."""
        return self.outside.get("/console").raise_for_status().text

    def click(self, action: str, **form: str) -> str:
        """The page again, after a click."""
        return self.outside.post(f"/console/{action}", data=form, follow_redirects=True).raise_for_status().text

    def drug(self, act: str, drug: str) -> None:
        """The pharmacy stops a drug, or resumes it."""
        self.outside.post(f"/his/desk/drugs/{drug}/{act}").raise_for_status()

    def at_the_counter(self, act: str, number: UUID) -> None:
        """A person at the cash window or in the pharmacy: pay, prepare, hand-out, take-back."""
        self.outside.post(f"/his/desk/prescriptions/{number.hex}/{act}").raise_for_status()


def payment(amount_fen: int = 5000) -> Payment:
    """Money that came by WeChat Pay."""
    number = ids.new().hex
    return Payment(payment_no=number, channel_no=f"4200{number[:24]}", amount_fen=amount_fen, paid_at=now())
