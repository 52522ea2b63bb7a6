"""The sandbox's own pages: one visit that was paid and given back over the real wires, and a stranger's payment."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, time, timedelta

import httpx
import pytest
import pytest_asyncio

from models.kernel.clock import SHANGHAI, now
from tests.auditor import Kind
from tests.auditor.hospital import AT, FEE_FEN, UNIT, Hospital, Visit
from tests.auditor.outside import Outside
from tests.auditor.wax import KEY, KEY_ID, VAULT
from tests.auditor.wire import connect
from tests.database import Server
from tests.house.rooms import HOUSE
from tests.sandbox.conftest import running
from tests.sandbox.his.client import Client, Json, a_payment, a_refund, invoice_of
from tests.sandbox.invoice.hospital import ISSUE, UNDO
from tests.sandbox.invoice.hospital import Hospital as Customer
from tests.sandbox.sms.sender import Sender
from tests.sandbox.wechat_pay.merchant import Merchant

PHONE = "13800000000"
PAYER = "测试患者0"
"""Whom the HIS's own desk registered."""


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox of this file's own: the auditor reads all of its books."""
    with running(tmp_path_factory.mktemp("outside")) as address:
        yield address


@pytest.fixture
def merchant(sandbox_url: str) -> Iterator[Merchant]:
    with httpx.Client(base_url=sandbox_url, trust_env=False) as http:
        yield Merchant(http.get("/credentials").json()["wechat_pay"], http)


@pytest_asyncio.fixture
async def his(sandbox_url: str) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(base_url=sandbox_url, trust_env=False) as http:
        keys = (await http.get("/credentials")).json()["his"]
        client = Client(http)
        await client.sign_in(keys["client_id"], keys["client_secret"])
        yield client


@pytest_asyncio.fixture
async def hospital(server: Server, sandbox_url: str) -> AsyncIterator[Hospital]:
    """Our books, and in place of the pages written by hand the sandbox's own."""
    async with server.clone() as database_url:
        wire = await connect(database_url)
        opened = Hospital(wire, database_url, Outside(), sandbox_url)
        await opened.open()
        yield opened
        await wire.close()


async def test_the_sandboxs_own_pages_agree_with_books_that_tell_the_same(hospital: Hospital, his: Client, merchant: Merchant) -> None:
    visit = await hospital.visit("cancelled")
    refund_id = await hospital.given_back(visit, "requested", "cleared", "accepted", "arrived")
    said = {"amount": "50.00"}
    message_id = await hospital.message(visit, "refund_arrived", phone=PHONE, params=said)
    transaction_id = _paid_and_refunded(merchant, visit, refund_id.hex)
    booked = await _settled_and_reversed(his, visit, transaction_id, refund_id.hex)
    keys = (await his.http.get("/credentials")).json()
    sender = Sender(keys["sms"], merchant.http)
    sent = sender.send(PHONE, "SMS_REFUND_ARRIVED", OutId=message_id.hex, TemplateParam=json.dumps(said))
    await _billed_and_undone(hospital, visit, Customer(keys["invoice"], merchant.http))

    await _told_to_us(hospital, visit, booked, transaction_id, sent["BizId"])

    assert await hospital.audit() == []

    stranger = merchant.paid(total=700)

    found = {one.kind: one for one in await hospital.audit()}
    assert set(found) == {Kind.MONEY_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK}
    assert f"order={stranger}" in found[Kind.MONEY_UNKNOWN].about


async def test_in_a_terminal(hospital: Hospital, merchant: Merchant) -> None:
    """It prints what differs and ends with 1."""
    stranger = merchant.paid(total=700)
    command = ("-m", "tests.auditor", "--database-url", hospital.database_url, "--sandbox-url", hospital.sandbox_url)

    environ = os.environ | {"FUZHEN_COLUMN_KEYS": json.dumps({KEY_ID: KEY})}
    told = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE, cwd=HOUSE, env=environ)
    printed, _ = await told.communicate()

    assert told.returncode == 1
    assert f"order={stranger}" in printed.decode()
    assert "the bank took money that our books do not know" in printed.decode()


def _paid_and_refunded(merchant: Merchant, visit: Visit, refund_no: str) -> str:
    """Over the bank's wire; answers the transaction's number."""
    assert merchant.place("native", merchant.order(visit.order_id.hex)).is_success
    transaction_id: str = merchant.pay(visit.order_id.hex).json()["transaction_id"]
    assert merchant.refund(merchant.a_refund(visit.order_id.hex, out_refund_no=refund_no)).is_success
    assert merchant.end_refund(refund_no, "SUCCESS").is_success
    return transaction_id


async def _settled_and_reversed(his: Client, visit: Visit, transaction_id: str, refund_no: str) -> Json:
    """Over the HIS's wire; answers the appointment."""
    starts = datetime.combine(now().date() + timedelta(days=1), time(9), SHANGHAI)
    unit = f"sch-wangjianguo-{starts:%Y%m%d}-morning"
    place = {"schedule": unit, "start": starts.isoformat(), "end": (starts + timedelta(hours=1)).isoformat(), "capacity": 1}
    opened = (await his.http.post("/his/desk/slots", json=place)).json()
    [patient] = await his.patients(1)
    booked = (await his.lock(visit.claim_id.hex, opened["id"], patient)).json()
    payment = a_payment(visit.charge_id.hex)
    next(one for one in payment["parameter"] if one["name"] == "channelNo")["valueString"] = transaction_id
    assert (await his.settle(invoice_of(booked)["id"], payment)).is_success
    assert (await his.reverse(invoice_of(booked)["id"], a_refund(refund_no))).is_success
    return booked


async def _billed_and_undone(hospital: Hospital, visit: Visit, customer: Customer) -> None:
    """Over the issuer's wire, whose numbers are then ours."""
    [row] = await hospital.wire.fetch("select id from invoice where number is not null")
    wish = customer.bill(busNo=row["id"].hex, payer=PAYER, patientNo=visit.id.hex)
    wish["chargeDetail"][0]["chargeCode"] = "0101"
    bill = customer.done(ISSUE, wish)
    red = customer.done(UNDO, customer.undoing(bill))
    numbers = [bill[name] for name in ("billBatchCode", "billNo", "random")]
    numbers += [red[f"eScarlet{name}"] for name in ("BillBatchCode", "BillNo", "Random")]
    told = "code = $2, number = $3, check_code = $4, red_code = $5, red_number = $6, red_check_code = $7"
    await hospital.do(f"update invoice set {told} where id = $1", row["id"], *numbers)


async def _told_to_us(hospital: Hospital, visit: Visit, booked: Json, transaction_id: str, receipt: str) -> None:
    """The numbers that the outside gave."""
    slot_id, invoice_id = booked["slot"][0]["reference"].partition("/")[2], invoice_of(booked)["id"]
    place = {"capacity": 1, "taken": 0, "his_remaining": 1, "fee_fen": FEE_FEN, "state": "open", "version": "1"}
    await hospital.insert("slot", id=slot_id, schedule_id=UNIT, starts_at=AT, ends_at=AT, synced_at=AT, **place)
    await hospital.do("update booking set slot_id = $1, appointment_id = $2, invoice_id = $3", slot_id, booked["id"], invoice_id)
    await hospital.do("update charge set invoice_id = $1 where id = $2", invoice_id, visit.charge_id)
    await hospital.do("update payment set transaction_id = $1", transaction_id)
    await hospital.do("update message set receipt = $1", receipt)
    [patient_id] = [id for one in booked["participant"] for kind, _, id in [one["actor"]["reference"].partition("/")] if kind == "Patient"]
    await hospital.do("update revisit set his_patient_id = $1, slot_id = $2", patient_id, slot_id)
    async with httpx.AsyncClient(base_url=hospital.sandbox_url, trust_env=False) as http:
        [card] = [one for one in (await http.get("/books/his")).json()["patients"] if one["id"] == patient_id]
    assert card["name"] == PAYER
    values = [VAULT.seal(f"patient.{column}", visit.id, card[column]) for column in ("name", "id_number")]
    known = "update patient set name = $1, id_number = $2, birth_on = $3, his_ids = $4"
    await hospital.do(known, *values, date.fromisoformat(card["birth_on"]), json.dumps([patient_id]))
