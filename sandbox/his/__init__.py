"""The hospital's information system as a FHIR R4 server, by protocols.md §4b; the hospital behind it is `demo`."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from sandbox import clock
from sandbox.faults import Faults
from sandbox.his import access, books, elements, exchange, instants, places, wire
from sandbox.his.appointments import Appointments
from sandbox.his.clinics import Clinics
from sandbox.his.compositions import Compositions
from sandbox.his.demo.seed import Demo
from sandbox.his.desk import Desk
from sandbox.his.documents import Documents
from sandbox.his.encounters import Encounters
from sandbox.his.hospital import Hospital
from sandbox.his.invoices import Invoices
from sandbox.his.messages import Messages
from sandbox.his.outcome import MANNERS, Refusal, fhir_route
from sandbox.his.patients import Patients
from sandbox.his.pharmacy.catalogue import Catalogue
from sandbox.his.pharmacy.desk import PharmacyDesk
from sandbox.his.pharmacy.dispensing import Dispensing
from sandbox.his.pharmacy.prescriptions import Prescriptions
from sandbox.his.reversals import Reversals
from sandbox.his.schedules import Schedules
from sandbox.settings import Settings
from sandbox.store import Store

__all__ = ["His", "build"]


@dataclass(frozen=True, slots=True)
class His:
    """The HIS as the sandbox hangs it up: `router` under `/his`, `books` for auditors, `console` for people."""

    router: APIRouter
    hospital: Hospital
    access: access.Access
    dispensing: Dispensing
    messages: Messages
    clinics: Clinics

    @property
    def client_id(self) -> str:
        """The name under which the hospital registered its client."""
        return access.CLIENT_ID

    @property
    def client_secret(self) -> str:
        """The secret that the hospital gave its client."""
        return self.access.secret

    @property
    def webhook_key(self) -> str:
        """By which its client knows what comes from it."""
        return self.messages.key

    @property
    def alive(self) -> bool:
        """Whether it tells what it has to tell."""
        return self.messages.alive and self.dispensing.alive

    async def run(self) -> None:
        """Tell, and dispense what is to be dispensed by itself. Runs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.messages.run())
            tasks.create_task(self.dispensing.run())

    def books(self) -> dict[str, object]:
        """Appointments, bills, money, online visits, prescriptions and messages, with the client's numbers and amounts in fen."""
        places.expire_due(self.hospital)
        return books.books(self.hospital) | {"messages": self.messages.books()}

    def console(self) -> list[dict[str, object]]:
        """The newest appointments."""
        places.expire_due(self.hospital)
        return books.console(self.hospital)


def build(store: Store, faults: Faults, settings: Settings, now: instants.Clock = clock.now) -> His:
    """A HIS whose demo hospital is open: today's and the coming week's 就诊单元 are in its books."""
    hospital = Hospital(store, now, settings.lock_s, settings.seed)
    door = access.Access(hospital)
    demo = Demo(hospital)
    demo.top_up()
    messages = Messages(hospital, faults, settings.his_retry_s, settings.his_listener or None)
    dispensing = Dispensing(hospital, messages, settings.his_dispense_s)
    router = APIRouter(tags=["his"])
    router.include_router(_wire(hospital, door, demo, dispensing, faults))
    clinics = Clinics(hospital, messages)
    router.include_router(_desk(hospital, demo, PharmacyDesk(hospital, dispensing, messages), clinics))
    return His(router, hospital, door, dispensing, messages, clinics)


def _wire(hospital: Hospital, door: access.Access, demo: Demo, dispensing: Dispensing, faults: Faults) -> APIRouter:
    """Token and FHIR calls; each can be spoiled by a fault."""
    route = fhir_route(faults.route_class("his", MANNERS))
    calls = APIRouter(route_class=route)
    calls.add_api_route("/token", door.token, methods=["POST"])

    async def come_in(request: Request) -> None:
        """Nobody without a token; and the books are of this very instant before anybody reads them."""
        door.require(request)
        demo.top_up()
        places.expire_due(hospital)

    fhir = APIRouter(prefix=wire.FHIR_ROOT, route_class=route, dependencies=[Depends(come_in)])
    for part in (Patients, Encounters, Documents, Schedules, Appointments, Invoices, Reversals, Catalogue):
        part(hospital).mount(fhir)
    prescriptions, compositions = Prescriptions(hospital), Compositions(hospital)
    prescriptions.mount(fhir)
    compositions.mount(fhir)

    async def sign(request: Request) -> JSONResponse:
        """What is signed says whose desk it is."""
        body = await exchange.resource_of(request, "Provenance")
        of_record = (elements.text_at(body, "target", 0, "reference") or "").startswith("Composition/")
        return await (compositions if of_record else prescriptions).sign(request, body)

    fhir.add_api_route("/Provenance", sign, methods=["POST"])
    dispensing.mount(fhir)
    calls.include_router(fhir)
    rest = APIRouter(prefix=wire.FHIR_ROOT, route_class=fhir_route(APIRoute))
    rest.add_api_route("/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    calls.include_router(rest)
    return calls


def _desk(hospital: Hospital, demo: Demo, pharmacy: PharmacyDesk, clinics: Clinics) -> APIRouter:
    async def come_in() -> None:
        demo.top_up()
        places.expire_due(hospital)

    desk = APIRouter(prefix="/desk", route_class=fhir_route(APIRoute), dependencies=[Depends(come_in)])
    Desk(hospital).mount(desk)
    pharmacy.mount(desk)
    clinics.mount(desk)
    return desk


async def _unknown() -> None:
    """What this server does not speak, said in FHIR's words."""
    raise Refusal("not-found", hint="no such interaction")
