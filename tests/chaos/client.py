"""A line that does not give up: what may be asked again is, under the same key, until the house says what became of it."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import httpx

PATIENCE_S: Final = 180.0
PAUSE_S: Final = 0.4
BUSY: Final = frozenset({502, 503, 504})
TABLES: Final[Mapping[str, str]] = {
    "patients": "patient",
    "revisits": "revisit",
    "chat": "chat",
    "files": "intake_file",
    "sign": "record_signing",
    "prescriptions": "prescription",
    "copy": "prescription",
    "refunds": "refund",
}
"""Where it stands what was begun or handed in, by the last segment of its route."""
_OF_ONE: Final = re.compile(r"/v1/(\w+)/([0-9a-f-]{36})(?:/(\w+))?")
READINGS: Final[Mapping[tuple[str, str | None], str]] = {
    ("revisits", "record"): "record:read",
    ("revisits", "intake"): "intake:read",
    ("prescriptions", None): "prescription:read",
    ("invoices", None): "invoice:read",
    ("deliveries", "receiver"): "delivery:receiver",
}
"""What staff read of a patient, by the words of its route, and how the audit calls that."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A command that was carried out by what the API says: its process stood so at that version."""

    process_id: UUID
    version: int
    state: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What was begun, said or handed in by what the API says, and answered with its id."""

    table: str
    id: UUID


class Looked(NamedTuple):
    """Staff were shown what is a patient's; the same may be read many times."""

    action: str
    subject_id: UUID


@dataclass
class Persistent(httpx.AsyncBaseTransport):
    """Reads, and wishes that carry a key, are repeated while the house is away, busy, or still at it."""

    staff: Collection[str] = ()
    """What staff sign their requests with."""
    inner: httpx.AsyncBaseTransport = field(default_factory=lambda: httpx.AsyncHTTPTransport(retries=0))
    answered: list[Answered] = field(default_factory=list[Answered])
    kept: list[Kept] = field(default_factory=list[Kept])
    looked: Counter[Looked] = field(default_factory=Counter[Looked])
    broken: list[str] = field(default_factory=list[str])
    """Answers that nobody may ever get."""
    counted: Counter[str] = field(default_factory=Counter[str])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        repeatable = request.method in {"GET", "PUT"} or "Idempotency-Key" in request.headers
        ends = time.monotonic() + PATIENCE_S
        while True:
            answer = await self._asked(request, final=not repeatable or time.monotonic() > ends)
            if answer is not None:
                return answer
            self.counted["repeats"] += 1
            await asyncio.sleep(PAUSE_S)

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def _asked(self, request: httpx.Request, *, final: bool) -> httpx.Response | None:
        """None: no definite answer yet."""
        try:
            answer = await self.inner.handle_async_request(
                httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
            )
            await answer.aread()
        except httpx.TransportError:
            if final:
                raise
            return None
        if answer.status_code == 500:
            self.broken.append(f"{request.method} {request.url.path}: {answer.text[:300]}")
        if not final and (answer.status_code in BUSY or _at_it(answer)):
            return None
        if "Idempotency-Key" in request.headers and answer.is_success:
            self._note(request, answer)
        if request.method == "GET" and answer.is_success and request.headers.get("Authorization") in self.staff:
            self.looked.update(filter(None, [looked(request.url.path)]))
        return answer

    def _note(self, request: httpx.Request, answer: httpx.Response) -> None:
        body = answer.json() if answer.content else None
        if not isinstance(body, dict):
            return
        told = cast(dict[str, Any], body)
        if table := TABLES.get(request.url.path.rpartition("/")[2]):
            self.kept.append(Kept(table, UUID(told["id"])))
        if charge := told.get("charge"):  # 发起缴费
            self.kept += [Kept("charge_order", UUID(one["order_id"])) for one in charge["orders"]]
        done = told.get("action") or told
        if done.get("done") is True:
            self.answered.append(Answered(UUID(done["id"]), int(done["version"]), str(done["state"])))


def looked(path: str) -> Looked | None:
    """What of a patient the screen of that path shows."""
    found = _OF_ONE.fullmatch(path)
    action = READINGS.get((found[1], found[3])) if found else None
    return Looked(action, UUID(found[2])) if found and action else None


def _at_it(answer: httpx.Response) -> bool:
    """Taken, and still being carried out."""
    return answer.status_code == 202 and answer.json().get("done") is False
