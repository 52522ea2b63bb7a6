"""What is sent arrives, rendered from an approved text, and can be asked for again."""

import json
import re

import pytest

from sandbox import clock
from tests.sandbox.sms.sender import Sender

TODAY = clock.now().strftime("%Y%m%d")


def test_a_code_arrives_on_the_phone(sender: Sender) -> None:
    sent = sender.send("13911110001", OutId="message-1")
    assert (sent["Code"], sent["Message"]) == ("OK", "OK")
    [message] = sender.http.get("/sms/phones/13911110001/messages").json()
    assert message["text"] == "【互联网医院】您的验证码是123456，5分钟内有效，请勿告诉他人。"
    assert (message["out_id"], message["biz_id"], message["template_code"]) == ("message-1", sent["BizId"], "SMS_SIGN_IN_CODE")
    assert message in sender.http.get("/books/sms").json()["messages"]


def test_what_was_sent_can_be_asked_for_by_day_and_by_number(sender: Sender) -> None:
    first, second = sender.send("+8613911110002", OutId="m-1"), sender.send("13911110002", OutId="m-2")

    found = sender.details("13911110002", TODAY)
    assert (found["Code"], found["TotalCount"]) == ("OK", 2)
    details = found["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    assert [one["OutId"] for one in details] == ["m-2", "m-1"]
    assert {one["SendStatus"] for one in details} == {3}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", details[0]["ReceiveDate"])
    assert {"PhoneNum", "TemplateCode", "Content", "SendDate", "ErrCode"} <= details[0].keys()

    by_biz_id = sender.details("13911110002", TODAY, BizId=first["BizId"])["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    assert [one["OutId"] for one in by_biz_id] == ["m-1"]
    page_2 = sender.details("13911110002", TODAY, PageSize="1", CurrentPage="2")
    assert (page_2["TotalCount"], page_2["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]["OutId"]) == (2, "m-1")
    assert sender.details("13911110002", "20200101")["TotalCount"] == 0
    assert second["BizId"] != first["BizId"]


@pytest.mark.parametrize(
    ("phone", "changes", "code"),
    [
        ("12345", {}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ("13911110003,12345", {}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ("13911110003", {"SignName": "别的医院"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ("13911110003", {"TemplateCode": "SMS_000"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ("13911110003", {"TemplateParam": "{}"}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ("13911110003", {"TemplateParam": '{"code":""}'}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ("13911110003", {"TemplateParam": "code=1"}, "isv.INVALID_JSON_PARAM"),
        ("13911110003", {"TemplateParam": '["1"]'}, "isv.INVALID_JSON_PARAM"),
    ],
)
def test_a_refusal_is_an_answer_whose_code_is_not_ok(sender: Sender, phone: str, changes: dict[str, str], code: str) -> None:
    refused = sender.send(phone, **changes)
    assert refused["Code"] == code
    assert "BizId" not in refused
    assert sender.http.get("/sms/phones/13911110003/messages").json() == []


def test_what_is_missing_is_named(sender: Sender) -> None:
    refused = sender.call("SendSms", {"PhoneNumbers": "13911110004"})
    assert (refused.status_code, refused.json()["Code"]) == (400, "MissingSignName")
    refused = sender.call("QuerySendDetails", {"PhoneNumber": "13911110004", "SendDate": TODAY, "CurrentPage": "1", "PageSize": "51"})
    assert (refused.status_code, refused.json()["Code"]) == (400, "InvalidPageSize")


def test_a_text_with_chinese_values_is_signed_and_rendered_whole(sender: Sender) -> None:
    values = {"time": "11月25日 上午9:30 + 预留", "department": "呼吸内科一*区~"}
    sender.send("13911110005", "SMS_REVISIT_BOOKED", TemplateParam=json.dumps(values, ensure_ascii=False))
    [message] = sender.http.get("/sms/phones/13911110005/messages").json()
    assert message["text"] == "【互联网医院】您预约的线上就诊已成功：11月25日 上午9:30 + 预留，呼吸内科一*区~。请当日在线报到。"


def test_several_phones_share_one_number_of_sending(sender: Sender) -> None:
    sent = sender.send("13911110006,13911110007", "SMS_REVISIT_ENDED")
    inboxes = [sender.http.get(f"/sms/phones/{phone}/messages").json() for phone in ("13911110006", "13911110007")]
    assert [message["biz_id"] for [message] in inboxes] == [sent["BizId"]] * 2
