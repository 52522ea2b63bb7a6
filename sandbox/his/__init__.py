"""The hospital's information system as a FHIR R4 server, by protocols.md §4b; the hospital behind it is `demo`."""

from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from sandbox import clock
from sandbox.faults import Faults
from sandbox.his import access, books, instants, places, wire
from sandbox.his.appointments import Appointments
from sandbox.his.demo.seed import Demo
from sandbox.his.desk import Desk
from sandbox.his.documents import Documents
from sandbox.his.encounters import Encounters
from sandbox.his.hospital import Hospital
from sandbox.his.invoices import Invoices
from sandbox.his.outcome import MANNERS, Refusal, fhir_route
from sandbox.his.patients import Patients
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

    @property
    def client_id(self) -> str:
        """The name under which the hospital registered its client."""
        return access.CLIENT_ID

    @property
    def client_secret(self) -> str:
        """The secret that the hospital gave its client."""
        return self.access.secret

    def books(self) -> dict[str, object]:
        """Appointments, bills, settlements, reversals and online visits with the client's numbers and amounts in fen."""
        places.expire_due(self.hospital)
        return books.books(self.hospital)

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
    router = APIRouter(tags=["his"])
    router.include_router(_wire(hospital, door, demo, faults))
    router.include_router(_desk(hospital, demo))
    return His(router, hospital, door)


def _wire(hospital: Hospital, door: access.Access, demo: Demo, faults: Faults) -> APIRouter:
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
    for part in (Patients, Encounters, Documents, Schedules, Appointments, Invoices, Reversals):
        part(hospital).mount(fhir)
    calls.include_router(fhir)
    rest = APIRouter(prefix=wire.FHIR_ROOT, route_class=fhir_route(APIRoute))
    rest.add_api_route("/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    calls.include_router(rest)
    return calls


def _desk(hospital: Hospital, demo: Demo) -> APIRouter:
    async def come_in() -> None:
        demo.top_up()
        places.expire_due(hospital)

    desk = APIRouter(prefix="/desk", route_class=fhir_route(APIRoute), dependencies=[Depends(come_in)])
    Desk(hospital).mount(desk)
    return desk


async def _unknown() -> None:
    """What this server does not speak, said in FHIR's words."""
    raise Refusal("not-found", hint="no such interaction")
