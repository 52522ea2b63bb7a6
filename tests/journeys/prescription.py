"""One prescription of a visit, and whose desk it passes: the doctor's, the phones of who signs, the pharmacist's, the HIS's pharmacy."""

from typing import Any, Self
from uuid import UUID

from stack.seed import DOCTOR, PHARMACIST
from tests.journeys.people import WITHIN_S, Json, read, until
from tests.journeys.visit import Visit

WEEK: Json = {
    "prescribed": {
        "items": [{"drug_code": "drug-tiotropium", "dose": "1", "frequency": "qd", "route": "inhaled", "days": 7, "packs": 1}],
        "diagnosis_code": "J44.900",
    },
    "diagnosis_text": "慢性阻塞性肺疾病",
}
PLACE: Json = {"province": "北京市", "city": "北京市", "county": "通州区", "detail": "北马厂149号"}
CARRIED = ("picked_up", "transit", "out_for_delivery", "signed")


class Prescription:
    """Of a visit whose patient is in the room."""

    def __init__(self, visit: Visit, id: str) -> None:
        self.visit, self.hospital, self.id = visit, visit.hospital, id
        self.path = f"/v1/prescriptions/{id}"

    async def now(self) -> Json:
        return await self.hospital.doctor.ask(self.path)

    async def until(self, *states: str, within_s: float = WITHIN_S) -> Json:
        return await until(f"the prescription to be {states}", self.now, lambda now: now["state"] in states, within_s)

    async def submit(self) -> Json:
        return await self.hospital.doctor.act(f"{self.path}/submit")

    async def signed(self, staff_id: str, how: str = "own") -> None:
        """Confirmed on the signer's phone."""
        await self.hospital.confirm(staff_id, self.id, how)

    async def by_doctor(self, how: str = "own") -> None:
        await self.signed(f"doc-{DOCTOR}", how)

    async def by_pharmacist(self) -> None:
        await self.signed(f"pha-{PHARMACIST}")

    async def approved(self) -> None:
        """Taken, approved, signed, priced."""
        await self.hospital.pharmacist.act(f"{self.path}/claim")
        await self.hospital.pharmacist.act(f"{self.path}/approve")
        await self.by_pharmacist()
        await self.until("choosing")

    async def handed_over(self, **place: str) -> Self:
        """Approved, paid, prepared, and given to the courier; `place` as in `paid`."""
        await self.approved()
        await self.paid("parcel", **place)
        for act in ("prepare", "hand-out"):
            await self.pharmacy(act)
        return self

    async def paid(self, way: str = "pickup", **place: str) -> Json:
        """`place`: what differs from where parcels usually go."""
        card = self.visit.patient.card
        receiver = {"receiver": PLACE | place | {"name": card.name, "phone": card.phone}} if way == "parcel" else {}
        await self.visit.patient.act(f"{self.path}/choose", {"way": way} | receiver)
        charge = (await self.until("paying"))["charge_id"]
        ordered = await self.visit.patient.act(f"/v1/charges/{charge}/orders", {"scene": "native"})
        await self.hospital.pay(ordered["charge"]["orders"][-1]["order_id"])
        return await self.until("dispensing", "ready")

    async def pharmacy(self, act: str) -> None:
        """Somebody at the HIS's pharmacy."""
        number = (await self.now())["number"]
        read(await self.hospital.outside.post(f"/his/desk/prescriptions/{number}/{act}", json={}))

    async def parcel(self) -> str:
        """Its number at the carrier, once it is wanted; of what was sent again the last one."""
        return UUID((await self.until("shipping", "completed"))["delivery_id"]).hex

    async def ordered(self, within_s: float = WITHIN_S) -> None:
        """The carrier has its order, and we know that."""
        parcel = UUID(await self.parcel())

        async def look() -> str:
            return (await self.visit.patient.ask(f"/v1/deliveries/{parcel}"))["state"]

        await until("the parcel to be ordered", look, lambda state: state != "creating", within_s)

    async def orders(self) -> list[Json]:
        """What the carrier holds of it."""
        number = await self.parcel()
        books = read(await self.hospital.outside.get("/books/logistics"))
        return [one for one in books["orders"] if one["order_id"] == number]

    async def carried(self, *moves: str) -> None:
        """The carrier's people have it, to the door."""
        number = await self.parcel()
        for move in moves:
            read(await self.hospital.outside.post(f"/logistics/desk/parcels/{number}/moves", json={"move": move}))

    async def filed(self) -> list[Json]:
        """What the HIS holds of it."""
        number = (await self.now())["number"]
        return [one for one in (await self.hospital.his())["prescriptions"] if number in one.values()]


async def written(visit: Visit, content: Any = None) -> Prescription:
    """A draft, by the visit's doctor."""
    await until("the drug in the catalogue", lambda: visit.hospital.doctor.ask("/v1/drugs", q="噻托溴铵"), lambda found: found["items"])
    opened = await visit.hospital.doctor.act(f"{visit.path}/prescriptions", content or WEEK)
    return Prescription(visit, opened["id"])


async def queued(visit: Visit) -> Prescription:
    """Written and signed by the visit's doctor: it waits for a pharmacist."""
    mine = await written(visit)
    await mine.submit()
    await mine.by_doctor()
    await mine.until("queued")
    return mine
