"""Live screens: what a stream is told, who may follow, and how it ends. Over a real socket, as a browser has it."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import structlog
from sqlalchemy import NullPool, delete, text, update
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.types import Message

from api.__main__ import Server
from api.app import create_app
from api.events import Screen
from api.live import Live, Stream
from api.wiring import Wiring
from models.account import Role
from models.kernel import ids
from models.kernel.errors import DomainError
from models.live import STREAMS_MAX, Topic
from models.patient import Relation
from models.revisit import State
from models.stores import patient as patients
from models.stores.database import Database
from models.tables.account import SessionRow
from models.tables.patient import BindingRow
from models.tables.revisit import ChatRow, RevisitRow
from tests.account.builders import patient_signed_in, signed_in, staff_signed_in
from tests.builders import NAME, Person, a_charge, a_person, a_unit, a_visit
from tests.client import Hands, wiring

CUT = """
    select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fuzhen live' and datname = current_database()
"""
END_ALL = """
    select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
"""
A = Topic("revisit", ids.derived("a"))
B = Topic("charge", ids.derived("b"))


class Served(Server):
    """Says when it serves, and where."""

    def __init__(self, parts: Wiring) -> None:
        super().__init__(create_app(parts), parts.live, "127.0.0.1", 0)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@dataclass(frozen=True, slots=True)
class House:
    """A running API, and one patient with a visit and its charge."""

    client: httpx.AsyncClient
    server: Served
    running: "asyncio.Task[None]"
    database: Database
    clock: Hands
    person: Person
    bearer: dict[str, str]
    revisit_id: UUID
    charge_id: UUID

    @asynccontextmanager
    async def follow(self, *topics: str, bearer: dict[str, str] | None = None) -> AsyncGenerator["Followed"]:
        """An open stream that has said its first word."""
        asked = self.client.stream("GET", "/v1/events", params={"topics": ",".join(topics)}, headers=bearer or self.bearer)
        async with asked as answer:
            assert answer.status_code == 200, await answer.aread()
            followed = Followed(answer)
            followed.first = await followed.next()
            yield followed

    async def refused(self, topics: str, bearer: dict[str, str] | None = None) -> tuple[int, str]:
        try:
            async with asyncio.timeout(15):
                answer = await self.client.get("/v1/events", params={"topics": topics}, headers=bearer or self.bearer)
        except TimeoutError:
            pytest.fail(f"{topics} is followed by who should be refused")
        assert not answer.is_success, f"{topics} is followed by who should be refused"
        return answer.status_code, answer.json()["code"]

    async def move(self, revisit_id: UUID, version: int) -> None:
        async with self.database.transaction() as db:
            await db.execute(update(RevisitRow).where(RevisitRow.id == revisit_id).values(version=version))


class Followed:
    """A stream as a browser reads it."""

    def __init__(self, answer: httpx.Response) -> None:
        self.headers = answer.headers
        self._lines = answer.aiter_lines()
        self.first: tuple[str, Any] | None = None

    async def next(self) -> tuple[str, Any] | None:
        """The next event and its data; None at the end."""
        name, data = "", ""
        async with asyncio.timeout(30):
            async for line in self._lines:
                if line.startswith("event:"):
                    name = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                elif not line and name:
                    return name, json.loads(data)
        return None


@asynccontextmanager
async def serving(parts: Wiring) -> AsyncGenerator[tuple[Served, "asyncio.Task[None]"]]:
    server = Served(parts)
    running = asyncio.create_task(server.serve())
    await server.up.wait()
    try:
        yield server, running
    finally:
        server.should_exit = True
        await running


@pytest_asyncio.fixture
async def house(own_database: Database, clock: Hands) -> AsyncIterator[House]:
    parts = replace(await wiring(own_database, clock), live=Live(own_database, recheck_s=0.2))
    async with own_database.transaction() as db:
        person = await a_person(db)
        revisit_id = await a_visit(db, person=person)
        charge_id = await a_charge(db, revisit_id)
    bearer = await signed_in(own_database, clock, person.account_id)
    async with serving(parts) as (server, running), httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
        await parts.live.listening.wait()
        yield House(client, server, running, own_database, clock, person, bearer, revisit_id, charge_id)


def test_a_slow_reader_is_told_the_newest_only() -> None:
    stream = Stream({A})
    for version in (1, 3, 2):
        stream.tell(str(A), version)

    assert stream.take() == (False, {str(A): 3})
    assert stream.take() == (False, {})


async def test_streams_that_are_left_make_room(database: Database) -> None:
    live, account_id = Live(database), ids.new()
    open_ones = [live.open(account_id, {A, B}) for _ in range(STREAMS_MAX)]
    for one in open_ones:
        one.__enter__()

    with pytest.raises(DomainError, match=r"live\.too_many"), live.open(account_id, {A}):
        pass
    with live.open(ids.new(), {A}):
        pass
    open_ones[0].__exit__(None, None, None)
    with live.open(account_id, {A}) as again:
        assert not again.over
    live.end()
    with live.open(account_id, {A}) as late:
        assert late.over


async def test_a_change_is_told_with_its_version(house: House) -> None:
    async with house.follow(f"revisit:{house.revisit_id}", f"charge:{house.charge_id}") as followed:
        assert followed.first == ("ready", {})
        assert followed.headers["content-type"].startswith("text/event-stream")

        await house.move(house.revisit_id, 1)
        assert await followed.next() == ("changed", {"topic": f"revisit:{house.revisit_id}", "version": 1})
        await house.move(house.revisit_id, 2)
        assert await followed.next() == ("changed", {"topic": f"revisit:{house.revisit_id}", "version": 2})


async def test_a_line_of_chat_is_told_by_its_number_and_nothing_of_it(house: House) -> None:
    async with house.follow(f"chat:{house.revisit_id}") as followed:
        async with house.database.transaction() as db:
            line = {"revisit_id": house.revisit_id, "number": 1, "account_id": house.person.account_id, "side": "patient"}
            db.add(ChatRow(id=ids.new(), text=b"sealed", at=house.clock(), **line))

        assert await followed.next() == ("changed", {"topic": f"chat:{house.revisit_id}", "version": 1})


async def test_other_visits_are_not_told(house: House) -> None:
    async with house.database.transaction() as db:
        other = await a_visit(db, person=await a_person(db))
    async with house.follow(f"revisit:{house.revisit_id}") as followed:
        await house.move(other, 1)
        await house.move(house.revisit_id, 1)

        assert await followed.next() == ("changed", {"topic": f"revisit:{house.revisit_id}", "version": 1})


async def test_who_may_not_follow_is_told_that_nothing_is_there(house: House) -> None:
    _, stranger = await patient_signed_in(house.database, house.clock)
    _, doctor = await staff_signed_in(house.database, house.clock, Role.DOCTOR)

    for bearer in (stranger, doctor):
        assert await house.refused(f"revisit:{house.revisit_id}", bearer) == (404, "live.missing")
        assert await house.refused(f"charge:{house.charge_id}", bearer) == (404, "live.missing")
    for none in (f"revisit:{ids.new()}", f"revisit:{house.revisit_id},chat:{ids.new()}", "revisit:17", "ledger:all", "", "revisit"):
        assert await house.refused(none) == (404, "live.missing")
    assert await house.refused(",".join(f"revisit:{ids.new()}" for _ in range(21))) == (422, "live.too_many_topics")
    assert await house.refused("x" * 1_201) == (422, "request.invalid")
    assert await house.refused(f"revisit:{house.revisit_id}", {"Authorization": "Bearer none"}) == (401, "account.anonymous")


async def test_who_knows_name_and_number_follows_no_visit_of_another_account(house: House) -> None:
    account_id, bearer = await patient_signed_in(house.database, house.clock)
    async with house.database.transaction() as db:
        await patients.bind(db, account_id, NAME, house.person.id_number, Relation.OTHER, house.clock())

    assert await house.refused(f"revisit:{house.revisit_id}", bearer) == (404, "live.missing")


async def test_the_visits_doctor_and_management_may_follow(house: House) -> None:
    async with house.database.transaction() as db:
        unit = await a_unit(db, house.clock() + timedelta(hours=1))
        booked = {"doctor_id": unit.doctor_id, "state": State.BOOKED}
        await db.execute(update(RevisitRow).where(RevisitRow.id == house.revisit_id).values(**booked))
    doctor = await signed_in(house.database, house.clock, unit.doctor_account_id)
    _, management = await staff_signed_in(house.database, house.clock, Role.MANAGEMENT)

    for bearer in (doctor, management):
        async with house.follow(f"charge:{house.charge_id}", bearer=bearer) as followed:
            assert followed.first == ("ready", {})


async def test_the_sixth_stream_of_an_account_is_refused(house: House) -> None:
    topic = f"revisit:{house.revisit_id}"
    async with house.follow(topic), house.follow(topic), house.follow(topic), house.follow(topic), house.follow(topic):
        assert await house.refused(topic) == (429, "live.too_many")


async def test_who_comes_back_reads_again(house: House) -> None:
    again = house.bearer | {"Last-Event-ID": f"revisit:{house.revisit_id}:3"}
    async with house.follow(f"revisit:{house.revisit_id}", bearer=again) as followed:
        assert followed.first == ("reread", {})


async def test_after_a_broken_line_all_read_again(house: House) -> None:
    async with house.follow(f"revisit:{house.revisit_id}") as followed:
        async with house.database.transaction() as db:
            await db.execute(text(CUT))

        assert await followed.next() == ("reread", {})
        await house.move(house.revisit_id, 1)
        assert await followed.next() == ("changed", {"topic": f"revisit:{house.revisit_id}", "version": 1})


@pytest.mark.parametrize("lost", ["session", "binding", "idle"])
async def test_a_right_that_is_gone_ends_the_stream(house: House, lost: str) -> None:
    async with house.follow(f"revisit:{house.revisit_id}") as followed:
        async with house.database.transaction() as db:
            if lost == "session":
                await db.execute(update(SessionRow).values(revoked_at=house.clock()))
            elif lost == "binding":
                await db.execute(delete(BindingRow))
        if lost == "idle":
            house.clock.forward(days=30)

        assert await followed.next() is None
    assert (await house.refused(f"revisit:{house.revisit_id}"))[0] in {401, 404}


async def test_an_outage_ends_the_stream_and_is_no_bug(house: House) -> None:
    with structlog.testing.capture_logs() as lines:
        async with house.follow(f"revisit:{house.revisit_id}") as followed:
            beside = create_async_engine(house.database.engine.url, poolclass=NullPool)
            async with beside.connect() as wire:
                await wire.execute(text(END_ALL))

            while told := await followed.next():
                assert told == ("reread", {})

    assert {"live.rights_unknown", "request.answered"} <= {str(line["event"]) for line in lines}
    assert "request.failed" not in {line["event"] for line in lines}


async def test_who_stops_reading_is_left() -> None:
    async def endless() -> AsyncIterator[str]:
        while True:
            yield "x"

    started = asyncio.Event()

    async def takes_the_start_only(_message: Message) -> None:
        if started.is_set():
            await asyncio.Event().wait()
        started.set()

    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(30):
        await Screen(endless(), send_timeout=0.05)({"type": "http", "method": "GET"}, silent, takes_the_start_only)


async def test_a_stop_ends_all_streams_at_once(house: House) -> None:
    async with house.follow(f"revisit:{house.revisit_id}") as one, house.follow(f"revisit:{house.revisit_id}") as two:
        house.server.should_exit = True

        async with asyncio.timeout(5):
            assert [await one.next(), await two.next()] == [None, None]
            await house.running
