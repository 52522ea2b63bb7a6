"""The outside is slow, or silent after it did what it was asked: people are answered, and everything is carried out once."""

import asyncio
from dataclasses import dataclass

import pytest

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, Person, key, read, until
from tests.journeys.visit import Visit

LOCK = "POST /fhir/R4/Appointment"
HIS = (
    LOCK,
    "PUT /fhir/R4/Appointment/{id}",
    "POST /fhir/R4/Invoice/{id}/$settle",
    "POST /fhir/R4/Encounter",
    "PUT /fhir/R4/Encounter/{id}",
)
QUERY, ORDER = "GET /v3/pay/transactions/out-trade-no/{out_trade_no}", "POST /v3/pay/transactions/{kind}"


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
        return read(answer) if answer.status_code != 202 else None

    return Wish(statuses, await until(f"a definite answer of {path}", attempt, lambda answer: answer is not None) or {})


@pytest.mark.parametrize(("kind", "seconds"), [("lost", 0.2), pytest.param("slow", 5.0, marks=pytest.mark.long)])
async def test_each_call_takes_effect_once_though_its_answer_never_came(hospital: Hospital, kind: str, seconds: float) -> None:
    """Six visits, each before another call of the outside; every one of these calls goes wrong once."""
    patients = [await hospital.patient() for _ in range(5)]
    ends, accepts, arrives, pays, chooses = await asyncio.gather(
        *(hospital.visit(to, patient) for to, patient in zip(("entered", "waiting", "booked", "paying", "choosing"), patients, strict=True))
    )
    read(await hospital.doctor.record(ends.id))
    order = await pays.order()
    for call in HIS:
        await hospital.go_wrong("his", call, kind, seconds)
    await hospital.go_wrong("wechat_pay", QUERY, kind, seconds)

    await hospital.pay(order)
    wishes = await asyncio.gather(
        wish(chooses.patient, f"{chooses.path}/choose-slot", {"slot_id": hospital.hall}),
        wish(arrives.patient, f"{arrives.path}/check-in"),
        wish(hospital.doctor, f"{accepts.path}/accept"),
        wish(hospital.doctor, f"{ends.path}/end"),
        pays.until("booked"),
    )

    for asked in wishes:
        assert not isinstance(asked, Wish) or set(asked.statuses) <= {200, 202}
    assert await hospital.faults() == []  # each was met
    for visit, status in ((chooses, "pending"), (arrives, "checked-in"), (accepts, "checked-in"), (ends, "fulfilled"), (pays, "booked")):
        assert [one["status"] for one in await visit.appointments()] == [status]
        steps = await visit.steps()
        assert len(steps) == len(set(steps) - {"queue.urge"}) + steps.count("queue.urge")
    his = await hospital.his()
    [bill] = [one["id"] for one in his["invoices"] if one["appointment_id"] in {each["id"] for each in await pays.appointments()}]
    assert [one["amount_fen"] for one in his["settlements"] if one["invoice_id"] == bill] == [5000]
    for visit in (accepts, ends):
        [place] = await visit.appointments()
        assert len([one for one in his["encounters"] if one["appointment_id"] == place["id"]]) == 1


async def test_a_cancel_while_the_his_is_silent_is_taken_and_carried_out_after_the_lock(hospital: Hospital) -> None:
    visit = await hospital.visit("choosing")
    async with hospital.fault("his", LOCK, "lost", seconds=0.2) as met:
        choosing = asyncio.create_task(wish(visit.patient, f"{visit.path}/choose-slot", {"slot_id": hospital.hall}))
        await met()
        assert (await visit.now())["under_way"] == "正在锁定号源"
        cancelling = asyncio.create_task(wish(visit.patient, f"{visit.path}/cancel"))

        assert (await choosing).answer["state"] == "describing"
        assert (await cancelling).answer["state"] == "cancelled"
    assert [(one["status"], one["cancel_reason"]) for one in await visit.appointments()] == [("cancelled", "pat")]


async def test_an_order_whose_answer_was_lost_is_one_order(hospital: Hospital) -> None:
    visit = await hospital.visit("paying")
    async with hospital.fault("wechat_pay", ORDER, "lost", seconds=0.1) as met:
        ordered = await wish(visit.patient, f"/v1/charges/{await visit.charge_id()}/orders", {"scene": "native"})
        await met()

    [order] = ordered.answer["charge"]["orders"]
    assert order["code_url"]
    assert [one["state"] for one in (await hospital.bank(order["order_id"]))["orders"]] == ["NOTPAY"]
    await hospital.pay(order["order_id"])
    await visit.until("booked")


@pytest.mark.long
async def test_a_text_whose_answer_was_lost_is_not_sent_again(hospital: Hospital) -> None:
    visit: Visit = await hospital.visit("paying")
    await visit.order()
    async with hospital.fault("sms", "POST /SendSms", "lost", seconds=0.1) as met:
        await visit.to("booked")
        await met()

        async def told() -> list[str]:
            return [line for line in hospital.log("worker").splitlines() if "message.sent" in line and '"attempt": 2' in line]

        await until("the carrier to be asked", told, bool, within_s=40)
    assert len(await hospital.texts(visit.patient.card.phone, "SMS_REVISIT_BOOKED")) == 1
