"""The hospital's own side of the HIS, for people and tests: no part of the wire, no token.

Here the hospital stops a slot, opens one, dispenses, registers a patient, and tells who is who in the demonstration.
"""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sandbox.his import exchange, id_number, instants, invoices, patients, registration, schedules
from sandbox.his.demo import people, staff
from sandbox.his.demo.staff import DEPARTMENTS, DOCTORS
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.pharmacy import past


class EncounterIn(BaseModel):
    """A past outpatient visit; the first doctor of the department saw the patient."""

    model_config = ConfigDict(extra="forbid")
    department: str = "org-copd"
    icd10: Annotated[str, Field(pattern=r"^[A-Z]\d{2}(\.\d{1,2})?$")] = "J44.9"
    diagnosis: Annotated[str, Field(min_length=1, max_length=100)] = "慢性阻塞性肺疾病"
    days_ago: Annotated[int, Field(ge=0, le=36500)] = 40


class PatientIn(BaseModel):
    """A person at the registration desk. Without `id_number` one is made that fits `birth_on` and `gender`."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=2, max_length=50)]
    id_number: str | None = None
    birth_on: date = date(1960, 6, 15)
    gender: Literal["male", "female"] = "female"
    phone: Annotated[str, Field(pattern=r"^1[3-9]\d{9}$")] | None = None
    address: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    encounters: Annotated[list[EncounterIn], Field(max_length=50)] = []


class SlotIn(BaseModel):
    """A further slot in a 就诊单元."""

    model_config = ConfigDict(extra="forbid")
    schedule: str
    start: datetime
    end: datetime
    capacity: Annotated[int, Field(ge=1, le=10_000)]
    fee_fen: Annotated[int, Field(ge=0, le=10_000_000)] = 5000


class Desk:
    """The door of the hospital's own people."""

    def __init__(self, hospital: Hospital) -> None:
        """The desk of this hospital."""
        self._hospital = hospital

    def mount(self, router: APIRouter) -> None:
        """The calls."""
        router.add_api_route("/demo", self.demo, methods=["GET"])
        router.add_api_route("/patients", self.register, methods=["POST"])
        router.add_api_route("/slots", self.open_slot, methods=["POST"])
        router.add_api_route("/invoices/{id}/dispense", self.dispense, methods=["POST"])
        router.add_api_route("/invoices/{id}/undo-execution", self.undo_execution, methods=["POST"])

    async def demo(self) -> Json:
        """Who is who: patients of every kind with what they sign in with, and the doctors."""
        rows = {row["id"]: row for row in self._hospital.store.rows("SELECT * FROM his_patient")}
        cards = people.cards(self._hospital.now().date())
        return {
            "hospital": staff.HOSPITAL_NAME,
            "doctor": "doc-wangjianguo",
            "patients": [
                {
                    "id": card.id,
                    "name": card.name,
                    # As kept: a child's number goes with the day the books were opened.
                    "id_number": rows[card.id]["id_number"],
                    "phone": card.phone,
                    "address": card.address,
                    "kind": card.kind,
                    "missing": patients.missing(exchange.loads(rows[card.id]["body"])),
                }
                for card in cards
            ],
            "doctors": [
                {
                    "id": doctor.id,
                    "name": doctor.name,
                    "title": staff.TITLE_NAMES[doctor.title],
                    "department": DEPARTMENTS[doctor.department].name,
                    "department_id": DEPARTMENTS[doctor.department].id,
                }
                for doctor in DOCTORS
            ],
        }

    async def register(self, wish: PatientIn) -> JSONResponse:
        """A new patient with past visits; the same ID number again answers the first record with 200."""
        hospital = self._hospital
        with hospital.store.transaction() as db:
            number = wish.id_number or self._free_number(wish)
            if not id_number.is_valid(number):
                raise Refusal("invalid", "id_number", "GB 11643")
            kept = db.execute("SELECT id FROM his_patient WHERE id_number = ? ORDER BY id LIMIT 1", (number,)).fetchone()
            id = kept["id"] if kept else f"pat-{uuid4().hex}"
            if kept is None:
                person = registration.Person(
                    id=id, person=id, name=wish.name, id_number=number, card_no=f"K{id[-10:]}", phone=wish.phone, address=wish.address
                )
                registration.register(db, person, hospital.now_ms())
                for visit in wish.encounters:
                    registration.record(db, id, _past(visit), hospital.now().date())
                past.fill(db)
        return JSONResponse({"id": id, "name": wish.name, "id_number": number, "phone": wish.phone}, status_code=200 if kept else 201)

    async def open_slot(self, wish: SlotIn) -> JSONResponse:
        """A further slot, e.g. one of 150 places; it must lie within its 就诊单元."""
        hospital = self._hospital
        if wish.start.tzinfo is None or wish.end.tzinfo is None or wish.end <= wish.start:
            raise Refusal("invalid", "start", "an aware start before an aware end")
        start_ms, end_ms = instants.ms(wish.start), instants.ms(wish.end)
        with hospital.store.transaction() as db:
            unit = db.execute("SELECT * FROM his_schedule WHERE id = ?", (wish.schedule,)).fetchone()
            if unit is None:
                raise Refusal("not-found")
            if start_ms < unit["start_ms"] or end_ms > unit["end_ms"]:
                raise Refusal("invalid", "start", "outside its 就诊单元")
            id = f"slot-{uuid4().hex}"
            db.execute(
                "INSERT INTO his_slot (id, schedule_id, start_ms, end_ms, capacity, fee_fen, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (id, wish.schedule, start_ms, end_ms, wish.capacity, wish.fee_fen, hospital.now_ms()),
            )
            made = db.execute("SELECT * FROM his_slot_now WHERE id = ?", (id,)).fetchone()
        return exchange.answer(schedules.slot(made), 201)

    async def dispense(self, id: str) -> Json:
        """发药: what a bill was for has left the hospital, so its money does not go back."""
        with self._hospital.store.transaction() as db:
            if invoices.load(db, id)["prescription_no"]:
                raise Refusal("not-supported", hint="a prescription is handed out at the pharmacy")
            db.execute("INSERT OR IGNORE INTO his_dispensing VALUES (?, ?)", (id, self._hospital.now_ms()))
        return {"invoice": id}

    async def undo_execution(self, id: str) -> Json:
        """取消执行 at a window: the visit took place, and its money may go back all the same. Done already is done."""
        with self._hospital.store.transaction() as db:
            bill = invoices.load(db, id)
            held = db.execute("SELECT status FROM his_appointment WHERE id = ?", (bill["appointment_id"],)).fetchone()
            if held is None or held["status"] != "fulfilled":
                raise Refusal("not-booked", "Appointment.status", "nothing was executed")
            db.execute("INSERT OR IGNORE INTO his_undone_execution VALUES (?, ?)", (id, self._hospital.now_ms()))
        return {"invoice": id}

    def _free_number(self, wish: PatientIn) -> str:
        """A number that nobody has yet."""
        odd = int(wish.gender == "male")
        for region in range(110228, 659001):
            for sequence in range(odd, 1000, 2):
                number = id_number.compose(str(region), wish.birth_on, sequence)
                if self._hospital.store.row("SELECT 1 FROM his_patient WHERE id_number = ?", number) is None:
                    return number
        raise Refusal("invalid", "id_number", "no number left")


def _past(visit: EncounterIn) -> registration.PastVisit:
    department = next((department for department in DEPARTMENTS.values() if department.id == visit.department), None)
    if department is None:
        raise Refusal("invalid", "encounters.department", "no such second-level department")
    doctor = next(doctor for doctor in DOCTORS if doctor.department == department.key)
    return registration.PastVisit(
        days_ago=visit.days_ago,
        practitioner_id=doctor.id,
        doctor_name=doctor.name,
        department_id=department.id,
        department_name=department.name,
        icd10=visit.icd10,
        diagnosis=visit.diagnosis,
    )
