"""The line to the outside: time, repeats, unknown, and what it says in its one log line."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import structlog
from pydantic import BaseModel
from structlog.typing import EventDict

from gateways.wire import Wire
from models.kernel.errors import DomainError, Unknown
from tests.gateways.conftest import Misbehaving, answering, request_head


class _Server:
    """Counts its requests, answers each by the next of its plays; the last play goes on for ever."""

    def __init__(self, *plays: bytes | None) -> None:
        self.plays = list(plays)
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await request_head(reader))
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        if play is not None:
            writer.write(play)
            await writer.drain()


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()  # until the caller hangs up


@asynccontextmanager
async def _wire(address: str, limit_s: float = 20.0) -> AsyncGenerator[Wire]:
    wire = Wire("his", address, limit_s=limit_s)
    try:
        yield wire
    finally:
        await wire.aclose()


OK = answering(200, {"fee": 0.1})


async def test_an_answer_comes_back_whole_with_exact_decimals(misbehaving: Misbehaving) -> None:
    async with misbehaving(_Server(OK)) as address, _wire(address) as wire, wire.call("bill") as call:
        answer = await call.send("GET", f"{address}/x", repeatable=True)
    assert answer.granted
    assert str(answer.json()) == "{'fee': Decimal('0.1')}"


async def test_a_lost_connection_is_tried_again_when_that_has_no_second_effect(misbehaving: Misbehaving) -> None:
    server = _Server(None, None, OK)
    async with misbehaving(server) as address, _wire(address) as wire, wire.call("bill") as call:
        assert (await call.send("GET", f"{address}/x", repeatable=True)).granted
    assert len(server.heads) == 3


async def test_it_is_tried_again_twice_and_no_more(misbehaving: Misbehaving) -> None:
    server = _Server(None)
    async with misbehaving(server) as address, _wire(address) as wire:
        with pytest.raises(Unknown):
            async with wire.call("bill") as call:
                await call.send("GET", f"{address}/x", repeatable=True)
    assert len(server.heads) == 3


async def test_what_may_have_had_an_effect_is_never_sent_again(misbehaving: Misbehaving) -> None:
    server = _Server(None, OK)
    async with misbehaving(server) as address, _wire(address) as wire:
        with pytest.raises(Unknown):
            async with wire.call("send") as call:
                await call.send("POST", f"{address}/x", repeatable=False)
    assert len(server.heads) == 1


async def test_what_reached_nobody_is_tried_again_whatever_it_is(unused_tcp_port: int, lines: list[EventDict]) -> None:
    async with _wire(f"http://127.0.0.1:{unused_tcp_port}") as wire:
        with pytest.raises(Unknown, match="ConnectError"):
            async with wire.call("send") as call:
                await call.send("POST", f"{wire.base_url}/x", repeatable=False)
    assert lines[0]["requests"] == 3


async def test_silence_is_unknown_at_the_limit_and_not_repeated(misbehaving: Misbehaving, lines: list[EventDict]) -> None:
    async with misbehaving(_silent) as address, _wire(address, limit_s=1.0) as wire:
        with pytest.raises(Unknown):
            async with wire.call("lock") as call:
                await call.send("POST", f"{address}/x", repeatable=True)
    assert (lines[0]["outcome"], lines[0]["requests"]) == ("unknown", 1)
    assert lines[0]["ms"] < 5000


async def test_all_requests_of_a_call_share_one_limit(misbehaving: Misbehaving, lines: list[EventDict]) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        await asyncio.sleep(0.3)
        writer.write(OK)

    async with misbehaving(slow) as address, _wire(address, limit_s=1.0) as wire:

        async def check_in() -> None:
            async with wire.call("check_in") as call:
                for _ in range(10):  # each of them within the limit
                    await call.send("GET", f"{address}/x", repeatable=True)

        with pytest.raises(Unknown, match="time limit"):
            await check_in()
    assert 1 < lines[0]["requests"] < 10


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429, 302])
async def test_a_status_that_says_nothing_of_the_outcome_is_unknown(misbehaving: Misbehaving, status: int) -> None:
    server = _Server(answering(status, b"", {"location": "http://127.0.0.1/"}))
    async with misbehaving(server) as address, _wire(address) as wire:
        with pytest.raises(Unknown, match=str(status)):
            async with wire.call("lock") as call:
                await call.send("POST", f"{address}/x", repeatable=True)
    assert len(server.heads) == 1


async def test_garbage_is_unknown(misbehaving: Misbehaving) -> None:
    async with misbehaving(_Server(answering(200, b"<html>"))) as address, _wire(address) as wire:
        with pytest.raises(Unknown):
            async with wire.call("lock") as call:
                (await call.send("POST", f"{address}/x", repeatable=True)).json()


async def test_an_answer_that_does_not_fit_is_unknown_and_quoted_nowhere(lines: list[EventDict]) -> None:
    class Person(BaseModel):
        age: int

    async with _wire("http://127.0.0.1") as wire:
        with pytest.raises(Unknown) as unknown:
            async with wire.call("patient"):
                Person.model_validate({"age": "张秀英"})
    assert unknown.value.__cause__ is None
    assert unknown.value.__suppress_context__
    assert lines[0]["unreadable"] == ["age"]
    assert "张秀英" not in str(lines)


async def test_ids_of_the_request_and_of_the_visit_run_on(misbehaving: Misbehaving) -> None:
    server = _Server(OK)
    async with misbehaving(server) as address, _wire(address) as wire:
        with structlog.contextvars.bound_contextvars(request_id="r-1", visit_id="v-2", account_id="a-3"):
            async with wire.call("bill") as call:
                await call.send("GET", f"{address}/x", repeatable=True)
    assert "x-request-id: r-1" in server.heads[0]
    assert "x-visit-id: v-2" in server.heads[0]
    assert "a-3" not in server.heads[0]


async def test_each_call_ends_in_one_line_with_the_wires_numbers(misbehaving: Misbehaving, lines: list[EventDict]) -> None:
    async with misbehaving(_Server(OK)) as address, _wire(address) as wire:
        async with wire.call("lock", claim_no="c1", absent=None) as call:
            await call.send("POST", f"{address}/x", repeatable=True)
            call.note(appointment_id="apt-1")
        with pytest.raises(DomainError):
            async with wire.call("lock"):
                raise DomainError("his.slot-full", "conflict")
        with pytest.raises(ZeroDivisionError):
            async with wire.call("lock"):
                _ = 1 // 0
    done, refused, broken = lines
    assert {name: done[name] for name in ("event", "log_level", "outcome", "status", "requests", "claim_no", "appointment_id")} == {
        "event": "his.lock",
        "log_level": "info",
        "outcome": "done",
        "status": 200,
        "requests": 1,
        "claim_no": "c1",
        "appointment_id": "apt-1",
    }
    assert "absent" not in done
    assert (refused["outcome"], refused["code"]) == ("refused", "his.slot-full")
    assert (broken["outcome"], broken["log_level"]) == ("broken off", "warning")


async def test_the_client_below_prints_no_url(misbehaving: Misbehaving, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with misbehaving(_Server(OK)) as address, _wire(address) as wire, wire.call("send") as call:
        await call.send("POST", f"{address}/?PhoneNumbers=13800100001", repeatable=False)
    assert "13800100001" not in caplog.text


async def test_a_cancelled_call_stays_cancelled(misbehaving: Misbehaving, lines: list[EventDict]) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await _silent(reader, writer)

    async with misbehaving(silent) as address, _wire(address) as wire:

        async def ask() -> None:
            async with wire.call("lock") as call:
                await call.send("POST", f"{address}/x", repeatable=True)

        asking = asyncio.create_task(ask())
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert lines[0]["outcome"] == "broken off"
