"""A client of the HIS as a test needs one: it holds a token and has every answer looked at by the oracle."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from sandbox.his import wire
from tests.sandbox.his import oracle

Json = dict[str, Any]
FHIR: Final = "/his/fhir/R4"
START: Final = datetime.fromisoformat("2026-11-25T07:30:00+08:00")
"""A Wednesday, an hour and a half before the night's 就诊单元 ends."""
UNIT: Final = "sch-wangjianguo-20261125-night"
SLOT: Final = "slot-wangjianguo-20261125-night-0800"
LATER_SLOT: Final = "slot-wangjianguo-20261125-morning-0900"
"""In another 就诊单元 of the same doctor."""


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, at: datetime = START) -> None:
        """Stands at `at`."""
        self.at = at

    def __call__(self) -> datetime:
        """The instant."""
        return self.at

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.at += timedelta(**by)


class Client:
    """Calls by the names of protocols.md §4b. `seen` keeps each kind of resource that was answered."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        """Speaks over `http`, whose base is the sandbox's."""
        self.http = http
        self.seen: set[str] = set()
        self.keys = ("", "")
        http.event_hooks = {"response": [self._look]}

    async def sign_in(self, client_id: str, client_secret: str) -> None:
        """Take a token and show it on every later call."""
        self.keys = (client_id, client_secret)
        answer = await self.http.post("/his/token", data={"grant_type": "client_credentials"}, auth=(client_id, client_secret))
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    async def get(self, path: str, **params: str) -> Json:
        """A read or search that is answered with 200."""
        answer = await self.http.get(f"{FHIR}{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def found(self, path: str, **params: str) -> list[Json]:
        """The resources of all pages of a search, included ones too."""
        bundle = await self.get(path, **params)
        resources = [entry["resource"] for entry in bundle.get("entry", [])]
        while following := [link["url"] for link in bundle["link"] if link["relation"] == "next"]:
            bundle = (await self.http.get(following[0])).json()
            resources += [entry["resource"] for entry in bundle.get("entry", [])]
        return resources

    async def create(self, resource: Json, number: str | None = None) -> httpx.Response:
        """A conditional create under the resource's own identifier, or under `number`."""
        own = resource["identifier"][0]
        condition = f"identifier={own['system']}|{number or own['value']}"
        return await self.http.post(f"{FHIR}/{resource['resourceType']}", json=resource, headers=_json({"If-None-Exist": condition}))

    async def put(self, resource: Json, version: str | None = None) -> httpx.Response:
        """A change made from the resource's own version, or from `version`."""
        condition = {"If-Match": f'W/"{version or resource["meta"]["versionId"]}"'}
        return await self.http.put(f"{FHIR}/{resource['resourceType']}/{resource['id']}", json=resource, headers=_json(condition))

    async def lock(self, claim_no: str, slot: str = SLOT, patient: str = "pat-eligible") -> httpx.Response:
        """Lock a place."""
        return await self.create(a_lock(claim_no, slot, patient))

    async def settle(self, invoice: str, payment: Json) -> httpx.Response:
        """Tell the HIS that money has come."""
        return await self.http.post(f"{FHIR}/Invoice/{invoice}/$settle", json=payment, headers=_json({}))

    async def reverse(self, invoice: str, refund: Json) -> httpx.Response:
        """Tell the HIS that money goes back."""
        return await self.http.post(f"{FHIR}/Invoice/{invoice}/$reverse", json=refund, headers=_json({}))

    async def booked(self, claim_no: str, slot: str = SLOT, patient: str = "pat-eligible") -> Json:
        """A place locked and paid."""
        locked = (await self.lock(claim_no, slot, patient)).json()
        settled = await self.settle(invoice_of(locked)["id"], a_payment(f"pay-{claim_no}"))
        assert settled.status_code == 200, settled.text
        return await self.get(f"/Appointment/{locked['id']}")

    async def checked_in(self, claim_no: str, slot: str = SLOT, patient: str = "pat-eligible") -> Json:
        """A place locked and paid, and its person reported."""
        answer = await self.put(await self.booked(claim_no, slot, patient) | {"status": "checked-in"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def remaining(self, slot: str = SLOT) -> int:
        """Places that the HIS still has."""
        return value_of(await self.get(f"/Slot/{slot}"), wire.REMAINING)

    async def patients(self, many: int) -> list[str]:
        """Ids of new patients."""
        answers = [await self.http.post("/his/desk/patients", json={"name": f"测试患者{number}"}) for number in range(many)]
        return [answer.json()["id"] for answer in answers]

    async def _look(self, response: httpx.Response) -> None:
        await response.aread()
        if response.headers.get("content-type") == wire.FHIR_JSON:
            message = response.json()
            oracle.check(message)
            self.seen |= {message["resourceType"], *(entry["resource"]["resourceType"] for entry in message.get("entry", []))}


def a_lock(claim_no: str, slot: str = SLOT, patient: str = "pat-eligible") -> Json:
    """The body of a lock."""
    return {
        "resourceType": "Appointment",
        "identifier": [{"system": wire.CLAIM, "value": claim_no}],
        "status": "pending",
        "slot": [{"reference": f"Slot/{slot}"}],
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
    }


def a_payment(number: str, amount: float = 50.0, legs: dict[str, float] | None = None) -> Json:
    """The body of a settlement."""
    parts = [{"name": leg, "valueMoney": _yuan(value)} for leg, value in (legs or {"cash": amount}).items()]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "ourPaymentNo", "valueIdentifier": {"system": wire.PAYMENT, "value": number}},
            {"name": "channel", "valueCode": "wechat_pay"},
            {"name": "channelNo", "valueString": "4200001234202611250000000001"},
            {"name": "amount", "valueMoney": _yuan(amount)},
            {"name": "legs", "part": parts},
            {"name": "paidAt", "valueDateTime": "2026-11-25T07:31:00+08:00"},
        ],
    }


def a_refund(number: str, amount: float = 50.0, legs: dict[str, float] | None = None) -> Json:
    """The body of a reversal."""
    parts = [{"name": leg, "valueMoney": _yuan(value)} for leg, value in (legs or {"cash": amount}).items()]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "ourRefundNo", "valueIdentifier": {"system": wire.REFUND, "value": number}},
            {"name": "amount", "valueMoney": _yuan(amount)},
            {"name": "legs", "part": parts},
            {"name": "reason", "valueString": "patient"},
        ],
    }


def a_visit(number: str, appointment: Json) -> Json:
    """The body of 接诊 of an appointment."""
    return {
        "resourceType": "Encounter",
        "identifier": [{"system": wire.VISIT, "value": number}],
        "status": "in-progress",
        "class": {"system": wire.ACT_CODE, "code": "VR"},
        "subject": {"reference": appointment["participant"][0]["actor"]["reference"]},
        "appointment": [{"reference": f"Appointment/{appointment['id']}"}],
        "participant": [{"individual": {"reference": appointment["participant"][1]["actor"]["reference"]}}],
        "period": {"start": "2026-11-25T07:40:00+08:00"},
    }


def invoice_of(appointment: Json) -> Json:
    """The bill that a lock was answered with."""
    [invoice] = appointment["contained"]
    return invoice


def value_of(resource: Json, url: str) -> Any:
    """The value of the one extension of that name."""
    [extension] = [extension for extension in resource["extension"] if extension["url"] == url]
    [value] = [value for name, value in extension.items() if name.startswith("value")]
    return value


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """HTTP status and the code of a refusal."""
    issue = answer.json()["issue"][0]
    assert issue["severity"] == "error"
    return answer.status_code, issue["details"]["coding"][0]["code"]


@contextmanager
def signed_out(client: Client) -> Generator[httpx.AsyncClient]:
    """The same line without its token."""
    token = client.http.headers.pop("Authorization")
    try:
        yield client.http
    finally:
        client.http.headers["Authorization"] = token


def _yuan(value: float) -> Json:
    return {"value": value, "currency": "CNY"}


def _json(headers: dict[str, str]) -> dict[str, str]:
    return {"Content-Type": wire.FHIR_JSON} | headers
