"""Doors for people and tests at the pharmacy and the cash window; no part of the wire, no token."""

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, HttpUrl

from sandbox.his import exchange
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.messages import Messages
from sandbox.his.pharmacy import catalogue
from sandbox.his.pharmacy.dispensing import Dispensing


class ListenerIn(BaseModel):
    """Where the internet hospital takes what the HIS tells; None: nobody is told."""

    model_config = ConfigDict(extra="forbid")
    url: HttpUrl | None


class PharmacyDesk:
    """Pay, prepare, hand out, take back; stop a drug; say who is told."""

    def __init__(self, hospital: Hospital, dispensing: Dispensing, messages: Messages) -> None:
        """The counter of this hospital."""
        self._hospital, self._dispensing, self._messages = hospital, dispensing, messages

    def mount(self, router: APIRouter) -> None:
        """The calls."""
        acts: dict[str, Callable[[str], None]] = {
            "pay": self._dispensing.pay,
            "prepare": self._dispensing.prepare,
            "hand-out": self._dispensing.hand_out,
            "take-back": self._dispensing.take_back,
        }
        for name, act in acts.items():
            router.add_api_route(f"/prescriptions/{{number}}/{name}", _call(act), methods=["POST"])
        router.add_api_route("/prescriptions/{number}/tell-again", self.tell_again, methods=["POST"])
        router.add_api_route("/drugs/{id}/stop", self.stop, methods=["POST"])
        router.add_api_route("/drugs/{id}/resume", self.resume, methods=["POST"])
        router.add_api_route("/listener", self.listen, methods=["PUT"])

    async def tell_again(self, number: str) -> Json:
        """Every message about a prescription once more."""
        return {"messages": self._messages.again(number)}

    async def stop(self, id: str) -> JSONResponse:
        """停用."""
        return self._stop(id, stopped=True)

    async def resume(self, id: str) -> JSONResponse:
        """恢复."""
        return self._stop(id, stopped=False)

    async def listen(self, wish: ListenerIn) -> Json:
        """Who is told from now on."""
        self._messages.listen_at(str(wish.url) if wish.url else None)
        return {"url": str(wish.url) if wish.url else None}

    def _stop(self, id: str, *, stopped: bool) -> JSONResponse:
        with self._hospital.store.transaction() as db:
            row = catalogue.stop(db, id, self._hospital.now_ms(), stopped=stopped)
        return exchange.answer(catalogue.medication(row))


def _call(act: Callable[[str], None]) -> Callable[..., object]:
    async def call(number: str) -> Json:
        act(number)
        return {"prescription": number}

    return call
