"""A bill as a PDF for people: what the 财政 form shows, with the QR code for who verifies it. The legal original is XML with a seal.

The Chinese font is one that every viewer has by name (STSong-Light of the Adobe GB1 collection): no font file is needed, and none embedded.
"""

import io
import json
import sqlite3
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A5, landscape
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from sandbox.invoice.issuer import ten

_FONT: Final = "STSong-Light"
_INK, _RED, _LINE = HexColor("#1d2733"), HexColor("#b3261e"), HexColor("#9aa5b1")
_WIDTH, _HEIGHT = landscape(A5)
_LEFT, _RIGHT = 14 * mm, _WIDTH - 14 * mm
_DIGITS, _UNITS = "零壹贰叁肆伍陆柒捌玖", ("", "拾", "佰", "仟")


def qr_png(bill: sqlite3.Row) -> bytes:
    """The picture that is verified: code, number, check code, date and amount, as the national platform asks for them [G]."""
    day = datetime.fromisoformat(bill["issued_at"])
    told = f"01,{bill['code']},{ten(bill['number'])},{bill['check_code']},{day:%Y%m%d},{_yuan(bill['total_fen'])}"
    picture = io.BytesIO()
    segno.make(told, error="m").save(picture, kind="png", scale=4, border=2)
    return picture.getvalue()


def pdf(bill: sqlite3.Row, undone: sqlite3.Row | None) -> bytes:
    """One page; the same bill gives the same bytes. `undone` is the bill that a red one undoes."""
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))  # pyright: ignore[reportUnknownMemberType]
    told: dict[str, Any] = json.loads(bill["told"])
    page = io.BytesIO()
    sheet: Any = Canvas(page, pagesize=(_WIDTH, _HEIGHT), invariant=1)
    sheet.setTitle(f"{bill['code']}-{ten(bill['number'])}")
    _head(sheet, bill, told, undone)
    bottom = _items(sheet, bill, told, _HEIGHT - 62 * mm)
    _foot(sheet, bill, told, bottom)
    sheet.showPage()
    sheet.save()
    return page.getvalue()


def _head(sheet: Any, bill: sqlite3.Row, told: dict[str, Any], undone: sqlite3.Row | None) -> None:
    title = "北京市医疗门诊收费票据（电子）" + ("（红票）" if undone is not None else "")
    sheet.setFillColor(_INK if undone is None else _RED)
    sheet.setFont(_FONT, 16)
    sheet.drawCentredString(_WIDTH / 2, _HEIGHT - 18 * mm, title)
    sheet.drawImage(ImageReader(io.BytesIO(qr_png(bill))), _RIGHT - 24 * mm, _HEIGHT - 36 * mm, 24 * mm, 24 * mm)
    sheet.setFillColor(_INK)
    day = datetime.fromisoformat(bill["issued_at"])
    _lines(
        sheet,
        _HEIGHT - 27 * mm,
        (f"票据代码：{bill['code']}", f"票据号码：{ten(bill['number'])}"),
        (f"校验码：{bill['check_code']}", f"开票日期：{day:%Y-%m-%d}"),
        (f"交款人：{told['payer']}", f"门诊号：{told['patientNo']}"),
        (f"就诊日期：{told['consultationDate']}", f"业务流水号：{told['busNo']}"),
    )
    if undone is not None:
        sheet.setFillColor(_RED)
        said = f"冲红票据：{undone['code']} {ten(undone['number'])}    冲红原因：{bill['reason']}"
        sheet.drawString(_LEFT, _HEIGHT - 55 * mm, said)
        sheet.setFillColor(_INK)


def _lines(sheet: Any, top: float, *rows: tuple[str, str]) -> None:
    sheet.setFont(_FONT, 10)
    for at, (left, right) in enumerate(rows):
        sheet.drawString(_LEFT, top - at * 6.5 * mm, left)
        sheet.drawString(_LEFT + 62 * mm, top - at * 6.5 * mm, right)


def _items(sheet: Any, bill: sqlite3.Row, told: dict[str, Any], top: float) -> float:
    sheet.setStrokeColor(_LINE)
    sheet.line(_LEFT, top + 5 * mm, _RIGHT, top + 5 * mm)
    for at, text in ((_LEFT, "项目名称"), (_LEFT + 70 * mm, "数量/单位")):
        sheet.drawString(at, top, text)
    sheet.drawRightString(_RIGHT, top, "金额（元）")
    for row in told["chargeDetail"]:
        top -= 6.5 * mm
        sheet.drawString(_LEFT, top, row["chargeName"])
        sheet.drawString(_LEFT + 70 * mm, top, f"{Decimal(row['number']):f}{row['unit']}")
        sheet.drawRightString(_RIGHT, top, _signed(bill, int(Decimal(row["amt"]) * 100)))
    sheet.line(_LEFT, top - 3 * mm, _RIGHT, top - 3 * mm)
    return top - 9 * mm


def _foot(sheet: Any, bill: sqlite3.Row, told: dict[str, Any], top: float) -> None:
    minus = "负" if bill["undoes"] is not None else ""
    sheet.drawString(_LEFT, top, f"金额合计（大写）：{minus}{capitals(bill['total_fen'])}")
    sheet.drawRightString(_RIGHT, top, f"（小写）：{_signed(bill, bill['total_fen'])}")
    parts = (("医保基金支付", "fund_fen"), ("个人账户支付", "account_fen"), ("个人现金支付", "cash_fen"))
    for at, (label, column) in enumerate(parts):
        sheet.drawString(_LEFT + at * 60 * mm, top - 7 * mm, f"{label}：{_signed(bill, bill[column])}")
    sheet.drawString(_LEFT, top - 16 * mm, f"收款单位：{told['payee']}")
    sheet.drawString(_LEFT + 90 * mm, top - 16 * mm, f"开票人：{told['author']}")
    sheet.setFillColor(_LINE)
    sheet.setFont(_FONT, 8)
    sheet.drawString(_LEFT, 10 * mm, "演示票据，由沙箱开具，无财政监制章，不作报销凭证。")


def _signed(bill: sqlite3.Row, fen: int) -> str:
    return ("-" if bill["undoes"] is not None and fen else "") + _yuan(fen)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def capitals(fen: int) -> str:
    """An amount in words that cannot be altered: 1050.30 yuan is 壹仟零伍拾元叁角."""
    yuan, jiao, cent = fen // 100, fen // 10 % 10, fen % 10
    said = f"{_integer(yuan)}元" if yuan else ""
    if not jiao and not cent:
        return f"{said or '零元'}整"
    middle = f"{_DIGITS[jiao]}角" if jiao else ("零" if yuan else "")
    return said + middle + (f"{_DIGITS[cent]}分" if cent else "")


def _integer(number: int) -> str:
    groups: list[str] = []
    for unit in ("", "万", "亿", "万亿"):
        number, group = divmod(number, 10000)
        groups.append(f"{_group(group)}{unit}" if group else "零")
        if not number:
            break
    said = "".join(reversed(groups))
    while "零零" in said:
        said = said.replace("零零", "零")
    return said.strip("零")


def _group(group: int) -> str:
    digits = f"{group:04d}"
    said = "".join(_DIGITS[int(digit)] + (_UNITS[3 - at] if digit != "0" else "") for at, digit in enumerate(digits))
    while "零零" in said:
        said = said.replace("零零", "零")
    return said.rstrip("零")
