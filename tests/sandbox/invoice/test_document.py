"""What stands on the paper, read back by another library; the QR code; and amounts in capitals."""

import base64
import io
from typing import Any

import pytest
from pypdf import PdfReader

from sandbox.invoice.document import capitals
from tests.sandbox.invoice.hospital import ISSUE, UNDO, Hospital


def paper(hospital: Hospital, answer: dict[str, Any]) -> str:
    picture = hospital.http.get(answer["pictureUrl"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "application/pdf")
    assert hospital.http.get(answer["pictureUrl"]).content == picture.content, "the same bill, the same bytes"
    [page] = PdfReader(io.BytesIO(picture.content)).pages
    return page.extract_text()


def test_the_paper_tells_all_of_a_bill(hospital: Hospital) -> None:
    asked = hospital.bill("12.34", fund="30.00", account="7.66")
    bill = hospital.done(ISSUE, asked)

    told = paper(hospital, bill)

    for said in (
        f"票据代码：{bill['billBatchCode']}",
        f"票据号码：{bill['billNo']}",
        f"校验码：{bill['random']}",
        f"开票日期：{bill['createTime'][:4]}-{bill['createTime'][4:6]}-{bill['createTime'][6:8]}",
        "交款人：张秀英",
        f"业务流水号：{asked['busNo']}",
        "医事服务费",
        "伍拾元整",
        "（小写）：50.00",
        "医保基金支付：30.00",
        "个人账户支付：7.66",
        "个人现金支付：12.34",
        "无财政监制章",
    ):
        assert said in told, said


def test_a_red_one_says_what_it_undoes_and_why(hospital: Hospital) -> None:
    bill = hospital.done(ISSUE, hospital.bill())
    red = hospital.done(UNDO, hospital.undoing(bill, reason="退号退费"))

    told = paper(hospital, red)

    for said in (
        "红票",
        bill["billNo"],
        "冲红原因：退号退费",
        "负伍拾元整",
        "（小写）：-50.00",
        "个人现金支付：-50.00",
        "医保基金支付：0.00",
    ):
        assert said in told, said


def test_nobody_guesses_the_address_of_a_bill(hospital: Hospital) -> None:
    bill = hospital.done(ISSUE, hospital.bill())

    assert hospital.http.get(bill["pictureUrl"][:-1]).status_code == 404


def test_the_qr_code_is_a_picture(hospital: Hospital) -> None:
    bill = hospital.done(ISSUE, hospital.bill())

    assert base64.b64decode(bill["billQRCode"], validate=True).startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    ("fen", "said"),
    [
        (1, "壹分"),
        (10, "壹角"),
        (105, "壹元零伍分"),
        (5000, "伍拾元整"),
        (105030, "壹仟零伍拾元叁角"),
        (1000000, "壹万元整"),
        (1000100, "壹万零壹元整"),
        (10203045, "壹拾万贰仟零叁拾元肆角伍分"),
        (100000000, "壹佰万元整"),
        (10000000000, "壹亿元整"),
        (10000000001, "壹亿元零壹分"),
    ],
)
def test_amounts_in_capitals(fen: int, said: str) -> None:
    assert capitals(fen) == said
