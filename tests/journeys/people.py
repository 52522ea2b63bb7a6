"""Who uses the product: each a browser that signs in and speaks HTTP, and knows nothing of what is behind it."""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from models.kernel import ids

Json = dict[str, Any]
T = TypeVar("T")

LOOK_EVERY_S = 0.1
WITHIN_S = float(os.environ.get("WITHIN_S", "25"))
"""How long anybody waits for anything, unless said otherwise."""


async def until(what: str, look: Callable[[], Awaitable[T]], fits: Callable[[T], object], within_s: float = WITHIN_S) -> T:
    """Look again until it fits: the one place where a journey waits, bounded, and it tells what it saw last."""
    ends = time.monotonic() + within_s
    while not fits(seen := await look()):
        if time.monotonic() > ends:
            raise AssertionError(f"waited {within_s:.0f} s for {what}; seen last: {seen}")
        await asyncio.sleep(LOOK_EVERY_S)
    return seen


def read(answer: httpx.Response) -> Any:
    """The body of a success."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:600]}"
    return answer.json() if answer.content else None


def refused(answer: httpx.Response, status: int, code: str) -> Json:
    """The problem that a refusal must be: RFC 9457, in Chinese, and with nothing of the inside in it."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text[:600]
    problem: Json = answer.json()
    assert (problem["code"], problem["status"], problem["type"]) == (code, status, f"urn:fuzhen:problem:{code}")
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert any("一" <= char <= "鿿" for char in problem["title"])
    return problem


def key() -> str:
    """A new wish's Idempotency-Key."""
    return ids.new().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A person as the hospital's registration desk wrote them down, and the phone in their hand."""

    id: str
    name: str
    id_number: str
    phone: str


class Person:
    """A browser. Nobody before `sign_in`."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.headers: dict[str, str] = {}

    def speak(self, http: httpx.AsyncClient) -> None:
        """Over another line from now on."""
        self._http = http

    async def get(self, path: str, **parameters: str) -> httpx.Response:
        return await self._http.get(path, params=parameters, headers=self.headers)

    async def ask(self, path: str, **parameters: str) -> Any:
        """What the screen reads."""
        return read(await self.get(path, **parameters))

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Any request, as it is."""
        return await self._http.request(method, path, **request | {"headers": self.headers | request.get("headers", {})})

    async def post(self, path: str, body: object = None, *, key: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """One attempt at a wish."""
        given = self.headers | {"Idempotency-Key": key} | (headers or {})
        return await self._http.post(path, json={} if body is None else body, headers=given)

    async def answer(self, path: str, body: object = None, *, headers: dict[str, str] | None = None) -> httpx.Response:
        """The definite answer to a wish, which is repeated under its key until then, even when the line breaks."""
        mine = key()

        async def attempt() -> httpx.Response:
            try:
                return await self.post(path, body, key=mine, headers=headers)
            except httpx.TransportError:
                return httpx.Response(503)

        return await until(f"a definite answer of {path}", attempt, lambda answer: answer.status_code not in {202, 503})

    async def act(self, path: str, body: object = None, *, headers: dict[str, str] | None = None) -> Any:
        """A wish that must be granted in the end."""
        return read(await self.answer(path, body, headers=headers))

    async def upload(self, path: str, content: bytes, *, name: str = "胸片.jpg", key: str, kind: str = "image/jpeg") -> httpx.Response:
        """A file out of the phone's gallery."""
        given = self.headers | {"Idempotency-Key": key}
        return await self._http.post(path, files={"file": (name, content, kind)}, headers=given)

    @asynccontextmanager
    async def following(self, *topics: str) -> AsyncGenerator[AsyncGenerator[Json]]:
        """The browser's one live stream: what it is told, event by event."""
        async with self._http.stream("GET", "/v1/events", params={"topics": ",".join(topics)}, headers=self.headers) as answer:
            assert answer.status_code == 200
            yield _events(answer)


class Patient(Person):
    """A person with a phone, who books for themself."""

    def __init__(self, http: httpx.AsyncClient, card: Card) -> None:
        super().__init__(http)
        self.card = card
        self.id = ""
        """The bound 就诊人."""

    async def bind(self, relation: str, name: str | None = None) -> None:
        """As a 就诊人 of the account that is signed in."""
        body = {"name": name or self.card.name, "id_number": self.card.id_number, "relation": relation}
        self.id = str((await self.act("/v1/patients", body))["id"])

    async def open(self, **opening: str) -> str:
        """线上复诊: the new visit's id."""
        return str((await self.act(f"/v1/patients/{self.id}/revisits", opening))["id"])


class Doctor(Person):
    """A doctor of the demo hospital."""

    async def record(self, visit: str, **changed: object) -> httpx.Response:
        """病历."""
        content = {"complaint": "活动后气短复诊", "history": "慢阻肺病史，规律吸入治疗。", "advice": "继续原方案，四周后复查肺功能。"}
        body = {"content": content, "diagnosis_code": "J44.900", "diagnosis_text": "慢性阻塞性肺疾病"} | changed
        return await self.send(
            "PUT", f"/v1/revisits/{visit}/record", json={name: value for name, value in body.items() if value is not None}
        )


class Desk(Person):
    """门诊办 or 财务处, at 退费管理."""

    async def refunds(self, standing: str = "stuck", **asked: str) -> list[Json]:
        """What is `running`, `stuck` or `ended`, newest first."""
        return (await self.ask("/v1/refunds", standing=standing, limit="100", **asked))["items"]

    async def decide(self, refund: str, action: str, body: object = None) -> Json:
        """`retry`, `hand-over`, `pay-out` or `withdraw`, and it must be granted."""
        return await self.act(f"/v1/refunds/{refund}/{action}", body)


async def _events(answer: httpx.Response) -> AsyncGenerator[Json]:
    """Server-sent events as they come: name and data."""
    name = ""
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield {"event": name} | json.loads(value)
