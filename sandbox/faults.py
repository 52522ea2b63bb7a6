"""Faults on demand: what goes wrong outside, asked for by name and counted down call by call."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, HTTPException, Path, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, model_validator
from starlette.types import Message, Receive, Scope, Send

from sandbox.fault_kinds import BEHAVIOURS, Kind, Manners, Spoilt
from sandbox.logs import log
from sandbox.store import Store

System = Literal["his", "wechat_pay", "sms", "logistics", "signature", "review", "invoice"]
Naming = Callable[[Scope, str], str]
"""Gives a call its name from the request's scope and the route's template, e.g. `POST /v3/pay/transactions/{kind}`."""

EVERY_CALL = "*"
"""Every call that comes in to a system."""
NOTIFY = "NOTIFY "
"""How the names of notifies begin, which go out."""
EVERY_NOTIFY = f"{NOTIFY}*"
NOTIFY_KINDS: tuple[Kind, ...] = ("lost", "duplicated", "late", "tampered")

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
    """A fault that somebody asks for: the next `times` calls, or notifies, of that name go wrong."""

    system: System
    call: Annotated[str, Field(min_length=1, max_length=200)] = EVERY_CALL
    kind: Kind
    seconds: Annotated[float, Field(ge=0, le=3600)] = 0
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    code: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """Of `refused` alone: what the party says, one of its own words."""

    @model_validator(mode="after")
    def _can_happen(self) -> "FaultIn":
        if self.call.startswith(NOTIFY) and self.kind not in NOTIFY_KINDS:
            raise ValueError(f"a notify is {', '.join(NOTIFY_KINDS)}")
        if self.code is not None and self.kind != "refused":
            raise ValueError("only what is refused has a code")
        return self


class Fault(FaultIn):
    """A fault as kept: `taken` of its `times` have happened."""

    id: int
    taken: int = 0


class Faults:
    """The faults that are set, and the route class through which a system's calls meet them."""

    def __init__(self, store: Store) -> None:
        """Faults are rows, so they outlive a restart."""
        store.script(DDL)
        store.extend("fault", "code", "TEXT")
        self._store = store
        self._calls: dict[System, list[str]] = {system: [] for system in get_args(System)}
        self._codes: dict[System, list[str]] = {system: [] for system in get_args(System)}
        self._late: set[asyncio.Task[None]] = set()
        self.router = self._router()

    def declare(self, system: System, call: str) -> None:
        """Make a call or a notify known, so that faults for it can be asked for; a fault on a misspelt name would never happen."""
        if call not in self._calls[system]:
            self._calls[system].append(call)

    def calls(self, system: System) -> list[str]:
        """The names of a system's calls and notifies, `*` first."""
        return [EVERY_CALL, *self._calls[system]]

    def codes(self, system: System) -> list[str]:
        """The words by which a system refuses, the usual one first."""
        return self._codes[system]

    def set(self, wish: FaultIn) -> Fault:
        """Keep a fault; raises KeyError when the system has no such call or no such word."""
        if wish.call not in self.calls(wish.system):
            raise KeyError(wish.call)
        if wish.code is not None and wish.code not in self.codes(wish.system):
            raise KeyError(wish.code)
        with self._store.transaction() as db:
            made = db.execute(
                "INSERT INTO fault (system, call, kind, seconds, times, code) VALUES (:system, :call, :kind, :seconds, :times, :code)",
                wish.model_dump(),
            )
        return Fault(id=made.lastrowid or 0, **wish.model_dump())

    def all(self) -> list[Fault]:
        """Every fault that still has calls to spoil, oldest first."""
        return [_fault(row) for row in self._store.rows("SELECT * FROM fault WHERE taken < times ORDER BY id")]

    def clear(self) -> None:
        """Let everything work again. What is on its way already still comes late."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM fault")

    def forget(self, id: int) -> bool:
        """Take back one that no call has met to its end; False when there is none, any more or at all."""
        with self._store.transaction() as db:
            return bool(db.execute("DELETE FROM fault WHERE id = ? AND taken < times", (id,)).rowcount)

    def take(self, system: System, call: str) -> Fault | None:
        """The oldest fault that fits this call or notify, counted as taken; None lets it pass."""
        every = EVERY_NOTIFY if call.startswith(NOTIFY) else EVERY_CALL
        row = self._store.row(
            "SELECT * FROM fault WHERE system = ? AND call IN (?, ?) AND taken < times ORDER BY id LIMIT 1", system, call, every
        )
        if row is None:
            return None
        with self._store.transaction() as db:
            db.execute("UPDATE fault SET taken = taken + 1 WHERE id = ?", (row["id"],))
        return _fault(row)

    async def close(self) -> None:
        """What is still to come late never comes: the sandbox ends."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def route_class(self, system: System, manners: Manners, naming: Naming | None = None) -> type[APIRoute]:
        """The class for a system's router: `APIRouter(route_class=faults.route_class("his", …))`.

        A call's name is `METHOD /template`, the template as written in that router (its own prefix included, the base it hangs under
        not). A system that puts several calls behind one path gives its own `naming` and declares the names itself.
        """
        faults = self
        self._codes[system] = list(manners.codes)

        class FaultyRoute(APIRoute):
            def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
                super().__init__(path, endpoint, **options)
                if naming is None:
                    for method in sorted(self.methods or ()):
                        faults.declare(system, f"{method} {self.path_format}")

            async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
                call = f"{scope['method']} {self.path_format}"
                known = scope["method"] in (self.methods or ())
                fault = faults.take(system, naming(scope, call) if naming else call) if known else None
                if fault is None:
                    await super().handle(scope, receive, send)
                    return
                scope["sandbox.fault"] = fault.kind  # told in the request's log line
                body = await whole(receive)

                async def answer(where: Send) -> None:
                    await super(FaultyRoute, self).handle(dict(scope), replayed(body, receive), where)

                spoilt = Spoilt(
                    seconds=fault.seconds,
                    code=fault.code or manners.codes[0],
                    manners=manners,
                    answer=answer,
                    later=partial(faults.later, call),
                    scope=scope,
                    receive=receive,
                )
                await BEHAVIOURS[fault.kind](spoilt, send)

        return FaultyRoute

    def later(self, call: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something of a call after its caller has gone."""

        async def arrive() -> None:
            await work
            log.info("sandbox.late", call=call)

        task = asyncio.create_task(arrive())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _router(self) -> APIRouter:
        router = APIRouter(prefix="/faults", tags=["faults"])

        @router.post("", status_code=201)
        async def ask(wish: FaultIn) -> Fault:
            try:
                return self.set(wish)
            except KeyError as unknown:
                known = {"known": self.calls(wish.system), "codes": self.codes(wish.system)}
                raise HTTPException(422, {"call": wish.call, "code": wish.code} | known) from unknown

        @router.get("")
        async def show() -> list[Fault]:
            return self.all()

        @router.delete("", status_code=204)
        async def clear() -> Response:
            self.clear()
            return Response(status_code=204)

        @router.delete("/{fault_id}", status_code=204)
        async def forget(fault_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> Response:
            if not self.forget(fault_id):
                raise HTTPException(404, {"id": fault_id})
            return Response(status_code=204)

        return router


async def whole(receive: Receive) -> bytes:
    """The request's body: a call may be carried out after its caller has gone, or twice."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """The same request from its beginning."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _fault(row: sqlite3.Row) -> Fault:
    return Fault(**{key: row[key] for key in row.keys()})  # noqa: SIM118  a Row iterates over values
