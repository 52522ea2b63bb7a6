"""What a whole visit leaves in our logs: each call once, and of nobody a name, a phone, an ID number, an address or a text."""

import logging
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
import structlog
from structlog.typing import EventDict

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.his.port import HIS
from gateways.sms.aliyun import AliyunAccount, AliyunSMS
from gateways.sms.port import SMS
from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.port import WeChatPay
from gateways.wechat_pay.v3 import WeChatPayV3
from models.charge import Scene
from models.kernel import ids
from models.kernel.clock import business_day, now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.his.hospital import DOCTOR, Hospital, payment
from tests.gateways.his.prescription import a_prescription
from tests.gateways.his.test_record import a_record
from tests.gateways.wechat_pay.conftest import Cashier

NAME, PHONE, ADDRESS, CODE, OPENID = "欧阳若兰", "13900400001", "北京市海淀区西三旗桥东1号", "407391", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
LIMIT_S = 20.0
THEIRS = ("sandbox", "uvicorn")
"""Loggers of the other side, which runs in this process for the test's sake."""
PORTS = {"his": HIS, "wechat_pay": WeChatPay, "sms": SMS}
CALLS = {f"{party}.{call}" for party, port in PORTS.items() for call in vars(port) if not call.startswith("_")}


async def _visit(hospital: Hospital, id_number: str) -> None:
    """Every call of the port, for one person."""
    his = hospital.his
    person = await his.patient(id_number)
    assert person is not None
    patient, visit = person.ids[0], ids.new()
    await his.past_visits(person.ids, date(2020, 1, 1))
    await his.complete_patient(patient, phone=PHONE, address=ADDRESS)
    await his.departments()
    await his.doctors()
    await his.schedules((business_day(now()),))
    await his.schedule(hospital.morning)
    await his.slots((hospital.morning,))
    claim = ids.new()
    await his.release((await his.lock(claim, hospital.slot(), patient)).appointment_id)
    await his.find_lock(claim)
    lock, money = await his.lock(ids.new(), hospital.slot(), patient), payment()
    await his.bill(lock.invoice_id)
    await his.settle(lock.invoice_id, money)
    await his.settled(money.payment_no)
    await his.check_in(lock.appointment_id)
    encounter_id = await his.begin_encounter(visit, lock.appointment_id, patient, DOCTOR, now())
    await his.write_record(a_record(encounter_id, patient))
    await his.finish_encounter(encounter_id, now())
    await his.no_show((await hospital.booked()).appointment_id)
    await his.locks()
    await his.stopped((hospital.slot(),))
    await _prescribe(his, patient)
    left, refund_no = await hospital.booked(patient), ids.new().hex
    await his.check_in(left.appointment_id)
    await his.cancel_encounter(await his.begin_encounter(ids.new(), left.appointment_id, patient, DOCTOR, now()), now())
    await his.reverse(left.invoice_id, refund_no, left.fee_fen, "patient")
    await his.reversed(refund_no)


async def _prescribe(his: FhirHIS, patient: str) -> None:
    """For a visit that no HIS knows: refused, and as little is told of it as of all else."""
    number = ids.new()
    drug, *_ = await his.drugs()
    await his.past_prescriptions((patient,), date(2020, 1, 1))
    with pytest.raises(DomainError):
        await his.write_prescription(a_prescription(number, patient, drug))
    await his.find_prescription(number)
    await his.cancel_prescription(number)
    await his.dispensed(number)
    with pytest.raises(DomainError):
        await his.extend_prescription(number, now())
    with pytest.raises(Unknown):
        await his.price(number)


async def _pay(wechat_pay: WeChatPayV3, cashier: Cashier) -> None:
    """Ordered, paid and given back; and another order, closed."""
    paid, left, refund_no = ids.new().hex, ids.new().hex, ids.new().hex
    expires_at = now() + timedelta(minutes=10)
    for no, payer in ((paid, None), (left, OPENID)):
        scene, words = Scene.JSAPI if payer else Scene.NATIVE, f"{NAME}的线上复诊"
        await wechat_pay.order(no, scene=scene, amount_fen=5000, description=words, expires_at=expires_at, openid=payer)
    cashier.pay(paid).raise_for_status()
    await wechat_pay.query(paid)
    await wechat_pay.close(left)
    await wechat_pay.refund(refund_no, order_no=paid, amount_fen=5000, total_fen=5000, reason=f"{NAME}退号")
    await wechat_pay.query_refund(refund_no)


async def _tell(sms: AliyunSMS) -> None:
    await sms.send(number := ids.new(), PHONE, "SMS_SIGN_IN_CODE", {"code": CODE})
    await sms.sent(number, PHONE, now())


async def test_no_line_of_any_call_tells_who_it_was(
    outside: httpx.Client, credentials: dict[str, Any], fault: Callable[..., None], caplog: pytest.LogCaptureFixture, lines: list[EventDict]
) -> None:
    caplog.set_level(logging.DEBUG)
    his = FhirHIS(HisAccount(**credentials["his"]), limit_s=LIMIT_S)
    wechat_pay = WeChatPayV3(WeChatPayAccount(notify_url="http://127.0.0.1:9/pay", **credentials["wechat_pay"]), limit_s=LIMIT_S)
    sms = AliyunSMS(AliyunAccount(**credentials["sms"]), limit_s=LIMIT_S)
    hospital = Hospital(outside, his)
    person = hospital.patient(name=NAME, phone=None, address=None, encounters=[{"diagnosis": "肺结核"}])

    with structlog.contextvars.bound_contextvars(request_id="r-1", visit_id="v-1"):
        await _visit(hospital, person["id_number"])
        await _pay(wechat_pay, Cashier(outside))
        await _tell(sms)
        fault("his", "*", "lost", 0.01)
        with pytest.raises(Unknown):
            await his.patient(person["id_number"])
        fault("sms", "*", "lost", 0.01)
        with pytest.raises(Unknown):
            await _tell(sms)
        with pytest.raises(DomainError):
            await his.complete_patient(person["id"], phone=f"{PHONE}9", address=ADDRESS)
    for adapter in (his, wechat_pay, sms):
        await adapter.aclose()

    assert {line["event"] for line in lines} >= CALLS
    assert {"done", "refused", "unknown"} <= {line.get("outcome") for line in lines}
    told = str(lines) + "".join(record.getMessage() for record in caplog.records if record.name.partition(".")[0] not in THEIRS)
    secrets = [credentials["his"]["client_secret"], credentials["sms"]["access_key_secret"], credentials["wechat_pay"]["apiv3_key"]]
    for personal in (NAME, PHONE, ADDRESS, CODE, OPENID, person["id_number"], "肺结核", "王建国", *secrets):
        assert personal not in told
    passed_on = [record.getMessage() for record in caplog.records if record.name == "sandbox" and "r-1" in record.getMessage()]
    assert all("v-1" in line for line in passed_on)
    assert len(passed_on) > 30
