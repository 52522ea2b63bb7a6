"""`GET /metrics`: how this process does, in numbers, for Prometheus. What its log lines count stands in `worker/metrics.py`.

No number is of a person, and no label is an id. Still, how busy a hospital is is nobody's business outside: who is not in its network, or
comes through a proxy that says so, finds nothing here. The proxy in front has no way to this path at all (docs/operations.md).
"""

import ipaddress

from fastapi import APIRouter, Request, Response

from api.wiring import Wired
from models.kernel.errors import DomainError
from worker.metrics import Told, connections, gauge, page

router = APIRouter(tags=["health"], include_in_schema=False)

_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/metrics")
async def metrics(request: Request, wiring: Wired) -> Response:
    """The numbers of this process."""
    if not _from_inside(request):
        raise DomainError("request.no_route", "missing")
    streams = gauge("fuzhen_streams", "Open streams of live screens.", (), {(): wiring.live.count()})
    body, headers = page(Told((streams, connections(wiring.database))))
    return Response(body, headers=headers)


def _from_inside(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _PASSED_ON):
        return False
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private
