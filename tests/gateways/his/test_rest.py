"""Token, versions, pages and refusals, against a server that says exactly what a test wants said."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from structlog.typing import EventDict

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from models.kernel.errors import DomainError, Unknown
from tests.gateways.conftest import Misbehaving, answering, request_head

TOKEN = answering(200, {"access_token": "t-1", "token_type": "Bearer", "expires_in": 3600})


def appointment(status: str = "booked", version: str = "1") -> bytes:
    return answering(200, {"resourceType": "Appointment", "id": "apt-1", "meta": {"versionId": version}, "status": status})


def outcome(status: int, code: str) -> bytes:
    issue = {"severity": "error", "code": "processing", "details": {"coding": [{"code": code}]}}
    return answering(status, {"resourceType": "OperationOutcome", "issue": [issue]})


class _Server:
    """Gives tokens, and the answers of its script one after another; remembers the requests of the script."""

    def __init__(self, *script: bytes, token: bytes = TOKEN) -> None:
        self.script, self.token, self.tokens = list(script), token, 0
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_head(reader)
        if head.startswith("post /token"):
            self.tokens += 1
            writer.write(self.token)
        else:
            self.asked.append(head)
            writer.write(self.script.pop(0))
        await writer.drain()


@asynccontextmanager
async def _his(address: str) -> AsyncGenerator[FhirHIS]:
    his = FhirHIS(HisAccount(base_url=address, client_id="fuzhen", client_secret="s3cret"), limit_s=20)
    try:
        yield his
    finally:
        await his.aclose()


async def test_a_token_is_fetched_once_for_all(misbehaving: Misbehaving) -> None:
    server = _Server(*[appointment("checked-in")] * 6)
    async with misbehaving(server) as address, _his(address) as his:
        await asyncio.gather(*(his.check_in("apt-1") for _ in range(6)))
    assert server.tokens == 1
    assert all("authorization: bearer t-1" in head for head in server.asked)


async def test_a_token_that_the_his_forgot_is_fetched_again_once(misbehaving: Misbehaving) -> None:
    server = _Server(outcome(401, "unauthorized"), appointment("checked-in"))
    async with misbehaving(server) as address, _his(address) as his:
        await his.check_in("apt-1")
    assert server.tokens == 2


async def test_a_token_near_its_end_is_not_used(misbehaving: Misbehaving) -> None:
    short = answering(200, {"access_token": "t-1", "expires_in": 30})
    server = _Server(appointment("checked-in"), appointment("checked-in"), token=short)
    async with misbehaving(server) as address, _his(address) as his:
        await his.check_in("apt-1")
        await his.check_in("apt-1")
    assert server.tokens == 2


@pytest.mark.parametrize("status", [400, 401, 403, 405])
async def test_nobody_is_refused_for_our_own_credentials_or_form(misbehaving: Misbehaving, lines: list[EventDict], status: int) -> None:
    server = _Server(*[outcome(status, "slot-full")] * 2)
    async with misbehaving(server) as address, _his(address) as his:
        with pytest.raises(Unknown):
            await his.check_in("apt-1")
    assert [(line["event"], line["log_level"]) for line in lines] == [("his.misunderstood", "error"), ("his.check_in", "warning")]


async def test_without_a_token_everything_is_unknown_and_loud(misbehaving: Misbehaving, lines: list[EventDict]) -> None:
    server = _Server(token=answering(401, {"error": "invalid_client"}))
    async with misbehaving(server) as address, _his(address) as his:
        with pytest.raises(Unknown):
            await his.check_in("apt-1")
    assert lines[0]["event"] == "his.token_refused"
    assert "s3cret" not in str(lines)


@pytest.mark.parametrize("answer", [answering(404, b"nginx"), answering(409, {"resourceType": "OperationOutcome", "issue": []})])
async def test_a_refusal_without_a_reason_is_unknown(misbehaving: Misbehaving, answer: bytes) -> None:
    async with misbehaving(_Server(answer)) as address, _his(address) as his:
        with pytest.raises(Unknown):
            await his.check_in("apt-1")


async def test_a_refusal_carries_the_hiss_own_code(misbehaving: Misbehaving) -> None:
    async with misbehaving(_Server(appointment(), outcome(409, "not-booked"))) as address, _his(address) as his:
        with pytest.raises(DomainError, match=r"^his\.not-booked$"):
            await his.check_in("apt-1")


async def test_a_change_is_made_on_the_version_read(misbehaving: Misbehaving) -> None:
    server = _Server(appointment(version="7"), appointment("checked-in", "8"))
    async with misbehaving(server) as address, _his(address) as his:
        await his.check_in("apt-1")
    assert 'if-match: w/"7"' in server.asked[1]


async def test_changed_meanwhile_it_is_read_and_made_once_more(misbehaving: Misbehaving) -> None:
    moved = outcome(412, "version-conflict")
    server = _Server(appointment(version="7"), moved, appointment(version="8"), appointment("checked-in", "9"))
    async with misbehaving(server) as address, _his(address) as his:
        await his.check_in("apt-1")
    assert 'if-match: w/"8"' in server.asked[3]


async def test_changed_meanwhile_for_ever_is_unknown(misbehaving: Misbehaving) -> None:
    moved = outcome(412, "version-conflict")
    server = _Server(appointment(version="7"), moved, appointment(version="8"), moved)
    async with misbehaving(server) as address, _his(address) as his:
        with pytest.raises(Unknown):
            await his.check_in("apt-1")
    assert len(server.asked) == 4


def _page(id: str, onward: str | None) -> bytes:
    link = [{"relation": "next", "url": onward}] if onward else []
    resource = {"resourceType": "PaymentReconciliation", "id": id, "status": "cancelled" if onward else "active"}
    return answering(200, {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": [{"resource": resource}]})


async def test_a_search_is_read_page_by_page(misbehaving: Misbehaving) -> None:
    server = _Server()
    async with misbehaving(server) as address, _his(address) as his:
        server.script = [_page("pay-1", f"{address}/fhir/R4/PaymentReconciliation?_cursor=2"), _page("pay-2", None)]
        assert await his.settled("5" * 32)
    assert server.asked[1].startswith("get /fhir/r4/paymentreconciliation?_cursor=2 ")


@pytest.mark.parametrize("onward", ["http://elsewhere.example/fhir/R4/x?_cursor=2", "/fhir/R4/x?_cursor=2"])
async def test_a_next_page_elsewhere_is_not_followed_with_our_token(misbehaving: Misbehaving, onward: str) -> None:
    server = _Server(_page("pay-1", onward))
    async with misbehaving(server) as address, _his(address) as his:
        with pytest.raises(Unknown):
            await his.settled("5" * 32)
    assert len(server.asked) == 1


async def test_an_unreadable_resource_is_named(misbehaving: Misbehaving, lines: list[EventDict]) -> None:
    slot = {"resourceType": "Slot", "id": "slot-1", "meta": {"versionId": "1"}, "status": "free"}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": slot}]}
    async with misbehaving(_Server(answering(200, bundle))) as address, _his(address) as his:
        with pytest.raises(Unknown):
            await his.slots(("sch-1",))
    assert lines[0]["resource"] == "Slot/slot-1"
    assert "schedule" in lines[0]["unreadable"]


@pytest.mark.parametrize("fee", [{"value": 50.005, "currency": "CNY"}, {"value": -1, "currency": "CNY"}, {"value": 50, "currency": "USD"}])
async def test_a_bill_that_is_not_whole_fen_of_our_money_is_unreadable(misbehaving: Misbehaving, fee: dict[str, object]) -> None:
    invoice = {"resourceType": "Invoice", "id": "inv-1", "status": "issued", "totalGross": fee}
    async with misbehaving(_Server(answering(200, invoice))) as address, _his(address) as his:
        with pytest.raises(Unknown):
            await his.bill("inv-1")


@pytest.mark.parametrize(("value", "fen"), [(50, 5000), (50.0, 5000), (0.1, 10), (19.99, 1999), (12345678.9, 1234567890)])
async def test_a_bill_comes_to_the_fen(misbehaving: Misbehaving, value: float, fen: int) -> None:
    invoice = {"resourceType": "Invoice", "id": "inv-1", "status": "issued", "totalGross": {"value": value, "currency": "CNY"}}
    async with misbehaving(_Server(answering(200, invoice))) as address, _his(address) as his:
        assert (await his.bill("inv-1")).amount_fen == fen


async def test_the_answer_must_be_what_was_asked_for(misbehaving: Misbehaving) -> None:
    async with misbehaving(_Server(appointment(), appointment("booked", "2"))) as address, _his(address) as his:
        with pytest.raises(Unknown):
            await his.check_in("apt-1")
