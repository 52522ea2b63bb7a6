"""Who walks: one patient with the choices made for them, and what people do on more ways than one."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.journeys.hospital import Hospital
from tests.journeys.people import Patient, key, read
from tests.journeys.prescription import Prescription, queued
from tests.journeys.visit import CONDITION, Visit

PICTURE: Final = b"\xff\xd8\xff\xe0jfif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """`slot` has one place, and is nobody else's to be stopped, or to be wanted with `rivals`; `stood` is a visit that was there before."""

    hospital: Hospital
    patient: Patient
    chance: Random
    slot: str = ""
    rivals: tuple[Patient, ...] = ()
    stood: Visit | None = None
    family: list[Patient] = field(default_factory=list[Patient])
    """Who else of the account was bound on the way."""

    async def opened(self, **opening: str) -> Visit:
        return Visit(self.hospital, self.patient, await self.patient.open(**opening))

    async def visit(self, to: str, **opening: str) -> Visit:
        return await (await self.opened(**opening)).to(to)

    async def drugs(self) -> Prescription:
        """A prescription that is written, signed and queued, of a visit whose record is signed too."""
        return await queued(await self.visit("entered"))


async def ends(visit: Visit, *states: str) -> Visit:
    await visit.until(*states)
    return visit


async def talked(visit: Visit) -> Visit:
    """Each side says something in the room, after the doctor has read what was described."""
    await visit.hospital.doctor.ask(f"{visit.path}/intake")
    for speaker, words in ((visit.hospital.doctor, "您好，最近气短有没有加重？"), (visit.patient, "比上次好一些。")):
        read(await speaker.post(f"{visit.path}/chat", {"text": words}, key=key()))
    return visit


async def looked_back(visit: Visit) -> Visit:
    """When it is over its doctor reads what was said and shown, and the management what was sent and answered."""
    doctor, manager = visit.hospital.doctor, visit.hospital.manager
    await doctor.ask(f"{visit.path}/chat")
    for one in (await doctor.ask(f"{visit.path}/intake"))["files"]:
        assert (await doctor.get(f"{visit.path}/files/{one['id']}")).is_success
    await manager.ask("/v1/messages", visit_id=visit.id)
    await manager.ask("/v1/surveys")
    return visit


async def described(visit: Visit) -> Visit:
    """The condition, with a picture."""
    picture = read(await visit.patient.upload(f"{visit.path}/files", PICTURE, key=key()))
    await visit.act("describe", {"text": CONDITION, "file_ids": [picture["id"]]})
    return visit


async def paid_soon(walker: Walker, order: str) -> None:
    """At the cashier, within a second, who says no when the order is closed by then."""
    await asyncio.sleep(walker.chance.random())
    answer = await walker.hospital.outside.post(f"/wechat/cashier/{order.replace('-', '')}/pay", json={})
    assert answer.status_code < 500, answer.text
