"""Faults on demand: what goes wrong outside, asked for by name and counted down call by call."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.types import Message, Receive, Scope, Send

from sandbox.store import Store

System = Literal["his", "wechat_pay", "sms"]
Kind = Literal["slow", "lost"]
Naming = Callable[[Scope, str], str]
"""Gives a call its name from the request's scope and the route's template, e.g. `POST /v3/pay/transactions/{kind}`."""

EVERY_CALL = "*"

DDL = """
CREATE TABLE IF NOT EXISTS fault (
    id INTEGER PRIMARY KEY,
    system TEXT NOT NULL,
    call TEXT NOT NULL,
    kind TEXT NOT NULL,
    seconds REAL NOT NULL CHECK (seconds >= 0),
    times INTEGER NOT NULL CHECK (times > 0),
    taken INTEGER NOT NULL DEFAULT 0 CHECK (taken <= times)
);
"""


class FaultIn(BaseModel):
    """A fault that somebody asks for: the next `times` calls of that name go wrong."""

    system: System
    call: Annotated[str, Field(min_length=1, max_length=200)] = EVERY_CALL
    kind: Kind
    seconds: Annotated[float, Field(ge=0, le=3600)] = 0
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class Fault(FaultIn):
    """A fault as kept: `taken` of its `times` have happened."""

    id: int
    taken: int = 0


Answer = Callable[[Send], Awaitable[None]]
"""The call itself, given where its answer is to go."""


async def _slow(fault: Fault, answer: Answer, send: Send) -> None:
    """The call takes effect and answers, but only after the wait."""
    await asyncio.sleep(fault.seconds)
    await answer(send)


async def _lost(fault: Fault, answer: Answer, send: Send) -> None:
    """The call takes effect at once, its answer is thrown away, and the line stays silent until a gateway on the way gives up with 504."""

    async def nowhere(message: Message) -> None:
        del message

    await answer(nowhere)
    await asyncio.sleep(fault.seconds)
    await send({"type": "http.response.start", "status": 504, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


BEHAVIOURS: dict[Kind, Callable[[Fault, Answer, Send], Awaitable[None]]] = {"slow": _slow, "lost": _lost}
"""What each kind does with a call. A further kind (refused, duplicated, late, tampered) is one more function here."""


class Faults:
    """The faults that are set, and the route class through which a system's calls meet them."""

    def __init__(self, store: Store) -> None:
        """Faults are rows, so they outlive a restart."""
        store.script(DDL)
        self._store = store
        self._calls: dict[System, list[str]] = {"his": [], "wechat_pay": [], "sms": []}
        self.router = self._router()

    def declare(self, system: System, call: str) -> None:
        """Make a call known, so that faults for it can be asked for; a fault on a misspelt name would never happen."""
        if call not in self._calls[system]:
            self._calls[system].append(call)

    def calls(self, system: System) -> list[str]:
        """The names of a system's calls, `*` first."""
        return [EVERY_CALL, *self._calls[system]]

    def set(self, wish: FaultIn) -> Fault:
        """Keep a fault; raises KeyError when the system has no such call."""
        if wish.call not in self.calls(wish.system):
            raise KeyError(wish.call)
        with self._store.transaction() as db:
            made = db.execute(
                "INSERT INTO fault (system, call, kind, seconds, times) VALUES (:system, :call, :kind, :seconds, :times)", wish.model_dump()
            )
        return Fault(id=made.lastrowid or 0, **wish.model_dump())

    def all(self) -> list[Fault]:
        """Every fault that still has calls to spoil, oldest first."""
        return [_fault(row) for row in self._store.rows("SELECT * FROM fault WHERE taken < times ORDER BY id")]

    def clear(self) -> None:
        """Let everything work again."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM fault")

    def take(self, system: System, call: str) -> Fault | None:
        """The oldest fault that fits this call, counted as taken; None lets the call pass."""
        row = self._store.row(
            "SELECT * FROM fault WHERE system = ? AND call IN (?, ?) AND taken < times ORDER BY id LIMIT 1", system, call, EVERY_CALL
        )
        if row is None:
            return None
        with self._store.transaction() as db:
            db.execute("UPDATE fault SET taken = taken + 1 WHERE id = ?", (row["id"],))
        return _fault(row)

    def route_class(self, system: System, naming: Naming | None = None) -> type[APIRoute]:
        """The class for a system's router: `APIRouter(route_class=faults.route_class("his"))`.

        A call's name is `METHOD /template`, the template as written in that router (its own prefix included, the base it hangs under
        not). A system that puts several calls behind one path gives its own `naming` and declares the names itself.
        """
        faults = self

        class FaultyRoute(APIRoute):
            def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
                super().__init__(path, endpoint, **options)
                if naming is None:
                    for method in sorted(self.methods or ()):
                        faults.declare(system, f"{method} {self.path_format}")

            async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
                async def answer(where: Send) -> None:
                    await super(FaultyRoute, self).handle(scope, receive, where)

                call = f"{scope['method']} {self.path_format}"
                known = scope["method"] in (self.methods or ())
                fault = faults.take(system, naming(scope, call) if naming else call) if known else None
                if fault is None:
                    await answer(send)
                else:
                    scope["sandbox.fault"] = fault.kind  # told in the request's log line
                    await BEHAVIOURS[fault.kind](fault, answer, send)

        return FaultyRoute

    def _router(self) -> APIRouter:
        router = APIRouter(prefix="/faults", tags=["faults"])

        @router.post("", status_code=201)
        async def ask(wish: FaultIn) -> Fault:
            try:
                return self.set(wish)
            except KeyError as unknown:
                raise HTTPException(422, {"call": wish.call, "known": self.calls(wish.system)}) from unknown

        @router.get("")
        async def show() -> list[Fault]:
            return self.all()

        @router.delete("", status_code=204)
        async def clear() -> Response:
            self.clear()
            return Response(status_code=204)

        return router


def _fault(row: sqlite3.Row) -> Fault:
    return Fault(**{key: row[key] for key in row.keys()})  # noqa: SIM118  a Row iterates over values
