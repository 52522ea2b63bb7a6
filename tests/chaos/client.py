"""A line that does not give up: what may be asked again is, under the same key, until the house says what became of it."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import httpx

from models.kernel.clock import now

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
_OF_ONE: Final = re.compile(r"/v1/(\w+)/([0-9a-f-]{36})(?:/([\w-]+)(?:/[\w-]+)?)?")
CHAT: Final = "chat:read"
READINGS: Final[Mapping[tuple[str, str | None], str]] = {
    ("revisits", "record"): "record:read",
    ("revisits", "intake"): "intake:read",
    ("revisits", "files"): "intake:read",
    ("revisits", "chat"): CHAT,
    ("revisits", "past-visits"): "revisit:past_visits",
    ("prescriptions", None): "prescription:read",
    ("invoices", None): "invoice:read",
    ("invoices", "pdf"): "invoice:read",
    ("invoices", "red"): "invoice:read",
    ("deliveries", "receiver"): "delivery:receiver",
}
"""What staff read of a patient, by the words of its route, and how the audit calls that."""
LISTS: Final[Mapping[str, str]] = {"/v1/messages": "message:read", "/v1/surveys": "survey:read"}
"""The same of several people; one visit may be asked for."""
FILES: Final = "file_ids"
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": ("text",),
    "self-check": ("symptoms",),
    "consent": ("text_version", "text_hash"),
    "describe": ("text", FILES),
    "survey": ("answers",),
    "record": ("content", "diagnosis_code", "diagnosis_text"),
}
"""What is said or accepted in a visit, by the last segment of its route: what of the request must be read again."""


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
    subject_id: UUID | None
    by: UUID
    at: datetime | None = None
    """When a conversation was asked for: who talks in it leaves no trace."""


class Said(NamedTuple):
    """Where words stand: by the segment of `WORDS`, and the line or the visit that they are of."""

    of: str
    id: UUID


@dataclass
class Persistent(httpx.AsyncBaseTransport):
    """Reads, and wishes that carry a key, are repeated while the house is away, busy, or still at it."""

    staff: Mapping[str, UUID] = field(default_factory=dict[str, UUID])
    """Accounts of staff, by what they sign their requests with."""
    inner: httpx.AsyncBaseTransport = field(default_factory=lambda: httpx.AsyncHTTPTransport(retries=0))
    answered: list[Answered] = field(default_factory=list[Answered])
    kept: list[Kept] = field(default_factory=list[Kept])
    said: dict[Said, dict[str, Any]] = field(default_factory=dict[Said, dict[str, Any]])
    """The last words, answered as kept, and nothing else on the way since."""
    looked: Counter[Looked] = field(default_factory=Counter[Looked])
    broken: list[str] = field(default_factory=list[str])
    """Answers that nobody may ever get."""
    counted: Counter[str] = field(default_factory=Counter[str])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if one := _speech(request, None):
            self.said.pop(one, None)
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
        asked_at = now()
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
        if answer.is_success and (one := _speech(request, answer)):
            self.said[one] = _words(one.of, json.loads(request.content))
        by = self.staff.get(request.headers.get("Authorization", ""))
        if request.method == "GET" and answer.is_success and by:
            self.looked.update(filter(None, [looked(request.url, by, asked_at)]))
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


def looked(url: httpx.URL, by: UUID, at: datetime) -> Looked | None:
    """What of patients the screen of that address shows."""
    if listed := LISTS.get(url.path):
        visit = url.params.get("visit_id")
        return Looked(listed, UUID(visit) if visit else None, by)
    found = _OF_ONE.fullmatch(url.path)
    action = READINGS.get((found[1], found[3])) if found else None
    return Looked(action, UUID(found[2]), by, at if action == CHAT else None) if found and action else None


def _speech(request: httpx.Request, answer: httpx.Response | None) -> Said | None:
    """Where the words of a request will stand, or do by its answer: a line of a conversation has an id of its own."""
    found = _OF_ONE.fullmatch(request.url.path)
    if request.method not in {"POST", "PUT"} or not found or found[1] != "revisits" or found[3] not in WORDS:
        return None
    if found[3] == "chat":
        return Said("chat", UUID(answer.json()["id"])) if answer else None
    if request.method == "POST" and answer and answer.json().get("done") is not True:
        return None
    return Said(found[3], UUID(found[2]))


def _words(of: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as it is to be read again: files each once, in their order; none are told of, and there are none."""
    words = {name: told.get(name, []) if name == FILES else told[name] for name in WORDS[of]}
    return words | ({FILES: [str(UUID(one)) for one in dict.fromkeys(words[FILES])]} if FILES in words else {})


def _at_it(answer: httpx.Response) -> bool:
    """Taken, and still being carried out."""
    return answer.status_code == 202 and answer.json().get("done") is False
