"""What became of a text: by QuerySendDetails, and by a batch of reports that is sent until it is taken."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import caller, running, until
from tests.sandbox.doorbell import Doorbell, doorbell
from tests.sandbox.sms.sender import Sender
from tests.sandbox.sms.test_messages import TODAY

PHONE = "13933330001"


def code(number: int) -> bytes:
    """What a door of ours says; anything but 0 asks for the batch again."""
    return json.dumps({"code": number, "msg": ""}).encode()


def batch(bell: Doorbell) -> list[dict[str, Any]]:
    """The next one."""
    return json.loads(bell.next().body)


def batch_of(bell: Doorbell, out_id: str) -> list[dict[str, Any]]:
    """The next batch about that one alone."""
    while True:
        reports = batch(bell)
        if [one["out_id"] for one in reports] == [out_id]:
            return reports


@pytest.fixture(scope="module")
def bell() -> Generator[Doorbell]:
    with doorbell(usual=code(0), path="/webhooks/sms") as door:
        yield door


@pytest.fixture(scope="module")
def told(bell: Doorbell, tmp_path_factory: pytest.TempPathFactory) -> Generator[Sender]:
    """A sender whom a carrier tells, and again at once what was not taken."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SANDBOX_SMS_REPORT_URL", bell.url)
        environment.setenv("SANDBOX_SMS_REPORT_RETRY_S", "0.05,0.05,0.05")
        with running(tmp_path_factory.mktemp("reports")) as address, caller(address) as outside:
            yield Sender(outside.get("/credentials").json()["sms"], outside)


def detail(sender: Sender, phone: str) -> dict[str, Any]:
    """Of the newest text."""
    return sender.details(phone, TODAY)["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]


def reports(sender: Sender) -> list[dict[str, Any]]:
    return sender.http.get("/books/sms").json()["reports"]


def test_a_report_says_what_aliyuns_page_says(told: Sender, bell: Doorbell) -> None:
    sent = told.send(PHONE, OutId="m-1")

    [one] = batch(bell)

    assert [*one] == ["phone_number", "send_time", "report_time", "success", "err_code", "err_msg", "sms_size", "biz_id", "out_id"]
    assert (one["biz_id"], one["out_id"], one["phone_number"]) == (sent["BizId"], "m-1", PHONE)
    assert (one["success"], one["err_code"], one["sms_size"]) == (True, "DELIVERED", "1")
    assert len(one["report_time"]) == len("2017-01-01 00:00:00")
    until(lambda: reports(told)[-1]["delivered_at"])


def test_a_phone_that_is_off_never_gets_it(told: Sender, bell: Doorbell) -> None:
    phone = "13933330002"
    assert "手机已关机" in told.switches(phone, "off")
    told.send(phone, OutId="m-2")

    [one] = batch(bell)

    assert (one["success"], one["err_code"]) == (False, "MOBILE_NOT_ON_SERVICE")
    assert (detail(told, phone)["SendStatus"], detail(told, phone)["ErrCode"]) == (2, "MOBILE_NOT_ON_SERVICE")
    assert told.http.get(f"/sms/phones/{phone}/messages").json() == []
    assert "没有收到的短信" in told.http.get("/console", params={"phone": phone}).text

    told.switches(phone, "on")
    assert detail(told, phone)["SendStatus"] == 2, "given up is given up"


def test_nothing_is_said_of_a_phone_out_of_reach_until_it_is_back(told: Sender, bell: Doorbell) -> None:
    phone = "13933330003"
    told.switches(phone, "away")
    for number in ("m-3", "m-4"):
        told.send(phone, OutId=number)
    assert (detail(told, phone)["SendStatus"], detail(told, phone)["ReceiveDate"]) == (1, "")
    assert bell.came.empty()

    assert "2 条短信有了结果" in told.switches(phone, "on")

    assert [(one["out_id"], one["success"]) for one in batch(bell)] == [("m-3", True), ("m-4", True)]
    assert detail(told, phone)["SendStatus"] == 3
    assert len(told.http.get(f"/sms/phones/{phone}/messages").json()) == 2


@pytest.mark.parametrize("switch", [{"phone": PHONE, "state": "lost"}, {"phone": "12345", "state": "off"}])
def test_there_is_no_such_switch(told: Sender, switch: dict[str, str]) -> None:
    assert "没有改变" in told.switches(**switch)


def test_several_phones_are_told_in_one_batch(told: Sender, bell: Doorbell) -> None:
    told.send(f"{PHONE},13933330004", OutId="m-5")

    assert [one["phone_number"] for one in batch(bell)] == [PHONE, "13933330004"]


def test_what_is_not_taken_comes_three_times_more_and_by_hand(told: Sender, bell: Doorbell) -> None:
    bell.answers.extend([code(1)] * 4)
    told.send(PHONE, OutId="m-6")
    assert {batch(bell)[0]["out_id"] for _ in range(4)} == {"m-6"}
    until(lambda: reports(told)[-1]["due_at"] is None)
    assert (reports(told)[-1]["attempts"], reports(told)[-1]["delivered_at"]) == (4, None)
    assert bell.came.empty()

    assert told.http.post("/console/phones/report", data={"id": reports(told)[-1]["id"]}).status_code == 303

    assert batch(bell)[0]["out_id"] == "m-6"
    until(lambda: reports(told)[-1]["delivered_at"])


@pytest.mark.parametrize(("kind", "times", "attempts"), [("lost", 1, 2), ("duplicated", 2, 1), ("late", 1, 1)])
def test_a_report_may_be_lost_doubled_or_late(told: Sender, bell: Doorbell, kind: str, times: int, attempts: int) -> None:
    told.http.post("/faults", json={"system": "sms", "call": "NOTIFY report", "kind": kind, "seconds": 0.05}).raise_for_status()
    told.send(PHONE, OutId=kind)

    assert [batch(bell)[0]["out_id"] for _ in range(times)] == [kind] * times

    until(lambda: reports(told)[-1]["delivered_at"])
    assert reports(told)[-1]["attempts"] == attempts


def test_the_network_takes_its_time_and_nobody_is_told_where_no_address_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_SMS_REPORT_URL", raising=False)
    with running(tmp_path, sms_report_s=3600) as address, caller(address) as outside:
        sender = Sender(outside.get("/credentials").json()["sms"], outside)
        sender.send(PHONE, OutId="m-7")

        assert detail(sender, PHONE)["SendStatus"] == 1
        assert len(outside.get(f"/sms/phones/{PHONE}/messages").json()) == 1
        assert outside.get("/books/sms").json()["messages"][0]["status"] == 1
        assert reports(sender) == []
