"""The CA's calls: a task begun, a task asked for, a person's certificate. *Unproved*: no product's wire is public [G]."""

import base64

from fastapi import APIRouter, Response

from sandbox import clock
from sandbox.faults import Faults
from sandbox.signature.authority import Authority
from sandbox.signature.tasks import ALGORITHM, TaskIn, Tasks
from sandbox.signature.wire import Keys, SignatureError, dump, signed_route


def router(tasks: Tasks, authority: Authority, keys: Keys, faults: Faults) -> APIRouter:
    """Routes for `{sandbox}/signature`."""
    calls = APIRouter(route_class=signed_route(faults, keys), tags=["signature"])

    @calls.post("/v1/tasks")
    async def request(wish: TaskIn) -> Response:
        return Response(dump(tasks.request(wish, clock.now())))

    @calls.get("/v1/tasks/{number}")
    async def task(number: str) -> Response:
        return Response(dump(tasks.task(number, clock.now())))

    @calls.get("/v1/certificates/{staff_id}")
    async def certificate(staff_id: str) -> Response:
        if not authority.knows(staff_id):
            raise SignatureError(404, "CERTIFICATE_NOT_FOUND", "未找到该人员的有效签名证书")
        der = authority.certificate(staff_id).der
        return Response(dump({"staff_id": staff_id, "algorithm": ALGORITHM, "certificate": base64.b64encode(der).decode()}))

    return calls
