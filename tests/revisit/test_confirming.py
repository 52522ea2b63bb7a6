"""Paid, and the hospital is not done yet: the screen never asks for money that has come (P-2.3)."""

from datetime import datetime

import httpx
import pytest

from models.account import Role
from models.revisit import State
from models.stores.database import Database
from tests.account.builders import patient_signed_in, signed_in, staff_signed_in
from tests.client import Hands, key
from tests.process.hospital import Hospital
from tests.process.visit import opened


async def test_who_has_paid_is_told_so_while_the_hospital_confirms(
    hospital: Hospital, api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    _, reader = await staff_signed_in(database, clock, Role.MANAGEMENT)
    visit = await (await opened(hospital)).to(State.PAYING)
    asked = (await api.get(f"/v1/revisits/{visit.id}", headers=reader)).json()
    hospital.wechat_pay.pay(await visit.orders())
    await visit.is_reported()

    told = (await api.get(f"/v1/revisits/{visit.id}", headers=reader)).json()

    assert (asked["state_text"], asked["acts_next"], asked["due_at"] is not None) == ("待缴费", "patient", True)
    assert (told["state"], told["state_text"], told["acts_next"]) == ("paying", "缴费处理中（请勿重复缴费）", "hospital")
    assert (told["due_at"], told["due_text"]) == (None, None)
    assert "原路退回" in told["cancel_text"]


@pytest.mark.parametrize("state", [State.DESCRIBING, State.PAYING, State.BOOKED])
async def test_whose_time_is_up_is_not_asked_for_anything_while_the_hospital_finds_out(
    hospital: Hospital, api: httpx.AsyncClient, database: Database, clock: Hands, state: State
) -> None:
    visit = await (await opened(hospital)).to(state)
    headers = await signed_in(database, clock, visit.person.account_id)
    due_at = datetime.fromisoformat((await api.get(f"/v1/revisits/{visit.id}", headers=headers)).json()["due_at"])
    clock.forward(seconds=(due_at - clock()).total_seconds() + 2)  # its step asks a HIS or a bank that is silent
    headers = await signed_in(database, clock, visit.person.account_id)

    told = (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=headers)).json()

    seen = told["revisit"]
    assert (seen["acts_next"], seen["under_way"], seen["allowed"]) == ("hospital", "已到时限，正在处理", [])
    assert (seen["due_at"], seen["due_text"], [one["pay_until"] for one in told["money"] if one["state"] == "open"]) in [
        (None, None, []),
        (None, None, [None]),
    ]


@pytest.mark.parametrize("body", [{"amount_fen": 1}, [1], "x"])
async def test_a_wish_without_parameters_takes_none(api: httpx.AsyncClient, database: Database, clock: Hands, body: object) -> None:
    _, headers = await patient_signed_in(database, clock)

    answer = await api.post("/v1/revisits/3f0e6a0e-0000-4000-8000-000000000001/cancel", json=body, headers=headers | key())

    assert (answer.status_code, answer.json()["code"]) == (400, "request.unexpected")
