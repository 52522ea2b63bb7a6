"""Every route × every role × other people's ids: nobody comes in but by the table, and nobody learns of what is not theirs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import insert, select, text

from api.app import create_app
from api.security import OPEN_DOORS
from models.account import Role
from models.charge import ChargeState, Trade, TradeState
from models.kernel import ids
from models.kernel.errors import known
from models.prescription import PrescriptionState
from models.record import RecordState
from models.refund import Cause
from models.stores import delivery as deliveries
from models.stores import invoice as invoices
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import refund as refunds
from models.stores.database import Database
from models.tables.record import RecordSigningRow
from models.tables.revisit import FileRow, RevisitRow
from tests.account.builders import staff_signed_in
from tests.api.rights import BODIES, EVERYBODY, LETTERS, RIGHTS
from tests.builders import FEE_FEN, a_charge, rules
from tests.client import Hands, key, wiring
from tests.delivery.builders import an_address
from tests.intake.builders import a_png
from tests.prescription.builders import a_prescription
from tests.record.builders import Visit, a_visit_of_people
from tests.settings import settings

STREAM = "GET /v1/events"
ENDS_SESSION = "DELETE /v1/account/sessions/current"
NOT_HERE = {"GET /v1/revisits/{revisit_id}/files/{file_id}", "GET /v1/invoices/{invoice_id}/pdf"}
"""What is read from object storage, which this world has none of."""
NOT_WRITTEN = {
    "GET /v1/revisits/{revisit_id}/intake": "intake.missing",
    "GET /v1/revisits/{revisit_id}/decline": "revisit.not_declined",
    "GET /v1/revisits/{revisit_id}/record": "record.not_written",
    "GET /v1/revisits/{revisit_id}/survey": "survey.missing",
}
"""What this visit's people have not said yet."""
NOT_THEIRS = ("R", "GET /v1/revisits/{revisit_id}/prescriptions")
"""A pharmacist reads what came to the pharmacists, one by one, and no visit."""
BUG = 500


@pytest_asyncio.fixture(scope="module")
async def document() -> dict[str, Any]:
    app: FastAPI = create_app(await wiring(Database(settings().database_url.get_secret_value(), settings().vault())))
    doors = [door for door in iter_route_contexts(app.routes) if isinstance(door.original_route, APIRoute)]
    return {"names": {f"{method} {door.path}" for door in doors for method in door.methods or set()}, "paths": app.openapi()["paths"]}


@dataclass
class World:
    """One visit with all that can belong to it, everybody signed in who may come to it, and those who may not."""

    visit: Visit
    ids: dict[str, str] = field(default_factory=dict[str, str])
    staff: dict[Role, dict[str, str]] = field(default_factory=dict[Role, dict[str, str]])

    @property
    def by_role(self) -> dict[str, dict[str, str]]:
        """A letter's header: the patient's and the doctor's of the visit, anybody's of an office."""
        theirs = {"P": self.visit.patient, "D": self.visit.doctor}
        return theirs | {letter: self.staff[role] for letter, role in LETTERS.items() if role in self.staff}


async def a_world(database: Database, clock: Hands) -> World:
    visit = await a_visit_of_people(database, clock)
    async with database.transaction() as db:
        await rules(db)
        charge_id = await a_charge(db, visit.id, ChargeState.SETTLED)
        trade = Trade(order_no="a1", state=TradeState.PAID, transaction_id="42a1", amount_fen=FEE_FEN, paid_at=clock())
        paid = known(await payments.keep(db, trade, charge_id=charge_id, visit_id=visit.id))
        bill = known(await invoices.begin(db, charge_id, clock()))
        refund = known(await refunds.begin(db, paid, Cause.MANAGEMENT, clock(), await policies.pinned(db, "test-1"), refund_id=ids.new()))
    prescription_id = await a_prescription(database, clock, visit, PrescriptionState.PAYING, queued_at=clock())
    async with database.transaction() as db:
        address_id = await an_address(db)
        parcel = await deliveries.begin(
            db, prescription_id=prescription_id, visit_id=visit.id, address_id=address_id, policy="test-1", at=clock()
        )
        signing = {"state": RecordState.SIGNING, "policy": "test-1", "visit_id": visit.id, "round": 1}
        await db.execute(insert(RecordSigningRow).values(id=(record_id := ids.new()), account_id=visit.unit.doctor_account_id, **signing))
        file = {"revisit_id": visit.id, "account_id": visit.person.account_id, "media_type": "image/png", "size": 1, "sha256": "0" * 64}
        await db.execute(insert(FileRow).values(id=(file_id := ids.new()), **file))
    world = World(visit)
    told: dict[str, UUID | str] = {
        "revisit_id": visit.id,
        "patient_id": visit.person.patient_id,
        "charge_id": charge_id,
        "refund_id": refund.id,
        "invoice_id": bill.id,
        "prescription_id": prescription_id,
        "delivery_id": parcel.id,
        "record_id": record_id,
        "file_id": file_id,
        "schedule_id": visit.unit.id,
        "doctor_id": visit.unit.doctor_id,
    }
    world.ids = {name: str(id) for name, id in told.items()}
    for role in (Role.MANAGEMENT, Role.FINANCE, Role.PHARMACIST):
        world.staff[role] = (await staff_signed_in(database, clock, role))[1]
    return world


async def knocks(api: httpx.AsyncClient, door: str, who: dict[str, str], told: dict[str, str], body: object = None) -> httpx.Response:
    """A request at a door; ids of which nothing is told are nobody's."""
    method, path = door.split()
    while "{" in path:
        name = path[path.index("{") + 1 : path.index("}")]
        path = path.replace(f"{{{name}}}", told.get(name, str(ids.new())))
    if door.endswith("/files"):
        return await api.request(method, path, headers=who | key(), files={"file": ("a.png", a_png(), "image/png")})
    return await api.request(method, path, headers=who | key(), json=BODIES.get(door, {}) if body is None else body)


def with_ids(letters: str) -> Iterator[str]:
    """Doors to a visit or what belongs to it, for those roles whose reach is a question of whose it is."""
    yield from (door for door, rights in RIGHTS.items() if "{" in door and "{doctor_id}" not in door and set(letters) & set(rights))


def test_every_route_is_in_the_table(document: dict[str, Any]) -> None:
    assert document["names"] - OPEN_DOORS == set(RIGHTS)


async def test_who_has_no_right_is_sent_away_before_anything_is_looked_up(
    api: httpx.AsyncClient, database: Database, clock: Hands, document: dict[str, Any]
) -> None:
    """With ids of nobody, so whoever is let in finds nothing; and each answer is one that the document names."""
    world, wrong = await a_world(database, clock), list[str]()
    for door, rights in RIGHTS.items():
        for letter in EVERYBODY if door not in {STREAM, ENDS_SESSION} else "":
            answer = await knocks(api, door, world.by_role[letter], {}, body={})
            method, path = door.split()
            documented = document["paths"][path][method.lower()]["responses"]
            sent_away = answer.status_code == 403 and answer.json()["code"] == "account.forbidden"
            if sent_away is (letter in rights) or str(answer.status_code) not in documented or answer.status_code == BUG:
                wrong.append(f"{letter} {door}: {answer.status_code} {answer.text[:80]}")

    assert "\n".join(wrong) == ""


async def test_what_is_another_persons_is_not_there(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """Asked for in full form by a patient and a doctor of other visits: as missing as what never was, and nothing has moved."""
    world, wrong = await a_world(database, clock), list[str]()
    before = await standing(database)
    for letter, who in (("P", world.visit.stranger), ("D", world.visit.other_doctor)):
        for door in with_ids(letter):
            if letter in RIGHTS[door]:
                theirs, nobodys = [await knocks(api, door, who, told) for told in (world.ids, {})]
                if theirs.status_code != 404 or theirs.json()["code"] != nobodys.json()["code"]:
                    wrong.append(f"{letter} {door}: {theirs.status_code} {theirs.text[:120]}")

    assert "\n".join(wrong) == ""
    assert await standing(database) == before


async def test_whose_it_is_finds_it(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """The same ids, read by those whose they are: so the others were sent away from what is there."""
    world, missing = await a_world(database, clock), list[str]()
    for door, rights in RIGHTS.items():
        for letter in rights if door.startswith("GET") and "{" in door and "{suspension_id}" not in door and door not in NOT_HERE else "":
            answer = await knocks(api, door, world.by_role[letter], world.ids)
            if answer.status_code == 404 and answer.json()["code"] != NOT_WRITTEN.get(door) and (letter, door) != NOT_THEIRS:
                missing.append(f"{letter} {door}: {answer.text[:120]}")

    assert "\n".join(missing) == ""


async def standing(database: Database) -> list[tuple[Any, ...]]:
    """Where the visit and all that belongs to it stand, and how much was written about them."""
    async with database.reading() as db:
        rows = [tuple(row) for row in (await db.execute(select(RevisitRow.id, RevisitRow.version, RevisitRow.state))).all()]
        for table in ("charge", "refund", "invoice", "prescription", "delivery", "record_signing"):
            rows += [tuple(row) for row in (await db.execute(text(f"select id, version, state from {table} order by id"))).all()]
        for table in ("inbox", "timeline", "chat", "intake", "intake_file", "record"):
            rows.append((table, await db.scalar(text(f"select count(*) from {table}"))))
        return rows
