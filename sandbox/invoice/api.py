"""The issuer's door: `POST /medical-web/api/medical/{method}` [B], and the PDF of a bill under an address that only the answer tells."""

import base64
import sqlite3
from datetime import datetime
from typing import Final, TypeVar

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ValidationError

from sandbox import clock
from sandbox.fault_kinds import Manners
from sandbox.faults import Faults
from sandbox.invoice import document, wire
from sandbox.invoice.issuer import Issuer, ten
from sandbox.invoice.messages import OutpatientIn, StatesIn, WriteOffIn, stamp
from sandbox.invoice.wire import IssuerError

M = TypeVar("M", bound=BaseModel)
METHODS: Final = "/medical-web/api/medical"
PICTURES: Final = "/medical-web/pdf"


class Door:
    """Its customer's calls come in."""

    def __init__(self, issuer: Issuer, app_id: str, key: str) -> None:
        """`key` proves who asks."""
        self._issuer, self._app_id, self._key = issuer, app_id, key

    def router(self, faults: Faults) -> APIRouter:
        """Routes for `{sandbox}/invoice`."""
        calls = APIRouter(route_class=faults.route_class("invoice", MANNERS), tags=["invoice"])
        calls.add_api_route(f"{METHODS}/invoiceEBillOutpatient", self.issue, methods=["POST"])
        calls.add_api_route(f"{METHODS}/writeOffEBill", self.write_off, methods=["POST"])
        calls.add_api_route(f"{METHODS}/getEBillStatesByBillInfo", self.states, methods=["POST"])
        calls.add_api_route(f"{PICTURES}/{{token}}", self.picture, methods=["GET"])
        return calls

    async def issue(self, request: Request) -> Response:
        """The bill under the customer's number."""
        try:
            return wire.done(_bill(request, self._issuer.issue(await self._asked(request, OutpatientIn), clock.now())))
        except IssuerError as refused:
            return wire.refused(refused.code)

    async def write_off(self, request: Request) -> Response:
        """The red bill."""
        try:
            return wire.done(_red(request, self._issuer.write_off(await self._asked(request, WriteOffIn), clock.now())))
        except IssuerError as refused:
            return wire.refused(refused.code)

    async def states(self, request: Request) -> Response:
        """How a bill stands: state 1 is valid, isScarlet 1 says that a red one undoes it [B]; the bill's own numbers with it [G]."""
        try:
            wish = await self._asked(request, StatesIn)
            bill = self._issuer.find(bus_no=wish.bus_no, code=wish.bill_batch_code, number=wish.bill_no)
        except IssuerError as refused:
            return wire.refused(refused.code)
        red = self._issuer.undone_by(bill)
        told = {"busNo": bill["bus_no"] or "", "totalAmt": _yuan(bill["total_fen"]), "state": "1", "isScarlet": "0" if red is None else "1"}
        return wire.done({**_bill(request, bill), **told, **({} if red is None else _scarlet(red))})

    async def picture(self, token: str) -> Response:
        """For who was told the address."""
        bill = self._issuer.by_token(token)
        if bill is None:
            raise HTTPException(404)
        return printed(self._issuer, bill)

    async def _asked(self, request: Request, kind: type[M]) -> M:
        said = wire.opened(await request.body(), self._app_id, self._key)
        try:
            return kind.model_validate(said)
        except ValidationError:
            raise IssuerError("E0001") from None


def printed(issuer: Issuer, bill: sqlite3.Row) -> Response:
    """A bill on paper."""
    undone = issuer.undone(bill) if bill["undoes"] is not None else None
    return Response(document.pdf(bill, undone), media_type="application/pdf")


def _picture_urls(request: Request, bill: sqlite3.Row) -> dict[str, object]:
    here = str(request.url).partition(METHODS)[0]
    url = f"{here}{PICTURES}/{bill['token']}"
    return {"billQRCode": base64.b64encode(document.qr_png(bill)).decode(), "pictureUrl": url, "pictureNetUrl": url}


def _bill(request: Request, bill: sqlite3.Row) -> dict[str, object]:
    numbers = {"billBatchCode": bill["code"], "billNo": ten(bill["number"]), "random": bill["check_code"]}
    return {**numbers, "createTime": _stamp(bill), **_picture_urls(request, bill)}


def _red(request: Request, red: sqlite3.Row) -> dict[str, object]:
    numbers = {"eScarletBillBatchCode": red["code"], "eScarletBillNo": ten(red["number"]), "eScarletRandom": red["check_code"]}
    return {**numbers, "createTime": _stamp(red), **_picture_urls(request, red)}


def _scarlet(red: sqlite3.Row) -> dict[str, object]:
    numbers: dict[str, object] = {
        "scarletBillBatchCode": red["code"],
        "scarletBillNo": ten(red["number"]),
        "scarletRandom": red["check_code"],
    }
    return numbers | {"scarletCreateTime": _stamp(red)}


def _stamp(bill: sqlite3.Row) -> str:
    return stamp(datetime.fromisoformat(bill["issued_at"]))


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


MANNERS = Manners(codes=tuple(wire.REFUSALS), refuse=wire.refused)
"""How it refuses when a fault makes it. Its answers are not signed."""
