"""The demonstration goes on: a prescription from the doctor's draft to the parcel that is signed for, every party at its own desk."""

from typing import Any
from uuid import UUID

from stack.errors import WalkError
from stack.seed import DOCTOR, PHARMACIST
from stack.walk import Person, Walk

WEEK: dict[str, Any] = {
    "prescribed": {
        "items": [{"drug_code": "drug-tiotropium", "dose": "1", "frequency": "qd", "route": "inhaled", "days": 7, "packs": 1}],
        "diagnosis_code": "J44.900",
    },
    "diagnosis_text": "慢性阻塞性肺疾病",
    "advice": "每日一次吸入，漏用不补",
}
RECEIVER = {"province": "北京市", "city": "北京市", "county": "通州区", "detail": "北马厂149号"}
ENDS = frozenset({"completed", "withdrawn", "cancelled", "expired"})


class Drugs:
    """One prescription of the visit, and the desks that it passes."""

    def __init__(self, on: Walk, visit: str, patient: Person, doctor: Person) -> None:
        self._on, self._visit, self._patient, self._doctor = on, visit, patient, doctor
        self._id = ""

    async def written(self) -> None:
        """开处方: written, held to the rules, reviewed, confirmed on the doctor's phone."""
        await self._on.until_found("the drug in the catalogue", lambda: self._doctor.ask("/v1/drugs", q="噻托溴铵"))
        self._id = (await self._doctor.act(f"/v1/revisits/{self._visit}/prescriptions", WEEK))["id"]
        await self._doctor.act(f"/v1/prescriptions/{self._id}/submit")
        await self._on.confirmed(f"doc-{DOCTOR}")
        await self._until(self._doctor, "queued")

    async def approved(self, pharmacist: Person) -> None:
        """审方: the oldest of the queue is taken, read and approved, and confirmed on the pharmacist's phone."""
        waiting = await pharmacist.ask("/v1/reviews")
        if self._id not in {one["id"] for one in waiting["items"]}:
            raise WalkError("the prescription is not in the pharmacists' queue")
        await pharmacist.act(f"/v1/prescriptions/{self._id}/claim")
        await pharmacist.ask(f"/v1/prescriptions/{self._id}")
        await pharmacist.act(f"/v1/prescriptions/{self._id}/approve")
        await self._on.confirmed(f"pha-{PHARMACIST}")
        await self._until(self._patient, "choosing")

    async def paid(self, name: str, phone: str) -> str:
        """配送到家, and paid; answers the charge."""
        receiver = RECEIVER | {"name": name, "phone": phone}
        await self._patient.act(f"/v1/prescriptions/{self._id}/choose", {"way": "parcel", "receiver": receiver})
        charge: str = (await self._until(self._patient, "paying"))["charge_id"]
        await self._on.pay(charge, self._patient)
        await self._until(self._patient, "dispensing", "shipping")
        return charge

    async def delivered(self) -> None:
        """调配 and 发药 at the HIS; the parcel is ordered, carried and signed for."""
        number = (await self._patient.ask(f"/v1/prescriptions/{self._id}"))["number"]
        await self._on.outside(f"/his/desk/prescriptions/{number}/prepare")
        parcel: str = (await self._until(self._patient, "shipping"))["delivery_id"]
        await self._on.outside(f"/his/desk/prescriptions/{number}/hand-out")

        async def ordered() -> Any:
            return (await self._patient.ask(f"/v1/deliveries/{parcel}"))["state"] != "creating"

        await self._on.until_found("the parcel at the carrier", ordered)
        for move in ("picked_up", "transit", "out_for_delivery", "signed"):
            await self._on.outside(f"/logistics/desk/parcels/{UUID(parcel).hex}/moves", {"move": move})
        await self._until(self._patient, "completed")

    async def _until(self, who: Person, *states: str) -> Any:
        async def look() -> Any:
            now = await who.ask(f"/v1/prescriptions/{self._id}")
            if now["state"] in ENDS - {*states}:
                raise WalkError(f"the prescription is {now['state_text']}: {now['reason']}")
            await self._on.told(self._patient, self._visit)
            return now if now["state"] in states else None

        return await self._on.until_found(f"the prescription to be {' or '.join(states)}", look)
