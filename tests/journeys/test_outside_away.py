"""The outside is slow, or silent after it did what it was asked: people are answered, and everything is carried out once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import pytest_asyncio

from tests.chaos.aftercare import refunds_settled
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, Person, key, read, until
from tests.journeys.visit import Visit

pytestmark = pytest.mark.long

LOCK = "POST /fhir/R4/Appointment"
HIS = (
    LOCK,
    "PUT /fhir/R4/Appointment/{id}",
    "POST /fhir/R4/Invoice/{id}/$settle",
    "POST /fhir/R4/Encounter",
    "PUT /fhir/R4/Encounter/{id}",
)
QUERY, ORDER = "GET /v3/pay/transactions/out-trade-no/{out_trade_no}", "POST /v3/pay/transactions/{kind}"

SILENT_S = 20.0

BOOKED = {"ends": "entered", "accepts": "waiting", "arrives": "booked"}
UNPAID = {"chooses": "choosing", "cancels": "choosing", "pays": "paying", "orders": "paying"}
"""Where each visit stands before its wish."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish, asked again under its key until its answer is definite: the statuses that came, and the last answer."""

    statuses: list[int]
    answer: Json


async def wish(person: Person, path: str, body: object = None) -> Wish:
    mine, statuses = key(), list[int]()

    async def attempt() -> Json | None:
        answer = await person.post(path, body, key=mine)
        statuses.append(answer.status_code)
        return answer.json() if answer.status_code != 202 else None

    return Wish(statuses, await until(f"a definite answer of {path}", attempt, lambda answer: answer is not None) or {})


@dataclass(frozen=True, slots=True)
class Met:
    """Visits, each before another call of the outside, and what became of the wishes: every one of these calls went wrong once."""

    visits: dict[str, Visit]
    wishes: dict[str, Wish]
    seen: Json
    """The screen of who had just asked for a slot."""


@pytest_asyncio.fixture(scope="module", params=[("lost", 0.2), pytest.param(("slow", 5.0), marks=pytest.mark.long)], ids=["lost", "slow"])
async def met(hospital: Hospital, request: pytest.FixtureRequest) -> AsyncIterator[Met]:
    """All at once: a call whose outcome is not known is asked again by its number when the first hand's time is up."""
    on: dict[str, Visit] = {}
    for states in (BOOKED, UNPAID):  # those whose time runs stand there last
        family = await hospital.family(len(states))
        walked = await asyncio.gather(*(hospital.visit(to, patient) for to, patient in zip(states.values(), family, strict=True)))
        on |= dict(zip(states, walked, strict=True))
    await on["ends"].signs_record()
    paid = await on["pays"].order()
    for system, call in (*(("his", call) for call in (LOCK, *HIS)), ("wechat_pay", QUERY), ("wechat_pay", ORDER)):
        await hospital.go_wrong(system, call, *request.param)

    choosing = asyncio.create_task(wish(on["cancels"].patient, f"{on['cancels'].path}/choose-slot", {"slot_id": hospital.hall}))
    seen = await until("the screen to tell what is done", on["cancels"].now, lambda now: now["under_way"])
    asked = {
        "cancels": wish(on["cancels"].patient, f"{on['cancels'].path}/cancel"),
        "chooses": wish(on["chooses"].patient, f"{on['chooses'].path}/choose-slot", {"slot_id": hospital.hall}),
        "arrives": wish(on["arrives"].patient, f"{on['arrives'].path}/check-in"),
        "accepts": wish(hospital.doctor, f"{on['accepts'].path}/accept"),
        "ends": wish(hospital.doctor, f"{on['ends'].path}/end"),
        "orders": wish(on["orders"].patient, f"/v1/charges/{await on['orders'].charge_id()}/orders", {"scene": "native"}),
    }
    answers, *_ = await asyncio.gather(asyncio.gather(*asked.values()), on["pays"].until("booked"), choosing, hospital.pay(paid))
    assert await hospital.faults() == []  # each was met
    yield Met(on, dict(zip(asked, answers, strict=True)) | {"chose": await choosing}, seen)


async def test_who_asks_is_answered_with_done_or_taken(met: Met) -> None:
    for who, asked in met.wishes.items():
        assert set(asked.statuses) <= {200, 202} or (who, asked.answer["code"]) == ("orders", "charge.too_late"), asked
    assert met.seen["under_way"] == "正在锁定号源"


async def test_each_call_takes_effect_once_though_its_answer_never_came(met: Met) -> None:
    his = await met.visits["pays"].hospital.his()
    places = {"chooses": "pending", "arrives": "checked-in", "accepts": "checked-in", "ends": "fulfilled", "pays": "booked"}
    for who, status in places.items():
        visit = met.visits[who]
        assert [one["status"] for one in await visit.appointments()] == [status], who
        steps = [step for step in await visit.steps() if step != "queue.urge"]
        assert len(steps) == len(set(steps)), who
    for who in ("accepts", "ends"):
        [place] = await met.visits[who].appointments()
        assert len([one for one in his["encounters"] if one["appointment_id"] == place["id"]]) == 1
    [place] = await met.visits["pays"].appointments()
    [bill] = [one["id"] for one in his["invoices"] if one["appointment_id"] == place["id"]]
    assert [one["amount_fen"] for one in his["settlements"] if one["invoice_id"] == bill] == [5000]


async def test_a_cancel_while_the_his_is_silent_is_carried_out_after_the_lock(met: Met) -> None:
    assert (met.wishes["chose"].answer["state"], met.wishes["cancels"].answer["state"]) == ("describing", "cancelled")
    [place] = await met.visits["cancels"].appointments()
    assert (place["status"], place["cancel_reason"]) == ("cancelled", "pat")


async def test_an_order_whose_answer_was_lost_is_one_order_or_none_when_it_took_too_long(met: Met) -> None:
    visit = met.visits["orders"]
    [order] = (await visit.charge())["orders"]
    at_bank = [one["state"] for one in (await visit.hospital.bank(order["order_id"]))["orders"]]
    if met.wishes["orders"].statuses[-1] == 200:
        assert order["code_url"]
        assert at_bank in (["NOTPAY"], ["CLOSED"])  # closed when its time is over
    else:
        assert at_bank in ([], ["CLOSED"])


async def test_more_clicks_than_a_desk_holds_are_refused_and_none_is_lost(hospital: Hospital) -> None:
    visit = await hospital.visit("choosing")
    async with hospital.fault("his", LOCK, "slow", seconds=1.5) as met:
        first = asyncio.create_task(visit.attempt("choose-slot", {"slot_id": hospital.hall}))
        await met()
        clicks = await asyncio.gather(*(visit.attempt("choose-slot", {"slot_id": hospital.hall}) for _ in range(8)))

    assert (await first).status_code == 200
    codes = [click.json()["code"] for click in clicks]
    assert {click.status_code for click in clicks} == {409}
    assert (codes.count("process.busy"), codes.count("revisit.not_now")) == (3, 5)
    assert len(await visit.appointments()) == 1
    await visit.act("cancel")


@pytest.mark.long
async def test_a_text_whose_answer_was_lost_is_not_sent_again(hospital: Hospital) -> None:
    """Whosever it was: others may be told something in the same moment."""
    visit: Visit = await hospital.visit("paying")
    await visit.order()

    async def asked_about() -> set[str]:
        return {line["message_id"] for line in hospital.lines("worker", "message.sent") if line["attempt"] == 2}

    before = await asked_about()
    async with hospital.fault("sms", "POST /SendSms", "lost", seconds=0.1) as met:
        await visit.to("booked")
        await met()
        [message_id] = await until("the carrier to be asked", asked_about, lambda found: found > before, within_s=40) - before
    texts = read(await hospital.outside.get("/books/sms"))["messages"]
    assert [one["out_id"] for one in texts].count(UUID(message_id).hex) == 1


@pytest.mark.long
async def test_a_his_that_is_silent_for_a_while_finds_everything_carried_out_once(hospital: Hospital) -> None:
    """It hangs on every call and does what it was asked long after nobody waits any more. Leaving and giving back never wait for it."""
    states = {
        "chooses": "choosing",
        "lets_go": "describing",
        "pays": "paying",
        "cancels": "booked",
        "declined": "waiting",
        "ends": "entered",
    }
    on = dict(zip(states, await asyncio.gather(*(hospital.visit(to) for to in states.values())), strict=True))
    await on["ends"].signs_record()
    order = await on["pays"].order()
    read(await hospital.outside.post("/faults", json={"system": "his", "kind": "slow", "seconds": SILENT_S, "times": 1000}))

    left = await asyncio.gather(on["cancels"].attempt("cancel"), on["declined"].decline("unreachable"), hospital.pay(order))
    assert (read(left[0])["state"], left[1]["state"]) == ("cancelled", "declined")
    waiting = {
        "chooses": wish(on["chooses"].patient, f"{on['chooses'].path}/choose-slot", {"slot_id": hospital.hall}),
        "lets_go": wish(on["lets_go"].patient, f"{on['lets_go'].path}/cancel"),
        "ends": wish(hospital.doctor, f"{on['ends'].path}/end"),
    }
    tasks = {name: asyncio.create_task(one) for name, one in waiting.items()}
    for name in ("cancels", "declined"):
        assert (await on[name].refund("requested"))["accepted_at"] is None
    await _asked_twice(hospital, "his.reverse")
    await hospital.outside.delete("/faults")

    asked = dict(zip(tasks, await asyncio.gather(*tasks.values()), strict=True))
    assert {name: one.answer["state"] for name, one in asked.items()} == {"chooses": "describing", "lets_go": "cancelled", "ends": "ended"}
    assert all(set(one.statuses) <= {200, 202} for one in asked.values())
    await on["pays"].until("booked", within_s=40)
    await on["cancels"].given_back("patient", within_s=40)
    await on["declined"].given_back("declined", within_s=40)
    await on["ends"].took_place_once()
    await asyncio.gather(on["chooses"].act("cancel"), on["pays"].to("closed"), on["ends"].to("closed"))
    await hospital.audited(*on.values())


async def _asked_twice(hospital: Hospital, call: str) -> None:
    """By each of two: who gave the first hand up asks again."""

    async def unknown() -> list[Json]:
        return [line for line in hospital.lines("worker", call) if line["outcome"] == "unknown"]

    await until(f"{call} to be asked again and again", unknown, lambda lines: len(lines) >= 4, within_s=40)


@pytest.mark.long
async def test_an_end_that_lands_after_it_was_refused_is_undone_at_a_window(hospital: Hospital) -> None:
    """The doctor, told no, gives the visit back instead, and meanwhile the HIS has it as finished: its fee waits for the window."""
    visit = await hospital.visit("entered")
    await visit.signs_record()
    end: Json = {"system": "his", "call": "PUT /fhir/R4/Encounter/{id}"}
    for how in ({"kind": "late", "seconds": SILENT_S}, {"kind": "refused", "code": "invalid"}):
        read(await hospital.outside.post("/faults", json=end | how))
    asked = await wish(hospital.doctor, f"{visit.path}/end")
    assert asked.answer["code"] == "his.invalid"

    async def at_the_his() -> set[str]:
        return {one["status"] for one in (await hospital.his())["encounters"] if one["visit_no"] == UUID(visit.id).hex}

    await until("the end to land", at_the_his, lambda found: found == {"finished"}, within_s=40)
    await visit.decline("unreachable")
    await visit.refund("stuck")

    await refunds_settled(hospital, [visit])

    await visit.refund("arrived")
    await hospital.audited(visit)
