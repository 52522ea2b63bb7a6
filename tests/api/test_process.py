"""`python -m api`, as the stack runs it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from sqlalchemy import text

from models.stores.database import Database
from stack.ports import free_ports
from tests.account.builders import signed_in
from tests.builders import a_person, a_visit
from tests.client import Hands
from tests.database import PROJECT
from tests.settings import environment


class Running:
    """The process, its address and the lines it has written."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process, self.url = process, url
        self.lines: list[dict[str, Any]] = []

    async def read(self) -> dict[str, Any]:
        """The next line it writes, which is JSON as every line is."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            line: dict[str, Any] = json.loads(await self.process.stdout.readline())
        self.lines.append(line)
        return line

    async def stopped(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            code = await self.process.wait()
        assert self.process.stdout is not None
        self.lines += [json.loads(line) for line in (await self.process.stdout.read()).splitlines()]
        return code


@pytest_asyncio.fixture
async def running(own_database: Database, tmp_path: Path) -> AsyncIterator[Running]:
    [port] = free_ports(1)
    settings = environment(own_database.engine.url.render_as_string(hide_password=False), tmp_path, port)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FUZHEN_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", cwd=PROJECT, env=inherited | settings, stdout=asyncio.subprocess.PIPE
    )
    started = Running(process, f"http://127.0.0.1:{port}")
    try:
        while "running on" not in str((await started.read())["event"]):
            pass
        yield started
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_serves_and_stops_cleanly_with_a_stream_open(running: Running, own_database: Database, clock: Hands) -> None:
    async with own_database.transaction() as db:
        person = await a_person(db)
        revisit_id = await a_visit(db, person=person)
    bearer = await signed_in(own_database, clock, person.account_id)
    async with httpx.AsyncClient(base_url=running.url, trust_env=False, headers=bearer) as client:
        asked = client.stream("GET", "/v1/events", params={"topics": f"revisit:{revisit_id}"})
        assert (await client.get("/v1/account")).status_code == 200
        async with asked as stream:
            assert stream.status_code == 200
            code = await running.stopped()

    assert code == 0
    assert {line["level"] for line in running.lines} == {"info"}
    answered = [line for line in running.lines if line["event"] == "request.answered"]
    assert [(line["route"], line["status"], line["service"]) for line in answered] == [
        ("/v1/account", 200, "api"),
        ("/v1/events", 200, "api"),
    ]


async def test_who_is_still_being_answered_at_a_stop_is_told_to_repeat_and_nobody_is_alarmed(
    running: Running, own_database: Database, clock: Hands
) -> None:
    async with own_database.transaction() as db:
        person = await a_person(db)
    bearer = await signed_in(own_database, clock, person.account_id)
    async with own_database.transaction() as db, httpx.AsyncClient(base_url=running.url, trust_env=False, headers=bearer) as client:
        await db.execute(text("lock table patient, patient_binding in access exclusive mode"))
        waits = asyncio.create_task(client.get("/v1/patients"))
        while not await db.scalar(text("select count(*) from pg_locks where not granted")):
            await db.execute(text("select pg_sleep(0.01)"))
        code = await running.stopped()
        answer = await waits

    assert (code, answer.status_code, answer.json()["code"]) == (0, 503, "service.unavailable")
    assert {line["level"] for line in running.lines} == {"info", "warning"}
    assert [line["answering"] for line in running.lines if line["event"] == "api.stopped_while_answering"] == [1]


async def test_its_library_lines_are_json_too_and_none_is_an_error(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        assert (await client.get("/v1/nothing")).status_code == 404
        assert (await client.get("/health/ready")).status_code == 503  # no Temporal here

    assert await running.stopped() == 0
    assert {line["level"] for line in running.lines} <= {"info", "warning"}
    assert all(line["service"] == "api" and "at" in line for line in running.lines)
