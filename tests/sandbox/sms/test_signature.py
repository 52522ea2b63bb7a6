"""Only whoever holds the access key gets in, each signed call once."""

import pytest

from sandbox.sms.signature import canonical_query, sign
from tests.sandbox.sms.sender import Sender

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
QUERY = {"PhoneNumber": "13800001111", "SendDate": "20260101", "PageSize": "1", "CurrentPage": "1"}


def test_the_worked_example_of_aliyuns_own_page_comes_out() -> None:
    """The outside oracle: request, key and result are printed in the documentation of the V3 signature."""
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": EMPTY_SHA256,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = canonical_query({"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"})
    signature = sign(
        "YourAccessKeySecret", method="POST", query=query, headers=headers, signed_headers=sorted(headers), body_sha256=EMPTY_SHA256
    )
    assert signature == "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"


def test_a_wrong_key_sends_nothing(sender: Sender) -> None:
    params = {"PhoneNumbers": "13900000001", "SignName": sender.keys["sign_name"], "TemplateCode": "SMS_REVISIT_ENDED"}
    refused = sender.call("SendSms", params, secret="somebody else's")
    assert (refused.status_code, refused.json()["Code"]) == (400, "SignatureDoesNotMatch")
    assert sender.http.get("/sms/phones/13900000001/messages").json() == []


def test_a_signed_call_gets_in_once(sender: Sender) -> None:
    said = {"x_acs_signature_nonce": "nonce-of-the-test-that-comes-twice"}
    first, second = sender.call("QuerySendDetails", QUERY, **said), sender.call("QuerySendDetails", QUERY, **said)
    assert (first.status_code, second.status_code, second.json()["Code"]) == (200, 400, "SignatureNonceUsed")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"x_acs_date": "2020-01-01T00:00:00Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": "today"}, 400, "InvalidTimeStamp.Format"),
        ({"x_acs_content_sha256": "0" * 64}, 400, "SignatureDoesNotMatch"),
        ({"x_acs_version": "2016-01-01"}, 400, "InvalidVersion"),
        ({"x_acs_action": "SendEverything"}, 404, "InvalidAction.NotFound"),
    ],
)
def test_a_stale_or_odd_call_is_refused(sender: Sender, said: dict[str, str], status: int, code: str) -> None:
    refused = sender.call("QuerySendDetails", QUERY, **said)
    assert (refused.status_code, refused.json()["Code"]) == (status, code)


def test_unsigned_and_foreign_calls_are_refused(sender: Sender) -> None:
    unsigned = sender.http.post("/sms/", headers={"x-acs-action": "SendSms"})
    assert (unsigned.status_code, unsigned.json()["Code"]) == (400, "IncompleteSignature")
    foreign = Sender(sender.keys | {"access_key_id": "LTAI0000"}, sender.http).call("QuerySendDetails", QUERY)
    assert (foreign.status_code, foreign.json()["Code"]) == (404, "InvalidAccessKeyId.NotFound")
